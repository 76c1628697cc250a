//! A release that is read: in a folder, or where a web server has it. Nothing of it is trusted here.

use std::fs::File;
use std::io::{self, Read, Seek};

use camino::{Utf8Path, Utf8PathBuf};
use host::http::{Expected, Http, HttpError};
use model::digest::Sha256;

use crate::error::ReleaseError;
use crate::text::link;
use crate::tree::{Stored, check_path};

/// Where a release is.
#[derive(Debug)]
pub enum Origin {
    /// In a folder of this host.
    Folder(Utf8PathBuf),
    /// On a web server, at this URL without a slash at the end.
    Url(String, Http),
}

impl Origin {
    /// What a person named: a URL of http or https, or else a folder.
    pub fn parse(text: &str, http: &Http) -> Self {
        if text.starts_with("https://") || text.starts_with("http://") {
            Self::Url(text.trim_end_matches('/').to_owned(), http.clone())
        } else {
            Self::Folder(Utf8PathBuf::from(text))
        }
    }

    /// What it is called in messages, and remembered by.
    pub fn name(&self) -> String {
        match self {
            Self::Url(url, _) => url.clone(),
            Self::Folder(folder) => folder
                .canonicalize_utf8()
                .unwrap_or_else(|_| folder.clone())
                .into_string(),
        }
    }

    /// A folder that is not there is a mistake, and no bad release.
    pub(crate) fn check_there(&self) -> Result<(), ReleaseError> {
        match self {
            Self::Folder(folder) if !folder.is_dir() => Err(ReleaseError::Input(
                format!("there is no folder {folder}"),
                "name the folder of a release, or its URL",
            )),
            _ => Ok(()),
        }
    }

    /// Where a file is.
    pub(crate) fn place(&self, path: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(path).into_string(),
            Self::Url(url, _) => format!("{url}/{}", link(path)),
        }
    }

    /// Reads a file of at most `limit` bytes.
    pub(crate) fn small(&self, path: &str, limit: u64) -> Result<Vec<u8>, ReleaseError> {
        check_path(path)?;
        match self {
            Self::Url(_, http) => {
                let url = self.place(path);
                let read = http.get_small(&url, limit);
                read.map_err(|source| ReleaseError::Http { url, source })
            }
            Self::Folder(folder) => {
                let file = open_below(folder, path)?;
                let mut bytes = Vec::new();
                let read = file.take(limit + 1).read_to_end(&mut bytes);
                read.map_err(|error| ReleaseError::untrusted(path, error))?;
                if bytes.len() as u64 > limit {
                    let reason = format!("more than {limit} bytes");
                    return Err(ReleaseError::untrusted(path, reason));
                }
                Ok(bytes)
            }
        }
    }

    /// Opens a file. One from a server is fetched whole before, and is what is expected by then; one in a folder is
    /// not looked at.
    pub(crate) fn open(&self, path: &str, expected: Expecting) -> Result<File, ReleaseError> {
        check_path(path)?;
        match self {
            Self::Folder(folder) => open_below(folder, path),
            Self::Url(_, http) => {
                let url = self.place(path);
                let place = Utf8Path::new("a temporary file");
                let file = tempfile::tempfile();
                let mut file = file.map_err(ReleaseError::file("creating", place))?;
                let fetched = http.download(&url, &expected.of_http(), &mut file, &|_| ());
                fetched.map_err(|source| missing(path, ReleaseError::Http { url, source }))?;
                file.rewind()
                    .map_err(ReleaseError::file("reading", place))?;
                Ok(file)
            }
        }
    }

    /// The paths of all files, where that can be told.
    pub(crate) fn list(&self) -> Result<Option<Vec<String>>, ReleaseError> {
        let Self::Folder(folder) = self else {
            return Ok(None);
        };
        let mut paths = Vec::new();
        list_below(folder, "", &mut paths)?;
        paths.sort();
        Ok(Some(paths))
    }
}

/// What a file has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expecting {
    pub(crate) sha256: Sha256,
    /// Its size in bytes, where it is known.
    pub(crate) size: Option<u64>,
}

impl Expecting {
    fn of_http(self) -> Expected {
        Expected {
            sha256: Some(self.sha256),
            size: self.size,
        }
    }
}

impl From<Stored> for Expecting {
    fn from(stored: Stored) -> Self {
        Self {
            sha256: stored.sha256,
            size: Some(stored.size),
        }
    }
}

/// A file that the checksums name, and the server does not have.
pub(crate) fn missing(path: &str, error: ReleaseError) -> ReleaseError {
    match error {
        ReleaseError::Http {
            source: HttpError::NotFound { .. },
            ..
        } => ReleaseError::untrusted(path, "the server does not have it"),
        other => other,
    }
}

/// A regular file; no link leads out of the folder, and nothing is waited for.
fn open_below(folder: &Utf8Path, path: &str) -> Result<File, ReleaseError> {
    let untrusted = |error: io::Error| ReleaseError::untrusted(path, error);
    let mut place = folder.to_owned();
    for part in Utf8Path::new(path).components() {
        place.push(part);
        let found = place.symlink_metadata().map_err(untrusted)?;
        if found.is_symlink() || !(found.is_file() || found.is_dir()) {
            return Err(ReleaseError::untrusted(path, "it is no regular file"));
        }
    }
    File::open(&place).map_err(untrusted)
}

fn list_below(folder: &Utf8Path, below: &str, paths: &mut Vec<String>) -> Result<(), ReleaseError> {
    let place = folder.join(below);
    let fail = |source| ReleaseError::file("reading", &place)(source);
    for entry in place.read_dir_utf8().map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let path = match below {
            "" => entry.file_name().to_owned(),
            below => format!("{below}/{}", entry.file_name()),
        };
        if entry.file_type().map_err(fail)?.is_dir() {
            list_below(folder, &path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}
