//! The order of a build.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use host::clock::{Stopwatch, now_unix};
use host::engine::Engine;
use model::manifest::{self, Manifest, Phase, Run};
use model::names::Name;

use crate::ccache::{Ccache, UseCcache};
use crate::collect::collect;
use crate::compile::{Running, compile, package};
use crate::configure::{self, Configured, Workshop};
use crate::error::BuildError;
use crate::fetch::Downloads;
use crate::finished::{self, Finished, Origin};
use crate::image::{self, Assembly};
use crate::lockfile::try_exclusive;
use crate::objects::Objects;
use crate::plan::Planned;
use crate::project::Project;
use crate::report::Reporter;
use crate::result::Draft;
use crate::source::{self, OwnSource};
use crate::surroundings::{Surroundings, probe};

/// What a build needs from outside.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'a> {
    /// The project.
    pub project: &'a Project,
    /// The container engine.
    pub engine: &'a Engine,
    /// Where inputs come from.
    pub downloads: Downloads<'a>,
}

/// Times the phases of a run.
pub(crate) struct Phases<'a> {
    engine: &'a Engine,
    reporter: &'a dyn Reporter,
    done: Vec<Phase>,
}

impl<'a> Phases<'a> {
    pub(crate) fn new(engine: &'a Engine, reporter: &'a dyn Reporter) -> Self {
        Self {
            engine,
            reporter,
            done: Vec::new(),
        }
    }

    fn time<T>(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<T, BuildError>,
    ) -> Result<T, BuildError> {
        self.reporter.phase(name);
        self.engine.take_usage();
        let watch = Stopwatch::start();
        let value = work()?;
        let seconds = tenths(watch.elapsed());
        let usage = self.engine.take_usage();
        self.done.push(Phase {
            name: name.to_owned(),
            seconds,
            peak_memory: usage.peak_memory,
            cpu_seconds: usage.cpu.map(tenths),
        });
        Ok(value)
    }
}

/// Seconds, to a tenth.
fn tenths(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}

/// How a build is done. None of it may change a byte of the packages.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// How many compiler jobs run side by side; all of the engine's processors where `None`.
    pub jobs: Option<u32>,
    /// Whether to start from the objects of the last incremental build, and to keep them.
    pub incremental: bool,
    /// Whether a finished result of the same plan serves as well.
    pub reuse: bool,
    /// The compiler's cache.
    pub ccache: UseCcache,
}

