//! What can go wrong with a request.

use std::fmt;
use std::io;
use std::time::Duration;

use camino::Utf8PathBuf;
use model::digest::Sha256;

use crate::cancel::Interrupted;
use crate::category::Category;

/// What a download must be; what is `None` is not checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    /// The size in bytes.
    pub size: Option<u64>,
    /// The digest.
    pub sha256: Option<Sha256>,
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.size, self.sha256) {
            (Some(size), Some(sha256)) => write!(formatter, "{size} bytes with SHA-256 {sha256}"),
            (Some(size), None) => write!(formatter, "{size} bytes"),
            (None, Some(sha256)) => write!(formatter, "SHA-256 {sha256}"),
            (None, None) => formatter.write_str("anything"),
        }
    }
}

/// What came instead of what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A complete file.
    Content {
        /// Its size in bytes.
        size: u64,
        /// Its digest.
        sha256: Sha256,
    },
    /// The server announced this many bytes; none of them was read.
    Announced(u64),
    /// More than this many bytes; the rest was not read.
    MoreThan(u64),
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content { size, sha256 } => {
                write!(formatter, "{size} bytes with SHA-256 {sha256}")
            }
            Self::Announced(size) => write!(formatter, "an announced size of {size} bytes"),
            Self::MoreThan(size) => write!(formatter, "more than {size} bytes"),
        }
    }
}

/// Bytes that are not the expected ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongBytes {
    /// What they should be.
    pub expected: Expected,
    /// What they are.
    pub found: Found,
}

impl fmt::Display for WrongBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "expected {}, found {}",
            self.expected, self.found
        )
    }
}

/// A request that failed. All URLs are as written by the caller unless said otherwise.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The URL cannot be used.
    #[error(
        "fetching `{url}`: an http, https or file URL without credentials is expected, {reason}"
    )]
    BadUrl {
        /// The URL, escaped, without credentials.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server or file system does not have it.
    #[error("fetching {url}: not found (status {status})")]
    NotFound {
        /// The URL.
        url: String,
        /// 404 or 410; 404 for files.
        status: u16,
    },
    /// The server answered with another status than 200.
    #[error("fetching {url}: status 200 expected, found {status} ({attempts} attempts)")]
    Status {
        /// The URL.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Attempts made.
        attempts: u32,
        /// How long the server asked to wait.
        retry_after: Option<Duration>,
    },
    /// Name resolution, connection, TLS or protocol failed, or the answer broke off.
    #[error("fetching {url}: {reason} ({attempts} attempts)")]
    Transport {
        /// The URL.
        url: String,
        /// What the network said, escaped.
        reason: String,
        /// Attempts made.
        attempts: u32,
    },
    /// Too little came for too long.
    #[error(
        "fetching {url}: waited {} s for {waited_for}, after {received} bytes ({attempts} attempts)",
        waited.as_secs_f32()
    )]
    Stalled {
        /// The URL.
        url: String,
        /// `the answer to begin` or `more bytes`.
        waited_for: &'static str,
        /// How long.
        waited: Duration,
        /// Bytes received before.
        received: u64,
        /// Attempts made.
        attempts: u32,
    },
    /// A redirect that is not followed.
    #[error("fetching {url}: refusing the redirect to `{to}`: {reason}")]
    Redirect {
        /// The URL.
        url: String,
        /// Where the server pointed, escaped.
        to: String,
        /// Why it is not followed.
        reason: &'static str,
    },
    /// More than the caller's limit for something of unknown size.
    #[error("fetching {url}: at most {limit} bytes expected, found {found}")]
    TooLarge {
        /// The URL.
        url: String,
        /// The limit in bytes.
        limit: u64,
        /// What came.
        found: Found,
    },
    /// Other bytes than expected.
    #[error("verifying {url}: {wrong}")]
    Mismatch {
        /// The URL.
        url: String,
        /// What it should be and what it is.
        wrong: Box<WrongBytes>,
    },
    /// What arrived cannot be written.
    #[error("writing what {url} sent")]
    Sink {
        /// The URL.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// A file named by a `file:` URL cannot be read.
    #[error("reading the file {path}")]
    ReadFile {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The host refuses a thread for the request.
    #[error("starting a thread to fetch {url}")]
    Thread {
        /// The URL.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// Cancelled.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl HttpError {
    /// Who has to act.
    pub fn category(&self) -> Category {
        match self {
            Self::BadUrl { .. } => Category::Input,
            Self::Mismatch { .. } => Category::Verification,
            Self::Interrupted(interrupted) => interrupted.category(),
            _ => Category::Host,
        }
    }

    /// Whether this host, and not the server, is the reason: another URL would not help.
    pub(crate) fn is_local(&self) -> bool {
        matches!(
            self,
            Self::Sink { .. } | Self::Thread { .. } | Self::Interrupted(_)
        )
    }

    pub(super) fn is_worth_a_retry(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::Stalled { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

/// Other bytes than expected came from `url`.
pub(super) fn mismatch(url: String, expected: Expected, found: Found) -> HttpError {
    HttpError::Mismatch {
        url,
        wrong: Box::new(WrongBytes { expected, found }),
    }
}
