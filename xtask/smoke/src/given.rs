//! Modules that are no part of a package: files that somebody compiled against its headers.
//!
//! They are taken to be hostile, and are looked at before anything is started for them.

use std::fs::{self, File};
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use formats::kernel_module::{self, KernelModule, KernelModuleError, MalformedModuleName};
use protocol::Module;

use crate::initramfs::module_path;
use crate::package::{KernelPackage, MAX_MODULE, MAX_MODULES, Modules};
use crate::text;

/// The longest release of a module that a message shows, in characters.
const MAX_SHOWN: usize = 80;

/// Why a file is no module that can be given to a boot: one line with the file, and what was found and expected.
#[derive(Debug, thiserror::Error)]
#[error("module {path}: {problem}")]
pub struct GivenError {
    /// The file.
    pub path: Utf8PathBuf,
    /// What is wrong with it.
    pub problem: Box<Problem>,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It is not there, or is not for this user.
    #[error("reading it failed: {0}")]
    Unreadable(io::Error),
    /// A folder, a pipe or a device.
    #[error("found something else, expected a regular file")]
    NotAFile,
    /// It is larger than any module.
    #[error("found it to be too large, expected {MAX_MODULE} bytes at most")]
    TooLarge,
    /// It is too large together with those before it.
    #[error("found it and those before it to be too large, expected {MAX_MODULES} bytes at most")]
    TooLargeTogether,
    /// It is no module.
    #[error(transparent)]
    Malformed(KernelModuleError),
    /// It is for another processor.
    #[error("found a module for ELF machine {0}, expected 62, which is x86-64")]
    Machine(u16),
    /// It does not tell its name, as those of old kernels, and its file has none of a module.
    #[error("found no name in it, and that of its file is none: {0}")]
    Name(MalformedModuleName),
    /// It is for another kernel.
    #[error("found it compiled for {found}, expected {expected:?}, the release in the package")]
    Release {
        /// What it tells.
        found: String,
        /// The kernel's release.
        expected: String,
    },
    /// Two files are the same module.
    #[error("found module `{name}` again, expected it once: {first} is the first")]
    Twice {
        /// The name of both.
        name: String,
        /// The file of the other one.
        first: Utf8PathBuf,
    },
    /// The kernel has it.
    #[error("found module `{0}`, which is built in; expected one that can be loaded")]
    BuiltIn(String),
    /// The boot needs the package's.
    #[error(
        "found module `{0}`, which the boot loads out of the package; expected one that it does not"
    )]
    InPackage(String),
    /// It depends on something that is nowhere.
    #[error(
        "found a dependency on `{0}`, which is neither in the package nor built in nor given; expected one of them"
    )]
    Dependency(String),
    /// It and others depend on each other.
    #[error("found it to depend on itself, or on a module that depends on it; expected no circle")]
    Circle,
}

/// A module that was looked at.
#[derive(Debug, Clone)]
struct Given {
    path: Utf8PathBuf,
    name: String,
    /// The names of the modules that have to be loaded before it.
    depends: Vec<String>,
    bytes: Vec<u8>,
}

impl Given {
    fn fails(&self, problem: Problem) -> GivenError {
        failed(&self.path, problem)
    }
}

/// The modules that were given to a boot, each after those of them that it depends on.
#[derive(Debug, Default)]
pub(crate) struct AllGiven(Vec<Given>);

impl AllGiven {
    /// Reads modules for the kernel of a package.
    ///
    /// # Errors
    /// See [`Problem`].
    pub(crate) fn read(paths: &[Utf8PathBuf], package: &KernelPackage) -> Result<Self, GivenError> {
        let mut all: Vec<Given> = Vec::new();
        let mut left = MAX_MODULES;
        for path in paths {
            let given =
                read(path, left, &package.release).map_err(|problem| failed(path, problem))?;
            left = left.saturating_sub(given.bytes.len() as u64);
            if let Some(first) = all.iter().find(|other| other.name == given.name) {
                return Err(given.fails(Problem::Twice {
                    name: given.name.clone(),
                    first: first.path.clone(),
                }));
            }
            all.push(given);
        }
        let all = Self(sorted(all)?);
        all.check(package)?;
        Ok(all)
    }

