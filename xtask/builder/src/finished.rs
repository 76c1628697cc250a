//! Finished results: found by their plan, believed only after every byte was read.
//!
//! A result in `out/` serves again, and so does one that any clone on this host left in the cache. What is in them
//! may have been changed since, by anybody who can write there; so all that `SHA256SUMS` covers is hashed before it is
//! used. Somebody who changes that file as well is found by `build --audit`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use model::digest::Sha256;
use model::manifest::{Manifest, Run};
use model::plan::canonical_json;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::Digest;

use crate::error::BuildError;
use crate::plan::Planned;
use crate::report::Reporter;
use crate::reproduce::{REPORT, Verdict};
use crate::result::{CHECKSUMS, Draft};

/// Where results are kept, below the cache.
const FOLDER: &str = "results";
/// What every result has and `SHA256SUMS` does not cover: that file itself, and what differs from run to run.
const UNCOVERED: [&str; 3] = [CHECKSUMS, "run.json", "build.log.gz"];
/// The most that they may take together, in bytes.
const MAX_CACHE: u64 = 20 << 30;
/// The room that must be left on the cache's disk, in bytes.
const MIN_FREE: u64 = 2 << 30;
/// The most that a text of a result may be, in bytes.
const MAX_TEXT: u64 = 16 << 20;

/// Where a result comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was built just now.
    Built,
    /// It was in `out/` already.
    There,
    /// It was in the cache.
    Cached,
}

/// A finished result, all of whose bytes are those that its manifest tells.
#[derive(Debug)]
pub struct Finished {
    /// The folder, or the link to it.
    pub path: Utf8PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// How it was built.
    pub run: Run,
    /// Where it comes from.
    pub origin: Origin,
}

impl Finished {
    /// Reads all of the result in `folder`.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn open(folder: &Utf8Path, origin: Origin) -> Result<Self, String> {
        let manifest_text = read(&folder.join("manifest.json"))?;
        let manifest: Manifest = parse("manifest.json", &manifest_text)?;
        let run: Run = parse("run.json", &read(&folder.join("run.json"))?)?;
        if Sha256::of(canonical_json(&manifest.plan)) != manifest.plan_id {
            return Err("its plan is not the one of its id".to_owned());
        }
        if run.plan_id != manifest.plan_id {
            return Err("its run is not of its plan".to_owned());
        }
        let mut files: BTreeMap<_, _> = manifest.artifacts.iter().collect();
        let told = checksums(&read(&folder.join(CHECKSUMS))?)?;
        let own = "manifest.json".to_owned();
        if told.get(&own) != Some(&Sha256::of(&manifest_text)) {
            return Err("manifest.json is not the one of SHA256SUMS".to_owned());
        }
        for (name, digest) in told.iter().filter(|(name, _)| **name != own) {
            let artifact = files.remove(name);
            if artifact.map(|artifact| artifact.sha256) != Some(*digest) {
                return Err(format!(
                    "SHA256SUMS and the manifest disagree about {name:?}"
                ));
            }
            let found = digest_of(&folder.join(name))?;
            if found != *digest {
                return Err(format!(
                    "{name} was changed: {digest} expected, found {found}"
                ));
            }
        }
        if let Some(name) = files.keys().next() {
            return Err(format!("{name:?} is not in SHA256SUMS"));
        }
        no_others(folder, &told)?;
        Ok(Self {
            path: folder.to_owned(),
            manifest,
            run,
            origin,
        })
    }

    /// The files that `SHA256SUMS` covers, and their digests.
    pub(crate) fn files(&self) -> Result<BTreeMap<String, Sha256>, BuildError> {
        let text = read(&self.path.join(CHECKSUMS)).map_err(BuildError::Unexpected)?;
        checksums(&text).map_err(BuildError::Unexpected)
    }
}

/// Refuses a file that no build leaves: who takes all packages of a folder would take it as well.
fn no_others(folder: &Utf8Path, told: &BTreeMap<String, Sha256>) -> Result<(), String> {
    let files = files_of(folder).map_err(|error| error.to_string())?;
    let is_known = |name: &String| {
        told.contains_key(name) || UNCOVERED.contains(&&name[..]) || is_learnt(name)
    };
    match files.into_iter().find(|name| !is_known(name)) {
        Some(name) => Err(format!("{name:?} is no part of it")),
        None => Ok(()),
    }
}

