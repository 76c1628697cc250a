//! Path managers, schedulers and congestion controls, each selected in turn: it is what is used, everything
//! arrives, and the subflows and links show what it does.

#[cfg(test)]
mod tests;

use protocol::{Chosen, Kind};

use super::Expected;
use super::checks::{Found, Group, bytes, found, shown};
use super::counters::Ledger;
use super::features::title;
use super::told::{Told, group, of_kind};
use super::transfer::LINKS;
use crate::line::{self, Feature, Links, Proof, Subflows};

/// How many bytes may be on a link that carries nothing of the payload: questions for neighbours, announcements of
/// addresses.
const SILENCE: u64 = 4 << 10;

/// The checks for everything of a kind that the configuration promises.
pub(super) fn checks(expected: &Expected<'_>, told: &Told<'_>, kind: Kind) -> Group {
    let mut checks = Group::new(group(of_kind(kind)));
    let proofs = line::proofs(expected.config, expected.line);
    for (feature, proof) in proofs.filter(|(feature, _)| feature.kind == kind) {
        check(&mut checks, expected, told, (feature, proof));
    }
    checks
}

fn check(
    checks: &mut Group,
    expected: &Expected<'_>,
    told: &Told<'_>,
    (feature, proof): (&Feature, Proof),
) {
    let prefix = format!("{}: ", feature.name);
    let chosen = told.chosen(feature.kind, feature.name);
    selection(checks, &prefix, feature, chosen);
    checks.no_error(&prefix, chosen, |chosen| &chosen.error);
    let way = chosen.and_then(|chosen| chosen.way.as_ref());
    let payload = proof.links.payload();
    checks.payload(
        &prefix,
        payload,
        way.map(|way| (way.bytes, way.first_wrong)),
    );
    checks.end(&prefix, way.map(|way| way.ended));
    subflows(checks, &prefix, proof.subflows, chosen);
    links(checks, &prefix, proof.links, chosen);
    let counters = chosen.map(|chosen| &chosen.counters);
    let ledger = Ledger { told, counters };
    let facts = expected.line;
    let joins = match proof.subflows {
        Subflows::Any | Subflows::One => &[],
        Subflows::Several | Subflows::Parameter(_) => facts.joins,
    };
    let counted = ledger.all_counted(facts.sessions.iter().chain(joins));
    let counters = match joins {
        [] => "those of sessions at least 1",
        _ => "those of sessions and joins at least 1",
    };
    checks.check(format!("{prefix}counters"), counters, counted);
    let faults = [&facts.faults, &facts.faults_of_working_links];
    ledger.faultless(checks, &prefix, &faults);
}

/// Whether it is what was used.
fn selection(checks: &mut Group, prefix: &str, feature: &Feature, chosen: Option<&Chosen>) {
    let name = format!("{prefix}{} that is selected", title(feature.kind));
    let selected = chosen.and_then(|chosen| chosen.selected.as_deref());
    checks.equal(name, feature.name, selected);
    if feature.kind == Kind::CongestionControl {
        let name = format!("{prefix}congestion control of the socket");
        let used = chosen.and_then(|chosen| chosen.congestion_control.as_deref());
        checks.equal(name, feature.name, used);
    }
}

fn subflows(checks: &mut Group, prefix: &str, wanted: Subflows, chosen: Option<&Chosen>) {
    let (text, good): (_, Box<dyn Fn(u64) -> bool>) = match wanted {
        Subflows::Any => ("1 or more".to_owned(), Box::new(|count| count >= 1)),
        Subflows::One => ("1".to_owned(), Box::new(|count| count == 1)),
        Subflows::Several => ("2 or more".to_owned(), Box::new(|count| count >= 2)),
        Subflows::Parameter(name) => {
            let value = chosen.and_then(|chosen| chosen.parameter.as_deref());
            let number = value.and_then(|value| value.parse().ok());
            let text = format!("{}, as {name} says", value.map_or("a number", shown));
            // One subflow would be there without it.
            let good = move |count| count >= 2 && number == Some(count);
            (text, Box::new(good))
        }
    };
    let count = chosen.and_then(|chosen| chosen.subflows);
    let count = count.map(|count| found(good(count), count.to_string()));
    checks.check(format!("{prefix}subflows"), text, count);
}

fn links(checks: &mut Group, prefix: &str, wanted: Links, chosen: Option<&Chosen>) {
    let payload = wanted.payload();
    let at_least = |least: u64| (format!("at least {}", bytes(least)), least, u64::MAX);
    let nothing = (format!("at most {}", bytes(SILENCE)), 0, SILENCE);
    let wanted = match wanted {
        Links::Any => return,
        Links::First => [at_least(payload), nothing],
        Links::Both => [at_least(payload / 4), at_least(payload / 4)],
        Links::Used => [at_least(payload / 32), at_least(payload / 32)],
        Links::Twice => [at_least(payload), at_least(payload)],
    };
    let way = chosen.and_then(|chosen| chosen.way.as_ref());
    for (index, (text, least, most)) in wanted.into_iter().enumerate() {
        let judge = |count: u64| -> Found { found((least..=most).contains(&count), bytes(count)) };
        let carried = way.map(|way| judge(way.links[index]));
        checks.check(format!("{prefix}{}", LINKS[index]), text, carried);
    }
}
