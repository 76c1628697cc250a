//! Sessions: telling what a living process made from what a dead one left behind.
//!
//! Everything made outside this process is labelled with a session's id. The owner holds a lock on
//! the session's file as long as it lives, however it dies; whoever can take that lock knows that
//! the owner is gone.

use std::fs::{self, File};
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};

use crate::category::Category;

/// A session's file could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The folder of the sessions cannot be made.
    #[error("creating the folder {path}")]
    CreateFolder {
        /// The folder.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The host gives no random bytes.
    #[error("reading random bytes from /dev/urandom")]
    Random {
        /// Why.
        source: io::Error,
    },
    /// The session's file cannot be made or locked.
    #[error("creating and locking the session file {path}")]
    Create {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The session's file cannot be removed.
    #[error("removing the session file {path}")]
    Remove {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl SessionError {
    /// Always [`Category::Host`].
    pub fn category(&self) -> Category {
        Category::Host
    }
}

/// A living process's claim on what it labels with [`Session::id`].
#[derive(Debug)]
pub struct Session {
    id: String,
    path: Utf8PathBuf,
    // Held for its lock; closing it releases the lock.
    _lock: File,
}

impl Session {
    /// Starts a session whose lock file is in `<cache_dir>/sessions`.
    ///
    /// # Errors
    /// When that folder cannot be written or does not support locks.
    pub fn start(cache_dir: &Utf8Path) -> Result<Self, SessionError> {
        let folder = folder(cache_dir);
        fs::create_dir_all(&folder).map_err(|source| SessionError::CreateFolder {
            path: folder.clone(),
            source,
        })?;
        let id = random_id().map_err(|source| SessionError::Random { source })?;
        let path = folder.join(format!("{id}.lock"));
        // Locked before it has its name, so that nobody ever sees it unlocked while we live.
        let unnamed = folder.join(format!("{id}.starting"));
        let lock = (|| {
            let file = File::create_new(&unnamed)?;
            file.try_lock()?;
            fs::rename(&unnamed, &path)?;
            Ok(file)
        })()
        .map_err(|source| {
            let _ = fs::remove_file(&unnamed);
            SessionError::Create {
                path: path.clone(),
                source,
            }
        })?;
        Ok(Self {
            id,
            path,
            _lock: lock,
        })
    }

    /// The id: 16 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the owner of session `id` is known to be gone.
    ///
    /// False when there is no lock file of that id in this cache: it belongs to another host or
    /// another cache, and is not ours to judge.
    pub fn is_dead(cache_dir: &Utf8Path, id: &str) -> bool {
        if !is_id(id) {
            return false;
        }
        File::open(folder(cache_dir).join(format!("{id}.lock")))
            .is_ok_and(|file| file.try_lock().is_ok())
    }

    /// Removes the lock file of a dead session, once nothing of it is left. A living session and
    /// one that is not of this cache stay as they are.
    ///
    /// # Errors
    /// When the file exists, its owner is gone, and it cannot be removed.
    pub fn forget(cache_dir: &Utf8Path, id: &str) -> Result<(), SessionError> {
        if !Self::is_dead(cache_dir, id) {
            return Ok(());
        }
        let path = folder(cache_dir).join(format!("{id}.lock"));
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(SessionError::Remove { path, source })
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn folder(cache_dir: &Utf8Path) -> Utf8PathBuf {
    cache_dir.join("sessions")
}

/// Ids come back from labels that anybody may have written.
fn is_id(text: &str) -> bool {
    text.len() == 16
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn random_id() -> io::Result<String> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, path)
    }

    #[test]
    fn a_session_lives_until_its_owner_is_gone() {
        let (_keep, cache) = cache();
        let session = Session::start(&cache).unwrap();
        let id = session.id().to_owned();
        assert!(is_id(&id));
        assert!(!Session::is_dead(&cache, &id), "its owner lives");
        Session::forget(&cache, &id).unwrap();
        let path = cache.join(format!("sessions/{id}.lock"));
        assert!(path.exists(), "a living session is not forgotten");

        // A killed owner: the lock is gone, the file is not.
        fs::copy(&path, cache.join("sessions/00000000deadbeef.lock")).unwrap();
        assert!(Session::is_dead(&cache, "00000000deadbeef"));
        Session::forget(&cache, "00000000deadbeef").unwrap();
        assert!(!cache.join("sessions/00000000deadbeef.lock").exists());

        drop(session);
        assert!(!path.exists(), "an orderly end leaves nothing");
    }

    #[test]
    fn what_is_not_here_is_not_dead() {
        let (_keep, cache) = cache();
        let other = Session::start(&cache).unwrap();
        assert!(!Session::is_dead(&cache, "0123456789abcdef"));
        fs::write(cache.join("outside.lock"), "").unwrap();
        for hostile in ["../outside", "", "0123456789abcde/", "0123456789ABCDEF"] {
            assert!(!Session::is_dead(&cache, hostile), "{hostile}");
            Session::forget(&cache, hostile).unwrap();
        }
        assert!(cache.join("outside.lock").exists());
        assert_ne!(other.id(), Session::start(&cache).unwrap().id());
    }
}
