//! How long a smoke boot takes, against a machine that does nothing but say that it is there.

use std::time::Duration;

use camino::Utf8Path;
use host::clock::Stopwatch;
use host::engine::Engine;
use protocol::{Event, Step};

use crate::accelerator::Wanted;
use crate::error::SmokeError;
use crate::kernel::{Kernel, Subject};
use crate::observed::Observed;
use crate::run::{How, Qemu, Ready, program};
use crate::watch::Accelerator;

/// The programs that run as PID 1.
#[derive(Debug, Clone, Copy)]
pub struct Guests<'a> {
    /// The one that makes the checks.
    pub guest: &'a Utf8Path,
    /// One that writes a line to the report's port, and nothing else.
    pub bare: &'a Utf8Path,
}

/// What was measured, a value for each run.
#[derive(Debug, Clone, Default)]
pub struct Times {
    /// From the start of QEMU to the one line of a bare machine.
    pub bare: Vec<Duration>,
    /// From the start of QEMU to the end of the last check that needs no traffic: kernel, sysctls,
    /// features, policy routing.
    pub first_checks: Vec<Duration>,
    /// A whole smoke boot, from opening the package to the end of the container.
    pub whole: Vec<Duration>,
    /// The size of the initramfs in bytes.
    pub initramfs: u64,
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Measurement<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// QEMU.
    pub qemu: &'a Qemu,
    /// The programs.
    pub guests: Guests<'a>,
    /// The kernel's packages.
    pub subject: &'a Subject,
    /// What it is booted on.
    pub accelerator: Accelerator,
    /// The machine's processors.
    pub cpus: u32,
}

impl Measurement<'_> {
    /// Measures `runs` times, smoke boot and bare machine in turn, so that both see the same load.
    ///
    /// # Errors
    /// A run cannot be made, or did not pass: its times would mean nothing.
    pub fn take(self, runs: u32) -> Result<Times, SmokeError> {
        let (guest, bare) = (program(self.guests.guest)?, program(self.guests.bare)?);
        let how = How::plain(Wanted::Only(self.accelerator), self.cpus);
        let mut times = Times::default();
        for _ in 0..runs {
            let watch = Stopwatch::start();
            let kernel = Kernel::read(self.subject.clone(), self.engine.cancel())?;
            let ready = Ready {
                engine: self.engine,
                qemu: self.qemu,
                guest: &guest,
                kernel: &kernel,
                how: &how,
            };
            let ran = ready.boot(self.accelerator)?;
            let first_checks = when(&ran.observed, &Event::End(Step::Routing))?;
            times.initramfs = ran.initramfs;
            let outcome = ready.verdict(0, ran, Vec::new());
            times.whole.push(watch.elapsed());
            times.first_checks.push(first_checks);
            if let Some(reason) = outcome.smoke.reason {
                return Err(SmokeError::NothingToMeasure { reason });
            }
            let bare = Ready {
                guest: &bare,
                ..ready
            };
            let ran = bare.boot(self.accelerator)?;
            times.bare.push(when(&ran.observed, &Event::Hello)?);
        }
        Ok(times)
    }
}

fn when(observed: &Observed, event: &Event) -> Result<Duration, SmokeError> {
    let seen = observed.lines.iter().find(|seen| seen.line.event == *event);
    seen.map(|seen| seen.at)
        .ok_or_else(|| SmokeError::NothingToMeasure {
            reason: format!("no {event:?} came; {:?}", observed.ending),
        })
}
