//! The kernel's source: whatever it is read from, a tree in a volume of its own, kept for later builds.

use std::io::Read;

use host::engine::{Container, ContainerSpec, Engine, Mount};
use host::tar_entry::append_file;
use model::digest::Sha256;
use model::lock::InputRole;
use model::names::Name;
use model::plan::canonical_json;
use model::source::LockedSource;

use crate::error::BuildError;
use crate::lockfile::exclusive;
use crate::plan::Planned;

mod error;
mod locked;
mod newer;
mod origin;
mod own;
mod patches;
#[cfg(test)]
mod tests;
mod tree;

pub use error::SourceError;
pub(crate) use locked::{Before, Obtained, lock, obtain, outdated};
pub(crate) use newer::newer_tag;
pub use own::OwnSource;

/// Where the volume appears in containers; the tree is in `tree` below it.
pub(crate) const TARGET: &str = "/source";
/// The beginning of the names of source volumes.
pub(crate) const VOLUME_PREFIX: &str = "mptcp-kernels-source-";
/// The file, beside the tree, that is written last and holds the tree's digest.
const COMPLETE: &str = "tree.sha256";

/// A source tree in a volume.
#[derive(Debug, Clone)]
pub(crate) struct SourceTree {
    volume: String,
    /// The digest of the tree.
    pub(crate) digest: Sha256,
}

impl SourceTree {
    /// The volume, where containers may only read it.
    pub(crate) fn mount(&self) -> Mount {
        mount(&self.volume, true)
    }
}

fn mount(volume: &str, read_only: bool) -> Mount {
    Mount {
        volume: volume.to_owned(),
        target: TARGET.to_owned(),
        read_only,
    }
}

/// The tree that `planned` is built from, unpacked now unless a whole one is there. `image` is any image; it
/// never runs.
pub(crate) fn ensure(
    engine: &Engine,
    planned: &Planned,
    obtained: &Obtained<'_>,
    image: &str,
) -> Result<SourceTree, BuildError> {
    let volume = volume_name(planned)?;
    let _lock = exclusive(engine, &volume)?;
    if engine.has_volume(&volume)? {
        if let Some(digest) = complete(&filler(engine, image, &volume)?) {
            return Ok(SourceTree { volume, digest });
        }
        engine.remove_volume(&volume)?;
    }
    remove_other_own(engine, planned, &volume)?;
    engine.kept_volume(&volume)?;
    let filled = fill(engine, planned, obtained, image, &volume);
    // What is not whole must not take room either.
    if filled.is_err() {
        let _only_room = engine.remove_volume(&volume);
    }
    filled
}

fn fill(
    engine: &Engine,
    planned: &Planned,
    obtained: &Obtained<'_>,
    image: &str,
    volume: &str,
) -> Result<SourceTree, BuildError> {
    let recipe = &planned.recipe.name;
    let container = filler(engine, image, volume)?;
    let mut read = None;
    let put = container.put(TARGET, |writer| {
        let tree = obtained.read(writer);
        let result = tree.as_ref().map(drop);
        let result = result.map_err(|error| std::io::Error::other(error.to_string()));
        read = Some(tree);
        result
    });
    let tree = match read {
        // An engine that goes away is no fault of the source.
        Some(Err(SourceError::Io(_))) | None => {
            return Err(put.err().map_or_else(
                || BuildError::NoSource {
                    recipe: recipe.clone(),
                },
                Into::into,
            ));
        }
        Some(tree) => tree.map_err(|source| BuildError::Source {
            recipe: recipe.clone(),
            source,
        })?,
    };
    put?;
    if let Some(locked) = planned
        .plan
        .source
        .as_ref()
        .filter(|locked| locked.tree != tree.digest)
    {
        return Err(BuildError::OtherTree {
            recipe: recipe.clone(),
            expected: locked.tree,
            found: tree.digest,
        });
    }
    container.put(TARGET, |writer| {
        let mut tar = tar::Builder::new(writer);
        append_file(&mut tar, COMPLETE, tree.digest.to_string().as_bytes())?;
        tar.finish()
    })?;
    Ok(SourceTree {
        volume: volume.to_owned(),
        digest: tree.digest,
    })
}

/// The volume is named by all that decides what is in it.
fn volume_name(planned: &Planned) -> Result<String, BuildError> {
    let key = |source: &LockedSource| Sha256::of(canonical_json(source));
    let package = planned.plan.input(InputRole::Source);
    match (&planned.plan.source, package) {
        (Some(source), _) if planned.plan.unpinned => {
            let of_recipe = own_prefix(&planned.recipe.name);
            Ok(format!("{of_recipe}{}", key(source).short()))
        }
        (Some(source), _) => Ok(format!("{VOLUME_PREFIX}{}", key(source))),
        (None, Some(input)) => Ok(format!("{VOLUME_PREFIX}{}", input.package.sha256)),
        (None, None) => Err(BuildError::NoSource {
            recipe: planned.recipe.name.clone(),
        }),
    }
}

fn own_prefix(recipe: &Name) -> String {
    format!("{VOLUME_PREFIX}own-{recipe}.")
}

/// A developer's tree changes with every edit: only the last one of each recipe is kept.
fn remove_other_own(engine: &Engine, planned: &Planned, volume: &str) -> Result<(), BuildError> {
    let of_recipe = own_prefix(&planned.recipe.name);
    for old in engine.kept_volumes()? {
        if planned.plan.unpinned && old.starts_with(&of_recipe) && old != volume {
            engine.remove_volume(&old)?;
        }
    }
    Ok(())
}

/// A container that never runs: the engine fills volumes only through one.
fn filler<'a>(engine: &'a Engine, image: &str, volume: &str) -> Result<Container<'a>, BuildError> {
    let spec = ContainerSpec::filler("source", image, mount(volume, false));
    Ok(engine.create(&spec)?)
}

/// The digest that the marker of a whole tree holds.
fn complete(container: &Container<'_>) -> Option<Sha256> {
    let mut archive = tar::Archive::new(container.get(&format!("{TARGET}/{COMPLETE}")));
    let entry = archive.entries().ok()?.next()?.ok()?;
    let mut text = String::new();
    entry.take(64).read_to_string(&mut text).ok()?;
    text.parse().ok()
}
