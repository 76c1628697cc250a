//! Which release was seen last where, so that nobody can serve an older one as the newest.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};

use camino::{Utf8Path, Utf8PathBuf};
use formats::dates::rfc3339;
use model::digest::Sha256;
use serde::{Deserialize, Serialize};

use crate::error::ReleaseError;
use crate::verify::Verified;

/// What is remembered.
#[derive(Debug)]
pub struct Seen {
    path: Utf8PathBuf,
    releases: BTreeMap<String, Known>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Known {
    /// Its date, in seconds since 1970.
    date: u64,
    /// The digest of its checksums.
    sums: Sha256,
}

impl Seen {
    /// Reads what this user's runs remember below `state`.
    ///
    /// # Errors
    /// It is there and cannot be read: then nobody knows what was seen.
    pub fn open(state: &Utf8Path) -> Result<Self, ReleaseError> {
        let path = state.join("releases.json");
        let releases = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(ReleaseError::file("reading", &path)(error)),
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                let error = io::Error::new(io::ErrorKind::InvalidData, error);
                ReleaseError::file("reading", &path)(error)
            })?,
        };
        Ok(Self { path, releases })
    }

    /// Refuses a release that is older than one that was seen at this URL, or another of the same date.
    ///
    /// # Errors
    /// It is.
    pub fn check(&self, url: &str, found: &Verified) -> Result<(), ReleaseError> {
        match self.releases.get(url) {
            Some(known) if known.date > found.release.date => Err(ReleaseError::Older {
                url: url.to_owned(),
                found: rfc3339(found.release.date),
                seen: rfc3339(known.date),
            }),
            Some(known) if known.date == found.release.date && known.sums != found.sums => {
                Err(ReleaseError::untrusted(
                    "SHA256SUMS",
                    "another release of the same time was seen at this URL",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Remembers it.
    ///
    /// # Errors
    /// That cannot be written.
    pub fn remember(&mut self, url: &str, found: &Verified) -> Result<(), ReleaseError> {
        let known = Known {
            date: found.release.date,
            sums: found.sums,
        };
        self.releases.insert(url.to_owned(), known);
        let text = serde_json::to_vec_pretty(&self.releases);
        let text = text.map_err(ReleaseError::render("what was seen"))?;
        let folder = self.path.parent().unwrap_or(Utf8Path::new("."));
        let written = fs::create_dir_all(folder).and_then(|()| {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&text)?;
            Ok(file.persist(&self.path)?)
        });
        written
            .map(drop)
            .map_err(ReleaseError::file("writing", &self.path))
    }
}
