//! `Packages` indexes: the binary packages of an apt repository.
//!
//! Source: deb-control(5), deb-version(7), and chapters 5 and 7 of Debian policy.

mod relation;

use std::io::BufRead;

use model::digest::{MalformedSha256, Sha256};

use crate::archive_path::is_archive_path;
use crate::deb822::{Deb822Error, MissingField, Paragraph, Paragraphs, paragraphs};
use crate::release::parse_size;
use crate::version::{DebVersion, VersionError};

pub use relation::{Operator, Provided, Relation, RelationError, parse_provides, parse_relations};

/// How packages of several architectures get along; the field `Multi-Arch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MultiArch {
    /// No statement: the package serves its own architecture only.
    #[default]
    No,
    /// Can be installed for several architectures at once.
    Same,
    /// Serves dependents of any architecture.
    Foreign,
    /// Serves dependents of any architecture that ask for it by `:any`.
    Allowed,
}

/// One package of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageEntry {
    /// The package's name.
    pub name: String,
    /// The package's version.
    pub version: DebVersion,
    /// The architecture it was built for, or `all`.
    pub architecture: String,
    /// Whether the system counts on it without a dependency.
    pub essential: bool,
    /// `required`, `important`, `standard`, `optional` or `extra`, where it says so.
    pub priority: Option<String>,
    /// How it gets along with its siblings of other architectures.
    pub multi_arch: MultiArch,
    /// What has to be configured before this is unpacked: all of the groups, one of each.
    pub pre_depends: Vec<Vec<Relation>>,
    /// What has to be configured before this is: all of the groups, one of each.
    pub depends: Vec<Vec<Relation>>,
    /// The virtual packages it stands for.
    pub provides: Vec<Provided>,
    /// The field `Source` as written: the source package's name, and its version where it differs.
    pub source: Option<String>,
    /// Path of the file relative to the archive's root; plain, without `..`.
    pub filename: String,
    /// The file's size in bytes.
    pub size: u64,
    /// The file's digest.
    pub sha256: Sha256,
    /// The paragraph verbatim, every line with its line feed.
    pub stanza: String,
}

/// Why an index cannot be read; names the last line of the paragraph and, where known, the package.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
    /// The text is no sequence of paragraphs.
    #[error(transparent)]
    Deb822(#[from] Deb822Error),
    /// A paragraph is no package.
    #[error("paragraph ending at line {line}, package {package:?}: {source}")]
    Entry {
        /// The line after the paragraph's last one.
        line: u64,
        /// The field `Package`, shortened; empty where there is none.
        package: String,
        /// What is wrong with it.
        source: EntryError,
    },
}

/// Why a paragraph is no usable package.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// A field is missing.
    #[error(transparent)]
    Missing(#[from] MissingField),
    /// The name breaks Debian policy 5.6.1.
    #[error(
        "field `Package` is {0:?}, expected two or more of lower-case letters, digits and `+-.`"
    )]
    Name(String),
    /// The version is malformed.
    #[error("field `Version`: {0}")]
    Version(#[from] VersionError),
    /// The architecture is malformed.
    #[error("field `Architecture` is {0:?}, expected lower-case letters, digits and `-`")]
    Architecture(String),
    /// A field has a value that it does not know.
    #[error("field `{field}` is {found:?}, expected {expected}")]
    Choice {
        /// The field's name.
        field: &'static str,
        /// Its value.
        found: String,
        /// The values it knows.
        expected: &'static str,
    },
    /// A relation field is malformed.
    #[error("field `{field}`: {source}")]
    Relation {
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        source: RelationError,
    },
    /// The path leads out of the archive, or has characters that no archive uses.
    #[error("field `Filename` is {0:?}, expected a plain relative path")]
    Filename(String),
    /// The size is no number.
    #[error("field `Size` is {0:?}, expected a number of bytes")]
    Size(String),
    /// The digest is malformed.
    #[error("field `SHA256`: {0}")]
    Digest(#[from] MalformedSha256),
}

/// Streams the packages of an index, holding one at a time. Ends after the first error.
pub fn read_packages<R: BufRead>(reader: R) -> Packages<R> {
    Packages {
        paragraphs: paragraphs(reader),
        failed: false,
    }
}

/// The iterator of [`read_packages`].
#[derive(Debug)]
pub struct Packages<R> {
    paragraphs: Paragraphs<R>,
    failed: bool,
}

impl<R: BufRead> Packages<R> {
    fn parse(&self, paragraph: Paragraph) -> Result<PackageEntry, PackagesError> {
        let package = shorten(paragraph.get("Package").unwrap_or_default());
        let line = self.paragraphs.line();
        PackageEntry::parse(paragraph).map_err(|source| PackagesError::Entry {
            line,
            package,
            source,
        })
    }
}

impl<R: BufRead> Iterator for Packages<R> {
    type Item = Result<PackageEntry, PackagesError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let item = match self.paragraphs.next()? {
            Ok(paragraph) => self.parse(paragraph),
            Err(error) => Err(error.into()),
        };
        self.failed = item.is_err();
        Some(item)
    }
}

