//! One boot: a machine in a container, watched to its end.

use host::clock::Stopwatch;
use host::engine::{
    ContainerSpec, Engine, EngineError, Happening, Mount, OutputStream, Privileges, Surroundings,
};
use host::tar_entry::append_file;

use crate::error::SmokeError;
use crate::observed::Observed;
use crate::qemu;
use crate::watch::{Accelerator, Limits, Watch};

/// What QEMU may use besides the machine's own memory, in bytes: translated code, mostly.
const OVERHEAD: u64 = 1 << 30;

/// What is booted, and on what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Boot<'a> {
    pub(crate) engine: &'a Engine,
    /// The image with QEMU in it.
    pub(crate) image: &'a str,
    pub(crate) kernel: &'a [u8],
    pub(crate) initramfs: &'a [u8],
    pub(crate) cpus: u32,
    pub(crate) command_line: &'a str,
    pub(crate) limits: Limits,
}

impl Boot<'_> {
    /// Boots with `accelerator`, and watches until the machine ends or has to.
    ///
    /// # Errors
    /// The engine fails, or the user asks to stop, or KVM is wanted and not there.
    pub(crate) fn run(self, accelerator: Accelerator) -> Result<Observed, SmokeError> {
        let volume = self.engine.scratch_volume("smoke")?;
        self.fill(volume.name())?;
        let container = self.engine.create(&ContainerSpec {
            purpose: "smoke".to_owned(),
            image: self.image.to_owned(),
            command: qemu::command(accelerator, self.cpus, self.command_line),
            environment: Vec::new(),
            mounts: vec![mount(volume.name(), true)],
            privileges: match accelerator {
                Accelerator::Kvm => Privileges::Kvm,
                Accelerator::Tcg => Privileges::None,
            },
            memory: qemu::MEMORY + OVERHEAD,
            terminal: false,
            surroundings: Surroundings::default(),
        });
        let container = container.map_err(|error| without_kvm(accelerator, error))?;
        let mut watch = Watch::new(self.limits);
        let clock = Stopwatch::start();
        let first = watch.next();
        let exit = container.watch(first, |happening| match happening {
            Happening::Output(OutputStream::Stdout, bytes) => watch.console(clock.elapsed(), bytes),
            Happening::Output(OutputStream::Stderr, bytes) => watch.report(clock.elapsed(), bytes),
            Happening::Deadline => watch.deadline(clock.elapsed()),
        });
        let exit = exit.map_err(|error| without_kvm(accelerator, error))?;
        Ok(watch.finish(clock.elapsed(), exit))
    }

    /// Volumes are filled through a container that can write to them, and never runs.
    fn fill(&self, volume: &str) -> Result<(), EngineError> {
        let spec = ContainerSpec::filler("smoke-files", self.image, mount(volume, false));
        let filler = self.engine.create(&spec)?;
        filler.put(qemu::FOLDER, |writer| {
            let mut tar = tar::Builder::new(writer);
            append_file(&mut tar, "vmlinuz", self.kernel)?;
            append_file(&mut tar, "initramfs", self.initramfs)?;
            tar.finish()
        })
    }
}

fn mount(volume: &str, read_only: bool) -> Mount {
    Mount {
        volume: volume.to_owned(),
        target: qemu::FOLDER.to_owned(),
        read_only,
    }
}

/// Tells an engine that has no KVM to hand in from one that fails. Some look for the device when they make the
/// container, some when they start it.
fn without_kvm(accelerator: Accelerator, error: EngineError) -> SmokeError {
    let text = one_line(&error);
    if accelerator == Accelerator::Kvm && text.contains("/dev/kvm") {
        SmokeError::NoKvm { reason: text }
    } else {
        error.into()
    }
}

/// An error with all its causes.
fn one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}
