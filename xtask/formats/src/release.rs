//! The `Release` file of an apt repository: what a suite is, and the digests of its indexes.
//!
//! Source: <https://wiki.debian.org/DebianRepository/Format>.

use std::collections::BTreeMap;

use model::digest::{MalformedSha256, Sha256};

use crate::archive_path::is_archive_path;
use crate::dates::{CLOCK_SKEW, parse_rfc1123, rfc3339};
use crate::deb822::{Deb822Error, MissingField, Paragraph};

/// What a `Release` file says of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexFile {
    /// Size in bytes.
    pub size: u64,
    /// Digest of the file as it is named, so of the compressed bytes for `Packages.xz`.
    pub sha256: Sha256,
}

/// A `Release` file. Parse only text whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Who publishes the repository, like `Debian`.
    pub origin: String,
    /// A second name for the repository, like `Debian-Security`.
    pub label: String,
    /// The role, like `stable`.
    pub suite: String,
    /// The name, like `trixie`.
    pub codename: String,
    /// The version, like `13.7`; some suites have none.
    pub version: Option<String>,
    /// When the file was made, in Unix seconds.
    pub date: u64,
    /// Until when it may be used, in Unix seconds; stable suites name no end.
    pub valid_until: Option<u64>,
    /// The architectures there are packages for.
    pub architectures: Vec<String>,
    /// The components, like `main`.
    pub components: Vec<String>,
    /// Whether an index is also found as `by-hash/SHA256/<digest>` beside itself.
    pub acquire_by_hash: bool,
    /// The indexes by their paths relative to the `Release` file.
    pub sha256: BTreeMap<String, IndexFile>,
}

/// Why a text is no usable `Release` file.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The text is not one paragraph.
    #[error(transparent)]
    Deb822(#[from] Deb822Error),
    /// A field is missing.
    #[error(transparent)]
    Missing(#[from] MissingField),
    /// A date is not of the form that apt writes.
    #[error("field `{field}` is {found:?}, expected a date like `Sat, 12 Sep 2026 07:55:41 UTC`")]
    Date {
        /// `Date` or `Valid-Until`.
        field: &'static str,
        /// Its value.
        found: String,
    },
    /// `Acquire-By-Hash` is neither yes nor no.
    #[error("field `Acquire-By-Hash` is {0:?}, expected `yes` or `no`")]
    AcquireByHash(String),
    /// A line of `SHA256` is not digest, size and path.
    #[error("found {0:?} in field `SHA256`, expected digest, size and path")]
    IndexLine(String),
    /// The first word of a line of `SHA256`.
    #[error("field `SHA256`: {0}")]
    Digest(#[from] MalformedSha256),
    /// A path leads out of the suite's folder, or has characters that no archive uses.
    #[error("field `SHA256` names {0:?}, expected a plain relative path")]
    Path(String),
    /// A path is listed twice.
    #[error("field `SHA256` names {0:?} twice")]
    Repeated(String),
}

/// Why a `Release` file must not be used now.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FreshnessError {
    /// It was made in the future: this clock is wrong, or the file is.
    #[error("release file is dated {date}, but now is {now}")]
    FromFuture {
        /// The file's date, RFC 3339.
        date: String,
        /// The current time, RFC 3339.
        now: String,
    },
    /// It is too old: perhaps a mirror withholds updates.
    #[error("release file was valid until {valid_until}, but now is {now}")]
    Expired {
        /// The file's end, RFC 3339.
        valid_until: String,
        /// The current time, RFC 3339.
        now: String,
    },
}

impl Release {
    /// Reads the text of a `Release` file.
    ///
    /// # Errors
    ///
    /// See [`ReleaseError`].
    pub fn parse(text: &str) -> Result<Self, ReleaseError> {
        let fields = Paragraph::parse(text)?;
        let owned = |name| fields.require(name).map(str::to_owned);
        let words = |name| fields.require(name).map(split_words);
        Ok(Self {
            origin: owned("Origin")?,
            label: owned("Label")?,
            suite: owned("Suite")?,
            codename: owned("Codename")?,
            version: fields.get("Version").map(str::to_owned),
            date: parse_date("Date", fields.require("Date")?)?,
            valid_until: fields
                .get("Valid-Until")
                .map(|text| parse_date("Valid-Until", text))
                .transpose()?,
            architectures: words("Architectures")?,
            components: words("Components")?,
            acquire_by_hash: parse_flag(fields.get("Acquire-By-Hash"))?,
            sha256: parse_indexes(fields.require("SHA256")?)?,
        })
    }

    /// Judges the file's dates at `now_unix`, in Unix seconds; clocks may differ by ten minutes.
    ///
    /// # Errors
    ///
    /// See [`FreshnessError`].
    pub fn check_fresh(&self, now_unix: u64) -> Result<(), FreshnessError> {
        if self.date > now_unix.saturating_add(CLOCK_SKEW) {
            return Err(FreshnessError::FromFuture {
                date: rfc3339(self.date),
                now: rfc3339(now_unix),
            });
        }
        match self.valid_until {
            Some(end) if end < now_unix => Err(FreshnessError::Expired {
                valid_until: rfc3339(end),
                now: rfc3339(now_unix),
            }),
            _ => Ok(()),
        }
    }
}

fn split_words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

fn parse_date(field: &'static str, text: &str) -> Result<u64, ReleaseError> {
    parse_rfc1123(text).ok_or_else(|| ReleaseError::Date {
        field,
        found: text.chars().take(80).collect(),
    })
}

fn parse_flag(text: Option<&str>) -> Result<bool, ReleaseError> {
    match text {
        Some("yes") => Ok(true),
        None | Some("no") => Ok(false),
        Some(other) => Err(ReleaseError::AcquireByHash(
            other.chars().take(80).collect(),
        )),
    }
}

fn parse_indexes(text: &str) -> Result<BTreeMap<String, IndexFile>, ReleaseError> {
    let mut indexes = BTreeMap::new();
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        let (path, file) = parse_index_line(line)?;
        if indexes.insert(path.to_owned(), file).is_some() {
            return Err(ReleaseError::Repeated(path.to_owned()));
        }
    }
    Ok(indexes)
}

fn parse_index_line(line: &str) -> Result<(&str, IndexFile), ReleaseError> {
    let malformed = || ReleaseError::IndexLine(line.chars().take(200).collect());
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[digest, size, path] = words.as_slice() else {
        return Err(malformed());
    };
    let size = parse_size(size).ok_or_else(malformed)?;
    if !is_archive_path(path) {
        return Err(ReleaseError::Path(path.chars().take(200).collect()));
    }
    Ok((
        path,
        IndexFile {
            size,
            sha256: digest.parse()?,
        },
    ))
}

/// A decimal number without sign.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
