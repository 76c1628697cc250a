//! A repository on this host, which is only read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use model::names::CommitId;

use super::command;
use super::error::{GitError, said};
use super::objects::{self, Kind, ObjectId};
use super::tree::{self, FileKind, not_text, submodule, too_large};
use crate::cancel::Cancel;
use crate::process::Process;

/// How long git may take for what it finds in its own index and history.
const DEADLINE: Duration = Duration::from_secs(30 * 60);
/// The most that all files of a commit may hold, in bytes; Linux has a sixth of that.
const MAX_CONTENT: u64 = 8 << 30;
/// The longest list of a working tree's files, in bytes.
const MAX_LIST: usize = 64 << 20;

/// A repository on this host: a fetched one, or a developer's clone.
///
/// Neither its configuration, nor its hooks, attributes and filters are followed.
#[derive(Debug, Clone)]
pub struct Repository {
    git_dir: Utf8PathBuf,
    /// The folder of the files, unless it is bare.
    work_tree: Option<Utf8PathBuf>,
    /// Whether it may be deleted, because it can be fetched again.
    fetched: bool,
    cancel: Cancel,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// When it was committed (not written first), in seconds since 1970.
    pub timestamp: u64,
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Where it is, as the repository has it: parts may be `..`, or whatever else is bad on this host.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// Its size in bytes.
    pub size: u64,
}

impl Repository {
    /// A developer's clone: its top folder (that of an additional working tree will do), or a bare
    /// repository.
    ///
    /// # Errors
    /// When it is none, or git cannot be run.
    pub fn local(folder: &Utf8Path, cancel: Cancel) -> Result<Self, GitError> {
        let folder = folder
            .canonicalize_utf8()
            .map_err(|error| GitError::NotARepository {
                folder: folder.to_owned(),
                found: error.to_string(),
            })?;
        let inside = folder.join(".git");
        let repository = if inside.exists() {
            Self {
                git_dir: inside,
                work_tree: Some(folder.clone()),
                fetched: false,
                cancel,
            }
        } else {
            Self {
                git_dir: folder.clone(),
                work_tree: None,
                fetched: false,
                cancel,
            }
        };
        let captured = repository
            .git("the repository")
            .arguments(["rev-parse", "--git-dir"])
            .capture(&repository.cancel)?;
        if captured.status.success() {
            return Ok(repository);
        }
        let found = said(&captured);
        Err(GitError::NotARepository { folder, found })
    }

    /// A repository that was fetched.
    pub(super) fn fetched(git_dir: Utf8PathBuf, cancel: Cancel) -> Self {
        Self {
            git_dir,
            work_tree: None,
            fetched: true,
            cancel,
        }
    }

    /// Where it is: the folder of the working tree, or of the bare repository.
    pub fn folder(&self) -> &Utf8Path {
        self.work_tree.as_deref().unwrap_or(&self.git_dir)
    }

    /// Whether it has no working tree.
    pub fn is_bare(&self) -> bool {
        self.work_tree.is_none()
    }

    pub(super) fn git_dir(&self) -> &Utf8Path {
        &self.git_dir
    }

    pub(super) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// git with this repository and, where it has one, this working tree, whatever its
    /// configuration says of that.
    pub(super) fn git(&self, waited_for: &str) -> Process {
        let process = command::local(&self.git_dir, DEADLINE, waited_for);
        match &self.work_tree {
            Some(folder) => process
                .argument(format!("--work-tree={folder}"))
                .arguments(["-C", folder.as_str()]),
            None => process,
        }
    }

    /// The commit that a revision means: an id, a tag, a branch, or what else git understands
    /// (gitrevisions(7)).
    ///
    /// # Errors
    /// When it means none, or the commit is damaged.
    pub fn commit(&self, revision: &str) -> Result<Commit, GitError> {
        let unknown = |found: String| GitError::UnknownRevision {
            folder: self.folder().to_owned(),
            revision: revision.escape_debug().to_string(),
            found,
        };
        // No revision begins like that, but options do.
        if revision.starts_with('-') || revision.contains(char::is_control) {
            return Err(unknown("this can be no revision".to_owned()));
        }
        let captured = self
            .git("the meaning of a revision")
            .arguments(["rev-parse", "--verify"])
            .argument(format!("{revision}^{{commit}}"))
            .capture(&self.cancel)?;
        if !captured.status.success() {
            return Err(unknown(format!(
                "there is none; git said: {}",
                said(&captured)
            )));
        }
        let id = captured.text()?;
        let id: CommitId = id.trim_end().parse().map_err(|_| {
            let found = id.trim_end().escape_debug();
            unknown(format!(
                "one commit id of 40 digits is expected, found `{found}`"
            ))
        })?;
        let timestamp = self.read_commit(&id)?.timestamp;
        Ok(Commit { id, timestamp })
    }

    /// Reads a commit itself, by its id and nothing else.
    pub(super) fn read_commit(&self, id: &CommitId) -> Result<tree::CommitObject, GitError> {
        tree::commit(self, self.object_id(id)?)
    }

