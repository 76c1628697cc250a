//! The compiler's cache: objects that were compiled before, in a volume that recipes share.
//!
//! It saves time and nothing else: results that came through it are never released before they were compiled
//! without it, with the same bytes.

use std::io;

use host::engine::{Container, ContainerSpec, Engine, Mount};
use host::tar_entry::header;
use model::manifest::CompilerCache;

use crate::error::BuildError;
use crate::lockfile::exclusive;
use crate::scripts;

/// The beginning of the names of its volumes.
pub(crate) const VOLUME_PREFIX: &str = "mptcp-kernels-ccache-";
/// Where it appears in containers.
const TARGET: &str = "/ccache";
/// The most that it keeps.
const MAX_SIZE: &str = "20G";

/// Which cache a build uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UseCcache {
    /// None: everything is compiled.
    #[default]
    Never,
    /// The one that builds share. Those of a developer's own source have one of their own.
    Shared,
    /// The one of measurements.
    Bench,
}

/// A cache that can be used.
#[derive(Debug)]
pub(crate) struct Ccache {
    volume: String,
    /// What tells compilers apart.
    compiler: String,
}

impl Ccache {
    /// The cache that `which` means for a build in `image`, made if it is not there.
    pub(crate) fn open(
        engine: &Engine,
        which: UseCcache,
        unpinned: bool,
        image: &str,
    ) -> Result<Option<Self>, BuildError> {
        let volume = match which {
            UseCcache::Never => return Ok(None),
            UseCcache::Shared if unpinned => format!("{VOLUME_PREFIX}unpinned"),
            UseCcache::Shared => format!("{VOLUME_PREFIX}pinned"),
            UseCcache::Bench => bench_volume(),
        };
        let _lock = exclusive(engine, &volume)?;
        if !engine.has_volume(&volume)? {
            engine.kept_volume(&volume)?;
            own(engine, &volume, image)?;
        }
        let compiler = image.to_owned();
        Ok(Some(Self { volume, compiler }))
    }

    /// The volume, where containers may write to it.
    pub(crate) fn mount(&self) -> Mount {
        mount(&self.volume)
    }

    /// `command` and its environment, as they are run with the cache.
    pub(crate) fn run(
        &self,
        command: &[String],
        mut environment: Vec<(String, String)>,
    ) -> (Vec<String>, Vec<(String, String)>) {
        let words: Vec<_> = command.iter().map(String::as_str).collect();
        let settings = [
            ("CCACHE_DIR", TARGET),
            ("CCACHE_MAXSIZE", MAX_SIZE),
            // The lock of the container tells more than the compiler's file: what it calls is in there as well.
            ("CCACHE_COMPILERCHECK", &format!("string:{}", self.compiler)),
        ];
        let settings = settings.iter();
        environment.extend(settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        (scripts::command(scripts::CCACHE, &words), environment)
    }
}

/// What a line of a build's log tells of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// What was found in it.
    Counts(CompilerCache),
    /// It could not be used.
    Unusable,
}

impl Told {
    /// Reads a line; `None` where it is about something else.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let text = line.strip_prefix("ccache: ")?;
        if text.starts_with("its disk ") {
            return Some(Self::Unusable);
        }
        let (hits, misses) = text.split_once(", ")?;
        Some(Self::Counts(CompilerCache {
            hits: hits.strip_suffix(" hits")?.parse().ok()?,
            misses: misses.strip_suffix(" misses")?.parse().ok()?,
        }))
    }
}

/// The volume of the cache that measurements use.
pub(crate) fn bench_volume() -> String {
    format!("{VOLUME_PREFIX}bench")
}

fn mount(volume: &str) -> Mount {
    Mount {
        volume: volume.to_owned(),
        target: TARGET.to_owned(),
        read_only: false,
    }
}

/// Gives a fresh volume to the build user.
fn own(engine: &Engine, volume: &str, image: &str) -> Result<(), BuildError> {
    let filler = engine.create(&ContainerSpec::filler("ccache", image, mount(volume)))?;
    filler.put("/", |writer| {
        let mut tar = tar::Builder::new(writer);
        let mut folder = header(tar::EntryType::Directory, 0o755);
        folder.set_uid(Container::USER);
        folder.set_gid(Container::USER);
        tar.append_data(&mut folder, TARGET.trim_start_matches('/'), io::empty())?;
        tar.finish()
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_cache_tells_is_told_from_other_lines() {
        let counts = CompilerCache {
            hits: 12,
            misses: 3,
        };
        let told = Told::parse("ccache: 12 hits, 3 misses");
        assert_eq!(told, Some(Told::Counts(counts)));
        let full = "ccache: its disk is full or cannot be written to";
        assert_eq!(Told::parse(full), Some(Told::Unusable));
        for line in [
            "",
            "  CC      lib/ccache.o",
            "ccache: error: x",
            "ccache: -1 hits, 2 misses",
        ] {
            assert_eq!(Told::parse(line), None, "{line}");
        }
    }
}
