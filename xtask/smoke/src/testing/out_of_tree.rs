//! The same for a kernel of the out-of-tree line, which has choices.

use model::kconfig::DotConfig;
use model::recipe::{self, Line};
use protocol::{
    Chosen, Counters, Direction, Event, Features, Implementation, Kind, Step, Sysctls, Tried, Way,
};

use super::{PAYLOAD, RELEASE, joined, observed, steps};
use crate::judge::{Expected, Judgement, judge};
use crate::line::{self, Feature, Links, Proof, Subflows};
use crate::observed::Observed;

/// What the kernel was configured with: something of everything.
pub(crate) const CONFIG: &str = "CONFIG_MPTCP=y
CONFIG_TCP_CONG_CUBIC=y
CONFIG_TCP_CONG_LIA=y
CONFIG_TCP_CONG_OLIA=m
CONFIG_TCP_CONG_MCTCPDESYNC=m
# CONFIG_TCP_CONG_BALIA is not set
CONFIG_MPTCP_PM_ADVANCED=y
CONFIG_MPTCP_FULLMESH=y
CONFIG_MPTCP_NDIFFPORTS=m
CONFIG_MPTCP_BINDER=m
CONFIG_MPTCP_NETLINK=y
CONFIG_DEFAULT_FULLMESH=y
CONFIG_DEFAULT_MPTCP_PM=\"fullmesh\"
CONFIG_MPTCP_ROUNDROBIN=m
CONFIG_MPTCP_REDUNDANT=m
CONFIG_MPTCP_BLEST=y
CONFIG_DEFAULT_BLEST=y
CONFIG_DEFAULT_MPTCP_SCHED=\"blest\"
";

/// Judges a run against what [`good`] should be.
pub(crate) fn judged(observed: &Observed) -> Judgement {
    judged_with(observed, CONFIG)
}

/// The same with another configuration.
pub(crate) fn judged_with(observed: &Observed, config: &str) -> Judgement {
    let expected = Expected {
        line: line::facts(Line::OutOfTree),
        kernel_release: RELEASE,
        smoke: &recipe::Smoke::default(),
        config: &DotConfig::parse(config).unwrap(),
        modules: &[],
        payload: PAYLOAD,
    };
    judge(&expected, observed)
}

/// A run that passes.
pub(crate) fn good() -> Observed {
    let mut steps = steps();
    for (_, event, _) in &mut steps {
        change(event);
    }
    let log = steps.pop();
    steps.extend([
        (Step::PathManagers, chosen(Kind::PathManager), 5000),
        (Step::Schedulers, chosen(Kind::Scheduler), 4000),
        (
            Step::CongestionControls,
            chosen(Kind::CongestionControl),
            4500,
        ),
    ]);
    steps.extend(log);
    observed(steps)
}

/// Turns what an upstream kernel told into what this one does.
fn change(event: &mut Event) {
    match event {
        Event::Kernel(kernel) => kernel.implementation = Some(Implementation::OutOfTree),
        Event::Sysctls(all) => *all = sysctls(),
        Event::Features(all) => *all = features(std::mem::take(&mut all.counters)),
        Event::Transfer(all) => begins_joins(&mut all.counters),
        Event::Failover(all) => begins_joins(&mut all.counters),
        _ => {}
    }
}

fn begins_joins(counters: &mut Counters) {
    counters.client.insert("MPJoinSynTx".to_owned(), 1);
}

fn sysctls() -> Sysctls {
    let facts = line::facts(Line::OutOfTree);
    let config = DotConfig::parse(CONFIG).unwrap();
    let value =
        |known: &line::Sysctl| (known.name.to_owned(), known.default.with(&config, facts).0);
    let trials = line::trials(facts).into_iter().map(|trial| {
        let mut known = facts.sysctls.iter();
        let known = known.find(|known| known.name == trial.sysctl).unwrap();
        let is_bad = known.bad.contains(&trial.value.as_str());
        Tried {
            refused: is_bad.then(|| "EINVAL: Invalid argument".to_owned()),
            read_back: (!is_bad).then(|| trial.value.clone()),
            sysctl: trial.sysctl,
            value: trial.value,
        }
    });
    Sysctls {
        values: facts.sysctls.iter().map(value).collect(),
        trials: trials.collect(),
    }
}

fn features(counters: Vec<String>) -> Features {
    let facts = line::facts(Line::OutOfTree);
    let config = DotConfig::parse(CONFIG).unwrap();
    let names = |kind: Kind| {
        let there =
            |feature: &&Feature| feature.kind == kind && feature.provision(&config).is_some();
        let features = facts.features().filter(there);
        features.map(|feature| feature.name.to_owned()).collect()
    };
    let modules = line::promised_modules(&config, facts);
    Features {
        modules: modules
            .into_iter()
            .map(|name| (name.to_owned(), None))
            .collect(),
        congestion_controls: names(Kind::CongestionControl),
        path_managers: names(Kind::PathManager),
        schedulers: names(Kind::Scheduler),
        counters,
    }
}

fn chosen(kind: Kind) -> Event {
    let config = DotConfig::parse(CONFIG).unwrap();
    let proofs = line::proofs(&config, line::facts(Line::OutOfTree));
    let of_kind = proofs.filter(|(feature, _)| feature.kind == kind);
    Event::Chosen(
        of_kind
            .map(|(feature, proof)| one(feature, proof))
            .collect(),
    )
}

fn one(feature: &Feature, proof: Proof) -> Chosen {
    let payload = proof.links.payload();
    let links = match proof.links {
        Links::Any | Links::First => [payload + 70_000, 300],
        Links::Both => [payload / 2, payload / 2 + 70_000],
        Links::Used => [payload, payload / 8],
        Links::Twice => [payload * 3, payload * 2],
    };
    let subflows = match proof.subflows {
        Subflows::Any | Subflows::One => 1,
        Subflows::Several => 4,
        Subflows::Parameter(_) => 2,
    };
    let mut counters = joined();
    begins_joins(&mut counters);
    let congestion_control = match feature.kind {
        Kind::CongestionControl => feature.name,
        _ => "cubic",
    };
    Chosen {
        kind: feature.kind,
        name: feature.name.to_owned(),
        error: None,
        selected: Some(feature.name.to_owned()),
        parameter: matches!(proof.subflows, Subflows::Parameter(_)).then(|| "2".to_owned()),
        congestion_control: Some(congestion_control.to_owned()),
        subflows: Some(subflows),
        way: Some(Way {
            direction: Direction::Up,
            bytes: payload,
            first_wrong: None,
            duration: 420_000,
            links,
            ended: true,
        }),
        counters,
    }
}
