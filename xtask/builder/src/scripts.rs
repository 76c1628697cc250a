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

#[cfg(test)]
mod tests {
    use super::*;

    /// The scripts of a plan, by their digests.
    fn texts(format: PackageFormat) -> Vec<&'static str> {
        let all = [
            CONFIGURE,
            TOOLS,
            COMPILE,
            PACKAGE_DEB,
            PACKAGE_RPM,
            KERNEL_SPEC,
            INSTALL_EXTMOD_BUILD,
        ];
        let find = |step: PlannedText| {
            let mut known = all.iter().filter(|text| Sha256::of(text) == step.sha256);
            *known.next().expect("a script of this module")
        };
        steps(format).into_iter().map(find).collect()
    }

    /// Whether a script is made of some of the texts, one after the other, and of nothing else.
    fn is_made_of(script: &str, texts: &[&str]) -> bool {
        script.is_empty()
            || texts.iter().any(|text| {
                let rest = script.strip_prefix(text);
                rest.is_some_and(|rest| is_made_of(rest, texts))
            })
    }

    #[test]
    fn what_runs_is_in_the_plan_and_nothing_else_runs() {
        for format in [PackageFormat::Deb, PackageFormat::Rpm] {
            let planned = texts(format);
            let commands = [compile(), package(format), command(CONFIGURE, &[])];
            for words in &commands {
                let [shell, option, script, name] = &words[..] else {
                    panic!("{words:?}");
                };
                assert_eq!((&shell[..], &option[..], &name[..]), ("sh", "-c", "sh"));
                assert!(is_made_of(script, &planned), "{format:?}: {script}");
            }
            // And each script of the plan runs, or lies beside what does.
            for text in planned {
                let runs = commands.iter().any(|words| words[2].contains(text));
                let beside = [KERNEL_SPEC, INSTALL_EXTMOD_BUILD].contains(&text);
                assert_ne!(runs, beside, "{format:?}: {text}");
            }
        }
        let other = package_plainly(PackageFormat::Deb);
        assert!(!is_made_of(&other[2], &texts(PackageFormat::Deb)));
    }

    #[test]
    fn every_script_of_the_folder_is_known_here() {
        let known = [
            ("unpack.sh", UNPACK),
            ("audit.sh", AUDIT),
            ("solve.sh", SOLVE),
            ("configure.sh", CONFIGURE),
            ("tools.sh", TOOLS),
            ("compile.sh", COMPILE),
            ("package-deb.sh", PACKAGE_DEB),
            ("package-rpm.sh", PACKAGE_RPM),
            ("kernel.spec", KERNEL_SPEC),
            ("install-extmod-build.sh", INSTALL_EXTMOD_BUILD),
            ("explain.sh", EXPLAIN),
            ("explain.py", EXPLAIN_PY),
            ("vary.sh", VARY),
            ("probe.sh", PROBE),
            ("ccache.sh", CCACHE),
            ("menuconfig.sh", MENUCONFIG),
        ];
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut found: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut names = known.map(|(name, _)| name);
        found.sort();
        names.sort_unstable();
        assert_eq!(found, names);
        // What the plan calls by a name is the file of that name.
        for format in [PackageFormat::Deb, PackageFormat::Rpm] {
            for step in steps(format) {
                let text = known.iter().find(|(name, _)| *name == step.name);
                let digest = text.map(|(_, text)| Sha256::of(text));
                assert_eq!(digest, Some(step.sha256), "{}", step.name);
            }
        }
    }
}
