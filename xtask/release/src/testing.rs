//! Keys for this crate's tests.

use crate::keys::{Keys, NewKeys, Passphrase, create};

pub(crate) const NOW: u64 = 1_700_000_000;

/// Keys that no other call gives.
pub(crate) fn keys() -> Keys {
    let folder = tempfile::tempdir().unwrap();
    let path = camino::Utf8PathBuf::from_path_buf(folder.path().join("keys")).unwrap();
    let new = NewKeys {
        user: "Test <test@example.org>".to_owned(),
        now: NOW,
        days: 1000,
    };
    create(
        &path,
        None,
        &new,
        &Passphrase::new("a test's own".to_owned()),
    )
    .unwrap()
}

/// Somebody else's.
pub(crate) fn other_keys() -> Keys {
    keys()
}
