//! What a source tree is read from.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use camino::Utf8Path;
use formats::compression::{Compression, Decoder};
use formats::deb;
use formats::tar_path::safe_path;
use host::git::{FileKind, Repository};
use host::store::{Store, VerifiedReader};
use model::digest::Sha256;
use model::lock::LockedPackage;
use model::names::CommitId;

use super::error::SourceError;
use super::patches::Patches;
use super::tree::{MAX_TREE, Tree, TreeWriter};
use crate::fetch;

/// The most that a tar archive may say of one entry besides its header, in bytes: two names of 4096, and some
/// times and owners.
const MAX_REMARKS: u64 = 64 << 10;

/// What a source tree is read from; all of it is on this machine.
pub(crate) enum Origin<'a> {
    /// A package that holds a compressed tar of it.
    Package {
        store: &'a Store,
        package: &'a LockedPackage,
    },
    /// A compressed tar of it.
    Tarball {
        store: &'a Store,
        name: &'a str,
        size: u64,
        sha256: Sha256,
    },
    /// A commit.
    Commit {
        repository: &'a Repository,
        commit: &'a CommitId,
        timestamp: u64,
    },
    /// A working tree with all that was changed in it.
    WorkingTree {
        repository: &'a Repository,
        root: &'a Utf8Path,
        timestamp: u64,
    },
}

impl Origin<'_> {
    /// Writes the tree as tar entries below `tree/`, with the patches on it.
    pub(crate) fn read(
        &self,
        patches: Patches,
        writer: &mut dyn Write,
    ) -> Result<Tree, SourceError> {
        let mut tree = TreeWriter::new(writer, patches);
        match self {
            Self::Package { store, package } => from_package(store, package, &mut tree)?,
            Self::Tarball {
                store,
                name,
                size,
                sha256,
            } => {
                store.verify(sha256)?;
                let file = store.open_verified(sha256, *size)?;
                from_tarball(name, file, &mut tree)?;
            }
            Self::Commit {
                repository,
                commit,
                timestamp,
            } => from_commit(repository, commit, *timestamp, &mut tree)?,
            Self::WorkingTree {
                repository,
                root,
                timestamp,
            } => from_working_tree(repository, root, *timestamp, &mut tree)?,
        }
        tree.finish()
    }
}

type Writer<'a> = TreeWriter<&'a mut dyn Write>;

fn from_package(
    store: &Store,
    package: &LockedPackage,
    tree: &mut Writer<'_>,
) -> Result<(), SourceError> {
    let file = fetch::open(store, package)?;
    let data = deb::open(file).map_err(io::Error::other)?;
    let mut data = tar::Archive::new(data.data(MAX_TREE).map_err(io::Error::other)?);
    let wanted = format!("usr/src/{}.tar.xz", package.name);
    for entry in data.entries()? {
        let entry = entry?;
        if safe_path(&entry.path_bytes()).is_ok_and(|path| path == wanted) {
            return from_tar(Decoder::new(entry, Compression::Xz, MAX_TREE)?, tree);
        }
    }
    let error = format!("{} holds no {wanted}", package.path);
    Err(io::Error::other(error).into())
}

fn from_tarball(
    name: &str,
    file: VerifiedReader,
    tree: &mut Writer<'_>,
) -> Result<(), SourceError> {
    let extension = name.rsplit('.').next().unwrap_or_default();
    let compression = Compression::from_extension(extension)
        .ok_or_else(|| io::Error::other(format!("{name} ends in no known compression")))?;
    from_tar(
        Decoder::new(BufReader::new(file), compression, MAX_TREE)?,
        tree,
    )
}

/// A tar whose entries are all in one folder, which goes.
fn from_tar(tar: impl Read, tree: &mut Writer<'_>) -> Result<(), SourceError> {
    let mut top: Option<String> = None;
    let mut before = Remarks::default();
    // The tar crate would hold remarks in memory, however long they are.
    for entry in tar::Archive::new(tar).entries()?.raw(true) {
        let mut entry = entry?;
        if before.take(&mut entry)? {
            continue;
        }
        let remarks = std::mem::take(&mut before);
        let kind = entry.header().entry_type();
        let path = remarks
            .path
            .unwrap_or_else(|| entry.path_bytes().into_owned());
        let raw = String::from_utf8_lossy(&path).into_owned();
        let unsafe_entry = |reason: String| SourceError::unsafe_tree(&raw, reason);
        let path = safe_path(&path).map_err(|error| unsafe_entry(error.to_string()))?;
        let (first, path) = path.split_once('/').unwrap_or((&path, ""));
        if *top.get_or_insert_with(|| first.to_owned()) != first {
            return Err(unsafe_entry(
                "all entries are expected in one folder, and this is in another".to_owned(),
            ));
        }
        if kind.is_dir() {
            continue;
        }
        let (mode, mtime) = (entry.header().mode()?, entry.header().mtime()?);
        if kind.is_symlink() {
            let target = remarks
                .target
                .or_else(|| Some(entry.link_name_bytes()?.into_owned()));
            let target = target.unwrap_or_default();
            let target = std::str::from_utf8(&target)
                .map_err(|_| unsafe_entry("it is a link to no UTF-8".to_owned()))?;
            tree.link(path, target)?;
        } else if kind.is_file() {
            let size = entry.size();
            tree.file(path, mode & 0o100 != 0, mtime, size, &mut entry)?;
        } else {
            return Err(unsafe_entry(format!(
                "it is {}; files, folders and symbolic links are expected",
                named(kind)
            )));
        }
    }
    Ok(())
}

