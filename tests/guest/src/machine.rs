//! What PID 1 does for the machine: file systems, modules, devices, and the end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::unistd::sync;

use crate::clock::Deadline;
use crate::error::{Attempt, Error, Result};

/// Mounts the file systems that the kernel is asked through.
pub(crate) fn mount_all() -> Result<()> {
    for (kind, place) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        let _there_already = fs::create_dir(place);
        match mount(
            Some(kind),
            place,
            Some(kind),
            MsFlags::empty(),
            None::<&str>,
        ) {
            Ok(()) | Err(Errno::EBUSY) => {}
            Err(error) => return Err(error).attempt(format_args!("mount {place}")),
        }
    }
    Ok(())
}

/// Loads a module from a file; one that is loaded already is no error.
pub(crate) fn load_module(path: &str) -> Result<()> {
    match insert_module(path)? {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(error) => Err(error).attempt(format_args!("load {path}")),
    }
}

/// Loads a module from a file; one of the same name that is loaded already is an error.
pub(crate) fn load_new_module(path: &str) -> Result<()> {
    insert_module(path)?.attempt(format_args!("load {path}"))
}

/// Hands a module to the kernel, and tells what the kernel said.
fn insert_module(path: &str) -> Result<nix::Result<()>> {
    let file = File::open(path).attempt(format_args!("open {path}"))?;
    Ok(finit_module(&file, c"", ModuleInitFlags::empty()))
}

/// A parameter of a module that is loaded or built in: `mptcp_ndiffports.num_subflows`.
pub(crate) fn module_parameter(name: &str) -> Result<String> {
    let (module, parameter) = name.split_once('.').unwrap_or((name, ""));
    let path = format!("/sys/module/{module}/parameters/{parameter}");
    let text = fs::read_to_string(&path).attempt(format_args!("read {path}"))?;
    Ok(text.trim_end().to_owned())
}

/// Opens the virtio port of this name; its driver may have been loaded a moment ago.
pub(crate) fn open_port(name: &str) -> Result<File> {
    let mut port = None;
    Deadline::after(5).poll(Duration::from_millis(1), || {
        port = find_port(name).and_then(|path| OpenOptions::new().write(true).open(path).ok());
        port.is_some()
    });
    port.ok_or_else(|| Error::new(format!("no virtio port {name}")))
}

fn find_port(name: &str) -> Option<PathBuf> {
    fs::read_dir("/sys/class/virtio-ports")
        .ok()?
        .flatten()
        .find_map(|entry| {
            let found = fs::read_to_string(entry.path().join("name")).ok()?;
            (found.trim_end() == name).then(|| PathBuf::from("/dev").join(entry.file_name()))
        })
}

/// Writes a line to the kernel log, for what cannot be reported.
pub(crate) fn log(text: &str) {
    let _nowhere_else_to_tell = write_log(format!("<3>guest: {text}\n").as_bytes());
}

/// Writes a record to the kernel log; `<3>` at its beginning is level 3.
pub(crate) fn write_log(record: &[u8]) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open("/dev/kmsg")?
        .write_all(record)
}

/// Ends the machine.
pub(crate) fn power_off() -> Error {
    sync();
    match reboot(RebootMode::RB_POWER_OFF) {
        Ok(never) => match never {},
        Err(error) => Error::new(format!("power off: {error}")),
    }
}
