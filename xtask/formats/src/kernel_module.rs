//! Kernel modules: what the file of one says of itself.
//!
//! A module is a relocatable ELF file. Its section `.modinfo` holds `key=value` texts, each ended by a
//! NUL; `name` is the module's own, which old kernels' lack, `depends` lists the modules whose symbols it
//! uses, separated by commas, and `vermagic` begins with the release of the kernel that it was compiled
//! for. Sources: `scripts/mod/modpost.c` and `include/linux/vermagic.h` of Linux.

use object::Endianness;
use object::elf::{EM_X86_64, FileHeader64};
use object::read::elf::{FileHeader, SectionHeader};

/// Longest name of a module in bytes: `MODULE_NAME_LEN` of Linux on 64 bit, less its NUL.
pub const MAX_NAME: usize = 55;
/// How many modules one may depend on. The largest drivers have about thirty.
const MAX_DEPENDENCIES: usize = 256;
const SECTION: &[u8] = b".modinfo\0";

/// Why bytes are no usable module.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KernelModuleError {
    /// Another kind of file.
    #[error("found a file that begins with {0:?}, expected an ELF file")]
    NotElf(String),
    /// An ELF file of another class.
    #[error("found an ELF file of class {0}, expected class 2, which is 64 bit")]
    Class(u8),
    /// The file ends early, or its headers contradict each other.
    #[error("malformed ELF file: {0}")]
    Elf(String),
    /// The section is not there, or several times.
    #[error("found {0} sections .modinfo, expected one")]
    Sections(usize),
    /// A key is not there.
    #[error(".modinfo has no `{0}=`")]
    Missing(&'static str),
    /// A key is there twice.
    #[error(".modinfo has `{0}=` twice")]
    Twice(&'static str),
    /// A name that no module has.
    #[error(transparent)]
    Name(#[from] MalformedModuleName),
    /// It depends on too many others.
    #[error("found {0} dependencies, expected {MAX_DEPENDENCIES} at most")]
    Dependencies(usize),
}

/// A text that is no module's name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is no name of a module: 1 to {MAX_NAME} letters, digits, `_` and `-` of ASCII make one"
)]
pub struct MalformedModuleName(String);

/// What a module says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelModule {
    /// Its name, as [`module_name`] gives it; none in modules of old kernels.
    pub name: Option<String>,
    /// The modules that have to be loaded before it, as [`module_name`] gives them.
    pub depends: Vec<String>,
    /// What it was compiled for, in words: the kernel's release is the first one.
    pub vermagic: Option<String>,
    /// The processor it is for, `e_machine` of ELF.
    pub machine: u16,
}

impl KernelModule {
    /// Whether it is for x86-64.
    pub fn is_x86_64(&self) -> bool {
        self.machine == EM_X86_64.0
    }

    /// The release of the kernel that it was compiled for, where it tells.
    pub fn release(&self) -> Option<&str> {
        self.vermagic.as_deref()?.split_ascii_whitespace().next()
    }
}

/// The one form of a module's name: dashes and underscores are the same to the kernel's tools, and the
/// kernel itself writes underscores.
///
/// # Errors
///
/// It is no name of a module.
pub fn module_name(text: &str) -> Result<String, MalformedModuleName> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text.replace('-', "_"));
    }
    Err(MalformedModuleName(text.chars().take(80).collect()))
}

/// Reads an uncompressed module.
///
/// # Errors
///
/// See [`KernelModuleError`].
pub fn parse(bytes: &[u8]) -> Result<KernelModule, KernelModuleError> {
    let header = header(bytes)?;
    let modinfo = modinfo(header, bytes)?;
    let name = value(modinfo, "name")?
        .map(|name| module_name(&name))
        .transpose()?;
    let depends = value(modinfo, "depends")?.ok_or(KernelModuleError::Missing("depends"))?;
    Ok(KernelModule {
        name,
        depends: dependencies(&depends)?,
        vermagic: value(modinfo, "vermagic")?,
        machine: header.e_machine.get(endianness(header)?).0,
    })
}

fn header(bytes: &[u8]) -> Result<&FileHeader64<Endianness>, KernelModuleError> {
    if !bytes.starts_with(b"\x7fELF") {
        let start = bytes.get(..bytes.len().min(8)).unwrap_or_default();
        return Err(KernelModuleError::NotElf(
            String::from_utf8_lossy(start).into_owned(),
        ));
    }
    match bytes.get(4) {
        Some(2) | None => {}
        Some(class) => return Err(KernelModuleError::Class(*class)),
    }
    FileHeader64::parse(bytes).map_err(malformed)
}

fn endianness(header: &FileHeader64<Endianness>) -> Result<Endianness, KernelModuleError> {
    header.endian().map_err(malformed)
}

fn malformed(error: object::read::Error) -> KernelModuleError {
    KernelModuleError::Elf(error.to_string())
}

/// Names are compared where they are: searching the end of each would take a time that grows with the
/// number of sections times the length of their names, which a hostile file may make long.
fn modinfo<'a>(
    header: &FileHeader64<Endianness>,
    bytes: &'a [u8],
) -> Result<&'a [u8], KernelModuleError> {
    let endian = endianness(header)?;
    let sections = header.section_headers(endian, bytes).map_err(malformed)?;
    let index = header.shstrndx(endian, bytes).map_err(malformed)?;
    let names = usize::try_from(index)
        .ok()
        .and_then(|index| sections.get(index))
        .ok_or_else(|| KernelModuleError::Elf(format!("no section {index} for names")))?;
    let names = names.data(endian, bytes).map_err(malformed)?;
    let is_modinfo = |offset: u32| {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        names
            .get(start..)
            .is_some_and(|name| name.starts_with(SECTION))
    };
    let mut found = sections
        .iter()
        .filter(|section| is_modinfo(section.sh_name(endian)));
    match (found.next(), found.count()) {
        (Some(section), 0) => section.data(endian, bytes).map_err(malformed),
        (None, _) => Err(KernelModuleError::Sections(0)),
        (Some(_), more) => Err(KernelModuleError::Sections(more + 1)),
    }
}

fn value(modinfo: &[u8], key: &'static str) -> Result<Option<String>, KernelModuleError> {
    let mut values = modinfo.split(|byte| *byte == 0).filter_map(|text| {
        text.strip_prefix(key.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"="))
    });
    let first = values.next();
    if values.next().is_some() {
        return Err(KernelModuleError::Twice(key));
    }
    Ok(first.map(|value| String::from_utf8_lossy(value).into_owned()))
}

fn dependencies(text: &str) -> Result<Vec<String>, KernelModuleError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let count = text.split(',').count();
    if count > MAX_DEPENDENCIES {
        return Err(KernelModuleError::Dependencies(count));
    }
    let names: Result<_, _> = text.split(',').map(module_name).collect();
    Ok(names?)
}

#[cfg(test)]
mod tests;
