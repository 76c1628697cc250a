//! What the build container left, taken out of it and read back: nothing is believed unseen.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};

use camino::Utf8Path;
use formats::tar_path::safe_path;
use host::engine::Container;
use model::digest::Sha256;
use model::manifest::Artifact;
use model::recipe::PackageFormat;
use sha2::Digest;

use crate::configure::{Configured, Workshop, check, parse, read_file};
use crate::error::BuildError;
use crate::inspect::{Expected, Unfit};
use crate::plan::Planned;

/// The most that one file may be, in bytes: a kernel with debug information stays below.
const MAX_FILE: u64 = 4 << 30;
/// How many files are expected at the most.
const MAX_FILES: usize = 16;
/// Takes the packages and the configuration out of `container` into `folder`, and reads them back.
pub(crate) fn collect(
    container: &Container<'_>,
    workshop: &Workshop<'_>,
    planned: &Planned,
    configured: &Configured,
    folder: &Utf8Path,
) -> Result<BTreeMap<String, Artifact>, BuildError> {
    let mut artifacts = BTreeMap::new();
    let mut archive = tar::Archive::new(container.get(&workshop.surroundings.path("packages")));
    let broken = |error: io::Error| BuildError::Unexpected(error.to_string());
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = safe_path(&entry.path_bytes())
            .map_err(|error| BuildError::Unexpected(error.to_string()))?;
        let Some(name) = path.strip_prefix("packages/") else {
            continue;
        };
        expect(planned.recipe.target.format, name, &entry, artifacts.len())?;
        let artifact = save(&mut entry, &folder.join(name))?;
        artifacts.insert(name.to_owned(), artifact);
    }
    let path = workshop
        .surroundings
        .path("kernel/include/config/kernel.release");
    let release = read_file(container, &path, 256)?;
    if release.trim() != configured.kernel_release {
        return Err(BuildError::Unexpected(format!(
            "kernel release {release:?} instead of {}",
            configured.kernel_release
        )));
    }
    read_back(planned, configured, folder, &mut artifacts)?;
    artifacts.insert(
        "config".to_owned(),
        save(&mut configured.text.as_bytes(), &folder.join("config"))?,
    );
    Ok(artifacts)
}

/// Refuses what no build leaves.
fn expect(
    format: PackageFormat,
    name: &str,
    entry: &tar::Entry<'_, impl Read>,
    count: usize,
) -> Result<(), BuildError> {
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "+.~^_-".contains(c));
    let package = name
        .rsplit_once('.')
        .is_some_and(|(_, extension)| extension == format.extension());
    if !plain
        || !package
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

/// Reads each package back: that the build's packages are all there, each once and as it should be, and that the
/// configuration in them is the one that was checked.
fn read_back(
    planned: &Planned,
    configured: &Configured,
    folder: &Utf8Path,
    artifacts: &mut BTreeMap<String, Artifact>,
) -> Result<(), BuildError> {
    let expected = Expected::of(
        &planned.recipe,
        &planned.identity,
        &configured.kernel_release,
    );
    let mut missing = expected.names.clone();
    let mut config = None;
    for (file, artifact) in artifacts {
        let wrong = |reason: String| BuildError::PackageContent {
            package: file.clone(),
            reason,
        };
        let inspected = expected.inspect(open(folder, file)?);
        let inspected = inspected.map_err(|problem| match problem {
            Unfit::Package(source) => BuildError::Package {
                package: file.clone(),
                source,
            },
            Unfit::Content(reason) => wrong(reason),
        })?;
        let known = missing.iter().position(|name| *name == inspected.name);
        let index = known.ok_or_else(|| wrong("another file is the same package".to_owned()))?;
        missing.remove(index);
        artifact.control = Some(inspected.fields);
        config = config.or(inspected.config.map(|text| (file.clone(), text)));
    }
    if let Some(name) = missing.first() {
        return Err(BuildError::Unexpected(format!("no package `{name}`")));
    }
    let Some((package, text)) = config else {
        let reason = format!("no package with /{}", expected.config);
        return Err(BuildError::Unexpected(reason));
    };
    if text != configured.text {
        check(planned, &parse(&text)?, |_| Ok(BTreeMap::new()))?;
        let reason = "its configuration is not the one that was configured".to_owned();
        return Err(BuildError::PackageContent { package, reason });
    }
    Ok(())
}

fn open(folder: &Utf8Path, name: &str) -> Result<File, BuildError> {
    let path = folder.join(name);
    File::open(&path).map_err(|source| BuildError::File {
        attempt: "opening",
        path,
        source,
    })
}
