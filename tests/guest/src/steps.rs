//! The steps in their order, and what they share.

use protocol::{Event, Instructions, Kind, Sabotage, Step};

use crate::error::{Error, Result};
use crate::line::Line;
use crate::{
    choices, failover, features, interoperation, log, modules, routing, sysctls, transfer,
};

/// What the steps know.
#[derive(Debug)]
pub(crate) struct Context {
    /// What the guest is to do.
    pub(crate) instructions: Instructions,
    /// How the kernel's MPTCP is used, if it has any.
    pub(crate) line: Option<Box<dyn Line>>,
}

impl Context {
    /// How the kernel's MPTCP is used.
    pub(crate) fn line(&self) -> Result<&dyn Line> {
        let line = self.line.as_deref();
        line.ok_or_else(|| Error::new("the kernel has no MPTCP"))
    }

    /// Whether a step is to be done: those of choices and of given modules only where there are any.
    pub(crate) fn wants(&self, step: Step) -> bool {
        let kind = match step {
            Step::Modules => return !self.instructions.given.is_empty(),
            Step::PathManagers => Kind::PathManager,
            Step::Schedulers => Kind::Scheduler,
            Step::CongestionControls => Kind::CongestionControl,
            _ => return true,
        };
        let mut choices = self.instructions.choices.iter();
        choices.any(|choice| choice.kind == kind)
    }

    /// The position of a byte that is to be changed before it is compared.
    pub(crate) fn flip(&self) -> Option<u64> {
        const POSITION: u64 = 1000;
        self.breaks(Sabotage::FlipByte).then_some(POSITION)
    }

    /// Whether this is to be broken.
    pub(crate) fn breaks(&self, sabotage: Sabotage) -> bool {
        self.instructions.sabotage == Some(sabotage)
    }
}

/// What carries out a step and returns its observation.
pub(crate) type Action = fn(&Context) -> Result<Event>;

/// All steps that come after [`Step::Kernel`].
pub(crate) const STEPS: [(Step, Action); 14] = [
    (Step::Sysctls, sysctls::step),
    (Step::Features, features::step),
    (Step::Modules, modules::step),
    (Step::Routing, routing::step),
    (Step::TransferIpv4, transfer::over_ipv4),
    (Step::LinkLoss, failover::by_loss),
    (Step::LinkDown, failover::by_down),
    (Step::TcpServer, interoperation::with_tcp_server),
    (Step::TcpClient, interoperation::with_tcp_client),
    (Step::TransferIpv6, transfer::over_ipv6),
    (Step::PathManagers, choices::of_path_managers),
    (Step::Schedulers, choices::of_schedulers),
    (Step::CongestionControls, choices::of_congestion_controls),
    (Step::Log, log::step),
];
