//! A connection with one end that knows no MPTCP: it has to become plain TCP.

use protocol::{Direction, End, Event, Family, Interoperation};

use crate::connection::{self, Connection, Limit, with_threads};
use crate::error::{Reason, Result};
use crate::network::Network;
use crate::steps::Context;
use crate::stream::Comparison;
use crate::transfer::seed;

/// How long it may take.
const SECONDS: u64 = 20;
/// What goes to the server and back.
const BYTES: u64 = protocol::INTEROPERATION;

/// The client speaks MPTCP, the server does not.
pub(crate) fn with_tcp_server(context: &Context) -> Result<Event> {
    interoperate(context, End::Client)
}

/// The server speaks MPTCP, the client does not.
pub(crate) fn with_tcp_client(context: &Context) -> Result<Event> {
    interoperate(context, End::Server)
}

fn interoperate(context: &Context, mptcp: End) -> Result<Event> {
    let line = context.line()?;
    let network = Network::new()?;
    network.add_addresses(Family::Ipv4)?;
    network.route_second_address(Family::Ipv4)?;
    let mut comparison = Comparison::new(seed(Direction::Up), context.flip());
    let outcome = there_and_back(context, &network, mptcp, &mut comparison);
    let ended = outcome.is_ok();
    Ok(Event::Interoperation(Interoperation {
        mptcp,
        error: outcome.err().map(|error| error.reason()),
        bytes: comparison.position,
        first_wrong: comparison.first_wrong,
        ended,
        counters: connection::counters(&network, line)?,
    }))
}

/// Both directions with the end of the stream in each; without an error, both ended.
fn there_and_back(
    context: &Context,
    network: &Network,
    mptcp: End,
    comparison: &mut Comparison,
) -> Result<()> {
    let limit = Limit::seconds(SECONDS);
    let connection = Connection::open(network, context.line()?, Family::Ipv4, &[mptcp])?;
    let send = || {
        connection.client.send(seed(Direction::Up), BYTES, &limit)?;
        connection.client.close()
    };
    let echo = || {
        connection.server.echo(BYTES, &limit)?;
        connection.server.receive_end(BYTES, &limit)?;
        connection.server.close()
    };
    with_threads(&limit, &[&send, &echo], || {
        connection.client.receive(comparison, BYTES, &limit)?;
        connection.client.receive_end(BYTES, &limit)
    })
}
