//! Which tag of a locked source's own series is newer.

use model::recipe::Recipe;
use model::source::{LockedSource, Reference, Source};

use crate::error::BuildError;
use crate::fetch::Downloads;

/// What is locked, as the tags of its repository call it.
struct Release {
    /// `v0.95`, `v6.12`.
    series: String,
    /// `v0.95.2`, `v6.12.9`.
    tag: String,
}

impl Release {
    fn of(recipe: &Recipe, locked: &LockedSource) -> Self {
        if let (Some(_), Some(mptcp)) = (&recipe.out_of_tree, locked.mptcp) {
            return Self {
                series: format!("v{}", mptcp.series),
                tag: format!("v{mptcp}"),
            };
        }
        let (version, patch) = locked.kernel.series();
        Self {
            series: format!("v{version}.{patch}"),
            tag: format!("v{}", locked.kernel),
        }
    }

    /// The number of a tag in the series; its first release has number 0.
    fn point(&self, tag: &str) -> Option<u16> {
        match tag.strip_prefix(&self.series)? {
            "" => Some(0),
            rest => rest.strip_prefix('.')?.parse().ok(),
        }
    }
}

/// The newest tag of the locked kernel's own series, where it is newer than what is locked: point releases of
/// out-of-tree MPTCP (`v0.95.3`), stable releases of Linux (`v6.12.9`). A branch is followed, so it has none.
pub(crate) fn newer_tag(
    downloads: Downloads<'_>,
    recipe: &Recipe,
    locked: Option<&LockedSource>,
) -> Result<Option<String>, BuildError> {
    let (Source::Git(source), Some(locked)) = (&recipe.source, locked) else {
        return Ok(None);
    };
    let release = Release::of(recipe, locked);
    let named = match &source.reference {
        Reference::Branch(_) => return Ok(None),
        Reference::Tag(tag) => release.point(tag.as_str()),
        Reference::Commit(_) => None,
    };
    // What is no release of a series, such as a release candidate, has no newer one.
    let Some(point) = named.or_else(|| release.point(&release.tag)) else {
        return Ok(None);
    };
    let tags = downloads.repositories.tags(&source.url);
    let tags = tags.map_err(|error| BuildError::Source {
        recipe: recipe.name.clone(),
        source: error.into(),
    })?;
    let points = tags
        .keys()
        .filter_map(|tag| Some((release.point(tag.as_str())?, tag)));
    let newest = points.max().filter(|(newest, _)| *newest > point);
    Ok(newest.map(|(_, tag)| {
        let Release {
            series,
            tag: locked,
        } = &release;
        format!("{series}: locked {locked}, now there is tag {tag}")
    }))
}