/// Nobody else changes a result while this is held.
#[derive(Debug)]
pub struct ResultLock(#[expect(dead_code, reason = "held, not read")] File);

/// Builds `planned`, whose result is held.
///
/// # Errors
/// Whatever goes wrong; then there is no new result, and the one before stays.
pub fn build(
    tools: Tools<'_>,
    planned: &Planned,
    how: How,
    held: &ResultLock,
    reporter: &dyn Reporter,
) -> Result<Finished, BuildError> {
    if how.reuse
        && let Some(found) = finished(tools.project, tools.engine.cache(), planned, held, reporter)?
    {
        return Ok(found);
    }
    make(tools, planned, how, Surroundings::usual(), reporter)?.publish(tools, reporter)
}

/// The result of `planned` that is there already, if one is, whose every byte was read. It costs no engine.
///
/// # Errors
/// One is there, and cannot be put in place.
pub fn finished(
    project: &Project,
    cache: &Utf8Path,
    planned: &Planned,
    _held: &ResultLock,
    reporter: &dyn Reporter,
) -> Result<Option<Finished>, BuildError> {
    finished::find(&project.out(), cache, planned, reporter)
}

/// A complete result that is not in its place yet.
pub(crate) struct Made {
    pub(crate) draft: Draft,
    pub(crate) manifest: Manifest,
    pub(crate) run: Run,
}

impl Made {
    /// Puts it in its place, and a copy into the cache.
    pub(crate) fn publish(
        self,
        tools: Tools<'_>,
        reporter: &dyn Reporter,
    ) -> Result<Finished, BuildError> {
        let Self {
            draft,
            manifest,
            run,
        } = self;
        let finished = Finished {
            path: draft.publish(&manifest.plan_id)?,
            manifest,
            run,
            origin: Origin::Built,
        };
        finished::keep(tools.engine.cache(), &finished, reporter);
        Ok(finished)
    }
}

/// Builds `planned` in these surroundings.
pub(crate) fn make(
    tools: Tools<'_>,
    planned: &Planned,
    how: How,
    surroundings: Surroundings,
    reporter: &dyn Reporter,
) -> Result<Made, BuildError> {
    let started = now_unix();
    let out = tools.project.out();
    let info = tools.engine.info()?;
    check_room(&out, planned)?;
    let mut phases = Phases::new(tools.engine, reporter);
    let mut workshop = open_workshop(tools, planned, how.incremental, surroundings, &mut phases)?;
    let unpinned = planned.plan.unpinned;
    workshop.ccache = Ccache::open(tools.engine, how.ccache, unpinned, &workshop.image)?;
    let jobs = how.jobs.unwrap_or(info.cpus);
    let configured = phases.time("configure", || {
        configure::configure(&workshop, tools.downloads.store, planned, reporter)
    })?;
    let seen = probe(&workshop, jobs)?;
    let memory = info.memory / 10 * 9;
    let known = KnownObjects::of(tools.engine.cache(), &configured);
    let running = Running {
        jobs,
        memory,
        reporter,
    };
    let compiled = phases.time("compile", || {
        compile(&workshop, planned, running, known.count)
    })?;
    let compiler_cache = compiled.ccache;
    known.remember(compiled.objects);
    drop(compiled.container);
    let packaged = phases.time("package", || {
        let format = planned.recipe.target.format;
        package(&workshop, &planned.plan.environment, format, running)
    })?;
    let draft = Draft::create(&out, &planned.recipe.name)?;
    let artifacts = phases.time("collect", || {
        let folder = draft.folder()?;
        collect(&packaged.container, &workshop, planned, &configured, folder)
    })?;
    draft
        .add_logs(&["compile", "package"].map(|step| workshop.logs.join(format!("{step}.log"))))?;
    let manifest = manifest(planned, &workshop, &configured, artifacts)?;
    let run = Run {
        schema: manifest::SCHEMA,
        plan_id: planned.plan.id(),
        started,
        phases: phases.done,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        tool_peak_memory: host::process::own_peak_memory(),
        engine: info.facts,
        jobs,
        incremental: workshop.build.used(),
        compiler_cache,
        surroundings: seen,
    };
    draft.complete(&manifest, &run)?;
    Ok(Made {
        draft,
        manifest,
        run,
    })
}

/// Makes the configuration of `planned` and checks it, without compiling.
///
/// # Errors
/// Whatever goes wrong.
pub fn configure_only(
    tools: Tools<'_>,
    planned: &Planned,
    reporter: &dyn Reporter,
) -> Result<Configured, BuildError> {
    let mut phases = Phases::new(tools.engine, reporter);
    let workshop = open_workshop(tools, planned, false, Surroundings::usual(), &mut phases)?;
    phases.time("configure", || {
        configure::configure(&workshop, tools.downloads.store, planned, reporter)
    })
}

/// Everything that configuring and compiling need: the image, the source, and a build volume, empty unless
/// the build is incremental.
pub(crate) fn open_workshop<'a>(
    tools: Tools<'a>,
    planned: &Planned,
    incremental: bool,
    surroundings: Surroundings,
    phases: &mut Phases<'_>,
) -> Result<Workshop<'a>, BuildError> {
    let reporter = phases.reporter;
    let logs = tools
        .project
        .out()
        .join("logs")
        .join(planned.recipe.name.as_str());
    let image = phases.time("container", || {
        let assembly = Assembly {
            container: &planned.container,
            tag: &planned.plan.container.tag(),
            bootstrap: &planned.container_lock.bootstrap,
            packages: &planned.container_lock.packages,
            suites: &planned.container_lock.suites,
            log: &logs.join("container.log"),
        };
        image::ensure(tools.engine, tools.downloads, assembly, reporter)
    })?;
    let obtained = phases.time("inputs", || {
        let packages: Vec<_> = planned
            .plan
            .inputs
            .iter()
            .map(|input| &input.package)
            .collect();
        let suites = planned.lock.as_ref().map(|lock| &lock.suites[..]);
        tools.downloads.fetch(
            &planned.recipe.name,
            &planned.container,
            suites.unwrap_or_default(),
            &packages,
            reporter,
        )?;
        source::obtain(tools.project, tools.downloads, planned, reporter)
    })?;
    let source = phases.time("source", || {
        source::ensure(tools.engine, planned, &obtained, &image)
    })?;
    let build = if incremental {
        let own = planned.own_source.as_ref();
        let of = if own.is_some_and(OwnSource::is_working_tree) {
            "a working tree".to_owned()
        } else {
            source.digest.to_string()
        };
        Objects::kept(tools.engine, &planned.recipe.name, &of, &image)?
    } else if surroundings.in_memory {
        Objects::in_memory(tools.engine, &image, surroundings.workshop)?
    } else {
        Objects::scratch(tools.engine)?
    };
    Ok(Workshop {
        engine: tools.engine,
        image,
        source,
        build,
        surroundings,
        ccache: None,
        logs,
    })
}

