//! The kernel in a finished package: its image, its configuration and the modules that a boot needs.
//!
//! A package is read in one direction and is too large to hold, so it is read again for what the first
//! reading shows to be needed. It is taken to be hostile: whatever is kept of it has a bound, and so has
//! the work that it makes.

mod contents;
mod error;
mod guard;
mod modules;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use camino::Utf8Path;
use formats::entry::{Entry, Kind};
use formats::{kernel_module, package};
use host::cancel::Cancel;
use model::kconfig::DotConfig;
use model::recipe::PackageFormat;

use contents::Contents;
use guard::{Guarded, pay};

pub use error::{PackageError, Problem};
pub use modules::{LoadOrder, Modules};

/// The most that a kernel image may be, in bytes.
pub const MAX_IMAGE: u64 = 48 << 20;
/// The most that a module may be, in bytes, decompressed.
pub const MAX_MODULE: u64 = 32 << 20;
/// The most that all modules together may be, in bytes: the guest keeps them in its memory.
pub const MAX_MODULES: u64 = 32 << 20;
/// The most that a configuration or a list of modules may be, in bytes.
const MAX_TEXT: u64 = 4 << 20;
/// The most that a package may unpack to, in bytes: kernels with debug information stay below.
const MAX_DATA: u64 = 8 << 30;
/// The most that all readings of a package together may take out of its file, and the most that they may
/// unpack of it, in bytes.
const MAX_WORK: u64 = 16 << 30;
type Open = Box<dyn Fn() -> io::Result<Box<dyn Read>>>;

/// A package that can be opened again and again, until somebody asks to stop, or all readings together
/// are more than any kernel is worth.
pub struct PackageFile {
    name: String,
    cancel: Cancel,
    open: Open,
    /// How many bytes may still be read.
    packed: Cell<u64>,
    /// How many bytes may still be unpacked.
    unpacked: Cell<u64>,
}

impl PackageFile {
    /// A package of this name, for messages, that `open` gives from its beginning each time. Reading it
    /// ends once `cancel` is raised.
    pub fn new<R: Read + 'static>(
        name: impl Into<String>,
        cancel: Cancel,
        open: impl Fn() -> io::Result<R> + 'static,
    ) -> Self {
        let open = move || open().map(|reader| Box::new(reader) as Box<dyn Read>);
        Self {
            name: name.into(),
            cancel,
            open: Box::new(open),
            packed: Cell::new(MAX_WORK),
            unpacked: Cell::new(MAX_WORK),
        }
    }

    /// The package in a file. Reading it ends once `cancel` is raised.
    pub fn at(path: &Utf8Path, cancel: Cancel) -> Self {
        let path = path.to_owned();
        Self::new(path.to_string(), cancel, move || File::open(&path))
    }

    /// Its name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn failed(&self, problem: Problem) -> PackageError {
        PackageError {
            package: self.name.clone(),
            problem: Box::new(problem),
        }
    }

    /// Shows every file of the package, once it is known to be one for this architecture.
    fn walk(&self, visit: impl FnMut(Entry<'_>) -> Result<(), Problem>) -> Result<(), Problem> {
        let reader = (self.open)().map_err(Problem::Open)?;
        let reader = Guarded::new(reader, &self.cancel, &self.packed);
        let package = package::open(reader)?;
        let (found, expected) = (package.architecture(), architecture(package.format()));
        if found != expected {
            let found = found.to_owned();
            return Err(Problem::Architecture { found, expected });
        }
        let meter = |read| pay(&self.cancel, &self.unpacked, read);
        package.for_each_entry_metered(MAX_DATA, meter, visit)
    }
}

/// The architecture that smoke boots are for, in the words of a format.
fn architecture(format: PackageFormat) -> &'static str {
    match format {
        PackageFormat::Deb => "amd64",
        PackageFormat::Rpm => "x86_64",
    }
}

impl fmt::Debug for PackageFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PackageFile")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The kernel in a package.
#[derive(Clone, PartialEq, Eq)]
pub struct KernelPackage {
    /// Its release, as its file is named and its boot header says: what `uname -r` will give.
    pub release: String,
    /// The bzImage, [`MAX_IMAGE`] at most.
    pub image: Vec<u8>,
    /// Its configuration, where the package has one.
    pub config: Option<DotConfig>,
    builtin: BTreeSet<String>,
    available: BTreeSet<String>,
}

impl KernelPackage {
    /// Reads the kernel, its configuration and the names of its modules; the package is read once.
    ///
    /// # Errors
    ///
    /// The package cannot be opened, is damaged, is none for x86-64, or holds not exactly one 64-bit
    /// kernel of the release that it is named after.
    pub fn read(package: &PackageFile) -> Result<Self, PackageError> {
        let mut contents = Contents::default();
        package
            .walk(|mut entry| contents.visit(&mut entry))
            .and_then(|()| contents.finish())
            .map_err(|problem| package.failed(problem))
    }

    /// Reads the modules of these names and all that they depend on, and finds the order to load them in.
    /// The package, which is the one that the kernel was read from, is read until nothing is missing.
    ///
    /// # Errors
    ///
    /// As [`KernelPackage::read`]. A module, or one that it depends on, is neither in the package nor built
    /// in; is there twice, damaged, too large, or for another processor; or modules depend on each other in
    /// a circle.
    pub fn modules<S: AsRef<str>>(
        &self,
        package: &PackageFile,
        wanted: &[S],
    ) -> Result<Modules, PackageError> {
        modules::read(self, package, wanted).map_err(|problem| package.failed(problem))
    }

    /// Whether the package lists a module as built in; `-` and `_` are the same.
    pub fn is_built_in(&self, module: &str) -> bool {
        kernel_module::module_name(module).is_ok_and(|name| self.builtin.contains(&name))
    }

    /// Whether the package has a module's file; `-` and `_` are the same.
    pub fn has_module(&self, module: &str) -> bool {
        kernel_module::module_name(module).is_ok_and(|name| self.available.contains(&name))
    }
}

impl fmt::Debug for KernelPackage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KernelPackage")
            .field("release", &self.release)
            .field("image", &self.image.len())
            .field("modules", &self.available.len())
            .finish_non_exhaustive()
    }
}

/// The content of a regular file of at most `limit` bytes.
fn read_file(entry: &mut Entry<'_>, limit: u64) -> Result<Vec<u8>, Problem> {
    expect_file(entry)?;
    let path = entry.path.to_owned();
    if entry.size > limit {
        return Err(Problem::TooLarge { path, limit });
    }
    // Growing step by step would need twice the memory.
    let mut bytes = Vec::with_capacity(usize::try_from(entry.size).unwrap_or_default());
    match (&mut *entry.content).take(limit).read_to_end(&mut bytes) {
        // An archive that ends inside of an entry is no error to the tar crate here.
        Ok(size) if size as u64 != entry.size => Err(Problem::File {
            path,
            error: io::ErrorKind::UnexpectedEof.into(),
        }),
        Ok(_) => Ok(bytes),
        Err(error) => Err(Problem::File { path, error }),
    }
}

fn expect_file(entry: &Entry<'_>) -> Result<(), Problem> {
    if entry.kind == Kind::File {
        return Ok(());
    }
    Err(Problem::NotAFile {
        path: entry.path.to_owned(),
        kind: entry.kind,
    })
}

#[cfg(test)]
mod tests;
