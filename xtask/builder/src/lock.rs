//! Locking: the whole chain of trust, from the archive's key to each package's hash.
//!
//! The tool downloads and verifies: keyring, `InRelease` signature and date, index hashes. The
//! distribution's own apt, in a container without network, only solves over those indexes.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use formats::deb;
use formats::packages::PackageEntry;
use host::engine::Engine;
use jiff::Timestamp;
use model::container::Container;
use model::digest::Sha256;
use model::lock::{
    ContainerLock, InputRole, Lock, LockedInput, LockedPackage, LockedSuite, RecipeLock, SCHEMA,
    recipe_definition, wanted_inputs,
};
use model::names::{Name, PackageName};
use model::recipe::Recipe;

use crate::error::BuildError;
use crate::fetch::{self, Downloads};
use crate::project::Project;
use crate::report::Reporter;
use crate::source::{self, Before};

mod bootstrap;
mod index;
mod solve;

use index::{Index, Purpose};

/// How many metapackages may stand before the package that is meant.
const MAX_META: usize = 3;

/// Resolves and locks a container.
///
/// # Errors
/// The archive cannot be trusted or reached, or the packages cannot be had together.
pub fn lock_container(
    project: &Project,
    engine: &Engine,
    downloads: Downloads<'_>,
    container: &Container,
    reporter: &dyn Reporter,
) -> Result<ContainerLock, BuildError> {
    reporter.phase("verify indexes");
    let index = Index::open(project, downloads, container, Purpose::Container, reporter)?;
    reporter.phase("resolve bootstrap packages");
    let bootstrap = bootstrap::resolve(&index)?;
    let bootstrap_packages = locked(&bootstrap)?;
    reporter.phase("solve");
    let log: Utf8PathBuf = project
        .out()
        .join("logs")
        .join(container.name.as_str())
        .join("lock.log");
    let solved = solve::solve(
        engine,
        downloads,
        container,
        &index,
        &bootstrap_packages,
        &log,
        reporter,
    )?;
    let mut packages = bootstrap_packages;
    packages.extend(locked(&index.pick(&solved)?)?);
    packages.sort_by(|a, b| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
    let mut names: Vec<PackageName> = bootstrap
        .iter()
        .filter_map(|(_, entry)| entry.name.parse().ok())
        .collect();
    names.sort();
    let lock = ContainerLock {
        schema: SCHEMA,
        definition: container.digest(),
        content: Sha256::of(""),
        bootstrap: names,
        suites: index.suites(),
        packages,
    };
    Ok(lock.sealed())
}

/// Resolves and locks the inputs and the source of a recipe. What a branch or a tag meant in the lock `before` stays,
/// unless it is to be `update`d.
///
/// # Errors
/// The archive cannot be trusted or reached, or a package is not in it.
pub fn lock_recipe(
    project: &Project,
    downloads: Downloads<'_>,
    recipe: &Recipe,
    container: &Container,
    before: Option<&RecipeLock>,
    update: bool,
    reporter: &dyn Reporter,
) -> Result<RecipeLock, BuildError> {
    let (suites, inputs) = if wanted_inputs(recipe).is_empty() {
        (Vec::new(), Vec::new())
    } else {
        lock_inputs(project, downloads, recipe, container, reporter)?
    };
    let package = inputs.iter().find(|input| input.role == InputRole::Source);
    let before = Before {
        source: before.and_then(|before| before.source.as_ref()),
        update,
    };
    let source = source::lock(project, downloads, recipe, package, before, reporter)?;
    let definition = recipe_definition(recipe, container);
    let lock = RecipeLock {
        schema: SCHEMA,
        definition,
        content: Sha256::of(""),
        suites,
        inputs,
        source,
    };
    Ok(lock.sealed())
}

/// The suites, and what the recipe takes out of them.
fn lock_inputs(
    project: &Project,
    downloads: Downloads<'_>,
    recipe: &Recipe,
    container: &Container,
    reporter: &dyn Reporter,
) -> Result<(Vec<LockedSuite>, Vec<LockedInput>), BuildError> {
    reporter.phase("verify indexes");
    let index = Index::open(project, downloads, container, Purpose::Inputs, reporter)?;
    let suites = index.suites();
    let mut inputs = Vec::new();
    for (role, wanted) in wanted_inputs(recipe) {
        let package = lock_package(&resolve(&index, role, &wanted)?)?;
        reporter.phase(&format!("download {}", package.name));
        downloads
            .fetch(&recipe.name, container, &suites, &[&package], reporter)
            .map_err(incomplete)?;
        let timestamp = timestamp(downloads, &package)?;
        inputs.push(LockedInput {
            role,
            timestamp,
            package,
        });
    }
    Ok((suites, inputs))
}

/// What the index names just now must be there; locking anew would not help.
fn incomplete(error: BuildError) -> BuildError {
    match error {
        BuildError::Gone { source, .. } => BuildError::Incomplete { source },
        other => other,
    }
}

/// Seconds since 1970 as people write them.
fn rfc3339(seconds: u64) -> String {
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| seconds.to_string(), |time| time.to_string())
}

/// The newest package of this name; a kernel's metapackage leads to the kernel itself.
fn resolve(
    index: &Index<'_>,
    role: InputRole,
    wanted: &PackageName,
) -> Result<(Name, PackageEntry), BuildError> {
    let mut name = wanted.to_string();
    for _ in 0..MAX_META {
        let (archive, entry) = index.newest(&name)?;
        let kernel = entry
            .depends
            .iter()
            .flatten()
            .find(|relation| relation.name.starts_with("linux-image-"));
        match kernel.filter(|_| role == InputRole::StockConfiguration) {
            Some(kernel) => name.clone_from(&kernel.name),
            None => return Ok((archive, entry)),
        }
    }
    Err(BuildError::NoKernel {
        package: wanted.to_string(),
        steps: MAX_META,
    })
}

