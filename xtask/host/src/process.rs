//! The door to other programs: nothing of this process's environment leaks in, nothing is waited
//! for without a deadline, and nothing survives that was cancelled.

mod running;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io;
use std::io::{Seek, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cancel::{Cancel, Interrupted};
use crate::category::Category;
use crate::environment;
use running::Running;

/// How much of each output stream is kept, in bytes: its end.
pub const MAX_CAPTURED: usize = 1 << 20;
/// How much of the error output an error shows, in bytes: its end.
const SHOWN: usize = 2000;

/// A program that did not do what it was started for.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program is not installed, or the working directory does not exist.
    #[error("starting `{command}` in {directory}: the program or the directory was not found")]
    NotFound {
        /// Program and arguments.
        command: String,
        /// The working directory.
        directory: Utf8PathBuf,
    },
    /// The host does not start it, or its input cannot be handed over.
    #[error("starting `{command}` in {directory}")]
    Start {
        /// Program and arguments.
        command: String,
        /// The working directory.
        directory: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The host does not tell how it goes on.
    #[error("waiting for `{command}`")]
    Wait {
        /// Program and arguments.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// It ended with another status than 0, or by a signal.
    #[error(
        "running `{command}`: exit status 0 expected, found {status}{}",
        Tail(stderr)
    )]
    Failed {
        /// Program and arguments.
        command: String,
        /// The status.
        status: ExitStatus,
        /// The end of its error output, fit for a terminal; empty when that was not captured.
        stderr: String,
    },
    /// It was killed for taking too long.
    #[error("waiting for {waited_for}: `{command}` did not end within {} s{}", after.as_secs_f32(), Tail(stderr))]
    Deadline {
        /// Program and arguments.
        command: String,
        /// What was waited for.
        waited_for: String,
        /// How long.
        after: Duration,
        /// The end of its error output, fit for a terminal.
        stderr: String,
    },
    /// Where its output goes does not take it; it was killed.
    #[error("passing on the output of `{command}`")]
    Sink {
        /// Program and arguments.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// Its output was to be used as text and is not complete UTF-8.
    #[error(
        "reading the output of `{command}`: at most {MAX_CAPTURED} bytes of UTF-8 expected, found {found}"
    )]
    Output {
        /// Program and arguments.
        command: String,
        /// What it is.
        found: String,
    },
    /// Cancelled; it was killed.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl ProcessError {
    /// Who has to act.
    pub fn category(&self) -> Category {
        match self {
            Self::Interrupted(interrupted) => interrupted.category(),
            _ => Category::Host,
        }
    }
}

/// The end of an error output, as the last part of a message.
struct Tail<'a>(&'a str);

impl fmt::Display for Tail<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(formatter, "; it said: {}", self.0)
        }
    }
}

/// The most memory that this process ever held, in bytes; `None` where the host does not tell.
pub fn own_peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The end of what a stream gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// The bytes: at most [`MAX_CAPTURED`].
    pub bytes: Vec<u8>,
    /// How many bytes came before and were dropped.
    pub dropped: u64,
}

impl Output {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Moves at most as many bytes as have come since the last time.
        if self.bytes.len() > 2 * MAX_CAPTURED {
            self.trim();
        }
    }

    fn trim(&mut self) {
        let excess = self.bytes.len().saturating_sub(MAX_CAPTURED);
        self.bytes.drain(..excess);
        self.dropped += excess as u64;
    }

    /// The end, fit for a terminal: one line, control characters replaced.
    pub(crate) fn shown(&self) -> String {
        let start = self.bytes.len().saturating_sub(SHOWN);
        let text = String::from_utf8_lossy(&self.bytes[start..]);
        let lines: Vec<_> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let replace = |char: char| {
            if char.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                char
            }
        };
        lines.join(" | ").chars().map(replace).collect()
    }
}

/// What a program gave until it ended.
#[derive(Debug, Clone)]
pub struct Captured {
    /// Program and arguments.
    command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Its output; empty when that went elsewhere.
    pub stdout: Output,
    /// Its error output.
    pub stderr: Output,
}

impl Captured {
    /// # Errors
    /// When the program ended with another status than 0.
    pub fn success(self) -> Result<Self, ProcessError> {
        if self.status.success() {
            return Ok(self);
        }
        let stderr = self.stderr.shown();
        Err(ProcessError::Failed {
            command: self.command,
            status: self.status,
            stderr,
        })
    }

    /// The output as text.
    ///
    /// # Errors
    /// When the program failed, gave too much, or no UTF-8.
    pub fn text(self) -> Result<String, ProcessError> {
        let this = self.success()?;
        if this.stdout.dropped > 0 {
            let found = format!("{} bytes more", this.stdout.dropped);
            return Err(ProcessError::Output {
                command: this.command,
                found,
            });
        }
        String::from_utf8(this.stdout.bytes).map_err(|error| ProcessError::Output {
            command: this.command,
            found: error.utf8_error().to_string(),
        })
    }
}

