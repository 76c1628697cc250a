//! How long building takes: packaging beside the kernel's own target, with a full compiler's cache, and after an edit.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use host::clock::Stopwatch;
use model::manifest::{Artifact, CompilerCache};
use model::plan::{Identity, environment};
use model::recipe::PackageFormat;

use crate::build::{How, Phases, ResultLock, Tools, make, open_workshop};
use crate::ccache::{self, UseCcache};
use crate::compile::{Running, compile, package, package_plainly};
use crate::configure::configure;
use crate::error::BuildError;
use crate::objects;
use crate::plan::Planned;
use crate::report::Reporter;
use crate::reproduce::compared;
use crate::source::OwnSource;
use crate::surroundings::Surroundings;

/// What packaging one kernel in one format took, run by run: from objects complete to packages complete.
#[derive(Debug)]
pub struct Packaging {
    /// The format.
    pub format: PackageFormat,
    /// As a build does it.
    pub ours: Vec<Duration>,
    /// By the kernel's own target, as it is when nobody tells it anything.
    pub own: Vec<Duration>,
}

/// Packages the kernel of `planned` in each format, `runs` times with `jobs` jobs. The objects are those of the last
/// incremental build; what is missing of them is compiled first. There is no result.
///
/// # Errors
/// As those of a build.
pub fn packaging(
    tools: Tools<'_>,
    planned: &Planned,
    _held: &ResultLock,
    runs: u32,
    jobs: u32,
    reporter: &dyn Reporter,
) -> Result<Vec<Packaging>, BuildError> {
    let mut phases = Phases::new(tools.engine, reporter);
    let workshop = open_workshop(tools, planned, true, Surroundings::usual(), &mut phases)?;
    reporter.phase("configure");
    configure(&workshop, tools.downloads.store, planned, reporter)?;
    let running = Running {
        jobs,
        memory: tools.engine.info()?.memory / 10 * 9,
        reporter,
    };
    reporter.phase("compile");
    drop(compile(&workshop, planned, running, 0)?);
    reporter.phase("measure");
    let timed = |step: &dyn Fn() -> Result<(), BuildError>| {
        let watch = Stopwatch::start();
        step().map(|()| watch.elapsed())
    };
    let mut all = Vec::new();
    for format in [PackageFormat::Deb, PackageFormat::Rpm] {
        let environment = environment_for(planned, format)?;
        let (mut ours, mut own) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            ours.push(timed(&|| {
                package(&workshop, &environment, format, running).map(drop)
            })?);
            own.push(timed(&|| {
                package_plainly(&workshop, &environment, format, running).map(drop)
            })?);
        }
        all.push(Packaging { format, ours, own });
    }
    Ok(all)
}

/// What builds took with the compiler's cache.
#[derive(Debug)]
pub struct Caching {
    /// The recipe, with an empty cache.
    pub cold: Duration,
    /// The same recipe again.
    pub full: Duration,
    /// What it found.
    pub full_cache: Option<CompilerCache>,
    /// The other recipe, with what the first one left.
    pub second: Duration,
    /// What it found.
    pub second_cache: Option<CompilerCache>,
}

/// Builds `planned` with an empty compiler's cache and with a full one, and then `second`, in a cache of its own. What
/// was compiled from scratch, and `second`, stay as results.
///
/// # Errors
/// As those of a build; and where the cache gave other bytes, because then its time is worth nothing.
pub fn caching(
    tools: Tools<'_>,
    planned: &Planned,
    second: &Planned,
    _held: [&ResultLock; 2],
    jobs: u32,
    reporter: &dyn Reporter,
) -> Result<Caching, BuildError> {
    tools.engine.remove_volume(&ccache::bench_volume())?;
    let how = How {
        jobs: Some(jobs),
        ccache: UseCcache::Bench,
        ..How::default()
    };
    let timed = |planned: &Planned| {
        let watch = Stopwatch::start();
        let made = make(tools, planned, how, Surroundings::usual(), reporter)?;
        Ok::<_, BuildError>((watch.elapsed(), made))
    };
    // What all builds of these recipes on one host do once is not what is measured.
    prepare(tools, &[planned, second], reporter)?;
    let (cold, from_scratch) = timed(planned)?;
    let (full, cached) = timed(planned)?;
    same_bytes(&from_scratch.manifest.artifacts, &cached.manifest.artifacts)?;
    from_scratch.publish(tools, reporter)?;
    let (second, of_second) = timed(second)?;
    let second_cache = of_second.publish(tools, reporter)?.run.compiler_cache;
    tools.engine.remove_volume(&ccache::bench_volume())?;
    Ok(Caching {
        cold,
        full,
        full_cache: cached.run.compiler_cache,
        second,
        second_cache,
    })
}

/// A cache that changes bytes is no quicker way to the same packages.
fn same_bytes(
    from_scratch: &BTreeMap<String, Artifact>,
    cached: &BTreeMap<String, Artifact>,
) -> Result<(), BuildError> {
    let digests = |artifacts: &BTreeMap<String, Artifact>| {
        let artifacts = artifacts.iter();
        artifacts
            .map(|(name, artifact)| (name.clone(), artifact.sha256))
            .collect()
    };
    let mut files = compared(&digests(from_scratch), &digests(cached));
    files.retain(|_, compared| !compared.is_same());
    let others: Vec<_> = files.into_keys().collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(BuildError::Unexpected(format!(
        "with the compiler's cache, {} came out with other bytes than without",
        others.join(", ")
    )))
}

