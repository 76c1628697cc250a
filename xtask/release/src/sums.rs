//! `SHA256SUMS`: every file of a release but itself and its signatures, and who vouches for it.

use std::collections::BTreeMap;

use formats::openpgp::{Keyring, OpenPgpError};
use model::digest::Sha256;

use crate::error::ReleaseError;
use crate::keys::{Keys, MinisignPublic};
use crate::origin::{Expecting, Origin, missing};
use crate::tree::{Draft, check_path};

/// The file, and its signatures.
pub(crate) const SUMS: &str = "SHA256SUMS";
pub(crate) const OPENPGP: &str = "SHA256SUMS.asc";
pub(crate) const MINISIGN: &str = "SHA256SUMS.minisig";
/// The most that these may be, in bytes.
const MAX: u64 = 32 << 20;
/// The most that a key may be, in bytes: a stranger's is looked into before anything vouches for it, and each subkey and
/// revocation takes time.
const MAX_KEY: u64 = 16 << 10;
/// How many files a release may have.
const MAX_FILES: usize = 100_000;

/// Writes and signs it: the tree is complete. Gives its digest.
pub(crate) fn write(draft: &mut Draft, keys: &Keys, date: u64) -> Result<Sha256, ReleaseError> {
    // The form that `sha256sum --check` reads.
    let files = draft.files().iter();
    let lines = files.map(|(path, stored)| format!("{}  {path}\n", stored.sha256));
    let text: String = lines.collect();
    let stored = draft.add(SUMS, &text)?;
    let comment = format!("mptcp-kernels release of {}", formats::dates::rfc3339(date));
    let [openpgp, minisign] = keys.sign(text.as_bytes(), date, &comment)?;
    draft.add(OPENPGP, openpgp)?;
    draft.add(MINISIGN, minisign)?;
    Ok(stored.sha256)
}

/// Whom the reader trusts.
#[derive(Debug, Clone)]
pub enum Anchor {
    /// An OpenPGP key.
    OpenPgp(Keyring),
    /// An OpenPGP key by its fingerprint alone, 40 upper-case hexadecimal digits; the key itself may come from the
    /// release.
    Fingerprint(String),
    /// A minisign key.
    Minisign(MinisignPublic),
}

/// The checksums of a release that somebody trusted has signed.
#[derive(Debug)]
pub(crate) struct Sums {
    pub(crate) files: BTreeMap<String, Sha256>,
    /// The digest of the file itself.
    pub(crate) sha256: Sha256,
    pub(crate) keyring: Keyring,
    pub(crate) minisign: MinisignPublic,
}

impl Sums {
    /// Reads the checksums of a release. The anchor vouches for them, and so for the other key, which has to have
    /// signed them as well.
    pub(crate) fn read(origin: &Origin, anchor: &Anchor, now: u64) -> Result<Self, ReleaseError> {
        origin.check_there()?;
        let text = origin.small(SUMS, MAX)?;
        let openpgp = origin.small(OPENPGP, MAX)?;
        let minisign = origin.small(MINISIGN, MAX)?;
        let keyring = origin.small(crate::keys::OPENPGP_PUBLIC, MAX_KEY)?;
        let public = origin.small(crate::keys::MINISIGN_PUBLIC, MAX_KEY)?;
        let told = told_keyring(&keyring)?;
        let trusted = match anchor {
            Anchor::OpenPgp(trusted) => trusted.clone(),
            Anchor::Fingerprint(fingerprint) => by_fingerprint(&told, fingerprint)?,
            Anchor::Minisign(key) => {
                verify_minisign(key, &text, &minisign)?;
                told
            }
        };
        let verified = trusted.verify_detached(&text, &openpgp, now);
        verified.map_err(|error| ReleaseError::untrusted(culprit(anchor, &error), error))?;
        let files = parse(&text)?;
        // From here on the checksums are trusted, and the keys that they name.
        for (path, bytes) in [
            (crate::keys::OPENPGP_PUBLIC, &keyring),
            (crate::keys::MINISIGN_PUBLIC, &public),
        ] {
            check(&files, path, &Sha256::of(bytes))?;
        }
        let public = std::str::from_utf8(&public).map_err(|error| error.to_string());
        let public = public.and_then(MinisignPublic::parse);
        let public =
            public.map_err(|error| ReleaseError::untrusted(crate::keys::MINISIGN_PUBLIC, error))?;
        verify_minisign(&public, &text, &minisign)?;
        Ok(Self {
            files,
            sha256: Sha256::of(&text),
            keyring: trusted,
            minisign: public,
        })
    }

