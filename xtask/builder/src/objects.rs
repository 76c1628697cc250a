//! The volume that a kernel is configured and compiled in.
//!
//! It usually goes with the build. An incremental build keeps it: whoever changes a symbol and builds
//! again compiles only what that touches. kbuild then decides what is up to date, so such a result
//! never counts for a release.

use std::fs::File;

use host::engine::{Engine, Mount, ScratchVolume};
use model::digest::Sha256;
use model::names::Name;

use crate::error::BuildError;
use crate::lockfile::exclusive;
use crate::scripts;

/// The beginning of the names of volumes that incremental builds keep.
pub(crate) const VOLUME_PREFIX: &str = "mptcp-kernels-objects-";
/// Where the volume appears in containers.
const TARGET: &str = "/build";

/// The volume of a build.
#[derive(Debug)]
pub(crate) enum Objects<'a> {
    /// Goes with this value.
    Scratch(ScratchVolume<'a>),
    /// Stays for the next build; nobody else has it meanwhile.
    Kept {
        /// Its name.
        name: String,
        /// What keeps others away.
        _lock: File,
    },
}

impl<'a> Objects<'a> {
    /// An empty volume that goes.
    pub(crate) fn scratch(engine: &'a Engine) -> Result<Self, BuildError> {
        Ok(Self::Scratch(engine.scratch_volume("build")?))
    }

    /// The volume that the last incremental build of `recipe` left, if it was of the same source, as far as `source`
    /// tells, in the same container, compiled in the same way; else an empty one, and the old one goes.
    pub(crate) fn kept(
        engine: &Engine,
        recipe: &Name,
        source: &str,
        image: &str,
    ) -> Result<Self, BuildError> {
        let of_recipe = format!("{VOLUME_PREFIX}{recipe}.");
        let lock = exclusive(engine, of_recipe.trim_end_matches('.'))?;
        let name = format!(
            "{of_recipe}{}",
            Sha256::of(format!("{source} {image} {}", scripts::compilation())).short()
        );
        for old in engine.kept_volumes()? {
            if old.starts_with(&of_recipe) && old != name {
                engine.remove_volume(&old)?;
            }
        }
        if !engine.has_volume(&name)? {
            engine.kept_volume(&name)?;
        }
        Ok(Self::Kept { name, _lock: lock })
    }

    /// The volume, where containers may write to it.
    pub(crate) fn mount(&self) -> Mount {
        let volume = match self {
            Self::Scratch(volume) => volume.name(),
            Self::Kept { name, .. } => name,
        };
        Mount {
            volume: volume.to_owned(),
            target: TARGET.to_owned(),
            read_only: false,
        }
    }
}
