//! What a witness does: builds a release's kernels from the recipes of their own clone, compares, and says so.

use std::collections::BTreeSet;

use builder::build::{How, Tools, build, lock_result};
use builder::ccache::UseCcache;
use builder::plan::Planned;
use builder::project::Project;
use builder::report::Reporter;
use host::cancel::Cancel;
use model::digest::Sha256;
use model::manifest::Manifest;
use model::release::{Kernel, Release};
use serde_json::json;

use crate::attestation::{Resource, Statement};
use crate::checkout::Checkout;
use crate::error::ReleaseError;
use crate::keys::{Keys, MinisignPublic};
use crate::provenance::{BUILD, PREDICATE, file_name};

/// A witness' word on one kernel.
#[derive(Debug)]
pub struct Attestation {
    /// What its file is to be called.
    pub file: String,
    /// The signed envelope.
    pub envelope: String,
}

/// A kernel that is to be built from the recipes and containers that a clone has at the commit that the release names.
/// Those in the release are compared with, and not used.
#[derive(Debug)]
pub struct Rebuild<'a> {
    kernel: &'a Kernel,
    checkout: Checkout,
    planned: Planned,
}

impl<'a> Rebuild<'a> {
    /// Takes that commit out of the clone that `project` is, and compares the plans.
    ///
    /// # Errors
    /// The clone has no such commit, or another plan.
    pub fn prepare(
        project: &Project,
        kernel: &'a Kernel,
        cancel: &Cancel,
    ) -> Result<Self, ReleaseError> {
        let checkout = Checkout::of(project, &kernel.commit, cancel)?;
        let planned = Planned::load(&checkout.project, kernel.recipe.as_str())?;
        check_plan(kernel, &planned)?;
        Ok(Self {
            kernel,
            checkout,
            planned,
        })
    }

    /// The project as that commit has it.
    pub fn project(&self) -> &Project {
        &self.checkout.project
    }

    /// Builds it, with nothing that was compiled before, and compares every package.
    ///
    /// # Errors
    /// The build fails, or a byte differs.
    pub fn run(
        &self,
        tools: Tools<'_>,
        keys: &Keys,
        reporter: &dyn Reporter,
    ) -> Result<Attestation, ReleaseError> {
        let kernel = self.kernel;
        let held = lock_result(&self.project().out(), &self.planned.recipe.name)?;
        let how = How {
            jobs: None,
            incremental: false,
            reuse: false,
            ccache: UseCcache::Never,
        };
        let built = build(tools, &self.planned, how, &held, reporter)?;
        compare(kernel, &built.manifest)?;
        let started = formats::dates::rfc3339(built.run.started);
        let statement = statement(kernel, &built.manifest, &started, keys);
        let id = keys.public().minisign.id();
        Ok(Attestation {
            file: format!("{}-{}.{id}.json", kernel.recipe, kernel.version),
            envelope: statement.sign(keys)?,
        })
    }
}

fn check_plan(kernel: &Kernel, planned: &Planned) -> Result<(), ReleaseError> {
    let id = planned.plan.id();
    if id == kernel.plan_id {
        return Ok(());
    }
    Err(ReleaseError::untrusted(
        format!("{}/manifest.json", kernel.folder),
        format!(
            "at commit {} this clone's plan of recipe `{}` is {}, but {} was released; this version of the program may \
             build in another way: try that commit's",
            kernel.commit, kernel.recipe, id, kernel.plan_id
        ),
    ))
}

fn compare(kernel: &Kernel, manifest: &Manifest) -> Result<(), ReleaseError> {
    let mut files = Vec::new();
    for package in &kernel.packages {
        let name = file_name(&package.path);
        let found = manifest.artifacts.get(name).map(|found| found.sha256);
        if found != Some(package.built) {
            let found = found.map_or_else(|| "nothing".to_owned(), |found| found.to_string());
            files.push(format!(
                "{name} ({} was released, {found} built)",
                package.built
            ));
        }
    }
    match files[..] {
        [] => Ok(()),
        _ => Err(different(kernel, files)),
    }
}

fn different(kernel: &Kernel, files: Vec<String>) -> ReleaseError {
    ReleaseError::Different {
        recipe: kernel.recipe.to_string(),
        files,
    }
}

/// The same form of provenance as the publisher's, with another builder.
fn statement(kernel: &Kernel, manifest: &Manifest, started: &str, keys: &Keys) -> Statement {
    let packages = kernel.packages.iter();
    let subject = packages
        .map(|package| Resource::file(file_name(&package.path), &package.built))
        .collect();
    let builder = format!(
        "urn:mptcp-kernels:rebuilder:{}",
        keys.public().minisign.id()
    );
    let predicate = json!({
        "buildDefinition": {
            "buildType": BUILD,
            "externalParameters": { "recipe": kernel.recipe.as_str(), "commit": kernel.commit },
            "internalParameters": { "plan_id": manifest.plan_id, "plan": manifest.plan },
            "resolvedDependencies": [],
        },
        "runDetails": {
            "builder": { "id": builder, "version": { "mptcp-kernels": env!("CARGO_PKG_VERSION") } },
            "metadata": { "startedOn": started },
            "byproducts": [],
        },
    });
    Statement::new(subject, PREDICATE, predicate)
}

/// Requires that of each recipe's newest kernel, `needed` of the witnesses say that they built it too.
///
/// # Errors
/// There are fewer; it tells why the others do not count.
pub fn require(
    release: &Release,
    needed: usize,
    witnesses: &[MinisignPublic],
    attestations: &[(String, Vec<u8>)],
) -> Result<usize, ReleaseError> {
    let mut said: Vec<(String, BTreeSet<Sha256>)> = Vec::new();
    let mut problems = Vec::new();
    for (name, envelope) in attestations {
        let verified = witnesses.iter().find_map(|witness| {
            let statement = Statement::verify(envelope, witness).ok()?;
            Some((witness.id(), statement))
        });
        match verified {
            Some((id, statement)) if statement.predicate_type == PREDICATE => {
                let digests = statement.subject.iter().filter_map(Resource::sha256);
                said.push((id, digests.collect()));
            }
            Some(_) => problems.push(format!("{name}: it is no provenance")),
            None => problems.push(format!("{name}: none of the witnesses has signed it")),
        }
    }
    let attests = |kernel: &Kernel| {
        let packages = || kernel.packages.iter().map(|package| &package.built);
        let witnesses = said
            .iter()
            .filter(|(_, digests)| packages().all(|it| digests.contains(it)));
        witnesses.map(|(id, _)| id).collect::<BTreeSet<_>>().len()
    };
    let kernels = release.newest().map(|kernel| (attests(kernel), kernel));
    let fewest = kernels.min_by_key(|(count, _)| *count);
    let found = fewest.map_or(0, |(count, _)| count);
    if found >= needed {
        return Ok(found);
    }
    if let Some((_, kernel)) = fewest {
        problems.push(format!("fewest for {} {}", kernel.recipe, kernel.version));
    }
    Err(ReleaseError::Witnesses {
        needed,
        found,
        problems,
    })
}
