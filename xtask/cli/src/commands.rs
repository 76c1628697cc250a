//! The commands, a file each.

mod bench;
mod build;
mod capabilities;
mod check;
mod ci;
mod clean;
mod config;
mod doctor;
mod keys;
mod list;
mod lock;
mod release;
mod reproduce;
mod show;
mod smoke;
mod test;
mod verify;

use host::cancel::Cancel;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, cancel: &Cancel) -> Result<(), Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::List => list::run(global),
        Command::Show(command) => show::run(global, command),
        Command::Check(command) => check::run(global, command, cancel),
        Command::Lock(command) => lock::run(global, command, cancel),
        Command::Config(command) => config::run(global, command, cancel),
        Command::Build(command) => build::run(global, command, cancel),
        Command::Reproduce(command) => reproduce::run(global, command, cancel),
        Command::Smoke(command) => smoke::run(global, command, cancel),
        Command::Capabilities(command) => capabilities::run(global, command),
        Command::Release(command) => release::run(global, command, cancel),
        Command::Keys(command) => keys::run(global, command),
        Command::Verify(command) => verify::run(global, command, cancel),
        Command::Ci(command) => ci::run(global, command, cancel),
        Command::Doctor(command) => doctor::run(global, command, cancel),
        Command::Bench(command) => bench::run(global, command, cancel),
        Command::Clean(command) => clean::run(global, command, cancel),
        Command::Test(command) => test::run(global, command, cancel),
    }
}
