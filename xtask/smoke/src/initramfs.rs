//! The initramfs of a smoke boot: the guest's program, its instructions and modules.

use std::collections::BTreeMap;

use formats::initramfs::Initramfs;
use host::category::Category;
use protocol::Instructions;

/// Where the modules are, below the root.
const MODULES: &str = "modules";

/// Why there is no initramfs.
#[derive(Debug, thiserror::Error)]
pub enum InitramfsError {
    /// The instructions have no text form.
    #[error("writing the guest's instructions failed")]
    Instructions(#[from] serde_json::Error),
    /// The instructions name a file that is not to be in the initramfs.
    #[error("the guest's instructions name {0:?}, which is no module in its initramfs")]
    NoModule(String),
    /// The archive takes something not.
    #[error("assembling the initramfs failed")]
    Archive(#[from] formats::initramfs::InitramfsError),
}

impl InitramfsError {
    /// Whose failure it is: always this program's.
    pub fn category(&self) -> Category {
        Category::Bug
    }
}

/// The path of a module's file in the initramfs, as instructions name it.
pub fn module_path(name: &str) -> String {
    format!("/{MODULES}/{name}.ko")
}

/// Assembles an initramfs, uncompressed and the same for the same input: `guest` as `/init`,
/// `instructions`, `modules` by their names where [`module_path()`] tells, and the folders and devices
/// that `guest` and the kernel expect.
///
/// # Errors
///
/// See [`InitramfsError`].
pub fn initramfs(
    guest: &[u8],
    instructions: &Instructions,
    modules: &BTreeMap<String, Vec<u8>>,
) -> Result<Vec<u8>, InitramfsError> {
    check(instructions, modules)?;
    let text = serde_json::to_vec(instructions)?;
    let mut archive = Initramfs::new();
    for folder in ["dev", MODULES, "proc", "sys", "tmp"] {
        archive.folder(folder)?;
    }
    // The kernel opens the console for its first process before that could mount anything.
    archive.character_device("dev/console", (5, 1), 0o600)?;
    archive.character_device("dev/null", (1, 3), 0o666)?;
    archive.file("init", guest, true)?;
    archive.file(relative(protocol::INSTRUCTIONS), &text, false)?;
    for (name, bytes) in modules {
        archive.file(relative(&module_path(name)), bytes, false)?;
    }
    Ok(archive.finish()?)
}

/// A path of the guest's that is not there would be found only in a booted machine.
fn check(
    instructions: &Instructions,
    modules: &BTreeMap<String, Vec<u8>>,
) -> Result<(), InitramfsError> {
    let of_modules = instructions.modules.iter().chain(&instructions.given);
    let of_modules = of_modules.flat_map(|module| &module.files);
    let is_there = |path: &String| {
        path.strip_prefix("/modules/")
            .and_then(|file| file.strip_suffix(".ko"))
            .is_some_and(|name| modules.contains_key(name))
    };
    let mut paths = instructions.drivers.iter().chain(of_modules);
    match paths.find(|path| !is_there(path)) {
        Some(path) => Err(InitramfsError::NoModule(path.clone())),
        None => Ok(()),
    }
}

fn relative(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

#[cfg(test)]
mod tests;
