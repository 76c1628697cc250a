//! A source tree on its way into a volume: checked, patched, hashed, and looked at.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use formats::tar_path::safe_path;
use host::tar_entry::header;
use model::digest::Sha256;
use model::version::{KernelVersion, MptcpRelease};
use sha2::Digest;

use super::error::SourceError;
use super::patches::{HeldFile, Patches};

/// The most that a source tree may hold, in bytes; Linux 6.12 is 1.6 GB.
pub(super) const MAX_TREE: u64 = 8 << 30;
/// The most entries that it may have; Linux 6.12 has 92000.
const MAX_ENTRIES: usize = 1_000_000;
/// The most that a file may hold that tells what the tree is, in bytes.
const MAX_TELLING: u64 = 4 << 20;
/// The latest date that an entry may have, in seconds since 1970: it becomes the clock of the build, and no program in
/// there was tried with later ones.
const MAX_DATE: u64 = u32::MAX as u64;
/// The file that tells the version of Linux.
const MAKEFILE: &str = "Makefile";
/// The file that tells the release of out-of-tree MPTCP; no other Linux has it.
const OUT_OF_TREE: &str = "net/mptcp/mptcp_ctrl.c";
/// The file that every Linux with MPTCP has, of both lines.
const ANY_MPTCP: &str = "net/mptcp/Kconfig";

/// A tree that was written, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    /// The digest of its sorted lines `mode path digest`, or `mode path target` for a link. However a tree comes, this
    /// is the same.
    pub(crate) digest: Sha256,
    /// The version of Linux.
    pub(crate) kernel: KernelVersion,
    /// The release of out-of-tree MPTCP, if it has it.
    pub(crate) mptcp: Option<MptcpRelease>,
    /// When its newest file was changed, in seconds since 1970.
    pub(crate) newest: u64,
}

/// Writes a tree as tar entries below `tree/`.
pub(super) struct TreeWriter<W: Write> {
    tar: tar::Builder<W>,
    patches: Patches,
    lines: Vec<String>,
    paths: BTreeSet<String>,
    folders: BTreeSet<String>,
    links: Vec<String>,
    bytes: u64,
    newest: u64,
    makefile: Option<String>,
    banner: Option<String>,
    has_mptcp: bool,
}

impl<W: Write> TreeWriter<W> {
    pub(super) fn new(writer: W, patches: Patches) -> Self {
        Self {
            tar: tar::Builder::new(writer),
            patches,
            lines: Vec::new(),
            paths: BTreeSet::new(),
            folders: BTreeSet::new(),
            links: Vec::new(),
            bytes: 0,
            newest: 0,
            makefile: None,
            banner: None,
            has_mptcp: false,
        }
    }

    /// Writes a file of `size` bytes.
    pub(super) fn file(
        &mut self,
        path: &str,
        executable: bool,
        mtime: u64,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), SourceError> {
        let path = &self.enter(path, size)?;
        if mtime > MAX_DATE {
            return Err(SourceError::unsafe_tree(path, "its date is after 2106"));
        }
        if !self.patches.touch(path) {
            self.newest = self.newest.max(mtime);
            return self.write(path, executable, mtime, size, content);
        }
        if !self.patches.has_room(size) {
            return Err(SourceError::unsafe_tree(
                path,
                "patches change too much to be held in memory",
            ));
        }
        let mut bytes = Vec::new();
        content.take(size).read_to_end(&mut bytes)?;
        let file = HeldFile {
            bytes,
            executable,
            mtime,
        };
        self.patches.hold(path, file);
        Ok(())
    }

    /// Writes a symbolic link.
    pub(super) fn link(&mut self, path: &str, target: &str) -> Result<(), SourceError> {
        let path = self.enter(path, 0)?;
        stays_inside(&path, target)?;
        if self.patches.touch(&path) {
            return Err(SourceError::unsafe_tree(
                &path,
                "a patch changes it, and it is a link",
            ));
        }
        self.folders_of(&path)?;
        self.lines.push(format!("120000 {path} {target}"));
        let mut header = header(tar::EntryType::Symlink, 0o777);
        self.tar
            .append_link(&mut header, format!("tree/{path}"), target)?;
        self.links.push(path);
        Ok(())
    }

