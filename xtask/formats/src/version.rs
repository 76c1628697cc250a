//! Debian package versions, ordered as dpkg orders them.
//!
//! Source: deb-version(7), and `verrevcmp` in dpkg's `lib/dpkg/version.c`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Longest accepted version in bytes.
const MAX_VERSION: usize = 512;

/// A Debian version, `[epoch:]upstream[-revision]`, kept exactly as written.
///
/// Equality and order are dpkg's, so two different texts can be equal: `1.0` is `1.00` is `0:1.0-0`.
/// Compare [`DebVersion::as_str`] where the exact text matters.
#[derive(Clone)]
pub struct DebVersion(String);

/// Why a text is no Debian version.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VersionError {
    /// Longer than any real version.
    #[error("version of {0} bytes is longer than {MAX_VERSION}")]
    TooLong(usize),
    /// What stands before the first colon is no number up to 2147483647.
    #[error("version {0:?} has an epoch that is not a number up to 2147483647")]
    Epoch(String),
    /// Nothing stands between epoch and revision.
    #[error("version {0:?} has an empty upstream part")]
    EmptyUpstream(String),
    /// A character that deb-version(7) does not allow in the upstream part.
    #[error("version {0:?} has {1:?} in its upstream part, expected letters, digits and `.+-~:`")]
    Upstream(String, char),
    /// The version ends in a hyphen.
    #[error("version {0:?} has an empty revision after its last hyphen")]
    EmptyRevision(String),
    /// A character that deb-version(7) does not allow in the revision.
    #[error("version {0:?} has {1:?} in its revision, expected letters, digits and `.+~`")]
    Revision(String, char),
}

impl DebVersion {
    /// The version exactly as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number before the first colon, 0 where there is none.
    pub fn epoch(&self) -> u32 {
        self.0
            .split_once(':')
            .and_then(|(epoch, _)| epoch.parse().ok())
            .unwrap_or(0)
    }

    /// The upstream version: without epoch and revision.
    pub fn upstream(&self) -> &str {
        split(&self.0).1
    }

    /// What stands after the last hyphen; empty where there is no revision.
    pub fn revision(&self) -> &str {
        split(&self.0).2.unwrap_or("")
    }
}

/// Splits into epoch, upstream version and revision, without judging them.
fn split(text: &str) -> (Option<&str>, &str, Option<&str>) {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) => (Some(epoch), rest),
        None => (None, text),
    };
    match rest.rsplit_once('-') {
        Some((upstream, revision)) => (epoch, upstream, Some(revision)),
        None => (epoch, rest, None),
    }
}

fn is_epoch(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i32>().is_ok()
}

fn first_outside(text: &str, punctuation: &str) -> Option<char> {
    text.chars()
        .find(|&c| !c.is_ascii_alphanumeric() && !punctuation.contains(c))
}

impl FromStr for DebVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_VERSION {
            return Err(VersionError::TooLong(text.len()));
        }
        let owned = || text.to_owned();
        let (epoch, upstream, revision) = split(text);
        if !epoch.is_none_or(is_epoch) {
            return Err(VersionError::Epoch(owned()));
        }
        if upstream.is_empty() {
            return Err(VersionError::EmptyUpstream(owned()));
        }
        if let Some(found) = first_outside(upstream, ".+-~:") {
            return Err(VersionError::Upstream(owned(), found));
        }
        if revision == Some("") {
            return Err(VersionError::EmptyRevision(owned()));
        }
        match revision.and_then(|revision| first_outside(revision, ".+~")) {
            Some(found) => Err(VersionError::Revision(owned(), found)),
            None => Ok(Self(owned())),
        }
    }
}

impl fmt::Display for DebVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for DebVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DebVersion({self})")
    }
}

impl Ord for DebVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch()
            .cmp(&other.epoch())
            .then_with(|| compare_parts(self.upstream(), other.upstream()))
            .then_with(|| compare_parts(self.revision(), other.revision()))
    }
}

impl PartialOrd for DebVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DebVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for DebVersion {}

/// dpkg's `verrevcmp`: alternating runs of non-digits and digits, from the left.
fn compare_parts(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while !left.is_empty() || !right.is_empty() {
        let texts = compare_texts(take_run(&mut left, false), take_run(&mut right, false));
        let order = texts
            .then_with(|| compare_numbers(take_run(&mut left, true), take_run(&mut right, true)));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Takes the longest run of digits (or of anything else) off the front of `rest`.
fn take_run<'a>(rest: &mut &'a [u8], digits: bool) -> &'a [u8] {
    let end = rest
        .iter()
        .position(|byte| byte.is_ascii_digit() != digits)
        .unwrap_or(rest.len());
    let (run, tail) = rest.split_at(end);
    *rest = tail;
    run
}

/// Compares runs without digits: `~` before the end, the end before letters, letters before the others.
fn compare_texts(left: &[u8], right: &[u8]) -> Ordering {
    (0..left.len().max(right.len()))
        .map(|index| weight(left.get(index)).cmp(&weight(right.get(index))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn weight(byte: Option<&u8>) -> i32 {
    match byte {
        None => 0,
        Some(b'~') => -1,
        Some(&byte) if byte.is_ascii_alphabetic() => i32::from(byte),
        Some(&byte) => i32::from(byte) + 256,
    }
}

/// Compares runs of digits as numbers of any length.
fn compare_numbers(left: &[u8], right: &[u8]) -> Ordering {
    let (left, right) = (significant(left), significant(right));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

fn significant(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