    /// What a file has to be.
    pub(crate) fn expect(&self, path: &str) -> Result<Expecting, ReleaseError> {
        match self.files.get(path) {
            Some(sha256) => Ok(Expecting {
                sha256: *sha256,
                size: None,
            }),
            None => Err(ReleaseError::untrusted(path, "SHA256SUMS does not name it")),
        }
    }

    /// Reads a file of at most `limit` bytes, and compares its digest.
    pub(crate) fn small(
        &self,
        origin: &Origin,
        path: &str,
        limit: u64,
    ) -> Result<Vec<u8>, ReleaseError> {
        self.expect(path)?;
        let bytes = origin
            .small(path, limit)
            .map_err(|error| missing(path, error))?;
        check(&self.files, path, &Sha256::of(&bytes))?;
        Ok(bytes)
    }
}

/// The file that is to blame: a key that cannot sign at all is the release's, where only its fingerprint was given.
fn culprit(anchor: &Anchor, error: &OpenPgpError) -> &'static str {
    match (anchor, error) {
        (Anchor::OpenPgp(_), _) => OPENPGP,
        (_, OpenPgpError::UnusableKey { .. }) => crate::keys::OPENPGP_PUBLIC,
        _ => OPENPGP,
    }
}

fn told_keyring(bytes: &[u8]) -> Result<Keyring, ReleaseError> {
    let keyring = Keyring::parse(bytes);
    keyring.map_err(|error| ReleaseError::untrusted(crate::keys::OPENPGP_PUBLIC, error))
}

fn by_fingerprint(keyring: &Keyring, fingerprint: &str) -> Result<Keyring, ReleaseError> {
    keyring.only(fingerprint).ok_or_else(|| {
        let found = keyring.fingerprints().join(", ");
        let reason = format!("key {fingerprint} is expected, found {found}");
        ReleaseError::untrusted(crate::keys::OPENPGP_PUBLIC, reason)
    })
}

fn verify_minisign(
    key: &MinisignPublic,
    text: &[u8],
    signature: &[u8],
) -> Result<(), ReleaseError> {
    let signature = std::str::from_utf8(signature).map_err(|error| error.to_string());
    let verified = signature.and_then(|signature| key.verify(text, signature));
    verified
        .map(drop)
        .map_err(|error| ReleaseError::untrusted(MINISIGN, error))
}

fn check(files: &BTreeMap<String, Sha256>, path: &str, found: &Sha256) -> Result<(), ReleaseError> {
    match files.get(path) {
        Some(expected) if expected == found => Ok(()),
        Some(expected) => Err(changed(path, expected, found)),
        None => Err(ReleaseError::untrusted(path, "SHA256SUMS does not name it")),
    }
}

pub(crate) fn changed(path: &str, expected: &Sha256, found: &Sha256) -> ReleaseError {
    ReleaseError::untrusted(path, format!("{expected} expected, found {found}"))
}

fn parse(text: &[u8]) -> Result<BTreeMap<String, Sha256>, ReleaseError> {
    let text = std::str::from_utf8(text);
    let text = text.map_err(|error| ReleaseError::untrusted(SUMS, error))?;
    let mut files = BTreeMap::new();
    for line in text.lines() {
        let parts = line.split_once("  ");
        let entry = parts.and_then(|(digest, path)| Some((path, digest.parse().ok()?)));
        let malformed = || ReleaseError::untrusted(SUMS, format!("the line {line:?}"));
        let (path, digest) = entry.ok_or_else(malformed)?;
        check_path(path)?;
        if files.insert(path.to_owned(), digest).is_some() || files.len() > MAX_FILES {
            return Err(malformed());
        }
    }
    Ok(files)
}
