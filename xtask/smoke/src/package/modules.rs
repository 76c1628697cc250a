//! The further readings of a package: modules, and whatever they depend on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Read};

use formats::compression::{Compression, Decoder, OutputTooLong};
use formats::entry::Entry;
use formats::kernel_module;

use super::contents::{below_modules, module_file};
use super::{KernelPackage, MAX_MODULE, MAX_MODULES, PackageFile, Problem, expect_file};

/// How many modules are read at most.
pub(super) const MAX_COUNT: usize = 256;
/// How often a package is read for modules at most. One time is enough unless something is stored before
/// what depends on it.
pub(super) const MAX_PASSES: usize = 16;

/// Modules, and how to load them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Modules {
    /// The uncompressed files, by the name of the module with underscores.
    pub files: BTreeMap<String, Vec<u8>>,
    /// For each module that was wanted, in the same order.
    pub wanted: Vec<LoadOrder>,
}

/// How to load a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOrder {
    /// Its name, with underscores.
    pub name: String,
    /// The names of the modules to load, each once, what it depends on first and itself last; all are in
    /// [`Modules::files`]. Empty where it is built in.
    pub order: Vec<String>,
}

impl fmt::Debug for Modules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Modules")
            .field("files", &self.files.keys())
            .field("wanted", &self.wanted)
            .finish()
    }
}

pub(super) fn read<S: AsRef<str>>(
    kernel: &KernelPackage,
    package: &PackageFile,
    wanted: &[S],
) -> Result<Modules, Problem> {
    let mut reading = Reading {
        kernel,
        missing: BTreeSet::new(),
        found: BTreeMap::new(),
        left: MAX_MODULES,
    };
    let mut names = Vec::new();
    for module in wanted {
        names.push(reading.want(module.as_ref(), "the smoke boot needs it")?);
    }
    reading.read_all(package)?;
    let order = |name: String| {
        let mut order = Vec::new();
        reading.sort(&name, &mut Vec::new(), &mut order)?;
        Ok::<_, Problem>(LoadOrder { name, order })
    };
    let wanted = names.into_iter().map(order).collect::<Result<_, _>>()?;
    let files = reading.found.into_iter();
    Ok(Modules {
        files: files.map(|(name, module)| (name, module.bytes)).collect(),
        wanted,
    })
}

struct Module {
    path: String,
    bytes: Vec<u8>,
    depends: Vec<String>,
}

struct Reading<'a> {
    kernel: &'a KernelPackage,
    /// What the next reading is for, by name.
    missing: BTreeSet<String>,
    found: BTreeMap<String, Module>,
    /// How many bytes may still be kept.
    left: u64,
}

impl Reading<'_> {
    /// Has a module read, unless it is built in or there already.
    fn want(&mut self, module: &str, reason: &str) -> Result<String, Problem> {
        let absent = || Problem::NoModule {
            module: module.escape_debug().to_string(),
            reason: reason.to_owned(),
        };
        let name = kernel_module::module_name(module).map_err(|_| absent())?;
        if self.kernel.builtin.contains(&name) || self.found.contains_key(&name) {
            return Ok(name);
        }
        if !self.kernel.available.contains(&name) {
            return Err(absent());
        }
        self.missing.insert(name.clone());
        if self.missing.len() + self.found.len() > MAX_COUNT {
            return Err(Problem::TooMany);
        }
        Ok(name)
    }

    fn read_all(&mut self, package: &PackageFile) -> Result<(), Problem> {
        for _ in 0..MAX_PASSES {
            let Some(expected) = self.missing.first() else {
                return Ok(());
            };
            let expected = expected.clone();
            package.walk(|mut entry| self.visit(&mut entry))?;
            if !self.found.contains_key(&expected) {
                return Err(Problem::Changed(expected));
            }
        }
        if self.missing.is_empty() {
            return Ok(());
        }
        Err(Problem::TooDeep(self.missing.iter().cloned().collect()))
    }

    fn visit(&mut self, entry: &mut Entry<'_>) -> Result<(), Problem> {
        let file = below_modules(entry.path)
            .filter(|(release, _)| *release == self.kernel.release)
            .and_then(|(_, file)| module_file(file));
        let Some((name, compression)) = file else {
            return Ok(());
        };
        if let Some(module) = self.found.get(&name)
            && module.path != entry.path
        {
            return Err(Problem::Twice {
                what: "module of this name",
                first: module.path.clone(),
                second: entry.path.to_owned(),
            });
        }
        if !self.missing.remove(&name) {
            return Ok(());
        }
        let module = self.read_module(&name, entry, compression)?;
        for dependency in &module.depends {
            self.want(dependency, &format!("`{name}` depends on it"))?;
        }
        // One that depends on itself asks for itself above.
        self.missing.remove(&name);
        self.found.insert(name, module);
        Ok(())
    }

    fn read_module(
        &mut self,
        name: &str,
        entry: &mut Entry<'_>,
        compression: Compression,
    ) -> Result<Module, Problem> {
        expect_file(entry)?;
        let path = entry.path.to_owned();
        let bytes = decompress(entry, compression, self.left)?;
        self.left = self.left.saturating_sub(bytes.len() as u64);
        let module = match kernel_module::parse(&bytes) {
            Ok(module) => module,
            Err(error) => return Err(Problem::Module { path, error }),
        };
        if !module.is_x86_64() {
            let machine = module.machine;
            return Err(Problem::Machine { path, machine });
        }
        match module.name {
            Some(found) if found != name => Err(Problem::Name { path, name: found }),
            _ => Ok(Module {
                path,
                bytes,
                depends: module.depends,
            }),
        }
    }

    /// Appends a module to `order`, after what it depends on; `above` are those that led to it.
    fn sort(
        &self,
        name: &str,
        above: &mut Vec<String>,
        order: &mut Vec<String>,
    ) -> Result<(), Problem> {
        if order.iter().any(|done| done == name) {
            return Ok(());
        }
        let begin = above.iter().position(|other| other == name);
        above.push(name.to_owned());
        if let Some(begin) = begin {
            return Err(Problem::Circle(above.split_off(begin)));
        }
        // What is built in is not there.
        if let Some(module) = self.found.get(name) {
            for dependency in &module.depends {
                self.sort(dependency, above, order)?;
            }
            order.push(name.to_owned());
        }
        above.pop();
        Ok(())
    }
}

/// A module's content, of at most [`MAX_MODULE`] bytes and no more than are `left` for all.
fn decompress(
    entry: &mut Entry<'_>,
    compression: Compression,
    left: u64,
) -> Result<Vec<u8>, Problem> {
    let path = entry.path.to_owned();
    let mut bytes = Vec::new();
    let result = Decoder::new(&mut *entry.content, compression, left.min(MAX_MODULE))
        .and_then(|mut decoder| decoder.read_to_end(&mut bytes));
    match result {
        Ok(_) => {
            bytes.shrink_to_fit();
            Ok(bytes)
        }
        Err(error) if is_too_long(&error) => {
            if left < MAX_MODULE {
                return Err(Problem::TooLargeTogether);
            }
            let limit = MAX_MODULE;
            Err(Problem::TooLarge { path, limit })
        }
        Err(error) => Err(Problem::File { path, error }),
    }
}

fn is_too_long(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.downcast_ref::<OutputTooLong>().is_some())
}
