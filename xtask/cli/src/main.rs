//! `cargo xtask`: reproducible MPTCP kernel packages.

mod arguments;
mod commands;
mod context;
mod failure;
mod output;
mod progress;

use std::process::ExitCode;

use clap::Parser;
use host::cancel::Cancel;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    let global = &arguments.global;
    output::start_logging(global);
    let cancel = match Cancel::on_signals() {
        Ok(cancel) => cancel,
        Err(error) => return fail(&error.into()),
    };
    match commands::run(&arguments, &cancel) {
        Ok(()) => ExitCode::SUCCESS,
        // Whatever broke then, broke because everything was told to stop.
        Err(_) if cancel.is_cancelled() => {
            output::render_interruption(global);
            ExitCode::from(130)
        }
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &failure::Failure) -> ExitCode {
    output::render_failure(failure);
    failure.exit_code()
}
