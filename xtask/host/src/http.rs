//! Fetching over HTTP: bounded, cancellable, and never trusting what comes back.
//!
//! A request runs in a thread of its own and hands its bytes over in chunks, so that whoever waits
//! can stop at once, whatever the network is doing: resolving, connecting, or silent. A thread that
//! nobody waits for any more ends by its own time limits.

mod attempt;
mod error;
mod exchange;
#[cfg(test)]
mod tests;
mod transfer;

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use camino::Utf8PathBuf;
use model::digest::Sha256;
use url::Url;

use crate::cancel::Cancel;
use attempt::Attempt;
use error::mismatch;
use transfer::{Bound, Sink, Transfer};

pub use error::{Expected, Found, HttpError, WrongBytes};

/// The longest pause a server may ask for with `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// The time and size limits of all requests; tests make them short.
#[derive(Debug, Clone)]
pub struct Limits {
    /// For resolving a name, and again for connecting.
    pub connect: Duration,
    /// The longest wait for `stall_bytes` more bytes, or for the start of an answer.
    pub stall: Duration,
    /// How many bytes must arrive within `stall`; less is a stalled download.
    pub stall_bytes: u64,
    /// Attempts after the first one that failed.
    pub retries: u32,
    /// The pause before the first retry; it doubles with each further one.
    pub backoff: Duration,
    /// The largest download whose size is not known beforehand, in bytes.
    pub unknown_size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            stall_bytes: 1024,
            retries: 3,
            backoff: Duration::from_millis(500),
            unknown_size: 2 << 30,
        }
    }
}

/// A finished and verified download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloaded {
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
}

/// The HTTP client; clones share connections.
///
/// Proxies come from `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`; the loopback
/// addresses are always reached directly. Server certificates are checked against Mozilla's roots.
#[derive(Debug, Clone)]
pub struct Http {
    agent: ureq::Agent,
    direct: ureq::Agent,
    limits: Limits,
    cancel: Cancel,
}

impl Http {
    /// A client with the usual limits.
    pub fn new(cancel: Cancel) -> Self {
        Self::with_limits(cancel, Limits::default())
    }

    /// A client with limits of the caller.
    pub fn with_limits(cancel: Cancel, limits: Limits) -> Self {
        let agent = exchange::agent(&limits, ureq::Proxy::try_from_env());
        let direct = exchange::agent(&limits, None);
        Self {
            agent,
            direct,
            limits,
            cancel,
        }
    }

    /// The same client, stopped by another flag.
    #[must_use]
    pub fn with_cancel(&self, cancel: Cancel) -> Self {
        Self {
            cancel,
            ..self.clone()
        }
    }

    /// The flag that stops this client's requests.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Fetches metadata of at most `limit_bytes` into memory. Nothing about it is verified.
    ///
    /// # Errors
    /// When it cannot be fetched or is larger.
    pub fn get_small(&self, url: &str, limit_bytes: u64) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        let bound = Bound {
            expected: Expected::default(),
            limit: limit_bytes,
        };
        self.fetch(url, bound, &mut bytes, &|_| ())?;
        Ok(bytes)
    }

    /// Fetches a file into `sink`, replacing what that holds, and verifies it.
    ///
    /// `progress` gets the bytes received so far; that starts again from 0 with each new attempt.
    ///
    /// # Errors
    /// When it cannot be fetched, or is not as expected; what `sink` then holds is worthless.
    pub fn download(
        &self,
        url: &str,
        expected: &Expected,
        sink: &mut File,
        progress: &dyn Fn(u64),
    ) -> Result<Downloaded, HttpError> {
        let limit = expected.size.unwrap_or(self.limits.unknown_size);
        let bound = Bound {
            expected: *expected,
            limit,
        };
        let done = self.fetch(url, bound, sink, progress)?;
        let wrong_size = expected.size.is_some_and(|size| size != done.size);
        if wrong_size || expected.sha256.is_some_and(|sha256| sha256 != done.sha256) {
            let found = Found::Content {
                size: done.size,
                sha256: done.sha256,
            };
            return Err(mismatch(url.to_owned(), *expected, found));
        }
        Ok(done)
    }

    fn fetch(
        &self,
        url: &str,
        bound: Bound,
        sink: &mut dyn Sink,
        progress: &dyn Fn(u64),
    ) -> Result<Downloaded, HttpError> {
        self.cancel.check()?;
        let parsed = parse_url(url)?;
        if parsed.scheme() == "file" {
            return self.copy_file(&parsed, bound, sink, progress);
        }
        let mut pause = self.limits.backoff;
        let mut attempts = 1;
        loop {
            let attempt = Attempt {
                http: self,
                url,
                bound,
                number: attempts,
            };
            match attempt.run(&parsed, sink, progress) {
                Err(error) if error.is_worth_a_retry() && attempts <= self.limits.retries => {
                    tracing::debug!("{error}; trying again");
                    let asked = match error {
                        HttpError::Status { retry_after, .. } => retry_after.unwrap_or_default(),
                        _ => Duration::ZERO,
                    };
                    self.cancel.sleep(pause.max(asked.min(MAX_RETRY_AFTER)))?;
                }
                result => return result,
            }
            pause *= 2;
            attempts += 1;
        }
    }

    fn copy_file(
        &self,
        url: &Url,
        bound: Bound,
        sink: &mut dyn Sink,
        progress: &dyn Fn(u64),
    ) -> Result<Downloaded, HttpError> {
        let path = url
            .to_file_path()
            .ok()
            .and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
        let path = path.ok_or_else(|| bad_url(url.as_str(), "found no absolute local path"))?;
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => HttpError::NotFound {
                url: url.to_string(),
                status: 404,
            },
            _ => HttpError::ReadFile {
                path: path.clone(),
                source,
            },
        };
        if !std::fs::metadata(&path).map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("not a regular file")));
        }
        let mut file = File::open(&path).map_err(failed)?;
        let mut transfer = Transfer::start(url.as_str(), bound, sink, progress)?;
        let mut chunk = vec![0; 1 << 16];
        loop {
            self.cancel.check()?;
            match file.read(&mut chunk).map_err(failed)? {
                0 => return Ok(transfer.finish()),
                read => transfer.put(&chunk[..read])?,
            }
        }
    }
}

/// Parses a URL that a request may start with.
pub(crate) fn parse_url(text: &str) -> Result<Url, HttpError> {
    let url = Url::parse(text).map_err(|error| bad_url(text, &format!("found none: {error}")))?;
    if has_credentials(&url) {
        return Err(bad_url("(not shown)", "found a user name or password"));
    }
    match url.scheme() {
        "http" | "https" | "file" => Ok(url),
        scheme => Err(bad_url(text, &format!("found the scheme `{scheme}`"))),
    }
}

fn bad_url(url: &str, reason: &str) -> HttpError {
    let url = url
        .chars()
        .take(200)
        .flat_map(char::escape_default)
        .collect();
    HttpError::BadUrl {
        url,
        reason: reason.to_owned(),
    }
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
