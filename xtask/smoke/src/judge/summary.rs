//! What a run showed, without a judgement on it.

use std::collections::BTreeMap;
use std::time::Duration;

use model::smoke::{Capabilities, Carried, Choice, Cut, Ends, Point, Span};
use protocol::{Direction, Event, Sample};

use super::told::{STEPS, Told, group, of_death, of_family, of_kind};
use crate::observed::Observed;
use crate::text;

/// The longest name or value that is taken from the guest, in characters.
const LIMIT: usize = 200;

pub(super) fn phases(observed: &Observed) -> Vec<Span> {
    let lines = &observed.lines;
    let at = |wanted: Event| {
        let mut lines = lines.iter();
        lines
            .find(|seen| seen.line.event == wanted)
            .map(|seen| seen.at)
    };
    let end = observed.duration;
    let hello = at(Event::Hello).unwrap_or(end);
    let boot = Some(span("boot", Duration::ZERO, hello));
    let steps = STEPS.into_iter().map(|step| {
        let begin = at(Event::Begin(step))?;
        Some(span(
            group(step),
            begin,
            at(Event::End(step)).unwrap_or(end),
        ))
    });
    let shutdown = at(Event::Bye).map(|bye| span("shutdown", bye, end));
    let all = [boot].into_iter().chain(steps).chain([shutdown]);
    all.flatten().collect()
}

fn span(name: &str, start: Duration, end: Duration) -> Span {
    Span {
        name: name.to_owned(),
        start: start.as_secs_f64(),
        end: end.as_secs_f64(),
    }
}

pub(super) fn counters(told: &Told<'_>) -> BTreeMap<String, Ends> {
    let ends = |counters: &protocol::Counters| Ends {
        client: counted(&counters.client),
        server: counted(&counters.server),
    };
    let counters = told.counters().into_iter();
    counters
        .map(|(group, counters)| (group.to_owned(), ends(counters)))
        .collect()
}

fn counted(counters: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let counted = counters.iter().filter(|(_, value)| **value != 0);
    counted
        .map(|(name, value)| (harmless(name), *value))
        .collect()
}

pub(super) fn links(told: &Told<'_>) -> Vec<Carried> {
    let ways = told.transfers.iter().flat_map(|transfer| {
        let name = group(of_family(transfer.family));
        transfer.ways.iter().map(move |way| (name, way))
    });
    ways.map(|(name, way)| Carried {
        transfer: name.to_owned(),
        direction: direction(way.direction).to_owned(),
        payload: way.bytes,
        links: way.links,
        microseconds: way.duration,
    })
    .collect()
}

pub(super) fn choices(told: &Told<'_>) -> Vec<Choice> {
    let chosen = told.chosen.iter().filter_map(|chosen| {
        let way = chosen.way.as_ref()?;
        Some(Choice {
            group: group(of_kind(chosen.kind)).to_owned(),
            name: harmless(&chosen.name),
            payload: way.bytes,
            subflows: chosen.subflows,
            links: way.links,
            microseconds: way.duration,
        })
    });
    chosen.collect()
}

/// A direction by its name.
pub(super) fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}

pub(super) fn throughput(told: &Told<'_>) -> BTreeMap<String, Vec<Point>> {
    let samples = told.samples().into_iter();
    samples
        .map(|(group, samples)| (group.to_owned(), samples.iter().map(point).collect()))
        .collect()
}

fn point(sample: &Sample) -> Point {
    let bytes = |link: usize| sample.sent[link].saturating_add(sample.received[link]);
    Point {
        time: seconds(sample.time),
        bytes: [bytes(0), bytes(1)],
    }
}

pub(super) fn cuts(told: &Told<'_>) -> BTreeMap<String, Cut> {
    let cut = |failover: &protocol::Failover| {
        failover.cut.map(|(bytes, time)| Cut {
            time: seconds(time),
            bytes,
            recovery: failover.recovery.map(seconds),
        })
    };
    let failovers = told.failovers.iter();
    failovers
        .filter_map(|all| Some((group(of_death(all.death)).to_owned(), cut(all)?)))
        .collect()
}

fn seconds(microseconds: u64) -> f64 {
    Duration::from_micros(microseconds).as_secs_f64()
}

pub(super) fn capabilities(told: &Told<'_>) -> Capabilities {
    let mut capabilities = Capabilities::default();
    if let Some(sysctls) = told.sysctls {
        let values = sysctls.values.iter();
        capabilities.sysctls = values
            .map(|(name, value)| (harmless(name), harmless(value)))
            .collect();
    }
    if let Some(features) = told.features {
        capabilities.congestion_controls = list(&features.congestion_controls);
        capabilities.path_managers = list(&features.path_managers);
        capabilities.schedulers = list(&features.schedulers);
        capabilities.counters = list(&features.counters);
    }
    capabilities
}

fn list(names: &[String]) -> Vec<String> {
    names.iter().map(|name| harmless(name)).collect()
}

fn harmless(text: &str) -> String {
    text::line(text, LIMIT)
}