impl PackageEntry {
    /// Reads one paragraph of an index.
    ///
    /// # Errors
    ///
    /// See [`EntryError`].
    pub fn parse(paragraph: Paragraph) -> Result<Self, EntryError> {
        let fields = &paragraph;
        let owned = |name| fields.get(name).map(str::to_owned);
        Ok(Self {
            name: parse_name(fields.require("Package")?)?,
            version: fields.require("Version")?.parse()?,
            architecture: parse_architecture(fields.require("Architecture")?)?,
            essential: parse_essential(fields.get("Essential"))?,
            priority: owned("Priority"),
            multi_arch: parse_multi_arch(fields.get("Multi-Arch"))?,
            pre_depends: relations(fields, "Pre-Depends", parse_relations)?,
            depends: relations(fields, "Depends", parse_relations)?,
            provides: relations(fields, "Provides", parse_provides)?,
            source: owned("Source"),
            filename: parse_filename(fields.require("Filename")?)?,
            size: parse_package_size(fields.require("Size")?)?,
            sha256: fields.require("SHA256")?.parse()?,
            stanza: paragraph.into_text(),
        })
    }
}

/// Whether `name` is a package name as Debian policy 5.6.1 allows it.
pub fn is_package_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (2..=200).contains(&name.len())
        && name.bytes().next().is_some_and(plain)
        && name
            .bytes()
            .all(|byte| plain(byte) || b"+-.".contains(&byte))
}

fn parse_name(text: &str) -> Result<String, EntryError> {
    if is_package_name(text) {
        Ok(text.to_owned())
    } else {
        Err(EntryError::Name(shorten(text)))
    }
}

fn parse_architecture(text: &str) -> Result<String, EntryError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
        return Err(EntryError::Architecture(shorten(text)));
    }
    Ok(text.to_owned())
}

fn parse_essential(text: Option<&str>) -> Result<bool, EntryError> {
    match text {
        Some("yes") => Ok(true),
        None | Some("no") => Ok(false),
        Some(other) => Err(EntryError::Choice {
            field: "Essential",
            found: shorten(other),
            expected: "`yes` or `no`",
        }),
    }
}

fn parse_multi_arch(text: Option<&str>) -> Result<MultiArch, EntryError> {
    match text {
        None | Some("no") => Ok(MultiArch::No),
        Some("same") => Ok(MultiArch::Same),
        Some("foreign") => Ok(MultiArch::Foreign),
        Some("allowed") => Ok(MultiArch::Allowed),
        Some(other) => Err(EntryError::Choice {
            field: "Multi-Arch",
            found: shorten(other),
            expected: "`no`, `same`, `foreign` or `allowed`",
        }),
    }
}

fn relations<T>(
    fields: &Paragraph,
    field: &'static str,
    parse: impl Fn(&str) -> Result<Vec<T>, RelationError>,
) -> Result<Vec<T>, EntryError> {
    parse(fields.get(field).unwrap_or_default())
        .map_err(|source| EntryError::Relation { field, source })
}

fn parse_filename(text: &str) -> Result<String, EntryError> {
    if is_archive_path(text) {
        Ok(text.to_owned())
    } else {
        Err(EntryError::Filename(shorten(text)))
    }
}

fn parse_package_size(text: &str) -> Result<u64, EntryError> {
    parse_size(text).ok_or_else(|| EntryError::Size(shorten(text)))
}

fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests;
