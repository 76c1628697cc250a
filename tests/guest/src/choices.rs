//! Transfers with one of several path managers, schedulers or congestion controls selected, one after the
//! other.

use protocol::{Choice, Chosen, Counters, Direction, End, Event, Family, Kind, Way};

use crate::connection::{self, Connection, Limit};
use crate::error::{Attempt, Error, Reason, Result};
use crate::line::Line;
use crate::machine;
use crate::network::Network;
use crate::steps::Context;
use crate::sysctls::{self, Held, held};
use crate::transfer::{one_way, slow_network};

/// How long one transfer may take.
const SECONDS: u64 = 15;
/// How long all of a kind together may take; what is left then is not tried.
const SECONDS_OF_ALL: u64 = 75;

/// Each path manager.
pub(crate) fn of_path_managers(context: &Context) -> Result<Event> {
    in_turn(context, Kind::PathManager)
}

/// Each packet scheduler.
pub(crate) fn of_schedulers(context: &Context) -> Result<Event> {
    in_turn(context, Kind::Scheduler)
}

/// Each congestion control.
pub(crate) fn of_congestion_controls(context: &Context) -> Result<Event> {
    in_turn(context, Kind::CongestionControl)
}

fn in_turn(context: &Context, kind: Kind) -> Result<Event> {
    let line = context.line()?;
    let limit = Limit::seconds(SECONDS_OF_ALL);
    let choices = context.instructions.choices.iter();
    let choices = choices.filter(|choice| choice.kind == kind);
    let chosen = choices.map(|choice| {
        let mut chosen = nothing_of(choice);
        let outcome = if limit.deadline.passed() {
            Err(Error::new("not tried, because those before took too long"))
        } else {
            choose(context, line, choice, &mut chosen)
        };
        chosen.error = outcome.err().map(|error| error.reason());
        chosen
    });
    Ok(Event::Chosen(chosen.collect()))
}

fn nothing_of(choice: &Choice) -> Chosen {
    Chosen {
        kind: choice.kind,
        name: choice.name.clone(),
        error: None,
        selected: None,
        parameter: None,
        congestion_control: None,
        subflows: None,
        way: None,
        counters: Counters::default(),
    }
}

fn choose(context: &Context, line: &dyn Line, choice: &Choice, chosen: &mut Chosen) -> Result<()> {
    let mut settings = held(line.settings())?;
    // What is held twice would not be put back.
    settings.retain(|held| held.name() != choice.sysctl);
    settings.push(Held::set(&choice.sysctl, &choice.name)?);
    let selected = sysctls::read(&choice.sysctl);
    chosen.selected = Some(selected.attempt(format_args!("read {}", choice.sysctl))?);
    if let Some(parameter) = &choice.parameter {
        chosen.parameter = Some(machine::module_parameter(parameter)?);
    }
    // A new namespace takes over the congestion control of the initial one.
    let network = slow_network(context, Family::Ipv4)?;
    let both = [End::Client, End::Server];
    let connection = Connection::open_with(settings, &network, line, Family::Ipv4, &both)?;
    let outcome = transfer(context, &network, &connection, choice, chosen);
    chosen.counters = connection::counters(&network, line)?;
    outcome
}

fn transfer(
    context: &Context,
    network: &Network,
    connection: &Connection,
    choice: &Choice,
    chosen: &mut Chosen,
) -> Result<()> {
    let line = context.line()?;
    chosen.congestion_control = Some(connection.client.congestion_control()?);
    if choice.joins {
        // Without it, the transfer still shows how far things work.
        let _joined = connection.wait_for_second_subflow(network, line)?;
    }
    let limit = Limit::seconds(SECONDS);
    let what = (Direction::Up, choice.payload);
    let (way, outcome) = one_way(context, network, connection, what, &limit)?;
    let way = chosen.way.insert(way);
    outcome?;
    chosen.subflows = Some(network.client.namespace.run(|| line.subflows())?);
    end(connection, way, &limit)
}

fn end(connection: &Connection, way: &mut Way, limit: &Limit) -> Result<()> {
    connection.client.close()?;
    connection.server.receive_end(way.bytes, limit)?;
    way.ended = true;
    Ok(())
}
