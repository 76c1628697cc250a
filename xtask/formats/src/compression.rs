//! Decompression with bounds: on the output, and on the memory a stream may ask for.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

/// What an xz decoder may allocate in bytes: `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 80 << 20;
/// Binary logarithm of the largest zstd window: 64 MiB; `zstd -19`, which dpkg-deb uses, needs 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 26;

/// How a stream is compressed; always told by name, never guessed from the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, RFC 1952, one or more members.
    Gzip,
    /// xz, one or more streams.
    Xz,
    /// Zstandard, RFC 8878, one or more frames.
    Zstd,
}

impl Compression {
    /// From a file name's extension without the dot: nothing, `gz`, `xz` or `zst`.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension {
            "" => Some(Self::None),
            "gz" => Some(Self::Gzip),
            "xz" => Some(Self::Xz),
            "zst" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// The decompressed stream is longer than the caller allows; comes wrapped into an [`io::Error`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("decompressed stream is longer than the allowed {limit} bytes")]
pub struct OutputTooLong {
    /// The limit in bytes.
    pub limit: u64,
}

/// Reads what a compressed stream decompresses to, up to a limit.
///
/// Malformed and truncated input is an [`io::Error`], and so is one byte more than the limit
/// (kind `InvalidData`, wrapping [`OutputTooLong`]): a read never ends early without an error.
pub struct Decoder<R: Read> {
    inner: Inner<BufReader<R>>,
    limit: u64,
    left: u64,
}

enum Inner<R: BufRead> {
    None(R),
    Gzip(MultiGzDecoder<R>),
    Xz(XzDecoder<R>),
    Zstd(zstd::Decoder<'static, R>),
}

impl<R: Read> Decoder<R> {
    /// Decompresses `reader`, to at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// The decompressor could not be set up.
    pub fn new(reader: R, compression: Compression, limit: u64) -> io::Result<Self> {
        let reader = BufReader::new(reader);
        let inner = match compression {
            Compression::None => Inner::None(reader),
            Compression::Gzip => Inner::Gzip(MultiGzDecoder::new(reader)),
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
                Inner::Xz(XzDecoder::new_stream(reader, stream))
            }
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(reader)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Inner::Zstd(decoder)
            }
        };
        Ok(Self {
            inner,
            limit,
            left: limit,
        })
    }

    /// At the limit: fine if the stream ends here.
    fn expect_end(&mut self) -> io::Result<usize> {
        match self.inner.read(&mut [0])? {
            0 => Ok(0),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                OutputTooLong { limit: self.limit },
            )),
        }
    }
}

impl<R: BufRead> Read for Inner<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(reader) => reader.read(buffer),
            Self::Gzip(reader) => reader.read(buffer),
            Self::Xz(reader) => reader.read(buffer),
            Self::Zstd(reader) => reader.read(buffer),
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            return self.expect_end();
        }
        let allowed = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = self
            .inner
            .read(buffer.get_mut(..allowed).unwrap_or_default())?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

impl<R: Read> fmt::Debug for Decoder<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Decoder")
            .field("limit", &self.limit)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
