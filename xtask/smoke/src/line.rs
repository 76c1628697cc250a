//! What is known of the two MPTCP implementations, as data: what a kernel of a line must have, what it
//! may have, and what proves that its MPTCP works.

mod upstream;

use model::kconfig::{DotConfig, Value};
use model::recipe::{self, Line};
use protocol::{End, Implementation, Trial};

/// What is known of a line.
#[derive(Debug)]
pub struct Facts {
    /// Which line.
    pub line: Line,
    /// What its kernels are told by.
    pub implementation: Implementation,
    /// Its sysctls.
    pub sysctls: &'static [Sysctl],
    /// Counters that prove a second subflow: at least 1 each.
    pub joins: &'static [Counter],
    /// Counters that prove an MPTCP session: at least 1 each.
    pub sessions: &'static [Counter],
    /// Counters that must be 0 at the end that uses MPTCP while the other one knows only TCP.
    pub plain: &'static [Counter],
    /// Counters that prove that such an end did ask for MPTCP: at least 1 each.
    pub refused: &'static [Counter],
    /// What must never happen.
    pub faults: Faults,
    /// What must not happen either while all links work; a link that dies may well cause it.
    pub faults_of_working_links: Faults,
    /// Sysctls that only tell something: what is written to them is refused.
    pub read_only: &'static [&'static str],
    /// What a configuration promises to be there.
    pub features: &'static [Feature],
}

/// A sysctl.
#[derive(Debug)]
pub struct Sysctl {
    /// Its name, with dots.
    pub name: &'static str,
    /// Whether every kernel of the line has it. Others are looked at only where they are.
    pub required: bool,
    /// What it is at boot, in every kernel that has it.
    pub default: Option<&'static str>,
    /// A value that it takes, and not its default where it has more than one.
    pub good: Option<&'static str>,
    /// Values that it must refuse.
    pub bad: &'static [&'static str],
    /// Another sysctl, which only those kernels have that refuse them; `None` where all do.
    pub witness: Option<&'static str>,
}

/// A counter at an end of a connection.
#[derive(Debug)]
pub struct Counter {
    /// Its name.
    pub name: &'static str,
    /// Where it counts.
    pub end: End,
    /// Whether every kernel of the line has it. Others are looked at only where they are.
    pub required: bool,
}

/// Counters that must stay 0 at both ends.
#[derive(Debug)]
pub struct Faults {
    /// By name, looked at where they are.
    pub named: &'static [&'static str],
    /// By a part of the name, looked at where they are.
    pub containing: &'static [&'static str],
    /// Those that every kernel of the line has: where one is missing, nothing was counted.
    pub required: &'static [&'static str],
}

impl Faults {
    /// Whether counting `name` means that something went wrong.
    pub fn include(&self, name: &str) -> bool {
        self.named.contains(&name) || self.containing.iter().any(|part| name.contains(part))
    }
}

/// The kinds of things that a configuration promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A congestion control of TCP.
    CongestionControl,
    /// A path manager of MPTCP.
    PathManager,
    /// A packet scheduler of MPTCP.
    Scheduler,
}

/// Something that a kernel can have.
#[derive(Debug)]
pub struct Feature {
    /// What it is.
    pub kind: Kind,
    /// The name that the kernel lists it by.
    pub name: &'static str,
    /// The symbol that decides; `None` where it is always there.
    pub symbol: Option<&'static str>,
    /// The name of its module, which is the stem of the module's file; nothing asks for it where there is no
    /// symbol.
    pub module: &'static str,
    /// The sysctl that names it: a kernel without that has no list for it to be on.
    pub listed_by: Option<&'static str>,
}

/// How a configuration provides a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provision {
    /// Built in.
    BuiltIn,
    /// As a module.
    Module,
}

impl Feature {
    /// How `config` provides it; `None` where it does not.
    pub fn provision(&self, config: &DotConfig) -> Option<Provision> {
        let Some(symbol) = self.symbol else {
            return Some(Provision::BuiltIn);
        };
        match config.get(&symbol.parse().ok()?) {
            Value::Yes => Some(Provision::BuiltIn),
            Value::Module => Some(Provision::Module),
            _ => None,
        }
    }
}

/// A line that nothing is known of yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "kernels of the out-of-tree line cannot be smoke-tested yet: only upstream's MPTCP is known"
)]
pub struct Unsupported;

/// What is known of `line`.
///
/// # Errors
/// A line that this version does not know.
pub fn facts(line: Line) -> Result<&'static Facts, Unsupported> {
    match line {
        Line::Upstream => Ok(&upstream::FACTS),
        Line::OutOfTree => Err(Unsupported),
    }
}

