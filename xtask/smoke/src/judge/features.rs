//! Whether the kernel lists what its configuration promises and its recipe wants.

use std::collections::BTreeMap;

use model::kconfig::Value;
use protocol::{Features, Kind, Step};

use super::Expected;
use super::checks::{Group, found};
use super::told::{self, Told};
use crate::line::{Feature, Provision};

const KINDS: [Kind; 3] = [Kind::CongestionControl, Kind::PathManager, Kind::Scheduler];

pub(super) fn checks(expected: &Expected<'_>, told: &Told<'_>) -> Group {
    let mut checks = Group::new(told::group(Step::Features));
    let features = told.features;
    // Without it, nothing is promised, and hardly anything would be checked.
    if expected.config.count(&Value::Yes) == 0 {
        let none = Some(found(false, "none"));
        checks.check("configuration", "in the package", none);
    }
    modules(&mut checks, expected, features);
    for kind in KINDS {
        for (name, why) in wanted(expected, told, kind) {
            let listed = features.map(|features| listed(features, kind));
            let there = listed.map(|listed| {
                if listed.contains(&name) {
                    found(true, "listed")
                } else if listed.is_empty() {
                    found(false, "none is listed")
                } else {
                    found(false, format!("only {}", listed.join(" ")))
                }
            });
            let expected = format!("listed ({why})");
            checks.check(format!("{} {name}", title(kind)), expected, there);
        }
    }
    checks
}

fn modules(checks: &mut Group, expected: &Expected<'_>, features: Option<&Features>) {
    for module in crate::line::promised_modules(expected.config, expected.line) {
        let loaded = features.map(|features| match features.modules.get(module) {
            Some(None) => found(true, "loaded"),
            Some(Some(error)) => found(false, error),
            None => found(false, "not tried"),
        });
        checks.check(format!("module {module}"), "loaded", loaded);
    }
}

/// The names that must be listed, with the reasons.
fn wanted(expected: &Expected<'_>, told: &Told<'_>, kind: Kind) -> BTreeMap<String, String> {
    let recipe = match kind {
        Kind::CongestionControl => &expected.smoke.congestion_controls,
        Kind::PathManager => &expected.smoke.path_managers,
        Kind::Scheduler => &expected.smoke.schedulers,
    };
    let mut wanted: BTreeMap<_, _> = recipe
        .iter()
        .map(|name| (name.clone(), "the recipe wants it".to_owned()))
        .collect();
    let listed = |known: &&Feature| known.kind == kind && !is_unlisted(known, told);
    for feature in expected.line.features().filter(listed) {
        let why = match (feature.provision(expected.config), feature.symbol) {
            (None, _) => continue,
            (Some(_), None) => "every kernel has it".to_owned(),
            (Some(Provision::BuiltIn), Some(symbol)) => format!("CONFIG_{symbol}=y"),
            (Some(Provision::Module), Some(symbol)) => format!("CONFIG_{symbol}=m"),
        };
        wanted.insert(feature.name.to_owned(), why);
    }
    wanted
}

/// Whether the kernel has no list that a feature could be on.
fn is_unlisted(known: &Feature, told: &Told<'_>) -> bool {
    let missing = |sysctl: &str| {
        told.sysctls
            .is_some_and(|all| !all.values.contains_key(sysctl))
    };
    known.listed_by.is_some_and(missing)
}

fn listed(features: &Features, kind: Kind) -> &[String] {
    match kind {
        Kind::CongestionControl => &features.congestion_controls,
        Kind::PathManager => &features.path_managers,
        Kind::Scheduler => &features.schedulers,
    }
}

/// A kind, for people.
pub(super) fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::CongestionControl => "congestion control",
        Kind::PathManager => "path manager",
        Kind::Scheduler => "scheduler",
    }
}
