//! A program that runs: its streams, its deadline and its end.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{Output, Process, ProcessError};
use crate::cancel::{Cancel, TICK};
use crate::clock::Stopwatch;

/// How long a program may take to clean up after SIGTERM before it gets SIGKILL.
const GRACE: Duration = Duration::from_secs(1);
/// How long the streams of a program that has ended may be silent before its children, who hold
/// them open, are killed.
const ORPHANS: Duration = Duration::from_secs(2);

/// A piece of one of the two streams.
enum Piece {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
}

/// A started program; dropping it kills it.
pub(super) struct Running<'a> {
    process: &'a Process,
    child: Child,
    own_group: bool,
    since: Stopwatch,
    ended: Option<ExitStatus>,
}

impl<'a> Running<'a> {
    pub(super) fn start(
        process: &'a Process,
        mut command: Command,
        own_group: bool,
    ) -> io::Result<Self> {
        if own_group {
            command.process_group(0);
        }
        let child = command.spawn()?;
        Ok(Self {
            process,
            child,
            own_group,
            since: Stopwatch::start(),
            ended: None,
        })
    }

    /// Waits for the end.
    pub(super) fn wait(&mut self, cancel: &Cancel) -> Result<ExitStatus, ProcessError> {
        loop {
            if let Some(status) = self.poll()? {
                return Ok(status);
            }
            self.check(cancel, &Output::default())?;
            std::thread::sleep(TICK);
        }
    }

    /// Passes the output on and keeps the end of the error output until both end and the program
    /// does.
    pub(super) fn drain(
        &mut self,
        cancel: &Cancel,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(ExitStatus, Output), ProcessError> {
        let pieces = self.read_streams()?;
        let mut stderr = Output::default();
        let mut silent = Stopwatch::start();
        loop {
            self.check(cancel, &stderr)?;
            match pieces.recv_timeout(TICK) {
                Ok(Piece::Stdout(bytes)) => sink(&bytes).map_err(|source| ProcessError::Sink {
                    command: self.process.to_string(),
                    source,
                })?,
                Ok(Piece::Stderr(bytes)) => stderr.push(&bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    if self.poll()?.is_some() && silent.elapsed() > ORPHANS {
                        self.signal(Signal::KILL);
                        break;
                    }
                    continue;
                }
            }
            silent = Stopwatch::start();
        }
        stderr.trim();
        loop {
            if let Some(status) = self.poll()? {
                return Ok((status, stderr));
            }
            self.check(cancel, &stderr)?;
            std::thread::sleep(TICK);
        }
    }

    fn read_streams(&mut self) -> Result<Receiver<Piece>, ProcessError> {
        let (sender, receiver) = mpsc::sync_channel(4);
        let stdout = self.child.stdout.take().map(|stream| {
            let sender = sender.clone();
            spawn_reader(move || forward(stream, &sender, Piece::Stdout))
        });
        let stderr = self.child.stderr.take();
        let stderr =
            stderr.map(|stream| spawn_reader(move || forward(stream, &sender, Piece::Stderr)));
        let both: io::Result<Vec<()>> = [stdout, stderr].into_iter().flatten().collect();
        both.map_err(|source| self.wait_failed(source))?;
        Ok(receiver)
    }

    fn check(&mut self, cancel: &Cancel, stderr: &Output) -> Result<(), ProcessError> {
        if let Err(interrupted) = cancel.check() {
            self.end();
            return Err(interrupted.into());
        }
        if self.since.elapsed() < self.process.deadline {
            return Ok(());
        }
        self.end();
        Err(ProcessError::Deadline {
            command: self.process.to_string(),
            waited_for: self.process.waited_for.clone(),
            after: self.process.deadline,
            stderr: stderr.shown(),
        })
    }

    fn poll(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        if self.ended.is_none() {
            let polled = self.child.try_wait();
            self.ended = polled.map_err(|source| self.wait_failed(source))?;
        }
        Ok(self.ended)
    }

    fn wait_failed(&self, source: io::Error) -> ProcessError {
        ProcessError::Wait {
            command: self.process.to_string(),
            source,
        }
    }

    /// Asks the program to end, then ends it, with all of its group.
    fn end(&mut self) {
        if self.ended.is_none() {
            self.signal(Signal::TERM);
            let since = Stopwatch::start();
            while since.elapsed() < GRACE && matches!(self.poll(), Ok(None)) {
                std::thread::sleep(TICK);
            }
        }
        // Also when the program itself is gone: its children may not be.
        self.signal(Signal::KILL);
        if self.ended.is_none() {
            self.ended = self.child.wait().ok();
        }
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else {
            return;
        };
        // It fails when nobody is left to be killed.
        if self.own_group {
            let _ = kill_process_group(pid, signal);
        } else if self.ended.is_none() {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.end();
        }
    }
}

fn spawn_reader(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new()
        .name("output".to_owned())
        .spawn(work)
        .map(drop)
}

fn forward(mut stream: impl Read, pieces: &SyncSender<Piece>, wrap: fn(Vec<u8>) -> Piece) {
    loop {
        let mut piece = vec![0; 1 << 14];
        match stream.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(read) if read > 0 => {
                piece.truncate(read);
                if pieces.send(wrap(piece)).is_err() {
                    return;
                }
            }
            _ => return,
        }
    }
}
