//! Whether the papers of a kernel fit together: manifest, verdict, and provenance against plan.

use std::collections::{BTreeMap, BTreeSet};

use model::digest::Sha256;
use model::manifest::Manifest;
use model::plan::canonical_json;
use model::release::Kernel;
use model::smoke::{Smoke, Verdict};

use super::Tree;
use crate::attestation::{Resource, Statement};
use crate::error::ReleaseError;
use crate::provenance::{BUILD, PREDICATE, Provenance, file_name};

impl Tree<'_> {
    pub(super) fn check_kernel(&self, kernel: &Kernel) -> Result<(), ReleaseError> {
        let path = |name: &str| format!("{}/{name}", kernel.folder);
        let text = self.bytes(&path("manifest.json"))?;
        let manifest = check_manifest(kernel, &text)
            .map_err(|reason| ReleaseError::untrusted(path("manifest.json"), reason))?;
        let config = Sha256::of(self.bytes(&path("config"))?);
        let told = manifest.artifacts.get("config");
        if told.map(|told| told.sha256) != Some(config) {
            let reason = "the manifest names another configuration";
            return Err(ReleaseError::untrusted(path("config"), reason));
        }
        let smoke = self.text(&path("smoke.json"))?;
        check_smoke(&smoke, &Sha256::of(&text), &manifest)
            .map_err(|reason| ReleaseError::untrusted(path("smoke.json"), reason))?;
        let envelope = self.bytes(&path("provenance.json"))?;
        Statement::verify(&envelope, &self.sums.minisign)
            .and_then(|said| check_provenance(kernel, &manifest, &Sha256::of(&smoke), &said))
            .map_err(|reason| ReleaseError::untrusted(path("provenance.json"), reason))
    }
}

fn check_manifest(kernel: &Kernel, text: &[u8]) -> Result<Manifest, String> {
    let manifest: Manifest = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if Sha256::of(canonical_json(&manifest.plan)) != manifest.plan_id {
        return Err("its plan is not the one of its id".to_owned());
    }
    if manifest.plan_id != kernel.plan_id {
        return Err("it is of another plan than release.json names".to_owned());
    }
    let artifacts = manifest.artifacts.iter();
    let packages = artifacts.filter(|(_, artifact)| artifact.control.is_some());
    let built: BTreeMap<_, _> = packages
        .map(|(name, artifact)| (name.as_str(), artifact.sha256))
        .collect();
    let told = kernel.packages.iter();
    let told: BTreeMap<_, _> = told
        .map(|package| (file_name(&package.path), package.built))
        .collect();
    if built != told {
        return Err("it names other packages than release.json".to_owned());
    }
    Ok(manifest)
}

fn check_smoke(text: &str, manifest: &Sha256, content: &Manifest) -> Result<(), String> {
    let smoke = Smoke::parse(text).map_err(|error| error.to_string())?;
    if smoke.verdict != Verdict::Passed {
        return Err("the verdict is not `passed`".to_owned());
    }
    let sabotage = smoke
        .machine
        .as_ref()
        .and_then(|machine| machine.sabotage.as_ref());
    if sabotage.is_some() || smoke.incremental {
        return Err("the verdict does not count for a release".to_owned());
    }
    let is_known = |(name, digest): (&String, &Sha256)| {
        let artifact = content.artifacts.get(name);
        artifact.is_some_and(|artifact| artifact.sha256 == *digest)
    };
    if smoke.packages.is_empty() {
        return Err("the verdict is of no package".to_owned());
    }
    if smoke.manifest != Some(*manifest) || !smoke.packages.iter().all(is_known) {
        return Err("the verdict is of another manifest".to_owned());
    }
    Ok(())
}

fn check_provenance(
    kernel: &Kernel,
    manifest: &Manifest,
    smoke: &Sha256,
    said: &Statement,
) -> Result<(), String> {
    if said.predicate_type != PREDICATE {
        return Err("it is no SLSA provenance of version 1".to_owned());
    }
    let provenance: Provenance = serde_json::from_value(said.predicate.clone())
        .map_err(|error| format!("it is malformed: {error}"))?;
    let definition = &provenance.build_definition;
    let chosen = &definition.external_parameters;
    let expected = (BUILD, kernel.recipe.as_str(), kernel.commit.as_str());
    let found = (
        &definition.build_type[..],
        &chosen.recipe[..],
        &chosen.commit[..],
    );
    if found != expected {
        return Err(format!("it is of {found:?}, expected {expected:?}"));
    }
    let internal = &definition.internal_parameters;
    if internal.plan_id != manifest.plan_id || internal.plan != manifest.plan {
        return Err("it is of another plan than the manifest".to_owned());
    }
    let subjects: BTreeSet<_> = said.subject.iter().map(Resource::sha256).collect();
    let mut packages = kernel.packages.iter();
    let named = |digest| subjects.contains(&Some(digest));
    if !packages.all(|package| named(package.sha256) && named(package.built)) {
        return Err("it does not speak of all packages".to_owned());
    }
    let verdicts = provenance.run_details.byproducts.iter();
    let mut verdicts = verdicts.filter(|it| it.name.as_deref() == Some("smoke.json"));
    if !verdicts.any(|verdict| verdict.sha256() == Some(*smoke)) {
        return Err("it is of another verdict".to_owned());
    }
    Ok(())
}
