//! The steps in their order, and what they share.

use protocol::{Event, Implementation, Instructions, Sabotage, Step};

use crate::error::{Error, Result};
use crate::line::{self, Line};
use crate::{failover, features, interoperation, log, routing, sysctls, transfer};

/// What the steps know.
#[derive(Debug)]
pub(crate) struct Context {
    /// What the guest is to do.
    pub(crate) instructions: Instructions,
    /// The MPTCP that the kernel has.
    pub(crate) implementation: Option<Implementation>,
}

impl Context {
    /// How the kernel's MPTCP is used.
    pub(crate) fn line(&self) -> Result<&'static dyn Line> {
        let implementation = self
            .implementation
            .ok_or_else(|| Error::new("the kernel has no MPTCP"))?;
        line::of(implementation)
            .ok_or_else(|| Error::new("the guest does not know this line of MPTCP"))
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
pub(crate) const STEPS: [(Step, Action); 10] = [
    (Step::Sysctls, sysctls::step),
    (Step::Features, features::step),
    (Step::Routing, routing::step),
    (Step::TransferIpv4, transfer::over_ipv4),
    (Step::LinkLoss, failover::by_loss),
    (Step::LinkDown, failover::by_down),
    (Step::TcpServer, interoperation::with_tcp_server),
    (Step::TcpClient, interoperation::with_tcp_client),
    (Step::TransferIpv6, transfer::over_ipv6),
    (Step::Log, log::step),
];
