//! What counters prove. A counter that is missing proves nothing.

use std::collections::BTreeMap;

use protocol::{Counters, End};

use super::checks::{Found, Group, found, some_of};
use super::told::Told;
use crate::line::{Counter, Faults};

/// What the counters of one observation are judged with.
pub(super) struct Ledger<'a> {
    pub(super) told: &'a Told<'a>,
    /// `None` where the observation is missing.
    pub(super) counters: Option<&'a Counters>,
}

impl Ledger<'_> {
    /// Each of these counted.
    pub(super) fn counted<'c>(
        &self,
        checks: &mut Group,
        wanted: impl IntoIterator<Item = &'c Counter>,
    ) {
        for counter in wanted.into_iter().filter(|counter| self.applies(counter)) {
            let name = format!("{} at the {}", counter.name, end_name(counter.end));
            let found = self.found(counter, |value| value >= 1);
            checks.check(name, "at least 1", found);
        }
    }

    /// Whether each of these counted.
    pub(super) fn all_counted<'c>(
        &self,
        wanted: impl IntoIterator<Item = &'c Counter>,
    ) -> Option<Found> {
        let counters = self.counters?;
        let counted = |counter: &Counter| {
            let value = of_end(counters, counter.end).get(counter.name);
            value.is_some_and(|value| *value >= 1)
        };
        let wanted = wanted.into_iter().filter(|counter| self.applies(counter));
        let missing = wanted.filter(|counter| !counted(counter));
        let missing: Vec<_> = missing
            .map(|counter| format!("{} at the {}", counter.name, end_name(counter.end)))
            .collect();
        Some(if missing.is_empty() {
            found(true, "all of them")
        } else {
            found(false, format!("not {}", some_of(&missing)))
        })
    }

    /// None of these counted.
    pub(super) fn silent<'c>(
        &self,
        checks: &mut Group,
        wanted: impl IntoIterator<Item = &'c Counter>,
    ) {
        let mut any = false;
        for counter in wanted.into_iter().filter(|counter| self.applies(counter)) {
            any = true;
            let name = format!("{} at the {}", counter.name, end_name(counter.end));
            let found = self.found(counter, |value| value == 0);
            checks.check(name, "0", found);
        }
        if !any {
            let none = Some(found(false, "this kernel has none"));
            checks.check("session counters", "at least one, and 0", none);
        }
    }

    /// Neither end counted a fault.
    pub(super) fn faultless(&self, checks: &mut Group, prefix: &str, faults: &[&Faults]) {
        for end in [End::Client, End::Server] {
            let found = self.counters.map(|all| faultless(of_end(all, end), faults));
            let name = format!("{prefix}fault counters at the {}", end_name(end));
            checks.check(name, "all 0", found);
        }
    }

    /// Whether the kernel has such a counter, or should have one.
    fn applies(&self, counter: &Counter) -> bool {
        let reported = |all| of_end(all, counter.end).contains_key(counter.name);
        counter.required
            || self.told.lists_counter(counter.name)
            || self.counters.is_some_and(reported)
    }

    fn found(&self, counter: &Counter, good: impl Fn(u64) -> bool) -> Option<Found> {
        let all = of_end(self.counters?, counter.end);
        Some(match all.get(counter.name) {
            Some(value) => found(good(*value), value.to_string()),
            None => found(false, "no such counter"),
        })
    }
}

fn faultless(counters: &BTreeMap<String, u64>, faults: &[&Faults]) -> Found {
    let counted = counters.iter().filter(|(_, value)| **value != 0);
    let bad = counted.filter(|(name, _)| faults.iter().any(|faults| faults.include(name)));
    let bad = bad.map(|(name, value)| format!("{name} {value}"));
    let required = faults.iter().flat_map(|faults| faults.required);
    let missing = required.filter(|name| !counters.contains_key(**name));
    let missing = missing.map(|name| format!("no counter {name}"));
    let wrong: Vec<_> = bad.chain(missing).collect();
    if wrong.is_empty() {
        found(true, "all 0")
    } else {
        found(false, some_of(&wrong))
    }
}

fn of_end(counters: &Counters, end: End) -> &BTreeMap<String, u64> {
    match end {
        End::Client => &counters.client,
        End::Server => &counters.server,
    }
}

fn end_name(end: End) -> &'static str {
    match end {
        End::Client => "client",
        End::Server => "server",
    }
}
