//! Versions of Linux, and releases of out-of-tree MPTCP.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A version of Linux, such as 4.19.234 or 6.19.0-rc3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KernelVersion {
    /// `VERSION`, `PATCHLEVEL` and `SUBLEVEL` of the `Makefile`.
    numbers: [u16; 3],
    /// `EXTRAVERSION`, such as `-rc3`.
    extra: String,
}

/// A release of out-of-tree MPTCP, such as 0.95 or 0.95.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MptcpRelease {
    /// The series.
    pub series: Series,
    /// The release in the series; `None` for its first, or where any is meant.
    pub point: Option<u16>,
}

/// The series of out-of-tree MPTCP that this project builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    /// v0.94, on Linux 4.14.
    V94,
    /// v0.95, on Linux 4.19.
    V95,
    /// v0.96, on Linux 5.4.
    V96,
}

/// A text that is no version.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is no {what}")]
pub struct MalformedVersion {
    text: String,
    what: &'static str,
}

fn malformed(text: &str, what: &'static str) -> MalformedVersion {
    let text = text.chars().take(80).collect();
    MalformedVersion { text, what }
}

impl KernelVersion {
    /// Reads `VERSION`, `PATCHLEVEL`, `SUBLEVEL` and `EXTRAVERSION` from the beginning of the `Makefile` of
    /// a tree.
    ///
    /// # Errors
    /// They are not there, or no version.
    pub fn of_makefile(makefile: &str) -> Result<Self, MalformedVersion> {
        let value = |name: &str| {
            let mut values = makefile.lines().filter_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == name).then(|| value.trim())
            });
            values.next().unwrap_or_default()
        };
        let text = format!(
            "{}.{}.{}{}",
            value("VERSION"),
            value("PATCHLEVEL"),
            value("SUBLEVEL"),
            value("EXTRAVERSION")
        );
        text.parse()
    }

    /// Version and patch level, by which kernels are told apart: 4.19 of 4.19.234.
    pub fn series(&self) -> (u16, u16) {
        (self.numbers[0], self.numbers[1])
    }

    /// The version of a Debian package of this kernel: `~rc1` comes before the release.
    pub fn debian(&self) -> String {
        let [version, patch, sub] = self.numbers;
        let extra = self.extra.replacen('-', "~", 1);
        format!("{version}.{patch}.{sub}{extra}")
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [version, patch, sub] = self.numbers;
        write!(formatter, "{version}.{patch}.{sub}{}", self.extra)
    }
}

impl FromStr for KernelVersion {
    type Err = MalformedVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || malformed(text, "version of Linux");
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (numbers, extra) = text.split_at(end);
        let mut parsed = numbers.split('.').map(str::parse);
        let mut next = || parsed.next()?.ok();
        let numbers = [next(), next(), next()];
        let [Some(version), Some(patch), Some(sub)] = numbers else {
            return Err(error());
        };
        // It becomes a part of file names and package versions.
        let fits = extra.len() <= 40
            && extra.strip_prefix('-').is_none_or(|rest| !rest.is_empty())
            && extra
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c));
        if !fits || parsed.next().is_some() {
            return Err(error());
        }
        Ok(Self {
            numbers: [version, patch, sub],
            extra: extra.to_owned(),
        })
    }
}

impl MptcpRelease {
    /// Reads the release that the tree prints while it boots: `MPTCP: Stable release v0.95.2`, in
    /// `net/mptcp/mptcp_ctrl.c`.
    ///
    /// # Errors
    /// It names a release that this project does not know. `Ok(None)` where the text names none.
    pub fn of_source(text: &str) -> Result<Option<Self>, MalformedVersion> {
        const BANNER: &str = "\"MPTCP: Stable release v";
        let Some((_, rest)) = text.split_once(BANNER) else {
            return Ok(None);
        };
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        rest[..end].parse().map(Some)
    }

