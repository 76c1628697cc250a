//! QEMU's command line.

use crate::watch::{Accelerator, STARTED};

/// Where kernel and initramfs are in the container.
pub(crate) const FOLDER: &str = "/smoke";
/// The memory of the machine in bytes: enough for a distribution's kernel and two sockets' buffers.
pub(crate) const MEMORY: u64 = 512 << 20;

/// Translation, with a bounded buffer for what is translated: the default would grow to all that the container
/// may use. One thread for all of the machine's processors: with one for each, QEMU 10.0 crashed in the middle of
/// PCI enumeration (an assertion in `msix_table_mmio_write`), and smoke boots took no less time.
const TCG: &str = "tcg,thread=single,tb-size=256";

/// Starts QEMU with its report, which goes to a port of its own, on standard error. The port's file
/// descriptor is handed over by number, because an unprivileged user may not open /dev/stderr anew
/// on every engine.
const SCRIPT: &str = r#"exec 3>&2; echo "$1" >&2; shift; exec qemu-system-x86_64 "$@""#;

/// The kernel's command line: its log on the first serial port from the first moment, and a reset
/// (which ends QEMU) where it panics.
pub(crate) fn kernel_command_line(arguments: &[String]) -> String {
    let fixed = [
        "console=ttyS0",
        "earlyprintk=serial,ttyS0,115200",
        "panic=-1",
        "loglevel=7",
    ];
    let all: Vec<_> = fixed
        .iter()
        .copied()
        .chain(arguments.iter().map(String::as_str))
        .collect();
    all.join(" ")
}

/// The command that the container runs.
pub(crate) fn command(
    accelerator: Accelerator,
    cpus: u32,
    kernel_command_line: &str,
) -> Vec<String> {
    let accelerated = match accelerator {
        Accelerator::Kvm => ["-accel", "kvm", "-cpu", "host"],
        Accelerator::Tcg => ["-accel", TCG, "-cpu", "max"],
    };
    let memory = (MEMORY >> 20).to_string();
    let cpus = cpus.to_string();
    let (kernel, initramfs) = (format!("{FOLDER}/vmlinuz"), format!("{FOLDER}/initramfs"));
    let port = format!("virtserialport,chardev=report,name={}", protocol::PORT);
    let words = ["sh", "-c", SCRIPT, "sh", STARTED].into_iter();
    let machine = [
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-machine",
        "q35",
        "-smp",
        &cpus,
        "-m",
        &memory,
        "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    ];
    let devices = [
        "-kernel",
        &kernel,
        "-initrd",
        &initramfs,
        "-append",
        kernel_command_line,
        "-chardev",
        "stdio,id=console,signal=off",
        "-serial",
        "chardev:console",
        "-add-fd",
        "fd=3,set=1",
        "-chardev",
        "file,id=report,path=/dev/fdset/1,append=on",
        "-device",
        "virtio-serial-pci",
        "-device",
        &port,
    ];
    words
        .chain(machine)
        .chain(accelerated)
        .chain(devices)
        .map(str::to_owned)
        .collect()
}
