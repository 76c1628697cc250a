//! MPTCP as in `multipath-tcp/mptcp`, releases v0.93 to v0.96.
//!
//! Every TCP socket is MPTCP while `net.mptcp.mptcp_enabled` is on; connections from or to loopback addresses never are (`mptcp_doit` in `net/mptcp/mptcp_ctrl.c`). The settings are in the initial
//! network namespace alone and act in all of them. Counters and connections: `/proc/net/mptcp_net`.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

use protocol::{End, Family};
use socket2::{Protocol, Socket};

use super::{Line, stream_socket};
use crate::clock::Deadline;
use crate::error::{Attempt, Error, Result};
use crate::network::Namespace;
use crate::sysctls::Held;

const ENABLED: &str = "net.mptcp.mptcp_enabled";
const PATH_MANAGER: &str = "net.mptcp.mptcp_path_manager";
const SCHEDULER: &str = "net.mptcp.mptcp_scheduler";
/// What there may be of both. A kernel has no list of them: it refuses the names that it does not know.
const PATH_MANAGERS: [&str; 5] = ["default", "fullmesh", "ndiffports", "binder", "netlink"];
const SCHEDULERS: [&str; 5] = ["default", "roundrobin", "redundant", "blest", "ecf"];
/// The file that lists the addresses that `fullmesh` knows; there as long as that is.
const ADDRESSES: &str = "/proc/thread-self/net/mptcp_fullmesh";
/// How long `fullmesh` may take to notice an address; it looks half a second after one was added.
const SECONDS: u64 = 5;

/// The out-of-tree line.
#[derive(Debug)]
pub(super) struct OutOfTree {
    /// The initial namespace.
    home: Namespace,
}

impl OutOfTree {
    /// `home` is the initial namespace.
    pub(super) fn new(home: Namespace) -> Self {
        Self { home }
    }

    /// Those of the names that a setting takes.
    fn taken(&self, setting: &str, names: [&str; 5]) -> Vec<String> {
        let is_taken = |name: &&str| {
            let attempt = || Held::set(setting, name).map(drop);
            self.home.run(attempt).is_ok()
        };
        let taken = names.into_iter().filter(is_taken);
        taken.map(str::to_owned).collect()
    }
}

impl Line for OutOfTree {
    fn socket(&self, family: Family) -> Result<Socket> {
        stream_socket(family, Protocol::TCP)
    }

    fn plain_socket(&self, family: Family) -> Result<Socket> {
        stream_socket(family, Protocol::TCP)
    }

    /// An option of sockets would do before v0.96; since then, connecting and listening switch MPTCP on again
    /// (`mptcp_init_connect` and `mptcp_init_listen` in `include/net/mptcp.h`).
    fn plain_settings(&self) -> &'static [(&'static str, &'static str)] {
        &[(ENABLED, "0")]
    }

    fn settings(&self) -> &'static [(&'static str, &'static str)] {
        &[(PATH_MANAGER, "fullmesh")]
    }

    /// `fullmesh` connects from all addresses that it knows; a connection that is begun from one that it does
    /// not know yet never gets a second subflow.
    fn prepare_client(&self, address: IpAddr) -> Result<()> {
        wait_for(address)
    }

    /// A connection is an end of `fullmesh` here too.
    fn prepare_server(&self, address: IpAddr) -> Result<()> {
        wait_for(address)
    }

    fn counters(&self) -> Result<BTreeMap<String, u64>> {
        let text = read("/proc/thread-self/net/mptcp_net/snmp")?;
        Ok(counters(&text))
    }

    fn joined(&self, end: End, counters: &BTreeMap<String, u64>) -> bool {
        let name = match end {
            End::Client => "MPJoinSynAckRx",
            End::Server => "MPJoinAckRx",
        };
        counters.get(name).is_some_and(|count| *count > 0)
    }

    fn subflows(&self) -> Result<u64> {
        let text = read("/proc/thread-self/net/mptcp_net/mptcp")?;
        match subflows(&text).as_slice() {
            [Some(count)] => Ok(*count),
            others => Err(Error::new(format!(
                "count subflows: {} connections are listed in {text:?}",
                others.len()
            ))),
        }
    }

    fn path_managers(&self) -> Vec<String> {
        self.taken(PATH_MANAGER, PATH_MANAGERS)
    }

    fn schedulers(&self) -> Vec<String> {
        self.taken(SCHEDULER, SCHEDULERS)
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).attempt(format_args!("read {path}"))
}

