//! A transfer over two links, one direction after the other.

use protocol::{Direction, End, Event, Family, Sabotage, Transfer, Way};

use crate::clock;
use crate::connection::{self, Connection, Limit, with_threads};
use crate::error::{Reason, Result};
use crate::network::{Carried, Network};
use crate::sampler::Sampler;
use crate::steps::Context;
use crate::stream::Comparison;

/// How long both directions together may take.
const SECONDS: u64 = 60;

/// Over IPv4.
pub(crate) fn over_ipv4(context: &Context) -> Result<Event> {
    transfer(context, Family::Ipv4)
}

/// Over IPv6.
pub(crate) fn over_ipv6(context: &Context) -> Result<Event> {
    transfer(context, Family::Ipv6)
}

fn transfer(context: &Context, family: Family) -> Result<Event> {
    let line = context.line()?;
    let network = slow_network(context, family)?;
    let sampler = Sampler::start(&network)?;
    let mut ways = Vec::new();
    let outcome = both_ways(context, &network, family, &mut ways);
    Ok(Event::Transfer(Transfer {
        family,
        error: outcome.err().map(|error| error.reason()),
        ways,
        counters: connection::counters(&network, line)?,
        samples: sampler.finish(),
    }))
}

/// A fresh network of two slow links.
pub(crate) fn slow_network(context: &Context, family: Family) -> Result<Network> {
    let network = Network::new()?;
    network.add_addresses(family)?;
    if context.breaks(Sabotage::BlockJoins) {
        network.block_second_addresses(family)?;
    } else {
        network.route_second_address(family)?;
    }
    network.shape(context.instructions.rate)?;
    Ok(network)
}

fn both_ways(
    context: &Context,
    network: &Network,
    family: Family,
    ways: &mut Vec<Way>,
) -> Result<()> {
    let line = context.line()?;
    let connection = Connection::open(network, line, family, &[End::Client, End::Server])?;
    // Without it, the transfer still shows how far things work.
    let _joined = connection.wait_for_second_subflow(network, line)?;
    let limit = Limit::seconds(SECONDS);
    for direction in [Direction::Up, Direction::Down] {
        let payload = context.instructions.payload;
        let (way, outcome) = one_way(context, network, &connection, (direction, payload), &limit)?;
        ways.push(way);
        outcome?;
    }
    for way in ways {
        let (sender, receiver) = connection.ends(way.direction);
        sender.close()?;
        receiver.receive_end(way.bytes, &limit)?;
        way.ended = true;
    }
    Ok(())
}

/// Moves the first `payload` bytes of a direction's content; what was seen of it, and whether it ended as it
/// should.
pub(crate) fn one_way(
    context: &Context,
    network: &Network,
    connection: &Connection,
    (direction, payload): (Direction, u64),
    limit: &Limit,
) -> Result<(Way, Result<()>)> {
    let (sender, receiver) = connection.ends(direction);
    let mut comparison = Comparison::new(seed(direction), context.flip());
    let before = network.client.carried()?;
    let start = clock::now();
    let send = || sender.send(seed(direction), payload, limit);
    let outcome = with_threads(limit, &[&send], || {
        receiver.receive(&mut comparison, payload, limit)
    });
    let way = Way {
        direction,
        bytes: comparison.position,
        first_wrong: comparison.first_wrong,
        duration: clock::now() - start,
        links: in_direction(direction, network.client.carried()?, before),
        ended: false,
    };
    Ok((way, outcome))
}

fn in_direction(direction: Direction, after: Carried, before: Carried) -> [u64; 2] {
    match direction {
        Direction::Up => difference(after.sent, before.sent),
        Direction::Down => difference(after.received, before.received),
    }
}

/// What came since, by link.
pub(crate) fn difference(after: [u64; 2], before: [u64; 2]) -> [u64; 2] {
    [0, 1].map(|link: usize| after[link].saturating_sub(before[link]))
}

/// The seed of a direction's content.
pub(crate) fn seed(direction: Direction) -> u64 {
    match direction {
        Direction::Up => 1,
        Direction::Down => 2,
    }
}
