//! What the build container left, taken out of it and read back: nothing is believed unseen.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};

use camino::Utf8Path;
use formats::deb;
use formats::tar_path::safe_path;
use host::engine::Container;
use model::digest::Sha256;
use model::kconfig::DotConfig;
use model::manifest::Artifact;
use sha2::Digest;

use crate::configure::{Configured, check};
use crate::error::BuildError;
use crate::plan::Planned;
use crate::stock::boot_config;

/// The most that one file may be, in bytes: a kernel with debug information stays below.
const MAX_FILE: u64 = 4 << 30;
/// How many files are expected at the most.
const MAX_FILES: usize = 16;
/// The binary packages that `bindeb-pkg` makes.
const PACKAGES: [&str; 3] = ["linux-image-", "linux-headers-", "linux-libc-dev_"];

/// Takes the packages and the configuration out of `container` into `folder`, and reads them back.
pub(crate) fn collect(
    container: &Container<'_>,
    planned: &Planned,
    configured: &Configured,
    folder: &Utf8Path,
) -> Result<BTreeMap<String, Artifact>, BuildError> {
    let mut artifacts = BTreeMap::new();
    let mut release = None;
    let mut archive = tar::Archive::new(container.get("/build/packages"));
    let broken = |error: io::Error| BuildError::Unexpected(error.to_string());
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = safe_path(&entry.path_bytes())
            .map_err(|error| BuildError::Unexpected(error.to_string()))?;
        let Some(name) = path.strip_prefix("packages/") else {
            continue;
        };
        expect(name, &entry, artifacts.len())?;
        if name == "kernel-release" {
            release = Some(read_text(&mut entry).map_err(broken)?);
            continue;
        }
        let artifact = save(&mut entry, &folder.join(name))?;
        artifacts.insert(name.to_owned(), artifact);
    }
    if release.as_deref().map(str::trim) != Some(&configured.kernel_release) {
        return Err(BuildError::Unexpected(format!(
            "kernel release {release:?} instead of {}",
            configured.kernel_release
        )));
    }
    read_back(planned, configured, folder, &mut artifacts)?;
    Ok(artifacts)
}

/// Refuses what no build leaves.
fn expect(name: &str, entry: &tar::Entry<'_, impl Read>, count: usize) -> Result<(), BuildError> {
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "+.~_-".contains(c));
    let package =
        name.ends_with(".deb") && PACKAGES.iter().any(|beginning| name.starts_with(beginning));
    let known = package || name == "config" || name == "kernel-release";
    if !plain
        || !known
        || !entry.header().entry_type().is_file()
        || entry.size() > MAX_FILE
        || count >= MAX_FILES
    {
        let kind = entry.header().entry_type();
        return Err(BuildError::Unexpected(format!(
            "{name:?}, a {kind:?} of {} bytes",
            entry.size()
        )));
    }
    Ok(())
}

fn read_text(entry: &mut impl Read) -> io::Result<String> {
    let mut text = String::new();
    entry.take(256).read_to_string(&mut text)?;
    Ok(text)
}

fn save(entry: &mut impl Read, path: &Utf8Path) -> Result<Artifact, BuildError> {
    let fail = |source| BuildError::File {
        attempt: "writing",
        path: path.to_owned(),
        source,
    };
    let mut file = File::create_new(path).map_err(fail)?;
    let mut hasher = sha2::Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let count = entry
            .read(&mut buffer)
            .map_err(|error| BuildError::Unexpected(error.to_string()))?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(fail)?;
        size += count as u64;
    }
    file.sync_all().map_err(fail)?;
    Ok(Artifact {
        size,
        sha256: Sha256::finish(hasher),
        control: None,
    })
}

/// Reads each package's control fields, and checks the configuration in the image package as the
/// one that was compiled is checked.
fn read_back(
    planned: &Planned,
    configured: &Configured,
    folder: &Utf8Path,
    artifacts: &mut BTreeMap<String, Artifact>,
) -> Result<(), BuildError> {
    for (name, artifact) in artifacts
        .iter_mut()
        .filter(|(name, _)| name.ends_with(".deb"))
    {
        let control = control_fields(folder, name)?;
        let expected = [
            (
                "Version",
                planned
                    .plan
                    .environment
                    .get("KDEB_PKGVERSION")
                    .map_or("", String::as_str),
            ),
            ("Architecture", planned.recipe.architecture.debian()),
        ];
        for (field, expected) in expected {
            let found = control.get(field).map_or("", String::as_str);
            if found != expected {
                let reason = format!("{field} is `{found}`, and `{expected}` is expected");
                return Err(BuildError::PackageContent {
                    package: name.clone(),
                    reason,
                });
            }
        }
        artifact.control = Some(control);
    }
    let image = format!("linux-image-{}_", configured.kernel_release);
    let Some(name) = artifacts.keys().find(|name| name.starts_with(&image)) else {
        return Err(BuildError::Unexpected(format!("no package {image}*.deb")));
    };
    let file = open(folder, name)?;
    let text = boot_config(file, name)?;
    if text != configured.text {
        let config =
            DotConfig::parse(&text).map_err(|error| BuildError::Unexpected(error.to_string()))?;
        check(planned, &config, |_| Ok(BTreeMap::new()))?;
        let reason = "its configuration is not the one that was configured".to_owned();
        return Err(BuildError::PackageContent {
            package: name.clone(),
            reason,
        });
    }
    Ok(())
}

fn control_fields(folder: &Utf8Path, name: &str) -> Result<BTreeMap<String, String>, BuildError> {
    let package = deb::open(open(folder, name)?).map_err(|source| BuildError::Package {
        package: name.to_owned(),
        source,
    })?;
    Ok(package
        .control()
        .fields()
        .map(|(field, value)| (field.to_owned(), value.to_owned()))
        .collect())
}

fn open(folder: &Utf8Path, name: &str) -> Result<io::BufReader<File>, BuildError> {
    let path = folder.join(name);
    let file = File::open(&path).map_err(|source| BuildError::File {
        attempt: "opening",
        path,
        source,
    })?;
    Ok(io::BufReader::new(file))
}
