//! A transfer that loses the link of its first subflow.

use protocol::{Death, Direction, End, Event, Failover, Family, Sabotage};

use crate::clock;
use crate::connection::{self, Connection, Limit, with_threads};
use crate::error::{Error, Reason, Result};
use crate::messages::Shape;
use crate::network::{NAMES, Network};
use crate::sampler::Sampler;
use crate::steps::Context;
use crate::stream::Comparison;
use crate::transfer::{difference, seed, slow_network};

/// How long a transfer may take until the link dies.
const SECONDS_BEFORE: u64 = 30;
/// How long it may take after that.
const SECONDS_AFTER: u64 = 35;

/// The link silently loses everything.
pub(crate) fn by_loss(context: &Context) -> Result<Event> {
    failover(context, Death::Loss)
}

/// The link goes down.
pub(crate) fn by_down(context: &Context) -> Result<Event> {
    failover(context, Death::Down)
}

fn failover(context: &Context, death: Death) -> Result<Event> {
    let line = context.line()?;
    let network = slow_network(context, Family::Ipv4)?;
    let sampler = Sampler::start(&network)?;
    let mut failover = Failover {
        death,
        error: None,
        cut: None,
        bytes: 0,
        first_wrong: None,
        recovery: None,
        ended: false,
        links_after: [0; 2],
        counters: protocol::Counters::default(),
        samples: Vec::new(),
    };
    let outcome = lose_link(context, &network, &mut failover);
    failover.error = outcome.err().map(|error| error.reason());
    failover.counters = connection::counters(&network, line)?;
    failover.samples = sampler.finish();
    Ok(Event::Failover(failover))
}

fn lose_link(context: &Context, network: &Network, failover: &mut Failover) -> Result<()> {
    let line = context.line()?;
    let connection = Connection::open(network, line, Family::Ipv4, &[End::Client, End::Server])?;
    if !connection.wait_for_second_subflow(network, line)? {
        return Err(Error::new(
            "no second subflow came, so there is nothing to fall back on",
        ));
    }
    let payload = context.instructions.payload;
    let (sender, receiver) = connection.ends(Direction::Up);
    let sending = Limit::seconds(SECONDS_BEFORE + SECONDS_AFTER);
    let send = || {
        sender.send(seed(Direction::Up), payload, &sending)?;
        sender.close()
    };
    let mut comparison = Comparison::new(seed(Direction::Up), context.flip());
    let mut receive = || {
        receiver.receive(
            &mut comparison,
            payload / 4,
            &Limit::seconds(SECONDS_BEFORE),
        )?;
        kill_links(context, network, failover.death)?;
        let cut = clock::now();
        failover.cut = Some((comparison.position, cut));
        let before = network.server.carried()?;
        let limit = Limit::seconds(SECONDS_AFTER);
        let outcome = receiver.receive(&mut comparison, payload, &limit);
        failover.recovery = outcome.is_ok().then(|| clock::now() - cut);
        failover.links_after = difference(network.server.carried()?.received, before.received);
        outcome?;
        // The end goes over every subflow, so it does not wait for the dead one.
        receiver.receive_end(payload, &limit)?;
        failover.ended = true;
        Ok(())
    };
    let outcome = with_threads(&sending, &[&send], &mut receive);
    failover.bytes = comparison.position;
    failover.first_wrong = comparison.first_wrong;
    outcome
}

fn kill_links(context: &Context, network: &Network, death: Death) -> Result<()> {
    let both = context.breaks(Sabotage::CutBothLinks);
    let links = if both { 0..NAMES.len() } else { 0..1 };
    for link in links {
        match death {
            Death::Loss => {
                network.client.shape(link, Shape::Lost)?;
                network.server.shape(link, Shape::Lost)?;
            }
            Death::Down => network.client.take_down(link)?,
        }
    }
    Ok(())
}
