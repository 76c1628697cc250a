//! `build`: from a recipe to packages.

use builder::build::{Built, build};
use builder::plan::Planned;
use host::cancel::Cancel;
use serde::Serialize;

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
}

pub(crate) fn run(global: &Global, command: &Build, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let planned = Planned::load(&project, &command.recipe)?;
    let online = Online::open(global, cancel)?;
    let engine = online.engine()?;
    let reporter = progress::reporter(global);
    let built = build(
        online.tools(&project, &engine),
        &planned,
        command.jobs,
        &*reporter,
    )?;
    drop(reporter);
    let report = Report {
        path: built.path.to_string(),
        manifest: &built.manifest,
        run: &built.run,
    };
    output::result(global, &report, |_| text(&built, command.no_smoke))
}

fn text(built: &Built, no_smoke: bool) -> String {
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
    text.push_str(if no_smoke {
        "smoke: not run (--no-smoke)\n"
    } else {
        "smoke: not run (there is no smoke boot yet)\n"
    });
    text
}
