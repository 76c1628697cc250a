//! Container images, made of locked packages through the engine's API alone.
//!
//! The tool unpacks the bootstrap packages into a bare root; dpkg, in a container without network,
//! installs them properly and all others over it; what is installed is compared with the lock
//! before the image gets its name.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::Duration;

use camino::Utf8PathBuf;
use formats::deb;
use formats::tar_path::safe_path;
use host::engine::{ContainerSpec, Engine, OutputStream, Privileges, Surroundings};
use host::store::Store;
use host::tar_entry::{append_file, append_folder, append_link, header};
use model::container::Container;
use model::lock::{ContainerLock, LockedPackage, LockedSuite};
use model::names::{Name, PackageName};
use model::plan::PlannedContainer;

use crate::build::Tools;
use crate::error::BuildError;
use crate::fetch::{self, Downloads};
use crate::lockfile::exclusive;
use crate::log::Log;
use crate::report::Reporter;
use crate::scripts;

/// How long installing the packages may take; 200 take half a minute on two cores.
const INSTALL_DEADLINE: Duration = Duration::from_secs(20 * 60);
/// The most that the unpacked data of one package may be, in bytes.
const MAX_DATA: u64 = 4 << 30;
/// The repository of all images that this tool makes.
pub(crate) const REPOSITORY: &str = "mptcp-kernels";

/// The folders that are links into `/usr` since the merger; older packages still name them.
const MERGED: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// What an image is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Assembly<'a> {
    /// The container's definition.
    pub(crate) container: &'a Container,
    /// The tag of the image.
    pub(crate) tag: &'a str,
    /// The packages that the tool unpacks itself.
    pub(crate) bootstrap: &'a [PackageName],
    /// All packages, those included.
    pub(crate) packages: &'a [LockedPackage],
    /// The suites they are from.
    pub(crate) suites: &'a [LockedSuite],
    /// Where everything that the scripts write goes.
    pub(crate) log: &'a Utf8PathBuf,
}

/// The image of a container of the project, and what is in it.
#[derive(Debug, Clone)]
pub struct ContainerImage {
    /// Its name in the engine.
    pub image: String,
    /// Its tag: the digest of the lock and of the way it is assembled.
    pub tag: String,
    /// The container's lock.
    pub lock: ContainerLock,
}

/// The image of container `name`, made now unless the engine has it.
///
/// # Errors
/// The definition or its lock is wrong, a package cannot be had, or the engine fails.
pub fn of_container(
    tools: Tools<'_>,
    name: &str,
    reporter: &dyn Reporter,
) -> Result<ContainerImage, BuildError> {
    let container = tools.project.container(name)?;
    let lock = tools.project.container_lock(&container)?;
    let planned = PlannedContainer {
        name: container.name.clone(),
        lock: lock.content,
        assembly: scripts::assembly(),
    };
    let tag = planned.tag();
    let assembly = Assembly {
        container: &container,
        tag: &tag,
        bootstrap: &lock.bootstrap,
        packages: &lock.packages,
        suites: &lock.suites,
        log: &tools
            .project
            .out()
            .join("logs")
            .join(name)
            .join("container.log"),
    };
    let image = ensure(tools.engine, tools.downloads, assembly, reporter)?;
    Ok(ContainerImage { image, tag, lock })
}

/// The image's name, made now unless the engine has it.
pub(crate) fn ensure(
    engine: &Engine,
    downloads: Downloads<'_>,
    assembly: Assembly<'_>,
    reporter: &dyn Reporter,
) -> Result<String, BuildError> {
    let repository = format!("{REPOSITORY}/{}", assembly.container.name);
    let image = format!("{repository}:{}", assembly.tag);
    if engine.has_image(&image)? {
        return Ok(image);
    }
    let _lock = exclusive(engine, &format!("image-{}", assembly.tag))?;
    if engine.has_image(&image)? {
        return Ok(image);
    }
    reporter.phase("download container packages");
    let all: Vec<_> = assembly.packages.iter().collect();
    downloads.fetch(
        &assembly.container.name,
        assembly.container,
        assembly.suites,
        &all,
        reporter,
    )?;
    reporter.phase("assemble container");
    let bare = format!("{}-bare", assembly.tag);
    engine.import_image(&repository, &bare, |writer| {
        write_bare_root(writer, downloads.store, assembly)
    })?;
    let installed = install(engine, downloads.store, assembly, &repository, &bare);
    engine.remove_image(&format!("{repository}:{bare}"))?;
    installed.map(|()| image)
}

