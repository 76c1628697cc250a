//! One HTTP exchange in a thread of its own.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use ureq::http::HeaderMap;
use ureq::http::header::{CONTENT_LENGTH, LOCATION, RETRY_AFTER};

use super::Limits;
use crate::cancel::TICK;
use crate::clock::Stopwatch;

/// How far the network may run ahead of the disk: this many chunks.
const CHUNKS_AHEAD: usize = 4;
const CHUNK: usize = 1 << 16;

/// What happens in an exchange, in order: a head, chunks, an end; or a failure at any point.
pub(super) enum Event {
    Head(Head),
    Chunk(Vec<u8>),
    End,
    Failed(String),
}

/// The part of an answer's head that matters here.
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) length: Option<u64>,
    pub(super) retry_after: Option<Duration>,
}

/// A request under way. Dropping it abandons the request.
pub(super) struct Exchange(Receiver<Event>);

/// A client that follows no redirect and makes no error of a status: both are decided here.
pub(super) fn agent(limits: &Limits, proxy: Option<ureq::Proxy>) -> ureq::Agent {
    // Longer than whoever waits has patience: these only end abandoned threads.
    let stall = limits.stall + Duration::from_secs(5);
    ureq::Agent::config_builder()
        .user_agent(concat!("mptcp-kernels/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(proxy)
        .timeout_resolve(Some(limits.connect))
        .timeout_connect(Some(limits.connect))
        .timeout_per_write(Some(stall))
        .timeout_per_read(Some(stall))
        .timeout_recv_response(Some(stall))
        .build()
        .new_agent()
}

impl Exchange {
    /// Starts to GET `url`.
    pub(super) fn start(agent: ureq::Agent, url: String) -> io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(CHUNKS_AHEAD);
        std::thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                let last = match run(&agent, &url, &sender) {
                    Ok(()) => Event::End,
                    Err(reason) => Event::Failed(reason),
                };
                // Nobody listens any more when the request was abandoned.
                let _ = sender.send(last);
            })?;
        Ok(Self(receiver))
    }

    /// Waits a moment for the next event, and adds the time that took to `waited`.
    pub(super) fn wait(&mut self, waited: &mut Duration) -> Option<Event> {
        let watch = Stopwatch::start();
        let event = self.0.recv_timeout(TICK);
        *waited += watch.elapsed();
        match event {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                Some(Event::Failed("the request's thread ended early".to_owned()))
            }
        }
    }
}

fn run(agent: &ureq::Agent, url: &str, events: &SyncSender<Event>) -> Result<(), String> {
    let response = agent
        .get(url)
        .call()
        .map_err(|error| printable(&error.to_string()))?;
    let (head, body) = response.into_parts();
    let complete = head.status.as_u16() == 200;
    let head = read_head(head.status.as_u16(), &head.headers);
    if events.send(Event::Head(head)).is_err() || !complete {
        return Ok(());
    }
    let mut body = body.into_reader();
    loop {
        let mut chunk = vec![0; CHUNK];
        let read = body
            .read(&mut chunk)
            .map_err(|error| printable(&error.to_string()))?;
        chunk.truncate(read);
        if read == 0 || events.send(Event::Chunk(chunk)).is_err() {
            return Ok(());
        }
    }
}

fn read_head(status: u16, headers: &HeaderMap) -> Head {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    Head {
        status,
        location: text(LOCATION).map(str::to_owned),
        length: text(CONTENT_LENGTH).and_then(|value| value.trim().parse().ok()),
        retry_after: text(RETRY_AFTER)
            .and_then(|value| value.trim().parse().ok())
            .map(Duration::from_secs),
    }
}

/// What a server or resolver said, fit for a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .take(300)
        .map(|char| {
            if char.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                char
            }
        })
        .collect()
}
