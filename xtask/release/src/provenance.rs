//! Provenance of a kernel: SLSA v1, as a statement over its packages.
//!
//! Source: <https://slsa.dev/spec/v1.0/provenance>.

use std::collections::BTreeMap;

use formats::dates::rfc3339;
use model::digest::Sha256;
use model::lock::LockedPackage;
use model::release::Package;
use model::smoke::{Smoke, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::attestation::{Resource, Statement};
use crate::candidate::Candidate;
use crate::error::ReleaseError;

/// The type of the predicate.
pub(crate) const PREDICATE: &str = "https://slsa.dev/provenance/v1";
/// What a build of ours is: its parameters are a recipe and the commit that has it.
pub(crate) const BUILD: &str = "urn:mptcp-kernels:build:v1";

/// The predicate, as far as it is read again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Provenance {
    pub(crate) build_definition: BuildDefinition,
    pub(crate) run_details: RunDetails,
}

/// What was to be built.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BuildDefinition {
    pub(crate) build_type: String,
    pub(crate) external_parameters: Parameters,
    /// The plan.
    pub(crate) internal_parameters: Internal,
    pub(crate) resolved_dependencies: Vec<Resource>,
}

/// What a person chose.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parameters {
    pub(crate) recipe: String,
    /// The commit of this project whose recipes and containers count.
    pub(crate) commit: String,
}

/// What follows from that.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Internal {
    pub(crate) plan_id: Sha256,
    pub(crate) plan: Value,
}

/// What was done.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RunDetails {
    pub(crate) builder: Builder,
    pub(crate) metadata: Value,
    pub(crate) byproducts: Vec<Resource>,
}

/// Who did it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Builder {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) version: BTreeMap<String, String>,
}

/// Says of a kernel's packages, and of what they were before they were signed, how they came to be.
pub(crate) fn statement(
    candidate: &Candidate,
    packages: &[Package],
    commit: &str,
    builder: &str,
) -> Result<Statement, ReleaseError> {
    let manifest = &candidate.finished.manifest;
    let mut subject = Vec::new();
    for package in packages {
        let file = file_name(&package.path);
        subject.push(Resource::file(file, &package.sha256));
        if package.built != package.sha256 {
            subject.push(Resource::file(
                format!("{file} (before it was signed)"),
                &package.built,
            ));
        }
    }
    let provenance = Provenance {
        build_definition: BuildDefinition {
            build_type: BUILD.to_owned(),
            external_parameters: Parameters {
                recipe: candidate.planned.recipe.name.to_string(),
                commit: commit.to_owned(),
            },
            internal_parameters: Internal {
                plan_id: manifest.plan_id,
                plan: manifest.plan.clone(),
            },
            resolved_dependencies: dependencies(candidate, commit),
        },
        run_details: RunDetails {
            builder: Builder {
                id: builder.to_owned(),
                version: [(
                    "mptcp-kernels".to_owned(),
                    candidate.finished.run.tool.clone(),
                )]
                .into(),
            },
            metadata: json!({
                "invocationId": format!("{}@{}", manifest.plan_id, candidate.finished.run.started),
                "startedOn": rfc3339(candidate.finished.run.started),
            }),
            byproducts: byproducts(candidate),
        },
    };
    let predicate = serde_json::to_value(provenance).map_err(ReleaseError::render("provenance"))?;
    Ok(Statement::new(subject, PREDICATE, predicate))
}

/// Everything from outside that went in.
fn dependencies(candidate: &Candidate, commit: &str) -> Vec<Resource> {
    let planned = &candidate.planned;
    let mut all = vec![Resource {
        name: Some("recipes and containers".to_owned()),
        digest: [("gitCommit".to_owned(), commit.to_owned())].into(),
        ..Resource::default()
    }];
    if let Some(source) = &planned.plan.source {
        if let Some(git) = &source.git {
            all.push(Resource {
                name: Some("source".to_owned()),
                uri: Some(format!("git+{}", git.url)),
                digest: [("gitCommit".to_owned(), git.commit.to_string())].into(),
                ..Resource::default()
            });
        }
        for file in source.tarball.iter().chain(&source.patches) {
            let mut resource = Resource::file(&file.name, &file.sha256);
            resource.uri = file.url.as_ref().map(ToString::to_string);
            all.push(resource);
        }
    }
    let inputs = planned.plan.inputs.iter().map(|input| &input.package);
    let container = &planned.container_lock.packages;
    all.extend(inputs.chain(container).map(package));
    all
}

fn package(package: &LockedPackage) -> Resource {
    let mut resource = Resource::file(package.name.as_str(), &package.sha256);
    resource.uri = Some(purl(package));
    resource
}

/// The name of a Debian package for programs. Source: the `deb` type of <https://github.com/package-url/purl-spec>.
pub(crate) fn purl(package: &LockedPackage) -> String {
    let [name, version] =
        [package.name.as_str(), &package.version].map(|it| it.replace('+', "%2B"));
    let architecture = &package.architecture;
    format!("pkg:deb/debian/{name}@{version}?arch={architecture}")
}

/// What was found out of the result.
fn byproducts(candidate: &Candidate) -> Vec<Resource> {
    let mut verdict = Resource::file("smoke.json", &Sha256::of(&candidate.smoke_text));
    verdict.annotations = said(&candidate.smoke);
    let manifest = &candidate.finished.manifest;
    let mut tree = Resource::file("source tree", &manifest.source_tree);
    let reproduced = candidate.reproduced.into();
    tree.annotations = [("reproduced".to_owned(), reproduced)].into();
    vec![verdict, tree]
}

fn said(smoke: &Smoke) -> BTreeMap<String, Value> {
    let verdict = match smoke.verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::NotRun => "not-run",
    };
    let checks = smoke.checks.len();
    let mut said = BTreeMap::from([
        ("verdict".to_owned(), verdict.into()),
        ("checks".to_owned(), checks.into()),
    ]);
    if let Some(machine) = &smoke.machine {
        let accelerator = machine.accelerator.clone();
        said.insert("accelerator".to_owned(), accelerator.into());
    }
    said
}

pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
