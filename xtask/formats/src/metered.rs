//! Readers that tell how much passes through them.

use std::io::{self, Read};

/// A reader that tells how much passes, and ends where the one who is told says so.
pub(crate) struct Metered<R, F> {
    pub(crate) inner: R,
    pub(crate) meter: F,
}

impl<R: Read, F: FnMut(usize) -> io::Result<()>> Read for Metered<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        (self.meter)(read)?;
        Ok(read)
    }
}
