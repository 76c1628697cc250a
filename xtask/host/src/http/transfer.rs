//! Bytes on their way from the network into a file or into memory.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use model::digest::Sha256;
use sha2::Digest;

use super::Downloaded;
use super::error::{Expected, Found, HttpError, mismatch};

/// Bytes on their way into a sink: counted, bounded and hashed.
pub(super) struct Transfer<'a> {
    url: &'a str,
    bound: Bound,
    sink: &'a mut dyn Sink,
    progress: &'a dyn Fn(u64),
    pub(super) size: u64,
    hasher: sha2::Sha256,
}

impl<'a> Transfer<'a> {
    pub(super) fn start(
        url: &'a str,
        bound: Bound,
        sink: &'a mut dyn Sink,
        progress: &'a dyn Fn(u64),
    ) -> Result<Self, HttpError> {
        sink.restart().map_err(|source| HttpError::Sink {
            url: url.to_owned(),
            source,
        })?;
        progress(0);
        Ok(Self {
            url,
            bound,
            sink,
            progress,
            size: 0,
            hasher: sha2::Sha256::new(),
        })
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), HttpError> {
        self.size += bytes.len() as u64;
        if self.size > self.bound.limit {
            return Err(self
                .bound
                .exceeded(self.url, Found::MoreThan(self.bound.limit)));
        }
        self.hasher.update(bytes);
        self.sink.put(bytes).map_err(|source| HttpError::Sink {
            url: self.url.to_owned(),
            source,
        })?;
        (self.progress)(self.size);
        Ok(())
    }

    pub(super) fn finish(self) -> Downloaded {
        Downloaded {
            size: self.size,
            sha256: Sha256::finish(self.hasher),
        }
    }
}

/// The size and content that a request may have.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub(super) expected: Expected,
    pub(super) limit: u64,
}

impl Bound {
    pub(super) fn exceeded(&self, url: &str, found: Found) -> HttpError {
        let url = url.to_owned();
        match self.expected.size {
            Some(_) => mismatch(url, self.expected, found),
            None => HttpError::TooLarge {
                url,
                limit: self.limit,
                found,
            },
        }
    }
}

/// Where the bytes of one request go; it may start over.
pub(super) trait Sink {
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
