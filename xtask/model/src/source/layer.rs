//! The `[source]` table of one recipe file.

use serde::Deserialize;

use super::{GitSource, Patch, PinnedFile, Reference, Source};
use crate::digest::Sha256;
use crate::names::{CommitId, DownloadUrl, GitUrl, PackageName, PatchName, RefName};
use crate::strict::{Located, Problem, Table};

/// The `[source]` table of one recipe file. Of the same kind, a recipe's keys win over those of the recipe that it
/// extends; another kind replaces the other's. A list of patches replaces the other's list.
#[derive(Debug, Default)]
pub struct SourceLayer {
    origin: Option<Origin>,
    patches: Option<Vec<Located<Patch>>>,
}

#[derive(Debug)]
enum Origin {
    Package(PackageName),
    Git {
        url: Option<GitUrl>,
        reference: Option<Reference>,
    },
    Tarball {
        url: Option<DownloadUrl>,
        sha256: Option<Sha256>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchEntry {
    file: Option<PatchName>,
    url: Option<DownloadUrl>,
    sha256: Option<Sha256>,
}

impl SourceLayer {
    /// Reads the table.
    pub fn read(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Self {
        let several = table.problem("`source` names one of `package`, `git` and `tarball`");
        let package = table.table("package", problems);
        let git = table.table("git", problems);
        let tarball = table.table("tarball", problems);
        let patches = table
            .has("patches")
            .then(|| table.array("patches", problems));
        table.finish(problems);
        let mut origins = Vec::new();
        origins.extend(package.and_then(|table| read_package(table, problems)));
        origins.extend(git.map(|table| read_git(table, problems)));
        origins.extend(tarball.map(|table| read_tarball(table, problems)));
        if origins.len() > 1 {
            problems.push(several);
        }
        Self {
            origin: origins.pop(),
            patches: patches.map(|patches| read_patches(patches, problems)),
        }
    }

    /// This layer over the one of the recipe that its own extends.
    #[must_use]
    pub fn over(self, parent: Self) -> Self {
        let origin = match (self.origin, parent.origin) {
            (
                Some(Origin::Git { url, reference }),
                Some(Origin::Git {
                    url: parent_url,
                    reference: parent_reference,
                }),
            ) => Some(Origin::Git {
                url: url.or(parent_url),
                reference: reference.or(parent_reference),
            }),
            (
                Some(Origin::Tarball { url, sha256 }),
                Some(Origin::Tarball {
                    url: parent_url,
                    sha256: parent_sha256,
                }),
            ) => Some(Origin::Tarball {
                url: url.or(parent_url),
                sha256: sha256.or(parent_sha256),
            }),
            (child, parent) => child.or(parent),
        };
        Self {
            origin,
            patches: self.patches.or(parent.patches),
        }
    }

    /// The patches that this file names.
    pub fn patches(&self) -> &[Located<Patch>] {
        self.patches.as_deref().unwrap_or_default()
    }

    /// The names of the keys that are missing.
    pub fn missing(&self) -> Vec<&'static str> {
        let keys: &[(&'static str, bool)] = match &self.origin {
            None => &[("source", true)],
            Some(Origin::Package(_)) => &[],
            Some(Origin::Git { url, reference }) => &[
                ("source.git.url", url.is_none()),
                ("source.git.commit`, `tag` or `branch", reference.is_none()),
            ],
            Some(Origin::Tarball { url, sha256 }) => &[
                ("source.tarball.url", url.is_none()),
                ("source.tarball.sha256", sha256.is_none()),
            ],
        };
        let missing = keys.iter().filter(|(_, missing)| *missing);
        missing.map(|(key, _)| *key).collect()
    }

    /// The source and the patches on it, if nothing is missing.
    pub fn complete(self) -> Option<(Source, Vec<Patch>)> {
        let source = match self.origin? {
            Origin::Package(name) => Source::Package(name),
            Origin::Git { url, reference } => Source::Git(GitSource {
                url: url?,
                reference: reference?,
            }),
            Origin::Tarball { url, sha256 } => Source::Tarball(PinnedFile {
                url: url?,
                sha256: sha256?,
            }),
        };
        let patches = self.patches.unwrap_or_default().into_iter();
        Some((source, patches.map(|patch| patch.value).collect()))
    }
}

fn value<T>(located: Option<Located<T>>) -> Option<T> {
    located.map(|located| located.value)
}

fn read_package(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Option<Origin> {
    let name: Option<Located<PackageName>> = table.required("name", problems);
    table.finish(problems);
    value(name).map(Origin::Package)
}

fn read_git(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Origin {
    let several = table.problem("`source.git` names one of `commit`, `tag` and `branch`");
    let url = value(table.optional("url", problems));
    let commit: Option<Located<CommitId>> = table.optional("commit", problems);
    let tag: Option<Located<RefName>> = table.optional("tag", problems);
    let branch: Option<Located<RefName>> = table.optional("branch", problems);
    table.finish(problems);
    let mut references: Vec<_> = [
        value(commit).map(Reference::Commit),
        value(tag).map(Reference::Tag),
        value(branch).map(Reference::Branch),
    ]
    .into_iter()
    .flatten()
    .collect();
    if references.len() > 1 {
        problems.push(several);
    }
    let reference = references.pop();
    Origin::Git { url, reference }
}

fn read_tarball(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Origin {
    let url: Option<Located<DownloadUrl>> = table.optional("url", problems);
    let sha256 = value(table.optional("sha256", problems));
    table.finish(problems);
    if let Some(url) = &url {
        let known = [".tar.gz", ".tar.xz", ".tar.zst"];
        if !known.iter().any(|end| url.value.as_str().ends_with(end)) {
            problems.push(
                url.problem("an archive that ends in .tar.gz, .tar.xz or .tar.zst is expected"),
            );
        }
    }
    let url = value(url);
    Origin::Tarball { url, sha256 }
}

fn read_patches(
    entries: Vec<Located<PatchEntry>>,
    problems: &mut Vec<Problem>,
) -> Vec<Located<Patch>> {
    let mut patches = Vec::new();
    for entry in entries {
        let (file, span) = (entry.file.clone(), entry.span.clone());
        let value = match &entry.value {
            PatchEntry {
                file: Some(file),
                url: None,
                sha256: None,
            } => Patch::File(file.clone()),
            PatchEntry {
                file: None,
                url: Some(url),
                sha256: Some(sha256),
            } => Patch::Download(PinnedFile {
                url: url.clone(),
                sha256: *sha256,
            }),
            _ => {
                problems.push(entry.problem(
                    "a patch has either a `file` below recipes/patches/, or a `url` and its `sha256`",
                ));
                continue;
            }
        };
        patches.push(Located { value, file, span });
    }
    patches
}
