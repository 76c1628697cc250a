//! `build`: from a recipe to packages.

use builder::build::{How, ResultLock, Tools, build, finished, lock_result};
use builder::ccache::UseCcache;
use builder::finished::{Finished, Origin};
use builder::plan::Planned;
use builder::project::Project;
use builder::report::Reporter;
use builder::reproduce::Reproduction;
use builder::source::OwnSource;
use host::cancel::Cancel;
use serde::Serialize;

use super::reproduce;
use super::smoke::{self, Booter, Smoked};
use crate::arguments::{Build, Global};
use crate::context::{self, Online};
use crate::failure::Failure;
use crate::output;
use crate::progress;

#[derive(Serialize)]
struct Report<'a> {
    path: String,
    /// Whether it was finished before.
    cached: bool,
    manifest: &'a model::manifest::Manifest,
    run: &'a model::manifest::Run,
    /// What building it again showed; none where that was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<&'a Reproduction>,
    /// The verdict on the kernel; none where it was not to be booted.
    smoke: Option<&'a model::smoke::Smoke>,
}

pub(crate) fn run(global: &Global, command: &Build, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let source = context::own_source(command.source.as_deref(), cancel)?;
    let planned = Planned::with_source(&project, &command.recipe, source)?;
    let online = Online::open(global, cancel)?;
    let held = lock_result(&project.out(), &planned.recipe.name)?;
    let reporter = progress::reporter(global);
    let how = how(command, planned.own_source.as_ref());
    if let Some(done) = done(command, &project, &online, &planned, &held, &*reporter)? {
        drop(reporter);
        return done.tell(global, command);
    }
    let engine = online.engine()?;
    let tools = online.tools(&project, &engine);
    // What the smoke boot needs is told to be missing before the kernel is compiled.
    let booter = if command.no_smoke {
        None
    } else {
        Some(Booter::prepare(tools, &*reporter)?)
    };
    let built = build(tools, &planned, how, &held, &*reporter)?;
    let audit = audited(tools, command, &planned, &built, &held, &*reporter)?;
    let smoked = booter.map(|booter| {
        smoke::after_build(tools, &booter, planned.recipe, command.accel, &*reporter)
    });
    drop(reporter);
    let done = Done {
        built,
        audit,
        smoked,
    };
    done.tell(global, command)
}

/// A working tree is somebody at work: what they did not touch is not compiled again.
fn how(command: &Build, source: Option<&OwnSource>) -> How {
    let at_work = source.is_some_and(OwnSource::is_working_tree) && !command.no_cache;
    How {
        jobs: command.jobs,
        incremental: (command.incremental || at_work) && !command.audit,
        reuse: !command.no_cache && !command.incremental,
        ccache: if command.no_cache {
            UseCcache::Never
        } else {
            UseCcache::Shared
        },
    }
}

/// What is finished already, and passed its boot if it is to be booted: that costs no engine.
fn done(
    command: &Build,
    project: &Project,
    online: &Online,
    planned: &Planned,
    held: &ResultLock,
    reporter: &dyn Reporter,
) -> Result<Option<Done>, Failure> {
    if command.audit || !how(command, planned.own_source.as_ref()).reuse {
        return Ok(None);
    }
    let cache = &online.directories.cache;
    let Some(built) = finished(project, cache, planned, held, reporter)? else {
        return Ok(None);
    };
    let smoked = if command.no_smoke {
        None
    } else {
        match smoke::before(project, planned.recipe.name.as_str(), &built.manifest) {
            Some(smoked) => Some(Ok(smoked)),
            None => return Ok(None),
        }
    };
    Ok(Some(Done {
        built,
        audit: None,
        smoked,
    }))
}

fn audited(
    tools: Tools<'_>,
    command: &Build,
    planned: &Planned,
    built: &Finished,
    held: &ResultLock,
    reporter: &dyn Reporter,
) -> Result<Option<Reproduction>, Failure> {
    if !command.audit {
        return Ok(None);
    }
    let reproduction = reproduce::audit(tools, planned, built, command.jobs, held, reporter)?;
    reproduce::check(&reproduction)?;
    Ok(Some(reproduction))
}

/// What the command did.
struct Done {
    built: Finished,
    audit: Option<Reproduction>,
    smoked: Option<Result<Smoked, Failure>>,
}

impl Done {
    fn tell(self, global: &Global, command: &Build) -> Result<(), Failure> {
        let Self {
            built,
            audit,
            smoked,
        } = self;
        let verdict = match &smoked {
            None if command.no_smoke => "smoke: not run (--no-smoke)\n".to_owned(),
            None => "smoke: not run\n".to_owned(),
            Some(Ok(smoked)) => smoked.text(),
            Some(Err(_)) => "smoke: not run, because of the error told\n".to_owned(),
        };
        let report = Report {
            path: built.path.to_string(),
            cached: built.origin != Origin::Built,
            manifest: &built.manifest,
            run: &built.run,
            audit: audit.as_ref(),
            smoke: smoked.iter().flatten().map(|smoked| &smoked.smoke).next(),
        };
        let audit = audit.as_ref().map(reproduce::text).unwrap_or_default();
        output::result(global, &report, |_| text(&built) + &audit + &verdict)?;
        smoked.map_or(Ok(()), |smoked| smoked?.check())
    }
}

fn text(built: &Finished) -> String {
    let mut text = format!(
        "{}: {}, plan {}\n",
        built.path, built.manifest.kernel_release, built.manifest.plan_id
    );
    for (name, artifact) in &built.manifest.artifacts {
        text.push_str(&format!(
            "  {} {:>10} {name}\n",
            artifact.sha256, artifact.size
        ));
    }
    match built.origin {
        Origin::Built => text.push_str(&phases(&built.run)),
        Origin::There => text.push_str("  it was built before, and is unchanged\n"),
        Origin::Cached => text.push_str("  it was built before, and comes from the cache\n"),
    }
    text
}

fn phases(run: &model::manifest::Run) -> String {
    let mut text = String::new();
    for phase in &run.phases {
        text.push_str(&format!("  {:>8.1} s  {}", phase.seconds, phase.name));
        if let Some(seconds) = phase.cpu_seconds {
            text.push_str(&format!(", {seconds:.1} s of processor time"));
        }
        if let Some(bytes) = phase.peak_memory {
            text.push_str(&format!(", at most {} MiB of memory", bytes >> 20));
        }
        text.push('\n');
    }
    if let Some(cache) = run.compiler_cache {
        let (hits, misses) = (cache.hits, cache.misses);
        text.push_str(&format!(
            "  compiler's cache: {hits} hits, {misses} misses\n"
        ));
    }
    text
}
