//! A release: results and what was released before become one tree, all of it or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use builder::project::Project;
use camino::Utf8PathBuf;
use host::cancel::Cancel;
use model::recipe::PackageFormat;
use model::release::{self, Kernel, Package, Release};

use crate::candidate::Candidate;
use crate::changes::{Papers, changes};
use crate::checkout::Checkout;
use crate::error::ReleaseError;
use crate::keys::{Keys, MINISIGN_PUBLIC, OPENPGP_PUBLIC, PEM};
use crate::previous::Previous;
use crate::succession::{collisions, replaces_the_distributions, succession};
use crate::tree::{Draft, Place};
use crate::{apt, dnf, page, provenance, sbom, sums};

/// The file that tells what a release has.
pub(crate) const RELEASE: &str = "release.json";
/// Seconds of a day.
const DAY: u64 = 86_400;

/// What is to be released, and how.
#[derive(Debug)]
pub struct Order<'a> {
    /// The clone, whose `out/` has the results.
    pub project: &'a Project,
    /// The commit of it that the results are of.
    pub revision: &'a str,
    /// The recipes; with none, what was released before is signed anew.
    pub recipes: &'a [String],
    /// The link that the finished tree gets.
    pub place: &'a Place,
    /// Where it will be served, without a slash at the end.
    pub url: &'a str,
    /// How many versions of each recipe stay; all where `None`.
    pub keep: Option<usize>,
    /// For how many days its indexes may be believed.
    pub valid_days: u32,
    /// The clock, in seconds since 1970.
    pub date: u64,
}

/// What was released.
#[derive(Debug)]
pub struct Published {
    /// What the release has.
    pub release: Release,
    /// The folders of those kernels that were added.
    pub added: Vec<String>,
    /// How many files it has, and their bytes.
    pub files: (usize, u64),
}

/// Makes the tree, signs it and puts it in its place.
///
/// # Errors
/// A result that is not fit, or anything else; then nothing was changed.
pub fn publish(
    order: &Order<'_>,
    previous: Option<&Previous>,
    keys: &Keys,
    cancel: &Cancel,
) -> Result<Published, ReleaseError> {
    check(order, previous)?;
    keys.check(order.date)?;
    let checkout = match order.recipes {
        [] => None,
        _ => Some(Checkout::of(order.project, order.revision, cancel)?),
    };
    let candidates = checkout.as_ref().map(|it| candidates(order, it, cancel));
    let candidates = candidates.transpose()?.unwrap_or_default();
    let mut work = Work {
        order,
        previous,
        keys,
        draft: Draft::create(order.place)?,
        added: Vec::new(),
    };
    let commit = checkout.map(|checkout| checkout.commit.to_string());
    let release = work.kernels(&candidates, &commit.unwrap_or_default())?;
    cancel.check()?;
    work.repositories(&release)?;
    work.front(&release)?;
    let Work {
        mut draft, added, ..
    } = work;
    cancel.check()?;
    let digest = sums::write(&mut draft, keys, release.date)?;
    let sizes = draft.files().values().map(|stored| stored.size);
    let files = (draft.files().len(), sizes.sum());
    draft.publish(&format!("{}-{}", release.date, digest.short()))?;
    Ok(Published {
        release,
        added,
        files,
    })
}

fn check(order: &Order<'_>, previous: Option<&Previous>) -> Result<(), ReleaseError> {
    let Some(previous) = previous else {
        if order.recipes.is_empty() {
            return Err(ReleaseError::Input(
                "there is nothing to release".to_owned(),
                "name recipes that are built, or a release to sign anew with --previous",
            ));
        }
        return Ok(());
    };
    let before = previous.release.date;
    // By their dates readers tell the newer one.
    if order.date <= before {
        let (date, before) = [order.date, before].map(formats::dates::rfc3339).into();
        return Err(ReleaseError::Input(
            format!("the release before is of {before}, and this one would be of {date}"),
            "set the clock right, or SOURCE_DATE_EPOCH to a later time",
        ));
    }
    Ok(())
}

