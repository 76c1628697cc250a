//! A smoke boot from packages to verdict.

use std::fs;

use camino::Utf8Path;
use host::clock::now_unix;
use host::engine::Engine;
use model::digest::Sha256;
use model::smoke::{Machine, Retry, SCHEMA, Smoke};
use protocol::{Instructions, Sabotage};

use crate::accelerator::{Memory, Wanted};
use crate::boot::Boot;
use crate::error::SmokeError;
use crate::initramfs::initramfs;
use crate::judge::{Expected, judge};
use crate::kernel::Kernel;
use crate::line::{self, Load};
use crate::observed::{Ending, Observed};
use crate::qemu;
use crate::watch::{Accelerator, Limits, name};

/// What is moved where the processor runs the instructions.
const LOAD: Load = Load {
    payload: 64 << 20,
    full_payload: 64 << 20,
    rate: 50_000_000 / 8,
};

/// QEMU, in a container.
#[derive(Debug, Clone)]
pub struct Qemu {
    /// The image.
    pub image: String,
    /// The image's tag: digest of lock and assembly.
    pub tag: String,
    /// The version of the package that QEMU is from.
    pub version: String,
}

/// How it is booted.
#[derive(Debug, Clone)]
pub struct How {
    /// On what.
    pub accelerator: Wanted,
    /// The machine's processors.
    pub cpus: u32,
    /// Whether transfers are large even where they are slow.
    pub full: bool,
    /// Words for the kernel's command line.
    pub kernel_arguments: Vec<String>,
    /// What is broken on purpose.
    pub sabotage: Option<Sabotage>,
}

impl How {
    /// As it counts for a result: with transfers as large as suits the accelerator, and nothing in its way.
    pub fn plain(accelerator: Wanted, cpus: u32) -> Self {
        Self {
            accelerator,
            cpus,
            full: false,
            kernel_arguments: Vec::new(),
            sabotage: None,
        }
    }
}

/// A verdict, and the console that belongs to it.
#[derive(Debug)]
pub struct Outcome {
    /// The verdict.
    pub smoke: Smoke,
    /// What the console said; any bytes at all.
    pub console: Vec<u8>,
}

/// All that a boot takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) qemu: &'a Qemu,
    /// The program for PID 1.
    pub(crate) guest: &'a [u8],
    pub(crate) kernel: &'a Kernel,
    pub(crate) how: &'a How,
}

/// One boot, whatever came of it.
pub(crate) struct Ran {
    pub(crate) observed: Observed,
    accelerator: Accelerator,
    payload: u64,
    pub(crate) initramfs: u64,
    command_line: String,
}

/// Boots `kernel` with the program at `guest` as PID 1, and judges what it does. `note` hears what a
/// person should know meanwhile.
///
/// # Errors
/// There is nothing to boot it on. A kernel that fails is no error.
pub fn run(
    engine: &Engine,
    qemu: &Qemu,
    guest: &Utf8Path,
    kernel: &Kernel,
    how: &How,
    note: &dyn Fn(&str),
) -> Result<Outcome, SmokeError> {
    let started = now_unix();
    let guest = program(guest)?;
    let ready = Ready {
        engine,
        qemu,
        guest: &guest,
        kernel,
        how,
    };
    let memory = Memory::of(engine.cache(), &engine.info()?.host, &qemu.tag);
    let boot = |accelerator| ready.boot(accelerator);
    let (ran, mut retries) = boot_on_what_works(how.accelerator, &memory, boot, note)?;
    let ran = once_more_after_a_crash(ran, &mut retries, boot, note)?;
    Ok(ready.verdict(started, ran, retries))
}

/// The bytes of a program for PID 1.
pub(crate) fn program(path: &Utf8Path) -> Result<Vec<u8>, SmokeError> {
    fs::read(path).map_err(|source| SmokeError::File {
        attempt: "reading",
        path: path.to_owned(),
        source,
    })
}

