//! The door to git: repositories of others are fetched, those of this host only read.
//!
//! Servers and repositories are hostile. The host's git command is run (2.20 or later) without any
//! configuration of the user or the host, without hooks, filters and prompts, and only over https,
//! file and, to loopback addresses, http. Redirects are not followed. What a commit's id stands for
//! is verified whenever it is read.
//!
//! Proxies come from `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`; the loopback addresses
//! are always reached directly. Certificates besides those of the host come from `GIT_SSL_CAINFO` or
//! `SSL_CERT_FILE`, and `GIT_SSL_CAPATH` or `SSL_CERT_DIR`.

mod command;
mod error;
mod objects;
mod repository;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use model::names::{CommitId, GitUrl, RefName};
use model::source::Reference;

use crate::cancel::Cancel;
use crate::clock::Stopwatch;
use crate::process::Process;
use error::said;

pub use error::{GitError, Refusal};
pub use repository::{Commit, Repository, TreeFile};
pub use tree::FileKind;

/// How long a server may take to tell what a tag or branch points to.
const RESOLVE: Duration = Duration::from_secs(120);
/// How long git may take to tell its version.
const VERSION: Duration = Duration::from_secs(20);
/// How long a commit may take to be fetched.
const FETCH: Duration = Duration::from_secs(2 * 3600);
/// How often is looked how far a fetch has come.
const GLANCE: Duration = Duration::from_millis(200);

/// Where fetched commits are kept: below the cache folder, each in `git/<commit>.git`, a bare
/// repository with that one commit, which appears by one rename once it is whole.
///
/// Any number of processes may share them. The one that fetches a commit holds a lock on
/// `git/<commit>.lock` and works in `git/<commit>.partial`; one that nobody holds is left from a
/// crash, and removed by the next fetch.
#[derive(Debug, Clone)]
pub struct Repositories {
    folder: Utf8PathBuf,
    cancel: Cancel,
}

impl Repositories {
    /// Those of a cache, an absolute path; nothing is made yet.
    pub fn new(cache: &Utf8Path, cancel: Cancel) -> Self {
        let folder = cache.join("git");
        Self { folder, cancel }
    }

    /// The commit that a tag or branch points to now; one that is given by its id is believed.
    ///
    /// # Errors
    /// When the server cannot be reached, or has no such tag or branch.
    pub fn resolve(&self, url: &GitUrl, reference: &Reference) -> Result<CommitId, GitError> {
        let names = match reference {
            Reference::Commit(commit) => return Ok(commit.clone()),
            // An annotated tag is an object of its own; the second name is the commit behind it.
            Reference::Tag(tag) => vec![tag_name(tag) + "^{}", tag_name(tag)],
            Reference::Branch(branch) => vec![format!("refs/heads/{branch}")],
        };
        // There is no repository here whose configuration could play a part.
        let process = command::remote(Utf8Path::new("/dev/null"), RESOLVE, "a list of references")
            .arguments(["ls-remote", "--", url.as_str()])
            .arguments(names.clone());
        let doing = format!("looking for {reference} in");
        let list = self.ask(&process, doing, url)?;
        // git also gives names that only end like those.
        let found = names.iter().find_map(|name| {
            let mut lines = list.lines().filter_map(|line| line.split_once('\t'));
            lines.find_map(|(id, found)| (found == name).then_some(id))
        });
        let (url, reference) = (url.clone(), reference.clone());
        let Some(id) = found else {
            return Err(GitError::NoReference { url, reference });
        };
        commit_id(id, &url, &reference)
    }