    /// Whether a tree of release `found` is one of those meant: `0.95` means each of its point releases too.
    pub fn means(self, found: Self) -> bool {
        self.series == found.series && self.point.is_none_or(|point| found.point == Some(point))
    }
}

impl Series {
    /// Every one, the oldest first.
    pub const ALL: [Self; 3] = [Self::V94, Self::V95, Self::V96];

    /// Version and patch level of the Linux that it is made for.
    pub fn linux(self) -> (u16, u16) {
        match self {
            Self::V94 => (4, 14),
            Self::V95 => (4, 19),
            Self::V96 => (5, 4),
        }
    }

    fn number(self) -> &'static str {
        match self {
            Self::V94 => "0.94",
            Self::V95 => "0.95",
            Self::V96 => "0.96",
        }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.number())
    }
}

impl fmt::Display for MptcpRelease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.point {
            Some(point) => write!(formatter, "{}.{point}", self.series),
            None => write!(formatter, "{}", self.series),
        }
    }
}

impl FromStr for MptcpRelease {
    type Err = MalformedVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHAT: &str =
            "release of out-of-tree MPTCP: 0.94, 0.95, 0.96 and their point releases are known";
        let series = Series::ALL
            .into_iter()
            .find_map(|series| Some((series, text.strip_prefix(series.number())?)));
        let (series, rest) = series.ok_or_else(|| malformed(text, WHAT))?;
        let point = match rest.strip_prefix('.') {
            Some(point) => Some(point.parse().map_err(|_| malformed(text, WHAT))?),
            None if rest.is_empty() => None,
            None => return Err(malformed(text, WHAT)),
        };
        Ok(Self { series, point })
    }
}

macro_rules! as_text {
    ($type:ident) => {
        impl TryFrom<String> for $type {
            type Error = MalformedVersion;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

as_text!(KernelVersion);
as_text!(MptcpRelease);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_makefile() {
        let makefile = "# SPDX\nVERSION = 4\nPATCHLEVEL = 19\nSUBLEVEL = 234\nEXTRAVERSION =\nNAME = \"People's Front\"\n";
        let version = KernelVersion::of_makefile(makefile).unwrap();
        assert_eq!(
            (version.to_string().as_str(), version.series()),
            ("4.19.234", (4, 19))
        );
        let candidate = makefile.replace("EXTRAVERSION =", "EXTRAVERSION = -rc3");
        let candidate = KernelVersion::of_makefile(&candidate).unwrap();
        assert_eq!(candidate.to_string(), "4.19.234-rc3");
        assert_eq!(candidate.debian(), "4.19.234~rc3");
        assert!(KernelVersion::of_makefile("all:\n\techo\n").is_err());
    }

    #[test]
    fn versions_fit_into_names() {
        for bad in [
            "",
            "4",
            "4.19",
            "4.19.x",
            "4.19.1.2",
            "4.19.0-",
            "4.19.0/..",
            "4.19.0+",
            "4.19.0-RC",
            "99999.1.1",
            "4..1",
        ] {
            assert!(bad.parse::<KernelVersion>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_release_is_read_from_the_source() {
        let release = |text: &str| MptcpRelease::of_source(text);
        let found = release("\tpr_info(\"MPTCP: Stable release v0.95.2\");\n")
            .unwrap()
            .unwrap();
        assert_eq!(found.to_string(), "0.95.2");
        assert_eq!(release("int main(void)"), Ok(None));
        assert!(release("\"MPTCP: Stable release v0.89.5\"").is_err());
        assert!(release("\"MPTCP: Stable release v0.960\"").is_err());
    }

    #[test]
    fn a_series_means_its_point_releases() {
        let parse = |text: &str| text.parse::<MptcpRelease>().unwrap();
        assert!(parse("0.95").means(parse("0.95.2")));
        assert!(parse("0.95").means(parse("0.95")));
        assert!(!parse("0.95.1").means(parse("0.95.2")));
        assert!(!parse("0.95.1").means(parse("0.95")));
        assert!(!parse("0.95").means(parse("0.96")));
    }
}
