//! The observations of a report, each by what it is about.

use protocol::{
    Chosen, Counters, Death, End, Event, Failover, Family, Features, Interoperation, Kernel, Kind,
    Loaded, Log, Routed, Sample, Step, Sysctls, Transfer,
};

use super::Expected;
use crate::line;
use crate::observed::Seen;

/// All steps, in their order.
pub(super) const STEPS: [Step; 15] = [
    Step::Kernel,
    Step::Sysctls,
    Step::Features,
    Step::Modules,
    Step::Routing,
    Step::TransferIpv4,
    Step::LinkLoss,
    Step::LinkDown,
    Step::TcpServer,
    Step::TcpClient,
    Step::TransferIpv6,
    Step::PathManagers,
    Step::Schedulers,
    Step::CongestionControls,
    Step::Log,
];

/// The steps that a kernel has to go through: those of choices and of given modules only where there are any.
pub(super) fn steps(expected: &Expected<'_>) -> Vec<Step> {
    let choices: Vec<_> = line::proofs(expected.config, expected.line)
        .map(|(feature, _)| of_kind(feature.kind))
        .collect();
    let wanted = |step: &Step| match step {
        Step::Modules => !expected.modules.is_empty(),
        _ => !KINDS.map(of_kind).contains(step) || choices.contains(step),
    };
    STEPS.into_iter().filter(wanted).collect()
}

/// The kinds of choices, in the order of their steps.
pub(super) const KINDS: [Kind; 3] = [Kind::PathManager, Kind::Scheduler, Kind::CongestionControl];

/// The group of checks that a step's observation is judged by.
pub(super) fn group(step: Step) -> &'static str {
    match step {
        Step::Kernel => "kernel",
        Step::Sysctls => "sysctls",
        Step::Features => "features",
        Step::Modules => "modules",
        Step::Routing => "routing",
        Step::TransferIpv4 => "transfer-ipv4",
        Step::LinkLoss => "link-loss",
        Step::LinkDown => "link-down",
        Step::TcpServer => "tcp-server",
        Step::TcpClient => "tcp-client",
        Step::TransferIpv6 => "transfer-ipv6",
        Step::PathManagers => "path-managers",
        Step::Schedulers => "schedulers",
        Step::CongestionControls => "congestion-controls",
        Step::Log => "kernel-log",
    }
}

/// The step in which all things of a kind are selected in turn.
pub(super) fn of_kind(kind: Kind) -> Step {
    match kind {
        Kind::PathManager => Step::PathManagers,
        Kind::Scheduler => Step::Schedulers,
        Kind::CongestionControl => Step::CongestionControls,
    }
}

/// The step of a transfer.
pub(super) fn of_family(family: Family) -> Step {
    match family {
        Family::Ipv4 => Step::TransferIpv4,
        Family::Ipv6 => Step::TransferIpv6,
    }
}

/// The step of a link's death.
pub(super) fn of_death(death: Death) -> Step {
    match death {
        Death::Loss => Step::LinkLoss,
        Death::Down => Step::LinkDown,
    }
}

/// The step in which this end uses MPTCP and the other one does not.
pub(super) fn of_end(mptcp: End) -> Step {
    match mptcp {
        End::Client => Step::TcpServer,
        End::Server => Step::TcpClient,
    }
}

/// What was told.
#[derive(Default)]
pub(super) struct Told<'a> {
    pub(super) kernel: Option<&'a Kernel>,
    pub(super) sysctls: Option<&'a Sysctls>,
    pub(super) features: Option<&'a Features>,
    pub(super) modules: Option<&'a [Loaded]>,
    pub(super) routing: Option<&'a [Routed]>,
    pub(super) transfers: Vec<&'a Transfer>,
    pub(super) failovers: Vec<&'a Failover>,
    pub(super) interoperations: Vec<&'a Interoperation>,
    pub(super) chosen: Vec<&'a Chosen>,
    pub(super) log: Option<&'a Log>,
}

impl<'a> Told<'a> {
    pub(super) fn new(lines: &'a [Seen]) -> Self {
        let mut told = Self::default();
        for seen in lines {
            match &seen.line.event {
                Event::Kernel(kernel) => told.kernel = Some(kernel),
                Event::Sysctls(sysctls) => told.sysctls = Some(sysctls),
                Event::Features(features) => told.features = Some(features),
                Event::Modules(modules) => told.modules = Some(modules),
                Event::Routing(routed) => told.routing = Some(routed),
                Event::Transfer(transfer) => told.transfers.push(transfer),
                Event::Failover(failover) => told.failovers.push(failover),
                Event::Interoperation(other) => told.interoperations.push(other),
                Event::Chosen(chosen) => told.chosen.extend(chosen),
                Event::Log(log) => told.log = Some(log),
                Event::Hello
                | Event::Begin(_)
                | Event::End(_)
                | Event::Failed { .. }
                | Event::Bye => {}
            }
        }
        told
    }

    pub(super) fn transfer(&self, family: Family) -> Option<&'a Transfer> {
        let mut all = self.transfers.iter().copied();
        all.find(|transfer| transfer.family == family)
    }

    pub(super) fn failover(&self, death: Death) -> Option<&'a Failover> {
        let mut all = self.failovers.iter().copied();
        all.find(|failover| failover.death == death)
    }

    pub(super) fn interoperation(&self, mptcp: End) -> Option<&'a Interoperation> {
        let mut all = self.interoperations.iter().copied();
        all.find(|other| other.mptcp == mptcp)
    }

    pub(super) fn chosen(&self, kind: Kind, name: &str) -> Option<&'a Chosen> {
        let mut all = self.chosen.iter().copied();
        all.find(|chosen| chosen.kind == kind && chosen.name == name)
    }

    /// Whether the kernel lists a counter of this name.
    pub(super) fn lists_counter(&self, name: &str) -> bool {
        let listed = |features: &Features| features.counters.iter().any(|listed| listed == name);
        self.features.is_some_and(listed)
    }

    /// All counters, each with the group they belong to.
    pub(super) fn counters(&self) -> Vec<(&'static str, &'a Counters)> {
        let transfers = self.transfers.iter();
        let transfers = transfers.map(|all| (group(of_family(all.family)), &all.counters));
        let failovers = self.failovers.iter();
        let failovers = failovers.map(|all| (group(of_death(all.death)), &all.counters));
        let others = self.interoperations.iter();
        let others = others.map(|all| (group(of_end(all.mptcp)), &all.counters));
        transfers.chain(failovers).chain(others).collect()
    }

    /// All samples of the links, each with the group they belong to.
    pub(super) fn samples(&self) -> Vec<(&'static str, &'a [Sample])> {
        let transfers = self.transfers.iter();
        let transfers = transfers.map(|all| (group(of_family(all.family)), all.samples.as_slice()));
        let failovers = self.failovers.iter();
        let failovers = failovers.map(|all| (group(of_death(all.death)), all.samples.as_slice()));
        transfers.chain(failovers).collect()
    }
}
