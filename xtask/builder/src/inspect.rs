//! What a finished package has to be, and whether one is that.

use std::collections::BTreeMap;
use std::io::Read;

use formats::elf;
use formats::entry::{Entry, Kind};
use formats::package::{self, PackageError};
use model::plan::Identity;
use model::recipe::{PackageFormat, Recipe};

use crate::stock::{MAX_CONFIG, MAX_DATA};

/// What the packages of a build say of themselves.
#[derive(Debug)]
pub(crate) struct Expected {
    format: PackageFormat,
    /// The names of the packages.
    pub(crate) names: Vec<String>,
    version: String,
    architecture: &'static str,
    /// Where the configuration is in the kernel's package.
    pub(crate) config: String,
}

/// What was found in a package that is as it should be.
#[derive(Debug)]
pub(crate) struct Inspected {
    /// Its name.
    pub(crate) name: String,
    /// What it says of itself.
    pub(crate) fields: BTreeMap<String, String>,
    /// The configuration, if it is the kernel's package.
    pub(crate) config: Option<String>,
}

/// Why a package is not one that users can have.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// It cannot be read.
    Package(PackageError),
    /// Something is wrong in it.
    Content(String),
}

impl<E: Into<PackageError>> From<E> for Unfit {
    fn from(error: E) -> Self {
        Self::Package(error.into())
    }
}

impl Expected {
    /// The packages of a recipe whose kernel reports `release`.
    pub(crate) fn of(recipe: &Recipe, identity: &Identity, release: &str) -> Self {
        let (names, architecture, config) = match recipe.target.format {
            PackageFormat::Deb => (
                vec![
                    format!("linux-image-{release}"),
                    format!("linux-headers-{release}"),
                    "linux-libc-dev".to_owned(),
                ],
                recipe.architecture.debian(),
                format!("boot/config-{release}"),
            ),
            PackageFormat::Rpm => (
                ["", "-devel", "-headers"]
                    .map(|kind| format!("kernel{}{kind}", recipe.version_suffix))
                    .to_vec(),
                recipe.architecture.rpm(),
                format!("lib/modules/{release}/config"),
            ),
        };
        Self {
            format: recipe.target.format,
            names,
            version: identity.full(),
            architecture,
            config,
        }
    }

    /// Reads a package whole: that it is one of these, is undamaged, and that its programs run wherever it may be
    /// installed.
    pub(crate) fn inspect(&self, reader: impl Read) -> Result<Inspected, Unfit> {
        let package = package::open(reader)?;
        self.check(&package).map_err(Unfit::Content)?;
        let mut inspected = Inspected {
            name: package.name().to_owned(),
            fields: package.fields(),
            config: None,
        };
        package.for_each_entry(MAX_DATA, |mut entry| {
            if entry.kind != Kind::File {
                return Ok(());
            }
            if entry.path == self.config {
                inspected.config = Some(read_config(&mut entry)?);
                return Ok(());
            }
            check_program(&mut entry)
        })?;
        Ok(inspected)
    }

    fn check<R: Read>(&self, package: &package::Package<R>) -> Result<(), String> {
        if package.format() != self.format {
            return Err(format!(
                "it is no .{} package, which is expected",
                self.format.extension()
            ));
        }
        let facts = [
            ("version", package.version(), &self.version[..]),
            (
                "architecture",
                package.architecture().to_owned(),
                self.architecture,
            ),
        ];
        for (what, found, expected) in facts {
            if found != expected {
                return Err(format!(
                    "its {what} is `{found}`, and `{expected}` is expected"
                ));
            }
        }
        let name = package.name();
        if self.names.iter().any(|expected| expected == name) {
            return Ok(());
        }
        let names = self.names.join(", ");
        Err(format!(
            "its name is `{name}`, and one of {names} is expected"
        ))
    }
}

fn read_config(entry: &mut Entry<'_>) -> Result<String, Unfit> {
    let path = entry.path.to_owned();
    let mut text = String::new();
    let mut content = (&mut entry.content).take(MAX_CONFIG);
    match content.read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Unfit::Content(format!("{path}: {error}"))),
    }
}

