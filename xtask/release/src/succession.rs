//! What may follow what: which packages a repository can have beside one another.

use std::collections::{BTreeMap, BTreeSet};

use model::recipe::PackageFormat;
use model::release::Kernel;

use crate::candidate::Candidate;
use crate::{provenance, version};

/// Headers for programs have one version in a system: the distribution's, unless its user wants another.
pub(crate) fn replaces_the_distributions(format: PackageFormat, name: &str) -> bool {
    match format {
        PackageFormat::Deb => name == "linux-libc-dev",
        PackageFormat::Rpm => name.ends_with("-headers"),
    }
}

/// Whether a result is newer than what was released of its recipe; false where it is the same.
pub(crate) fn succession(candidate: &Candidate, known: &[Kernel]) -> Result<bool, String> {
    let version = candidate.planned.identity.full();
    let format = candidate.planned.recipe.target.format;
    let newest = known.first();
    if newest.is_some_and(|newest| newest.target != candidate.planned.recipe.target) {
        return Err("it was released for another distribution; give it another name".to_owned());
    }
    if let Some(same) = known.iter().find(|kernel| kernel.version == version) {
        let artifacts = &candidate.finished.manifest.artifacts;
        let mut packages = same.packages.iter();
        let is_same = packages.all(|package| {
            let file = provenance::file_name(&package.path);
            artifacts
                .get(file)
                .is_some_and(|found| found.sha256 == package.built)
        });
        if is_same {
            return Ok(false);
        }
        return Err(format!(
            "version {version} was released with other bytes; raise `revision` in the recipe, and build it again"
        ));
    }
    match newest.map(|newest| version::compare(format, &version, &newest.version)) {
        Some(ordering) if ordering.is_le() => {
            let newest = newest
                .map(|newest| newest.version.as_str())
                .unwrap_or_default();
            Err(format!(
                "version {version} is older than {newest}, which was released"
            ))
        }
        _ => Ok(true),
    }
}

/// Packages that a package manager could not tell apart.
pub(crate) fn collisions<'a>(kernels: impl Iterator<Item = &'a Kernel>) -> Vec<String> {
    let mut owners = BTreeMap::new();
    let mut problems = BTreeSet::new();
    for kernel in kernels {
        for package in kernel.packages.iter().filter(|package| package.indexed) {
            // All versions of an RPM package belong to one recipe, or dnf takes the newest of both.
            let version = match kernel.format() {
                PackageFormat::Deb => kernel.version.as_str(),
                PackageFormat::Rpm => "",
            };
            let key = (kernel.repository(), &package.name, version);
            let owner = owners.entry(key).or_insert(&kernel.recipe);
            if *owner != &kernel.recipe {
                problems.insert(format!(
                    "{}: {} for {} is of recipe {owner} too; give one of them another version-suffix",
                    kernel.recipe,
                    package.name,
                    kernel.repository()
                ));
            }
        }
    }
    problems.into_iter().collect()
}
