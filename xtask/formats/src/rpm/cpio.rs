//! The archive in a package: cpio in its newc form.
//!
//! The cpio crate allocates whatever length of a name an archive claims. Source: `docs/manual/format_v4.md`
//! of rpm, and `Documentation/driver-api/early-userspace/buffer-format.rst` of Linux.

use std::io::Read;

use super::RpmError;
use crate::entry::Kind;

const MAGIC: &[u8] = b"070701";
const HEADER: usize = 110;
/// Longest accepted name in bytes, its NUL included: `PATH_MAX` of Linux, behind a dot.
const MAX_NAME: u32 = 4097;
/// The name that ends an archive.
const END: &[u8] = b"TRAILER!!!";

/// What is read here of an entry's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// As it stands in the archive.
    pub(crate) name: Vec<u8>,
    pub(super) kind: Kind,
    /// Its type and permissions.
    pub(crate) mode: u32,
    /// The numbers of its user and its group.
    pub(crate) owner: (u32, u32),
    /// When it was changed, in Unix seconds.
    pub(crate) time: u32,
    /// In bytes, without the padding.
    pub(crate) size: u64,
}

/// Reads the header of the next entry; `None` at the end, after which nothing may come.
pub(crate) fn next<R: Read>(reader: &mut R) -> Result<Option<Head>, RpmError> {
    let mut magic = [0; MAGIC.len()];
    read(reader, &mut magic)?;
    if magic != MAGIC {
        let found = String::from_utf8_lossy(&magic).into_owned();
        return Err(RpmError::CpioMagic(found));
    }
    let mut header = [0; HEADER - MAGIC.len()];
    read(reader, &mut header)?;
    let malformed = || RpmError::CpioHeader(String::from_utf8_lossy(&header).into_owned());
    let numbers = parse(&header).ok_or_else(malformed)?;
    // Inode, mode, user, group, links, time, size, 2 numbers of its device, 2 of what it is, name, checksum.
    let [
        _,
        mode,
        user,
        group,
        _,
        time,
        size,
        _,
        _,
        _,
        _,
        name_size,
        _,
    ] = numbers;
    if !(2..=MAX_NAME).contains(&name_size) {
        return Err(malformed());
    }
    let mut name = vec![0; usize::try_from(name_size).unwrap_or_default()];
    read(reader, &mut name)?;
    if name.pop() != Some(0) || name.contains(&0) {
        return Err(malformed());
    }
    let size = u64::from(size);
    skip_padding(reader, HEADER as u64 + u64::from(name_size), &name)?;
    if name == END {
        return expect_end(reader, size);
    }
    Ok(Some(Head {
        name,
        kind: Kind::of_mode(mode),
        mode,
        owner: (user, group),
        time,
        size,
    }))
}

/// Reads the zeros that fill up to a multiple of four bytes; `name` is for messages.
pub(crate) fn skip_padding<R: Read>(
    reader: &mut R,
    size: u64,
    name: &[u8],
) -> Result<(), RpmError> {
    let mut padding = [0; 3];
    let missing = (4 - size % 4) % 4;
    let padding = padding.get_mut(..usize::try_from(missing).unwrap_or_default());
    let padding = padding.unwrap_or_default();
    read(reader, padding)?;
    if padding.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    Err(RpmError::Padding(
        String::from_utf8_lossy(name).into_owned(),
    ))
}

fn expect_end<R: Read>(reader: &mut R, size: u64) -> Result<Option<Head>, RpmError> {
    let one_more = reader.take(1).read_to_end(&mut Vec::new());
    match one_more.map_err(RpmError::io("the payload"))? {
        0 if size == 0 => Ok(None),
        _ => Err(RpmError::Trailing),
    }
}

fn read<R: Read>(reader: &mut R, bytes: &mut [u8]) -> Result<(), RpmError> {
    reader
        .read_exact(bytes)
        .map_err(RpmError::io("the payload"))
}

fn parse(header: &[u8; HEADER - MAGIC.len()]) -> Option<[u32; 13]> {
    let mut numbers = [0; 13];
    for (number, digits) in numbers.iter_mut().zip(header.as_chunks::<8>().0) {
        // The standard library's parser would take a sign.
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let digits = std::str::from_utf8(digits).ok()?;
        *number = u32::from_str_radix(digits, 16).ok()?;
    }
    Some(numbers)
}
