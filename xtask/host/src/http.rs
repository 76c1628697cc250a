//! Fetching over HTTP: bounded, cancellable, and never trusting what comes back.
//!
//! A request runs in a thread of its own and hands its bytes over in chunks, so that whoever waits
//! can stop at once, whatever the network is doing: resolving, connecting, or silent. A thread that
//! nobody waits for any more ends by its own time limits.

mod exchange;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use camino::Utf8PathBuf;
use model::digest::Sha256;
use sha2::Digest;
use url::Url;

use crate::cancel::{Cancel, Interrupted};
use crate::category::Category;
use exchange::{Event, Exchange, Head};

/// Redirects followed for one request.
const MAX_REDIRECTS: u32 = 5;
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

/// A finished and verified download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloaded {
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
}

/// A request that failed. All URLs are as written by the caller unless said otherwise.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The URL cannot be used.
    #[error("fetching `{url}`: an http, https or file URL without credentials is expected, {reason}")]
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
    #[error("verifying {url}: expected {expected}, found {found}")]
    Mismatch {
        /// The URL.
        url: String,
        /// What it should be.
        expected: Expected,
        /// What it is.
        found: Found,
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
        matches!(self, Self::Sink { .. } | Self::Thread { .. } | Self::Interrupted(_))
    }

    fn is_worth_a_retry(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::Stalled { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

/// Where the bytes of one request go; it may start over.
trait Sink {
    fn restart(&mut self) -> io::Result<()>;
    fn put(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl Sink for Vec<u8> {
    fn restart(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

impl Sink for File {
    fn restart(&mut self) -> io::Result<()> {
        self.set_len(0)?;
        self.seek(SeekFrom::Start(0)).map(drop)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }
}

/// The size and content that a request may have.
#[derive(Clone, Copy)]
struct Bound {
    expected: Expected,
    limit: u64,
}

impl Bound {
    fn exceeded(&self, url: &str, found: Found) -> HttpError {
        let url = url.to_owned();
        match self.expected.size {
            Some(_) => HttpError::Mismatch { url, expected: self.expected, found },
            None => HttpError::TooLarge { url, limit: self.limit, found },
        }
    }
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
        Self { agent, direct, limits, cancel }
    }

    /// The same client, stopped by another flag.
    #[must_use]
    pub fn with_cancel(&self, cancel: Cancel) -> Self {
        Self { cancel, ..self.clone() }
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
        let bound = Bound { expected: Expected::default(), limit: limit_bytes };
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
        let bound = Bound { expected: *expected, limit };
        let done = self.fetch(url, bound, sink, progress)?;
        let wrong_size = expected.size.is_some_and(|size| size != done.size);
        if wrong_size || expected.sha256.is_some_and(|sha256| sha256 != done.sha256) {
            let found = Found::Content { size: done.size, sha256: done.sha256 };
            return Err(HttpError::Mismatch { url: url.to_owned(), expected: *expected, found });
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
            let attempt = Attempt { http: self, url, bound, number: attempts };
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
        let path = url.to_file_path().ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
        let path = path.ok_or_else(|| bad_url(url.as_str(), "found no absolute local path"))?;
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => HttpError::NotFound { url: url.to_string(), status: 404 },
            _ => HttpError::ReadFile { path: path.clone(), source },
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

/// One attempt at one request, redirects included.
struct Attempt<'a> {
    http: &'a Http,
    url: &'a str,
    bound: Bound,
    number: u32,
}

impl Attempt<'_> {
    fn run(
        &self,
        url: &Url,
        sink: &mut dyn Sink,
        progress: &dyn Fn(u64),
    ) -> Result<Downloaded, HttpError> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut exchange = self.begin(&url)?;
            let head = self.head(&mut exchange)?;
            match head.status {
                200 => return self.body(&mut exchange, &head, sink, progress),
                301 | 302 | 303 | 307 | 308 => url = self.redirected(&url, &head)?,
                status @ (404 | 410) => {
                    return Err(HttpError::NotFound { url: self.url.to_owned(), status });
                }
                status => {
                    return Err(HttpError::Status {
                        url: self.url.to_owned(),
                        status,
                        attempts: self.number,
                        retry_after: head.retry_after,
                    });
                }
            }
        }
        Err(self.refused(url.as_str(), "five redirects were followed already"))
    }

    fn begin(&self, url: &Url) -> Result<Exchange, HttpError> {
        let agent = if is_loopback(url) { &self.http.direct } else { &self.http.agent };
        Exchange::start(agent.clone(), url.to_string())
            .map_err(|source| HttpError::Thread { url: self.url.to_owned(), source })
    }

    fn head(&self, exchange: &mut Exchange) -> Result<Head, HttpError> {
        let limits = &self.http.limits;
        let deadline = limits.connect * 2 + limits.stall;
        match self.next(exchange, &mut Window::default(), deadline, "the answer to begin", 0)? {
            Event::Head(head) => Ok(head),
            _ => Err(self.transport("an answer without a head".to_owned())),
        }
    }

    fn body(
        &self,
        exchange: &mut Exchange,
        head: &Head,
        sink: &mut dyn Sink,
        progress: &dyn Fn(u64),
    ) -> Result<Downloaded, HttpError> {
        if let Some(length) = head.length {
            let too_large = length > self.bound.limit;
            if too_large || self.bound.expected.size.is_some_and(|size| size != length) {
                return Err(self.bound.exceeded(self.url, Found::Announced(length)));
            }
        }
        let mut transfer = Transfer::start(self.url, self.bound, sink, progress)?;
        let mut window = Window::default();
        let limits = &self.http.limits;
        loop {
            let received = transfer.size;
            match self.next(exchange, &mut window, limits.stall, "more bytes", received)? {
                Event::Chunk(bytes) => {
                    window.count(bytes.len() as u64, limits.stall_bytes);
                    transfer.put(&bytes)?;
                }
                Event::End => return Ok(transfer.finish()),
                Event::Head(_) | Event::Failed(_) => {
                    return Err(self.transport("a second head in one answer".to_owned()));
                }
            }
        }
    }

    /// The next event of the exchange, within what is left of the window's deadline.
    fn next(
        &self,
        exchange: &mut Exchange,
        window: &mut Window,
        deadline: Duration,
        waited_for: &'static str,
        received: u64,
    ) -> Result<Event, HttpError> {
        loop {
            self.http.cancel.check()?;
            let event = exchange.wait(&mut window.waited);
            match event {
                Some(Event::Failed(reason)) => return Err(self.transport(reason)),
                Some(event) => return Ok(event),
                None if window.waited >= deadline => {
                    return Err(HttpError::Stalled {
                        url: self.url.to_owned(),
                        waited_for,
                        waited: window.waited,
                        received,
                        attempts: self.number,
                    });
                }
                None => {}
            }
        }
    }

    fn redirected(&self, from: &Url, head: &Head) -> Result<Url, HttpError> {
        let location = head.location.as_deref().unwrap_or_default();
        if location.is_empty() {
            return Err(self.refused("", "it names no place"));
        }
        let to = from.join(location).map_err(|_| self.refused(location, "it is no URL"))?;
        let reason = match (from.scheme(), to.scheme()) {
            ("https", "http") => "it leaves https",
            (_, "http" | "https") if has_credentials(&to) => "it carries credentials",
            (_, "http" | "https") => return Ok(to),
            _ => "it leaves http",
        };
        Err(self.refused(location, reason))
    }

    fn refused(&self, to: &str, reason: &'static str) -> HttpError {
        let to = to.chars().take(200).flat_map(char::escape_default).collect();
        HttpError::Redirect { url: self.url.to_owned(), to, reason }
    }

    fn transport(&self, reason: String) -> HttpError {
        HttpError::Transport { url: self.url.to_owned(), reason, attempts: self.number }
    }
}

/// How long the network has been waited for since enough bytes came; the time that writing takes
/// does not count.
#[derive(Default)]
struct Window {
    waited: Duration,
    bytes: u64,
}

impl Window {
    fn count(&mut self, bytes: u64, enough: u64) {
        self.bytes += bytes;
        if self.bytes >= enough {
            *self = Self::default();
        }
    }
}

/// Bytes on their way into a sink: counted, bounded and hashed.
struct Transfer<'a> {
    url: &'a str,
    bound: Bound,
    sink: &'a mut dyn Sink,
    progress: &'a dyn Fn(u64),
    size: u64,
    hasher: sha2::Sha256,
}

impl<'a> Transfer<'a> {
    fn start(
        url: &'a str,
        bound: Bound,
        sink: &'a mut dyn Sink,
        progress: &'a dyn Fn(u64),
    ) -> Result<Self, HttpError> {
        sink.restart().map_err(|source| HttpError::Sink { url: url.to_owned(), source })?;
        progress(0);
        Ok(Self { url, bound, sink, progress, size: 0, hasher: sha2::Sha256::new() })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), HttpError> {
        self.size += bytes.len() as u64;
        if self.size > self.bound.limit {
            return Err(self.bound.exceeded(self.url, Found::MoreThan(self.bound.limit)));
        }
        self.hasher.update(bytes);
        self.sink
            .put(bytes)
            .map_err(|source| HttpError::Sink { url: self.url.to_owned(), source })?;
        (self.progress)(self.size);
        Ok(())
    }

    fn finish(self) -> Downloaded {
        Downloaded { size: self.size, sha256: Sha256::finish(self.hasher) }
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
    let url = url.chars().take(200).flat_map(char::escape_default).collect();
    HttpError::BadUrl { url, reason: reason.to_owned() }
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
