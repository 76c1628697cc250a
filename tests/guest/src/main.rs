//! PID 1 of the booted kernel: observes what its MPTCP does and reports it.
//!
//! What it is told and what it tells is in the package `protocol`. It judges nothing.

mod choices;
mod clock;
mod connection;
mod error;
mod failover;
mod features;
mod interoperation;
mod kernel;
mod line;
mod log;
mod machine;
mod messages;
mod modules;
mod netlink;
mod netstat;
mod network;
mod report;
mod routing;
mod sampler;
mod steps;
mod stream;
mod sysctls;
mod transfer;

use std::fs;
use std::process::ExitCode;
use std::thread;

use protocol::{Event, INSTRUCTIONS, Instructions, Sabotage, Step, VERSION};
use serde_json::Value;

use crate::error::{Attempt, Error, Result};
use crate::report::Report;
use crate::steps::{Context, STEPS};

/// How the guest ends.
enum Ending {
    /// It powers the machine off.
    PowerOff,
    /// It returns, which no PID 1 should.
    Die,
}

fn main() -> ExitCode {
    match run() {
        Ok(Ending::Die) => return ExitCode::SUCCESS,
        Ok(Ending::PowerOff) => {}
        Err(error) => machine::log(&error.to_string()),
    }
    machine::log(&machine::power_off().to_string());
    ExitCode::FAILURE
}

fn run() -> Result<Ending> {
    machine::mount_all()?;
    let instructions = read_instructions()?;
    for driver in &instructions.drivers {
        if let Err(error) = machine::load_module(driver) {
            machine::log(&error.to_string());
        }
    }
    let mut report = Report::open()?;
    report.tell(Event::Hello)?;
    let context = look_at_kernel(&mut report, instructions)?;
    if let Some(ending) = sabotage(&context, &mut report)? {
        return Ok(ending);
    }
    for (step, action) in STEPS {
        if !context.wants(step) {
            continue;
        }
        report.tell(Event::Begin(step))?;
        report.end(step, action(&context))?;
    }
    report.tell(Event::Bye)?;
    Ok(Ending::PowerOff)
}

fn read_instructions() -> Result<Instructions> {
    let text = fs::read(INSTRUCTIONS).attempt(format_args!("read {INSTRUCTIONS}"))?;
    let wrong = |error| Error::new(format!("read {INSTRUCTIONS}: {error}"));
    // The version comes first: others may not have the same fields.
    let value: Value = serde_json::from_slice(&text).map_err(wrong)?;
    let version = value.get("version").unwrap_or(&Value::Null);
    if *version != VERSION {
        let text = format!("{INSTRUCTIONS} is of version {version}, not {VERSION}");
        return Err(Error::new(text));
    }
    serde_json::from_value(value).map_err(wrong)
}

/// The first step: the others depend on which MPTCP it finds.
fn look_at_kernel(report: &mut Report, instructions: Instructions) -> Result<Context> {
    report.tell(Event::Begin(Step::Kernel))?;
    let kernel = kernel::look();
    let implementation = kernel
        .as_ref()
        .ok()
        .and_then(|kernel| kernel.implementation);
    report.end(Step::Kernel, kernel.map(Event::Kernel))?;
    Ok(Context {
        instructions,
        line: implementation.map(line::of).transpose()?,
    })
}

/// Breaks what is to be broken once the kernel was looked at.
fn sabotage(context: &Context, report: &mut Report) -> Result<Option<Ending>> {
    match context.instructions.sabotage {
        Some(Sabotage::Die) => return Ok(Some(Ending::Die)),
        Some(Sabotage::Hang) => loop {
            thread::park();
        },
        Some(Sabotage::CutLine) => {
            report.tell_half(Event::Begin(Step::Sysctls))?;
            return Ok(Some(Ending::PowerOff));
        }
        Some(Sabotage::NewerProtocol) => report.tell_newer()?,
        Some(Sabotage::HostileLog) => write_hostile_text()?,
        Some(Sabotage::BlockJoins | Sabotage::CutBothLinks | Sabotage::FlipByte) | None => {}
    }
    Ok(None)
}

/// Writes what must not reach a terminal or a page as it is.
fn write_hostile_text() -> Result<()> {
    let text =
        b"<3>hostile \x1b[31mred\x1b]0;title\x07 <script>alert(1)</script> & \"quoted\" end\n";
    machine::write_log(text).attempt("write to the kernel log")?;
    fs::write("/dev/console", text).attempt("write to the console")
}
