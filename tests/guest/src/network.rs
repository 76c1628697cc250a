//! The network of the tests: a client and a server, each a network namespace, with two links between
//! them.
//!
//! | link | client         | server         |
//! |------|----------------|----------------|
//! | 0    | 10.0.1.1       | 10.0.1.2       |
//! | 1    | 10.0.2.1       | 10.0.2.2       |
//! | 0    | fd00:0:0:1::1  | fd00:0:0:1::2  |
//! | 1    | fd00:0:0:2::1  | fd00:0:0:2::2  |
//!
//! The client's main table has a default route over link 0. A rule sends what comes from its second
//! address to a table with a default route over link 1, so that a subflow from there to any address of
//! the server takes link 1.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage;
use nix::sched::{CloneFlags, setns, unshare};
use protocol::{End, Family, Sample};

use crate::clock::{self, Deadline};
use crate::error::{Attempt, Error, Result};
use crate::messages::{self, Shape};
use crate::netlink::Netlink;

/// The links' names in both namespaces.
pub(crate) const NAMES: [&str; 2] = ["link0", "link1"];
/// Their indexes; nothing that a kernel makes by itself has one as high. The ends of a link have different
/// ones: a kernel takes up to a second to bring up a link that leads to its own index
/// (`linkwatch_urgent_event` in `net/core/link_watch.c`).
const CLIENT_INDEXES: [u32; 2] = [1001, 1002];
const SERVER_INDEXES: [u32; 2] = [2001, 2002];

const LOOPBACK: u32 = 1;
const MAIN_TABLE: u8 = 254;
/// The table for packets from the second address.
const SECOND_TABLE: u8 = 100;

/// A network namespace; it lives as long as this, its sockets and its open files.
#[derive(Debug)]
pub(crate) struct Namespace {
    file: File,
}

impl Namespace {
    /// A new one, empty but for a loopback device that is down.
    pub(crate) fn new() -> Result<Self> {
        let file = and_back(|| {
            unshare(CloneFlags::CLONE_NEWNET).attempt("make a network namespace")?;
            // Nobody else is there who could have an IPv6 address already, so none is checked for a second.
            for scope in ["all", "default"] {
                let _without_ipv6 =
                    fs::write(format!("/proc/sys/net/ipv6/conf/{scope}/accept_dad"), "0");
            }
            current()
        })?;
        Ok(Self { file })
    }

    /// That of the calling thread.
    pub(crate) fn current() -> Result<Self> {
        Ok(Self { file: current()? })
    }

    /// Does something in this namespace: a thread can be in another one than the others, and what it opens
    /// there belongs there for good. It goes there and back, because under emulation that takes a
    /// hundredth of the time of starting a thread.
    pub(crate) fn run<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        and_back(|| {
            enter(&self.file)?;
            work()
        })
    }
}

/// Does something that leaves the thread in another namespace, then returns.
fn and_back<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let home = current()?;
    let outcome = work();
    enter(&home)?;
    outcome
}

fn current() -> Result<File> {
    File::open("/proc/thread-self/ns/net").attempt("open a network namespace")
}

fn enter(namespace: &File) -> Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET).attempt("enter a network namespace")
}

/// An end of the links.
#[derive(Debug)]
pub(crate) struct Host {
    /// Its namespace.
    pub(crate) namespace: Namespace,
    route: Netlink,
    devices: File,
    /// The indexes of its ends of the links.
    indexes: [u32; 2],
}

/// The bytes of frames that a host's links have carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Sent by the host, by link.
    pub(crate) sent: [u64; 2],
    /// Received by the host, by link.
    pub(crate) received: [u64; 2],
}

impl Host {
    fn new(indexes: [u32; 2]) -> Result<Self> {
        let namespace = Namespace::new()?;
        let (route, devices) = namespace.run(|| {
            let devices = File::open("/proc/thread-self/net/dev").attempt("open /proc/net/dev")?;
            Ok((Netlink::route()?, devices))
        })?;
        Ok(Self {
            namespace,
            route,
            devices,
            indexes,
        })
    }