    fn check(&self, package: &KernelPackage) -> Result<(), GivenError> {
        for given in &self.0 {
            if package.is_built_in(&given.name) {
                return Err(given.fails(Problem::BuiltIn(given.name.clone())));
            }
            let is_there = |name: &str| package.is_built_in(name) || package.has_module(name);
            let mut outside = self.outside(given);
            if let Some(nowhere) = outside.find(|name| !is_there(name)) {
                return Err(given.fails(Problem::Dependency(nowhere.to_owned())));
            }
        }
        Ok(())
    }

    /// The names of the modules that one depends on, and that were not given.
    fn outside<'a>(&'a self, given: &'a Given) -> impl Iterator<Item = &'a str> {
        let depends = given.depends.iter().map(String::as_str);
        depends.filter(|name| !self.0.iter().any(|other| other.name == *name))
    }

    /// The names of the modules that have to come out of the package.
    pub(crate) fn depends(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|given| self.outside(given))
    }

    /// Puts the files to those out of the package, and says how to load them.
    ///
    /// # Errors
    /// One has the name of a module that is loaded out of the package.
    pub(crate) fn add_to(self, modules: &mut Modules) -> Result<Vec<Module>, GivenError> {
        let loads = self.0.iter().map(|given| self.load(given, modules));
        let loads = loads.collect();
        for given in self.0 {
            if modules.files.contains_key(&given.name) {
                return Err(given.fails(Problem::InPackage(given.name.clone())));
            }
            modules.files.insert(given.name, given.bytes);
        }
        Ok(loads)
    }

    /// How to load a module, those that come before it aside.
    fn load(&self, given: &Given, modules: &Modules) -> Module {
        let mut files = Vec::new();
        for name in self.outside(given) {
            let mut wanted = modules.wanted.iter();
            let order = wanted.find(|wanted| wanted.name == name);
            for name in order.into_iter().flat_map(|wanted| &wanted.order) {
                let path = module_path(name);
                if !files.contains(&path) {
                    files.push(path);
                }
            }
        }
        files.push(module_path(&given.name));
        Module {
            name: given.name.clone(),
            files,
        }
    }
}

fn failed(path: &Utf8Path, problem: Problem) -> GivenError {
    GivenError {
        path: path.to_owned(),
        problem: Box::new(problem),
    }
}

/// Reads a module of at most `left` bytes that is for the kernel of this release.
fn read(path: &Utf8Path, left: u64, release: &str) -> Result<Given, Problem> {
    let bytes = content(path, left)?;
    let module = kernel_module::parse(&bytes).map_err(Problem::Malformed)?;
    if !module.is_x86_64() {
        return Err(Problem::Machine(module.machine));
    }
    if module.release() != Some(release) {
        return Err(Problem::Release {
            found: shown_release(&module),
            expected: release.to_owned(),
        });
    }
    let name = match module.name {
        Some(name) => name,
        None => kernel_module::module_name(path.file_stem().unwrap_or_default())
            .map_err(Problem::Name)?,
    };
    Ok(Given {
        path: path.to_owned(),
        name,
        depends: module.depends,
        bytes,
    })
}

fn shown_release(module: &KernelModule) -> String {
    module.release().map_or_else(
        || "no release that it tells".to_owned(),
        |release| format!("{:?}", text::line(release, MAX_SHOWN)),
    )
}

/// The content of a regular file; to open a pipe would be to wait for who writes to it.
fn content(path: &Utf8Path, left: u64) -> Result<Vec<u8>, Problem> {
    let kind = fs::metadata(path).map_err(Problem::Unreadable)?;
    if !kind.is_file() {
        return Err(Problem::NotAFile);
    }
    let limit = left.min(MAX_MODULE);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Problem::Unreadable)?;
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(Problem::Unreadable)?;
    match bytes.len() as u64 {
        size if size <= limit => Ok(bytes),
        _ if left < MAX_MODULE => Err(Problem::TooLargeTogether),
        _ => Err(Problem::TooLarge),
    }
}

/// Puts each after those that it depends on, and leaves the order as it is where it does not matter.
fn sorted(mut waiting: Vec<Given>) -> Result<Vec<Given>, GivenError> {
    let mut sorted = Vec::new();
    while let Some(first) = waiting.first() {
        let waits = |given: &Given| {
            let mut others = waiting.iter();
            others.any(|other| given.depends.contains(&other.name))
        };
        let Some(next) = waiting.iter().position(|given| !waits(given)) else {
            return Err(first.fails(Problem::Circle));
        };
        sorted.push(waiting.remove(next));
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests;
