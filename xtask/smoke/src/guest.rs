//! Compiling the program that runs as PID 1.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use host::cancel::Cancel;
use host::environment::var;
use host::process::{Process, ProcessError};

/// How long cargo may take; it takes half a minute on two cores, once.
const DEADLINE: Duration = Duration::from_secs(20 * 60);
/// Its program runs where there is no C library, so it brings its own.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// What cargo hears of this process's environment.
const PASSED_ON: &[&str] = &[
    "CARGO_HOME",
    "HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Compiles package `guest` of the workspace at `root`; where its program is.
///
/// # Errors
/// Cargo fails, or the user asks to stop.
pub fn compile(
    root: &Utf8Path,
    program: &str,
    cancel: &Cancel,
) -> Result<Utf8PathBuf, ProcessError> {
    let target = var("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Utf8PathBuf::from);
    let target = target.join("guest");
    let arguments = [
        "build",
        "--quiet",
        "--locked",
        "--profile",
        "guest",
        "--package",
        "guest",
        "--target",
        TARGET,
        "--target-dir",
        target.as_str(),
    ];
    let what = "compiling the guest (a static program: the C library's static form is needed, \
                such as Fedora's glibc-static)";
    let mut process = Process::new("cargo", root, DEADLINE, what)
        .arguments(arguments)
        .environment("RUSTFLAGS", "-C target-feature=+crt-static");
    for name in PASSED_ON {
        if let Some(value) = var(name) {
            process = process.environment(*name, value);
        }
    }
    process.run(cancel)?;
    Ok(target.join(TARGET).join("guest").join(program))
}
