//! The scripts that run in containers. Their digests are part of the plan.

use model::digest::Sha256;
use model::plan::PlannedText;

/// Turns bare files into an installed system.
pub(crate) const UNPACK: &str = include_str!("../scripts/unpack.sh");
/// Prints what is installed.
pub(crate) const AUDIT: &str = include_str!("../scripts/audit.sh");
/// Lets apt name the packages of a container.
pub(crate) const SOLVE: &str = include_str!("../scripts/solve.sh");
/// Makes the kernel's configuration.
pub(crate) const CONFIGURE: &str = include_str!("../scripts/configure.sh");
/// Compiles and packages.
pub(crate) const COMPILE: &str = include_str!("../scripts/compile.sh");
/// Explains symbols: the environment of kconfig, and what runs in it.
pub(crate) const EXPLAIN: &str = include_str!("../scripts/explain.sh");
/// Explains symbols.
pub(crate) const EXPLAIN_PY: &str = include_str!("../scripts/explain.py");
/// Opens menuconfig.
pub(crate) const MENUCONFIG: &str = include_str!("../scripts/menuconfig.sh");

/// The scripts that decide the bytes of packages, in their order.
pub(crate) fn steps() -> Vec<PlannedText> {
    vec![
        PlannedText::of("configure.sh", CONFIGURE),
        PlannedText::of("compile.sh", COMPILE),
    ]
}

/// The digest of what decides how a container is assembled.
pub(crate) fn assembly() -> Sha256 {
    Sha256::of([UNPACK, AUDIT].concat())
}

/// The command that runs a script with arguments. The text travels in the command itself, so a
/// container needs no file for it.
pub(crate) fn command(script: &str, arguments: &[&str]) -> Vec<String> {
    let shell = ["sh", "-c", script, "sh"];
    shell
        .iter()
        .chain(arguments)
        .map(|&word| word.to_owned())
        .collect()
}
