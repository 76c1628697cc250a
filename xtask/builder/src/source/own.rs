//! A developer's own source: a clone on this machine, that no lock pins.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use host::cancel::Cancel;
use host::git::Repository;
use model::names::CommitId;
use model::source::LockedSource;

use super::error::SourceError;
use super::origin::Origin;
use super::patches::Patches;

/// What `--source DIR[@REV]` names.
#[derive(Debug)]
pub struct OwnSource {
    repository: Repository,
    what: What,
    /// What it holds, as a lock would say it.
    pub(crate) source: LockedSource,
}

#[derive(Debug)]
enum What {
    /// A commit.
    Commit { id: CommitId, timestamp: u64 },
    /// The working tree at this place, changes included.
    WorkingTree { root: Utf8PathBuf, timestamp: u64 },
}

impl What {
    fn origin<'a>(&'a self, repository: &'a Repository) -> Origin<'a> {
        match self {
            Self::Commit { id, timestamp } => Origin::Commit {
                repository,
                commit: id,
                timestamp: *timestamp,
            },
            Self::WorkingTree { root, timestamp } => Origin::WorkingTree {
                repository,
                root,
                timestamp: *timestamp,
            },
        }
    }
}

impl OwnSource {
    /// Opens and reads `DIR[@REV]`: a clone, bare or not. Without a revision, its working tree with all that was changed
    /// in it; of a bare one, `HEAD`. The date of the commit is the build's clock, also where files are newer.
    ///
    /// # Errors
    /// There is no clone or no such revision, or it is no Linux with MPTCP.
    pub fn open(text: &str, cancel: &Cancel) -> Result<Self, SourceError> {
        let (folder, revision) = split(text);
        let repository = Repository::local(Utf8Path::new(folder), cancel.clone())?;
        let commit = repository.commit(revision.unwrap_or("HEAD"))?;
        let timestamp = commit.timestamp;
        let what = match (revision, repository.is_bare()) {
            (None, false) => What::WorkingTree {
                root: repository.folder().to_owned(),
                timestamp,
            },
            _ => What::Commit {
                id: commit.id,
                timestamp,
            },
        };
        let origin = what.origin(&repository);
        let tree = origin.read(Patches::default(), &mut io::sink())?;
        let source = LockedSource {
            kernel: tree.kernel,
            mptcp: tree.mptcp,
            timestamp,
            tree: tree.digest,
            git: None,
            tarball: None,
            patches: Vec::new(),
        };
        Ok(Self {
            repository,
            what,
            source,
        })
    }

    /// Whether it changes under its developer's hands; what changed is then told by the times of its files.
    pub fn is_working_tree(&self) -> bool {
        matches!(self.what, What::WorkingTree { .. })
    }

    pub(super) fn origin(&self) -> Origin<'_> {
        self.what.origin(&self.repository)
    }
}

/// Folder and revision. Both may hold an `@`: the folder is what is there.
fn split(text: &str) -> (&str, Option<&str>) {
    let is_folder = |path: &str| Utf8Path::new(path).is_dir();
    if is_folder(text) {
        return (text, None);
    }
    let mut ats = text.match_indices('@').map(|(at, _)| at);
    match ats.find(|at| is_folder(&text[..*at])) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => text
            .split_once('@')
            .map_or((text, None), |(folder, revision)| (folder, Some(revision))),
    }
}