impl Ready<'_> {
    pub(crate) fn boot(&self, accelerator: Accelerator) -> Result<Ran, SmokeError> {
        let load = match accelerator {
            Accelerator::Kvm => LOAD,
            Accelerator::Tcg => self.kernel.facts.emulated,
        };
        let payload = if self.how.full {
            load.full_payload
        } else {
            load.payload
        };
        let instructions = Instructions {
            version: protocol::VERSION,
            drivers: self.kernel.drivers.clone(),
            modules: self.kernel.tried.clone(),
            given: self.kernel.given.clone(),
            trials: line::trials_of(self.kernel.facts, &self.kernel.subject.expected),
            rate: load.rate,
            choices: line::choices(&self.kernel.config, self.kernel.facts),
            payload,
            sabotage: self.how.sabotage,
        };
        let initramfs = initramfs(self.guest, &instructions, &self.kernel.modules)?;
        let command_line = qemu::kernel_command_line(&self.how.kernel_arguments);
        let boot = Boot {
            engine: self.engine,
            image: &self.qemu.image,
            kernel: &self.kernel.image,
            initramfs: &initramfs,
            cpus: self.how.cpus,
            command_line: &command_line,
            limits: Limits::of(accelerator, payload),
        };
        Ok(Ran {
            observed: boot.run(accelerator)?,
            accelerator,
            payload,
            initramfs: initramfs.len() as u64,
            command_line,
        })
    }

    pub(crate) fn verdict(&self, started: u64, ran: Ran, retries: Vec<Retry>) -> Outcome {
        let kernel = self.kernel;
        let origin = kernel.subject.origin.as_ref();
        let expected = Expected {
            line: kernel.facts,
            kernel_release: origin.map_or(&kernel.release, |origin| &origin.kernel_release),
            smoke: &kernel.subject.expected,
            config: &kernel.config,
            modules: &kernel.given,
            payload: ran.payload,
        };
        let judgement = judge(&expected, &ran.observed);
        let smoke = Smoke {
            schema: SCHEMA,
            verdict: judgement.verdict(),
            reason: judgement.reason,
            manifest: origin.map(|origin| origin.manifest),
            packages: kernel.packages.clone(),
            kernel_release: Some(expected.kernel_release.to_owned()),
            machine: Some(self.machine(&ran)),
            retries,
            started,
            phases: judgement.phases,
            checks: judgement.checks,
            counters: judgement.counters,
            links: judgement.links,
            choices: judgement.choices,
            throughput: judgement.throughput,
            cuts: judgement.cuts,
            incremental: origin.is_some_and(|origin| origin.incremental),
            earlier_failures: Vec::new(),
            capabilities: judgement.capabilities,
        };
        Outcome {
            smoke,
            console: ran.observed.console,
        }
    }

    fn machine(&self, ran: &Ran) -> Machine {
        Machine {
            accelerator: ran.accelerator.name().to_owned(),
            cpus: self.how.cpus,
            memory: qemu::MEMORY,
            qemu: self.qemu.version.clone(),
            container: self.qemu.tag.clone(),
            guest: Sha256::of(self.guest),
            initramfs: ran.initramfs,
            command_line: ran.command_line.clone(),
            sabotage: self.how.sabotage.map(name),
        }
    }
}

/// KVM where it works, else TCG. KVM is given up where the kernel gives no sign of life on it; that is remembered
/// only if the same kernel lives elsewhere, for a kernel may hang too.
fn boot_on_what_works(
    wanted: Wanted,
    memory: &Memory,
    boot: impl Fn(Accelerator) -> Result<Ran, SmokeError>,
    note: &dyn Fn(&str),
) -> Result<(Ran, Vec<Retry>), SmokeError> {
    if let Wanted::Only(accelerator) = wanted {
        let ran = boot(accelerator)?;
        if accelerator == Accelerator::Kvm && ran.observed.is_alive() {
            memory.forget();
        }
        return Ok((ran, Vec::new()));
    }
    let (reason, is_news) = match memory.recall() {
        Some(dead) => {
            let hint = "seen before on this host; `--accel kvm` tries again";
            (format!("{dead} ({hint})"), false)
        }
        None => match boot(Accelerator::Kvm) {
            Ok(ran) if ran.observed.is_alive() => return Ok((ran, Vec::new())),
            Ok(ran) => (
                ran.observed.ending.reason().unwrap_or_default().to_owned(),
                true,
            ),
            Err(error @ SmokeError::NoKvm { .. }) => (error.to_string(), false),
            Err(error) => return Err(error),
        },
    };
    note(&format!("KVM is of no use here, so TCG it is: {reason}"));
    let ran = boot(Accelerator::Tcg)?;
    if is_news && ran.observed.is_alive() {
        memory.remember(&reason);
    }
    Ok((ran, vec![given_up(Accelerator::Kvm, reason)]))
}

/// Boots once more where QEMU crashed, because that is no word about the kernel; where it crashes again, that is
/// what came of it.
fn once_more_after_a_crash(
    ran: Ran,
    retries: &mut Vec<Retry>,
    boot: impl Fn(Accelerator) -> Result<Ran, SmokeError>,
    note: &dyn Fn(&str),
) -> Result<Ran, SmokeError> {
    let Ending::Crashed(reason) = &ran.observed.ending else {
        return Ok(ran);
    };
    note(&format!("once more, because of QEMU: {reason}"));
    retries.push(given_up(ran.accelerator, reason.clone()));
    boot(ran.accelerator)
}

