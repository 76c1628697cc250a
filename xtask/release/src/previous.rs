//! The release before: what of it stays is taken over, once its own key has vouched for it.

use formats::openpgp::Keyring;
use model::release::Release;

use crate::error::ReleaseError;
use crate::keys::Keys;
use crate::origin::Origin;
use crate::publish::RELEASE;
use crate::sums::{Anchor, Sums, changed};
use crate::tree::{Draft, hash_into};
use crate::{dnf, sums};

/// The most that a file may be that is read whole, in bytes.
const MAX: u64 = 64 << 20;

/// A release of one's own.
#[derive(Debug)]
pub struct Previous {
    origin: Origin,
    sums: Sums,
    /// What it has.
    pub release: Release,
}

impl Previous {
    /// Opens it. Signatures by `keys` are checked now, each file when it is taken over.
    ///
    /// # Errors
    /// It is not there, not signed by these keys, or not whole.
    pub fn open(origin: Origin, keys: &Keys, now: u64) -> Result<Self, ReleaseError> {
        let keyring = Keyring::parse(keys.public().openpgp.as_bytes());
        let keyring = keyring.map_err(|error| ReleaseError::untrusted("your own key", error))?;
        let sums = Sums::read(&origin, &Anchor::OpenPgp(keyring), now)?;
        if sums.minisign != keys.public().minisign {
            let (theirs, own) = (sums.minisign.id(), keys.public().minisign.id());
            let reason = format!("it is minisign key {theirs}, and yours is {own}");
            return Err(ReleaseError::untrusted(
                crate::keys::MINISIGN_PUBLIC,
                reason,
            ));
        }
        let text = sums.small(&origin, RELEASE, MAX)?;
        let release = parse(&text)?;
        Ok(Self {
            origin,
            sums,
            release,
        })
    }

    /// The paths of all files in a folder.
    pub(crate) fn below(&self, folder: &str) -> Vec<String> {
        let inside = format!("{folder}/");
        let paths = self.sums.files.keys();
        paths
            .filter(|path| path.starts_with(&inside))
            .cloned()
            .collect()
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.sums.files.contains_key(path)
    }

    pub(crate) fn bytes(&self, path: &str) -> Result<Vec<u8>, ReleaseError> {
        self.sums.small(&self.origin, path, MAX)
    }

    pub(crate) fn text(&self, path: &str) -> Result<String, ReleaseError> {
        let bytes = self.bytes(path)?;
        String::from_utf8(bytes).map_err(|error| ReleaseError::untrusted(path, error))
    }

    /// The lists that its `repomd.xml` names, and not those that it kept itself of an earlier one.
    pub(crate) fn current_lists(&self, channel: &str) -> Result<Vec<String>, ReleaseError> {
        let prefix = dnf::index_prefix(channel);
        let repomd = format!("{prefix}repomd.xml");
        if !self.has(&repomd) {
            return Ok(Vec::new());
        }
        let names = self.text(&repomd)?;
        let lists = self.sums.files.keys();
        let lists = lists.filter(|path| {
            let name = path.strip_prefix(&prefix);
            name.is_some_and(|name| name.ends_with(".gz") && names.contains(name))
        });
        Ok(lists.cloned().collect())
    }

    /// Puts a file into the tree that is made.
    pub(crate) fn hand_over(&self, path: &str, draft: &mut Draft) -> Result<(), ReleaseError> {
        let expected = self.sums.expect(path)?;
        let mut file = self.origin.open(path, expected)?;
        match &self.origin {
            Origin::Folder(folder) => {
                let found = hash_into(&mut file, |_| Ok(()));
                let found = found.map_err(|error| ReleaseError::untrusted(path, error))?;
                if found.sha256 != expected.sha256 {
                    return Err(changed(path, &expected.sha256, &found.sha256));
                }
                draft.link(path, &folder.join(path), found)
            }
            Origin::Url(..) => draft.take(path, &mut file, &expected.sha256),
        }
    }
}

/// Reads `release.json`.
pub(crate) fn parse(text: &[u8]) -> Result<Release, ReleaseError> {
    let release: Release =
        serde_json::from_slice(text).map_err(|error| ReleaseError::untrusted(RELEASE, error))?;
    if release.schema != model::release::SCHEMA {
        let (found, known) = (release.schema, model::release::SCHEMA);
        let reason = format!("it has form {found}, but this version reads form {known}");
        return Err(ReleaseError::untrusted(RELEASE, reason));
    }
    Ok(release)
}

/// How a release is told from all others: the digest of its checksums.
pub(crate) fn is_sums(path: &str) -> bool {
    [sums::SUMS, sums::OPENPGP, sums::MINISIGN].contains(&path)
}