    fn create(&self, what: &str, message: RouteNetlinkMessage) -> Result<()> {
        self.route.tell(what, message, NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Sends what comes from its second address to the second table.
    fn route_from_second(&self, family: Family, end: End) -> Result<()> {
        let rule = messages::rule(address(family, end, 1), SECOND_TABLE);
        self.create("add a rule", rule)
    }

    /// Gives a link a queue of this shape.
    pub(crate) fn shape(&self, link: usize, shape: Shape) -> Result<()> {
        let message = messages::queue(self.indexes[link], shape);
        self.route
            .tell("shape a link", message, NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Sets a link down.
    pub(crate) fn take_down(&self, link: usize) -> Result<()> {
        self.route.tell(
            "set a link down",
            messages::set_link(self.indexes[link], false),
            0,
        )
    }

    /// What its links have carried until now. Any thread may ask: the file belongs to the namespace that
    /// it was opened in.
    pub(crate) fn carried(&self) -> Result<Carried> {
        read_devices(&self.devices)
    }

    /// A copy for another thread of what [`Host::carried`] reads.
    pub(crate) fn devices(&self) -> Result<File> {
        self.devices
            .try_clone()
            .attempt("duplicate a file descriptor")
    }
}

/// Reads what links have carried from an open `/proc/net/dev`.
pub(crate) fn read_devices(file: &File) -> Result<Carried> {
    let mut text = vec![0; 8192];
    let mut length = 0;
    // The kernel gives a page at a time at most.
    loop {
        let read = file
            .read_at(&mut text[length..], length as u64)
            .attempt("read /proc/net/dev")?;
        if read == 0 {
            break;
        }
        length += read;
    }
    Ok(carried(&String::from_utf8_lossy(&text[..length])))
}

/// What the links have carried, from the text of `/proc/net/dev`: a name, a colon, eight numbers on what
/// was received and eight on what was sent, of each the first is bytes.
fn carried(text: &str) -> Carried {
    let mut carried = Carried::default();
    for line in text.lines() {
        let Some((name, numbers)) = line.split_once(':') else {
            continue;
        };
        let Some(link) = NAMES.iter().position(|link| *link == name.trim()) else {
            continue;
        };
        let number = |index| {
            numbers
                .split_whitespace()
                .nth(index)
                .and_then(|text| text.parse().ok())
        };
        carried.received[link] = number(0).unwrap_or(0);
        carried.sent[link] = number(8).unwrap_or(0);
    }
    carried
}

/// Whether all links have a link-local address, which comes last, and all addresses can be used; from the text
/// of `/proc/net/if_inet6`: address, index, length of the prefix, scope, flags (all hexadecimal), name.
fn is_ready(text: &str) -> bool {
    const TENTATIVE: u32 = 0x40;
    let lines: Vec<Vec<_>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let usable = |line: &Vec<&str>| {
        let flags = line
            .get(4)
            .and_then(|flags| u32::from_str_radix(flags, 16).ok());
        flags.is_some_and(|flags| flags & TENTATIVE == 0)
    };
    let link_local = |name: &str| {
        let is_it = |line: &Vec<&str>| {
            let address = line
                .first()
                .is_some_and(|address| address.starts_with("fe80"));
            address && line.last() == Some(&name)
        };
        lines.iter().any(is_it)
    };
    lines.iter().all(usable) && NAMES.into_iter().all(link_local)
}

/// What the client's links have carried, with the time.
pub(crate) fn sample(devices: &File) -> Result<Sample> {
    let Carried { sent, received } = read_devices(devices)?;
    Ok(Sample {
        time: clock::now(),
        sent,
        received,
    })
}

/// Both ends with the links between them.
#[derive(Debug)]
pub(crate) struct Network {
    /// The end that connects.
    pub(crate) client: Host,
    /// The end that listens.
    pub(crate) server: Host,
}

impl Network {
    /// A fresh network: everything is up, nothing has an address, all counters are zero.
    pub(crate) fn new() -> Result<Self> {
        let (client, server) = (Host::new(CLIENT_INDEXES)?, Host::new(SERVER_INDEXES)?);
        for host in [&client, &server] {
            host.route
                .tell("set lo up", messages::set_link(LOOPBACK, true), 0)?;
        }
        for (link, name) in NAMES.into_iter().enumerate() {
            let indexes = (client.indexes[link], server.indexes[link]);
            let message = messages::veth(name, indexes, server.namespace.file.as_raw_fd());
            client.create("make a pair of virtual Ethernet links", message)?;
            server
                .route
                .tell("set a link up", messages::set_link(indexes.1, true), 0)?;
        }
        Ok(Self { client, server })
    }

    /// Waits until packets can be sent. The kernel's work queue brings up links and IPv6 addresses a moment
    /// after they were made; packets sent before are lost, and asking for a neighbour again takes a second.
    fn wait_until_ready(&self) -> Result<()> {
        const SECONDS: u64 = 5;
        let mut outcome = Ok(false);
        Deadline::after(SECONDS).poll(Duration::from_micros(500), || {
            outcome = self.is_ready();
            !matches!(outcome, Ok(false))
        });
        if outcome? {
            Ok(())
        } else {
            Err(Error::new(format!(
                "the links and their addresses could not be used within {SECONDS} s"
            )))
        }
    }

    fn is_ready(&self) -> Result<bool> {
        const PATH: &str = "/proc/thread-self/net/if_inet6";
        for host in [&self.client, &self.server] {
            let ready = host.namespace.run(|| match fs::read_to_string(PATH) {
                Ok(text) => Ok(is_ready(&text)),
                // Without IPv6 nothing tells.
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
                Err(error) => Err(error).attempt("read /proc/net/if_inet6"),
            })?;
            if !ready {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives every end of every link its address, and the client its default route.
    pub(crate) fn add_addresses(&self, family: Family) -> Result<()> {
        let prefix = match family {
            Family::Ipv4 => 24,
            Family::Ipv6 => 64,
        };
        for (end, host) in [(End::Client, &self.client), (End::Server, &self.server)] {
            for (link, index) in host.indexes.into_iter().enumerate() {
                let message = messages::address(index, address(family, end, link), prefix);
                host.create("add an address", message)?;
            }
        }
        self.wait_until_ready()?;
        let gateway = address(family, End::Server, 0);
        self.client.create(
            "add a default route",
            messages::default_route(MAIN_TABLE, self.client.indexes[0], gateway),
        )
    }

    /// Sends what comes from the client's second address over link 1.
    pub(crate) fn route_second_address(&self, family: Family) -> Result<()> {
        let gateway = address(family, End::Server, 1);
        let route = messages::default_route(SECOND_TABLE, self.client.indexes[1], gateway);
        self.client.create("add a route to a table", route)?;
        self.client.route_from_second(family, End::Client)
    }

    /// Sends what comes from either end's second address into a black hole, and what the server sends to the
    /// client's. On the client's side alone it would not be enough: a socket that is bound to a link takes that
    /// link where no route allows anything else.
    pub(crate) fn block_second_addresses(&self, family: Family) -> Result<()> {
        let ends = [(End::Client, &self.client), (End::Server, &self.server)];
        for (end, host) in ends {
            let second = address(family, end, 1);
            let all = messages::blackhole(SECOND_TABLE, second, false);
            host.create("add a black hole to a table", all)?;
            host.route_from_second(family, end)?;
        }
        let client = address(family, End::Client, 1);
        let back = messages::blackhole(MAIN_TABLE, client, true);
        self.server.create("add a black hole", back)
    }

    /// Makes both links slow, both ways, so that one alone cannot carry all at once: `rate` bytes a second each.
    pub(crate) fn shape(&self, rate: u32) -> Result<()> {
        for link in 0..NAMES.len() {
            self.client.shape(link, Shape::Slow(rate))?;
            self.server.shape(link, Shape::Slow(rate))?;
        }
        Ok(())
    }

    /// Gives the server an address that is on no link.
    pub(crate) fn add_far_address(&self, address: IpAddr) -> Result<()> {
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        let message = messages::address(LOOPBACK, address, prefix);
        self.server.create("add an address to lo", message)
    }
}

/// The address of an end of a link.
pub(crate) fn address(family: Family, end: End, link: usize) -> IpAddr {
    let link = if link == 0 { 1 } else { 2 };
    let end = match end {
        End::Client => 1,
        End::Server => 2,
    };
    match family {
        Family::Ipv4 => Ipv4Addr::new(10, 0, link, end).into(),
        Family::Ipv6 => Ipv6Addr::new(0xfd00, 0, 0, link.into(), 0, 0, 0, end.into()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_ready_once_all_addresses_can_be_used() {
        let link0 = "fd000000000000010000000000000001 3e8 40 00 80    link0\n\
                     fe80000000000000007eb5fffe3d4a11 3e8 40 20 80    link0\n";
        let link1 = "fe80000000000000007eb5fffe3d4a12 3e9 40 20 80    link1\n";
        let tentative = "fd000000000000020000000000000001 3e9 40 00 c0    link1\n";
        assert!(!is_ready(link0));
        assert!(is_ready(&[link0, link1].concat()));
        assert!(!is_ready(&[link0, link1, tentative].concat()));
    }

    #[test]
    fn bytes_are_found_by_link_and_direction() {
        let text = "Inter-|   Receive                                                |  Transmit\n \
                    face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n\
                    link1:    1002       7    0    0    0     0          0         0     2002      8    0\n    \
                    lo:       5       1    0    0    0     0          0         0        6      1    0\n\
                    link0:    1001       7    0    0    0     0          0         0     2001      8    0\n";
        let expected = Carried {
            sent: [2001, 2002],
            received: [1001, 1002],
        };
        assert_eq!(carried(text), expected);
    }
}
