//! RPM packages, read in one pass and without holding more than the header and its list of files.
//!
//! An `.rpm` is a lead of 96 bytes, a header of signatures padded to eight bytes, the main header, and a
//! compressed cpio archive. The first header has the digest of the second, which has those of the archive
//! and of each file in it; all of them are checked. Who made the package is not: its signatures are passed
//! over. Source: `docs/manual/format_v4.md` of rpm.

pub(crate) mod cpio;
mod error;
mod fields;
mod files;
pub(crate) mod header;
mod payload;
mod signature;
mod tag;

use std::collections::BTreeMap;
use std::io::{self, Read};

use model::digest::Sha256;

use crate::compression::Compression;
use crate::entry::Entry;
use header::{Header, Section};

pub use error::{DigestMismatch, RpmError};
pub use files::File;
pub use signature::{Head, SignatureError};

/// How every package begins.
pub const MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
/// How many files a package may have. A distribution's headers package has about twenty thousand.
pub const MAX_FILES: usize = 1 << 17;
/// The most that all paths of a package together may be, in bytes.
pub const MAX_PATHS: usize = 32 << 20;
pub(crate) const LEAD: usize = 96;
/// The version of the lead, which newer packages call 4. Source: `docs/manual/format_lead.md` of rpm.
const VERSIONS: [u8; 2] = [3, 4];

/// A package whose header has been read and verified, and whose payload comes next.
#[derive(Debug)]
pub struct Rpm<R> {
    reader: R,
    name: String,
    version: String,
    release: String,
    epoch: Option<u32>,
    architecture: String,
    os: String,
    fields: BTreeMap<String, String>,
    files: Vec<File>,
    /// `None` where the package names none.
    compression: Option<Compression>,
    payload: Sha256,
}

/// Reads a package up to its payload: checks that it is a binary package of format 4, verifies the digest
/// of its header, and reads all that the header says. A buffered reader is best.
///
/// # Errors
///
/// See [`RpmError`].
pub fn open<R: Read>(mut reader: R) -> Result<Rpm<R>, RpmError> {
    read_lead(&mut reader)?;
    let signatures = Header::read(&mut reader, Section::Signature)?;
    skip_padding(&mut reader, signatures.size)?;
    let header = Header::read(&mut reader, Section::Main)?;
    verify(&signatures, &header)?;
    drop(signatures);
    check_format(&header)?;
    Ok(Rpm {
        reader,
        name: header.required_text(tag::NAME)?.to_owned(),
        version: header.required_text(tag::VERSION)?.to_owned(),
        release: header.required_text(tag::RELEASE)?.to_owned(),
        epoch: header.number(tag::EPOCH)?,
        architecture: header.required_text(tag::ARCH)?.to_owned(),
        os: header.required_text(tag::OS)?.to_owned(),
        fields: fields::read(&header)?,
        files: files::read(&header)?,
        compression: compression(&header)?,
        payload: digest(&header, tag::PAYLOAD_SHA256)?,
    })
}

impl<R: Read> Rpm<R> {
    /// Its name, such as `kernel-devel`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of what is packaged.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The revision of the package.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// What comes before any version, where there is one.
    pub fn epoch(&self) -> Option<u32> {
        self.epoch
    }

    /// `[epoch:]version-release`, as rpm's tools write it.
    pub fn full_version(&self) -> String {
        let epoch = self.epoch.map(|epoch| format!("{epoch}:"));
        let epoch = epoch.unwrap_or_default();
        format!("{epoch}{}-{}", self.version, self.release)
    }

    /// The architecture in rpm's words, such as `x86_64` or `noarch`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// The operating system, which is `linux`.
    pub fn os(&self) -> &str {
        &self.os
    }

    /// What a reader wants to know of the package, by the names that `rpm --query --info` and spec files use:
    /// `Name`, `Epoch`, `Version`, `Release`, `Architecture`, `Summary` and so on; relations such as
    /// `Requires` as `name OP version`, separated by commas; scriptlets such as `Post`, and what runs them
    /// as `PostInterpreter`. What the package does not have is not there.
    pub fn fields(&self) -> &BTreeMap<String, String> {
        &self.fields
    }

