//! The files of a release while it is made, and how they get into their place: all at once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};

use builder::lockfile::try_exclusive;
use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use flate2::{Compression, GzBuilder};
use model::digest::Sha256;
use model::release::Package;
use sha2::Digest;

use crate::error::ReleaseError;

/// What the names of drafts begin with.
const DRAFT: &str = "draft-";
/// The name of the lock, beside the trees.
const LOCK: &str = "release";
/// How much is read at once, in bytes.
const CHUNK: usize = 1 << 18;

/// A file of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its digest.
    pub(crate) sha256: Sha256,
}

impl From<&Package> for Stored {
    fn from(package: &Package) -> Self {
        Self {
            size: package.size,
            sha256: package.sha256,
        }
    }
}

impl Stored {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            size: bytes.len() as u64,
            sha256: Sha256::of(bytes),
        }
    }
}

/// The link that a release gets. While this is held, nobody else makes one there.
#[derive(Debug)]
pub struct Place {
    out: Utf8PathBuf,
    #[expect(dead_code, reason = "held, not read")]
    lock: File,
}

impl Place {
    /// Holds the link `out`, which need not be there.
    ///
    /// # Errors
    /// Something else is there, or somebody else holds it.
    pub fn hold(out: &Utf8Path) -> Result<Self, ReleaseError> {
        // Without a slash at the end, which a link cannot have.
        let out: Utf8PathBuf = out.components().collect();
        check_place(&out)?;
        let lock = try_exclusive(&trees(&out), LOCK)?.ok_or_else(|| {
            ReleaseError::Input(
                format!("another release into {out} is under way"),
                "wait for its end",
            )
        })?;
        Ok(Self { out, lock })
    }

    /// The link.
    pub fn link(&self) -> &Utf8Path {
        &self.out
    }

    /// Whether it leads to a tree.
    pub fn is_there(&self) -> bool {
        self.out.is_dir()
    }

    /// Whether there are trees that it had, although it leads nowhere.
    pub fn is_lost(&self) -> bool {
        let entries = trees(&self.out).read_dir_utf8().into_iter().flatten();
        let is_tree = |entry: camino::Utf8DirEntry| {
            let is_draft = entry.file_name().starts_with(DRAFT);
            !is_draft && entry.file_type().is_ok_and(|kind| kind.is_dir())
        };
        !self.is_there() && entries.flatten().any(is_tree)
    }
}

/// A tree in the making; it goes with this value unless it is put in place.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    folder: tempfile::TempDir,
    place: &'a Place,
    files: BTreeMap<String, Stored>,
}

impl<'a> Draft<'a> {
    /// An empty tree that is to get this place.
    pub(crate) fn create(place: &'a Place) -> Result<Self, ReleaseError> {
        let siblings = trees(&place.out);
        let folder = tempfile::Builder::new()
            .prefix(DRAFT)
            .tempdir_in(&siblings)
            .map_err(ReleaseError::file("creating", &siblings))?;
        Ok(Self {
            folder,
            place,
            files: BTreeMap::new(),
        })
    }

    /// Every file that is there so far, by its path from the top.
    pub(crate) fn files(&self) -> &BTreeMap<String, Stored> {
        &self.files
    }

    /// Writes a file.
    pub(crate) fn add(
        &mut self,
        path: &str,
        bytes: impl AsRef<[u8]>,
    ) -> Result<Stored, ReleaseError> {
        let bytes = bytes.as_ref();
        let (place, mut file) = self.open(path)?;
        // The link must not turn to what a crash would take back.
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        written.map_err(ReleaseError::file("writing", &place))?;
        let stored = Stored::of(bytes);
        self.files.insert(path.to_owned(), stored);
        Ok(stored)
    }

    /// Copies a file whose digest is known, with `head` in place of as many of its first bytes. One that is something
    /// else by now is refused.
    pub(crate) fn copy(
        &mut self,
        path: &str,
        from: &Utf8Path,
        expected: &Sha256,
        head: &[u8],
    ) -> Result<Stored, ReleaseError> {
        let mut from_file = File::open(from).map_err(ReleaseError::file("reading", from))?;
        self.fill(path, (from.as_str(), &mut from_file), expected, head)
    }

    /// Takes over what is read of a file of another tree, which has to have this digest.
    pub(crate) fn take(
        &mut self,
        path: &str,
        from: &mut impl Read,
        expected: &Sha256,
    ) -> Result<(), ReleaseError> {
        self.fill(path, (path, from), expected, &[]).map(drop)
    }

