//! Locks: the exact bytes that a container or a recipe takes from an archive.
//!
//! A lock is written by `cargo xtask lock`, after the whole chain of trust from the archive's key
//! to the package was verified. From then on its hashes alone decide.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::container::Container;
use crate::digest::Sha256;
use crate::names::{ArchivePart, Name, PackageName};
use crate::plan::canonical_json;
use crate::recipe::{Base, Recipe};
use crate::source::{LockedSource, Source};
use crate::strict::{Problem, Problems, SourceFile};

/// The form of lock files that this tool reads and writes.
pub const SCHEMA: u32 = 1;

/// One package file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPackage {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// Its architecture, `all` included.
    pub architecture: String,
    /// The archive it is in.
    pub archive: Name,
    /// Its path below the archive's root.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub sha256: Sha256,
}

/// A suite as it was when the lock was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedSuite {
    /// The archive.
    pub archive: Name,
    /// The suite.
    pub suite: ArchivePart,
    /// The archive's time: the `Date` of its signed `InRelease`, in seconds since 1970.
    pub date: u64,
    /// The digest of the `InRelease` file.
    pub inrelease: Sha256,
    /// The fingerprints of the keys whose signature on it was verified.
    pub signers: Vec<String>,
}

/// The lock of a container: its whole package closure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerLock {
    /// The form of this file.
    pub schema: u32,
    /// The digest of the definition that it was made from.
    pub definition: Sha256,
    /// The digest of everything else in this file.
    pub content: Sha256,
    /// The packages that the tool itself unpacks, so that dpkg can run and install the others.
    pub bootstrap: Vec<PackageName>,
    /// The suites it was resolved from.
    pub suites: Vec<LockedSuite>,
    /// Every package.
    pub packages: Vec<LockedPackage>,
}

/// What a recipe takes an input for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputRole {
    /// The kernel's source.
    Source,
    /// The package with the stock configuration.
    StockConfiguration,
}

/// A package that a recipe takes from the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedInput {
    /// What for.
    pub role: InputRole,
    /// When the package was built by its distribution (its `SOURCE_DATE_EPOCH`), in seconds since
    /// 1970. That of the source is the clock of the build.
    pub timestamp: u64,
    /// The package.
    pub package: LockedPackage,
}

/// The lock of a recipe: its inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeLock {
    /// The form of this file.
    pub schema: u32,
    /// The digest of what in the recipe and its container's archives decides the inputs.
    pub definition: Sha256,
    /// The digest of everything else in this file.
    pub content: Sha256,
    /// The suites it was resolved from.
    pub suites: Vec<LockedSuite>,
    /// Every input out of an archive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<LockedInput>,
    /// The source; absent for a package without patches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<LockedSource>,
}

/// Why a lock cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum LockError {
    /// It is not there.
    #[error("{path} is missing: {what} is not locked{}", needs.as_ref().map(|needs| format!(": needs {needs}")).unwrap_or_default())]
    #[diagnostic(help("run `cargo xtask lock {name}` and commit the file it writes"))]
    Missing {
        /// The lock file.
        path: String,
        /// The recipe or container.
        what: String,
        /// What locking it needs from outside; not told of containers, which all need an archive.
        needs: Option<String>,
        /// Its name.
        name: Name,
    },
    /// The definition changed after it was locked.
    #[error(
        "{path} is stale: it was made from definition {found}, and the definition now is {expected}"
    )]
    #[diagnostic(help("run `cargo xtask lock {name}` and commit the file it writes"))]
    Stale {
        /// The lock file.
        path: String,
        /// The digest of the definition now.
        expected: Sha256,
        /// The digest in the lock.
        found: Sha256,
        /// The recipe or container.
        name: Name,
    },
    /// A patch beside the recipe changed after it was locked.
    #[error(
        "recipes/patches/{patch} changed after recipe `{name}` was locked: {expected} expected, found {found}"
    )]
    #[diagnostic(help("run `cargo xtask lock {name}` and commit the file it writes"))]
    StalePatch {
        /// The patch.
        patch: String,
        /// Its digest in the lock.
        expected: Sha256,
        /// Its digest now.
        found: Sha256,
        /// The recipe.
        name: Name,
    },
    /// Somebody changed the file.
    #[error("{path} was edited: its content has digest {found}, and it says {expected}")]
    #[diagnostic(help("restore the file, or run `cargo xtask lock {name}` to write it anew"))]
    Edited {
        /// The lock file.
        path: String,
        /// The digest that the file states.
        expected: Sha256,
        /// The digest of what it holds.
        found: Sha256,
        /// The recipe or container.
        name: Name,
    },
    /// It cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Malformed(#[from] Problems),
}