    /// The tags of a repository now, and the commit that each points to. Tags whose names no recipe could have are
    /// left out.
    ///
    /// # Errors
    /// When the server cannot be reached, or its answer is no list of tags.
    pub fn tags(&self, url: &GitUrl) -> Result<BTreeMap<RefName, CommitId>, GitError> {
        let process = command::remote(Utf8Path::new("/dev/null"), RESOLVE, "a list of tags")
            .arguments(["ls-remote", "--tags", "--", url.as_str()]);
        let list = self.ask(&process, "listing the tags of".to_owned(), url)?;
        let mut tags = BTreeMap::new();
        for (id, name) in list.lines().filter_map(|line| line.split_once('\t')) {
            let Some(name) = name.strip_prefix("refs/tags/") else {
                continue;
            };
            // The commit behind an annotated tag comes after the tag's own object, and takes its place.
            let Ok(name) = name.strip_suffix("^{}").unwrap_or(name).parse::<RefName>() else {
                continue;
            };
            let commit = commit_id(id, url, &Reference::Tag(name.clone()))?;
            tags.insert(name, commit);
        }
        Ok(tags)
    }

    /// What is here already. Its contents are verified when they are read.
    pub fn find(&self, commit: &CommitId) -> Option<Repository> {
        let path = self.path(commit);
        path.is_dir()
            .then(|| Repository::fetched(path, self.cancel.clone()))
    }

    /// Fetches a commit without its history, unless it is here. `progress` gets the bytes received
    /// so far.
    ///
    /// # Errors
    /// When the server cannot be reached, does not give the commit, or gives something else, and
    /// when it cannot be written; then nothing of it stays.
    pub fn fetch(
        &self,
        url: &GitUrl,
        commit: &CommitId,
        progress: &dyn Fn(u64),
    ) -> Result<Repository, GitError> {
        if let Some(found) = self.find(commit) {
            return Ok(found);
        }
        fs::create_dir_all(&self.folder).map_err(io_error("creating the folder", &self.folder))?;
        self.remove_abandoned();
        let _lock = self.lock(commit)?;
        // Somebody else may have fetched it meanwhile.
        if let Some(found) = self.find(commit) {
            return Ok(found);
        }
        let partial = self.folder.join(format!("{commit}.partial"));
        remove(&partial)?;
        let path = self.path(commit);
        let fetched = self
            .fetch_into(&partial, url, commit, progress)
            .and_then(|()| {
                fs::rename(&partial, &path).map_err(io_error("putting in place", &path))
            });
        if let Err(error) = fetched {
            let _ = remove(&partial);
            return Err(error);
        }
        Ok(Repository::fetched(path, self.cancel.clone()))
    }

    fn path(&self, commit: &CommitId) -> Utf8PathBuf {
        self.folder.join(format!("{commit}.git"))
    }

    fn fetch_into(
        &self,
        folder: &Utf8Path,
        url: &GitUrl,
        commit: &CommitId,
        progress: &dyn Fn(u64),
    ) -> Result<(), GitError> {
        let repository = Repository::fetched(folder.to_owned(), self.cancel.clone());
        // Without the host's template, in which there may be hooks.
        let init = repository.git("an empty repository").arguments([
            "init",
            "--quiet",
            "--bare",
            "--template=",
        ]);
        let captured = init.capture(&self.cancel)?;
        if !captured.status.success() {
            return Err(GitError::Failed {
                doing: "making the repository",
                folder: folder.to_owned(),
                said: said(&captured),
            });
        }
        let process = command::remote(folder, FETCH, &format!("commit {commit} from {url}"))
            .arguments(["fetch", "--quiet", "--depth=1", "--no-tags"])
            .arguments(["--no-recurse-submodules", "--", url.as_str()])
            .argument(commit.as_str());
        let doing = format!("fetching commit {commit} from");
        self.watch(&process, doing.clone(), url, folder, progress)?;
        // It is what its id stands for, and everything that it needs is there.
        repository.read_commit(commit)?;
        let check = repository
            .git("the check of the fetched commit")
            .arguments(["fsck", "--connectivity-only", "--no-dangling"])
            .argument(commit.as_str());
        let captured = check.capture(&self.cancel)?;
        if !captured.status.success() {
            return Err(GitError::Server {
                doing,
                url: url.clone(),
                refusal: Refusal::Damaged,
                said: said(&captured),
            });
        }
        sync(folder).map_err(io_error("writing to the disk", folder))
    }

