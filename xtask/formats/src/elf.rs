//! What a program or library needs at run time, as its ELF file says.
//!
//! The program headers lead to the name of the interpreter and to the dynamic section, which names the
//! libraries. Source: System V ABI, "Program Loading and Dynamic Linking".

use std::io::{self, Read};

use object::Endianness;
use object::elf::{
    DT_NEEDED, DT_STRSZ, DT_STRTAB, ET_DYN, ET_EXEC, ET_REL, FileHeader32, FileHeader64, PT_LOAD,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

/// How far into a file is read at most, in bytes. What is needed stands near the beginning.
pub const MAX_READ: u64 = 64 << 20;
/// How many libraries a file may need.
const MAX_NEEDED: usize = 1024;
/// Longest name of a library or an interpreter, in bytes: `PATH_MAX` of Linux.
const MAX_NAME: usize = 4096;
const MAGIC: &[u8] = b"\x7fELF";
/// The size of a header of 64 bit; one of 32 bit is shorter, but no file of use ends so early.
const HEADER: u64 = 64;

/// Why it cannot be told what a file needs.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// The reader failed.
    #[error("reading an ELF file failed")]
    Io(#[from] io::Error),
    /// The file ends early.
    #[error("found an ELF file of {found} bytes, expected {expected} at least")]
    Truncated {
        /// How many bytes there are.
        found: u64,
        /// How many its headers speak of.
        expected: u64,
    },
    /// What is needed stands too far behind.
    #[error("found an ELF file that needs to be read up to byte {0}, expected {MAX_READ} at most")]
    TooFar(u64),
    /// An ELF file of another class.
    #[error("found an ELF file of class {0}, expected class 1 or 2, which are 32 and 64 bit")]
    Class(u8),
    /// Neither a program nor a library.
    #[error("found an ELF file of type {0}, expected 1, 2 or 3")]
    Type(u16),
    /// Headers contradict each other.
    #[error("malformed ELF file: {0}")]
    Malformed(String),
    /// It needs more than any program.
    #[error("found more than {MAX_NEEDED} needed libraries")]
    TooMany,
}

/// What a program or library needs. A static program needs nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Linkage {
    /// The program that starts it, such as `/lib64/ld-linux-x86-64.so.2`.
    pub interpreter: Option<String>,
    /// The names of the libraries that it is linked with, in their order.
    pub needed: Vec<String>,
}

/// Tells what a file needs at run time from its content, of which no more is read than it takes; `None` if
/// it is no ELF file, or a relocatable object such as a kernel module.
///
/// # Errors
///
/// See [`ElfError`].
pub fn linkage(reader: impl Read) -> Result<Option<Linkage>, ElfError> {
    let mut start = Start {
        reader,
        bytes: Vec::new(),
    };
    if !start.begins_with(MAGIC)? {
        return Ok(None);
    }
    start.read_to(HEADER)?;
    match start.bytes.get(4) {
        Some(1) => linkage_of::<FileHeader32<Endianness>, _>(start),
        Some(2) => linkage_of::<FileHeader64<Endianness>, _>(start),
        class => Err(ElfError::Class(class.copied().unwrap_or_default())),
    }
}

/// The beginning of a file, as far as it had to be read.
struct Start<R> {
    reader: R,
    bytes: Vec<u8>,
}

impl<R: Read> Start<R> {
    fn begins_with(&mut self, magic: &[u8]) -> io::Result<bool> {
        let length = magic.len() as u64;
        (&mut self.reader)
            .take(length)
            .read_to_end(&mut self.bytes)?;
        Ok(self.bytes == magic)
    }

    /// Makes sure that the bytes up to `end` are there.
    fn read_to(&mut self, end: u64) -> Result<(), ElfError> {
        if end > MAX_READ {
            return Err(ElfError::TooFar(end));
        }
        let missing = end.saturating_sub(self.bytes.len() as u64);
        (&mut self.reader)
            .take(missing)
            .read_to_end(&mut self.bytes)?;
        let found = self.bytes.len() as u64;
        if found < end {
            return Err(ElfError::Truncated {
                found,
                expected: end,
            });
        }
        Ok(())
    }

    /// Makes sure that `size` bytes at `start` are there.
    fn read_range(&mut self, (start, size): (u64, u64)) -> Result<(), ElfError> {
        self.read_to(start.saturating_add(size))
    }
}