/// Downloads, containers and source volumes.
fn prepare(tools: Tools<'_>, all: &[&Planned], reporter: &dyn Reporter) -> Result<(), BuildError> {
    for planned in all {
        let mut phases = Phases::new(tools.engine, reporter);
        let usual = Surroundings::usual();
        drop(open_workshop(tools, planned, false, usual, &mut phases)?);
    }
    Ok(())
}

/// What builds of a working tree took.
#[derive(Debug)]
pub struct Editing {
    /// The first one.
    pub cold: Duration,
    /// After one line was changed.
    pub edited: Duration,
    /// The file.
    pub file: Utf8PathBuf,
}

/// The files of MPTCP, upstream's and the one out of tree, of which the first that is there is edited.
const EDITED: [&str; 2] = ["net/mptcp/protocol.c", "net/mptcp/mptcp_ctrl.c"];

/// Builds the working tree of `folder` by a recipe with nothing kept, then adds a line to MPTCP's code and builds
/// again. The file is put back. There is no result.
///
/// # Errors
/// As those of a build.
pub fn editing(
    tools: Tools<'_>,
    recipe: &str,
    folder: &str,
    _held: &ResultLock,
    jobs: u32,
    reporter: &dyn Reporter,
) -> Result<Editing, BuildError> {
    let how = How {
        jobs: Some(jobs),
        incremental: true,
        ..How::default()
    };
    let build = || {
        let watch = Stopwatch::start();
        let own = OwnSource::open(folder, tools.engine.cancel());
        let own = own.map_err(|source| BuildError::OwnSource {
            named: folder.to_owned(),
            source,
        })?;
        let planned = Planned::with_source(tools.project, recipe, Some(own))?;
        drop(make(tools, &planned, how, Surroundings::usual(), reporter)?);
        Ok::<_, BuildError>(watch.elapsed())
    };
    objects::remove_kept(tools.engine, &tools.project.recipe(recipe)?.name)?;
    let cold = build()?;
    let files = EDITED.map(|file| Utf8Path::new(folder).join(file));
    let file = files.into_iter().find(|file| file.is_file());
    let file = file.ok_or_else(|| BuildError::Unexpected(format!("{folder} has no MPTCP")))?;
    let edit = Edit::of(&file)?;
    let edited = build()?;
    drop(edit);
    Ok(Editing { cold, edited, file })
}

/// A file that was edited; it is put back when this value goes.
struct Edit<'a> {
    file: &'a Utf8Path,
    text: Vec<u8>,
}

impl<'a> Edit<'a> {
    fn of(file: &'a Utf8Path) -> Result<Self, BuildError> {
        let fail = |source| BuildError::File {
            attempt: "editing",
            path: file.to_owned(),
            source,
        };
        let text = fs::read(file).map_err(fail)?;
        let line = b"const char mptcp_kernels_bench[] = \"edited\";\n";
        fs::write(file, [&text[..], line].concat()).map_err(fail)?;
        Ok(Self { file, text })
    }
}

impl Drop for Edit<'_> {
    fn drop(&mut self) {
        if let Err(error) = fs::write(self.file, &self.text) {
            tracing::warn!("putting back {}: {error}", self.file);
        }
    }
}

/// The environment of the packaging that a recipe would have, if its packages were of this format.
fn environment_for(
    planned: &Planned,
    format: PackageFormat,
) -> Result<BTreeMap<String, String>, BuildError> {
    let mut recipe = planned.recipe.clone();
    recipe.target.format = format;
    let own = planned.own_source.as_ref().map(|own| &own.source);
    let identity = Identity::of(&recipe, planned.lock.as_ref(), own);
    let identity = identity.ok_or_else(|| BuildError::NoSource {
        recipe: recipe.name.clone(),
    })?;
    Ok(environment(&recipe, &identity))
}

#[cfg(test)]
mod tests {
    use host::category::Category;
    use model::digest::Sha256;

    use super::*;

    #[test]
    fn a_cache_that_changes_bytes_is_not_measured() {
        let artifact = |text: &str| Artifact {
            size: 1,
            sha256: Sha256::of(text),
            control: None,
        };
        let artifacts = |image: &str| {
            let files = [("config", artifact("c")), ("image.deb", artifact(image))];
            BTreeMap::from(files.map(|(name, artifact)| (name.to_owned(), artifact)))
        };
        assert!(same_bytes(&artifacts("a"), &artifacts("a")).is_ok());
        let error = same_bytes(&artifacts("a"), &artifacts("b")).unwrap_err();
        assert_eq!(error.category(), Category::Verification);
        assert!(error.to_string().contains("image.deb"), "{error}");
        assert!(same_bytes(&artifacts("a"), &BTreeMap::new()).is_err());
        assert!(same_bytes(&BTreeMap::new(), &artifacts("a")).is_err());
    }
}
