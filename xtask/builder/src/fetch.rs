//! Downloads of what locks name, verified, into the store.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::sync::{Mutex, PoisonError};

use host::git::{GitError, Repositories, Repository};
use host::http::Http;
use host::mirrors::Mirrors;
use host::store::{FetchError, FetchProgress, FetchRequest, Store, StoreError, VerifiedReader};
use jiff::Timestamp;
use model::container::Container;
use model::digest::Sha256;
use model::lock::{LockedPackage, LockedSuite};
use model::names::{CommitId, DownloadUrl, GitUrl, Name};

use crate::error::BuildError;
use crate::report::{Reporter, Unit};

/// How many files are fetched side by side.
const PARALLEL: usize = 6;
/// How long after its `Date` an archive's state is surely in the snapshot service, which takes one
/// every few hours; a file that was there then is still there a day later.
const SNAPSHOT_DELAY: i64 = 24 * 60 * 60;

/// What downloads need.
#[derive(Debug, Clone, Copy)]
pub struct Downloads<'a> {
    /// The client.
    pub http: &'a Http,
    /// Where archives are found.
    pub mirrors: &'a Mirrors,
    /// Where files go.
    pub store: &'a Store,
    /// Where commits go.
    pub repositories: &'a Repositories,
}

struct Progress<'a> {
    reporter: &'a dyn Reporter,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    planned: u64,
    received: BTreeMap<Sha256, u64>,
}

impl Downloads<'_> {
    /// Brings `packages` into the store. `name` is whose lock names them.
    pub(crate) fn fetch(
        &self,
        name: &Name,
        container: &Container,
        suites: &[LockedSuite],
        packages: &[&LockedPackage],
        reporter: &dyn Reporter,
    ) -> Result<(), BuildError> {
        let requests: Vec<_> = packages
            .iter()
            .map(|package| FetchRequest {
                label: format!("{} {}", package.name, package.version),
                urls: self.urls(container, suites, package),
                size: Some(package.size),
                sha256: package.sha256,
            })
            .collect();
        let progress = Progress {
            reporter,
            state: Mutex::default(),
        };
        let summary = self
            .store
            .fetch_all(self.http, &requests, PARALLEL, &progress)
            .map_err(|source| match source {
                FetchError::Gone { .. } | FetchError::Unreachable { .. } => BuildError::Gone {
                    source,
                    name: name.clone(),
                },
                other => BuildError::Fetch(other),
            })?;
        for rejected in &summary.rejected {
            reporter.note(&format!(
                "{}: {} was passed over: {}",
                rejected.label, rejected.url, rejected.reason
            ));
        }
        Ok(())
    }

    /// Brings a file that is no package of an archive into the store, and tells its size in bytes.
    pub(crate) fn fetch_file(
        &self,
        name: &str,
        url: &DownloadUrl,
        size: Option<u64>,
        sha256: Sha256,
        reporter: &dyn Reporter,
    ) -> Result<u64, BuildError> {
        let request = FetchRequest {
            label: name.to_owned(),
            urls: vec![url.to_string()],
            size,
            sha256,
        };
        let progress = Progress {
            reporter,
            state: Mutex::default(),
        };
        self.store.fetch_all(self.http, &[request], 1, &progress)?;
        self.store.size(&sha256).ok_or_else(|| {
            BuildError::Unexpected(format!(
                "{name} is not in the store although it was put there"
            ))
        })
    }

    /// Brings a commit onto this machine.
    pub(crate) fn fetch_commit(
        &self,
        url: &GitUrl,
        commit: &CommitId,
        reporter: &dyn Reporter,
    ) -> Result<Repository, GitError> {
        let progress = |bytes| reporter.progress(bytes, 0, Unit::Bytes);
        self.repositories.fetch(url, commit, &progress)
    }

    fn urls(
        &self,
        container: &Container,
        suites: &[LockedSuite],
        package: &LockedPackage,
    ) -> Vec<String> {
        let mut bases = self.mirrors.urls(package.archive.as_str());
        let snapshot = container
            .archives
            .get(&package.archive)
            .and_then(|archive| archive.snapshot.as_ref());
        let newest = suites
            .iter()
            .filter(|suite| suite.archive == package.archive)
            .map(|suite| suite.date)
            .max();
        if let (Some(service), Some(time)) = (snapshot, newest.and_then(snapshot_time)) {
            bases.push(format!("{}/{time}", service.trim_end_matches('/')));
        }
        bases
            .into_iter()
            .map(|base| format!("{base}/{}", package.path))
            .collect()
    }
}

/// Opens a package in the store, after hashing the whole of it: readers of packages stop before the
/// end, where a digest could still turn out wrong.
pub(crate) fn open(
    store: &Store,
    package: &LockedPackage,
) -> Result<BufReader<VerifiedReader>, StoreError> {
    store.verify(&package.sha256)?;
    Ok(BufReader::new(
        store.open_verified(&package.sha256, package.size)?,
    ))
}

/// The snapshot service's name for the state of an archive.
fn snapshot_time(date: u64) -> Option<String> {
    let time = Timestamp::from_second(i64::try_from(date).ok()? + SNAPSHOT_DELAY).ok()?;
    Some(time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

impl FetchProgress for Progress<'_> {
    fn planned(&self, _files: usize, bytes: u64) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .planned = bytes;
    }

    fn received(&self, request: &FetchRequest, bytes: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.received.insert(request.sha256, bytes);
        self.reporter
            .progress(state.received.values().sum(), state.planned, Unit::Bytes);
    }
}
