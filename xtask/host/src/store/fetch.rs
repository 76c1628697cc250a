//! Getting many objects at once, each from the first place that has its very bytes.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use model::digest::Sha256;
use url::Url;

use super::{Store, StoreError};
use crate::cancel::{Cancel, Interrupted};
use crate::category::Category;
use crate::http::{Expected, Http, HttpError, WrongBytes};

/// One object to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// What people call it; for messages only.
    pub label: String,
    /// Where it may be found, best place first.
    pub urls: Vec<String>,
    /// Its size in bytes, where that is known.
    pub size: Option<u64>,
    /// Its digest.
    pub sha256: Sha256,
}

/// Hears how a fetch goes, from several threads; every method may be left out.
pub trait FetchProgress: Sync {
    /// This much is missing from the store: files and bytes. Called once, first.
    fn planned(&self, files: usize, bytes: u64) {
        let _ = (files, bytes);
    }

    /// Of this object, `bytes` have arrived. That may start again from 0.
    fn received(&self, request: &FetchRequest, bytes: u64) {
        let _ = (request, bytes);
    }

    /// One place did not have the object, or not its bytes; another one is tried, if there is one.
    fn rejected(&self, rejected: &Rejected) {
        let _ = rejected;
    }

    /// This object is in the store now.
    fn stored(&self, request: &FetchRequest) {
        let _ = request;
    }
}

impl FetchProgress for () {}

/// One place that did not have an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The label of the object.
    pub label: String,
    /// The place.
    pub url: String,
    /// Why not.
    pub reason: String,
}

/// What a fetch did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchSummary {
    /// Objects that were in the store already.
    pub present: usize,
    /// Objects downloaded.
    pub downloaded: usize,
    /// Their bytes.
    pub downloaded_bytes: u64,
    /// Places that failed although another one served the object.
    pub rejected: Vec<Rejected>,
}

/// The places that were tried for one object: URL and reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejections(pub Vec<(String, String)>);

impl std::fmt::Display for Rejections {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("no address is known for it");
        }
        for (index, (_, reason)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            // The reasons name their URLs.
            write!(formatter, "{separator}{reason}")?;
        }
        Ok(())
    }
}

/// Why not all objects are in the store.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// All known places say that they do not have it.
    #[error("fetching {label}: no place has it any more: {tried}")]
    Gone {
        /// The object.
        label: String,
        /// What was tried.
        tried: Rejections,
    },
    /// No place has it, and some could not be asked.
    #[error("fetching {label}: no place could deliver it: {tried}")]
    Unreachable {
        /// The object.
        label: String,
        /// What was tried.
        tried: Rejections,
    },
    /// The only bytes found are wrong.
    #[error("verifying {label} from {url}: {wrong}")]
    Mismatch {
        /// The object.
        label: String,
        /// The first place with wrong bytes.
        url: String,
        /// What the object is and what that place has.
        wrong: Box<WrongBytes>,
        /// All that was tried.
        tried: Rejections,
    },
    /// This host failed, whatever the servers do.
    #[error("fetching {label}")]
    Local {
        /// The object.
        label: String,
        /// Why.
        source: HttpError,
    },
    /// An address of an object is unusable.
    #[error("fetching {label}")]
    BadUrl {
        /// The object.
        label: String,
        /// Why.
        source: HttpError,
    },
    /// The store cannot take it.
    #[error("storing {label}")]
    Store {
        /// The object.
        label: String,
        /// Why.
        source: StoreError,
    },
    /// Cancelled.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl FetchError {
    /// Who has to act.
    pub fn category(&self) -> Category {
        match self {
            Self::Gone { .. } | Self::Unreachable { .. } => Category::Host,
            Self::Mismatch { .. } => Category::Verification,
            Self::Local { source, .. } | Self::BadUrl { source, .. } => source.category(),
            Self::Store { source, .. } => source.category(),
            Self::Interrupted(interrupted) => interrupted.category(),
        }
    }
}

impl Store {
    /// Brings all requested objects into the store, `parallel` at a time.
    ///
    /// Of objects that are here, only the size is compared: they are hashed when they are read. A
    /// host that failed or sent wrong bytes is asked last from then on.
    ///
    /// # Errors
    /// The first failure; it stops the other downloads. What was stored before stays, nothing
    /// partial does.
    pub fn fetch_all(
        &self,
        http: &Http,
        requests: &[FetchRequest],
        parallel: usize,
        progress: &dyn FetchProgress,
    ) -> Result<FetchSummary, FetchError> {
        http.cancel().check()?;
        let mut seen = HashSet::new();
        let (missing, present): (Vec<_>, Vec<_>) = requests
            .iter()
            .filter(|request| seen.insert(request.sha256))
            .partition(|request| !self.holds(request));
        progress.planned(
            missing.len(),
            missing.iter().filter_map(|request| request.size).sum(),
        );
        let stop = http.cancel().child();
        let fetch = Fetch {
            store: self,
            http: http.with_cancel(stop.clone()),
            stop,
            progress,
            next: AtomicUsize::new(0),
            state: Mutex::new(State {
                summary: FetchSummary {
                    present: present.len(),
                    ..FetchSummary::default()
                },
                ..State::default()
            }),
        };
        std::thread::scope(|scope| {
            for _ in 0..parallel.clamp(1, missing.len().max(1)) {
                scope.spawn(|| fetch.work(&missing));
            }
        });
        let state = fetch
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        http.cancel().check()?;
        state.failure.map_or(Ok(state.summary), Err)
    }

