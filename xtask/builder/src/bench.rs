//! How long packaging takes: this project's, and the kernel's own target beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use host::clock::Stopwatch;
use model::plan::{Identity, environment};
use model::recipe::PackageFormat;

use crate::build::{Phases, ResultLock, Tools, open_workshop};
use crate::compile::{Running, compile, package, package_plainly};
use crate::configure::configure;
use crate::error::BuildError;
use crate::plan::Planned;
use crate::report::Reporter;
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