/// Whether a file tells what was learnt of a finished result.
fn is_learnt(name: &str) -> bool {
    name.starts_with("smoke.") || name.starts_with("smoke-") || name == REPORT
}

/// The result of `planned` that is in `out/` or in the cache, if one is; from the cache, it is put into `out/`. One
/// that started from old objects does not count, because kbuild decided what of it was up to date.
pub(crate) fn find(
    out: &Utf8Path,
    cache: &Utf8Path,
    planned: &Planned,
    reporter: &dyn Reporter,
) -> Result<Option<Finished>, BuildError> {
    let id = planned.plan.id();
    let link = out.join(planned.recipe.name.as_str());
    if let Some(found) = look(&link, &id, Origin::There, reporter) {
        return Ok(Some(found));
    }
    let Some(cached) = look(&entry(cache, &id), &id, Origin::Cached, reporter) else {
        return Ok(None);
    };
    let draft = Draft::create(out, &planned.recipe.name)?;
    copy(&cached.path, draft.folder()?)?;
    // What was read and what was copied may differ.
    let copied = Finished::open(draft.folder()?, Origin::Cached);
    let mut copied = copied.map_err(BuildError::Unexpected)?;
    copied.path = draft.publish(&id)?;
    Ok(Some(copied))
}

fn look(
    folder: &Utf8Path,
    id: &Sha256,
    origin: Origin,
    reporter: &dyn Reporter,
) -> Option<Finished> {
    // What does not even tell a plan is no result; what is of another plan is not looked for.
    let manifest = read(&folder.join("manifest.json")).ok()?;
    let manifest: Manifest = serde_json::from_slice(&manifest).ok()?;
    if manifest.plan_id != *id {
        return None;
    }
    if came_out_different(folder) {
        reporter.note(&format!(
            "warning: {folder} is not used: it did not come out the same when it was built again"
        ));
        return None;
    }
    match Finished::open(folder, origin) {
        Ok(finished) if finished.run.incremental => None,
        Ok(finished) => Some(finished),
        Err(reason) => {
            reporter.note(&format!("warning: {folder} is not used: {reason}"));
            None
        }
    }
}

/// Whether a report beside a result says so. One that cannot be read says nothing good.
fn came_out_different(folder: &Utf8Path) -> bool {
    #[derive(Deserialize)]
    struct Told {
        verdict: Verdict,
    }
    let path = folder.join(REPORT);
    path.exists()
        && !read(&path)
            .and_then(|text| parse::<Told>(REPORT, &text))
            .is_ok_and(|told| told.verdict == Verdict::Identical)
}

/// Keeps a result in the cache, for every clone on this host. Where that fails, the next build takes its time.
pub(crate) fn keep(cache: &Utf8Path, finished: &Finished, reporter: &dyn Reporter) {
    if finished.run.incremental {
        return;
    }
    if let Err(reason) = try_keep(cache, finished) {
        reporter.note(&format!(
            "warning: the result is not kept in the cache: {reason}"
        ));
    }
}

fn try_keep(cache: &Utf8Path, finished: &Finished) -> Result<(), String> {
    let folder = cache.join(FOLDER);
    let fail = |error: io::Error| format!("{folder}: {error}");
    fs::create_dir_all(&folder).map_err(fail)?;
    if host::disk::free(&folder).is_some_and(|free| free < MIN_FREE) {
        return Err(format!("the disk of {folder} is full"));
    }
    let draft = tempfile::tempdir_in(&folder).map_err(fail)?;
    let path = Utf8Path::from_path(draft.path()).ok_or("its path is not UTF-8")?;
    copy(&finished.path, path).map_err(|error| error.to_string())?;
    let place = entry(cache, &finished.manifest.plan_id);
    remove(&place).map_err(fail)?;
    match fs::rename(path, &place) {
        // Somebody else kept the same result meanwhile.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
        renamed => {
            renamed.map_err(fail)?;
            // Renamed away: there is nothing left to remove.
            let _ = draft.keep();
        }
    }
    evict(&folder, &place).map_err(fail)
}

