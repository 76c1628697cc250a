//! What went wrong, in words: what was attempted and why it failed.

use std::fmt::Display;
use std::io;

use nix::errno::Errno;

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Error(String);

/// The result of what can fail.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that is told by `text`.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Something that is told as a reason: errors of the kernel by their name and meaning
/// (`EINVAL: Invalid argument`).
pub(crate) trait Reason {
    /// The reason in words.
    fn reason(&self) -> String;
}

impl Reason for Error {
    fn reason(&self) -> String {
        self.0.clone()
    }
}

impl Reason for Errno {
    fn reason(&self) -> String {
        self.to_string()
    }
}

impl Reason for io::Error {
    fn reason(&self) -> String {
        match self.raw_os_error() {
            Some(code) => Errno::from_raw(code).to_string(),
            None => self.to_string(),
        }
    }
}

/// Says what was attempted where something failed.
pub(crate) trait Attempt<T> {
    /// Turns the reason into an [`Error`] that begins with `what`.
    fn attempt(self, what: impl Display) -> Result<T>;
}

impl<T, E: Reason> Attempt<T> for Result<T, E> {
    fn attempt(self, what: impl Display) -> Result<T> {
        self.map_err(|error| Error(format!("{what}: {}", error.reason())))
    }
}
