//! Where to download an archive from. No mirror is built in: they come from the user or the host.

mod apt_sources;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use url::Url;

use crate::category::Category;
use crate::environment::{self, Directories};

/// The variable that holds mirrors, `archive=URL` separated by white space.
pub const VARIABLE: &str = "MPTCP_KERNELS_MIRRORS";
/// The folder of the host's apt configuration.
const APT: &str = "/etc/apt";
/// The largest configuration file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The mirrors that the user names are not usable.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// Not `archive=URL`.
    #[error("reading the mirror `{found}` from {origin}: `archive=URL` is expected")]
    NoAssignment {
        /// The option, variable or file.
        origin: String,
        /// What it holds, escaped.
        found: String,
    },
    /// The part before `=` names no archive.
    #[error(
        "reading the mirrors from {origin}: an archive name of a-z, 0-9, `-`, `.`, `+` and `_` is expected, found `{found}`"
    )]
    BadArchive {
        /// The option, variable or file.
        origin: String,
        /// What it holds, escaped.
        found: String,
    },
    /// The URL cannot be a mirror.
    #[error("reading the mirror of `{archive}` from {origin}: {reason}")]
    BadUrl {
        /// The option, variable or file.
        origin: String,
        /// The archive.
        archive: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration file cannot be read.
    #[error("reading the configuration {path}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration file is wrong.
    #[error("parsing the configuration {path}")]
    Parse {
        /// The file.
        path: Utf8PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
}

impl MirrorError {
    /// Who has to act.
    pub fn category(&self) -> Category {
        match self {
            Self::Read { .. } => Category::Host,
            _ => Category::Input,
        }
    }
}

/// The mirrors that are known on this host, best first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirrors {
    /// What the user says: archive and base URL.
    named: Vec<(String, String)>,
    /// The base URLs of the host's own apt sources, of whatever archive.
    host: Vec<String>,
}

impl Mirrors {
    /// Collects mirrors from the command line (archive and URL), [`VARIABLE`], the user's
    /// configuration and the host's apt sources, in this order.
    ///
    /// # Errors
    /// When what the user wrote is wrong. The host's apt sources never are an error.
    pub fn resolve(
        command_line: &[(String, String)],
        directories: &Directories,
    ) -> Result<Self, MirrorError> {
        let variable = environment::var(VARIABLE).unwrap_or_default();
        Self::collect(
            command_line,
            &variable,
            &directories.config_file(),
            Utf8Path::new(APT),
        )
    }

    fn collect(
        command_line: &[(String, String)],
        variable: &str,
        config: &Utf8Path,
        apt: &Utf8Path,
    ) -> Result<Self, MirrorError> {
        let mut named = Vec::new();
        for (archive, url) in command_line {
            named.push(check("the command line", archive, url)?);
        }
        named.extend(parse_variable(variable)?);
        named.extend(load_config(config)?);
        Ok(Self {
            named,
            host: load_apt_sources(apt),
        })
    }

    /// The base URLs to try for an archive such as `debian` or `debian-security`, best first,
    /// without a slash at the end.
    pub fn urls(&self, archive: &str) -> Vec<String> {
        let named = self
            .named
            .iter()
            .filter(|(of, _)| of == archive)
            .map(|(_, url)| url);
        let host = self
            .host
            .iter()
            .filter(|url| last_component(url) == Some(archive));
        let mut urls: Vec<String> = Vec::new();
        for url in named.chain(host) {
            if !urls.contains(url) {
                urls.push(url.clone());
            }
        }
        urls
    }
}

/// Splits the value of a `--mirror` option, `archive=URL`, and checks both parts.
///
/// # Errors
/// When it is not of that form, or one part is not usable.
pub fn parse_assignment(text: &str) -> Result<(String, String), MirrorError> {
    assignment("--mirror", text)
}

/// Parses the value of [`VARIABLE`].
fn parse_variable(text: &str) -> Result<Vec<(String, String)>, MirrorError> {
    text.split_whitespace()
        .map(|word| assignment(VARIABLE, word))
        .collect()
}

fn assignment(origin: &str, text: &str) -> Result<(String, String), MirrorError> {
    let (archive, url) = text
        .split_once('=')
        .ok_or_else(|| MirrorError::NoAssignment {
            origin: origin.to_owned(),
            found: escaped(text),
        })?;
    check(origin, archive, url)
}

fn check(origin: &str, archive: &str, url: &str) -> Result<(String, String), MirrorError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let known = |byte: u8| plain(byte) || matches!(byte, b'-' | b'.' | b'+' | b'_');
    if !archive.bytes().next().is_some_and(plain) || !archive.bytes().all(known) {
        let found = escaped(archive);
        return Err(MirrorError::BadArchive {
            origin: origin.to_owned(),
            found,
        });
    }
    let url = base_url(url, &["http", "https", "file"]).map_err(|reason| MirrorError::BadUrl {
        origin: origin.to_owned(),
        archive: archive.to_owned(),
        reason,
    })?;
    Ok((archive.to_owned(), url))
}

/// The user's configuration file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Base URLs by archive.
    #[serde(default)]
    mirrors: BTreeMap<String, Vec<String>>,
}