/// Takes over what was learnt of a result since it was kept: its smoke boot, and whether it comes out the same.
///
/// # Errors
/// The cache cannot be written.
pub fn update(cache: &Utf8Path, folder: &Utf8Path) -> Result<(), BuildError> {
    let manifest = read(&folder.join("manifest.json")).map_err(BuildError::Unexpected)?;
    let parsed: Result<Manifest, _> = parse("manifest.json", &manifest);
    let place = entry(cache, &parsed.map_err(BuildError::Unexpected)?.plan_id);
    if read(&place.join("manifest.json")).ok() != Some(manifest) {
        return Ok(());
    }
    for file in files_of(folder)? {
        if is_learnt(&file) {
            copy_file(&folder.join(&file), &place.join(&file))?;
        }
    }
    Ok(())
}

/// Forgets the cached result of a plan.
///
/// # Errors
/// It cannot be removed.
pub(crate) fn forget(cache: &Utf8Path, plan: &Sha256) -> Result<(), BuildError> {
    let path = entry(cache, plan);
    remove(&path).map_err(|source| BuildError::File {
        attempt: "removing",
        path,
        source,
    })
}

fn entry(cache: &Utf8Path, plan: &Sha256) -> Utf8PathBuf {
    cache.join(FOLDER).join(plan.to_string())
}

/// Removes the results that were kept first until the rest is small enough; `newest` stays.
fn evict(folder: &Utf8Path, newest: &Utf8Path) -> io::Result<()> {
    let mut entries = Vec::new();
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        let size = size(entry.path())?;
        entries.push((entry.metadata()?.modified()?, size, entry.into_path()));
    }
    entries.sort();
    let mut total: u64 = entries.iter().map(|(_, size, _)| size).sum();
    for (_, size, path) in entries {
        if total > MAX_CACHE && path != newest {
            remove(&path)?;
            total -= size;
        }
    }
    Ok(())
}

fn size(folder: &Utf8Path) -> io::Result<u64> {
    let mut size = 0;
    for file in folder.read_dir_utf8()? {
        size += file?.metadata()?.len();
    }
    Ok(size)
}

fn remove(path: &Utf8Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn files_of(folder: &Utf8Path) -> Result<Vec<String>, BuildError> {
    let fail = |source| BuildError::File {
        attempt: "reading",
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in folder.read_dir_utf8().map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if entry.file_type().map_err(fail)?.is_file() {
            files.push(entry.file_name().to_owned());
        }
    }
    Ok(files)
}

/// Copies the files of a result; links and folders are none.
fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<(), BuildError> {
    for file in files_of(from)? {
        copy_file(&from.join(&file), &to.join(&file))?;
    }
    Ok(())
}

fn copy_file(from: &Utf8Path, to: &Utf8Path) -> Result<(), BuildError> {
    let copied = fs::copy(from, to).map(drop);
    copied.map_err(|source| BuildError::File {
        attempt: "copying",
        path: from.to_owned(),
        source,
    })
}

/// The bytes of a text of a result, up to the most that one may have.
pub(crate) fn read(path: &Utf8Path) -> Result<Vec<u8>, String> {
    let fail = |error: io::Error| format!("{path}: {error}");
    let mut text = Vec::new();
    let file = File::open(path).map_err(fail)?;
    file.take(MAX_TEXT).read_to_end(&mut text).map_err(fail)?;
    Ok(text)
}

pub(crate) fn parse<T: DeserializeOwned>(name: &str, text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| format!("{name}: {error}"))
}

/// What `SHA256SUMS` tells: no name leads out of the folder.
fn checksums(text: &[u8]) -> Result<BTreeMap<String, Sha256>, String> {
    let text = std::str::from_utf8(text).map_err(|error| format!("{CHECKSUMS}: {error}"))?;
    let mut files = BTreeMap::new();
    for line in text.lines() {
        let parts = line.split_once("  ");
        let parts = parts.filter(|(_, name)| !name.contains('/') && !name.starts_with('.'));
        let (digest, name) = parts.ok_or_else(|| format!("{CHECKSUMS}: the line {line:?}"))?;
        let digest = digest
            .parse()
            .map_err(|_| format!("{CHECKSUMS}: the line {line:?}"))?;
        files.insert(name.to_owned(), digest);
    }
    Ok(files)
}

fn digest_of(path: &Utf8Path) -> Result<Sha256, String> {
    let fail = |error: io::Error| format!("{path}: {error}");
    let mut file = File::open(path).map_err(fail)?;
    let mut hasher = sha2::Sha256::new();
    io::copy(&mut file, &mut hasher).map_err(fail)?;
    Ok(Sha256::finish(hasher))
}

#[cfg(test)]
mod tests;