/// A program to run, with all that it may know of the host.
///
/// Its environment is `PATH` and `HOME` of this process, a UTF-8 locale without language, UTC, and
/// what [`Process::environment`] adds. Its input is what [`Process::input`] says, else empty unless it
/// inherits the terminal.
#[derive(Debug, Clone)]
pub struct Process {
    program: String,
    arguments: Vec<String>,
    directory: Utf8PathBuf,
    environment: Vec<(String, String)>,
    input: Option<Arc<File>>,
    deadline: Duration,
    waited_for: String,
}

impl Process {
    /// A program, by name in `PATH` or by path, that works in `directory`. When it has not ended
    /// after `deadline`, it is killed, and the error says that `waited_for` was waited for.
    pub fn new(
        program: impl Into<String>,
        directory: impl AsRef<Utf8Path>,
        deadline: Duration,
        waited_for: impl Into<String>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            directory: directory.as_ref().to_owned(),
            environment: Vec::new(),
            input: None,
            deadline,
            waited_for: waited_for.into(),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments<T: Into<String>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds or replaces an environment variable.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Gives it a file to read, from its beginning. Its place in the file is shared with clones, so
    /// they run one after the other.
    #[must_use]
    pub fn input(mut self, file: File) -> Self {
        self.input = Some(Arc::new(file));
        self
    }

    /// Runs it on this process's terminal, in its process group.
    ///
    /// # Errors
    /// When it cannot be run, fails, or does not end in time.
    pub fn run(&self, cancel: &Cancel) -> Result<(), ProcessError> {
        cancel.check()?;
        let mut running = self.start(self.command(), false)?;
        let status = running.wait(cancel)?;
        if status.success() {
            return Ok(());
        }
        Err(ProcessError::Failed {
            command: self.to_string(),
            status,
            stderr: String::new(),
        })
    }

    /// Runs it apart from the terminal and keeps the end of both of its outputs. A status other
    /// than 0 is no error here: see [`Captured::success`] and [`Captured::text`].
    ///
    /// # Errors
    /// When it cannot be run or does not end in time.
    pub fn capture(&self, cancel: &Cancel) -> Result<Captured, ProcessError> {
        let mut stdout = Output::default();
        let mut captured = self.stream(cancel, &mut |bytes: &[u8]| {
            stdout.push(bytes);
            Ok(())
        })?;
        stdout.trim();
        captured.stdout = stdout;
        Ok(captured)
    }

    /// Runs it apart from the terminal and passes its output on as it comes, whatever its length.
    /// What was passed on is complete only if [`Captured::success`] says so.
    ///
    /// # Errors
    /// When it cannot be run, does not end in time, or `sink` fails.
    pub fn pipe(&self, cancel: &Cancel, sink: &mut dyn Write) -> Result<Captured, ProcessError> {
        self.stream(cancel, &mut |bytes: &[u8]| sink.write_all(bytes))
    }

    fn stream(
        &self,
        cancel: &Cancel,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Captured, ProcessError> {
        cancel.check()?;
        let mut command = self.command();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut running = self.start(command, true)?;
        let (status, stderr) = running.drain(cancel, sink)?;
        Ok(Captured {
            command: self.to_string(),
            status,
            stdout: Output::default(),
            stderr,
        })
    }

    #[expect(clippy::disallowed_methods, reason = "the door to other programs")]
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(&self.directory)
            .env_clear();
        for name in ["PATH", "HOME"] {
            command.envs(environment::var(name).map(|value| (name, value)));
        }
        // LC_ALL would win over LANG, and `C` alone would make UTF-8 names unreadable.
        command.envs([("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC")]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn start(&self, mut command: Command, own_group: bool) -> Result<Running<'_>, ProcessError> {
        let failed = |source: io::Error| {
            let (command, directory) = (self.to_string(), self.directory.clone());
            match source.kind() {
                io::ErrorKind::NotFound => ProcessError::NotFound { command, directory },
                _ => ProcessError::Start {
                    command,
                    directory,
                    source,
                },
            }
        };
        if let Some(input) = &self.input {
            input.as_ref().rewind().map_err(failed)?;
            command.stdin(input.try_clone().map_err(failed)?);
        }
        Running::start(self, command, own_group).map_err(failed)
    }
}

impl fmt::Display for Process {
    /// Program and arguments, fit for a terminal.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.program.escape_debug())?;
        self.arguments
            .iter()
            .try_for_each(|word| write!(formatter, " {}", word.escape_debug()))
    }
}