    /// The files that the header lists, in its order.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// Shows every entry of the payload to `visit`, and reads on to the end of the stream. At most `limit`
    /// bytes are unpacked. Each file has to be as the header says; a content that is read to its end, where
    /// the reader gives no more, is verified by then. Nothing else is certain before this returns.
    ///
    /// # Errors
    ///
    /// See [`RpmError`]; what `visit` returns ends the reading.
    pub fn for_each<E: From<RpmError>>(
        self,
        limit: u64,
        visit: impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each_metered(limit, |_| Ok(()), visit)
    }

    /// As [`Rpm::for_each`]; `meter` is told how many bytes each reading unpacked, and may end it all.
    ///
    /// # Errors
    ///
    /// As [`Rpm::for_each`]; what `meter` returns comes as [`RpmError::Io`].
    pub fn for_each_metered<E: From<RpmError>>(
        self,
        limit: u64,
        meter: impl FnMut(usize) -> io::Result<()>,
        visit: impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        payload::for_each(self, limit, meter, visit)
    }
}

/// Magic (4), version (2), type (2), architecture (2), name (66), system (2), kind of signatures (2) and
/// nothing (16); what the header says too counts there.
fn read_lead<R: Read>(reader: &mut R) -> Result<(), RpmError> {
    let mut lead = [0; LEAD];
    reader
        .read_exact(&mut lead)
        .map_err(RpmError::io("the lead"))?;
    let [a, b, c, d, version, _, type_high, type_low, ..] = lead;
    if [a, b, c, d] != MAGIC || !VERSIONS.contains(&version) {
        return Err(RpmError::Lead(hexadecimal(&[a, b, c, d, version])));
    }
    match u16::from_be_bytes([type_high, type_low]) {
        0 => Ok(()),
        _ => Err(RpmError::Source),
    }
}

pub(crate) fn skip_padding<R: Read>(reader: &mut R, size: usize) -> Result<(), RpmError> {
    let mut padding = [0; 8];
    let padding = padding.get_mut(..size.next_multiple_of(8) - size);
    let padding = padding.unwrap_or_default();
    reader
        .read_exact(padding)
        .map_err(RpmError::io("the signature header"))?;
    if padding.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    Err(RpmError::Padding("the signature header".to_owned()))
}

fn verify(signatures: &Header, header: &Header) -> Result<(), RpmError> {
    if !signatures.has(tag::HEADER_SHA256) {
        return Err(RpmError::NoHeaderDigest);
    }
    let expected = digest(signatures, tag::HEADER_SHA256)?;
    if expected == header.digest {
        return Ok(());
    }
    Err(RpmError::HeaderDigest {
        found: header.digest,
        expected,
    })
}

fn check_format(header: &Header) -> Result<(), RpmError> {
    // Only binary packages name the source package that they were built from.
    if header.has(tag::SOURCE_PACKAGE) || !header.has(tag::SOURCE_RPM) {
        return Err(RpmError::Source);
    }
    if let Some(other) = header.number(tag::RPM_FORMAT)?.filter(|it| *it != 4) {
        return Err(RpmError::Format(other));
    }
    match header.text(tag::PAYLOAD_FORMAT)? {
        Some("cpio") | None => Ok(()),
        Some(other) => Err(header::mismatch(
            tag::PAYLOAD_FORMAT,
            format!("{other:?}"),
            "\"cpio\"",
        )),
    }
}

/// rpm names no compressor where there is none.
fn compression(header: &Header) -> Result<Option<Compression>, RpmError> {
    match header.text(tag::PAYLOAD_COMPRESSOR)? {
        None => Ok(None),
        Some("gzip") => Ok(Some(Compression::Gzip)),
        Some("xz") => Ok(Some(Compression::Xz)),
        Some("zstd") => Ok(Some(Compression::Zstd)),
        Some(other) => Err(RpmError::Compressor(other.to_owned())),
    }
}

fn digest(header: &Header, tag: tag::Tag) -> Result<Sha256, RpmError> {
    let text = header.required_text(tag)?;
    text.parse()
        .map_err(|_| header::mismatch(tag, format!("{text:?}"), "a SHA-256 digest"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
