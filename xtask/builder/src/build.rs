//! The order of a build.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use host::clock::{Stopwatch, now_unix};
use host::engine::{Engine, EngineInfo};
use model::lock::InputRole;
use model::manifest::{self, Manifest, Phase, Run};

use crate::collect::collect;
use crate::compile::compile;
use crate::configure::{self, Configured, Workshop};
use crate::error::BuildError;
use crate::fetch::Downloads;
use crate::image::{self, Assembly};
use crate::lockfile::try_exclusive;
use crate::plan::Planned;
use crate::project::Project;
use crate::report::Reporter;
use crate::result::Draft;
use crate::source;

/// How much room a build needs besides what its packages weigh, in bytes: the source tree and the
/// objects of a trimmed kernel.
const ROOM: u64 = 6 << 30;
/// The same for a distribution's whole configuration.
const ROOM_STOCK: u64 = 24 << 30;

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

/// A finished build.
#[derive(Debug)]
pub struct Built {
    /// The link to the result.
    pub path: Utf8PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its run.
    pub run: Run,
}

/// Times the phases of a run.
pub(crate) struct Phases<'a> {
    engine: &'a Engine,
    reporter: &'a dyn Reporter,
    done: Vec<Phase>,
}

impl<'a> Phases<'a> {
    /// Gives the last `part` of the phase before a name of its own.
    fn split_off(&mut self, name: &str, part: Duration) {
        let Some(whole) = self.done.last_mut() else {
            return;
        };
        let (seconds, peak_memory) = (tenths(part).min(whole.seconds), whole.peak_memory);
        whole.seconds = tenths(Duration::from_secs_f64(whole.seconds - seconds));
        self.done.push(Phase {
            name: name.to_owned(),
            seconds,
            peak_memory,
            cpu_seconds: None,
        });
    }

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

/// Builds `planned` with `jobs` compiler jobs (all of the engine's processors where `None`).
///
/// # Errors
/// Whatever goes wrong; then there is no new result, and the one before stays.
pub fn build(
    tools: Tools<'_>,
    planned: &Planned,
    jobs: Option<u32>,
    reporter: &dyn Reporter,
) -> Result<Built, BuildError> {
    let started = now_unix();
    let out = tools.project.out();
    let recipe = &planned.recipe.name;
    let _lock = lock_recipe(&out, planned)?;
    let info = tools.engine.info()?;
    check_room(&out, planned)?;
    let mut phases = Phases::new(tools.engine, reporter);
    let workshop = open_workshop(tools, planned, &mut phases)?;
    let configured = phases.time("configure", || {
        configure::configure(&workshop, tools.downloads.store, planned, reporter)
    })?;
    let jobs = jobs.unwrap_or(info.cpus);
    let memory = info.memory / 10 * 9;
    let known = KnownObjects::of(tools.engine.cache(), &configured);
    let compiled = phases.time("compile", || {
        compile(&workshop, planned, jobs, memory, known.count, reporter)
    })?;
    phases.split_off("package", compiled.packaging);
    known.remember(compiled.objects);
    let draft = Draft::create(&out, recipe)?;
    let artifacts = phases.time("collect", || {
        collect(&compiled.container, planned, &configured, draft.folder()?)
    })?;
    draft.add_log(&workshop.logs.join("compile.log"))?;
    let manifest = manifest(planned, &workshop, &configured, artifacts)?;
    let run = run_record(planned, started, phases.done, &info, jobs);
    let path = draft.publish(&manifest, &run)?;
    Ok(Built {
        path,
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
    let workshop = open_workshop(tools, planned, &mut phases)?;
    phases.time("configure", || {
        configure::configure(&workshop, tools.downloads.store, planned, reporter)
    })
}

/// Everything that configuring and compiling need: the image, the source, an empty build volume.
pub(crate) fn open_workshop<'a>(
    tools: Tools<'a>,
    planned: &Planned,
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
    phases.time("inputs", || {
        let packages: Vec<_> = planned
            .plan
            .inputs
            .iter()
            .map(|input| &input.package)
            .collect();
        tools.downloads.fetch(
            &planned.recipe.name,
            &planned.container,
            &planned.lock.suites,
            &packages,
            reporter,
        )
    })?;
    let source = phases.time("source", || {
        let no_source = || BuildError::NoSource {
            recipe: planned.recipe.name.clone(),
        };
        let input = planned
            .plan
            .input(InputRole::Source)
            .ok_or_else(no_source)?;
        source::ensure(tools.engine, tools.downloads.store, input, &image)
    })?;
    let build = tools.engine.scratch_volume("build")?;
    Ok(Workshop {
        engine: tools.engine,
        image,
        source,
        build,
        logs,
    })
}

fn lock_recipe(out: &Utf8Path, planned: &Planned) -> Result<File, BuildError> {
    let name = &planned.recipe.name;
    try_exclusive(&out.join(".locks"), name.as_str())?.ok_or_else(|| BuildError::Busy {
        recipe: name.clone(),
    })
}

/// Refuses to begin what cannot end. The engine's own disk is usually that of `out`; a remote
/// engine's cannot be asked.
fn check_room(out: &Utf8Path, planned: &Planned) -> Result<(), BuildError> {
    let needed = if planned.plan.input(InputRole::StockConfiguration).is_some() {
        ROOM_STOCK
    } else {
        ROOM
    };
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
        for_release: planned.recipe.for_release,
        source_tree: workshop.source.digest,
        kernel_release: configured.kernel_release.clone(),
        artifacts,
        lost: lost.collect(),
    })
}

fn run_record(
    planned: &Planned,
    started: u64,
    phases: Vec<Phase>,
    info: &EngineInfo,
    jobs: u32,
) -> Run {
    Run {
        schema: manifest::SCHEMA,
        plan_id: planned.plan.id(),
        started,
        phases,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        tool_peak_memory: host::process::own_peak_memory(),
        engine: info.facts.clone(),
        jobs,
        smoke: "not-run".to_owned(),
    }
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
