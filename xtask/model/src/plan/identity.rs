//! What the packages of a build are called, and which version they have.

use crate::lock::{InputRole, RecipeLock};
use crate::names::VersionSuffix;
use crate::recipe::{PackageFormat, Recipe};
use crate::source::LockedSource;

/// The version of a build's packages, the release that its kernel tells, and its clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The upstream part of the packages' version.
    pub version: String,
    /// The rest of it: the revision of a `.deb`, the release of an `.rpm`.
    pub revision: String,
    /// What the kernel's own version is followed by in what `uname -r` prints (`CONFIG_LOCALVERSION`).
    pub local_version: String,
    /// The clock of the build, in seconds since 1970: its source's.
    pub timestamp: u64,
}

impl Identity {
    /// What a recipe with this lock builds, or with a developer's own source in place of the lock's; `None` where
    /// neither holds a source.
    pub fn of(
        recipe: &Recipe,
        lock: Option<&RecipeLock>,
        own: Option<&LockedSource>,
    ) -> Option<Self> {
        let package = lock.and_then(|lock| lock.input(InputRole::Source));
        let source = own.or_else(|| lock?.source.as_ref());
        // A package keeps its version, patched or not.
        if let Some(package) = package.filter(|_| own.is_none()) {
            let of_package = Named::package(&package.package.version, recipe.revision);
            return Some(of_package.identity(recipe, package.timestamp));
        }
        let source = source?;
        let named = Named::source(source, own.is_some(), recipe.revision)?;
        Some(named.identity(recipe, source.timestamp))
    }

    /// The whole version, as dpkg and rpm write it.
    pub fn full(&self) -> String {
        format!("{}-{}", self.version, self.revision)
    }
}

/// What tells a kernel from others, in an order that older ones come before newer.
struct Named {
    /// The kernel's version, as packages write it.
    kernel: String,
    /// What tells it from others of the same version, with the mark that each has in a `.deb`.
    marks: Vec<(&'static str, String)>,
    /// The revision that a distribution's package has already.
    packaged: Option<String>,
    revision: u32,
}

impl Named {
    /// `6.12.107-1`, the version of a package of the source, with an epoch or without.
    fn package(version: &str, revision: u32) -> Self {
        let version = version.split_once(':').map_or(version, |(_, rest)| rest);
        let (kernel, packaged) = match version.rsplit_once('-') {
            Some((kernel, packaged)) => (kernel, Some(packaged.to_owned())),
            None => (version, None),
        };
        Self {
            kernel: kernel.to_owned(),
            marks: Vec::new(),
            packaged,
            revision,
        }
    }

    fn source(source: &LockedSource, own: bool, revision: u32) -> Option<Self> {
        let mut marks = Vec::new();
        match (source.mptcp, &source.git) {
            (Some(release), _) => marks.push(("mptcp", release.to_string())),
            (None, Some(git)) => {
                let text = format!("{}.{}", date(source.timestamp)?, git.commit.short());
                marks.push(("git", text));
            }
            (None, None) => {}
        }
        if own {
            marks.push(("local.", source.tree.short()));
        }
        Some(Self {
            kernel: source.kernel.debian(),
            marks,
            packaged: None,
            revision,
        })
    }

    fn identity(&self, recipe: &Recipe, timestamp: u64) -> Identity {
        let suffix = &recipe.version_suffix;
        match recipe.target.format {
            PackageFormat::Deb => Identity {
                version: self.debian_version(),
                revision: self.debian_revision(),
                local_version: suffix.to_string(),
                timestamp,
            },
            PackageFormat::Rpm => Identity {
                version: self.kernel.clone(),
                revision: self.rpm_release(),
                local_version: self.rpm_local_version(suffix),
                timestamp,
            },
        }
    }

    fn debian_version(&self) -> String {
        let marks = self.marks.iter();
        let marks = marks.map(|(mark, text)| format!("+{mark}{text}"));
        let marks: String = marks.collect();
        let ours = match self.packaged {
            Some(_) => String::new(),
            None => marks,
        };
        format!("{}{ours}", self.kernel)
    }

