//! Readers that end when somebody asks to stop, or when more than enough was read.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};

use host::cancel::Cancel;

use super::MAX_WORK;

/// Reading a package takes more work than any kernel is worth; comes wrapped into an [`io::Error`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("all readings of the package have more than {MAX_WORK} bytes together")]
pub(super) struct TooMuchWork;

/// A reader whose every read first asks whether to stop, and is paid for out of what is `left`.
///
/// Both ends are an [`io::Error`] of a kind that nobody retries, wrapping [`host::cancel::Interrupted`] or
/// [`TooMuchWork`].
pub(super) struct Guarded<'a, R> {
    reader: R,
    cancel: &'a Cancel,
    left: &'a Cell<u64>,
}

impl<'a, R> Guarded<'a, R> {
    pub(super) fn new(reader: R, cancel: &'a Cancel, left: &'a Cell<u64>) -> Self {
        Self {
            reader,
            cancel,
            left,
        }
    }
}

impl<R: Read> Read for Guarded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.check().map_err(io::Error::other)?;
        let read = self.reader.read(buffer)?;
        spend(self.left, read)?;
        Ok(read)
    }
}

/// Asks whether to stop, and takes what was read from what is `left`; as [`Guarded`], where something else
/// reads.
pub(super) fn pay(cancel: &Cancel, left: &Cell<u64>, read: usize) -> io::Result<()> {
    cancel.check().map_err(io::Error::other)?;
    spend(left, read)
}

fn spend(left: &Cell<u64>, read: usize) -> io::Result<()> {
    let rest = left.get().checked_sub(read as u64);
    left.set(rest.unwrap_or_default());
    rest.map(drop).ok_or_else(|| io::Error::other(TooMuchWork))
}

impl<R> fmt::Debug for Guarded<'_, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Guarded")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