/// The results that are released, or why there are none.
fn candidates(
    order: &Order<'_>,
    checkout: &Checkout,
    cancel: &Cancel,
) -> Result<Vec<Candidate>, ReleaseError> {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for recipe in order.recipes.iter().collect::<BTreeSet<_>>() {
        cancel.check()?;
        match Candidate::open(order.project, checkout, recipe) {
            Ok(candidate) => found.push(candidate),
            Err(problem) => problems.push(format!("{recipe}: {problem}")),
        }
    }
    match problems[..] {
        [] => Ok(found),
        _ => Err(ReleaseError::Refused { problems }),
    }
}

struct Work<'a> {
    order: &'a Order<'a>,
    previous: Option<&'a Previous>,
    keys: &'a Keys,
    draft: Draft<'a>,
    /// The folders of kernels that were not released before.
    added: Vec<String>,
}

impl Work<'_> {
    /// Puts the packages and papers of all kernels into the tree.
    fn kernels(&mut self, candidates: &[Candidate], commit: &str) -> Result<Release, ReleaseError> {
        let mut all: BTreeMap<String, Vec<Kernel>> = BTreeMap::new();
        let before = self.previous.map(|previous| &previous.release.kernels);
        for kernel in before.into_iter().flatten() {
            let recipe = kernel.recipe.to_string();
            all.entry(recipe).or_default().push(kernel.clone());
        }
        let mut problems = Vec::new();
        let mut fresh = Vec::new();
        for candidate in candidates {
            let recipe = candidate.planned.recipe.name.to_string();
            let known = all.get(&recipe).map(|known| &known[..]).unwrap_or_default();
            match succession(candidate, known) {
                Ok(true) => fresh.push(candidate),
                Ok(false) => {}
                Err(problem) => problems.push(format!("{recipe}: {problem}")),
            }
        }
        if problems.is_empty() {
            for candidate in fresh {
                let recipe = candidate.planned.recipe.name.to_string();
                let known = all.entry(recipe).or_default();
                let kernel = self.add(candidate, known.first(), commit)?;
                known.insert(0, kernel);
            }
            problems = collisions(all.values().flatten());
        }
        if !problems.is_empty() {
            return Err(ReleaseError::Refused { problems });
        }
        let keep = self.order.keep.unwrap_or(usize::MAX);
        let kernels: Vec<_> = all
            .into_values()
            .flat_map(|it| it.into_iter().take(keep))
            .collect();
        self.take_over(&kernels)?;
        Ok(self.release(kernels))
    }

    fn release(&self, kernels: Vec<Kernel>) -> Release {
        let public = self.keys.public();
        Release {
            schema: release::SCHEMA,
            date: self.order.date,
            valid_until: self.order.date + u64::from(self.order.valid_days) * DAY,
            url: self.order.url.to_owned(),
            keys: release::Keys {
                openpgp: public.fingerprint,
                minisign: public.minisign.id(),
            },
            kernels,
        }
    }

    /// Adds a result.
    fn add(
        &mut self,
        candidate: &Candidate,
        before: Option<&Kernel>,
        commit: &str,
    ) -> Result<Kernel, ReleaseError> {
        let recipe = &candidate.planned.recipe;
        let manifest = &candidate.finished.manifest;
        let version = candidate.planned.identity.full();
        let mut kernel = Kernel {
            recipe: recipe.name.clone(),
            summary: recipe.summary.clone(),
            target: recipe.target.clone(),
            install: install(candidate),
            kernel_release: manifest.kernel_release.clone(),
            plan_id: manifest.plan_id,
            commit: commit.to_owned(),
            released: self.order.date,
            from_scratch: candidate.finished.run.is_from_scratch(),
            reproduced: candidate.reproduced,
            folder: format!("kernels/{}/{version}", recipe.name),
            version,
            packages: Vec::new(),
            changes: None,
        };
        kernel.packages = self.packages(candidate, &kernel)?;
        kernel.changes = self.changes(candidate, before)?;
        self.papers(candidate, &kernel)?;
        self.added.push(kernel.folder.clone());
        Ok(kernel)
    }

    fn packages(
        &mut self,
        candidate: &Candidate,
        kernel: &Kernel,
    ) -> Result<Vec<Package>, ReleaseError> {
        let repository = kernel.repository();
        let mut packages = Vec::new();
        for (file, name) in candidate.packages() {
            let built = candidate.finished.manifest.artifacts[&file].sha256;
            let from = candidate.file(&file);
            let below = format!("{}/{file}", kernel.recipe);
            let (path, stored) = match kernel.format() {
                PackageFormat::Deb => {
                    let path = apt::package_path(&repository, &below);
                    let stored = self.draft.copy(&path, &from, &built, &[])?;
                    (path, stored)
                }
                PackageFormat::Rpm => {
                    let path = dnf::package_path(&repository, &below);
                    let signer = (self.keys, self.order.date);
                    let stored = dnf::add_signed(&mut self.draft, &path, &from, &built, signer)?;
                    (path, stored)
                }
            };
            packages.push(Package {
                indexed: !replaces_the_distributions(kernel.format(), &name),
                name,
                path,
                size: stored.size,
                sha256: stored.sha256,
                built,
            });
        }
        Ok(packages)
    }

    fn changes(
        &self,
        candidate: &Candidate,
        before: Option<&Kernel>,
    ) -> Result<Option<release::Changes>, ReleaseError> {
        let (Some(before), Some(previous)) = (before, self.previous) else {
            return Ok(None);
        };
        let text = |name: &str| previous.text(&format!("{}/{name}", before.folder));
        let old = Papers {
            smoke: text("smoke.json")?,
            config: text("config")?,
        };
        let now = Papers {
            smoke: candidate.smoke_text.clone(),
            config: read_text(&candidate.file("config"))?,
        };
        let changes = changes(&before.version, &old, &now);
        let changes = changes.map_err(|error| ReleaseError::untrusted(&before.folder, error))?;
        Ok(Some(changes))
    }

    /// What is to be read about a kernel.
    fn papers(&mut self, candidate: &Candidate, kernel: &Kernel) -> Result<(), ReleaseError> {
        let folder = &kernel.folder;
        let artifacts = &candidate.finished.manifest.artifacts;
        let config = artifacts.get("config").map(|config| config.sha256);
        for (name, digest) in [
            ("config", config),
            ("manifest.json", candidate.smoke.manifest),
        ] {
            let from = candidate.file(name);
            let missing = || ReleaseError::untrusted(from.as_str(), "nothing vouches for it");
            let digest = digest.ok_or_else(missing)?;
            self.draft
                .copy(&format!("{folder}/{name}"), &from, &digest, &[])?;
        }
        self.draft
            .add(&format!("{folder}/smoke.json"), &candidate.smoke_text)?;
        let html = read_text(&candidate.file("smoke.html"))?;
        self.draft.add(&format!("{folder}/smoke.html"), html)?;
        let (url, date) = (self.order.url, self.order.date);
        let bill = sbom::sbom(candidate, &kernel.packages, url, date);
        let bill = pretty(&bill, "the bill of materials")?;
        self.draft.add(&format!("{folder}/sbom.spdx.json"), bill)?;
        let statement = provenance::statement(candidate, &kernel.packages, &kernel.commit, url)?;
        let envelope = statement.sign(self.keys)?;
        self.draft
            .add(&format!("{folder}/provenance.json"), envelope)?;
        Ok(())
    }

    /// Takes over what was released before and stays.
    fn take_over(&mut self, kernels: &[Kernel]) -> Result<(), ReleaseError> {
        let Some(previous) = self.previous else {
            return Ok(());
        };
        for kernel in kernels {
            let packages = kernel.packages.iter().map(|package| package.path.clone());
            let papers = previous.below(&kernel.folder);
            for path in packages.chain(papers) {
                if !self.draft.files().contains_key(&path) {
                    previous.hand_over(&path, &mut self.draft)?;
                }
            }
        }
        let packages = kernels.iter().flat_map(|kernel| &kernel.packages);
        let files = self.draft.files();
        let is_other = |package: &&Package| {
            let stored = files.get(&package.path);
            stored.is_none_or(|stored| stored.sha256 != package.sha256)
        };
        let problems: Vec<_> = packages
            .filter(is_other)
            .map(|package| format!("{}: two versions have other bytes of it", package.path))
            .collect();
        match problems[..] {
            [] => Ok(()),
            _ => Err(ReleaseError::Refused { problems }),
        }
    }

    fn repositories(&mut self, release: &Release) -> Result<(), ReleaseError> {
        let mut groups: BTreeMap<(String, &str), Vec<&Kernel>> = BTreeMap::new();
        for kernel in &release.kernels {
            let key = (kernel.repository(), kernel.format().extension());
            groups.entry(key).or_default().push(kernel);
        }
        for ((name, _), kernels) in groups {
            match kernels.first().map(|kernel| kernel.format()) {
                Some(PackageFormat::Rpm) => self.channel(release, &name, kernels)?,
                _ => self.suite(release, &name, kernels)?,
            }
        }
        Ok(())
    }

    fn suite(
        &mut self,
        release: &Release,
        name: &str,
        kernels: Vec<&Kernel>,
    ) -> Result<(), ReleaseError> {
        let before = self.before(apt::index_paths(name))?;
        let suite = apt::Suite {
            name,
            release,
            keys: self.keys,
            kernels,
            before,
        };
        apt::write(&mut self.draft, &suite)
    }

    fn channel(
        &mut self,
        release: &Release,
        name: &str,
        kernels: Vec<&Kernel>,
    ) -> Result<(), ReleaseError> {
        let lists = self.previous.map(|previous| previous.current_lists(name));
        let before = self.before(lists.transpose()?.unwrap_or_default())?;
        let channel = dnf::Channel {
            name,
            release,
            keys: self.keys,
            kernels,
            before,
        };
        dnf::write(&mut self.draft, &channel)
    }

    /// Files of the release before, as far as it has them.
    fn before(&self, paths: Vec<String>) -> Result<BTreeMap<String, Vec<u8>>, ReleaseError> {
        let mut files = BTreeMap::new();
        let Some(previous) = self.previous else {
            return Ok(files);
        };
        for path in paths.into_iter().filter(|path| previous.has(path)) {
            let bytes = previous.bytes(&path)?;
            files.insert(path, bytes);
        }
        Ok(files)
    }

    /// What everybody comes to first.
    fn front(&mut self, release: &Release) -> Result<(), ReleaseError> {
        let public = self.keys.public();
        self.draft.add(OPENPGP_PUBLIC, &public.openpgp)?;
        self.draft.add(MINISIGN_PUBLIC, public.minisign.text())?;
        self.draft.add(PEM, public.minisign.pem())?;
        let text = serde_json::to_value(release).map_err(ReleaseError::render(RELEASE))?;
        self.draft.add(RELEASE, pretty(&text, RELEASE)?)?;
        self.draft.add("index.html", page::page(release))?;
        Ok(())
    }
}

/// What a user asks for to have the newest.
fn install(candidate: &Candidate) -> String {
    let recipe = candidate.planned.recipe.name.as_str();
    match candidate.planned.recipe.target.format {
        PackageFormat::Deb => apt::meta_name("image", recipe),
        PackageFormat::Rpm => {
            let manifest = &candidate.finished.manifest;
            let kernel = manifest
                .kernel_rpm()
                .and_then(|file| candidate.packages().remove(file));
            kernel.unwrap_or_else(|| "kernel".to_owned())
        }
    }
}

fn read_text(path: &Utf8PathBuf) -> Result<String, ReleaseError> {
    fs::read_to_string(path).map_err(ReleaseError::file("reading", path))
}

fn pretty(value: &serde_json::Value, what: &'static str) -> Result<String, ReleaseError> {
    let text = serde_json::to_string_pretty(value).map_err(ReleaseError::render(what))?;
    Ok(text + "\n")
}