    fn debian_revision(&self) -> String {
        match &self.packaged {
            Some(packaged) => format!("{packaged}+mptcp{}", self.revision),
            None => self.revision.to_string(),
        }
    }

    /// All that is not the kernel's version is in the release. rpm puts `1^1` behind `1` and before `1+deb13u1^1`
    /// and `2^1`, so that what counts less comes last.
    fn rpm_release(&self) -> String {
        let own = self.marks.iter().any(|(mark, _)| *mark == "local.");
        // A release of uname has 64 characters at the most, and a tree's digest says it all.
        let marks = self
            .marks
            .iter()
            .filter(|(mark, _)| !own || *mark == "local.");
        let marks = marks.map(|(mark, text)| match *mark {
            "local." => format!("local.{text}"),
            _ => text.clone(),
        });
        let parts: Vec<_> = self.packaged.iter().cloned().chain(marks).collect();
        match &parts[..] {
            [] => self.revision.to_string(),
            parts => format!("{}^{}", parts.join("."), self.revision),
        }
    }

    /// Several packages of one name live side by side, so each has modules of its own, below a release of its own.
    /// In a dependency a version has one hyphen only, so ours is the only one.
    fn rpm_local_version(&self, suffix: &VersionSuffix) -> String {
        let plain = |text: &str| -> String {
            let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '.' };
            text.chars().map(plain).collect()
        };
        format!("-{}{}", plain(&self.rpm_release()), plain(suffix.as_str()))
    }
}

/// The day of a moment, as it stands in versions: 20260131.
fn date(timestamp: u64) -> Option<String> {
    let time = jiff::Timestamp::from_second(i64::try_from(timestamp).ok()?).ok()?;
    Some(time.strftime("%Y%m%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(version: &str) -> Named {
        Named::package(version, 1)
    }

    fn marked(mark: &'static str, text: &str, revision: u32) -> Named {
        Named {
            kernel: "6.18~rc3".to_owned(),
            marks: vec![(mark, text.to_owned())],
            packaged: None,
            revision,
        }
    }

    fn debian(named: &Named) -> String {
        format!("{}-{}", named.debian_version(), named.debian_revision())
    }

    #[test]
    fn a_package_keeps_its_version() {
        let plain = package("6.12.107-1");
        assert_eq!(debian(&plain), "6.12.107-1+mptcp1");
        assert_eq!(plain.rpm_release(), "1^1");
        let suffix = "-mptcp-vm".parse().unwrap();
        assert_eq!(plain.rpm_local_version(&suffix), "-1.1.mptcp.vm");
        let backport = package("1:6.12.117-1~deb12u1");
        assert_eq!(debian(&backport), "6.12.117-1~deb12u1+mptcp1");
        assert_eq!(backport.rpm_release(), "1~deb12u1^1");
        assert_eq!(backport.rpm_local_version(&suffix), "-1.deb12u1.1.mptcp.vm");
    }

    #[test]
    fn other_sources_are_told_apart() {
        let release = marked("mptcp", "0.95.2", 2);
        assert_eq!(debian(&release), "6.18~rc3+mptcp0.95.2-2");
        assert_eq!(release.rpm_release(), "0.95.2^2");
        let commit = marked("git", "20260101.0123456789ab", 1);
        assert_eq!(debian(&commit), "6.18~rc3+git20260101.0123456789ab-1");
        assert_eq!(commit.rpm_release(), "20260101.0123456789ab^1");
        let mut own = marked("mptcp", "0.96", 1);
        own.marks.push(("local.", "0123456789ab".to_owned()));
        assert_eq!(debian(&own), "6.18~rc3+mptcp0.96+local.0123456789ab-1");
        assert_eq!(own.rpm_release(), "local.0123456789ab^1");
        let bare = Named {
            marks: Vec::new(),
            ..own
        };
        assert_eq!(debian(&bare), "6.18~rc3-1");
        assert_eq!(bare.rpm_release(), "1");
    }
}