fn load_config(path: &Utf8Path) -> Result<Vec<(String, String)>, MirrorError> {
    match read_bounded(path) {
        Ok(text) => parse_config(path, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(MirrorError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn parse_config(path: &Utf8Path, text: &str) -> Result<Vec<(String, String)>, MirrorError> {
    let config: Config = toml::from_str(text).map_err(|source| MirrorError::Parse {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    let pairs = config.mirrors.iter().flat_map(|(archive, urls)| {
        urls.iter()
            .map(move |url| check(path.as_str(), archive, url))
    });
    pairs.collect()
}

/// The usable base URLs in the apt configuration of the host, in apt's order of files.
fn load_apt_sources(apt: &Utf8Path) -> Vec<String> {
    let mut files = vec![apt.join("sources.list")];
    let mut parts: Vec<_> = fs::read_dir(apt.join("sources.list.d"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Utf8PathBuf::from_path_buf(entry.path()).ok())
        .collect();
    parts.sort();
    files.extend(parts);
    let mut urls = Vec::new();
    for file in files {
        let parse = match file.extension() {
            Some("list") => apt_sources::parse_one_line,
            Some("sources") => apt_sources::parse_deb822,
            _ => continue,
        };
        match read_bounded(&file) {
            Ok(text) => urls.extend(parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!("ignoring the apt sources in {file}: {error}"),
        }
    }
    // What apt can use and this tool cannot, such as `cdrom:`, is left out.
    urls.iter()
        .filter_map(|url| base_url(url, &["http", "https"]).ok())
        .collect()
}

fn read_bounded(path: &Utf8Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = String::new();
    File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other(format!("larger than {MAX_FILE} bytes")));
    }
    Ok(text)
}

/// Checks a base URL and takes slashes off its end; an error is the reason.
fn base_url(text: &str, schemes: &[&str]) -> Result<String, String> {
    let url = Url::parse(text)
        .map_err(|error| format!("a URL is expected, found `{}`: {error}", escaped(text)))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL without user name and password is expected".to_owned());
    }
    if !schemes.contains(&url.scheme()) {
        let schemes = schemes.join(", ");
        return Err(format!(
            "one of {schemes} is expected, found `{}`",
            escaped(text)
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "a URL without `?` and `#` is expected, found `{}`",
            escaped(text)
        ));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn last_component(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    path.rsplit('/').next()
}

fn escaped(text: &str) -> String {
    text.chars()
        .take(200)
        .flat_map(char::escape_default)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(
        command_line: &[(&str, &str)],
        variable: &str,
        config: &str,
        apt: &[(&str, &str)],
    ) -> Result<Mirrors, MirrorError> {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs::create_dir_all(root.join("apt/sources.list.d")).unwrap();
        fs::write(root.join("config.toml"), config).unwrap();
        for (name, text) in apt {
            fs::write(root.join("apt").join(name), text).unwrap();
        }
        let owned = |(archive, url): &(&str, &str)| ((*archive).to_owned(), (*url).to_owned());
        let command_line: Vec<_> = command_line.iter().map(owned).collect();
        Mirrors::collect(
            &command_line,
            variable,
            &root.join("config.toml"),
            &root.join("apt"),
        )
    }

    #[test]
    fn the_nearest_source_comes_first_and_nothing_twice() {
        let mirrors = collect(
            &[("debian", "http://line.example.org/debian/")],
            "debian=http://variable.example.org/d debian-security=https://s.example.org/x\n",
            "[mirrors]\ndebian = [\"http://config.example.org/debian//\", \"file:///srv/debian\"]\n",
            &[
                ("sources.list", "deb http://host.example.org/debian trixie main\n"),
                ("sources.list.d/z.list", "deb http://line.example.org/debian x main\n"),
                (
                    "sources.list.d/a.sources",
                    "Types: deb\nURIs: http://a.example.org/debian-security/\n",
                ),
                ("sources.list.d/b.sources.save", "URIs: http://old.example.org/debian\n"),
            ],
        )
        .unwrap();
        assert_eq!(
            mirrors.urls("debian"),
            [
                "http://line.example.org/debian",
                "http://variable.example.org/d",
                "http://config.example.org/debian",
                "file:///srv/debian",
                "http://host.example.org/debian",
            ]
        );
        assert_eq!(
            mirrors.urls("debian-security"),
            [
                "https://s.example.org/x",
                "http://a.example.org/debian-security"
            ]
        );
        assert_eq!(mirrors.urls("ubuntu"), [""; 0]);
    }

    #[test]
    fn what_the_user_wrote_wrong_is_said_with_its_place() {
        let fails = |line: &[(&str, &str)], variable: &str, config: &str, needles: &[&str]| {
            let error = collect(line, variable, config, &[]).unwrap_err();
            let source = std::error::Error::source(&error).map(ToString::to_string);
            let text = format!("{error} {}", source.unwrap_or_default());
            for needle in needles {
                assert!(text.contains(needle), "{text}");
            }
            assert_eq!(error.category(), Category::Input);
        };
        fails(
            &[("debian", "ftp://example.org/debian")],
            "",
            "",
            &["command line", "ftp:"],
        );
        fails(&[("a/b", "http://example.org/debian")], "", "", &["a/b"]);
        fails(&[], "debian", "", &[VARIABLE, "archive=URL"]);
        fails(
            &[],
            "debian=http://u:secret@example.org/debian",
            "",
            &["password"],
        );
        fails(&[], "", "[mirror]\n", &["config.toml", "mirror"]);
        fails(
            &[],
            "",
            "[mirrors]\nd = [\"http://example.org/d?x\"]\n",
            &["config.toml", "`d`"],
        );
        let error = collect(&[], "d=http://u:secret@example.org/d", "", &[]).unwrap_err();
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn an_option_is_split_at_the_first_equals_sign() {
        let parsed = parse_assignment("debian=http://example.org/a=b/").unwrap();
        assert_eq!(
            parsed,
            ("debian".to_owned(), "http://example.org/a=b".to_owned())
        );
    }

    #[test]
    fn missing_files_are_no_mirrors_and_no_error() {
        let nowhere = Utf8Path::new("/nonexistent");
        let mirrors = Mirrors::collect(&[], "", &nowhere.join("config.toml"), nowhere).unwrap();
        assert_eq!(mirrors, Mirrors::default());
    }
}