    /// Gives every file of a commit to `visit`, ordered by the bytes of the path. What `visit` does
    /// not read of a file is skipped.
    ///
    /// Contents and list are verified against the commit's id. The end of a file that is not what it
    /// should be is never given: reading it fails, and so does this method, whatever `visit` returns.
    ///
    /// # Errors
    /// When the commit is not there or damaged, holds submodules, or is too large, and when `visit`
    /// fails.
    pub fn files(
        &self,
        commit: &CommitId,
        visit: &mut dyn FnMut(&TreeFile, &mut dyn Read) -> io::Result<()>,
    ) -> Result<(), GitError> {
        let files = tree::files(self, self.read_commit(commit)?.tree)?;
        let ids: Vec<_> = files.iter().map(|file| file.id).collect();
        let mut paths = files.into_iter();
        let mut total: u64 = 0;
        objects::read(self, Kind::Blob, &ids, &mut |_, size, content| {
            total = total.saturating_add(size);
            if total > MAX_CONTENT {
                return Err(too_large(self, MAX_CONTENT, "bytes in all files"));
            }
            // There is an entry for each id.
            let Some(entry) = paths.next() else {
                return Ok(());
            };
            let file = TreeFile {
                path: entry.path,
                kind: entry.kind,
                size,
            };
            visit(&file, content).map_err(|source| GitError::Visit {
                commit: commit.clone(),
                path: file.path.escape_debug().to_string(),
                source,
            })
        })
    }

    /// The files and symbolic links of the working tree as they are now, ordered by path: those that
    /// git tracks, if they exist, and the others that it does not ignore. The paths are relative to
    /// [`Repository::folder`] and, as the index is a file of the repository, no better than those of
    /// [`TreeFile`].
    ///
    /// The user's own list of ignored files (`core.excludesFile`) does not count, the repository's do.
    ///
    /// # Errors
    /// When the repository is bare, damaged, holds submodules or other repositories, or names that
    /// are no UTF-8.
    pub fn working_tree(&self) -> Result<Vec<Utf8PathBuf>, GitError> {
        let Some(root) = &self.work_tree else {
            let folder = self.folder().to_owned();
            return Err(GitError::Bare { folder });
        };
        let mut paths = BTreeSet::new();
        for line in records(&self.list(&["--cached", "--stage"])?) {
            // Mode, id and stage, then the path.
            let Some(tab) = line.iter().position(|byte| *byte == b'\t') else {
                continue;
            };
            let path = self.text(&line[tab + 1..])?;
            if line.starts_with(b"160000 ") {
                return Err(submodule(self, path));
            }
            paths.insert(Utf8PathBuf::from(path));
        }
        for path in records(&self.list(&["--others", "--exclude-standard"])?) {
            let path = self.text(path)?;
            // So it shows a repository, whose files it does not.
            if path.ends_with('/') {
                return Err(submodule(self, path));
            }
            paths.insert(Utf8PathBuf::from(path));
        }
        let mut folders = BTreeMap::new();
        paths.retain(|path| exists(root, path, &mut folders));
        Ok(paths.into_iter().collect())
    }

    fn list(&self, options: &[&str]) -> Result<Vec<u8>, GitError> {
        let mut list = Bounded(Vec::new());
        let captured = self
            .git("the list of the working tree's files")
            .arguments(["ls-files", "-z"])
            .arguments(options.iter().copied())
            .pipe(&self.cancel, &mut list);
        if list.0.len() > MAX_LIST {
            return Err(too_large(
                self,
                MAX_LIST as u64,
                "bytes in the list of files",
            ));
        }
        let captured = captured?;
        if captured.status.success() {
            return Ok(list.0);
        }
        Err(GitError::Failed {
            doing: "listing the working tree of",
            folder: self.folder().to_owned(),
            said: said(&captured),
        })
    }

    fn text<'a>(&self, path: &'a [u8]) -> Result<&'a str, GitError> {
        std::str::from_utf8(path).map_err(|_| not_text(self, path))
    }

    fn object_id(&self, id: &CommitId) -> Result<ObjectId, GitError> {
        // A CommitId always is one.
        ObjectId::from_hex(id.as_str()).ok_or_else(|| GitError::UnknownRevision {
            folder: self.folder().to_owned(),
            revision: id.to_string(),
            found: "40 hexadecimal digits are expected".to_owned(),
        })
    }

    pub(super) fn damaged(&self, id: ObjectId, found: String) -> GitError {
        GitError::Damaged {
            folder: self.folder().to_owned(),
            id: id.to_string(),
            found,
            advice: if self.fetched {
                "delete that folder, and the commit will be fetched again"
            } else {
                "`git fsck` there tells more"
            },
        }
    }
}

/// What stands before each NUL.
fn records(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == 0)
        .filter(|record| !record.is_empty())
}

/// Whether a path is a file or link below `root`, and not below a link. `folders` remembers what is
/// a folder.
fn exists(root: &Utf8Path, path: &Utf8Path, folders: &mut BTreeMap<Utf8PathBuf, bool>) -> bool {
    let Some(parent) = path.parent() else {
        return false;
    };
    let metadata = root.join(path).symlink_metadata();
    is_folder(root, parent, folders)
        && metadata.is_ok_and(|metadata| metadata.is_file() || metadata.is_symlink())
}

fn is_folder(root: &Utf8Path, path: &Utf8Path, folders: &mut BTreeMap<Utf8PathBuf, bool>) -> bool {
    let Some(parent) = path.parent() else {
        return true;
    };
    if let Some(known) = folders.get(path) {
        return *known;
    }
    let metadata = root.join(path).symlink_metadata();
    let found = is_folder(root, parent, folders) && metadata.is_ok_and(|found| found.is_dir());
    folders.insert(path.to_owned(), found);
    found
}

/// Takes a little more than [`MAX_LIST`] bytes.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() > MAX_LIST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
