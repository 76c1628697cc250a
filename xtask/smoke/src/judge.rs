//! The verdict: what was observed against what had to be.
//!
//! Nothing that is missing counts as good: whatever was not reported fails each check that needs it.

mod checks;
mod choices;
mod counters;
mod course;
mod failover;
mod features;
mod interoperation;
mod kernel;
mod log;
mod modules;
mod routing;
mod summary;
mod sysctls;
mod told;
mod transfer;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use model::kconfig::DotConfig;
use model::recipe;
use model::smoke::{Capabilities, Carried, Check, Choice, Cut, Ends, Point, Span, Verdict};
use protocol::Module;

use crate::line::Facts;
use crate::observed::{Ending, Observed};
use crate::text;
use told::Told;

/// The longest reason, in characters.
const REASON: usize = 1500;

/// What a kernel has to be.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// What is known of its line.
    pub line: &'static Facts,
    /// Its release (`uname -r`), as its package tells it.
    pub kernel_release: &'a str,
    /// What the recipe wants; the default where there is no recipe.
    pub smoke: &'a recipe::Smoke,
    /// What it was configured with, as its package holds it.
    pub config: &'a DotConfig,
    /// The modules that it had to load besides its own.
    pub modules: &'a [Module],
    /// How many bytes a transfer had to move each way.
    pub payload: u64,
}

/// What came of a run. The fields are those of [`model::smoke::Smoke`].
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Each check, grouped.
    pub checks: Vec<Check>,
    /// What happened when.
    pub phases: Vec<Span>,
    /// Counters that are not zero, by group.
    pub counters: BTreeMap<String, Ends>,
    /// What the links carried.
    pub links: Vec<Carried>,
    /// What came of selecting one of several things in turn.
    pub choices: Vec<Choice>,
    /// The links in time, by group.
    pub throughput: BTreeMap<String, Vec<Point>>,
    /// The links that died, by group.
    pub cuts: BTreeMap<String, Cut>,
    /// What the kernel can do.
    pub capabilities: Capabilities,
    /// One line that says what is wrong; `None` where nothing is.
    pub reason: Option<String>,
}

impl Judgement {
    /// Passed where nothing is wrong.
    pub fn verdict(&self) -> Verdict {
        match self.reason {
            None => Verdict::Passed,
            Some(_) => Verdict::Failed,
        }
    }
}

/// Judges a run.
pub fn judge(expected: &Expected<'_>, observed: &Observed) -> Judgement {
    let told = Told::new(&observed.lines);
    let checks = checks(expected, observed, &told);
    Judgement {
        reason: reason(&observed.ending, &checks),
        checks,
        phases: summary::phases(observed),
        counters: summary::counters(&told),
        links: summary::links(&told),
        choices: summary::choices(&told),
        throughput: summary::throughput(&told),
        cuts: summary::cuts(&told),
        capabilities: summary::capabilities(&told),
    }
}

/// All checks, in the order in which things happen, with what belongs to the whole run around it.
fn checks(expected: &Expected<'_>, observed: &Observed, told: &Told<'_>) -> Vec<Check> {
    let transfers = transfer::checks(expected, told);
    let [transfer_ipv4, transfer_ipv6] = transfers;
    let [path_managers, schedulers, congestion_controls] =
        told::KINDS.map(|kind| choices::checks(expected, told, kind));
    [
        course::boot(observed),
        kernel::checks(expected, told.kernel),
        sysctls::checks(expected, told.sysctls),
        features::checks(expected, told),
        modules::checks(expected, told.modules),
        routing::checks(told.routing),
        transfer_ipv4,
        failover::checks(expected, told, protocol::Death::Loss),
        failover::checks(expected, told, protocol::Death::Down),
        interoperation::checks(expected, told, protocol::End::Client),
        interoperation::checks(expected, told, protocol::End::Server),
        transfer_ipv6,
        path_managers,
        schedulers,
        congestion_controls,
        log::kernel(told.log),
        log::console(&observed.console),
        // What a step could not do is told better by its own checks.
        course::report(expected, observed),
        course::shutdown(observed),
    ]
    .into_iter()
    .flat_map(checks::Group::into_checks)
    .collect()
}

fn reason(ending: &Ending, checks: &[Check]) -> Option<String> {
    if let Some(why) = ending.reason() {
        return Some(text::line(why, REASON));
    }
    let mut failed = checks.iter().filter(|check| !check.passed);
    let first = failed.next()?;
    let Check {
        group,
        name,
        expected,
        found,
        ..
    } = first;
    let more = match failed.count() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let what = format!("{group}: {name}: expected {expected}, found {found}");
    Some(text::line(&what, REASON) + &more)
}
