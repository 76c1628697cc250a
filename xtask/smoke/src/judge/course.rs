//! The course of the run: did it begin, did it do all that it had to, did it end.

use protocol::{Event, Step};

use super::Expected;
use super::checks::{Found, Group, found, some_of};
use super::told::{self, group};
use crate::observed::{Observed, Seen};

pub(super) fn boot(observed: &Observed) -> Group {
    let mut checks = Group::new("boot");
    let first = observed.lines.first().map(|seen| {
        let hello = seen.line.event == Event::Hello;
        let after = format!("{:.1} s after QEMU began", seen.at.as_secs_f64());
        let what = if hello { "" } else { "something else " };
        found(hello, what.to_owned() + &after)
    });
    checks.check("first program", "it reports that it runs", first);
    checks
}

pub(super) fn report(expected: &Expected<'_>, observed: &Observed) -> Group {
    let mut checks = Group::new("report");
    let lines = (!observed.lines.is_empty()).then_some(observed.lines.as_slice());
    let wanted = told::steps(expected);
    let all = format!("all {} begun and ended, in order", wanted.len());
    checks.check("steps", all, lines.map(|lines| steps(&wanted, lines)));
    checks.check("failures", "none", lines.map(failures));
    let last = observed.lines.last();
    let last = last.map(|seen| match seen.line.event {
        Event::Bye => found(true, "goodbye"),
        _ => found(false, "the report breaks off"),
    });
    checks.check("last line", "goodbye", last);
    checks
}

fn steps(wanted: &[Step], lines: &[Seen]) -> Found {
    let events = lines.iter().map(|seen| &seen.line.event);
    let seen: Vec<_> = events
        .filter(|event| matches!(event, Event::Begin(_) | Event::End(_)))
        .collect();
    let both = |step: &Step| [Event::Begin(*step), Event::End(*step)];
    let events: Vec<_> = wanted.iter().flat_map(both).collect();
    if seen.iter().copied().eq(&events) {
        return found(true, "all of them");
    }
    let missing = |event: &Event| !seen.contains(&event);
    let describe = |step: Step| match (missing(&Event::Begin(step)), missing(&Event::End(step))) {
        (true, _) => Some(format!("{} did not begin", group(step))),
        (_, true) => Some(format!("{} did not end", group(step))),
        _ => None,
    };
    let missing: Vec<_> = wanted.iter().copied().filter_map(describe).collect();
    found(
        false,
        if missing.is_empty() {
            "another order, or one of them twice".to_owned()
        } else {
            some_of(&missing)
        },
    )
}

fn failures(lines: &[Seen]) -> Found {
    let failure = |seen: &Seen| match &seen.line.event {
        Event::Failed { step, error } => Some(format!("{}: {error}", group(*step))),
        _ => None,
    };
    let failures: Vec<_> = lines.iter().filter_map(failure).collect();
    if failures.is_empty() {
        found(true, "none")
    } else {
        found(false, some_of(&failures))
    }
}

pub(super) fn shutdown(observed: &Observed) -> Group {
    let mut checks = Group::new("shutdown");
    let expected = "the machine powered itself off";
    let ending = match observed.ending.reason() {
        None => found(true, expected),
        Some(why) => found(false, why),
    };
    checks.check("end", expected, Some(ending));
    checks
}
