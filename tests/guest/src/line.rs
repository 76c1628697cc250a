//! The two lines of MPTCP: everything that differs between them is behind [`Line`], so that the steps
//! need not know which one a kernel has.

mod upstream;

use std::collections::BTreeMap;
use std::net::IpAddr;

use protocol::{End, Family, Implementation};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::{Attempt, Result};

/// How one line of MPTCP is used. Every function works on the network namespace of the calling thread.
pub(crate) trait Line: Sync {
    /// Opens a stream socket that speaks MPTCP.
    fn socket(&self, family: Family) -> Result<Socket>;

    /// Opens a stream socket that speaks TCP and nothing more.
    fn plain_socket(&self, family: Family) -> Result<Socket>;

    /// Lets connections from here begin a second subflow, from `address`. It is routed by that alone: a
    /// socket bound to a link would take the link even where no route allows it.
    fn prepare_client(&self, address: IpAddr) -> Result<()>;

    /// Lets connections to here have a second subflow.
    fn prepare_server(&self) -> Result<()>;

    /// The MPTCP counters by name. They may be missing until an MPTCP socket was opened.
    fn counters(&self) -> Result<BTreeMap<String, u64>>;

    /// Whether the counters of an end say that a second subflow is there.
    fn joined(&self, end: End, counters: &BTreeMap<String, u64>) -> bool;

    /// The names of the path managers. To find them, settings of the namespace may be changed.
    fn path_managers(&self) -> Vec<String>;

    /// The names of the packet schedulers.
    fn schedulers(&self) -> Vec<String>;
}

/// The line of an implementation, if the guest knows it.
pub(crate) fn of(implementation: Implementation) -> Option<&'static dyn Line> {
    match implementation {
        Implementation::Upstream => Some(&upstream::Upstream),
        Implementation::OutOfTree => None,
    }
}

/// Opens a stream socket of the given protocol.
pub(crate) fn stream_socket(family: Family, protocol: Protocol) -> Result<Socket> {
    let domain = match family {
        Family::Ipv4 => Domain::IPV4,
        Family::Ipv6 => Domain::IPV6,
    };
    Socket::new(domain, Type::STREAM, Some(protocol)).attempt(format_args!(
        "open a stream socket of protocol {}",
        i32::from(protocol)
    ))
}