    /// Runs a fetch, and tells meanwhile how much has come.
    fn watch(
        &self,
        process: &Process,
        doing: String,
        url: &GitUrl,
        folder: &Utf8Path,
        progress: &dyn Fn(u64),
    ) -> Result<(), GitError> {
        let packs = folder.join("objects/pack");
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .name("fetch".to_owned())
                .spawn_scoped(scope, || self.ask(process, doing, url))
                .map_err(io_error("starting a thread to fetch into", folder))?;
            while !thread.is_finished() {
                std::thread::sleep(GLANCE);
                progress(size_of_files(&packs));
            }
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                .map(drop)
        })
    }

    /// Runs a git that talks to a server; gives its output.
    fn ask(&self, process: &Process, doing: String, url: &GitUrl) -> Result<String, GitError> {
        let captured = process.capture(&self.cancel)?;
        if captured.status.success() {
            return Ok(captured.text()?);
        }
        let said = said(&captured);
        Err(GitError::Server {
            doing,
            url: url.clone(),
            refusal: Refusal::of(&said),
            said,
        })
    }

    /// Waits until no other process fetches this commit.
    fn lock(&self, commit: &CommitId) -> Result<File, GitError> {
        let path = self.folder.join(format!("{commit}.lock"));
        let file = File::create(&path).map_err(io_error("creating the lock file", &path))?;
        let since = Stopwatch::start();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(source)) => {
                    return Err(io_error("locking the file", &path)(source));
                }
                Err(TryLockError::WouldBlock) if since.elapsed() > FETCH => {
                    let waited = since.elapsed().as_secs();
                    return Err(GitError::Locked { path, waited });
                }
                Err(TryLockError::WouldBlock) => self.cancel.sleep(GLANCE)?,
            }
        }
    }

    /// Removes what fetches left that were killed. What cannot be removed does no harm.
    fn remove_abandoned(&self) {
        let entries = self.folder.read_dir_utf8();
        for entry in entries.into_iter().flatten().flatten() {
            if entry.path().extension() != Some("partial") {
                continue;
            }
            let lock = File::open(entry.path().with_extension("lock"));
            // The lock is held until the folder is gone.
            if let Ok(lock) = lock
                && lock.try_lock().is_ok()
            {
                let _ = remove(entry.path());
            }
        }
    }
}

/// The id that a server told.
fn commit_id(id: &str, url: &GitUrl, reference: &Reference) -> Result<CommitId, GitError> {
    id.parse().map_err(|_| GitError::Answer {
        url: url.clone(),
        reference: reference.clone(),
        found: id.chars().take(80).flat_map(char::escape_debug).collect(),
    })
}

/// The version of the host's git, as it tells it.
///
/// # Errors
/// When there is none, or it fails.
pub fn version(cancel: &Cancel) -> Result<String, GitError> {
    let process = command::local(Utf8Path::new("/dev/null"), VERSION, "git's version");
    let captured = process.argument("version").capture(cancel)?;
    let text = captured.text()?;
    let version = text.trim();
    Ok(version
        .strip_prefix("git version ")
        .unwrap_or(version)
        .to_owned())
}

fn tag_name(tag: &RefName) -> String {
    format!("refs/tags/{tag}")
}

/// Removes a folder with all that is in it, if it is there.
fn remove(folder: &Utf8Path) -> Result<(), GitError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("removing the folder", folder)(error))
        }
        _ => Ok(()),
    }
}

/// The bytes of all files in a folder, as far as can be seen.
fn size_of_files(folder: &Utf8Path) -> u64 {
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum()
}

/// Waits until all files of a folder are on the disk: a rename may get there first.
fn sync(folder: &Utf8Path) -> io::Result<()> {
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync(entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}

fn io_error(doing: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> GitError {
    let path = path.to_owned();
    move |source| GitError::Io {
        doing,
        path,
        source,
    }
}
