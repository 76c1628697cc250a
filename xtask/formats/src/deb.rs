//! Debian binary packages, read in one pass and without holding more than the control file.
//!
//! A `.deb` is an ar archive of three members in this order: `debian-binary`, `control.tar` and
//! `data.tar`, the latter two usually compressed. Source: deb(5).

pub(crate) mod member;

use std::io::{self, Read};

use crate::compression::{Compression, Decoder};
use crate::deb822::{Deb822Error, Paragraph};
use crate::tar_path::{TarPathError, safe_path};
use member::Header;

pub use member::Member;

/// Longest accepted control file in bytes.
pub const MAX_CONTROL: u64 = 1 << 20;
/// Longest accepted `control.tar`, decompressed, in bytes; the scripts and checksums of a kernel's headers
/// package stay below 4 MB.
pub const MAX_CONTROL_TAR: u64 = 16 << 20;

/// Why a stream is no usable `.deb`.
#[derive(Debug, thiserror::Error)]
pub enum DebError {
    /// The reader failed, the file ends early, or a member does not decompress.
    #[error("reading {what} failed")]
    Io {
        /// The part that was being read.
        what: &'static str,
        /// What the reader or the decompressor said.
        source: io::Error,
    },
    /// The file is no ar archive.
    #[error("found magic {0:?}, expected an ar archive")]
    Magic(String),
    /// An ar header is malformed.
    #[error("found ar header {0:?}, expected name, time, owner, mode, size and end mark")]
    Header(String),
    /// A member is missing or out of order.
    #[error("found member {found:?}, expected `{expected}`")]
    Member {
        /// The name in the ar header.
        found: String,
        /// The member due here.
        expected: &'static str,
    },
    /// The format's version is unknown.
    #[error("found format version {0:?}, expected `2.0`")]
    Version(String),
    /// The control archive has an entry of an unsafe name.
    #[error("control.tar: {0}")]
    Path(#[from] TarPathError),
    /// The control archive has no control file.
    #[error("control.tar has no regular file `control`")]
    NoControl,
    /// The control file is too long.
    #[error("control file of {0} bytes is longer than {MAX_CONTROL}")]
    ControlTooLong(u64),
    /// The control file is there twice.
    #[error("control.tar has the file `control` twice")]
    SecondControl,
    /// The control file is no UTF-8.
    #[error("control file is not UTF-8")]
    NotUtf8,
    /// The control file is not one paragraph.
    #[error("control file: {0}")]
    Control(#[from] Deb822Error),
}

impl DebError {
    fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

/// A package whose control file has been read, and whose data comes next.
#[derive(Debug)]
pub struct Deb<R> {
    reader: R,
    timestamp: u64,
    control: Paragraph,
}

/// Reads a package up to its data: checks the format's version and the order of the members, and reads
/// the control file. A buffered reader is best.
///
/// # Errors
///
/// See [`DebError`].
pub fn open<R: Read>(mut reader: R) -> Result<Deb<R>, DebError> {
    member::read_magic(&mut reader)?;
    let first = Header::read(&mut reader)?;
    read_version(&first, &mut reader)?;
    let control = read_control(&mut reader)?;
    Ok(Deb {
        reader,
        timestamp: first.timestamp,
        control,
    })
}

impl<R: Read> Deb<R> {
    /// Modification time of the first member in Unix seconds. dpkg-deb writes `SOURCE_DATE_EPOCH` there,
    /// and the time of the build where that is not set.
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// The control file's fields in their order.
    pub fn control(&self) -> &Paragraph {
        &self.control
    }

    /// The decompressed `data.tar`, at most `limit` bytes of it; hand it to `tar::Archive`, and names of
    /// entries to [`safe_path`]. Read on to the end after the last entry, or damage there goes unnoticed.
    /// What follows the member in the file is not read.
    ///
    /// # Errors
    ///
    /// The next member is not `data.tar`. Reading fails where the member ends early, does not decompress,
    /// or exceeds the limit.
    pub fn data(mut self, limit: u64) -> Result<Decoder<Member<R>>, DebError> {
        let header = Header::read(&mut self.reader)?;
        let compression = tar_compression(&header, "data.tar")?;
        let member = Member::new(self.reader, header.size);
        Decoder::new(member, compression, limit).map_err(DebError::io("data.tar"))
    }
}

fn read_version<R: Read>(header: &Header, reader: &mut R) -> Result<(), DebError> {
    if header.name != "debian-binary" {
        return Err(DebError::Member {
            found: header.name.clone(),
            expected: "debian-binary",
        });
    }
    let mut member = Member::new(&mut *reader, header.size);
    let mut text = Vec::new();
    (&mut member)
        .take(16)
        .read_to_end(&mut text)
        .map_err(DebError::io("debian-binary"))?;
    if text != b"2.0\n" {
        return Err(DebError::Version(
            String::from_utf8_lossy(&text).into_owned(),
        ));
    }
    member.finish().map_err(DebError::io("debian-binary"))
}

fn read_control<R: Read>(reader: &mut R) -> Result<Paragraph, DebError> {
    let header = Header::read(reader)?;
    let compression = tar_compression(&header, "control.tar")?;
    let mut member = Member::new(reader, header.size);
    let decoder = Decoder::new(&mut member, compression, MAX_CONTROL_TAR)
        .map_err(DebError::io("control.tar"))?;
    let control = find_control(decoder)?;
    member.finish().map_err(DebError::io("control.tar"))?;
    let text = String::from_utf8(control).map_err(|_| DebError::NotUtf8)?;
    Ok(Paragraph::parse(&text)?)
}

fn tar_compression(header: &Header, expected: &'static str) -> Result<Compression, DebError> {
    let unexpected = || DebError::Member {
        found: header.name.clone(),
        expected,
    };
    let rest = header.name.strip_prefix(expected).ok_or_else(unexpected)?;
    let extension = match rest.strip_prefix('.') {
        Some("") => None,
        Some(extension) => Some(extension),
        None if rest.is_empty() => Some(""),
        None => None,
    };
    extension
        .and_then(Compression::from_extension)
        .ok_or_else(unexpected)
}

/// Reads the whole control archive, so that damage behind the control file is noticed too.
fn find_control<R: Read>(mut decoder: Decoder<R>) -> Result<Vec<u8>, DebError> {
    let io = || DebError::io("control.tar");
    let mut archive = tar::Archive::new(&mut decoder);
    let mut control = None;
    for entry in archive.entries().map_err(io())? {
        let mut entry = entry.map_err(io())?;
        let is_control =
            safe_path(&entry.path_bytes())? == "control" && entry.header().entry_type().is_file();
        if is_control && control.replace(read_bounded(&mut entry)?).is_some() {
            return Err(DebError::SecondControl);
        }
    }
    io::copy(&mut decoder, &mut io::sink()).map_err(io())?;
    control.ok_or(DebError::NoControl)
}

fn read_bounded<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Vec<u8>, DebError> {
    let size = entry.size();
    if size > MAX_CONTROL {
        return Err(DebError::ControlTooLong(size));
    }
    let mut bytes = Vec::new();
    entry
        .read_to_end(&mut bytes)
        .map_err(DebError::io("control file"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
