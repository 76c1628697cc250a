//! A commit's list of files: its tree objects, each of which lists one folder.

use std::collections::BTreeSet;
use std::io::Read;

use super::error::GitError;
use super::objects::{self, Kind, ObjectId};
use super::repository::Repository;

/// The most files and folders of a commit; Linux has a fifth of that.
const MAX_ENTRIES: usize = 500_000;
/// The largest tree or commit object, in bytes.
const MAX_OBJECT: u64 = 64 << 20;
/// The longest path, in bytes, as Linux has it.
const MAX_PATH: usize = 4095;
/// How deep folders may be.
const MAX_DEPTH: usize = 100;

/// What a file of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A file.
    Regular,
    /// A file that may be executed.
    Executable,
    /// A symbolic link; its content is where it points.
    Symlink,
}

/// A file of a tree, or a folder while it is read.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) path: String,
    pub(super) kind: T,
    pub(super) id: ObjectId,
}

/// The date of a commit, and its tree.
pub(super) struct CommitObject {
    pub(super) timestamp: u64,
    pub(super) tree: ObjectId,
}

/// Reads a commit.
pub(super) fn commit(repository: &Repository, id: ObjectId) -> Result<CommitObject, GitError> {
    let mut found = None;
    objects::read(repository, Kind::Commit, &[id], &mut |_, size, content| {
        let bytes = whole(repository, id, size, content)?;
        let parsed = parse_commit(&bytes);
        found = Some(parsed.ok_or_else(|| {
            repository.damaged(id, "a tree and a date are expected, found none".to_owned())
        })?);
        Ok(())
    })?;
    found.ok_or_else(|| repository.damaged(id, "it is missing".to_owned()))
}

fn parse_commit(bytes: &[u8]) -> Option<CommitObject> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let tree = std::str::from_utf8(lines.next()?.strip_prefix(b"tree ")?).ok()?;
    let committer = lines
        .take_while(|line| !line.is_empty())
        .find_map(|line| line.strip_prefix(b"committer "))?;
    let committer = String::from_utf8_lossy(committer);
    let (_, date) = committer.rsplit_once("> ")?;
    Some(CommitObject {
        timestamp: date.split(' ').next()?.parse().ok()?,
        tree: ObjectId::from_hex(tree)?,
    })
}

/// Lists all files of a tree, ordered by the bytes of their paths.
pub(super) fn files(
    repository: &Repository,
    tree: ObjectId,
) -> Result<Vec<Entry<FileKind>>, GitError> {
    let mut walk = Walk {
        repository,
        entries: 0,
        files: Vec::new(),
        folders: Vec::new(),
    };
    let mut level = vec![Entry {
        path: String::new(),
        kind: (),
        id: tree,
    }];
    // All folders of one depth at once: git is started a dozen times, not thousands.
    for _ in 0..MAX_DEPTH {
        if level.is_empty() {
            walk.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
            return Ok(walk.files);
        }
        let ids: Vec<_> = level.iter().map(|folder| folder.id).collect();
        objects::read(repository, Kind::Tree, &ids, &mut |index, size, content| {
            walk.folder(&level[index], size, content)
        })?;
        level = std::mem::take(&mut walk.folders);
    }
    Err(too_large(repository, MAX_DEPTH as u64, "levels of folders"))
}

struct Walk<'a> {
    repository: &'a Repository,
    entries: usize,
    files: Vec<Entry<FileKind>>,
    /// Those of the next depth.
    folders: Vec<Entry<()>>,
}

impl Walk<'_> {
    fn folder(
        &mut self,
        folder: &Entry<()>,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), GitError> {
        let bytes = whole(self.repository, folder.id, size, content)?;
        let malformed = || {
            let found = format!(
                "the list of the folder `{}` is malformed",
                folder.path.escape_debug()
            );
            self.repository.damaged(folder.id, found)
        };
        let mut names = BTreeSet::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let line = Line::parse(&mut rest).ok_or_else(malformed)?;
            if !names.insert(line.name) {
                return Err(malformed());
            }
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                let limit = MAX_ENTRIES as u64;
                return Err(too_large(self.repository, limit, "files and folders"));
            }
            let path = self.path(&folder.path, line.name)?;
            self.add(path, &line).ok_or_else(malformed)??;
        }
        Ok(())
    }

    fn path(&self, folder: &str, name: &[u8]) -> Result<String, GitError> {
        let Ok(name) = std::str::from_utf8(name) else {
            let mut path = folder.as_bytes().to_vec();
            path.extend([b"/", name].concat());
            return Err(not_text(self.repository, &path));
        };
        let path = match folder {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        };
        if path.len() > MAX_PATH {
            return Err(too_large(
                self.repository,
                MAX_PATH as u64,
                "bytes in a path",
            ));
        }
        Ok(path)
    }

    /// `None` when it is of no kind that git knows.
    fn add(&mut self, path: String, line: &Line<'_>) -> Option<Result<(), GitError>> {
        let id = line.id;
        let kind = match line.mode {
            0o040_000 => {
                self.folders.push(Entry { path, kind: (), id });
                return Some(Ok(()));
            }
            0o160_000 => return Some(Err(submodule(self.repository, &path))),
            // The second one stands in old histories.
            0o100_644 | 0o100_664 => FileKind::Regular,
            0o100_755 => FileKind::Executable,
            0o120_000 => FileKind::Symlink,
            _ => return None,
        };
        self.files.push(Entry { path, kind, id });
        Some(Ok(()))
    }
}

/// One entry of a tree object: mode in octal, space, name, NUL, 20 bytes of id.
struct Line<'a> {
    mode: u32,
    name: &'a [u8],
    id: ObjectId,
}

impl<'a> Line<'a> {
    /// Takes one off the beginning; `None` when there is none.
    fn parse(bytes: &mut &'a [u8]) -> Option<Self> {
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let mode = std::str::from_utf8(&bytes[..space]).ok()?;
        let mode = u32::from_str_radix(mode, 8).ok()?;
        let rest = &bytes[space + 1..];
        let end = rest.iter().position(|byte| *byte == 0)?;
        let name = &rest[..end];
        let (id, rest) = rest[end + 1..].split_first_chunk::<20>()?;
        *bytes = rest;
        let valid = !name.is_empty() && !name.contains(&b'/');
        valid.then_some(Self {
            mode,
            name,
            id: ObjectId(*id),
        })
    }
}

/// All of a small object.
fn whole(
    repository: &Repository,
    id: ObjectId,
    size: u64,
    content: &mut dyn Read,
) -> Result<Vec<u8>, GitError> {
    if size > MAX_OBJECT {
        return Err(too_large(
            repository,
            MAX_OBJECT,
            "bytes in a list of files",
        ));
    }
    let mut bytes = Vec::new();
    match content.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        // The reader of objects knows better why, and says that instead.
        Err(error) => Err(repository.damaged(id, error.to_string())),
    }
}

pub(super) fn too_large(repository: &Repository, limit: u64, what: &'static str) -> GitError {
    GitError::TooLarge {
        folder: repository.folder().to_owned(),
        limit,
        what,
    }
}

pub(super) fn submodule(repository: &Repository, path: &str) -> GitError {
    GitError::Submodule {
        folder: repository.folder().to_owned(),
        path: path.escape_debug().to_string(),
    }
}

pub(super) fn not_text(repository: &Repository, path: &[u8]) -> GitError {
    GitError::NotText {
        folder: repository.folder().to_owned(),
        path: path.escape_ascii().to_string(),
    }
}
