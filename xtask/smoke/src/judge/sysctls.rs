//! MPTCP's settings: there, with the values that they should boot with, and taking and refusing what they
//! should.

use std::collections::BTreeSet;

use protocol::{Step, Sysctls, Tried};

use super::checks::{Found, Group, found, shown};
use super::{Expected, told};
use crate::line::{self, Sysctl};

pub(super) fn checks(expected: &Expected<'_>, sysctls: Option<&Sysctls>) -> Group {
    let mut checks = Group::new(told::group(Step::Sysctls));
    let wanted = &expected.smoke.sysctls;
    let required = expected.line.sysctls.iter().filter(|known| known.required);
    let required = required.map(|known| known.name);
    let names: BTreeSet<_> = wanted.keys().map(String::as_str).chain(required).collect();
    let value = |name: &str| {
        sysctls
            .and_then(|all| all.values.get(name))
            .map(String::as_str)
    };
    for name in names {
        let there = sysctls.map(|all| match all.values.get(name) {
            Some(value) => found(true, format!("there, and {}", shown(value))),
            None => found(false, "not there"),
        });
        checks.check(name, "there", there);
    }
    for (name, wanted) in wanted {
        checks.equal(format!("{name}, as the recipe wants"), wanted, value(name));
    }
    for known in expected.line.sysctls {
        let there = value(known.name).is_some();
        if known.required || there || wanted.contains_key(known.name) {
            if !wanted.contains_key(known.name) {
                by_default(&mut checks, expected, known, value(known.name));
            }
            known_sysctl(&mut checks, known, sysctls);
        }
    }
    for (name, value) in line::values_of(expected.line, expected.smoke) {
        is_taken(&mut checks, name, value, sysctls);
    }
    checks
}

/// The value that a sysctl has where the recipe says nothing of it.
fn by_default(checks: &mut Group, expected: &Expected<'_>, known: &Sysctl, value: Option<&str>) {
    let (default, why) = known.default.with(expected.config, expected.line);
    let wanted = match why {
        None => shown(&default).to_owned(),
        Some(why) => format!("{default} ({why})"),
    };
    let there = value.map(|value| found(value == default, shown(value)));
    checks.check(format!("{}, by default", known.name), wanted, there);
}

/// What is known of a sysctl that is there, or should be.
fn known_sysctl(checks: &mut Group, known: &Sysctl, sysctls: Option<&Sysctls>) {
    let name = known.name;
    if let Some(good) = known.good {
        is_taken(checks, name, good, sysctls);
    }
    // Where nothing was reported, nothing is excused.
    let there = |witness| sysctls.is_none_or(|all| all.values.contains_key(witness));
    if known.witness.is_none_or(there) {
        for bad in known.bad {
            let found = tried(sysctls, name, bad).map(refused);
            checks.check(format!("{name}, {bad} written"), "refused", found);
        }
    }
}

fn is_taken(checks: &mut Group, name: &str, value: &str, sysctls: Option<&Sysctls>) {
    let found = tried(sysctls, name, value).map(|tried| taken(tried, value));
    let expected = "taken and read back";
    checks.check(format!("{name}, {value} written"), expected, found);
}

fn tried<'a>(sysctls: Option<&'a Sysctls>, name: &str, value: &str) -> Option<&'a Tried> {
    let mut trials = sysctls?.trials.iter();
    trials.find(|tried| tried.sysctl == name && tried.value == value)
}

fn taken(tried: &Tried, value: &str) -> Found {
    match (&tried.refused, &tried.read_back) {
        (Some(error), _) => found(false, format!("refused: {error}")),
        (None, Some(read)) if read == value => found(true, "taken and read back"),
        (None, Some(read)) => found(false, format!("taken, but {} was read back", shown(read))),
        (None, None) => found(false, "taken, but nothing was read back"),
    }
}

fn refused(tried: &Tried) -> Found {
    match &tried.refused {
        Some(error) => found(true, format!("refused: {error}")),
        None => found(false, "taken"),
    }
}
