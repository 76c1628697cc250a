//! Messages of rtnetlink: links, addresses, routes, rules and queues; rtnetlink(7).

use std::net::IpAddr;
use std::os::fd::RawFd;

use netlink_packet_core::{DefaultNla, Emitable};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

/// A new pair of virtual Ethernet links with the same name at both ends; the other end is in another network
/// namespace. This end is up, the other one cannot be before both are there.
pub(crate) fn veth(
    name: &str,
    (index, other_index): (u32, u32),
    other_namespace: RawFd,
) -> RouteNetlinkMessage {
    let mut peer = link(other_index, false);
    peer.attributes.push(LinkAttribute::IfName(name.to_owned()));
    peer.attributes
        .push(LinkAttribute::NetNsFd(other_namespace));
    let mut this = link(index, true);
    this.attributes.push(LinkAttribute::IfName(name.to_owned()));
    this.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
    ]));
    RouteNetlinkMessage::NewLink(this)
}

/// Sets a link up or down.
pub(crate) fn set_link(index: u32, up: bool) -> RouteNetlinkMessage {
    RouteNetlinkMessage::SetLink(link(index, up))
}

fn link(index: u32, up: bool) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.change_mask = LinkFlags::Up;
    if up {
        message.header.flags = LinkFlags::Up;
    }
    message
}

/// An address of a link.
pub(crate) fn address(link: u32, address: IpAddr, prefix: u8) -> RouteNetlinkMessage {
    let mut message = AddressMessage::default();
    message.header.family = family(address);
    message.header.prefix_len = prefix;
    message.header.index = link;
    message.attributes.push(AddressAttribute::Address(address));
    message.attributes.push(AddressAttribute::Local(address));
    RouteNetlinkMessage::NewAddress(message)
}

/// A default route in a table: over a neighbour on a link.
pub(crate) fn default_route(table: u8, link: u32, gateway: IpAddr) -> RouteNetlinkMessage {
    let mut message = route(table, family(gateway), RouteType::Unicast);
    message
        .attributes
        .push(RouteAttribute::Gateway(gateway.into()));
    message.attributes.push(RouteAttribute::Oif(link));
    RouteNetlinkMessage::NewRoute(message)
}

/// A route in a table that silently loses every packet: to `address`, or to all addresses of its kind.
pub(crate) fn blackhole(table: u8, address: IpAddr, alone: bool) -> RouteNetlinkMessage {
    let mut message = route(table, family(address), RouteType::BlackHole);
    if alone {
        message.header.destination_prefix_length = whole_length(address);
        let destination = RouteAttribute::Destination(address.into());
        message.attributes.push(destination);
    }
    RouteNetlinkMessage::NewRoute(message)
}

fn route(table: u8, family: AddressFamily, kind: RouteType) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: family,
        table,
        protocol: RouteProtocol::Boot,
        scope: RouteScope::Universe,
        kind,
        ..RouteHeader::default()
    };
    message
}

/// A rule: what has this source address looks into this table.
pub(crate) fn rule(source: IpAddr, table: u8) -> RouteNetlinkMessage {
    let mut message = RuleMessage::default();
    message.header.family = family(source);
    message.header.src_len = whole_length(source);
    message.header.table = table;
    message.header.action = RuleAction::ToTable;
    message.attributes.push(RuleAttribute::Source(source));
    RouteNetlinkMessage::NewRule(message)
}

/// What a queue does to packets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// This many bytes a second, and 10 ms.
    Slow(u32),
    /// Every packet is lost.
    Lost,
}

/// The queue of a link: netem, `struct tc_netem_qopt` with attributes; linux/pkt_sched.h.
pub(crate) fn queue(link: u32, shape: Shape) -> RouteNetlinkMessage {
    const TCA_OPTIONS: u16 = 2;
    const TCA_NETEM_RATE: u16 = 6;
    // The kernel counts delays in ticks of 64 ns: PSCHED_SHIFT in net/pkt_sched.h.
    const DELAY: u32 = 10_000_000 >> 6;
    const PACKETS: u32 = 1000;

    // A queue with another number replaces the one before and everything that waits there.
    let (number, delay, loss) = match shape {
        Shape::Slow(_) => (1, DELAY, 0),
        Shape::Lost => (2, 0, u32::MAX),
    };
    let (gap, duplicate, jitter) = (0, 0, 0);
    let mut options: Vec<u8> = [delay, PACKETS, loss, gap, duplicate, jitter]
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect();
    if let Shape::Slow(rate) = shape {
        let (overhead, cell, cell_overhead) = (0, 0, 0);
        let rate = [rate, overhead, cell, cell_overhead];
        let rate = DefaultNla::new(
            TCA_NETEM_RATE,
            rate.into_iter().flat_map(u32::to_ne_bytes).collect(),
        );
        let start = options.len();
        options.resize(start + rate.buffer_len(), 0);
        rate.emit(&mut options[start..]);
    }
    let mut message = TcMessage::with_index(link.cast_signed());
    message.header.parent = TcHandle::ROOT;
    message.header.handle = TcHandle {
        major: number,
        minor: 0,
    };
    message
        .attributes
        .push(TcAttribute::Kind("netem".to_owned()));
    message
        .attributes
        .push(TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, options)));
    RouteNetlinkMessage::NewQueueDiscipline(message)
}

/// The length of a prefix that is one address.
fn whole_length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}