/// Waits until `fullmesh` knows an address, if there is a `fullmesh`.
fn wait_for(address: IpAddr) -> Result<()> {
    let mut outcome = Ok(false);
    Deadline::after(SECONDS).poll(Duration::from_millis(5), || {
        outcome = match fs::read_to_string(ADDRESSES) {
            Ok(text) => Ok(is_listed(&text, address)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error).attempt(format_args!("read {ADDRESSES}")),
        };
        !matches!(outcome, Ok(false))
    });
    if outcome? {
        Ok(())
    } else {
        Err(Error::new(format!(
            "the path manager fullmesh did not notice {address} within {SECONDS} s"
        )))
    }
}

/// Whether an address is in the text of [`ADDRESSES`]: index, number, backup, address and link, with commas.
fn is_listed(text: &str, address: IpAddr) -> bool {
    let addresses = text.lines().filter_map(|line| line.split(", ").nth(3));
    let mut addresses = addresses.filter_map(|text| text.parse::<IpAddr>().ok());
    addresses.any(|listed| listed == address)
}

/// The counters: a name and a value on each line.
fn counters(text: &str) -> BTreeMap<String, u64> {
    let counter = |line: &str| {
        let (name, value) = line.split_once(char::is_whitespace)?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    };
    text.lines().filter_map(counter).collect()
}

/// The subflows of each connection, as its column `ns` tells in hexadecimal digits. Words and columns go
/// together: no value has a space in it.
fn subflows(text: &str) -> Vec<Option<u64>> {
    let mut lines = text.lines().map(|line| line.split_whitespace());
    let column = lines
        .next()
        .and_then(|mut names| names.position(|name| name == "ns"));
    let count = |mut words: std::str::SplitWhitespace<'_>| {
        u64::from_str_radix(words.nth(column?)?, 16).ok()
    };
    lines.map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_either_form() {
        let text = "Index, Address-ID, Backup, IP-address, if-idx\nIPv4, next v4-index: 2\n\
                    1, 2, 0, 10.0.1.1, 1001\nIPv6, next v6-index: 1\n\
                    0, 8, 0, fd00:0000:0000:0001:0000:0000:0000:0001, 1001\n";
        for (address, listed) in [
            ("10.0.1.1", true),
            ("10.0.1.10", false),
            ("fd00:0:0:1::1", true),
            ("fd00:0:0:2::1", false),
        ] {
            assert_eq!(
                is_listed(text, address.parse().unwrap()),
                listed,
                "{address}"
            );
        }
    }

    #[test]
    fn counters_are_found_by_name() {
        let text = "MPCapableSYNRX                  \t0\nMPJoinSynTx                     \t12\n";
        let counters = counters(text);
        assert_eq!(counters.get("MPJoinSynTx"), Some(&12));
        assert_eq!(counters.len(), 2);
    }

    #[test]
    fn subflows_are_counted_in_hexadecimal() {
        let header = "  sl  loc_tok  rem_tok  v6 local_address                         \
                      remote_address                        st ns tx_queue rx_queue inode\n";
        let line = "   0: 5D9C8F37 F8F1A3B1  0 0101000A:A5C4                         \
                    0201000A:1389                         01 0A 00000000:00000000 2087\n";
        assert_eq!(subflows(header), []);
        assert_eq!(subflows(&[header, line].concat()), [Some(10)]);
        assert_eq!(subflows(&[header, line, line].concat()).len(), 2);
        assert_eq!(subflows(&[header, "   0: 5D9C8F37\n"].concat()), [None]);
        assert_eq!(subflows(&["  sl\n", line].concat()), [None]);
    }
}
