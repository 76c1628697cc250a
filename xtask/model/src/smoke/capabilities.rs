//! How the abilities of two kernels differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Capabilities;

/// What kind of thing differs, in the order of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A sysctl that one of them lacks.
    Sysctl,
    /// The value that a sysctl boots with.
    Default,
    /// A congestion control of TCP.
    CongestionControl,
    /// A path manager of MPTCP.
    PathManager,
    /// A packet scheduler of MPTCP.
    Scheduler,
    /// A counter of MPTCP.
    Counter,
}

impl Kind {
    /// What it is called before a name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sysctl => "sysctl",
            Self::Default => "default of",
            Self::CongestionControl => "congestion control",
            Self::PathManager => "path manager",
            Self::Scheduler => "scheduler",
            Self::Counter => "counter",
        }
    }
}

/// A difference between kernels `a` and `b`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What kind of thing differs.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What `a` has: a sysctl's value, or the name itself; `None` where it lacks it.
    pub a: Option<String>,
    /// What `b` has.
    pub b: Option<String>,
}

/// All differences, by kind and then by name. The order in which a kernel lists things is none.
pub fn compare(a: &Capabilities, b: &Capabilities) -> Vec<Difference> {
    let lists = [
        (
            Kind::CongestionControl,
            &a.congestion_controls,
            &b.congestion_controls,
        ),
        (Kind::PathManager, &a.path_managers, &b.path_managers),
        (Kind::Scheduler, &a.schedulers, &b.schedulers),
        (Kind::Counter, &a.counters, &b.counters),
    ];
    let mut differences = compare_sysctls(&a.sysctls, &b.sysctls);
    for (kind, a, b) in lists {
        differences.extend(compare_names(kind, a, b));
    }
    differences
}

fn compare_sysctls(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<Difference> {
    let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let differing = names
        .into_iter()
        .filter(|name| a.get(*name) != b.get(*name));
    let difference = |name: &String| Difference {
        kind: match (a.get(name), b.get(name)) {
            (Some(_), Some(_)) => Kind::Default,
            _ => Kind::Sysctl,
        },
        name: name.clone(),
        a: a.get(name).cloned(),
        b: b.get(name).cloned(),
    };
    let mut differences: Vec<_> = differing.map(difference).collect();
    differences.sort_by_key(|difference| difference.kind);
    differences
}

fn compare_names(kind: Kind, a: &[String], b: &[String]) -> Vec<Difference> {
    let [a, b] = [a, b].map(|names| names.iter().collect::<BTreeSet<_>>());
    let there =
        |names: &BTreeSet<&String>, name: &String| names.contains(name).then(|| name.clone());
    let differing = a.symmetric_difference(&b);
    differing
        .map(|name| Difference {
            kind,
            name: (*name).clone(),
            a: there(&a, name),
            b: there(&b, name),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn capabilities(sysctls: &[(&str, &str)], congestion_controls: &[&str]) -> Capabilities {
        let sysctls = sysctls
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        Capabilities {
            sysctls: sysctls.collect(),
            congestion_controls: names(congestion_controls),
            ..Capabilities::default()
        }
    }

    #[test]
    fn equal_kernels_do_not_differ() {
        let a = capabilities(&[("s", "1")], &["reno", "cubic"]);
        let b = capabilities(&[("s", "1")], &["cubic", "reno", "reno"]);
        assert_eq!(compare(&a, &b), []);
    }

    #[test]
    fn differences_are_grouped_and_told_from_each_other() {
        let mut a = capabilities(&[("a", "1"), ("b", "1"), ("c", "1")], &["bbr", "reno"]);
        let mut b = capabilities(&[("a", "2"), ("c", "1"), ("d", "1")], &["reno"]);
        a.schedulers = names(&["default"]);
        b.path_managers = names(&["kernel"]);
        b.counters = names(&["MPRstTx"]);
        let found: Vec<_> = compare(&a, &b)
            .into_iter()
            .map(|d| (d.kind, d.name, d.a.is_some(), d.b.is_some()))
            .collect();
        let expected = [
            (Kind::Sysctl, "b", true, false),
            (Kind::Sysctl, "d", false, true),
            (Kind::Default, "a", true, true),
            (Kind::CongestionControl, "bbr", true, false),
            (Kind::PathManager, "kernel", false, true),
            (Kind::Scheduler, "default", true, false),
            (Kind::Counter, "MPRstTx", false, true),
        ];
        let expected = expected.map(|(kind, name, a, b)| (kind, name.to_owned(), a, b));
        assert_eq!(found, expected);
    }
}