fn install(
    engine: &Engine,
    store: &Store,
    assembly: Assembly<'_>,
    repository: &str,
    bare: &str,
) -> Result<(), BuildError> {
    let container = engine.create(&ContainerSpec {
        purpose: "assembly".to_owned(),
        image: format!("{repository}:{bare}"),
        command: scripts::command(
            &format!("set -e\n({}) >&2\n({})", scripts::UNPACK, scripts::AUDIT),
            &[],
        ),
        environment: Vec::new(),
        mounts: Vec::new(),
        privileges: Privileges::Install,
        memory: 0,
        terminal: false,
        surroundings: Surroundings::default(),
    })?;
    container.put("/", |writer| write_packages(writer, store, assembly))?;
    let mut audit = Vec::new();
    let mut log = Log::create(assembly.log)?;
    let exit = container.run(INSTALL_DEADLINE, |stream, bytes| match stream {
        OutputStream::Stdout => audit.extend_from_slice(bytes),
        OutputStream::Stderr => log.write(bytes),
    })?;
    let lines = log.finish()?;
    if exit.code != 0 {
        let what = format!(
            "installing the packages of container `{}`",
            assembly.container.name
        );
        return Err(BuildError::Script {
            what,
            code: exit.code,
            lines,
            log: assembly.log.clone(),
        });
    }
    compare(
        &assembly.container.name,
        assembly.packages,
        &String::from_utf8_lossy(&audit),
    )?;
    Ok(container.commit(repository, assembly.tag)?)
}

/// Compares what is installed, as `audit.sh` prints it, with the lock.
fn compare(container: &Name, locked: &[LockedPackage], audit: &str) -> Result<(), BuildError> {
    let expected: BTreeMap<(&str, &str), String> = locked
        .iter()
        .map(|package| {
            (
                (package.name.as_str(), package.architecture.as_str()),
                format!("{} ii", package.version),
            )
        })
        .collect();
    let mut installed = BTreeMap::new();
    for line in audit.lines() {
        let mut words = line.splitn(3, ' ');
        if let (Some(name), Some(architecture), Some(rest)) =
            (words.next(), words.next(), words.next())
        {
            installed.insert((name, architecture), rest.trim_end().to_owned());
        }
    }
    let names: BTreeSet<_> = expected.keys().chain(installed.keys()).collect();
    let nothing = "nothing".to_owned();
    let differences: Vec<_> = names
        .into_iter()
        .map(|key| {
            (
                key,
                expected.get(key).unwrap_or(&nothing),
                installed.get(key).unwrap_or(&nothing),
            )
        })
        .filter(|(_, expected, installed)| expected != installed)
        .map(|((name, architecture), expected, installed)| {
            format!("{name} {architecture}: locked {expected}, installed {installed}")
        })
        .collect();
    if differences.is_empty() {
        Ok(())
    } else {
        Err(BuildError::Audit {
            container: container.clone(),
            differences,
        })
    }
}

/// The files of the bootstrap packages, and what dpkg needs to start.
fn write_bare_root(
    writer: &mut dyn Write,
    store: &Store,
    assembly: Assembly<'_>,
) -> io::Result<()> {
    let mut root = BareRoot {
        tar: tar::Builder::new(writer),
        folders: BTreeSet::new(),
    };
    root.folder("usr")?;
    for folder in MERGED
        .iter()
        .filter(|folder| !matches!(**folder, "lib32" | "libx32"))
    {
        root.folder(&format!("usr/{folder}"))?;
        append_link(&mut root.tar, folder, &format!("usr/{folder}"))?;
    }
    let bootstrap: BTreeSet<_> = assembly.bootstrap.iter().collect();
    for package in assembly
        .packages
        .iter()
        .filter(|package| bootstrap.contains(&package.name))
    {
        let file = fetch::open(store, package).map_err(io::Error::other)?;
        let package_error =
            |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", package.path));
        let data = deb::open(file)
            .and_then(|deb| deb.data(MAX_DATA))
            .map_err(|error| package_error(&error))?;
        for entry in tar::Archive::new(data).entries()? {
            root.copy(entry?).map_err(|error| package_error(&error))?;
        }
    }
    for folder in ["var", "var/lib", "var/lib/dpkg"] {
        root.folder(folder)?;
    }
    append_file(&mut root.tar, "var/lib/dpkg/status", b"")?;
    append_file(&mut root.tar, "var/lib/dpkg/available", b"")?;
    // base-files wants an awk before any alternative is set up.
    append_link(&mut root.tar, "usr/bin/awk", "mawk")?;
    root.tar.finish()
}

/// The tar of a bare root. The engine takes each path once.
struct BareRoot<'a> {
    tar: tar::Builder<&'a mut dyn Write>,
    folders: BTreeSet<String>,
}

