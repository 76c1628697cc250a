//! The kernel that is booted, with all that the boot needs of its package.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use host::cancel::Cancel;
use model::digest::Sha256;
use model::kconfig::DotConfig;
use model::recipe::{self, Line};
use model::smoke::drivers::{available, lacking, modular};
use protocol::Module;

use crate::error::SmokeError;
use crate::given::AllGiven;
use crate::initramfs::module_path;
use crate::line::{self, Facts};
use crate::package::{KernelPackage, LoadOrder, PackageError, PackageFile, Problem};

/// What is to be booted.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The packages; one of them has the kernel.
    pub packages: Vec<Utf8PathBuf>,
    /// What is known of them, where they are a recipe's result.
    pub origin: Option<Origin>,
    /// The MPTCP implementation that is expected; `None` where the kernel's configuration says.
    pub line: Option<Line>,
    /// What the recipe expects besides.
    pub expected: recipe::Smoke,
    /// Files of modules that are to be loaded besides those in the package.
    pub modules: Vec<Utf8PathBuf>,
}

/// A result that packages belong to.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The digest of its manifest.
    pub manifest: Sha256,
    /// The kernel release in it.
    pub kernel_release: String,
    /// The digests of the packages, by file name.
    pub packages: BTreeMap<String, Sha256>,
    /// The file name of the package that has the kernel; `None` where each may have it.
    pub kernel: Option<String>,
    /// Whether it is of an incremental build.
    pub incremental: bool,
}

impl Subject {
    /// The packages to look for the kernel in.
    fn candidates(&self) -> impl Iterator<Item = &Utf8PathBuf> {
        let known = self.origin.as_ref().and_then(|it| it.kernel.as_deref());
        let packages = self.packages.iter();
        packages.filter(move |path| known.is_none() || path.file_name() == known)
    }
}

/// A kernel out of a package.
#[derive(Debug)]
pub struct Kernel {
    pub(crate) subject: Subject,
    /// The digests of the packages, by file name.
    pub(crate) packages: BTreeMap<String, Sha256>,
    pub(crate) facts: &'static Facts,
    /// Its release, as its package tells it.
    pub(crate) release: String,
    pub(crate) image: Vec<u8>,
    pub(crate) config: DotConfig,
    /// The files to load before anything else, as paths in the initramfs.
    pub(crate) drivers: Vec<String>,
    /// The modules that the configuration promises, to be tried.
    pub(crate) tried: Vec<Module>,
    /// The modules that are no part of the package, in the order of loading.
    pub(crate) given: Vec<Module>,
    /// The files of all of them.
    pub(crate) modules: BTreeMap<String, Vec<u8>>,
}

/// The modules that a smoke boot of `package` needs, in the order of loading.
///
/// # Errors
/// [`Problem::Lacks`] names each symbol that is off, and what it is needed for. A package without its configuration
/// is taken for what it has.
fn drivers(package: &KernelPackage, file: &PackageFile) -> Result<Vec<&'static str>, PackageError> {
    let Some(config) = &package.config else {
        return Ok(available(|module| package.has_module(module)));
    };
    let lacking = lacking(config);
    if lacking.is_empty() {
        Ok(modular(config))
    } else {
        Err(PackageError {
            package: file.name().to_owned(),
            problem: Box::new(Problem::Lacks(lacking)),
        })
    }
}

impl Kernel {
    /// Takes the kernel and its modules out of whichever package has one.
    ///
    /// # Errors
    /// A package is not what its manifest says, damaged, or for another machine; none has a kernel, or two
    /// have; the kernel lacks what a boot needs; a module that is to be loaded besides is none for it.
    pub fn read(subject: Subject, cancel: &Cancel) -> Result<Self, SmokeError> {
        let packages = digests(&subject)?;
        let (file, package) = the_one_with_a_kernel(subject.candidates(), cancel)?;
        let needed = drivers(&package, &file)?;
        let given = AllGiven::read(&subject.modules, &package)?;
        let config = package.config.clone().unwrap_or_default();
        let line = subject.line.unwrap_or_else(|| line::line_of(&config));
        let facts = line::facts(line);
        let promised = line::promised_modules(&config, facts);
        let own = needed.iter().chain(&promised).copied();
        let wanted: Vec<_> = own.chain(given.depends()).collect();
        let mut modules = package.modules(&file, &wanted)?;
        let given = given.add_to(&mut modules)?;
        let (needed, others) = modules.wanted.split_at(needed.len());
        let promised = others.iter().take(promised.len());
        let mut drivers = Vec::new();
        for path in needed.iter().flat_map(paths) {
            if !drivers.contains(&path) {
                drivers.push(path);
            }
        }
        let tried = promised.map(|module| Module {
            name: module.name.clone(),
            files: paths(module).collect(),
        });
        Ok(Self {
            packages,
            facts,
            tried: tried.collect(),
            given,
            drivers,
            modules: modules.files,
            release: package.release,
            image: package.image,
            config,
            subject,
        })
    }
}

fn paths(module: &LoadOrder) -> impl Iterator<Item = String> {
    module.order.iter().map(|name| module_path(name))
}

/// The package that has a kernel, which no other one may have too.
fn the_one_with_a_kernel<'a>(
    packages: impl Iterator<Item = &'a Utf8PathBuf>,
    cancel: &Cancel,
) -> Result<(PackageFile, KernelPackage), SmokeError> {
    let mut found = None;
    let mut without = None;
    for path in packages {
        let file = PackageFile::at(path, cancel.clone());
        match KernelPackage::read(&file) {
            Ok(package) => {
                if let Some((first, _)) = found.replace((file, package)) {
                    return Err(SmokeError::TwoKernels {
                        first: first.name().to_owned(),
                        second: path.to_string(),
                    });
                }
            }
            Err(error) if matches!(*error.problem, Problem::NoKernel) => without = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    match (found, without) {
        (Some(found), _) => Ok(found),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(SmokeError::NoPackages),
    }
}

/// The digests of the packages, which have to be those of the result they belong to.
fn digests(subject: &Subject) -> Result<BTreeMap<String, Sha256>, SmokeError> {
    let mut digests = BTreeMap::new();
    for path in &subject.packages {
        let found = digest(path).map_err(|source| SmokeError::File {
            attempt: "reading",
            path: path.clone(),
            source,
        })?;
        let name = path.file_name().unwrap_or_default().to_owned();
        let known = subject
            .origin
            .as_ref()
            .map(|origin| origin.packages.get(&name));
        if let Some(expected) = known.filter(|known| *known != Some(&found)) {
            return Err(SmokeError::Changed {
                path: path.clone(),
                expected: expected.map_or_else(|| "nothing".to_owned(), ToString::to_string),
                found,
            });
        }
        digests.insert(name, found);
    }
    Ok(digests)
}

fn digest(path: &Utf8Path) -> io::Result<Sha256> {
    let mut hasher = sha2::Sha256::default();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(Sha256::finish(hasher))
}

#[cfg(test)]
mod tests;