/// What both kinds of lock have in common.
pub trait Lock: Serialize + DeserializeOwned + Clone {
    /// The digest of the definition it was made from.
    fn definition(&self) -> Sha256;
    /// The digest that it states of its content.
    fn content(&self) -> Sha256;
    /// States another digest.
    fn set_content(&mut self, content: Sha256);
    /// The form it is written in.
    fn schema(&self) -> u32;

    /// The digest of everything but the stated digest itself.
    fn content_digest(&self) -> Sha256 {
        let mut body = self.clone();
        body.set_content(Sha256::of(""));
        Sha256::of(canonical_json(&body))
    }

    /// This lock with its digest stated rightly.
    #[must_use]
    fn sealed(mut self) -> Self {
        self.set_content(self.content_digest());
        self
    }

    /// The text of the lock file.
    ///
    /// # Errors
    /// None for the locks of this module; TOML cannot express every value that serde can.
    fn render(&self, name: &Name) -> Result<String, toml::ser::Error> {
        let body = toml::to_string(self)?;
        Ok(format!(
            "# Written by `cargo xtask lock {name}`. Do not edit: the tool checks.\n\n{body}"
        ))
    }

    /// Reads the lock of recipe or container `name` and checks that it belongs to `definition`.
    ///
    /// # Errors
    /// It is malformed, edited or stale.
    fn parse(name: &Name, file: &Arc<SourceFile>, definition: Sha256) -> Result<Self, LockError> {
        let path = file.name.clone();
        let malformed = |message: String, span| {
            let problem = Problem {
                message,
                file: Arc::clone(file),
                span,
            };
            LockError::Malformed(Problems::new(&format!("lock of `{name}`"), &[problem]))
        };
        let lock: Self = toml::from_str(&file.text)
            .map_err(|error| malformed(error.message().to_owned(), error.span()))?;
        if lock.schema() != SCHEMA {
            return Err(malformed(
                format!("schema {} is not known here, {SCHEMA} is", lock.schema()),
                None,
            ));
        }
        let (expected, found) = (lock.content(), lock.content_digest());
        if expected != found {
            return Err(LockError::Edited {
                path,
                expected,
                found,
                name: name.clone(),
            });
        }
        if lock.definition() != definition {
            return Err(LockError::Stale {
                path,
                expected: definition,
                found: lock.definition(),
                name: name.clone(),
            });
        }
        Ok(lock)
    }
}

macro_rules! lock {
    ($lock:ident) => {
        impl Lock for $lock {
            fn definition(&self) -> Sha256 {
                self.definition
            }

            fn content(&self) -> Sha256 {
                self.content
            }

            fn set_content(&mut self, content: Sha256) {
                self.content = content;
            }

            fn schema(&self) -> u32 {
                self.schema
            }
        }
    };
}

lock!(ContainerLock);
lock!(RecipeLock);

impl RecipeLock {
    /// The input of this role.
    pub fn input(&self, role: InputRole) -> Option<&LockedInput> {
        self.inputs.iter().find(|input| input.role == role)
    }
}

/// The digest of what decides the inputs of `recipe`: which packages it wants, of which suites, and which
/// source from elsewhere.
pub fn recipe_definition(recipe: &Recipe, container: &Container) -> Sha256 {
    let archives: Vec<_> = container
        .archives
        .iter()
        .map(|(name, archive)| {
            (
                name,
                &archive.keyring,
                &archive.components,
                &archive.input_suites,
            )
        })
        .collect();
    let of_archive = (wanted_inputs(recipe), recipe.architecture, archives);
    Sha256::of(match (&recipe.source, &recipe.patches[..]) {
        (Source::Package(_), []) => canonical_json(&of_archive),
        (source, patches) => canonical_json(&(of_archive, source, patches)),
    })
}

/// The packages that `recipe` takes from the archive, and what for.
pub fn wanted_inputs(recipe: &Recipe) -> Vec<(InputRole, PackageName)> {
    let source = match &recipe.source {
        Source::Package(source) => Some((InputRole::Source, source.clone())),
        Source::Git(_) | Source::Tarball(_) => None,
    };
    let stock = match &recipe.config.base {
        Base::Package(package) => Some((InputRole::StockConfiguration, package.clone())),
        Base::Target(_) => None,
    };
    source.into_iter().chain(stock).collect()
}
