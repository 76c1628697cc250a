//! Whether a recipe fell behind what it is made from.

use model::source::Source;

use crate::error::BuildError;
use crate::fetch::Downloads;
use crate::lock;
use crate::plan::Planned;
use crate::project::Project;
use crate::report::Reporter;
use crate::source;

/// What upstream has, against a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing that is newer.
    Current,
    /// What is newer, or gone.
    Behind(Vec<String>),
    /// Nobody can be asked.
    NotAsked(&'static str),
}

/// Asks what upstream has now: a branch's tip, the tags of the locked series, the archive's packages.
///
/// # Errors
/// Upstream cannot be reached or trusted, so nothing is known.
pub fn freshness(
    project: &Project,
    downloads: Downloads<'_>,
    planned: &Planned,
    reporter: &dyn Reporter,
) -> Result<Freshness, BuildError> {
    let recipe = &planned.recipe;
    let Some(lock) = &planned.lock else {
        return Ok(Freshness::NotAsked("the source is your own"));
    };
    reporter.phase(&format!("ask for {}", recipe.name));
    let container = &planned.container;
    let mut found = lock::outdated_recipe(project, downloads, recipe, container, lock, reporter)?;
    found.extend(source::newer_tag(downloads, recipe, lock.source.as_ref())?);
    Ok(match (&recipe.source, found.is_empty()) {
        (_, false) => Freshness::Behind(found),
        (Source::Tarball(_), true) => {
            Freshness::NotAsked("a tarball's server cannot be asked for a newer one")
        }
        (_, true) => Freshness::Current,
    })
}