/// When the distribution built a package.
fn timestamp(downloads: Downloads<'_>, package: &LockedPackage) -> Result<u64, BuildError> {
    let deb = deb::open(fetch::open(downloads.store, package)?);
    deb.map(|deb| deb.timestamp())
        .map_err(|source| BuildError::Package {
            package: package.path.clone(),
            source: source.into(),
        })
}

fn locked(entries: &[(Name, PackageEntry)]) -> Result<Vec<LockedPackage>, BuildError> {
    entries.iter().map(lock_package).collect()
}

fn lock_package((archive, entry): &(Name, PackageEntry)) -> Result<LockedPackage, BuildError> {
    let name = entry.name.parse().map_err(|error| BuildError::Metadata {
        url: format!("the index of {archive}"),
        reason: format!("{error}"),
    })?;
    Ok(LockedPackage {
        name,
        version: entry.version.to_string(),
        architecture: entry.architecture.clone(),
        archive: archive.clone(),
        path: entry.filename.clone(),
        size: entry.size,
        sha256: entry.sha256,
    })
}

/// What of a lock the archive has newer, or no more. Reads nothing but verified indexes.
///
/// # Errors
/// The archive cannot be trusted or reached.
pub fn outdated_container(
    project: &Project,
    downloads: Downloads<'_>,
    container: &Container,
    lock: &ContainerLock,
    reporter: &dyn Reporter,
) -> Result<Vec<String>, BuildError> {
    reporter.phase("verify indexes");
    let index = Index::open(project, downloads, container, Purpose::Container, reporter)?;
    check_not_older(&lock.suites, &index.suites())?;
    changes(&index, &lock.packages.iter().collect::<Vec<_>>())
}

/// What of a recipe's lock the archive has newer, or no more.
///
/// # Errors
/// The archive cannot be trusted or reached.
pub fn outdated_recipe(
    project: &Project,
    downloads: Downloads<'_>,
    recipe: &Recipe,
    container: &Container,
    lock: &RecipeLock,
    reporter: &dyn Reporter,
) -> Result<Vec<String>, BuildError> {
    let mut found = source::outdated(downloads, recipe, lock.source.as_ref())?;
    if lock.inputs.is_empty() {
        return Ok(found);
    }
    reporter.phase("verify indexes");
    let index = Index::open(project, downloads, container, Purpose::Inputs, reporter)?;
    check_not_older(&lock.suites, &index.suites())?;
    let packages: Vec<_> = lock.inputs.iter().map(|input| &input.package).collect();
    found.extend(changes(&index, &packages)?);
    for (role, wanted) in wanted_inputs(recipe) {
        let newest = match resolve(&index, role, &wanted) {
            Ok((_, newest)) => newest,
            // That it is gone was found above already.
            Err(BuildError::NoPackage { .. }) if !found.is_empty() => continue,
            Err(error) => return Err(error),
        };
        let locked = lock.input(role).map(|input| &input.package);
        // A new kernel has a new name, so the locked one can be there still.
        if let Some(locked) = locked.filter(|locked| locked.name.as_str() != newest.name) {
            found.push(format!(
                "{}: locked {}, now {} {}",
                wanted, locked.name, newest.name, newest.version
            ));
        }
    }
    Ok(found)
}

fn changes(index: &Index<'_>, packages: &[&LockedPackage]) -> Result<Vec<String>, BuildError> {
    let names: BTreeSet<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut available: BTreeMap<String, Vec<PackageEntry>> = BTreeMap::new();
    index.each(|_, entry| {
        if names.contains(entry.name.as_str()) {
            available.entry(entry.name.clone()).or_default().push(entry);
        }
    })?;
    let change = |package: &&LockedPackage| {
        let entries = available
            .get(package.name.as_str())
            .map_or(&[][..], Vec::as_slice);
        let newest = entries.iter().max_by(|a, b| a.version.cmp(&b.version));
        let there = entries.iter().any(|entry| entry.sha256 == package.sha256);
        match newest {
            Some(newest) if newest.version.as_str() != package.version => {
                let gone = if there {
                    ""
                } else {
                    ", and the locked one is gone"
                };
                Some(format!(
                    "{}: locked {}, now {}{gone}",
                    package.name, package.version, newest.version
                ))
            }
            Some(_) if there => None,
            Some(_) => Some(format!(
                "{}: {} has other bytes now",
                package.name, package.version
            )),
            None => Some(format!("{}: gone", package.name)),
        }
    };
    Ok(packages.iter().filter_map(change).collect())
}

/// Refuses an archive older than the one that was locked: a mirror that lags, or replays.
///
/// # Errors
/// A suite is older than in `before`.
pub fn check_not_older(before: &[LockedSuite], now: &[LockedSuite]) -> Result<(), BuildError> {
    for suite in now {
        let same = before
            .iter()
            .find(|old| old.archive == suite.archive && old.suite == suite.suite);
        if let Some(old) = same.filter(|old| old.date > suite.date) {
            return Err(BuildError::Metadata {
                url: format!("{} {}", suite.archive, suite.suite),
                reason: format!(
                    "it is of {}, and the lock of {}: the mirror lags behind or replays an old state",
                    rfc3339(suite.date),
                    rfc3339(old.date)
                ),
            });
        }
    }
    Ok(())
}
