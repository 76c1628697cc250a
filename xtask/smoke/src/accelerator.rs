//! Which accelerator to use, and what is remembered of each host's KVM.
//!
//! `/dev/kvm` may be there and still hang every guest, as nested virtualisation does. Only a
//! kernel's sign of life tells; a host where it did not come is remembered for a week.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use host::clock::now_unix;
use model::digest::Sha256;
use serde::{Deserialize, Serialize};

use crate::watch::Accelerator;

/// How long a host's KVM is remembered, in seconds.
const LIFETIME: u64 = 7 * 24 * 60 * 60;

/// What the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// KVM where it works, else TCG.
    Auto,
    /// This one, or none.
    Only(Accelerator),
}

/// A host's KVM that was of no use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Dead {
    reason: String,
    /// When that was seen, in seconds since 1970.
    seen: u64,
}

/// The memory of one engine's host.
#[derive(Debug)]
pub(crate) struct Memory {
    path: Utf8PathBuf,
}

impl Memory {
    /// What is remembered in `cache` of `host`, with the container (its QEMU) tagged `tag`.
    pub(crate) fn of(cache: &Utf8Path, host: &str, tag: &str) -> Self {
        let name = Sha256::of(format!("{host} {tag}"));
        Self {
            path: cache.join("kvm").join(name.short()),
        }
    }

    /// Why KVM was of no use, unless that was long ago.
    pub(crate) fn recall(&self) -> Option<String> {
        let dead: Dead = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        (now_unix().saturating_sub(dead.seen) < LIFETIME).then_some(dead.reason)
    }

    /// Remembers that KVM was of no use just now.
    pub(crate) fn remember(&self, reason: &str) {
        self.note(reason, now_unix());
    }

    /// KVM works after all.
    pub(crate) fn forget(&self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::debug!("removing {}: {error}", self.path);
            }
            _ => {}
        }
    }

    fn note(&self, reason: &str, seen: u64) {
        let dead = Dead {
            reason: reason.to_owned(),
            seen,
        };
        let folder = self.path.parent().map_or(Ok(()), fs::create_dir_all);
        let text = serde_json::to_vec(&dead).unwrap_or_default();
        // Only the next run's first seconds miss it.
        if let Err(error) = folder.and_then(|()| fs::write(&self.path, text)) {
            tracing::debug!("writing {}: {error}", self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_remembered_for_a_week_and_others_are_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = Utf8Path::from_path(folder.path()).expect("a UTF-8 path");
        let here = Memory::of(cache, "engine 6.1", "tag");
        assert_eq!(here.recall(), None);
        here.remember("no sign of life");
        assert_eq!(here.recall().as_deref(), Some("no sign of life"));
        assert_eq!(Memory::of(cache, "engine 6.2", "tag").recall(), None);
        assert_eq!(Memory::of(cache, "engine 6.1", "other").recall(), None);
        here.note("no sign of life", now_unix() - LIFETIME);
        assert_eq!(here.recall(), None);
        here.remember("no sign of life");
        here.forget();
        assert_eq!(here.recall(), None);
    }
}
