//! Measurements of building: the plan, the packages, the compiler's cache, an edit.

use std::time::Duration;

use builder::bench;
use builder::build::lock_result;
use builder::plan::Planned;
use builder::project::Project;
use camino::Utf8Path;
use host::cancel::Cancel;
use host::clock::Stopwatch;
use model::manifest::CompilerCache;
use serde::Serialize;

use super::{CPUS, Figure, seconds, texts};
use crate::arguments::{Bench, Global};
use crate::context::Online;
use crate::failure::Failure;
use crate::{output, progress};

/// How long the packages of `debian-vm` may take in either format once its objects are there, with 2 jobs, in seconds.
const PACKAGING_BAR: f64 = 30.0;
/// How long a build may take with a full compiler's cache, against one with an empty one.
const FULL_BAR: f64 = 0.3;
/// The same for a second recipe of the same source.
const SECOND_BAR: f64 = 0.4;
/// How long a build may take after one line was changed, against the first one.
const EDITING_BAR: f64 = 0.15;
/// How long the identity of a recipe's plan may take, in seconds.
const PLANNING_BAR: f64 = 0.05;

#[derive(Serialize)]
struct Measured {
    recipe: String,
    jobs: u32,
    figures: Vec<Figure>,
}

pub(super) fn tell(global: &Global, command: &Bench, figures: Vec<Figure>) -> Result<(), Failure> {
    let measured = Measured {
        recipe: command.recipe.clone(),
        jobs: CPUS,
        figures,
    };
    output::result(global, &measured, |measured| {
        let figures = texts(&measured.figures);
        format!("{} with {} jobs\n{figures}", measured.recipe, measured.jobs)
    })
}

/// How long packages of a compiled kernel take.
pub(super) fn packaging(
    global: &Global,
    project: &Project,
    command: &Bench,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let planned = Planned::load(project, &command.recipe)?;
    let held = lock_result(&project.out(), &planned.recipe.name)?;
    let online = Online::open(global, cancel)?;
    let engine = online.engine()?;
    let tools = online.tools(project, &engine);
    let reporter = progress::reporter(global);
    let times = bench::packaging(tools, &planned, &held, command.runs, CPUS, &*reporter)?;
    drop(reporter);
    let figures = times.iter().flat_map(|times| {
        let format = times.format.extension();
        let ours = format!(".{format}: from objects to packages");
        let own = format!(".{format}: the kernel's own target");
        [
            seconds(&ours, &times.ours, Some(PACKAGING_BAR)),
            seconds(&own, &times.own, None),
        ]
    });
    tell(global, command, figures.collect())
}

/// How long builds take with the compiler's cache.
pub(super) fn caching(
    global: &Global,
    project: &Project,
    command: &Bench,
    second: &str,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let planned = Planned::load(project, &command.recipe)?;
    let other = Planned::load(project, second)?;
    let held = lock_result(&project.out(), &planned.recipe.name)?;
    let other_held = lock_result(&project.out(), &other.recipe.name)?;
    let online = Online::open(global, cancel)?;
    let engine = online.engine()?;
    let tools = online.tools(project, &engine);
    let reporter = progress::reporter(global);
    let locks = [&held, &other_held];
    let times = bench::caching(tools, &planned, &other, locks, CPUS, &*reporter)?;
    drop(reporter);
    let found = |what: &str, cache: Option<CompilerCache>| match cache {
        Some(CompilerCache { hits, misses }) => format!("{what} ({hits} hits, {misses} misses)"),
        None => format!("{what} (the cache could not be used)"),
    };
    let full = found("a build with a full compiler's cache", times.full_cache);
    let with_second = format!("{second} with the same cache");
    let figures = vec![
        seconds("a build with an empty one", &[times.cold], None),
        seconds(&full, &[times.full], None),
        ratio(
            "the same, against an empty one",
            times.full,
            times.cold,
            FULL_BAR,
        ),
        seconds(
            &found(&with_second, times.second_cache),
            &[times.second],
            None,
        ),
        ratio(
            "the same, against an empty one",
            times.second,
            times.cold,
            SECOND_BAR,
        ),
    ];
    tell(global, command, figures)
}

/// How long builds of a working tree take.
pub(super) fn editing(
    global: &Global,
    project: &Project,
    command: &Bench,
    folder: &Utf8Path,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let recipe = project.recipe(&command.recipe)?;
    let held = lock_result(&project.out(), &recipe.name)?;
    let online = Online::open(global, cancel)?;
    let engine = online.engine()?;
    let tools = online.tools(project, &engine);
    let reporter = progress::reporter(global);
    let folder = folder.as_str();
    let times = bench::editing(tools, &command.recipe, folder, &held, CPUS, &*reporter)?;
    drop(reporter);
    let edited = format!("a build after a line of {} changed", times.file);
    let figures = vec![
        seconds("a first build of the working tree", &[times.cold], None),
        seconds(&edited, &[times.edited], None),
        ratio(
            "the same, against the first one",
            times.edited,
            times.cold,
            EDITING_BAR,
        ),
    ];
    tell(global, command, figures)
}

/// How long the plan of a recipe takes.
pub(super) fn planning(global: &Global, project: &Project, command: &Bench) -> Result<(), Failure> {
    let mut runs = Vec::new();
    for _ in 0..command.runs {
        let watch = Stopwatch::start();
        Planned::load(project, &command.recipe)?.plan.id();
        runs.push(watch.elapsed());
    }
    let figures = vec![seconds("the plan's identity", &runs, Some(PLANNING_BAR))];
    tell(global, command, figures)
}

fn ratio(name: &str, time: Duration, cold: Duration, bar: f64) -> Figure {
    Figure {
        name: name.to_owned(),
        value: time.as_secs_f64() / cold.as_secs_f64(),
        unit: "x",
        bar: Some(bar),
        runs: Vec::new(),
    }
}
