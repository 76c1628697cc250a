//! One attempt at a request: its redirects, its waits, its answer.

use std::time::Duration;

use url::Url;

use super::error::{Found, HttpError};
use super::exchange::{Event, Exchange, Head};
use super::transfer::{Bound, Sink, Transfer};
use super::{Downloaded, Http, has_credentials, is_loopback};

/// Redirects followed for one request.
const MAX_REDIRECTS: u32 = 5;

/// One attempt at one request, redirects included.
pub(super) struct Attempt<'a> {
    pub(super) http: &'a Http,
    pub(super) url: &'a str,
    pub(super) bound: Bound,
    pub(super) number: u32,
}

impl Attempt<'_> {
    pub(super) fn run(
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
                    return Err(HttpError::NotFound {
                        url: self.url.to_owned(),
                        status,
                    });
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
        let agent = if is_loopback(url) {
            &self.http.direct
        } else {
            &self.http.agent
        };
        Exchange::start(agent.clone(), url.to_string()).map_err(|source| HttpError::Thread {
            url: self.url.to_owned(),
            source,
        })
    }

    fn head(&self, exchange: &mut Exchange) -> Result<Head, HttpError> {
        let limits = &self.http.limits;
        let deadline = limits.connect * 2 + limits.stall;
        match self.next(
            exchange,
            &mut Window::default(),
            deadline,
            "the answer to begin",
            0,
        )? {
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

    pub(super) fn redirected(&self, from: &Url, head: &Head) -> Result<Url, HttpError> {
        let location = head.location.as_deref().unwrap_or_default();
        if location.is_empty() {
            return Err(self.refused("", "it names no place"));
        }
        let to = from
            .join(location)
            .map_err(|_| self.refused(location, "it is no URL"))?;
        let reason = match (from.scheme(), to.scheme()) {
            ("https", "http") => "it leaves https",
            (_, "http" | "https") if has_credentials(&to) => "it carries credentials",
            (_, "http" | "https") => return Ok(to),
            _ => "it leaves http",
        };
        Err(self.refused(location, reason))
    }

    fn refused(&self, to: &str, reason: &'static str) -> HttpError {
        let to = to
            .chars()
            .take(200)
            .flat_map(char::escape_default)
            .collect();
        HttpError::Redirect {
            url: self.url.to_owned(),
            to,
            reason,
        }
    }

    fn transport(&self, reason: String) -> HttpError {
        HttpError::Transport {
            url: self.url.to_owned(),
            reason,
            attempts: self.number,
        }
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
