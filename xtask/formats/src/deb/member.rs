//! The ar container: a magic, then members with headers of 60 bytes, each padded to an even length.

use std::io::{self, Read};

use super::DebError;
use crate::release::parse_size;

const MAGIC: &[u8; 8] = b"!<arch>\n";

/// An ar header; deb(5) makes no use of owner and mode.
pub(crate) struct Header {
    pub(crate) name: String,
    /// Unix seconds.
    pub(crate) timestamp: u64,
    /// The numbers of user and group, as they are written.
    pub(crate) owner: String,
    /// Type and permissions in octal digits.
    pub(crate) mode: String,
    /// Bytes, without the padding.
    pub(crate) size: u64,
}

pub(crate) fn read_magic<R: Read>(reader: &mut R) -> Result<(), DebError> {
    let mut magic = [0; MAGIC.len()];
    reader
        .read_exact(&mut magic)
        .map_err(DebError::io("ar magic"))?;
    if &magic != MAGIC {
        return Err(DebError::Magic(
            String::from_utf8_lossy(&magic).into_owned(),
        ));
    }
    Ok(())
}

impl Header {
    pub(crate) fn read<R: Read>(reader: &mut R) -> Result<Self, DebError> {
        let mut bytes = [0; 60];
        reader
            .read_exact(&mut bytes)
            .map_err(DebError::io("ar header"))?;
        Self::parse(&bytes)
            .ok_or_else(|| DebError::Header(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Name (16), time (12), owner (6), group (6), mode (8), size (10), end mark (2).
    fn parse(bytes: &[u8; 60]) -> Option<Self> {
        let text = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| text.is_ascii() && text.ends_with("`\n"))?;
        let name = text.get(..16)?.trim_end_matches(' ');
        let timestamp = parse_size(text.get(16..28)?.trim_end_matches(' '))?;
        let size = parse_size(text.get(48..58)?.trim_end_matches(' '))?;
        Some(Self {
            name: name.strip_suffix('/').unwrap_or(name).to_owned(),
            timestamp,
            owner: text.get(28..40)?.to_owned(),
            mode: text.get(40..48)?.to_owned(),
            size,
        })
    }
}

/// Reads one member of the archive; an archive that ends inside of it is an error.
#[derive(Debug)]
pub struct Member<R> {
    reader: R,
    left: u64,
    padded: bool,
}

impl<R: Read> Member<R> {
    pub(crate) fn new(reader: R, size: u64) -> Self {
        Self {
            reader,
            left: size,
            padded: size % 2 == 1,
        }
    }

    /// Skips what is left of the member, and its padding.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        io::copy(&mut self, &mut io::sink())?;
        if self.padded {
            self.reader.read_exact(&mut [0])?;
        }
        Ok(())
    }
}

impl<R: Read> Read for Member<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let allowed = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = self
            .reader
            .read(buffer.get_mut(..allowed).unwrap_or_default())?;
        if read == 0 && allowed > 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "archive ends inside of a member",
            ));
        }
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}
