//! The report: one JSON object a line, over a virtio port.

use std::fs::File;
use std::io::Write;

use protocol::{Event, Line, MAX_LINE, PORT, Step, VERSION};

use crate::clock;
use crate::error::{Attempt, Error, Result};
use crate::machine;

/// Where observations are told.
#[derive(Debug)]
pub(crate) struct Report {
    port: File,
    sequence: u64,
}

impl Report {
    /// Opens the report's port.
    pub(crate) fn open() -> Result<Self> {
        let port = machine::open_port(PORT)?;
        Ok(Self { port, sequence: 0 })
    }

    /// Tells that something happened.
    pub(crate) fn tell(&mut self, event: Event) -> Result<()> {
        let line = self.line(VERSION, event)?;
        self.write(&line)
    }

    /// Tells what came of a step, and that it ended.
    pub(crate) fn end(&mut self, step: Step, outcome: Result<Event>) -> Result<()> {
        let failed = |error: Error| Event::Failed {
            step,
            error: error.to_string(),
        };
        let mut lines = self.line(VERSION, outcome.unwrap_or_else(failed))?;
        if lines.len() > MAX_LINE {
            let error = Error::new(format!("the observation takes {} bytes", lines.len()));
            lines = self.line(VERSION, failed(error))?;
        }
        self.sequence += 1;
        // In one write, because every one makes an emulated machine stop for a moment.
        lines.extend(self.line(VERSION, Event::End(step))?);
        self.write(&lines)
    }

    /// Tells something in the protocol of another version.
    pub(crate) fn tell_newer(&mut self) -> Result<()> {
        let line = self.line(VERSION + 1, Event::Hello)?;
        self.write(&line)
    }

    /// Tells half of something.
    pub(crate) fn tell_half(&mut self, event: Event) -> Result<()> {
        let line = self.line(VERSION, event)?;
        self.write(&line[..line.len() / 2])
    }

    fn line(&self, version: u32, event: Event) -> Result<Vec<u8>> {
        let line = Line {
            version,
            sequence: self.sequence,
            time: clock::now(),
            event,
        };
        let mut bytes = serde_json::to_vec(&line)
            .map_err(|error| Error::new(format!("write a line: {error}")))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn write(&mut self, line: &[u8]) -> Result<()> {
        self.sequence += 1;
        self.port
            .write_all(line)
            .attempt("write to the report's port")
    }
}