fn given_up(accelerator: Accelerator, reason: String) -> Retry {
    Retry {
        accelerator: accelerator.name().to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use super::*;

    /// A run in which the kernel said something, or nothing.
    fn ran(accelerator: Accelerator, alive: bool) -> Ran {
        let console: &[u8] = if alive { b"Linux version 6" } else { b"" };
        Ran {
            observed: Observed {
                lines: Vec::new(),
                console: console.to_vec(),
                ending: Ending::Broken("no sign of life".to_owned()),
                duration: Duration::ZERO,
            },
            accelerator,
            payload: 0,
            initramfs: 0,
            command_line: String::new(),
        }
    }

    /// What is booted, in order, and what was given up. KVM lives, is dead, or is absent.
    fn boots(
        wanted: Wanted,
        memory: &Memory,
        kvm: Option<bool>,
        tcg: bool,
    ) -> (Vec<&'static str>, Vec<Retry>) {
        let booted = RefCell::new(Vec::new());
        let boot = |accelerator: Accelerator| {
            booted.borrow_mut().push(accelerator.name());
            let absent = || SmokeError::NoKvm {
                reason: "none".to_owned(),
            };
            match accelerator {
                Accelerator::Kvm => kvm.map(|alive| ran(accelerator, alive)).ok_or_else(absent),
                Accelerator::Tcg => Ok(ran(accelerator, tcg)),
            }
        };
        let outcome = boot_on_what_works(wanted, memory, boot, &|_| {});
        let (last, retries) = outcome.expect("a run");
        assert_eq!(booted.borrow().last(), Some(&last.accelerator.name()));
        (booted.into_inner(), retries)
    }

    #[test]
    fn a_crash_of_qemu_is_told_and_tried_again_once() {
        let crash = || Ran {
            observed: Observed {
                ending: Ending::Crashed("QEMU crashed".to_owned()),
                ..ran(Accelerator::Tcg, true).observed
            },
            ..ran(Accelerator::Tcg, true)
        };
        let booted = RefCell::new(Vec::new());
        let after = |first: Ran, crashes: bool| {
            let mut retries = Vec::new();
            let boot = |accelerator: Accelerator| {
                booted.borrow_mut().push(accelerator);
                Ok(if crashes {
                    crash()
                } else {
                    ran(accelerator, true)
                })
            };
            let last = once_more_after_a_crash(first, &mut retries, boot, &|_| {}).expect("a run");
            (last.observed.ending, retries.len(), booted.take())
        };
        let broken = ran(Accelerator::Kvm, true).observed.ending;
        let same = after(ran(Accelerator::Kvm, true), true);
        assert_eq!(same, (broken.clone(), 0, vec![]));
        let better = after(crash(), false);
        assert_eq!(better, (broken, 1, vec![Accelerator::Tcg]));
        let again = after(crash(), true);
        assert_eq!(again, (crash().observed.ending, 1, vec![Accelerator::Tcg]));
    }

    #[test]
    fn kvm_is_used_where_it_works_and_given_up_where_it_does_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = Utf8Path::from_path(folder.path()).expect("a UTF-8 path");
        let memory = Memory::of(cache, "host", "tag");
        let auto = |kvm, tcg| boots(Wanted::Auto, &memory, kvm, tcg);
        assert_eq!(auto(Some(true), true), (vec!["kvm"], Vec::new()));
        let (booted, retries) = auto(None, true);
        assert_eq!((booted, retries.len()), (vec!["kvm", "tcg"], 1));
        // A kernel that hangs on both says nothing of KVM.
        let (booted, retries) = auto(Some(false), false);
        assert_eq!((booted, retries.len()), (vec!["kvm", "tcg"], 1));
        assert_eq!(memory.recall(), None);
        let (booted, retries) = auto(Some(false), true);
        assert_eq!(booted, ["kvm", "tcg"]);
        assert_eq!(retries[0].reason, "no sign of life");
        // From then on it is tried only on request; where it works then, that counts.
        let (booted, retries) = auto(Some(true), true);
        assert_eq!(booted, ["tcg"]);
        assert!(retries[0].reason.contains("seen before"));
        let only = |kvm| boots(Wanted::Only(Accelerator::Kvm), &memory, Some(kvm), true);
        assert_eq!(only(false), (vec!["kvm"], Vec::new()));
        assert!(memory.recall().is_some());
        assert_eq!(only(true), (vec!["kvm"], Vec::new()));
        assert_eq!(auto(Some(true), true).0, ["kvm"]);
    }
}
