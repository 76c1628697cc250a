//! The bill of materials of a kernel: SPDX 2.3 as JSON.
//!
//! Source: <https://spdx.github.io/spdx-spec/v2.3/>. What licences the parts have is not looked into, and said so.

use formats::dates::rfc3339;
use model::digest::Sha256;
use model::lock::LockedPackage;
use model::release::Package;
use serde_json::{Value, json};

use crate::candidate::Candidate;
use crate::provenance::{file_name, purl};

const NONE: &str = "NOASSERTION";

/// A kernel's packages, what they were made from, and what made them.
pub(crate) fn sbom(candidate: &Candidate, packages: &[Package], url: &str, date: u64) -> Value {
    let recipe = &candidate.planned.recipe.name;
    let version = candidate.planned.identity.full();
    let mut bill = Bill::default();
    for package in packages {
        let id = bill.add("Package", &package.name, &version, &package.sha256, None);
        bill.relate("SPDXRef-DOCUMENT", "DESCRIBES", &id);
        bill.kernels.push(id);
    }
    sources(&mut bill, candidate);
    for package in &candidate.planned.container_lock.packages {
        let id = bill.add_locked("Tool", package);
        for kernel in bill.kernels.clone() {
            bill.relate(&id, "BUILD_TOOL_OF", &kernel);
        }
    }
    let plan = candidate.finished.manifest.plan_id;
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": format!("{recipe} {version}"),
        "documentNamespace": format!("{url}/spdx/{recipe}/{plan}"),
        "creationInfo": {
            "created": rfc3339(date),
            "creators": [format!("Tool: mptcp-kernels-{}", candidate.finished.run.tool)],
        },
        "packages": bill.packages,
        "relationships": bill.relationships,
    })
}

/// What the kernel was made from.
fn sources(bill: &mut Bill, candidate: &Candidate) {
    let plan = &candidate.planned.plan;
    let mut ids = Vec::new();
    for input in &plan.inputs {
        ids.push(bill.add_locked("Source", &input.package));
    }
    if let Some(source) = &plan.source {
        let version = source.kernel.to_string();
        if let Some(git) = &source.git {
            let location = format!("git+{}@{}", git.url, git.commit);
            ids.push(bill.add("Source", "linux", &version, &source.tree, Some(location)));
        }
        for file in source.tarball.iter().chain(&source.patches) {
            let location = file.url.as_ref().map(ToString::to_string);
            let name = file_name(&file.name);
            ids.push(bill.add("Source", name, &version, &file.sha256, location));
        }
    }
    for id in ids {
        for kernel in bill.kernels.clone() {
            bill.relate(&kernel, "GENERATED_FROM", &id);
        }
    }
}

#[derive(Default)]
struct Bill {
    packages: Vec<Value>,
    relationships: Vec<Value>,
    /// The ids of what was built.
    kernels: Vec<String>,
}

impl Bill {
    fn add_locked(&mut self, kind: &str, package: &LockedPackage) -> String {
        let id = self.add(
            kind,
            package.name.as_str(),
            &package.version,
            &package.sha256,
            None,
        );
        if let Some(last) = self.packages.last_mut() {
            last["externalRefs"] = json!([{
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": purl(package),
            }]);
        }
        id
    }

    /// Adds a part, and gives its id.
    fn add(
        &mut self,
        kind: &str,
        name: &str,
        version: &str,
        sha256: &Sha256,
        location: Option<String>,
    ) -> String {
        let id = format!("SPDXRef-{kind}-{}", self.packages.len() + 1);
        self.packages.push(json!({
            "SPDXID": id,
            "name": name,
            "versionInfo": version,
            "downloadLocation": location.unwrap_or_else(|| NONE.to_owned()),
            "filesAnalyzed": false,
            "checksums": [{"algorithm": "SHA256", "checksumValue": sha256.to_string()}],
            "licenseConcluded": NONE,
            "licenseDeclared": NONE,
            "copyrightText": NONE,
            "supplier": NONE,
        }));
        id
    }

    fn relate(&mut self, from: &str, kind: &str, to: &str) {
        self.relationships.push(json!({
            "spdxElementId": from,
            "relationshipType": kind,
            "relatedSpdxElement": to,
        }));
    }
}
