//! Which of two versions of a package is newer, as the package manager sees it.

use std::cmp::Ordering;

use formats::version::DebVersion;
use model::recipe::PackageFormat;

/// Compares `a` with `b`.
pub(crate) fn compare(format: PackageFormat, a: &str, b: &str) -> Ordering {
    match format {
        PackageFormat::Deb => match (a.parse::<DebVersion>(), b.parse::<DebVersion>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            // What dpkg would not take has no order.
            _ => a.cmp(b),
        },
        PackageFormat::Rpm => rpmrepo_metadata::Evr::parse(a).cmp(&rpmrepo_metadata::Evr::parse(b)),
    }
}