impl BareRoot<'_> {
    fn folder(&mut self, path: &str) -> io::Result<()> {
        if self.folders.insert(path.to_owned()) {
            append_folder(&mut self.tar, path)
        } else {
            Ok(())
        }
    }

    fn copy(&mut self, mut entry: tar::Entry<'_, impl io::Read>) -> io::Result<()> {
        let path = merged(&safe_path(&entry.path_bytes()).map_err(io::Error::other)?);
        if path.is_empty() || MERGED.contains(&path.as_str()) {
            return Ok(());
        }
        let mut header = entry.header().clone();
        match entry.header().entry_type() {
            kind if kind.is_dir() => {
                if self.folders.insert(path.clone()) {
                    self.tar.append_data(&mut header, path, io::empty())?;
                }
                Ok(())
            }
            kind if kind.is_file() => self.tar.append_data(&mut header, path, &mut entry),
            kind if kind.is_symlink() => {
                let target = entry
                    .link_name()?
                    .ok_or_else(|| io::Error::other("a link without a target"))?;
                self.tar.append_link(&mut header, path, target)
            }
            kind if kind.is_hard_link() => {
                let target = entry
                    .link_name_bytes()
                    .ok_or_else(|| io::Error::other("a link without a target"))?;
                let target = merged(&safe_path(&target).map_err(io::Error::other)?);
                self.tar.append_link(&mut header, path, target)
            }
            kind => Err(io::Error::other(format!(
                "`{path}` is a {kind:?}; files, folders and links are expected"
            ))),
        }
    }
}

/// The path with `/bin` and its like moved below `/usr`, where they are links to.
fn merged(path: &str) -> String {
    match path.split_once('/') {
        Some((first, _)) if MERGED.contains(&first) => format!("usr/{path}"),
        _ => path.to_owned(),
    }
}

fn write_packages(writer: &mut dyn Write, store: &Store, assembly: Assembly<'_>) -> io::Result<()> {
    let mut tar = tar::Builder::new(writer);
    let bootstrap: BTreeSet<_> = assembly.bootstrap.iter().collect();
    for folder in ["packages", "packages/bootstrap", "packages/others"] {
        append_folder(&mut tar, folder)?;
    }
    for package in assembly.packages {
        let folder = if bootstrap.contains(&package.name) {
            "bootstrap"
        } else {
            "others"
        };
        let path = format!(
            "packages/{folder}/{}_{}.deb",
            package.name, package.architecture
        );
        let file = store
            .open_verified(&package.sha256, package.size)
            .map_err(io::Error::other)?;
        let mut header = header(tar::EntryType::Regular, 0o644);
        header.set_size(package.size);
        tar.append_data(&mut header, path, file)?;
    }
    tar.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> LockedPackage {
        LockedPackage {
            name: name.parse().unwrap(),
            version: version.to_owned(),
            architecture: "amd64".to_owned(),
            archive: "debian".parse().unwrap(),
            path: String::new(),
            size: 0,
            sha256: model::digest::Sha256::of(""),
        }
    }

    fn differences(audit: &str) -> Vec<String> {
        let locked = [package("bc", "1.07"), package("make", "4.4")];
        match compare(&"test".parse().unwrap(), &locked, audit) {
            Ok(()) => Vec::new(),
            Err(BuildError::Audit { differences, .. }) => differences,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_is_installed_must_be_what_is_locked() {
        assert_eq!(
            differences("bc amd64 1.07 ii \nmake amd64 4.4 ii \n"),
            [""; 0]
        );
        let cases = [
            (
                "bc amd64 1.07 ii \n",
                "make amd64: locked 4.4 ii, installed nothing",
            ),
            (
                "bc amd64 1.08 ii \nmake amd64 4.4 ii \n",
                "bc amd64: locked 1.07 ii, installed 1.08 ii",
            ),
            (
                "bc amd64 1.07 iU \nmake amd64 4.4 ii \n",
                "bc amd64: locked 1.07 ii, installed 1.07 iU",
            ),
            (
                "bc amd64 1.07 ii \nmake amd64 4.4 ii \nvi all 9 ii \n",
                "vi all: locked nothing, installed 9 ii",
            ),
        ];
        for (audit, difference) in cases {
            assert_eq!(differences(audit), [difference]);
        }
    }

    #[test]
    fn paths_move_below_usr() {
        for (path, expected) in [
            ("bin/sh", "usr/bin/sh"),
            ("lib64/ld.so", "usr/lib64/ld.so"),
            ("usr/bin/sh", "usr/bin/sh"),
            ("etc/x", "etc/x"),
        ] {
            assert_eq!(merged(path), expected);
        }
    }
}
