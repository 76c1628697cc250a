//! Validated names: what passes here can be put into a path, a label or a command line as it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not a name of its kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is no {kind}: {rule}")]
pub struct MalformedName {
    text: String,
    kind: &'static str,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = MalformedName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let valid: fn(&str) -> bool = $valid;
                if text.len() <= 128 && valid(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(MalformedName { text: text.chars().take(80).collect(), kind: $kind, rule: $rule })
            }
        }

        impl TryFrom<String> for $name {
            type Error = MalformedName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

/// True for a text of lower-case letters, digits and `extra`, which begins with a letter or digit.
fn is_lower_word(text: &str, extra: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(word) && text.chars().all(|c| word(c) || extra.contains(c))
}

name!(
    /// The name of a recipe, a container or an archive: a file name without its extension.
    Name,
    "name",
    "lower-case letters, digits, `.` and `-` make one, and the first is a letter or digit",
    |text| is_lower_word(text, ".-") && !text.contains("..")
);

name!(
    /// A Debian package name (Debian policy 5.6.1).
    PackageName,
    "package name",
    "lower-case letters, digits, `+`, `.` and `-` make one of two or more characters",
    |text| text.len() >= 2 && is_lower_word(text, "+.-")
);

name!(
    /// A component or suite of an apt archive, as it stands in a path below `dists/`.
    ArchivePart,
    "suite or component",
    "lower-case letters, digits, `.`, `-` and `/` make one",
    |text| is_lower_word(text, ".-/") && !text.contains("..") && !text.contains("//") && !text.ends_with('/')
);

name!(
    /// What is appended to the kernel release (`CONFIG_LOCALVERSION`). Debian package names carry
    /// the release, so it keeps to what they allow.
    VersionSuffix,
    "version suffix",
    "`-` followed by lower-case letters, digits, `.` and `-` makes one",
    |text| text.strip_prefix('-').is_some_and(|rest| is_lower_word(rest, ".-"))
);

name!(
    /// A Kconfig symbol, without the `CONFIG_` prefix.
    Symbol,
    "Kconfig symbol",
    "letters, digits and `_` make one, and it is written without `CONFIG_`",
    |text| !text.is_empty()
        && !text.starts_with("CONFIG_")
        && text.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
);

name!(
    /// A Kconfig symbol, or the beginning of several followed by `*`.
    SymbolPattern,
    "Kconfig symbol or pattern",
    "a symbol without `CONFIG_`, or its beginning followed by one `*`, makes one",
    |text| text.strip_suffix('*').unwrap_or(text).parse::<Symbol>().is_ok()
);

impl SymbolPattern {
    /// Whether `symbol` is the one meant, or one of those meant.
    pub fn matches(&self, symbol: &Symbol) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => symbol.0.starts_with(beginning),
            None => symbol.0 == self.0,
        }
    }
}

name!(
    /// The file name of a kconfig fragment below `recipes/config/`.
    FragmentName,
    "fragment",
    "a file name below recipes/config/ of lower-case letters, digits, `.` and `-` that ends in `.config` makes one",
    |text| is_lower_word(text, ".-") && text.ends_with(".config") && !text.contains("..")
);

name!(
    /// A kbuild target that makes a base configuration, such as `tinyconfig`.
    ConfigTarget,
    "configuration target",
    "a kbuild target such as `tinyconfig`, `allnoconfig` or `defconfig` is one",
    |text| text.ends_with("config") && is_lower_word(text, "_")
);

name!(
    /// The file name of an OpenPGP keyring below `containers/keys/`.
    KeyringName,
    "keyring",
    "a file name below containers/keys/ that ends in `.asc` is one",
    |text| is_lower_word(text, ".-") && text.ends_with(".asc") && !text.contains("..")
);

name!(
    /// The id of a git commit, in full.
    CommitId,
    "commit",
    "40 lower-case hexadecimal digits make one; a short or symbolic one does not stay the same",
    |text| text.len() == 40 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
);

