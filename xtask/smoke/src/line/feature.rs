//! What a configuration promises of a kernel, and what shows that it works.

use model::kconfig::{DotConfig, Value};
use protocol::{Choice, Kind};

use super::{Facts, value};

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
    /// The symbol that makes it the default of its kind, where that is for the configuration to say.
    pub chosen_by: Option<&'static str>,
    /// What shows that it works; `None` where it is not tried.
    pub proof: Option<Proof>,
}

/// What a transfer shows that has a feature selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The sysctl of the initial network namespace that selects it.
    pub sysctl: &'static str,
    /// How many subflows there are.
    pub subflows: Subflows,
    /// What the links carry.
    pub links: Links,
}

/// How many subflows a connection has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subflows {
    /// One or more.
    Any,
    /// Just one.
    One,
    /// Two or more.
    Several,
    /// As many as this parameter of its module says: `mptcp_ndiffports.num_subflows`.
    Parameter(&'static str),
}

/// What the links carry of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Whatever they like.
    Any,
    /// The first link carries everything.
    First,
    /// Each carries a quarter or more.
    Both,
    /// Each carries a thirty-second part or more.
    Used,
    /// Each carries everything.
    Twice,
}

impl Links {
    /// How many bytes it takes to see that.
    pub const fn payload(self) -> u64 {
        match self {
            Self::Any | Self::First | Self::Both | Self::Used => 1 << 20,
            // Little enough to be on both links before anything of it is acknowledged: a link that is behind
            // skips what arrived over the other one.
            Self::Twice => 12 << 10,
        }
    }
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
        match value(config, symbol) {
            Value::Yes => Some(Provision::BuiltIn),
            Value::Module => Some(Provision::Module),
            _ => None,
        }
    }
}

/// The modules, by name, that hold what `config` promises. A module's name is the stem of its file.
pub fn promised_modules(config: &DotConfig, facts: &Facts) -> Vec<&'static str> {
    let modular = |feature: &&Feature| feature.provision(config) == Some(Provision::Module);
    let features = facts.features().filter(modular);
    features.map(|feature| feature.module).collect()
}

/// The features that `config` promises and that are to be tried one after the other, each with what shows that it
/// works.
pub(crate) fn proofs(
    config: &DotConfig,
    facts: &Facts,
) -> impl Iterator<Item = (&'static Feature, Proof)> {
    let features = facts.features();
    features.filter_map(|feature| {
        feature.provision(config)?;
        Some((feature, feature.proof?))
    })
}

/// What is to be selected in turn on a kernel with this configuration.
pub fn choices(config: &DotConfig, facts: &Facts) -> Vec<Choice> {
    let choice = |(feature, proof): (&Feature, Proof)| Choice {
        kind: feature.kind,
        name: feature.name.to_owned(),
        sysctl: proof.sysctl.to_owned(),
        payload: proof.links.payload(),
        joins: !matches!(proof.subflows, Subflows::Any | Subflows::One),
        parameter: match proof.subflows {
            Subflows::Parameter(name) => Some(name.to_owned()),
            _ => None,
        },
    };
    proofs(config, facts).map(choice).collect()
}
