//! The volume that a kernel is configured and compiled in.
//!
//! It usually goes with the build. An incremental build keeps it: whoever changes a symbol and builds
//! again compiles only what that touches. kbuild then decides what is up to date, so such a result
//! never counts for a release.

use std::fs::File;

use host::engine::{Container, ContainerSpec, Engine, Mount, Privileges, ScratchVolume};
use model::digest::Sha256;
use model::names::Name;

use crate::error::BuildError;
use crate::lockfile::exclusive;
use crate::scripts;

/// The beginning of the names of volumes that incremental builds keep.
pub(crate) const VOLUME_PREFIX: &str = "mptcp-kernels-objects-";
/// The volume of a build.
#[derive(Debug)]
pub(crate) enum Objects<'a> {
    /// Goes with this value.
    Scratch(ScratchVolume<'a>),
    /// The same in memory; what has it mounted ends first.
    Memory {
        /// What keeps it there.
        _holder: Box<Container<'a>>,
        /// The volume.
        volume: ScratchVolume<'a>,
    },
    /// Stays for the next build; nobody else has it meanwhile.
    Kept {
        /// Its name.
        name: String,
        /// Whether it has objects already.
        used: bool,
        /// What keeps others away.
        _lock: File,
    },
}

impl<'a> Objects<'a> {
    /// An empty volume that goes.
    pub(crate) fn scratch(engine: &'a Engine) -> Result<Self, BuildError> {
        Ok(Self::Scratch(engine.scratch_volume("build")?))
    }

    /// An empty volume in memory, which goes. It is mounted at `target`.
    pub(crate) fn in_memory(
        engine: &'a Engine,
        image: &str,
        target: &str,
    ) -> Result<Self, BuildError> {
        let volume = engine.scratch_volume_in_memory("build")?;
        let mount = mount(volume.name(), target);
        let mut spec = ContainerSpec::filler("holder", image, mount);
        spec.command = ["sleep", "infinity"].map(str::to_owned).into();
        spec.privileges = Privileges::None;
        let holder = engine.create(&spec)?;
        holder.start()?;
        Ok(Self::Memory {
            _holder: Box::new(holder),
            volume,
        })
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
        let used = engine.has_volume(&name)?;
        if !used {
            engine.kept_volume(&name)?;
        }
        Ok(Self::Kept {
            name,
            used,
            _lock: lock,
        })
    }

    /// Whether there are objects of an earlier build in it.
    pub(crate) fn used(&self) -> bool {
        matches!(self, Self::Kept { used: true, .. })
    }

    /// The volume at `target`, where containers may write to it.
    pub(crate) fn mount(&self, target: &str) -> Mount {
        match self {
            Self::Scratch(volume) | Self::Memory { volume, .. } => mount(volume.name(), target),
            Self::Kept { name, .. } => mount(name, target),
        }
    }
}

fn mount(volume: &str, target: &str) -> Mount {
    Mount {
        volume: volume.to_owned(),
        target: target.to_owned(),
        read_only: false,
    }
}

/// Removes the volume that incremental builds of `recipe` keep, if there is one.
pub(crate) fn remove_kept(engine: &Engine, recipe: &Name) -> Result<(), BuildError> {
    let of_recipe = format!("{VOLUME_PREFIX}{recipe}.");
    let _lock = exclusive(engine, of_recipe.trim_end_matches('.'))?;
    for volume in engine.kept_volumes()? {
        if volume.starts_with(&of_recipe) {
            engine.remove_volume(&volume)?;
        }
    }
    Ok(())
}
