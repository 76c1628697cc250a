//! What a build leaves behind: the manifest of the result, and the record of the run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;

/// The form of manifests.
pub const SCHEMA: u32 = 1;

/// What was built out of what; the same for every run of one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of this file.
    pub schema: u32,
    /// The identity of the plan.
    pub plan_id: Sha256,
    /// The plan itself.
    pub plan: serde_json::Value,
    /// Whether the packages may be released, as far as the plan tells; how the run went is told by [`Run`].
    pub for_release: bool,
    /// The digest of the source tree that was compiled.
    pub source_tree: Sha256,
    /// The release that the kernel reports (`uname -r`).
    pub kernel_release: String,
    /// Every artifact, by file name.
    pub artifacts: BTreeMap<String, Artifact>,
    /// What the configuration lost against the stock configuration, with the reasons.
    pub lost: BTreeMap<String, String>,
    /// What may keep another build of the plan from having equal bytes, with the reasons why the recipe accepts it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unreproducible: BTreeMap<String, String>,
}

impl Manifest {
    /// The file name of the one RPM package that has the kernel, by its name and by what was read back of it;
    /// `None` where the packages are of another format, or not exactly one may be it.
    pub fn kernel_rpm(&self) -> Option<&str> {
        let format = self.plan.pointer("/target/format");
        if format.and_then(serde_json::Value::as_str) != Some("rpm") {
            return None;
        }
        let mut kernels = self.artifacts.iter().filter(|(name, artifact)| {
            name.starts_with("kernel") && name.ends_with(".rpm") && artifact.may_have_kernel()
        });
        let (name, _) = kernels.next()?;
        kernels.next().is_none().then_some(name)
    }
}

/// One file of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub sha256: Sha256,
    /// The fields of a package's control file, as read back from the finished package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<BTreeMap<String, String>>,
}

impl Artifact {
    /// Whether its own name is none of what belongs to a kernel's package besides.
    fn may_have_kernel(&self) -> bool {
        let name = self.control.as_ref().and_then(|fields| fields.get("Name"));
        name.is_some_and(|name| !name.ends_with("-devel") && !name.ends_with("-headers"))
    }
}

/// What differs from run to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The form of this file.
    pub schema: u32,
    /// The identity of the plan.
    pub plan_id: Sha256,
    /// When the build began, in seconds since 1970.
    pub started: u64,
    /// Its phases, in order.
    pub phases: Vec<Phase>,
    /// The tool's version.
    pub tool: String,
    /// The container engine and its host, as it tells them.
    pub engine: BTreeMap<String, String>,
    /// The most memory that the tool itself used, in bytes, where the host tells.
    pub tool_peak_memory: Option<u64>,
    /// How many compiler jobs ran side by side.
    pub jobs: u32,
    /// Whether it started from the objects of a build before; then it never counts for a release.
    pub incremental: bool,
    /// What the compiler's cache brought; none where it was not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler_cache: Option<CompilerCache>,
    /// What the build could see of where it ran, by the name of each fact.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub surroundings: BTreeMap<String, String>,
}

impl Run {
    /// Whether every object was compiled by this run: nothing that an earlier one left can be in the result.
    pub fn is_from_scratch(&self) -> bool {
        let cache = self.compiler_cache;
        !self.incremental && cache.is_none_or(|cache| cache.hits == 0)
    }
}

/// What a build found in the compiler's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompilerCache {
    /// How many objects were there.
    pub hits: u64,
    /// How many were compiled and put there.
    pub misses: u64,
}

/// One phase of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The most memory that its containers used, in bytes, where the engine tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// The processor time of its containers, in seconds, where the engine tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(format: &str, packages: &[(&str, Option<&str>)]) -> Manifest {
        let artifact = |name: Option<&str>| Artifact {
            size: 1,
            sha256: Sha256::of(""),
            control: name.map(|name| [("Name".to_owned(), name.to_owned())].into()),
        };
        Manifest {
            schema: SCHEMA,
            plan_id: Sha256::of(""),
            plan: serde_json::json!({ "target": { "format": format } }),
            for_release: false,
            source_tree: Sha256::of(""),
            kernel_release: "6.12.1".to_owned(),
            artifacts: packages
                .iter()
                .map(|(file, name)| ((*file).to_owned(), artifact(*name)))
                .collect(),
            lost: BTreeMap::new(),
            unreproducible: BTreeMap::new(),
        }
    }

    #[test]
    fn the_kernel_is_told_from_what_belongs_to_it() {
        let kernel = ("kernel-6.12.1-1.x86_64.rpm", Some("kernel"));
        let others = [
            ("config", None),
            ("kernel-devel-6.12.1-1.x86_64.rpm", Some("kernel-devel")),
            ("kernel-headers-6.12.1-1.x86_64.rpm", Some("kernel-headers")),
            ("kernel-unread.rpm", None),
            ("other.rpm", Some("other")),
        ];
        let all = [&others[..], &[kernel]].concat();
        assert_eq!(manifest("rpm", &all).kernel_rpm(), Some(kernel.0));
        assert_eq!(manifest("deb", &all).kernel_rpm(), None);
        assert_eq!(manifest("rpm", &others).kernel_rpm(), None);
        let two = [kernel, ("kernel-mptcp.rpm", Some("kernel-mptcp"))];
        assert_eq!(manifest("rpm", &two).kernel_rpm(), None);
    }
}
