//! What is known of the two MPTCP implementations, as data: what a kernel of a line must have, what it
//! may have, and what proves that its MPTCP works.

mod congestion;
mod feature;
mod out_of_tree;
mod upstream;

#[cfg(test)]
mod tests;

use model::kconfig::{DotConfig, Value};
use model::recipe::{self, Line};
use protocol::{End, Implementation, Kind, Trial};

pub(crate) use feature::proofs;
pub use feature::{Feature, Links, Proof, Provision, Subflows, choices, promised_modules};

/// What is known of a line.
#[derive(Debug)]
pub struct Facts {
    /// Which line.
    pub line: Line,
    /// What its kernels are told by.
    pub implementation: Implementation,
    /// What an emulated processor can move.
    pub emulated: Load,
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
    /// What a configuration promises to be there, in groups.
    pub features: &'static [&'static [Feature]],
}

impl Facts {
    /// What a configuration promises to be there.
    pub fn features(&self) -> impl Iterator<Item = &'static Feature> + use<> {
        self.features.iter().copied().flatten()
    }
}

/// How much is moved, and how fast. Two links have to be the bottleneck: where the processor is, one of them may do.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// How many bytes a transfer moves each way.
    pub payload: u64,
    /// The same on request.
    pub full_payload: u64,
    /// How many bytes of frames a link carries in a second each way.
    pub rate: u32,
}

/// A sysctl.
#[derive(Debug)]
pub struct Sysctl {
    /// Its name, with dots.
    pub name: &'static str,
    /// Whether every kernel of the line has it. Others are looked at only where they are.
    pub required: bool,
    /// What it is at boot, in every kernel that has it.
    pub default: AtBoot,
    /// A value that it takes, and not its default where it has more than one.
    pub good: Option<&'static str>,
    /// Values that it must refuse.
    pub bad: &'static [&'static str],
    /// Another sysctl, which only those kernels have that refuse them; `None` where all do.
    pub witness: Option<&'static str>,
}

/// What a sysctl is at boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtBoot {
    /// The same everywhere.
    Is(&'static str),
    /// The feature of a kind that the configuration makes the default.
    Configured {
        /// The kind.
        kind: Kind,
        /// The symbol that has its name.
        name: &'static str,
    },
}

impl AtBoot {
    /// The value with `config`, and what there says so, if that does.
    pub fn with(self, config: &DotConfig, facts: &Facts) -> (String, Option<String>) {
        let (kind, name) = match self {
            Self::Is(value) => return (value.to_owned(), None),
            Self::Configured { kind, name } => (kind, name),
        };
        let named = match value(config, name) {
            Value::Text(text) => text.trim_matches('"').to_owned(),
            _ => DEFAULT.to_owned(),
        };
        let mut features = facts.features().filter(|feature| feature.kind == kind);
        let chosen = features.find_map(|feature| {
            let symbol = feature.chosen_by?;
            (*value(config, symbol) == Value::Yes).then_some((feature.name, symbol))
        });
        // Some releases name another one than was chosen, or none that there is.
        match chosen {
            None => (named, None),
            Some((chosen, symbol)) => {
                let mut why = format!("CONFIG_{symbol}=y");
                if named != chosen {
                    why.push_str(&format!(", though CONFIG_{name}=\"{named}\""));
                }
                (chosen.to_owned(), Some(why))
            }
        }
    }
}

/// The name of what is used where nothing was chosen.
const DEFAULT: &str = "default";

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

/// What is known of `line`.
pub fn facts(line: Line) -> &'static Facts {
    match line {
        Line::Upstream => &upstream::FACTS,
        Line::OutOfTree => &out_of_tree::FACTS,
    }
}

/// The line of a kernel by its configuration: only the out-of-tree line has these symbols, switched on or off.
pub fn line_of(config: &DotConfig) -> Line {
    let symbols = ["MPTCP_PM_ADVANCED", "DEFAULT_MPTCP_SCHED"];
    let mut mentioned = config.iter().map(|(symbol, _)| symbol.as_str());
    if mentioned.any(|symbol| symbols.contains(&symbol)) {
        Line::OutOfTree
    } else {
        Line::Upstream
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

/// The value of a symbol.
fn value<'a>(config: &'a DotConfig, symbol: &str) -> &'a Value {
    symbol
        .parse()
        .map_or(&Value::No, |symbol| config.get(&symbol))
}