    /// Ends the tree: the files that patches change come last.
    pub(super) fn finish(mut self) -> Result<Tree, SourceError> {
        let held = std::mem::take(&mut self.patches).apply(self.newest)?;
        for (path, file) in held {
            self.paths.insert(path.clone());
            self.newest = self.newest.max(file.mtime);
            let size = file.bytes.len() as u64;
            self.write(
                &path,
                file.executable,
                file.mtime,
                size,
                &mut &file.bytes[..],
            )?;
        }
        for link in &self.links {
            let below = format!("{link}/");
            let mut behind = self.paths.range(below.clone()..);
            if behind.next().is_some_and(|path| path.starts_with(&below)) {
                return Err(SourceError::unsafe_tree(
                    link,
                    "it is a link, and other entries are below it",
                ));
            }
        }
        self.tar.finish()?;
        let makefile = self.makefile.unwrap_or_default();
        let kernel = KernelVersion::of_makefile(&makefile).map_err(|_| SourceError::NotLinux)?;
        if !self.has_mptcp {
            return Err(SourceError::NoMptcp { kernel });
        }
        let banner = self.banner.as_deref().map(MptcpRelease::of_source);
        let mptcp = match banner {
            None => None,
            Some(Ok(Some(release))) => Some(release),
            Some(Ok(None)) => return Err(SourceError::NoBanner { file: OUT_OF_TREE }),
            Some(Err(error)) => return Err(SourceError::Release(error)),
        };
        self.lines.sort_unstable();
        Ok(Tree {
            digest: Sha256::of(self.lines.join("\n")),
            kernel,
            mptcp,
            newest: self.newest,
        })
    }

    /// The path, if an entry may have it.
    fn enter(&mut self, path: &str, size: u64) -> Result<String, SourceError> {
        let safe = safe_path(path.as_bytes())
            .map_err(|error| SourceError::unsafe_tree(path, error.to_string()))?;
        if safe.is_empty() || safe.contains('\n') {
            return Err(SourceError::unsafe_tree(path, "it is no name of a file"));
        }
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > MAX_TREE || self.paths.len() >= MAX_ENTRIES {
            return Err(SourceError::TooBig {
                bytes: MAX_TREE,
                entries: MAX_ENTRIES,
            });
        }
        if !self.paths.insert(safe.clone()) {
            return Err(SourceError::unsafe_tree(path, "it is there twice"));
        }
        Ok(safe)
    }

    fn write(
        &mut self,
        path: &str,
        executable: bool,
        mtime: u64,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), SourceError> {
        self.folders_of(path)?;
        let mode = if executable { 0o755 } else { 0o644 };
        let mut header = header(tar::EntryType::Regular, mode);
        header.set_mtime(mtime);
        header.set_size(size);
        let mut hashed = Hashing {
            inner: content,
            hasher: sha2::Sha256::new(),
            left: size,
            kept: tells(path, size).then(Vec::new),
        };
        self.tar
            .append_data(&mut header, format!("tree/{path}"), &mut hashed)?;
        if hashed.left > 0 {
            return Err(SourceError::unsafe_tree(
                path,
                "it is shorter than announced",
            ));
        }
        let kept = hashed.kept.take();
        let digest = Sha256::finish(hashed.hasher);
        self.lines.push(format!("100{mode:o} {path} {digest}"));
        let text = kept.map(|kept| String::from_utf8_lossy(&kept).into_owned());
        match path {
            MAKEFILE => self.makefile = text,
            OUT_OF_TREE => self.banner = text,
            ANY_MPTCP => self.has_mptcp = true,
            _ => {}
        }
        Ok(())
    }

    /// The folders around an entry, each once.
    fn folders_of(&mut self, path: &str) -> io::Result<()> {
        if self.folders.is_empty() {
            self.folder("tree")?;
        }
        for (end, _) in path.match_indices('/') {
            self.folder(&format!("tree/{}", &path[..end]))?;
        }
        Ok(())
    }

    fn folder(&mut self, path: &str) -> io::Result<()> {
        if self.folders.insert(path.to_owned()) {
            return host::tar_entry::append_folder(&mut self.tar, path);
        }
        Ok(())
    }
}

/// Whether a file tells what the tree is.
fn tells(path: &str, size: u64) -> bool {
    [MAKEFILE, OUT_OF_TREE].contains(&path) && size <= MAX_TELLING
}

/// Refuses a link that leaves the tree.
fn stays_inside(path: &str, target: &str) -> Result<(), SourceError> {
    let mut depth = path.split('/').count() - 1;
    let leaves = target.starts_with('/')
        || target.is_empty()
        || target.contains(['\n', '\0'])
        || target.split('/').any(|component| match component {
            "" | "." => false,
            ".." if depth == 0 => true,
            ".." => {
                depth -= 1;
                false
            }
            _ => {
                depth += 1;
                false
            }
        });
    if leaves {
        let reason = format!("it is a link to `{target}`, which leaves the source tree");
        return Err(SourceError::unsafe_tree(path, reason));
    }
    Ok(())
}

/// Passes on what it reads, at most as much as was announced, and hashes it.
struct Hashing<'a> {
    inner: &'a mut dyn Read,
    hasher: sha2::Sha256,
    left: u64,
    /// All of it, where somebody wants to see it.
    kept: Option<Vec<u8>>,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.inner.read(&mut buffer[..wanted])?;
        self.left -= count as u64;
        self.hasher.update(&buffer[..count]);
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(&buffer[..count]);
        }
        Ok(count)
    }
}