/// Keeps others from changing the result of recipe `name` below `out` until the value returned goes.
///
/// # Errors
/// Somebody is at it already.
pub fn lock_result(out: &Utf8Path, name: &Name) -> Result<ResultLock, BuildError> {
    let file = try_exclusive(&out.join(".locks"), name.as_str())?;
    file.map(ResultLock).ok_or_else(|| BuildError::Busy {
        recipe: name.clone(),
    })
}

/// Refuses to begin what cannot end. The engine's own disk is usually that of `out`; a remote
/// engine's cannot be asked.
fn check_room(out: &Utf8Path, planned: &Planned) -> Result<(), BuildError> {
    let needed = planned.room();
    std::fs::create_dir_all(out).map_err(|source| BuildError::File {
        attempt: "creating",
        path: out.to_owned(),
        source,
    })?;
    match host::disk::free(out) {
        Some(free) if free < needed => Err(BuildError::DiskFull {
            path: out.to_owned(),
            free,
            needed,
        }),
        _ => Ok(()),
    }
}

fn manifest(
    planned: &Planned,
    workshop: &Workshop<'_>,
    configured: &Configured,
    artifacts: BTreeMap<String, manifest::Artifact>,
) -> Result<Manifest, BuildError> {
    let render = |error: serde_json::Error| BuildError::Render {
        what: "manifest.json".to_owned(),
        reason: error.to_string(),
    };
    let lost = configured.losses.iter().map(|loss| {
        (
            loss.symbol.to_string(),
            loss.reason.clone().unwrap_or_default(),
        )
    });
    Ok(Manifest {
        schema: manifest::SCHEMA,
        plan_id: planned.plan.id(),
        plan: serde_json::from_str(&planned.plan.canonical_json()).map_err(render)?,
        for_release: planned.recipe.for_release && !planned.plan.unpinned,
        source_tree: workshop.source.digest,
        kernel_release: configured.kernel_release.clone(),
        artifacts,
        lost: lost.collect(),
        unreproducible: configured.unreproducible.clone(),
    })
}

/// How many objects a configuration makes, as the last build of it on this host counted them.
struct KnownObjects {
    path: Utf8PathBuf,
    count: u64,
}

impl KnownObjects {
    fn of(cache: &Utf8Path, configured: &Configured) -> Self {
        let digest = model::digest::Sha256::of(&configured.text);
        let path = cache.join("objects").join(digest.short());
        let known = std::fs::read_to_string(&path)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        Self {
            path,
            count: known.unwrap_or_else(|| estimated_objects(configured)),
        }
    }

    fn remember(&self, objects: u64) {
        let folder = self.path.parent().map_or(Ok(()), std::fs::create_dir_all);
        // Only the next progress bar misses it.
        if let Err(error) = folder.and_then(|()| std::fs::write(&self.path, objects.to_string())) {
            tracing::debug!("writing {}: {error}", self.path);
        }
    }
}

/// A first guess, before this host ever compiled the configuration: objects grow with the number
/// of symbols that are on. The factors fit this project's own recipes.
fn estimated_objects(configured: &Configured) -> u64 {
    use model::kconfig::Value;
    let built_in = configured.config.count(&Value::Yes) as u64;
    let modules = configured.config.count(&Value::Module) as u64;
    (built_in * 27 + modules * 40) / 10
}
