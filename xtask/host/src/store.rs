//! The content-addressed store: every input of a build, by its SHA-256.
//!
//! An object is `<cache>/sha256/<2 hex>/<64 hex>`, read-only, and appears by one rename once its
//! bytes are verified and on disk. Any number of processes may share a store. Objects are hashed
//! again while they are read, so that a damaged disk or a meddled cache is noticed.

mod fetch;
#[cfg(test)]
mod tests;

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use model::digest::Sha256;
use sha2::Digest;
use tempfile::NamedTempFile;

use crate::category::Category;
use crate::clock;
use crate::http::{Expected, Found, WrongBytes};

pub use fetch::{FetchError, FetchProgress, FetchRequest, FetchSummary, Rejected, Rejections};

/// A partial file that nobody wrote to for so long, in seconds, is left from a crash.
const ABANDONED: u64 = 3600;
/// Bytes read at once.
const CHUNK: usize = 1 << 16;

/// An operation on the store that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A folder of the store cannot be made.
    #[error("creating the folder {path}")]
    CreateFolder {
        /// The folder.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A new object cannot be written.
    #[error("writing an object in {path}")]
    Write {
        /// The folder or file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What should become an object cannot be read.
    #[error("reading what should become the object {sha256}")]
    ReadInput {
        /// The object.
        sha256: Sha256,
        /// Why.
        source: io::Error,
    },
    /// An object cannot be read.
    #[error("reading the object {path}")]
    Read {
        /// The object.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no such object.
    #[error("looking for the object {path}: it is not in the store")]
    Missing {
        /// The object.
        path: Utf8PathBuf,
    },
    /// What should become an object has other bytes.
    #[error("storing an object: {wrong}")]
    Mismatch {
        /// What it should be and what it is.
        wrong: Box<WrongBytes>,
    },
    /// An object no longer has the bytes that it had when it was stored.
    #[error("verifying the object {path}: {wrong}; {fate}")]
    Corrupt {
        /// The object.
        path: Utf8PathBuf,
        /// What it should be and what it is.
        wrong: Box<WrongBytes>,
        /// What became of the file.
        fate: &'static str,
    },
}

impl StoreError {
    /// Who has to act.
    pub fn category(&self) -> Category {
        match self {
            Self::Mismatch { .. } | Self::Corrupt { .. } => Category::Verification,
            _ => Category::Host,
        }
    }

    /// The store's error inside an I/O error that a [`VerifiedReader`] returned, if it is one.
    pub fn from_io(error: &io::Error) -> Option<&Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }
}

/// A store in the user's cache.
#[derive(Debug, Clone)]
pub struct Store {
    objects: Utf8PathBuf,
    partial: Utf8PathBuf,
}

impl Store {
    /// Opens the store in `cache_dir`, making its folders, and removes partial files that a crash
    /// left there.
    ///
    /// # Errors
    /// When the folders cannot be made.
    pub fn open(cache_dir: &Utf8Path) -> Result<Self, StoreError> {
        let store = Self {
            objects: cache_dir.join("sha256"),
            partial: cache_dir.join("partial"),
        };
        create_folder(&store.objects)?;
        create_folder(&store.partial)?;
        store.remove_abandoned();
        Ok(store)
    }

    /// Where the object is, or would be.
    pub fn path(&self, sha256: &Sha256) -> Utf8PathBuf {
        let name = sha256.to_string();
        self.objects.join(&name[..2]).join(name)
    }

    /// Whether the object is here; its bytes are not looked at.
    pub fn contains(&self, sha256: &Sha256) -> bool {
        self.size(sha256).is_some()
    }

    /// The size of the object in bytes, if it is here.
    pub fn size(&self, sha256: &Sha256) -> Option<u64> {
        let metadata = fs::symlink_metadata(self.path(sha256)).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// Opens an object of `size` bytes for reading.
    ///
    /// # Errors
    /// When it is missing, cannot be read, or has another size; then it is removed.
    pub fn open_verified(&self, sha256: &Sha256, size: u64) -> Result<VerifiedReader, StoreError> {
        let expected = Expected {
            size: Some(size),
            sha256: Some(*sha256),
        };
        let reader = self.open_object(expected)?;
        let length = reader.length()?;
        if length == size {
            Ok(reader)
        } else {
            Err(reader.corrupt(Found::Announced(length)))
        }
    }

    /// Reads an object to its end and compares its digest; returns its size in bytes.
    ///
    /// # Errors
    /// When it is missing, cannot be read, or has other bytes; then it is removed.
    pub fn verify(&self, sha256: &Sha256) -> Result<u64, StoreError> {
        self.open_object(Expected {
            size: None,
            sha256: Some(*sha256),
        })?
        .finish()
    }

    /// Stores what `reader` gives, if it is what is expected. An object that is there already is
    /// replaced.
    ///
    /// # Errors
    /// When it has other bytes, or cannot be read or written.
    pub fn insert(
        &self,
        mut reader: impl Read,
        sha256: Sha256,
        size: u64,
    ) -> Result<(), StoreError> {
        let mut partial = self.partial_file()?;
        let write_failed = |source| StoreError::Write {
            path: self.partial.clone(),
            source,
        };
        let mut hasher = sha2::Sha256::new();
        let mut found = 0;
        let mut chunk = vec![0; CHUNK];
        let expected = Expected {
            size: Some(size),
            sha256: Some(sha256),
        };
        loop {
            let read = read_some(&mut reader, &mut chunk)
                .map_err(|source| StoreError::ReadInput { sha256, source })?;
            if read == 0 {
                break;
            }
            found += read as u64;
            if found > size {
                return Err(mismatch(expected, Found::MoreThan(size)));
            }
            hasher.update(&chunk[..read]);
            partial.write_all(&chunk[..read]).map_err(write_failed)?;
        }
        let digest = Sha256::finish(hasher);
        if found != size || digest != sha256 {
            let found = Found::Content {
                size: found,
                sha256: digest,
            };
            return Err(mismatch(expected, found));
        }
        self.commit(partial, &sha256)
    }

    fn partial_file(&self) -> Result<NamedTempFile, StoreError> {
        NamedTempFile::new_in(&self.partial).map_err(|source| StoreError::Write {
            path: self.partial.clone(),
            source,
        })
    }

    /// Makes an object of a file whose bytes are verified.
    fn commit(&self, partial: NamedTempFile, sha256: &Sha256) -> Result<(), StoreError> {
        let path = self.path(sha256);
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        let written = (|| {
            partial
                .as_file()
                .set_permissions(Permissions::from_mode(0o444))?;
            partial.as_file().sync_all()?;
            partial
                .persist(&path)
                .map(drop)
                .map_err(|error| error.error)
        })();
        written.map_err(|source| StoreError::Write { path, source })
    }

    fn open_object(&self, expected: Expected) -> Result<VerifiedReader, StoreError> {
        let path = expected
            .sha256
            .map(|sha256| self.path(&sha256))
            .unwrap_or_default();
        match File::open(&path) {
            Ok(file) => Ok(VerifiedReader {
                file,
                path,
                expected,
                read: 0,
                hasher: sha2::Sha256::new(),
                state: State::Reading,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::Missing { path })
            }
            Err(source) => Err(StoreError::Read { path, source }),
        }
    }

    fn remove_abandoned(&self) {
        let now = clock::now_unix();
        for entry in fs::read_dir(&self.partial).into_iter().flatten().flatten() {
            let age = entry
                .metadata()
                .map(|file| now.saturating_sub(file.mtime().unsigned_abs()));
            if age.is_ok_and(|age| age > ABANDONED) {
                // Another process may do the same.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// An object that is hashed while it is read.
///
/// The read that reaches the end fails when the bytes are not those that the store promised, and
/// removes the object. Bytes handed out before are unverified until then: who may stop before the
/// end must call [`VerifiedReader::finish`] before using what was read.
#[derive(Debug)]
pub struct VerifiedReader {
    file: File,
    path: Utf8PathBuf,
    expected: Expected,
    read: u64,
    hasher: sha2::Sha256,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Verified,
    Corrupt,
}

impl VerifiedReader {
    /// Reads the rest, and says whether the whole object is what it should be; returns its size in
    /// bytes.
    ///
    /// # Errors
    /// When it is not, or cannot be read.
    pub fn finish(mut self) -> Result<u64, StoreError> {
        let mut chunk = vec![0; CHUNK];
        while self.read_chunk(&mut chunk)? > 0 {}
        Ok(self.read)
    }

    fn length(&self) -> Result<u64, StoreError> {
        let metadata = self.file.metadata();
        metadata
            .map(|metadata| metadata.len())
            .map_err(|source| StoreError::Read {
                path: self.path.clone(),
                source,
            })
    }

    fn read_chunk(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        if self.state == State::Verified || buffer.is_empty() {
            return Ok(0);
        }
        if self.state == State::Corrupt {
            let source = io::Error::new(io::ErrorKind::InvalidData, "it was found corrupt before");
            return Err(StoreError::Read {
                path: self.path.clone(),
                source,
            });
        }
        let read = read_some(&mut self.file, buffer).map_err(|source| StoreError::Read {
            path: self.path.clone(),
            source,
        })?;
        self.hasher.update(&buffer[..read]);
        self.read += read as u64;
        match self.problem(read == 0) {
            Some(found) => {
                self.state = State::Corrupt;
                Err(self.corrupt(found))
            }
            None if read == 0 => {
                self.state = State::Verified;
                Ok(0)
            }
            None => Ok(read),
        }
    }

    fn problem(&self, at_end: bool) -> Option<Found> {
        let size = self.expected.size.unwrap_or(self.read);
        if self.read > size {
            return Some(Found::MoreThan(size));
        }
        if !at_end {
            return None;
        }
        let sha256 = Sha256::finish(self.hasher.clone());
        let wrong = self.read != size || Some(sha256) != self.expected.sha256;
        wrong.then_some(Found::Content {
            size: self.read,
            sha256,
        })
    }

    fn corrupt(&self, found: Found) -> StoreError {
        let fate = if self.remove() {
            "it was removed"
        } else {
            "it could not be removed"
        };
        StoreError::Corrupt {
            path: self.path.clone(),
            wrong: Box::new(WrongBytes {
                expected: self.expected,
                found,
            }),
            fate,
        }
    }

    /// Removes the object unless another process replaced it meanwhile.
    fn remove(&self) -> bool {
        let identity = |file: fs::Metadata| (file.dev(), file.ino());
        let ours = self.file.metadata().map(identity);
        match (ours, fs::symlink_metadata(&self.path).map(identity)) {
            (Ok(ours), Ok(there)) if ours == there => fs::remove_file(&self.path).is_ok(),
            (_, there) => there.is_ok(),
        }
    }
}

impl Read for VerifiedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_chunk(buffer)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

fn mismatch(expected: Expected, found: Found) -> StoreError {
    StoreError::Mismatch {
        wrong: Box::new(WrongBytes { expected, found }),
    }
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn create_folder(path: &Utf8Path) -> Result<(), StoreError> {
    fs::create_dir_all(path).map_err(|source| StoreError::CreateFolder {
        path: path.to_owned(),
        source,
    })
}
