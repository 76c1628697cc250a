//! The packages that must be there before dpkg and apt can run: the essential ones, apt, and all
//! that they depend on. Everything else apt itself resolves.

use std::collections::BTreeMap;

use formats::packages::{PackageEntry, Relation};
use model::names::Name;

use super::index::Index;
use crate::error::BuildError;

/// More rounds than any chain of dependencies among essential packages is long.
const MAX_ROUNDS: usize = 30;

type Chosen = BTreeMap<String, (Name, PackageEntry)>;

/// The bootstrap packages of an index.
pub(super) fn resolve(index: &Index<'_>) -> Result<Vec<(Name, PackageEntry)>, BuildError> {
    let mut chosen = Chosen::new();
    index.each(|archive, entry| {
        if entry.essential || entry.name == "apt" {
            keep_newest(&mut chosen, archive, entry);
        }
    })?;
    if !chosen.contains_key("apt") {
        return Err(index.missing("apt"));
    }
    for _ in 0..MAX_ROUNDS {
        let open = open_groups(&chosen);
        if open.is_empty() {
            return Ok(chosen.into_values().collect());
        }
        let candidates = candidates(index, &open)?;
        for group in &open {
            // A package chosen for an earlier group may serve this one too.
            if !is_satisfied(&chosen, group) {
                let (archive, entry) =
                    choose(group, &candidates).ok_or_else(|| missing(index, group))?;
                chosen.insert(entry.name.clone(), (archive.clone(), entry.clone()));
            }
        }
    }
    Err(index.missing("the dependencies of the essential packages"))
}

fn keep_newest(chosen: &mut Chosen, archive: &Name, entry: PackageEntry) {
    let newer = chosen
        .get(&entry.name)
        .is_none_or(|(_, best)| entry.version > best.version);
    if newer {
        chosen.insert(entry.name.clone(), (archive.clone(), entry));
    }
}

/// The dependencies that nothing chosen satisfies.
fn open_groups(chosen: &Chosen) -> Vec<Vec<Relation>> {
    let groups = chosen
        .values()
        .flat_map(|(_, entry)| entry.pre_depends.iter().chain(&entry.depends));
    groups
        .filter(|group| !is_satisfied(chosen, group))
        .cloned()
        .collect()
}

fn is_satisfied(chosen: &Chosen, group: &[Relation]) -> bool {
    group
        .iter()
        .any(|relation| chosen.values().any(|(_, entry)| serves(entry, relation)))
}

fn serves(entry: &PackageEntry, relation: &Relation) -> bool {
    relation.satisfied_by(&entry.name, &entry.version)
        || entry
            .provides
            .iter()
            .any(|provided| relation.satisfied_by_provided(provided))
}

/// Every package that could serve one of the groups.
fn candidates(
    index: &Index<'_>,
    open: &[Vec<Relation>],
) -> Result<Vec<(Name, PackageEntry)>, BuildError> {
    let mut candidates = Vec::new();
    index.each(|archive, entry| {
        if open
            .iter()
            .flatten()
            .any(|relation| serves(&entry, relation))
        {
            candidates.push((archive.clone(), entry));
        }
    })?;
    Ok(candidates)
}

/// The package for a group: of the first alternative that any serves, a real package before those
/// that only provide the name, the more important before the less.
fn choose<'a>(
    group: &[Relation],
    candidates: &'a [(Name, PackageEntry)],
) -> Option<&'a (Name, PackageEntry)> {
    group.iter().find_map(|relation| {
        let serving = candidates
            .iter()
            .filter(|(_, entry)| serves(entry, relation));
        serving.max_by(|(_, a), (_, b)| {
            let rank = |entry: &PackageEntry| (entry.name == relation.name, importance(entry));
            // Equals are ordered by name, so that the choice does not depend on the index's order.
            rank(a)
                .cmp(&rank(b))
                .then_with(|| b.name.cmp(&a.name))
                .then_with(|| a.version.cmp(&b.version))
        })
    })
}

fn importance(entry: &PackageEntry) -> usize {
    let order = ["extra", "optional", "standard", "important", "required"];
    entry
        .priority
        .as_deref()
        .and_then(|priority| order.iter().position(|known| *known == priority))
        .unwrap_or(0)
}

fn missing(index: &Index<'_>, group: &[Relation]) -> BuildError {
    let names: Vec<_> = group.iter().map(ToString::to_string).collect();
    index.missing(&names.join(" | "))
}
