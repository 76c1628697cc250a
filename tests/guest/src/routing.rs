//! A packet before and after a rule sent it to a table of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use protocol::{End, Event, Family, Routed};
use socket2::{Domain, Protocol, Socket, Type};

use crate::clock::Deadline;
use crate::error::{Attempt, Reason, Result};
use crate::network::{self, NAMES, Network};
use crate::steps::Context;

const PORT: u16 = 7;
/// How long a packet is waited for; a kernel asks for a neighbour again after a second.
const SECONDS: u64 = 5;
/// After how long it is sent again.
const AGAIN: Duration = Duration::from_millis(200);

/// Sends packets from the client's second address to an address of the server that is on neither link.
pub(crate) fn step(_context: &Context) -> Result<Event> {
    let network = Network::new()?;
    let families = [Family::Ipv4, Family::Ipv6];
    Ok(Event::Routing(
        families
            .into_iter()
            .map(|family| route(&network, family))
            .collect(),
    ))
}

fn route(network: &Network, family: Family) -> Routed {
    let mut routed = Routed {
        family,
        before: None,
        after: None,
        error: None,
    };
    routed.error = try_route(network, &mut routed)
        .err()
        .map(|error| error.reason());
    routed
}

fn try_route(network: &Network, routed: &mut Routed) -> Result<()> {
    let far = far(routed.family);
    network.add_far_address(far)?;
    network.add_addresses(routed.family)?;
    let to = SocketAddr::new(far, PORT);
    let from = SocketAddr::new(network::address(routed.family, End::Client, 1), PORT);
    let client = network.client.namespace.run(|| socket(from, None))?;
    let receivers = network
        .server
        .namespace
        .run(|| Ok([socket(to, Some(NAMES[0]))?, socket(to, Some(NAMES[1]))?]))?;
    routed.before = send(&client, to, &receivers, b"before")?;
    network.route_second_address(routed.family)?;
    routed.after = send(&client, to, &receivers, b"after")?;
    Ok(())
}

/// An address for documentation: RFC 5737, RFC 3849.
fn far(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::new(192, 0, 2, 1).into(),
        Family::Ipv6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    }
}

fn socket(address: SocketAddr, device: Option<&str>) -> Result<UdpSocket> {
    let domain = Domain::for_address(address);
    let socket =
        Socket::new(domain, Type::DGRAM, Some(Protocol::UDP)).attempt("open a UDP socket")?;
    socket
        .bind_device(device.map(str::as_bytes))
        .attempt("bind a UDP socket to a link")?;
    socket
        .bind(&address.into())
        .attempt(format_args!("bind a UDP socket to {address}"))?;
    socket
        .set_nonblocking(true)
        .attempt("stop a UDP socket from blocking")?;
    Ok(socket.into())
}

/// Sends a packet until it comes; the link that it came over, if it came. Its content tells it from one that
/// came late.
fn send(
    client: &UdpSocket,
    to: SocketAddr,
    receivers: &[UdpSocket; 2],
    content: &[u8],
) -> Result<Option<usize>> {
    let mut buffer = [0; 16];
    let mut received = |receiver: &UdpSocket| {
        receiver
            .recv(&mut buffer)
            .is_ok_and(|length| &buffer[..length] == content)
    };
    let end = Deadline::after(SECONDS);
    let mut link = None;
    while link.is_none() && !end.passed() {
        client
            .send_to(content, to)
            .attempt(format_args!("send a packet to {to}"))?;
        Deadline::within(AGAIN).poll(Duration::from_micros(200), || {
            link = receivers.iter().position(&mut received);
            link.is_some()
        });
    }
    Ok(link)
}