impl CommitId {
    /// Its beginning, for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

name!(
    /// A branch or tag of a git repository (a part of what git-check-ref-format allows).
    RefName,
    "branch or tag",
    "letters, digits, `.`, `_`, `-`, `+` and `/` make one, and the first is a letter or digit",
    |text| text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+/".contains(c))
        && !["..", "//", "/.", "./"].iter().any(|part| text.contains(part))
        && !text.ends_with(['/', '.'])
        && !text.split('/').any(|part| part.ends_with(".lock"))
);

name!(
    /// The address of a git repository.
    GitUrl,
    "address of a git repository",
    "https://, file:///, or http:// to a loopback address, without user name or password, make one",
    |text| is_plain(text) && (is_secure(text) || text.starts_with("file:///"))
);

name!(
    /// The address of a file.
    DownloadUrl,
    "address of a file",
    "https://, or http:// to a loopback address, without user name or password, makes one",
    |text| is_plain(text) && is_secure(text)
);

name!(
    /// The file name of a patch below `recipes/patches/`.
    PatchName,
    "patch",
    "a file name below recipes/patches/ of lower-case letters, digits, `_`, `.` and `-` that ends in `.patch` makes one",
    |text| is_lower_word(text, "._-") && text.ends_with(".patch") && !text.contains("..")
);

/// Whether an address is one word that no program takes for anything else.
fn is_plain(url: &str) -> bool {
    url.chars()
        .all(|c| c.is_ascii_graphic() && !"\"'`\\<>{}|^@".contains(c))
}

/// Whether nobody on the way can read along or answer instead.
fn is_secure(url: &str) -> bool {
    let host = |rest: &str| {
        rest.split(['/', '?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    if let Some(rest) = url.strip_prefix("https://") {
        return !host(rest).is_empty();
    }
    let Some(host) = url.strip_prefix("http://").map(host) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host.as_str(),
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// The names nearest to `wanted`, best first; empty where none is near.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<_> = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(wanted, name), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_out_paths_and_shell() {
        for good in ["mini", "debian-vm", "debian-mptcp-0.95"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in [
            "", "-x", "a/b", "../x", "a..b", "A", "a b", "a;b", "a\nb", "é",
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn symbols_are_written_without_prefix() {
        assert!("MPTCP_IPV6".parse::<Symbol>().is_ok());
        assert!("64BIT".parse::<Symbol>().is_ok());
        for bad in ["CONFIG_MPTCP", "mptcp", "", "A B", "A=y"] {
            assert!(bad.parse::<Symbol>().is_err(), "{bad}");
        }
    }

    #[test]
    fn commits_are_written_in_full() {
        let commit = "612d75f01e95867dc94ac4f9f230f6f1bd09c9ac";
        assert!(commit.parse::<CommitId>().is_ok());
        for bad in [
            "612d75f",
            "HEAD",
            "v0.96",
            "",
            &commit.to_uppercase(),
            &commit[..39],
        ] {
            assert!(bad.parse::<CommitId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn references_are_no_options_and_leave_no_folder() {
        for good in ["v0.96", "mptcp_v0.96", "export/20260101T000000", "net-next"] {
            assert!(good.parse::<RefName>().is_ok(), "{good}");
        }
        for bad in [
            "-x",
            "--upload-pack=x",
            "a..b",
            "a b",
            "a:b",
            "/a",
            "a/",
            "a.lock",
            "a^",
            "a~1",
            "refs/*",
            "",
            "a/.b",
        ] {
            assert!(bad.parse::<RefName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_are_encrypted_or_local() {
        for good in [
            "https://example.org/a.git",
            "http://127.0.0.1:8080/a",
            "http://localhost/a",
            "http://[::1]:80/a",
        ] {
            assert!(good.parse::<GitUrl>().is_ok(), "{good}");
            assert!(good.parse::<DownloadUrl>().is_ok(), "{good}");
        }
        assert!("file:///srv/a.git".parse::<GitUrl>().is_ok());
        let bad = [
            "http://example.org/a",
            "git://example.org/a",
            "ssh://example.org/a",
            "git@example.org:a",
            "ext::sh -c x",
            "file://host/a",
            "/srv/a",
            "../a",
            "-x",
            "https://",
            "https://u:p@example.org/a",
            "http://127.0.0.1.example.org/a",
            "http://localhost:x/a",
            "https://a/b c",
            "",
        ];
        for bad in bad {
            assert!(bad.parse::<GitUrl>().is_err(), "{bad}");
            assert!(bad.parse::<DownloadUrl>().is_err(), "{bad}");
        }
        assert!("file:///srv/a.tar.xz".parse::<DownloadUrl>().is_err());
    }

    #[test]
    fn patterns_match_by_beginning() {
        let pattern: SymbolPattern = "DEBUG_INFO*".parse().unwrap();
        assert!(pattern.matches(&"DEBUG_INFO_BTF".parse().unwrap()));
        assert!(!pattern.matches(&"DEBUG_FS".parse().unwrap()));
        assert!("*".parse::<SymbolPattern>().is_err());
    }

    #[test]
    fn nearest_names_are_offered_and_far_ones_are_not() {
        let known = ["mini", "debian", "debian-vm", "debian-cloud"];
        assert_eq!(nearest("debain-vm", known)[0], "debian-vm");
        assert!(nearest("zzz", known).is_empty());
    }
}
