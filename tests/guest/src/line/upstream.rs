//! MPTCP as in Linux 5.6 and later.
//!
//! Sockets: `IPPROTO_MPTCP`. Path manager: generic netlink family `mptcp_pm`, `linux/mptcp_pm.h`
//! (`linux/mptcp.h` before 6.6). Counters: `MPTcpExt` in `/proc/net/netstat`. Settings:
//! <https://docs.kernel.org/networking/mptcp-sysctl.html>.

use std::collections::BTreeMap;
use std::net::IpAddr;

use netlink_packet_core::{DefaultNla, Emitable, NLA_F_NESTED};
use protocol::{End, Family};
use socket2::{Protocol, Socket};

use super::{Line, stream_socket};
use crate::error::{Error, Result};
use crate::netlink::{Generic, Netlink};
use crate::{netstat, sysctls};

/// The upstream line.
#[derive(Debug)]
pub(super) struct Upstream;

// linux/mptcp_pm.h
const FAMILY: &str = "mptcp_pm";
const VERSION: u8 = 1;
const ADD_ADDR: u8 = 1;
const SET_LIMITS: u8 = 5;
const ATTR_ADDR: u16 = 1;
const ATTR_RCV_ADD_ADDRS: u16 = 2;
const ATTR_SUBFLOWS: u16 = 3;
const ADDR_FAMILY: u16 = 1;
const ADDR_ADDR4: u16 = 3;
const ADDR_ADDR6: u16 = 4;
const ADDR_FLAGS: u16 = 6;
const FLAG_SUBFLOW: u32 = 1 << 1;

/// How many subflows a connection may have besides its first.
const SUBFLOWS: u32 = 2;
/// How many addresses that the other end offers are used.
const ACCEPTED: u32 = 2;

impl Line for Upstream {
    fn socket(&self, family: Family) -> Result<Socket> {
        stream_socket(family, Protocol::MPTCP)
    }

    fn plain_socket(&self, family: Family) -> Result<Socket> {
        stream_socket(family, Protocol::TCP)
    }

    fn plain_settings(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn settings(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The subflow is routed by its address alone: a socket bound to a link would take the link even where no
    /// route allows it.
    fn prepare_client(&self, address: IpAddr) -> Result<()> {
        limits(SUBFLOWS, ACCEPTED)?;
        endpoint(address)
    }

    fn prepare_server(&self, _address: IpAddr) -> Result<()> {
        limits(SUBFLOWS, 0)
    }

    fn counters(&self) -> Result<BTreeMap<String, u64>> {
        Ok(netstat::group(&netstat::read()?, "MPTcpExt"))
    }

    fn joined(&self, end: End, counters: &BTreeMap<String, u64>) -> bool {
        let name = match end {
            End::Client => "MPJoinSynAckRx",
            End::Server => "MPJoinAckRx",
        };
        counters.get(name).is_some_and(|count| *count > 0)
    }

    /// Only the socket itself could tell, and nobody asks: there is no choice of anything here.
    fn subflows(&self) -> Result<u64> {
        Err(Error::new("this line has no list of connections"))
    }

    fn path_managers(&self) -> Vec<String> {
        if let Ok(names) = sysctls::words("net.mptcp.available_path_managers") {
            return names;
        }
        let mut names = Vec::new();
        let family = Netlink::generic().and_then(|netlink| netlink.family(FAMILY));
        if family.is_ok() {
            names.push("kernel".to_owned());
        }
        if sysctls::write("net.mptcp.pm_type", "1").is_ok() {
            names.push("userspace".to_owned());
        }
        names
    }

    fn schedulers(&self) -> Vec<String> {
        // Before 6.6 there was no choice, and no setting that names the one there was.
        sysctls::words("net.mptcp.available_schedulers")
            .or_else(|_| sysctls::words("net.mptcp.scheduler"))
            .unwrap_or_default()
    }
}

/// `ip mptcp limits set subflows SUBFLOWS add_addr_accepted ACCEPTED`
fn limits(subflows: u32, accepted: u32) -> Result<()> {
    let attributes = vec![
        DefaultNla::new(ATTR_SUBFLOWS, subflows.to_ne_bytes().to_vec()),
        DefaultNla::new(ATTR_RCV_ADD_ADDRS, accepted.to_ne_bytes().to_vec()),
    ];
    path_manager("set the limits of the path manager", SET_LIMITS, attributes)
}

/// `ip mptcp endpoint add ADDRESS subflow`
fn endpoint(address: IpAddr) -> Result<()> {
    let (family, address) = match address {
        // AF_INET and AF_INET6
        IpAddr::V4(address) => (2u16, DefaultNla::new(ADDR_ADDR4, address.octets().to_vec())),
        IpAddr::V6(address) => (
            10u16,
            DefaultNla::new(ADDR_ADDR6, address.octets().to_vec()),
        ),
    };
    let parts = [
        DefaultNla::new(ADDR_FAMILY, family.to_ne_bytes().to_vec()),
        address,
        DefaultNla::new(ADDR_FLAGS, FLAG_SUBFLOW.to_ne_bytes().to_vec()),
    ];
    let mut nested = vec![0; parts.as_slice().buffer_len()];
    parts.as_slice().emit(&mut nested);
    let attribute = DefaultNla::new(ATTR_ADDR | NLA_F_NESTED, nested);
    path_manager("add an endpoint", ADD_ADDR, vec![attribute])
}

fn path_manager(what: &str, command: u8, attributes: Vec<DefaultNla>) -> Result<()> {
    let netlink = Netlink::generic()?;
    let message = Generic {
        family: netlink.family(FAMILY)?,
        command,
        version: VERSION,
        attributes,
    };
    netlink.tell(what, message, 0)
}
