//! The plan: all that decides the bytes of the packages, and nothing else.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::digest::Sha256;
use crate::distribution::{deb_compression, rpm_words};
use crate::lock::{ContainerLock, InputRole, LockedInput, RecipeLock};
use crate::mptcp::OutOfTree;
use crate::names::{Name, VersionSuffix};
use crate::recipe::{Architecture, Base, Line, PackageFormat, Recipe, Target};
use crate::source::LockedSource;
use crate::strict::Located;

mod identity;

pub use identity::Identity;

/// The form of plans; changes when equal fields begin to mean other bytes.
const SCHEMA: u32 = 2;

/// The number of what this tool itself does to the bytes, outside of all scripts: how inputs are laid out for them, how
/// a stock configuration is read, how packages are taken out. It is raised whenever that changes a byte of a result.
const PIPELINE: u32 = 1;

/// Everything that decides the bytes of a build's packages. Equal plans, equal packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    schema: u32,
    pipeline: u32,
    /// The recipe.
    pub recipe: Name,
    /// What it builds for.
    pub architecture: Architecture,
    /// The distribution it builds for.
    pub target: Target,
    /// The MPTCP implementation.
    pub line: Line,
    /// What it chooses of out-of-tree MPTCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_tree: Option<OutOfTree>,
    /// The container that it builds in.
    pub container: PlannedContainer,
    /// What it takes from archives.
    pub inputs: Vec<LockedInput>,
    /// The source, where it is no package of an archive as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<LockedSource>,
    /// Whether the source is a developer's own, which no lock pins; then it is never released.
    #[serde(skip_serializing_if = "is_false")]
    pub unpinned: bool,
    /// What the configuration starts from.
    pub base: Base,
    /// The fragments on top, in order.
    pub fragments: Vec<PlannedText>,
    /// What the configuration may lose against the stock configuration, with the reasons; the manifest repeats them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub may_lose: BTreeMap<String, String>,
    /// What the configuration may have although builds differ by it, with the reasons; the manifest repeats them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unreproducible: BTreeMap<String, String>,
    /// Whether the recipe is for release; the manifest repeats it.
    pub for_release: bool,
    /// Appended to the kernel release.
    pub version_suffix: VersionSuffix,
    /// The environment of every step.
    pub environment: BTreeMap<String, String>,
    /// The files that are added to the kernel's package.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PlannedText>,
    /// The scripts that run in containers, in order.
    pub steps: Vec<PlannedText>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The container in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedContainer {
    /// Its name.
    pub name: Name,
    /// The content digest of its lock.
    pub lock: Sha256,
    /// The digest of the scripts that assemble it.
    pub assembly: Sha256,
}

impl PlannedContainer {
    /// What its image is tagged by: the lock and the way it is assembled.
    pub fn tag(&self) -> String {
        Sha256::of(format!("{}{}", self.lock, self.assembly)).to_string()
    }
}

/// A text that takes part in the build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedText {
    /// Its name.
    pub name: String,
    /// The digest of its bytes.
    pub sha256: Sha256,
}

impl PlannedText {
    /// The text of this name.
    pub fn of(name: impl Into<String>, text: &str) -> Self {
        Self {
            name: name.into(),
            sha256: Sha256::of(text),
        }
    }
}

/// What a plan is made of, besides the recipe.
#[derive(Debug, Clone, Copy)]
pub struct Ingredients<'a> {
    /// The lock of the recipe's container.
    pub container: &'a ContainerLock,
    /// The digest of the scripts that assemble a container.
    pub assembly: Sha256,
    /// The recipe's own lock; none where it needs none.
    pub lock: Option<&'a RecipeLock>,
    /// What stands for the source that the recipe names: a developer's own.
    pub own_source: Option<&'a LockedSource>,
    /// What the packages are called.
    pub identity: &'a Identity,
    /// The fragments, in order, what the recipe itself sets last.
    pub fragments: &'a [PlannedText],
    /// The scripts of the build.
    pub steps: &'a [PlannedText],
}

