//! What the kernel can do.

use protocol::{Event, Family, Features, Module};

use crate::error::{Reason, Result};
use crate::line::Line;
use crate::network::Namespace;
use crate::steps::Context;
use crate::{machine, sysctls};

/// Loads the modules, then lists what there is to choose from.
pub(crate) fn step(context: &Context) -> Result<Event> {
    let modules = context.instructions.modules.iter().map(load).collect();
    let mut features = Features {
        modules,
        congestion_controls: sysctls::words("net.ipv4.tcp_available_congestion_control")?,
        path_managers: Vec::new(),
        schedulers: Vec::new(),
        counters: Vec::new(),
    };
    if let Ok(line) = context.line() {
        Namespace::new()?.run(|| list(line, &mut features))?;
    }
    Ok(Event::Features(features))
}

fn load(module: &Module) -> (String, Option<String>) {
    let outcome = module
        .files
        .iter()
        .try_for_each(|file| machine::load_module(file));
    (
        module.name.clone(),
        outcome.err().map(|error| error.reason()),
    )
}

/// Lists what MPTCP has, in a namespace that is thrown away afterwards.
fn list(line: &dyn Line, features: &mut Features) -> Result<()> {
    features.schedulers = line.schedulers();
    // There are no counters before the first MPTCP socket.
    let socket = line.socket(Family::Ipv4)?;
    features.counters = line.counters()?.into_keys().collect();
    drop(socket);
    features.path_managers = line.path_managers();
    Ok(())
}
