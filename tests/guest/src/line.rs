//! The two lines of MPTCP: everything that differs between them is behind [`Line`], so that the steps
//! need not know which one a kernel has.

mod out_of_tree;
mod upstream;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;

use protocol::{End, Family, Implementation};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::{Attempt, Result};
use crate::network::Namespace;

/// How one line of MPTCP is used. Every function works on the network namespace of the calling thread, unless
/// it says otherwise.
pub(crate) trait Line: Debug + Sync {
    /// Opens a stream socket that speaks MPTCP.
    fn socket(&self, family: Family) -> Result<Socket>;

    /// Opens a stream socket that speaks TCP and nothing more, if it is opened, and connects or begins to listen,
    /// with [`Line::plain_settings`].
    fn plain_socket(&self, family: Family) -> Result<Socket>;

    /// The settings of the initial namespace for that, names and values.
    fn plain_settings(&self) -> &'static [(&'static str, &'static str)];

    /// Those with which connections have a second subflow.
    fn settings(&self) -> &'static [(&'static str, &'static str)];

    /// Lets connections from here begin a second subflow, from `address`.
    fn prepare_client(&self, address: IpAddr) -> Result<()>;

    /// Lets connections to here have a second subflow, to `address`.
    fn prepare_server(&self, address: IpAddr) -> Result<()>;

    /// The MPTCP counters by name. They may be missing until an MPTCP socket was opened.
    fn counters(&self) -> Result<BTreeMap<String, u64>>;

    /// Whether the counters of an end say that a second subflow is there.
    fn joined(&self, end: End, counters: &BTreeMap<String, u64>) -> bool;

    /// How many subflows the one connection from here has.
    fn subflows(&self) -> Result<u64>;

    /// The names of the path managers. To find them, settings of the namespace may be changed.
    fn path_managers(&self) -> Vec<String>;

    /// The names of the packet schedulers.
    fn schedulers(&self) -> Vec<String>;
}

/// The line of an implementation; the calling thread is in the initial namespace.
pub(crate) fn of(implementation: Implementation) -> Result<Box<dyn Line>> {
    Ok(match implementation {
        Implementation::Upstream => Box::new(upstream::Upstream),
        Implementation::OutOfTree => Box::new(out_of_tree::OutOfTree::new(Namespace::current()?)),
    })
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
