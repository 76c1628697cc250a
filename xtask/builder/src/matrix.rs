//! What CI services build: a row for each recipe that is locked and for release.

use model::names::Name;
use model::recipe::{PackageFormat, Recipe};
use serde::Serialize;

use crate::plan::{Known, Planned};

/// How long a trimmed kernel may take, in minutes, on a small machine where no cache helps: the tool itself, the
/// container, the kernel and its boot.
const MINUTES: u32 = 180;
/// The same for a distribution's whole configuration.
const MINUTES_STOCK: u32 = 330;
/// What a host needs besides the room of a build, in bytes: downloads, containers, packages, and the tool itself.
pub const BESIDES: u64 = 3 << 30;
/// What disks are counted in.
const GIGABYTE: u64 = 1_000_000_000;

/// A matrix in the form that GitHub's `strategy.matrix` takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// Its rows; each is one job.
    pub include: Vec<Row>,
}

/// A recipe to be built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// Its name.
    pub recipe: Name,
    /// The distribution that its packages are for.
    pub distribution: Name,
    /// And the release of that.
    pub release: String,
    /// The form of its packages.
    pub format: PackageFormat,
    /// How long its job may take.
    pub timeout_minutes: u32,
    /// How much of its host's disk must be free, in GB.
    pub disk: u64,
}

impl Row {
    fn of(planned: &Planned) -> Self {
        let target = &planned.recipe.target;
        Self {
            recipe: planned.recipe.name.clone(),
            distribution: target.distribution.clone(),
            release: target.release.clone(),
            format: target.format,
            timeout_minutes: if planned.is_large() {
                MINUTES_STOCK
            } else {
                MINUTES
            },
            disk: (planned.room() + BESIDES).div_ceil(GIGABYTE),
        }
    }
}

/// Why a recipe has no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The recipe.
    pub recipe: Name,
    /// Why.
    pub reason: String,
}

impl LeftOut {
    fn of(recipe: &Recipe, reason: impl Into<String>) -> Self {
        Self {
            recipe: recipe.name.clone(),
            reason: reason.into(),
        }
    }
}

/// The matrix of some recipes, and those that are not in it.
pub fn matrix(recipes: &[Known]) -> (Matrix, Vec<LeftOut>) {
    let mut include = Vec::new();
    let mut left_out = Vec::new();
    for known in recipes {
        let recipe = known.recipe();
        match known {
            _ if !recipe.for_release => left_out.push(LeftOut::of(recipe, "it is not for release")),
            Known::Planned(planned) => include.push(Row::of(planned)),
            Known::Unlocked(unlocked) => {
                let reason = format!("it is not locked: needs {}", unlocked.needs);
                left_out.push(LeftOut::of(recipe, reason));
            }
        }
    }
    (Matrix { include }, left_out)
}
