//! Streams that can be read again from their beginning: a file, a part of another, what it unpacks to.

use std::io::{self, BufReader, Read, Seek};

use crate::compression::{Compression, Decoder};

/// The most that a stream may unpack to, in bytes: more than the debug symbols of any kernel.
const MAX_UNPACKED: u64 = 32 << 30;

/// Shown a stream.
pub(super) type Visit<'a> = dyn FnMut(&mut dyn Read) -> io::Result<()> + 'a;

/// Something that can be read again and again.
pub(super) trait Source {
    /// Shows the stream from its beginning.
    fn visit(&mut self, visit: &mut Visit<'_>) -> io::Result<()>;
}

/// Reads a source from its beginning.
pub(super) fn with<T>(
    source: &mut dyn Source,
    read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> io::Result<T> {
    let (mut read, mut result) = (Some(read), None);
    source.visit(&mut |reader| {
        if let Some(read) = read.take() {
            result = Some(read(reader)?);
        }
        Ok(())
    })?;
    result.ok_or_else(|| malformed("a stream that was not shown"))
}

/// The first bytes, up to a limit.
pub(super) fn start(source: &mut dyn Source, limit: usize) -> io::Result<Vec<u8>> {
    with(source, |reader| {
        let mut bytes = Vec::new();
        reader.take(limit as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

/// All bytes, or `None` where there are more than the limit.
pub(super) fn hold(source: &mut dyn Source, limit: usize) -> io::Result<Option<Held>> {
    let bytes = start(source, limit.saturating_add(1))?;
    Ok((bytes.len() <= limit).then_some(Held(bytes)))
}

/// A file.
pub(super) struct Whole<R>(pub(super) R);

impl<R: Read + Seek> Source for Whole<R> {
    fn visit(&mut self, visit: &mut Visit<'_>) -> io::Result<()> {
        self.0.rewind()?;
        visit(&mut BufReader::with_capacity(1 << 16, &mut self.0))
    }
}

/// Bytes in memory.
pub(super) struct Held(pub(super) Vec<u8>);

impl Source for Held {
    fn visit(&mut self, visit: &mut Visit<'_>) -> io::Result<()> {
        visit(&mut self.0.as_slice())
    }
}

/// A part of another source; empty where that ends before it.
pub(super) struct Part<'a> {
    pub(super) of: &'a mut dyn Source,
    pub(super) start: u64,
    pub(super) size: u64,
}

impl Source for Part<'_> {
    fn visit(&mut self, visit: &mut Visit<'_>) -> io::Result<()> {
        let (start, size) = (self.start, self.size);
        self.of.visit(&mut |reader| {
            io::copy(&mut Read::take(&mut *reader, start), &mut io::sink())?;
            visit(&mut reader.take(size))
        })
    }
}

/// What another source unpacks to.
pub(super) struct Unpacked<'a> {
    pub(super) of: &'a mut dyn Source,
    pub(super) compression: Compression,
}

impl Source for Unpacked<'_> {
    fn visit(&mut self, visit: &mut Visit<'_>) -> io::Result<()> {
        let compression = self.compression;
        self.of.visit(&mut |reader| {
            let decoder = Decoder::new(reader, compression, MAX_UNPACKED)?;
            visit(&mut BufReader::with_capacity(1 << 16, decoder))
        })
    }
}

/// Fills as much of a buffer as there is.
pub(super) fn fill(reader: &mut dyn Read, buffer: &mut Vec<u8>, size: usize) -> io::Result<()> {
    buffer.clear();
    reader.take(size as u64).read_to_end(buffer)?;
    Ok(())
}

/// Content is not what its format says.
pub(super) fn malformed(problem: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