fn linkage_of<H, R>(mut start: Start<R>) -> Result<Option<Linkage>, ElfError>
where
    H: FileHeader<Endian = Endianness>,
    R: Read,
{
    let header = *H::parse(start.bytes.as_slice()).map_err(malformed)?;
    let endian = header.endian().map_err(malformed)?;
    match header.e_type(endian) {
        ET_REL => return Ok(None),
        ET_EXEC | ET_DYN => {}
        other => return Err(ElfError::Type(other.0)),
    }
    let size = u64::from(header.e_phnum(endian)) * u64::from(header.e_phentsize(endian));
    start.read_range((header.e_phoff(endian).into(), size))?;
    let segments = header.program_headers(endian, start.bytes.as_slice());
    let segments = segments.map_err(malformed)?.to_vec();
    let mut linkage = Linkage::default();
    for segment in &segments {
        match segment.p_type(endian) {
            object::elf::PT_INTERP => {
                start.read_range(segment.file_range(endian))?;
                let bytes = segment.data(endian, start.bytes.as_slice());
                let name = name_in(bytes.unwrap_or_default(), 0, "the interpreter")?;
                if linkage.interpreter.replace(name).is_some() {
                    return Err(ElfError::Malformed("two interpreters".to_owned()));
                }
            }
            object::elf::PT_DYNAMIC if linkage.needed.is_empty() => {
                linkage.needed = needed::<H, R>(&mut start, endian, &segments, segment)?;
            }
            _ => {}
        }
    }
    Ok(Some(linkage))
}

/// The names in the dynamic section.
fn needed<H, R>(
    start: &mut Start<R>,
    endian: Endianness,
    segments: &[H::ProgramHeader],
    segment: &H::ProgramHeader,
) -> Result<Vec<String>, ElfError>
where
    H: FileHeader<Endian = Endianness>,
    R: Read,
{
    start.read_range(segment.file_range(endian))?;
    let entries = segment.dynamic(endian, start.bytes.as_slice());
    let entries = entries.map_err(malformed)?.unwrap_or_default();
    let (mut names, mut address, mut size) = (Vec::new(), None, None);
    for entry in entries {
        let value: u64 = entry.d_val(endian).into();
        match entry.d_tag(endian) {
            object::elf::DT_NULL => break,
            DT_NEEDED => names.push(value),
            DT_STRTAB => address = Some(value),
            DT_STRSZ => size = Some(value),
            _ => {}
        }
    }
    if names.is_empty() {
        return Ok(Vec::new());
    }
    if names.len() > MAX_NEEDED {
        return Err(ElfError::TooMany);
    }
    let (Some(address), Some(size)) = (address, size) else {
        let problem = "needed libraries, and no table of their names";
        return Err(ElfError::Malformed(problem.to_owned()));
    };
    let offset = file_offset::<H>(endian, segments, address, size)?;
    start.read_range((offset, size))?;
    let table = usize::try_from(offset).ok();
    let table = table.and_then(|offset| start.bytes.get(offset..));
    let table = table.unwrap_or_default();
    let table = table.get(..usize::try_from(size).unwrap_or(usize::MAX));
    let names = names.into_iter();
    names
        .map(|at| name_in(table.unwrap_or_default(), at, "a needed library"))
        .collect()
}

/// Where in the file stands what is loaded to an address.
fn file_offset<H: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[H::ProgramHeader],
    address: u64,
    size: u64,
) -> Result<u64, ElfError> {
    let mut offsets = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == PT_LOAD)
        .filter_map(|segment| {
            let (offset, length) = segment.file_range(endian);
            let within = address.checked_sub(segment.p_vaddr(endian).into())?;
            let end = within.checked_add(size)?;
            offset.checked_add(within).filter(|_| end <= length)
        });
    offsets.next().ok_or_else(|| {
        ElfError::Malformed(format!(
            "{size} bytes of names at address {address:#x}, which is not loaded from the file"
        ))
    })
}

/// The text at an offset, up to its NUL.
fn name_in(table: &[u8], at: u64, what: &str) -> Result<String, ElfError> {
    let bad = || ElfError::Malformed(format!("the name of {what} is none"));
    let bytes = usize::try_from(at).ok().and_then(|at| table.get(at..));
    let bytes = bytes.ok_or_else(bad)?;
    let mut window = bytes.iter().take(MAX_NAME);
    let end = window.position(|byte| *byte == 0).ok_or_else(bad)?;
    let name = std::str::from_utf8(bytes.get(..end).unwrap_or_default());
    match name {
        Ok(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(bad()),
    }
}

fn malformed(error: object::read::Error) -> ElfError {
    ElfError::Malformed(error.to_string())
}

#[cfg(test)]
mod tests;