    fn fill(
        &mut self,
        path: &str,
        (name, from): (&str, &mut impl Read),
        expected: &Sha256,
        head: &[u8],
    ) -> Result<Stored, ReleaseError> {
        let (place, mut to) = self.open(path)?;
        let failed = |source| ReleaseError::file("copying", &place)(source);
        to.write_all(head).map_err(failed)?;
        let mut left = head.len();
        let mut hasher = (!head.is_empty()).then(|| sha2::Sha256::new_with_prefix(head));
        let found = hash_into(from, |part| {
            let skipped = left.min(part.len());
            left -= skipped;
            let part = part.get(skipped..).unwrap_or_default();
            if let Some(hasher) = &mut hasher {
                hasher.update(part);
            }
            to.write_all(part)
        });
        let found = found.and_then(|found| to.sync_all().map(|()| found));
        let found = found.map_err(failed)?;
        if found.sha256 != *expected {
            let reason = format!(
                "it was changed: {expected} expected, found {}",
                found.sha256
            );
            return Err(ReleaseError::untrusted(name, reason));
        }
        let size = found.size;
        let sha256 = hasher.map_or(found.sha256, Sha256::finish);
        let stored = Stored { size, sha256 };
        self.files.insert(path.to_owned(), stored);
        Ok(stored)
    }

    /// Takes over a file of another tree on this host, whose digest is verified, without a second copy where the disk
    /// allows that.
    pub(crate) fn link(
        &mut self,
        path: &str,
        from: &Utf8Path,
        stored: Stored,
    ) -> Result<(), ReleaseError> {
        let (place, file) = self.open(path)?;
        drop(file);
        fs::remove_file(&place).map_err(ReleaseError::file("replacing", &place))?;
        if fs::hard_link(from, &place).is_err() {
            self.copy(path, from, &stored.sha256, &[])?;
        }
        self.files.insert(path.to_owned(), stored);
        Ok(())
    }

    /// Where a file is while the tree is made.
    pub(crate) fn place(&self, path: &str) -> Result<Utf8PathBuf, ReleaseError> {
        let root = Utf8Path::from_path(self.folder.path());
        let root = root.ok_or_else(|| not_text(&self.place.out))?;
        Ok(root.join(path))
    }

    fn open(&self, path: &str) -> Result<(Utf8PathBuf, File), ReleaseError> {
        check_path(path)?;
        let place = self.place(path)?;
        let parent = place.parent().unwrap_or(&place);
        fs::create_dir_all(parent).map_err(ReleaseError::file("creating", parent))?;
        let file = File::create_new(&place).map_err(ReleaseError::file("creating", &place))?;
        Ok((place, file))
    }

    /// Puts the tree in its place: it gets its name, and the link is turned to it, each by one rename. The tree before
    /// stays for those who are reading it; the ones before that go.
    pub(crate) fn publish(self, name: &str) -> Result<(), ReleaseError> {
        let out = &self.place.out;
        let siblings = trees(out);
        let target: Utf8PathBuf = [siblings.file_name().unwrap_or_default(), name]
            .iter()
            .collect();
        let before = fs::read_link(out).ok();
        if before.as_deref() == Some(target.as_std_path()) {
            // The same release once more: what is served stays as it is.
            return Ok(());
        }
        let draft = self.place("")?;
        open_up(&draft)?;
        let place = siblings.join(name);
        remove(&place)?;
        fs::rename(&draft, &place).map_err(ReleaseError::file("renaming", &place))?;
        // Renamed away: there is nothing left for the draft to remove.
        let _ = self.folder.keep();
        let fresh = siblings.join(format!("link-{name}"));
        remove(&fresh)?;
        symlink(&target, &fresh).map_err(ReleaseError::file("linking", &fresh))?;
        fs::rename(&fresh, out).map_err(ReleaseError::file("replacing", out))?;
        let before = before.as_deref().and_then(|path| path.file_name());
        // The release is out; what could not be removed is only in the way.
        let lock = format!("{LOCK}.lock");
        let keep = [Some(name.as_ref()), before, Some(lock.as_ref())];
        if let Err(error) = remove_others(&siblings, &keep) {
            tracing::warn!("older releases are left in {siblings}: {error}");
        }
        Ok(())
    }
}

/// Where the trees are kept that a link has had.
fn trees(out: &Utf8Path) -> Utf8PathBuf {
    let name = out.file_name().unwrap_or("release");
    let parent = out.parent().unwrap_or(Utf8Path::new(""));
    parent.join(format!(".{name}.releases"))
}

/// Nothing that somebody else put there is replaced.
fn check_place(out: &Utf8Path) -> Result<(), ReleaseError> {
    match fs::symlink_metadata(out) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(ReleaseError::file("looking for", out)(error)),
        Ok(found) if found.is_symlink() => Ok(()),
        // An empty folder may go; a full one refuses.
        Ok(found) if found.is_dir() && fs::remove_dir(out).is_ok() => Ok(()),
        Ok(_) => Err(ReleaseError::Input(
            format!("{out} is there already, and is not the link that a release makes"),
            "name another --out; a tree that was fetched is named with --previous",
        )),
    }
}

/// A path below the top, of plain names.
pub(crate) fn check_path(path: &str) -> Result<(), ReleaseError> {
    let parts = Utf8Path::new(path).components();
    let is_plain = parts
        .clone()
        .all(|part| matches!(part, Utf8Component::Normal(_)));
    let joined: Utf8PathBuf = parts.collect();
    if !is_plain
        || path.is_empty()
        || joined.as_str() != path
        || path.contains(['\\', '\n', '\r', '\0'])
    {
        return Err(ReleaseError::untrusted(
            path.escape_debug().to_string(),
            "this is no plain path below the top of a release",
        ));
    }
    Ok(())
}

