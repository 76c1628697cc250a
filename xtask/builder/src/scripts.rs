//! The scripts that run in containers. Their digests are part of the plan.

use model::digest::Sha256;
use model::plan::PlannedText;
use model::recipe::PackageFormat;

/// Turns bare files into an installed system.
pub(crate) const UNPACK: &str = include_str!("../scripts/unpack.sh");
/// Prints what is installed.
pub(crate) const AUDIT: &str = include_str!("../scripts/audit.sh");
/// Lets apt name the packages of a container.
pub(crate) const SOLVE: &str = include_str!("../scripts/solve.sh");
/// Makes the kernel's configuration.
pub(crate) const CONFIGURE: &str = include_str!("../scripts/configure.sh");
/// What compiling and packaging begin with.
const TOOLS: &str = include_str!("../scripts/tools.sh");
/// Compiles.
const COMPILE: &str = include_str!("../scripts/compile.sh");
/// Makes `.deb` packages.
const PACKAGE_DEB: &str = include_str!("../scripts/package-deb.sh");
/// Makes `.rpm` packages.
const PACKAGE_RPM: &str = include_str!("../scripts/package-rpm.sh");
/// What surrounds the `%install` of the kernel's own spec.
pub(crate) const KERNEL_SPEC: &str = include_str!("../scripts/kernel.spec");
/// Installs what modules are compiled against, for kernels that cannot do it themselves.
pub(crate) const INSTALL_EXTMOD_BUILD: &str = include_str!("../scripts/install-extmod-build.sh");
/// Explains symbols: the environment of kconfig, and what runs in it.
pub(crate) const EXPLAIN: &str = include_str!("../scripts/explain.sh");
/// Explains symbols.
pub(crate) const EXPLAIN_PY: &str = include_str!("../scripts/explain.py");
/// Runs a command as if elsewhere and later.
pub(crate) const VARY: &str = include_str!("../scripts/vary.sh");
/// Tells what a build can see of where it runs.
pub(crate) const PROBE: &str = include_str!("../scripts/probe.sh");
/// Runs a command with the compiler's cache.
pub(crate) const CCACHE: &str = include_str!("../scripts/ccache.sh");
/// Opens menuconfig.
pub(crate) const MENUCONFIG: &str = include_str!("../scripts/menuconfig.sh");

/// The scripts that decide the bytes of packages of a format, in their order.
pub(crate) fn steps(format: PackageFormat) -> Vec<PlannedText> {
    let mut steps = vec![
        PlannedText::of("configure.sh", CONFIGURE),
        PlannedText::of("tools.sh", TOOLS),
        PlannedText::of("compile.sh", COMPILE),
    ];
    match format {
        PackageFormat::Deb => steps.push(PlannedText::of("package-deb.sh", PACKAGE_DEB)),
        PackageFormat::Rpm => steps.extend([
            PlannedText::of("package-rpm.sh", PACKAGE_RPM),
            PlannedText::of("kernel.spec", KERNEL_SPEC),
            PlannedText::of("install-extmod-build.sh", INSTALL_EXTMOD_BUILD),
        ]),
    }
    steps
}

/// The command that compiles.
pub(crate) fn compile() -> Vec<String> {
    command(&[TOOLS, COMPILE].concat(), &[])
}

/// The command that makes packages of a format.
pub(crate) fn package(format: PackageFormat) -> Vec<String> {
    let script = match format {
        PackageFormat::Deb => PACKAGE_DEB,
        PackageFormat::Rpm => PACKAGE_RPM,
    };
    command(&[TOOLS, script].concat(), &[])
}

/// The command that makes packages of a format by the kernel's own target alone.
pub(crate) fn package_plainly(format: PackageFormat) -> Vec<String> {
    let target = match format {
        PackageFormat::Deb => "set -eu\nkbuild bindeb-pkg DPKG_FLAGS=--no-check-builddeps",
        // Nothing outside of /build and /tmp can be written.
        PackageFormat::Rpm => {
            "set -eu\nkbuild binrpm-pkg RPMOPTS=\"--nodeps --define='_tmppath /tmp'\""
        }
    };
    command(&[TOOLS, target].concat(), &[])
}

/// The digest of how objects are made: those of one way are not taken for those of another.
pub(crate) fn compilation() -> Sha256 {
    Sha256::of([TOOLS, COMPILE].concat())
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
