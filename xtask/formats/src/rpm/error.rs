//! Why a stream is no usable package.

use std::io;

use model::digest::Sha256;

use super::header::{MAX_ENTRIES, MAX_STORE};
use super::{MAX_FILES, MAX_PATHS};
use crate::entry::Kind;
use crate::tar_path::TarPathError;

/// Why a stream is no usable `.rpm`.
#[derive(Debug, thiserror::Error)]
pub enum RpmError {
    /// The reader failed, the file ends early, or the payload does not decompress.
    #[error("reading {what} failed")]
    Io {
        /// The part that was being read.
        what: &'static str,
        /// What the reader or the decompressor said.
        source: io::Error,
    },
    /// The file begins differently, or is of a version that nobody reads.
    #[error("found a lead that begins with {0}, expected edabeedb03 or edabeedb04, an RPM package")]
    Lead(String),
    /// The package holds sources.
    #[error("found a source package, expected a binary one")]
    Source,
    /// The package is of a newer form.
    #[error("found a package of format {0}, expected 4")]
    Format(u32),
    /// A header does not begin as headers do.
    #[error("found {found} at the beginning of the {section}, expected 8eade80100000000")]
    HeaderMagic {
        /// The header.
        section: &'static str,
        /// Its first bytes, in hexadecimal.
        found: String,
    },
    /// A header claims to be larger than any.
    #[error(
        "found a {section} of {entries} entries and {bytes} bytes, expected 1 to {MAX_ENTRIES} entries and {MAX_STORE} bytes at most"
    )]
    HeaderSize {
        /// The header.
        section: &'static str,
        /// How many entries it claims to have.
        entries: u32,
        /// The bytes of its data.
        bytes: u32,
    },
    /// An entry of a header's index says what cannot be.
    #[error("{section}: entry of tag {tag}: {problem}")]
    Entry {
        /// The header.
        section: &'static str,
        /// The tag in the entry.
        tag: u32,
        /// What is wrong with it.
        problem: String,
    },
    /// A tag that has to be there is not.
    #[error("found no tag {0} in the header")]
    Missing(&'static str),
    /// A tag has a value of another type or length.
    #[error("tag {tag}: found {found}, expected {expected}")]
    Value {
        /// The tag.
        tag: &'static str,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
    },
    /// The package says nothing by which its header could be verified.
    #[error("found no SHA-256 digest of the header, expected one among the signatures")]
    NoHeaderDigest,
    /// The header was altered.
    #[error("found a header with SHA-256 {found}, expected {expected}")]
    HeaderDigest {
        /// The digest of the bytes.
        found: Sha256,
        /// The digest in the package.
        expected: Sha256,
    },
    /// There are more files than in any kernel package.
    #[error(
        "found {files} files, expected {MAX_FILES} at most, whose paths have {MAX_PATHS} bytes at most"
    )]
    TooManyFiles {
        /// How many files.
        files: usize,
    },
    /// A path that leads elsewhere.
    #[error(transparent)]
    Path(#[from] TarPathError),
    /// A path in the header that is none.
    #[error("found file {0:?} in the header, expected an absolute path")]
    FileName(String),
    /// A file is listed twice, or comes twice.
    #[error("found file {0:?} twice")]
    Twice(String),
    /// Two names of one file do not say the same of it.
    #[error("found files {first:?} and {second:?} with one inode, but of different content")]
    HardLink {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// The payload's compression is told, but unknown.
    #[error("found a payload compressed with {0:?}, expected zstd, xz, gzip or nothing")]
    Compressor(String),
    /// The payload's compression is not told, though it is compressed.
    #[error("found no name of a compressor, and a payload that is not uncompressed")]
    NoCompressor,
    /// The payload is no archive of the known form.
    #[error("found cpio magic {0:?}, expected \"070701\"")]
    CpioMagic(String),
    /// A cpio header is malformed.
    #[error("found cpio header {0:?}, expected 13 numbers of 8 hexadecimal digits and a name")]
    CpioHeader(String),
    /// What fills up to a multiple of four bytes is not zero.
    #[error("found bytes other than zero where cpio pads, after {0:?}")]
    Padding(String),
    /// The archive goes on after its end.
    #[error("found data after the end of the cpio archive")]
    Trailing,
    /// A file that the header does not list, or that it says is not in the package.
    #[error("found file {0:?} in the payload, expected only those that the header lists")]
    Unlisted(String),
    /// A file is something else than the header says.
    #[error("found {path:?} to be a {found}, expected a {expected}")]
    Kind {
        /// The path.
        path: String,
        /// What it is in the payload.
        found: Kind,
        /// What the header says.
        expected: Kind,
    },
    /// A file has another size than the header says.
    #[error("found {path:?} with {found} bytes, expected {expected}")]
    Size {
        /// The path.
        path: String,
        /// In the payload.
        found: u64,
        /// In the header.
        expected: u64,
    },
    /// A file has another content than the header says.
    #[error("{path:?}: {mismatch}")]
    FileDigest {
        /// The path.
        path: String,
        /// Both digests.
        mismatch: DigestMismatch,
    },
    /// A link leads elsewhere than the header says.
    #[error("found {path:?} to lead to {found:?}, expected {expected:?}")]
    Target {
        /// The path.
        path: String,
        /// In the payload.
        found: String,
        /// In the header.
        expected: String,
    },
    /// Files of the header's list did not come.
    #[error("found no file {first:?} in the payload, and {others} others neither")]
    Absent {
        /// The first of them.
        first: String,
        /// How many more.
        others: usize,
    },
    /// A file with several names came without its content.
    #[error("found no content of file {0:?}, which has several names")]
    NoContent(String),
    /// The payload was altered.
    #[error("found a payload with SHA-256 {found}, expected {expected}")]
    PayloadDigest {
        /// The digest of the bytes.
        found: Sha256,
        /// The digest in the header.
        expected: Sha256,
    },
}

/// A content is not the one that was digested; comes wrapped into an [`io::Error`] where somebody reads it.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("found content with SHA-256 {found}, expected {expected}")]
pub struct DigestMismatch {
    /// The digest of the bytes.
    pub found: Sha256,
    /// The digest in the header.
    pub expected: Sha256,
}

impl RpmError {
    pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