/// Every value that is to be tried on a kernel of this line. One that lacks a sysctl refuses them all, which
/// the judge knows to tell from a refusal that means something.
pub fn trials(facts: &Facts) -> Vec<Trial> {
    let values = |sysctl: &'static Sysctl| sysctl.good.iter().chain(sysctl.bad);
    let trial = |name: &str, value: &str| Trial {
        sysctl: name.to_owned(),
        value: value.to_owned(),
    };
    let sysctls = facts.sysctls.iter();
    sysctls
        .flat_map(|sysctl| values(sysctl).map(|value| trial(sysctl.name, value)))
        .collect()
}

/// [`trials`], and the values that a recipe wants of sysctls for which no value is known that they take.
pub fn trials_of(facts: &Facts, smoke: &recipe::Smoke) -> Vec<Trial> {
    let mut trials = trials(facts);
    trials.extend(values_of(facts, smoke).map(|(name, value)| Trial {
        sysctl: name.to_owned(),
        value: value.to_owned(),
    }));
    trials
}

/// What is tried for a recipe alone, each sysctl with its value.
pub(crate) fn values_of<'a>(
    facts: &'a Facts,
    smoke: &'a recipe::Smoke,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let tried = |name: &str| {
        let mut known = facts.sysctls.iter();
        known.any(|known| known.name == name && known.good.is_some())
    };
    let wanted = smoke.sysctls.iter();
    wanted
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(move |(name, _)| !tried(name) && !facts.read_only.contains(name))
}

/// The modules, by name, that hold what `config` promises. A module's name is the stem of its file.
pub fn promised_modules(config: &DotConfig, facts: &Facts) -> Vec<&'static str> {
    let features = facts.features.iter();
    features
        .filter(|feature| feature.provision(config) == Some(Provision::Module))
        .map(|feature| feature.module)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_unknown_line_is_an_error() {
        assert_eq!(facts(Line::OutOfTree).unwrap_err(), Unsupported);
        assert!(Unsupported.to_string().contains("out-of-tree"));
    }

    #[test]
    fn every_symbol_is_one() {
        let facts = facts(Line::Upstream).unwrap();
        for symbol in facts.features.iter().filter_map(|feature| feature.symbol) {
            assert!(symbol.parse::<model::names::Symbol>().is_ok(), "{symbol}");
        }
    }

    #[test]
    fn a_trial_changes_something_or_is_refused() {
        let facts = facts(Line::Upstream).unwrap();
        let trials = trials(facts);
        for sysctl in facts.sysctls {
            assert!(sysctl.good.is_none_or(|good| !sysctl.bad.contains(&good)));
            let tried = trials
                .iter()
                .filter(|trial| trial.sysctl == sysctl.name)
                .count();
            assert_eq!(tried, sysctl.bad.len() + usize::from(sysctl.good.is_some()));
        }
        let distinct: BTreeSet<_> = trials.iter().map(|t| (&t.sysctl, &t.value)).collect();
        assert_eq!(distinct.len(), trials.len());
        assert!(
            trials
                .iter()
                .any(|t| t.sysctl == "net.mptcp.enabled" && t.value == "2")
        );
    }

    #[test]
    fn a_recipe_adds_what_is_not_tried_anyway() {
        let facts = facts(Line::Upstream).unwrap();
        let wanted = [
            ("net.mptcp.available_schedulers", "default"),
            ("net.mptcp.enabled", "1"),
            ("net.mptcp.unheard_of", "7"),
        ];
        let sysctls = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let smoke = recipe::Smoke {
            sysctls: sysctls.into(),
            ..recipe::Smoke::default()
        };
        let all = trials_of(facts, &smoke);
        let (known, own) = all.split_at(trials(facts).len());
        assert_eq!(known, trials(facts));
        let own: Vec<_> = own.iter().map(|t| (&*t.sysctl, &*t.value)).collect();
        assert_eq!(own, [("net.mptcp.unheard_of", "7")]);
        assert_eq!(trials_of(facts, &recipe::Smoke::default()), trials(facts));
    }

    #[test]
    fn modules_are_those_configured_as_such() {
        let config = "CONFIG_TCP_CONG_CUBIC=y\nCONFIG_TCP_CONG_BBR=m\nCONFIG_TCP_CONG_HSTCP=m\n";
        let config = DotConfig::parse(config).unwrap();
        let facts = facts(Line::Upstream).unwrap();
        let mut modules = promised_modules(&config, facts);
        modules.sort_unstable();
        assert_eq!(modules, ["tcp_bbr", "tcp_highspeed"]);
    }
}
