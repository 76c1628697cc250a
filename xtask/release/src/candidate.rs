//! Results that may be released: pinned, complete, and of a kernel that passed its smoke boot.

use std::collections::BTreeMap;
use std::fs;

use builder::finished::{Finished, Origin};
use builder::plan::Planned;
use builder::project::Project;
use builder::reproduce::{self, Told};
use camino::{Utf8Path, Utf8PathBuf};
use model::digest::Sha256;
use model::manifest::Manifest;
use model::smoke::{Smoke, Verdict};

use crate::checkout::Checkout;

/// The most that a verdict may be, in bytes.
const MAX_SMOKE: u64 = 16 << 20;

/// A result that is fit for a release.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) planned: Planned,
    pub(crate) finished: Finished,
    pub(crate) smoke: Smoke,
    /// `smoke.json`, as it stands there.
    pub(crate) smoke_text: String,
    /// Whether it came out the same when it was built again.
    pub(crate) reproduced: bool,
}

impl Candidate {
    /// Looks at the result of `recipe` in the project's `out/`, all of whose bytes are read. What it must be is what
    /// the commit's recipes say, whatever else lies in the working tree.
    pub(crate) fn open(
        project: &Project,
        checkout: &Checkout,
        recipe: &str,
    ) -> Result<Self, String> {
        let planned = Planned::load(&checkout.project, recipe);
        let planned = planned.map_err(|error| {
            let cause = std::error::Error::source(&error);
            let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        })?;
        check_names(&planned)?;
        let folder = project.out().join(recipe);
        if !folder.exists() {
            return Err(format!("it is not built; run `cargo xtask build {recipe}`"));
        }
        let finished = Finished::open(&folder, Origin::There)?;
        check_plan(&planned, &finished, checkout)?;
        check_run(&finished)?;
        check_versions(&planned, &finished)?;
        let reproduced = reproduced(&folder, &finished)?;
        let smoke_text = read_smoke(&folder)?;
        let smoke = Smoke::parse(&smoke_text).map_err(|error| error.to_string())?;
        let manifest = fs::read(folder.join("manifest.json")).map_err(|error| error.to_string())?;
        check_smoke(&smoke, &finished.manifest, &Sha256::of(manifest))?;
        Ok(Self {
            planned,
            finished,
            smoke,
            smoke_text,
            reproduced,
        })
    }

    /// A file of the result.
    pub(crate) fn file(&self, name: &str) -> Utf8PathBuf {
        self.finished.path.join(name)
    }

    /// Its packages: file names, and what they say their names are.
    pub(crate) fn packages(&self) -> BTreeMap<String, String> {
        let artifacts = self.finished.manifest.artifacts.iter();
        artifacts
            .filter_map(|(file, artifact)| {
                let fields = artifact.control.as_ref()?;
                let name = fields.get("Package").or_else(|| fields.get("Name"))?;
                Some((file.clone(), name.clone()))
            })
            .collect()
    }
}

/// What becomes part of paths and addresses.
fn check_names(planned: &Planned) -> Result<(), String> {
    let release = &planned.recipe.target.release;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if release.is_empty() || release.starts_with('.') || !release.chars().all(is_plain) {
        return Err(format!(
            "{release:?} cannot be the name of a distribution's release"
        ));
    }
    Ok(())
}

fn check_plan(planned: &Planned, finished: &Finished, checkout: &Checkout) -> Result<(), String> {
    let manifest = &finished.manifest;
    // A developer's own source is told from recipes that were changed.
    let unpinned = manifest.plan.get("unpinned");
    if unpinned.is_some_and(|unpinned| unpinned != false) {
        return Err("it was built from a source of somebody's own, which nothing pins".to_owned());
    }
    let wanted = planned.plan.id();
    if manifest.plan_id != wanted {
        let (found, wanted) = (manifest.plan_id.short(), wanted.short());
        let commit: String = checkout.commit.as_str().chars().take(12).collect();
        return Err(format!(
            "it is of plan {found}, but at commit {commit} the recipe's plan is {wanted}; commit your changes, and build \
             it again"
        ));
    }
    if manifest.for_release {
        Ok(())
    } else {
        Err("its recipe is not for release".to_owned())
    }
}

/// The version that a release names has to be what package managers read.
fn check_versions(planned: &Planned, finished: &Finished) -> Result<(), String> {
    let wanted = planned.identity.full();
    for (file, artifact) in &finished.manifest.artifacts {
        let Some(fields) = &artifact.control else {
            continue;
        };
        let part = |name: &str| fields.get(name).map_or("", String::as_str);
        let found = match part("Release") {
            "" => part("Version").to_owned(),
            release => format!("{}-{release}", part("Version")),
        };
        if found != wanted {
            return Err(format!("{file} has version {found}, expected {wanted}"));
        }
    }
    Ok(())
}

fn check_run(finished: &Finished) -> Result<(), String> {
    if finished.run.incremental {
        return Err("it was built from objects that an earlier build left".to_owned());
    }
    Ok(())
}

/// Whether it came out the same when it was built again; false where nobody tried.
fn reproduced(folder: &Utf8Path, finished: &Finished) -> Result<bool, String> {
    match Told::read(folder)? {
        None => Ok(false),
        Some(told) if told.verdict == reproduce::Verdict::Different => {
            Err("it did not come out the same when it was built again".to_owned())
        }
        Some(told) if told.plan_id != finished.manifest.plan_id => {
            Err("the report of its second build is of another plan".to_owned())
        }
        Some(_) => Ok(true),
    }
}

fn read_smoke(folder: &Utf8Path) -> Result<String, String> {
    let path = folder.join("smoke.json");
    let size = fs::metadata(&path).map(|found| found.len());
    match size {
        Ok(size) if size > MAX_SMOKE => Err(format!("{path} has {size} bytes")),
        Ok(_) => fs::read_to_string(&path).map_err(|error| format!("{path}: {error}")),
        Err(error) => Err(format!("it was not booted: {path}: {error}")),
    }
}

/// The verdict has to be of just these packages, and of a kernel that nobody broke on purpose.
fn check_smoke(smoke: &Smoke, manifest: &Manifest, text: &Sha256) -> Result<(), String> {
    match (smoke.verdict, &smoke.reason) {
        (Verdict::Passed, _) => {}
        (Verdict::NotRun, _) => return Err("its kernel was not booted".to_owned()),
        (Verdict::Failed, reason) => {
            let reason = reason.as_deref().unwrap_or("no reason was given");
            return Err(format!("its kernel failed the smoke boot: {reason}"));
        }
    }
    let sabotage = smoke.machine.as_ref().map(|machine| &machine.sabotage);
    if smoke.incremental || sabotage.is_none_or(Option::is_some) {
        return Err("its smoke boot does not count for a release".to_owned());
    }
    let packages = manifest.artifacts.iter();
    let packages: BTreeMap<_, _> = packages
        .filter(|(_, artifact)| artifact.control.is_some())
        .map(|(name, artifact)| (name.clone(), artifact.sha256))
        .collect();
    // A boot looks into those packages that have the kernel.
    let known = |(name, digest): (&String, &Sha256)| packages.get(name) == Some(digest);
    if smoke.manifest.as_ref() != Some(text)
        || smoke.packages.is_empty()
        || !smoke.packages.iter().all(known)
    {
        return Err("its verdict is of other packages".to_owned());
    }
    Ok(())
}