    fn holds(&self, request: &FetchRequest) -> bool {
        let found = self.size(&request.sha256);
        found.is_some_and(|found| request.size.is_none_or(|size| size == found))
    }
}

/// What the threads of one fetch share.
struct Fetch<'a> {
    store: &'a Store,
    http: Http,
    stop: Cancel,
    progress: &'a dyn FetchProgress,
    next: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    summary: FetchSummary,
    failure: Option<FetchError>,
    /// Scheme, host and port of servers that are no good.
    shunned: HashSet<String>,
}

impl Fetch<'_> {
    fn work(&self, requests: &[&FetchRequest]) {
        while !self.stop.is_cancelled() {
            let Some(request) = requests.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            if let Err(error) = self.fetch(request) {
                // Only the first failure counts: it makes the others end as interrupted.
                self.with_state(|state| state.failure.get_or_insert(error).category());
                self.stop.cancel();
            }
        }
    }

    fn fetch(&self, request: &FetchRequest) -> Result<(), FetchError> {
        let mut tried = Vec::new();
        for url in self.ordered(&request.urls) {
            match self.fetch_from(url, request) {
                Ok(size) => {
                    self.stored(request, size, &tried);
                    return Ok(());
                }
                Err(Failure::Fatal(error)) => return Err(error),
                Err(Failure::Place(error)) => {
                    self.reject(request, url, &error);
                    tried.push((url, error));
                }
            }
        }
        Err(give_up(request, tried))
    }

    /// The size of what was stored.
    fn fetch_from(&self, url: &str, request: &FetchRequest) -> Result<u64, Failure> {
        let label = || request.label.clone();
        let store = |source| {
            Failure::Fatal(FetchError::Store {
                label: label(),
                source,
            })
        };
        let mut partial = self.store.partial_file().map_err(store)?;
        let expected = Expected {
            size: request.size,
            sha256: Some(request.sha256),
        };
        let progress = |bytes| self.progress.received(request, bytes);
        match self
            .http
            .download(url, &expected, partial.as_file_mut(), &progress)
        {
            Ok(downloaded) => {
                self.store.commit(partial, &request.sha256).map_err(store)?;
                Ok(downloaded.size)
            }
            Err(HttpError::Interrupted(interrupted)) => Err(Failure::Fatal(interrupted.into())),
            Err(source @ HttpError::BadUrl { .. }) => Err(Failure::Fatal(FetchError::BadUrl {
                label: label(),
                source,
            })),
            Err(source) if source.is_local() => Err(Failure::Fatal(FetchError::Local {
                label: label(),
                source,
            })),
            Err(error) => Err(Failure::Place(error)),
        }
    }

    /// The URLs in the order to try them: those of servers that failed before come last.
    fn ordered<'u>(&self, urls: &'u [String]) -> Vec<&'u str> {
        let mut ordered: Vec<_> = urls.iter().map(String::as_str).collect();
        self.with_state(|state| ordered.sort_by_key(|url| state.shunned.contains(&origin(url))));
        ordered
    }

    fn reject(&self, request: &FetchRequest, url: &str, error: &HttpError) {
        // A mirror that lacks one file may well have the next one.
        if !matches!(error, HttpError::NotFound { .. }) {
            self.with_state(|state| state.shunned.insert(origin(url)));
        }
        self.progress.rejected(&rejected(request, url, error));
    }

    fn stored(&self, request: &FetchRequest, size: u64, tried: &[(&str, HttpError)]) {
        self.with_state(|state| {
            state.summary.downloaded += 1;
            state.summary.downloaded_bytes += size;
            let failed = tried
                .iter()
                .map(|(url, error)| rejected(request, url, error));
            state.summary.rejected.extend(failed);
        });
        self.progress.stored(request);
    }

    fn with_state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

enum Failure {
    /// Another place may have the object.
    Place(HttpError),
    /// No other place would help.
    Fatal(FetchError),
}

fn give_up(request: &FetchRequest, tried: Vec<(&str, HttpError)>) -> FetchError {
    let label = request.label.clone();
    let reasons = tried
        .iter()
        .map(|(url, error)| ((*url).to_owned(), reason(error)));
    let rejections = Rejections(reasons.collect());
    let all_lack_it = tried
        .iter()
        .all(|(_, error)| matches!(error, HttpError::NotFound { .. }));
    let wrong = tried.into_iter().find_map(|(_, error)| match error {
        HttpError::Mismatch { url, wrong } => Some((url, wrong)),
        _ => None,
    });
    match wrong {
        Some((url, wrong)) => FetchError::Mismatch {
            label,
            url,
            wrong,
            tried: rejections,
        },
        None if all_lack_it => FetchError::Gone {
            label,
            tried: rejections,
        },
        None => FetchError::Unreachable {
            label,
            tried: rejections,
        },
    }
}

fn rejected(request: &FetchRequest, url: &str, error: &HttpError) -> Rejected {
    Rejected {
        label: request.label.clone(),
        url: url.to_owned(),
        reason: reason(error),
    }
}

/// The error and what caused it, in one line.
fn reason(error: &HttpError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Scheme, host and port: what fails together.
fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization())
}
