//! The plan: all that decides the bytes of the packages, and nothing else.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::digest::Sha256;
use crate::lock::{ContainerLock, InputRole, LockedInput, RecipeLock};
use crate::names::{Name, VersionSuffix};
use crate::recipe::{Architecture, Base, Line, Recipe, Target};

/// The form of plans; changes when equal fields begin to mean other bytes.
const SCHEMA: u32 = 1;

/// Everything that decides the bytes of a build's packages. Equal plans, equal packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    schema: u32,
    /// The recipe.
    pub recipe: Name,
    /// What it builds for.
    pub architecture: Architecture,
    /// The distribution it builds for.
    pub target: Target,
    /// The MPTCP implementation.
    pub line: Line,
    /// The container that it builds in.
    pub container: PlannedContainer,
    /// What it takes from archives.
    pub inputs: Vec<LockedInput>,
    /// What the configuration starts from.
    pub base: Base,
    /// The fragments on top, in order.
    pub fragments: Vec<PlannedText>,
    /// Appended to the kernel release.
    pub version_suffix: VersionSuffix,
    /// The environment of every step.
    pub environment: BTreeMap<String, String>,
    /// The scripts that run in containers, in order.
    pub steps: Vec<PlannedText>,
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
    /// The recipe's own lock.
    pub lock: &'a RecipeLock,
    /// The fragments, in order, what the recipe itself sets last.
    pub fragments: &'a [PlannedText],
    /// The scripts of the build.
    pub steps: &'a [PlannedText],
}

impl Plan {
    /// The plan of a locked recipe; `None` where the lock has no source.
    pub fn new(recipe: &Recipe, ingredients: Ingredients<'_>) -> Option<Self> {
        let source = ingredients.lock.input(InputRole::Source)?;
        Some(Self {
            schema: SCHEMA,
            recipe: recipe.name.clone(),
            architecture: recipe.architecture,
            target: recipe.target.clone(),
            line: recipe.line,
            container: PlannedContainer {
                name: recipe.container.value.clone(),
                lock: ingredients.container.content,
                assembly: ingredients.assembly,
            },
            inputs: ingredients.lock.inputs.clone(),
            base: recipe.config.base.clone(),
            fragments: ingredients.fragments.to_vec(),
            version_suffix: recipe.version_suffix.clone(),
            environment: environment(recipe, source),
            steps: ingredients.steps.to_vec(),
        })
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

/// The environment of the build. kbuild's `reproducible-builds` document and `scripts/package`
/// name these variables.
fn environment(recipe: &Recipe, source: &LockedInput) -> BTreeMap<String, String> {
    let distribution = &recipe.target.distribution;
    let version = package_version(&source.package.version, recipe.revision);
    [
        ("ARCH", recipe.architecture.kernel().to_owned()),
        ("DEBEMAIL", "mptcp-kernels@localhost".to_owned()),
        ("DEBFULLNAME", "mptcp-kernels".to_owned()),
        ("KBUILD_BUILD_HOST", distribution.to_string()),
        ("KBUILD_BUILD_USER", "mptcp-kernels".to_owned()),
        ("KDEB_CHANGELOG_DIST", "unstable".to_owned()),
        ("KDEB_PKGVERSION", version),
        ("KDEB_SOURCENAME", format!("linux{}", recipe.version_suffix)),
        ("LC_ALL", "C".to_owned()),
        ("LOCALVERSION", String::new()),
        ("SOURCE_DATE_EPOCH", source.timestamp.to_string()),
        ("TZ", "UTC".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The version of our packages: that of the source, and how often we built it.
fn package_version(source: &str, revision: u32) -> String {
    let without_epoch = source.split_once(':').map_or(source, |(_, rest)| rest);
    format!("{without_epoch}+mptcp{revision}")
}

/// Any value as canonical JSON: object keys sorted, no spaces, no floating point numbers.
pub fn canonical_json(value: &impl Serialize) -> String {
    // `serde_json::Value` keeps its objects sorted by key.
    let value = serde_json::to_value(value).unwrap_or_default();
    value.to_string()
}
