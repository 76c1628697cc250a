//! Sources that a lock pins: resolved once, then fetched by what the lock says.

use std::io::{self, Read, Write};

use host::git::Repository;
use model::digest::Sha256;
use model::lock::{InputRole, LockedInput};
use model::names::CommitId;
use model::recipe::Recipe;
use model::source::{GitSource, LockedFile, LockedGit, LockedSource, Patch, PinnedFile, Source};

use super::error::SourceError;
use super::origin::Origin;
use super::own::OwnSource;
use super::patches::{PatchFile, Patches};
use super::tree::Tree;
use crate::error::BuildError;
use crate::fetch::Downloads;
use crate::plan::Planned;
use crate::project::Project;
use crate::report::Reporter;

/// The most that a patch may hold, in bytes; all of MPTCP is 1 MB.
const MAX_PATCH: u64 = 32 << 20;

/// A source, all of it on this machine.
pub(crate) struct Obtained<'a> {
    downloads: Downloads<'a>,
    kind: Kind<'a>,
    patches: Vec<PatchFile>,
    timestamp: u64,
}

enum Kind<'a> {
    Package(&'a LockedInput),
    Tarball(LockedFile),
    Commit(Repository, CommitId),
    Own(&'a OwnSource),
}

impl Obtained<'_> {
    /// Writes the tree, patched, as tar entries below `tree/`.
    pub(crate) fn read(&self, writer: &mut dyn Write) -> Result<Tree, SourceError> {
        let store = self.downloads.store;
        let patches = Patches::new(self.patches.clone())?;
        let timestamp = self.timestamp;
        let origin = match &self.kind {
            Kind::Package(input) => Origin::Package {
                store,
                package: &input.package,
            },
            Kind::Tarball(file) => Origin::Tarball {
                store,
                name: &file.name,
                size: file.size,
                sha256: file.sha256,
            },
            Kind::Commit(repository, commit) => Origin::Commit {
                repository,
                commit,
                timestamp,
            },
            Kind::Own(own) => own.origin(),
        };
        origin.read(patches, writer)
    }
}

/// Brings what a plan's source is read from onto this machine, unless it is there.
pub(crate) fn obtain<'a>(
    project: &Project,
    downloads: Downloads<'a>,
    planned: &'a Planned,
    reporter: &dyn Reporter,
) -> Result<Obtained<'a>, BuildError> {
    let plan = &planned.plan;
    let no_source = || BuildError::NoSource {
        recipe: planned.recipe.name.clone(),
    };
    let source = plan.source.as_ref();
    let kind = match (&planned.own_source, source) {
        (Some(own), _) => Kind::Own(own),
        (None, Some(LockedSource { git: Some(git), .. })) => {
            reporter.phase("fetch commit");
            let fetched = downloads.fetch_commit(&git.url, &git.commit, reporter);
            let repository = fetched.map_err(|error| unusable(&planned.recipe, error.into()))?;
            Kind::Commit(repository, git.commit.clone())
        }
        (
            None,
            Some(LockedSource {
                tarball: Some(file),
                ..
            }),
        ) => {
            fetch(downloads, file, reporter)?;
            Kind::Tarball(file.clone())
        }
        // Packages were fetched with the other inputs.
        (None, _) => Kind::Package(plan.input(InputRole::Source).ok_or_else(no_source)?),
    };
    let patches = source.map(|source| &source.patches[..]).unwrap_or_default();
    let patches = patches
        .iter()
        .map(|file| locked_patch(project, downloads, file, reporter))
        .collect::<Result<_, _>>()?;
    Ok(Obtained {
        downloads,
        kind,
        patches,
        timestamp: source.map_or(0, |source| source.timestamp),
    })
}

fn fetch(
    downloads: Downloads<'_>,
    file: &LockedFile,
    reporter: &dyn Reporter,
) -> Result<(), BuildError> {
    let Some(url) = &file.url else {
        return Ok(());
    };
    let size = Some(file.size);
    downloads
        .fetch_file(&file.name, url, size, file.sha256, reporter)
        .map(drop)
}

