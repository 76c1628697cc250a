//! `cargo xtask`: reproducible MPTCP kernel packages.

mod arguments;
mod commands;
mod context;
mod failure;
mod output;
mod progress;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    output::start_logging(&arguments.global);
    match commands::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::render_failure(&failure, &arguments.global);
            failure.exit_code()
        }
    }
}