/// A program that is compiled here is run there: with another C library, and perhaps without what it was linked with.
fn check_program(entry: &mut Entry<'_>) -> Result<(), Unfit> {
    let path = entry.path.to_owned();
    let linkage = elf::linkage(&mut entry.content)
        .map_err(|error| Unfit::Content(format!("{path}: {error}")))?;
    let Some(linkage) = linkage else {
        return Ok(());
    };
    let needed: Vec<_> = linkage
        .interpreter
        .into_iter()
        .chain(linkage.needed)
        .collect();
    if needed.is_empty() {
        return Ok(());
    }
    Err(Unfit::Content(format!(
        "{path} is not linked statically: it needs {}, of which the machine it is installed on has another version or none",
        needed.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use formats::testing::kernel::TestPackage;

    use super::*;

    const CONFIG: &str = "CONFIG_MPTCP=y\n";

    /// What describes the packages of [`TestPackage`].
    fn expected(format: PackageFormat, package: &TestPackage) -> Expected {
        let bytes = build(format, package);
        let opened = package::open(&bytes[..]).unwrap();
        Expected {
            format,
            names: vec![opened.name().to_owned(), "another".to_owned()],
            version: opened.version(),
            architecture: match format {
                PackageFormat::Deb => "amd64",
                PackageFormat::Rpm => "x86_64",
            },
            config: match format {
                PackageFormat::Deb => "boot/config-6.1".to_owned(),
                PackageFormat::Rpm => "lib/modules/6.1/config".to_owned(),
            },
        }
    }

    fn build(format: PackageFormat, package: &TestPackage) -> Vec<u8> {
        match format {
            PackageFormat::Deb => package.build(),
            PackageFormat::Rpm => package.build_rpm(),
        }
    }

    fn kernel(format: PackageFormat) -> TestPackage {
        match format {
            PackageFormat::Deb => TestPackage::with_kernel("6.1", CONFIG),
            PackageFormat::Rpm => TestPackage::with_kernel_in_modules("6.1", CONFIG),
        }
    }

    fn reason(result: Result<Inspected, Unfit>) -> String {
        match result {
            Ok(inspected) => panic!("{inspected:?}"),
            Err(Unfit::Content(reason)) => reason,
            Err(Unfit::Package(error)) => format!("unreadable: {error}"),
        }
    }

    #[test]
    fn a_package_of_the_build_is_inspected_whole() {
        for format in [PackageFormat::Deb, PackageFormat::Rpm] {
            let package = kernel(format);
            let bytes = build(format, &package);
            let mut expected = expected(format, &package);
            let inspected = expected.inspect(&bytes[..]).unwrap();
            assert_eq!(inspected.config.as_deref(), Some(CONFIG));
            assert!(inspected.fields.len() >= 3, "{inspected:?}");

            let cut = bytes.get(..bytes.len() - 40).unwrap();
            let cut = reason(expected.inspect(cut));
            assert!(cut.starts_with("unreadable: "), "{cut}");
            expected.names.remove(0);
            let foreign = reason(expected.inspect(&bytes[..]));
            assert!(
                foreign.ends_with("and one of another is expected"),
                "{foreign}"
            );
            expected.version.push('0');
            let version = reason(expected.inspect(&bytes[..]));
            assert!(version.starts_with("its version is `"), "{version}");
            expected.version.pop();
            expected.architecture = "riscv64";
            let architecture = reason(expected.inspect(&bytes[..]));
            assert!(
                architecture.contains("and `riscv64` is expected"),
                "{architecture}"
            );
        }
        let deb = expected(PackageFormat::Deb, &kernel(PackageFormat::Deb));
        let rpm = build(PackageFormat::Rpm, &kernel(PackageFormat::Rpm));
        let other = reason(deb.inspect(&rpm[..]));
        assert_eq!(other, "it is no .deb package, which is expected");
    }

    #[test]
    fn a_program_that_needs_libraries_is_named() {
        // This test is a program of that kind.
        let program = std::fs::read("/proc/self/exe").unwrap();
        for format in [PackageFormat::Deb, PackageFormat::Rpm] {
            let package = kernel(format).file("./usr/src/tools/objtool", &program);
            let bytes = build(format, &package);
            let found = reason(expected(format, &package).inspect(&bytes[..]));
            assert!(
                found.starts_with("usr/src/tools/objtool is not linked statically: it needs /"),
                "{found}"
            );
            assert!(found.contains("libc.so"), "{found}");
        }
    }
}