fn locked_patch(
    project: &Project,
    downloads: Downloads<'_>,
    file: &LockedFile,
    reporter: &dyn Reporter,
) -> Result<PatchFile, BuildError> {
    let name = file.name.clone();
    let bytes = if file.url.is_some() {
        fetch(downloads, file, reporter)?;
        stored(downloads, file)?
    } else {
        // That it is the locked one was seen when the recipe was planned.
        project.patch(&name)?
    };
    Ok(PatchFile { name, bytes })
}

fn stored(downloads: Downloads<'_>, file: &LockedFile) -> Result<Vec<u8>, BuildError> {
    let mut bytes = Vec::new();
    let reader = downloads.store.open_verified(&file.sha256, file.size)?;
    let read = reader.take(MAX_PATCH).read_to_end(&mut bytes);
    match read {
        Ok(count) if count as u64 == file.size => Ok(bytes),
        Ok(_) => Err(BuildError::WrongPatch {
            patch: file.name.clone(),
            reason: format!(
                "it has {} bytes, and at most {MAX_PATCH} are taken",
                file.size
            ),
        }),
        Err(source) => Err(BuildError::File {
            attempt: "reading",
            path: downloads.store.path(&file.sha256),
            source,
        }),
    }
}

/// What was locked before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before<'a> {
    /// The source, where the recipe had one that was the same.
    pub(crate) source: Option<&'a LockedSource>,
    /// Whether to look what its branch or tag means now.
    pub(crate) update: bool,
}

/// Resolves and locks the source of `recipe`; `None` for a package without patches.
pub(crate) fn lock(
    project: &Project,
    downloads: Downloads<'_>,
    recipe: &Recipe,
    package: Option<&LockedInput>,
    before: Before<'_>,
    reporter: &dyn Reporter,
) -> Result<Option<LockedSource>, BuildError> {
    if matches!(recipe.source, Source::Package(_)) && recipe.patches.is_empty() {
        return Ok(None);
    }
    let Some(pinned) = pin(downloads, recipe, package, before, reporter)? else {
        return Ok(None);
    };
    let mut patches = Vec::new();
    let mut files = Vec::new();
    for patch in &recipe.patches {
        let (file, bytes) = lock_patch(project, downloads, patch, reporter)?;
        let name = file.name.clone();
        patches.push(file);
        files.push(PatchFile { name, bytes });
    }
    reporter.phase("read source");
    let obtained = Obtained {
        downloads,
        kind: pinned.kind,
        patches: files,
        timestamp: pinned.timestamp.unwrap_or_default(),
    };
    let tree = obtained.read(&mut io::sink());
    let tree = tree.map_err(|error| unusable(recipe, error))?;
    check(recipe, &tree)?;
    let source = LockedSource {
        kernel: tree.kernel,
        mptcp: tree.mptcp,
        timestamp: pinned.timestamp.unwrap_or(tree.newest),
        tree: tree.digest,
        git: pinned.git,
        tarball: pinned.tarball,
        patches,
    };
    if let Some(before) = before.source {
        check_not_older(recipe, before, &source)?;
    }
    Ok(Some(source))
}

/// What a recipe's source is now, all of it on this machine.
struct Pinned<'a> {
    kind: Kind<'a>,
    git: Option<LockedGit>,
    tarball: Option<LockedFile>,
    /// The clock; that of an archive is in its files.
    timestamp: Option<u64>,
}

/// `None` for a package that was not locked.
fn pin<'a>(
    downloads: Downloads<'_>,
    recipe: &Recipe,
    package: Option<&'a LockedInput>,
    before: Before<'_>,
    reporter: &dyn Reporter,
) -> Result<Option<Pinned<'a>>, BuildError> {
    let pinned = |kind, timestamp| Pinned {
        kind,
        git: None,
        tarball: None,
        timestamp,
    };
    Ok(match &recipe.source {
        Source::Package(_) => {
            package.map(|input| pinned(Kind::Package(input), Some(input.timestamp)))
        }
        Source::Tarball(file) => {
            let file = lock_file(downloads, file, reporter)?;
            Some(Pinned {
                tarball: Some(file.clone()),
                ..pinned(Kind::Tarball(file), None)
            })
        }
        Source::Git(source) => {
            let commit = resolve(downloads, recipe, source, before)?;
            reporter.phase(&format!("fetch {} {}", source.url, commit.short()));
            let fetched = downloads.fetch_commit(&source.url, &commit, reporter);
            let repository = fetched.map_err(|error| unusable(recipe, error.into()))?;
            let found = repository.commit(commit.as_str());
            let timestamp = found
                .map_err(|error| unusable(recipe, error.into()))?
                .timestamp;
            let git = LockedGit {
                url: source.url.clone(),
                commit: commit.clone(),
            };
            Some(Pinned {
                git: Some(git),
                ..pinned(Kind::Commit(repository, commit), Some(timestamp))
            })
        }
    })
}