/// Reads to the end, and gives each part away.
pub(crate) fn hash_into(
    from: &mut impl Read,
    mut to: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Stored> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut size = 0;
    loop {
        let read = from.read(&mut buffer)?;
        let part = buffer.get(..read).unwrap_or_default();
        if part.is_empty() {
            let sha256 = Sha256::finish(hasher);
            return Ok(Stored { size, sha256 });
        }
        hasher.update(part);
        size += part.len() as u64;
        to(part)?;
    }
}

/// The same bytes each time.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
    // Memory takes all.
    let written = gzip.write_all(bytes).and_then(|()| gzip.finish());
    written.unwrap_or_default()
}

/// Web servers run as other users.
fn open_up(folder: &Utf8Path) -> Result<(), ReleaseError> {
    let fail = |source| ReleaseError::file("opening up", folder)(source);
    for entry in folder.read_dir_utf8().map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if entry.file_type().map_err(fail)?.is_dir() {
            open_up(entry.path())?;
        } else {
            set_mode(entry.path(), 0o644)?;
        }
    }
    set_mode(folder, 0o755)
}

fn set_mode(path: &Utf8Path, mode: u32) -> Result<(), ReleaseError> {
    let set = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    set.map_err(ReleaseError::file("opening up", path))
}

fn remove_others(shelf: &Utf8Path, keep: &[Option<&std::ffi::OsStr>]) -> Result<(), ReleaseError> {
    let fail = |source| ReleaseError::file("reading", shelf)(source);
    for entry in shelf.read_dir_utf8().map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if !keep.contains(&Some(entry.file_name().as_ref())) {
            remove(entry.path())?;
        }
    }
    Ok(())
}

fn remove(path: &Utf8Path) -> Result<(), ReleaseError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(ReleaseError::file("removing", path))
}

fn not_text(out: &Utf8Path) -> ReleaseError {
    ReleaseError::file("reading the path of", out)(io::ErrorKind::InvalidFilename.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let out = Utf8PathBuf::from_path_buf(folder.path().join("out")).unwrap();
        (folder, out)
    }

    fn publish(out: &Utf8Path, name: &str) {
        let place = Place::hold(out).unwrap();
        let mut draft = Draft::create(&place).unwrap();
        draft.add("a/b", name).unwrap();
        draft.publish(name).unwrap();
    }

    #[test]
    fn a_tree_appears_at_once_and_the_one_before_stays() {
        let (_folder, out) = out();
        let names = || -> Vec<_> {
            let entries = trees(&out).read_dir_utf8().unwrap();
            let mut names: Vec<_> = entries
                .map(|entry| entry.unwrap().file_name().to_owned())
                .collect();
            names.sort();
            names
        };
        publish(&out, "1");
        assert_eq!(fs::read_to_string(out.join("a/b")).unwrap(), "1");
        publish(&out, "2");
        assert_eq!(fs::read_to_string(out.join("a/b")).unwrap(), "2");
        assert_eq!(names(), ["1", "2", "release.lock"]);
        let place = Place::hold(&out).unwrap();
        let second = Place::hold(&out).unwrap_err();
        assert!(second.to_string().contains("under way"), "{second}");
        let draft = Draft::create(&place).unwrap();
        assert_eq!(fs::read_to_string(out.join("a/b")).unwrap(), "2");
        drop(draft);
        drop(place);
        publish(&out, "3");
        assert_eq!(names(), ["2", "3", "release.lock"]);
        publish(&out, "3");
        assert_eq!(fs::read_to_string(out.join("a/b")).unwrap(), "3");
    }

    #[test]
    fn a_link_that_was_lost_is_noticed() {
        let (_folder, out) = out();
        assert!(!Place::hold(&out).unwrap().is_lost());
        publish(&Utf8PathBuf::from(format!("{out}/")), "1");
        assert!(!Place::hold(&out).unwrap().is_lost());
        fs::remove_file(&out).unwrap();
        assert!(Place::hold(&out).unwrap().is_lost());
    }

    #[test]
    fn what_others_put_there_is_not_replaced() {
        let (_folder, out) = out();
        fs::create_dir(&out).unwrap();
        fs::write(out.join("mine"), "").unwrap();
        let error = Place::hold(&out).unwrap_err();
        assert!(matches!(error, ReleaseError::Input(..)), "{error}");
        assert!(out.join("mine").exists());
    }

    #[test]
    fn nothing_is_written_outside() {
        let (_folder, out) = out();
        let place = Place::hold(&out).unwrap();
        let mut draft = Draft::create(&place).unwrap();
        for path in [
            "../a",
            "/a",
            "a/../../b",
            "",
            "a//b",
            "./a",
            "a/",
            "a\nb",
            "a\\b",
        ] {
            let error = draft.add(path, "").unwrap_err();
            assert!(matches!(error, ReleaseError::Untrusted { .. }), "{path:?}");
        }
        draft.add("a/b", "").unwrap();
        // Nothing is written twice.
        draft.add("a/b", "").unwrap_err();
    }
}
