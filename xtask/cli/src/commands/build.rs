//! `build`: from a recipe to packages.

use builder::build::{Built, How, build, lock_result};
use builder::plan::Planned;
use host::cancel::Cancel;
use serde::Serialize;

use super::smoke::{self, Booter};
use crate::arguments::{Build, Global};
use crate::context::{self, Online};
use crate::failure::Failure;
use crate::output;
use crate::progress;

#[derive(Serialize)]
struct Report<'a> {
    path: String,
    manifest: &'a model::manifest::Manifest,
    run: &'a model::manifest::Run,
    /// The verdict on the kernel; none where it was not to be booted.
    smoke: Option<&'a model::smoke::Smoke>,
}

pub(crate) fn run(global: &Global, command: &Build, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let source = context::own_source(command.source.as_deref(), cancel)?;
    let planned = Planned::with_source(&project, &command.recipe, source)?;
    let online = Online::open(global, cancel)?;
    let engine = online.engine()?;
    let tools = online.tools(&project, &engine);
    let held = lock_result(&project.out(), &planned.recipe.name)?;
    let reporter = progress::reporter(global);
    // What the smoke boot needs is told to be missing before the kernel is compiled.
    let booter = if command.no_smoke {
        None
    } else {
        Some(Booter::prepare(tools, &*reporter)?)
    };
    let how = How {
        jobs: command.jobs,
        incremental: command.incremental,
    };
    let built = build(tools, &planned, how, &held, &*reporter)?;
    let smoked = booter.map(|booter| {
        smoke::after_build(tools, &booter, planned.recipe, command.accel, &*reporter)
    });
    drop(reporter);
    let verdict = match &smoked {
        None => "smoke: not run (--no-smoke)\n".to_owned(),
        Some(Ok(smoked)) => smoked.text(),
        Some(Err(_)) => "smoke: not run, because of the error told\n".to_owned(),
    };
    let report = Report {
        path: built.path.to_string(),
        manifest: &built.manifest,
        run: &built.run,
        smoke: smoked.iter().flatten().map(|smoked| &smoked.smoke).next(),
    };
    output::result(global, &report, |_| text(&built) + &verdict)?;
    smoked.map_or(Ok(()), |smoked| smoked?.check())
}

fn text(built: &Built) -> String {
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
    for phase in &built.run.phases {
        text.push_str(&format!("  {:>8.1} s  {}", phase.seconds, phase.name));
        if let Some(seconds) = phase.cpu_seconds {
            text.push_str(&format!(", {seconds:.1} s of processor time"));
        }
        if let Some(bytes) = phase.peak_memory {
            text.push_str(&format!(", at most {} MiB of memory", bytes >> 20));
        }
        text.push('\n');
    }
    text
}