fn unusable(recipe: &Recipe, source: SourceError) -> BuildError {
    let recipe = recipe.name.clone();
    BuildError::Source { recipe, source }
}

/// The commit to lock: what a branch or tag means stays as it was locked, unless it is to be updated.
fn resolve(
    downloads: Downloads<'_>,
    recipe: &Recipe,
    source: &GitSource,
    before: Before<'_>,
) -> Result<CommitId, BuildError> {
    let locked = before.source.and_then(|before| before.git.as_ref());
    if let (Some(locked), false) = (locked, before.update) {
        return Ok(locked.commit.clone());
    }
    let resolved = downloads
        .repositories
        .resolve(&source.url, &source.reference);
    resolved.map_err(|error| unusable(recipe, error.into()))
}

/// Refuses to move back along a branch: somebody rewrote it, or an old state is replayed.
fn check_not_older(
    recipe: &Recipe,
    before: &LockedSource,
    now: &LockedSource,
) -> Result<(), BuildError> {
    match (&before.git, &now.git) {
        (Some(old), Some(new)) if old != new && now.timestamp < before.timestamp => {
            Err(BuildError::WrongTree {
                recipe: recipe.name.clone(),
                reason: format!(
                    "{} has commit {} now, which is older than the locked {}",
                    new.url, new.commit, old.commit
                ),
                help: "look what happened there; to take it all the same, remove the lock and lock anew",
            })
        }
        _ => Ok(()),
    }
}

/// What a source has that is newer than what is locked.
pub(crate) fn outdated(
    downloads: Downloads<'_>,
    recipe: &Recipe,
    locked: Option<&LockedSource>,
) -> Result<Vec<String>, BuildError> {
    let git = locked.and_then(|locked| locked.git.as_ref());
    let (Source::Git(source), Some(git)) = (&recipe.source, git) else {
        return Ok(Vec::new());
    };
    let before = Before {
        source: locked,
        update: true,
    };
    let now = resolve(downloads, recipe, source, before)?;
    if now == git.commit {
        return Ok(Vec::new());
    }
    let reference = &source.reference;
    Ok(vec![format!(
        "{reference}: locked {}, now {now}",
        git.commit
    )])
}

/// The tree must be what the recipe says that it is.
fn check(recipe: &Recipe, tree: &Tree) -> Result<(), BuildError> {
    let wrong = recipe.mismatch(&tree.kernel, tree.mptcp);
    wrong.map_or(Ok(()), |reason| {
        Err(BuildError::WrongTree {
            recipe: recipe.name.clone(),
            reason,
            help: "correct `[mptcp]` or the source in the recipe",
        })
    })
}

fn lock_patch(
    project: &Project,
    downloads: Downloads<'_>,
    patch: &Patch,
    reporter: &dyn Reporter,
) -> Result<(LockedFile, Vec<u8>), BuildError> {
    match patch {
        Patch::Download(file) => {
            let file = lock_file(downloads, file, reporter)?;
            let bytes = stored(downloads, &file)?;
            Ok((file, bytes))
        }
        Patch::File(name) => {
            let bytes = project.patch(name.as_str())?;
            let file = LockedFile {
                name: name.to_string(),
                url: None,
                size: bytes.len() as u64,
                sha256: Sha256::of(&bytes),
            };
            Ok((file, bytes))
        }
    }
}

fn lock_file(
    downloads: Downloads<'_>,
    file: &PinnedFile,
    reporter: &dyn Reporter,
) -> Result<LockedFile, BuildError> {
    let url = file.url.as_str();
    let name = url.rsplit('/').next().unwrap_or(url);
    reporter.phase(&format!("download {name}"));
    let size = downloads.fetch_file(name, &file.url, None, file.sha256, reporter)?;
    Ok(LockedFile {
        name: name.to_owned(),
        url: Some(file.url.clone()),
        size,
        sha256: file.sha256,
    })
}