/// What people call an entry that no source has.
fn named(kind: tar::EntryType) -> String {
    use tar::EntryType;
    match kind {
        EntryType::Link => "a hard link".to_owned(),
        EntryType::Block | EntryType::Char => "a device".to_owned(),
        EntryType::Fifo => "a named pipe".to_owned(),
        EntryType::GNUSparse => "a sparse file".to_owned(),
        other => format!("of type {:?}", char::from(other.as_byte())),
    }
}

/// What stands before an entry about it, in entries of their own: names that do not fit into its header.
#[derive(Debug, Default)]
struct Remarks {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl Remarks {
    /// Takes an entry that is about the next one, or about all; `false` for any other.
    fn take(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<bool, SourceError> {
        let kind = entry.header().entry_type();
        // git archive and others write remarks of their own about all.
        if kind.is_pax_global_extensions() {
            return Ok(true);
        }
        if !kind.is_gnu_longname() && !kind.is_gnu_longlink() && !kind.is_pax_local_extensions() {
            return Ok(false);
        }
        let (path, size) = (entry.path_bytes().into_owned(), entry.size());
        let unsafe_entry =
            |reason: String| SourceError::unsafe_tree(&String::from_utf8_lossy(&path), reason);
        if size > MAX_REMARKS {
            return Err(unsafe_entry(format!(
                "the name of an entry is said in {size} bytes, and at most {MAX_REMARKS} are taken"
            )));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if kind.is_pax_local_extensions() {
            for extension in tar::PaxExtensions::new(&bytes) {
                let extension = extension?;
                let value = extension.value_bytes().to_vec();
                match extension.key_bytes() {
                    b"path" => self.path = Some(value),
                    b"linkpath" => self.target = Some(value),
                    b"size" => {
                        let reason = "it has a size that does not fit into its header";
                        return Err(unsafe_entry(reason.to_owned()));
                    }
                    _ => {}
                }
            }
            return Ok(true);
        }
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        if kind.is_gnu_longname() {
            self.path = Some(bytes);
        } else {
            self.target = Some(bytes);
        }
        Ok(true)
    }
}

fn from_commit(
    repository: &Repository,
    commit: &CommitId,
    timestamp: u64,
    tree: &mut Writer<'_>,
) -> Result<(), SourceError> {
    let mut failed = None;
    let visited = repository.files(commit, &mut |file, content| {
        let written = match file.kind {
            FileKind::Regular => tree.file(&file.path, false, timestamp, file.size, content),
            FileKind::Executable => tree.file(&file.path, true, timestamp, file.size, content),
            FileKind::Symlink => {
                read_target(content).and_then(|target| tree.link(&file.path, &target))
            }
        };
        written.map_err(|error| {
            failed = Some(error);
            io::Error::other("the tree was not taken")
        })
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(visited?),
    }
}

fn read_target(content: &mut dyn Read) -> Result<String, SourceError> {
    let mut target = String::new();
    content.take(4096).read_to_string(&mut target)?;
    Ok(target)
}

fn from_working_tree(
    repository: &Repository,
    root: &Utf8Path,
    timestamp: u64,
    tree: &mut Writer<'_>,
) -> Result<(), SourceError> {
    for path in repository.working_tree()? {
        let full = root.join(&path);
        let found = fs::symlink_metadata(&full)?;
        // kbuild compiles again what is newer than its object; packages take nothing that is newer than the clock.
        let mtime = u64::try_from(found.mtime())
            .unwrap_or_default()
            .max(timestamp);
        if found.is_symlink() {
            tree.link(path.as_str(), full.read_link_utf8()?.as_str())?;
        } else if found.is_file() {
            let executable = found.permissions().mode() & 0o100 != 0;
            let mut file = File::open(&full)?;
            tree.file(path.as_str(), executable, mtime, found.len(), &mut file)?;
        } else {
            return Err(SourceError::unsafe_tree(
                path.as_str(),
                "it is neither a file nor a link",
            ));
        }
    }
    Ok(())
}