impl Plan {
    /// The plan of a locked recipe.
    pub fn new(recipe: &Recipe, ingredients: Ingredients<'_>) -> Self {
        let mut inputs = ingredients
            .lock
            .map(|lock| lock.inputs.clone())
            .unwrap_or_default();
        let locked = ingredients.lock.and_then(|lock| lock.source.as_ref());
        let source = ingredients.own_source.or(locked);
        if ingredients.own_source.is_some() {
            inputs.retain(|input| input.role != InputRole::Source);
        }
        let files = recipe.out_of_tree.as_ref().map(OutOfTree::files);
        Self {
            schema: SCHEMA,
            pipeline: PIPELINE,
            recipe: recipe.name.clone(),
            architecture: recipe.architecture,
            target: recipe.target.clone(),
            line: recipe.line,
            out_of_tree: recipe.out_of_tree.clone(),
            container: PlannedContainer {
                name: recipe.container.value.clone(),
                lock: ingredients.container.content,
                assembly: ingredients.assembly,
            },
            inputs,
            source: source.cloned(),
            unpinned: ingredients.own_source.is_some(),
            base: recipe.config.base.clone(),
            fragments: ingredients.fragments.to_vec(),
            may_lose: reasons(&recipe.config.may_lose),
            unreproducible: reasons(&recipe.config.unreproducible),
            for_release: recipe.for_release,
            version_suffix: recipe.version_suffix.clone(),
            environment: environment(recipe, ingredients.identity),
            files: files
                .unwrap_or_default()
                .into_iter()
                .map(|(folder, text)| PlannedText::of(folder, &text))
                .collect(),
            steps: ingredients.steps.to_vec(),
        }
    }

    /// The plan as canonical JSON: keys sorted, no spaces.
    pub fn canonical_json(&self) -> String {
        canonical_json(self)
    }

    /// The plan's identity: the digest of its canonical JSON.
    pub fn id(&self) -> Sha256 {
        Sha256::of(self.canonical_json())
    }

    /// The input of this role.
    pub fn input(&self, role: InputRole) -> Option<&LockedInput> {
        self.inputs.iter().find(|input| input.role == role)
    }
}

fn reasons(reasons: &BTreeMap<impl fmt::Display, Located<String>>) -> BTreeMap<String, String> {
    let reasons = reasons.iter();
    reasons
        .map(|(what, reason)| (what.to_string(), reason.value.clone()))
        .collect()
}

/// The environment of the build. kbuild's `reproducible-builds` document and `scripts/package`
/// name these variables; those of `RPM_*` are for `kernel.spec`.
pub fn environment(recipe: &Recipe, identity: &Identity) -> BTreeMap<String, String> {
    let distribution = &recipe.target.distribution;
    let mut environment = vec![
        ("ARCH", recipe.architecture.kernel().to_owned()),
        ("HOME", "/tmp".to_owned()),
        ("KBUILD_BUILD_HOST", distribution.to_string()),
        ("KBUILD_BUILD_USER", "mptcp-kernels".to_owned()),
        ("KBUILD_BUILD_VERSION", identity.revision.clone()),
        ("LC_ALL", "C".to_owned()),
        ("LOCALVERSION", String::new()),
        ("PATH", "/usr/bin:/bin:/usr/sbin:/sbin".to_owned()),
        ("SOURCE_DATE_EPOCH", identity.timestamp.to_string()),
        ("TZ", "UTC".to_owned()),
    ];
    environment.extend(match recipe.target.format {
        PackageFormat::Deb => deb_environment(recipe, identity),
        PackageFormat::Rpm => rpm_environment(recipe, identity),
    });
    let owned = environment.into_iter();
    owned
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn deb_environment(recipe: &Recipe, identity: &Identity) -> Vec<(&'static str, String)> {
    vec![
        ("DEBEMAIL", "mptcp-kernels@localhost".to_owned()),
        ("DEBFULLNAME", "mptcp-kernels".to_owned()),
        ("KDEB_CHANGELOG_DIST", "unstable".to_owned()),
        ("KDEB_COMPRESS", deb_compression(&recipe.target).to_owned()),
        ("KDEB_PKGVERSION", identity.full()),
        ("KDEB_SOURCENAME", format!("linux{}", recipe.version_suffix)),
    ]
}

fn rpm_environment(recipe: &Recipe, identity: &Identity) -> Vec<(&'static str, String)> {
    let words = rpm_words(&recipe.target);
    let (before, behind) = words.initramfs;
    vec![
        ("RPM_FIRMWARE", words.firmware.to_owned()),
        ("RPM_INITRAMFS", format!("{before}@{behind}")),
        ("RPM_INSTALLER", words.installer.to_owned()),
        ("RPM_NAME", format!("kernel{}", recipe.version_suffix)),
        ("RPM_RELEASE", identity.revision.clone()),
        ("RPM_VERSION", identity.version.clone()),
    ]
}

/// Any value as canonical JSON: object keys sorted, no spaces, no floating point numbers.
pub fn canonical_json(value: &impl Serialize) -> String {
    // `serde_json::Value` keeps its objects sorted by key.
    let value = serde_json::to_value(value).unwrap_or_default();
    value.to_string()
}

#[cfg(test)]
mod tests;
