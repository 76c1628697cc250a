//! What can go wrong with git, and what its messages mean.

use std::fmt;
use std::io;

use camino::Utf8PathBuf;
use model::names::{CommitId, GitUrl};
use model::source::Reference;

use crate::cancel::Interrupted;
use crate::category::Category;
use crate::process::{Captured, ProcessError};

/// Why a server did not give what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It cannot be reached, or broke off.
    Unreachable,
    /// It has no repository at this address that everybody may read.
    NoRepository,
    /// It points to another address.
    Redirect,
    /// It has no such commit, or gives only those that a branch or tag leads to.
    NoCommit,
    /// It gives no commits by id.
    NoIds,
    /// It is a repository on this host that belongs to somebody else, whose files git does not read.
    OtherOwner,
    /// What it sent is broken.
    Damaged,
    /// Something else: only the message tells.
    Other,
}

impl Refusal {
    /// What git means by its message. Messages are those of git itself (in English, because the
    /// locale is ours) and of the libcurl below it.
    pub(super) fn of(message: &str) -> Self {
        let found = MESSAGES.iter().find(|(part, _)| message.contains(part));
        found.map_or(Self::Other, |(_, refusal)| *refusal)
    }
}

/// A part of each message, the telling ones first: git adds general advice to its messages.
const MESSAGES: &[(&str, Refusal)] = &[
    ("dubious ownership", Refusal::OtherOwner),
    ("not our ref", Refusal::NoCommit),
    ("couldn't find remote ref", Refusal::NoCommit),
    ("unadvertised object", Refusal::NoIds),
    ("fsck error", Refusal::Damaged),
    ("did not send all necessary objects", Refusal::Damaged),
    ("did not receive expected object", Refusal::Damaged),
    ("SHA1 COLLISION", Refusal::Damaged),
    ("returned error: 30", Refusal::Redirect),
    ("returned error: 404", Refusal::NoRepository),
    ("not found", Refusal::NoRepository),
    (
        "does not appear to be a git repository",
        Refusal::NoRepository,
    ),
    ("could not read Username", Refusal::NoRepository),
    ("unable to access", Refusal::Unreachable),
    ("RPC failed", Refusal::Unreachable),
    ("early EOF", Refusal::Unreachable),
    ("unexpected disconnect", Refusal::Unreachable),
    ("hung up", Refusal::Unreachable),
];

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unreachable => "the server cannot be reached, or broke off",
            Self::NoRepository => {
                "a repository that everybody may read is expected at this address, found none"
            }
            Self::Redirect => {
                "the server points to another address, which is not followed; \
                 if that one is right, write it instead"
            }
            Self::NoCommit => {
                "the server has no such commit, or does not give it because no branch or tag leads to it any \
                 more (a server that should must set uploadpack.allowAnySHA1InWant)"
            }
            Self::NoIds => {
                "the server gives no commit by its id unless a branch or tag points to it; it must set \
                 uploadpack.allowReachableSHA1InWant, or speak version 2 of git's protocol"
            }
            Self::OtherOwner => {
                "the repository belongs to another user of this host, so git does not read it; \
                 fetch from one of your own"
            }
            Self::Damaged => "what the server sent is not what the commit's id stands for, or broken",
            Self::Other => "git failed",
        })
    }
}

/// A use of git that failed. What git or a server said is fit for a terminal.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git command.
    #[error("running git: the program was not found in PATH; install git")]
    NotInstalled,
    /// A server did not give what it was asked for.
    #[error("{doing} {url}: {refusal}; git said: {said}")]
    Server {
        /// `fetching commit … from`, `looking for … in`.
        doing: String,
        /// The repository.
        url: GitUrl,
        /// Why.
        refusal: Refusal,
        /// The end of git's message, with what the server said.
        said: String,
    },
    /// The server has a repository, but not this tag or branch.
    #[error("looking for {reference} in {url}: the repository has none of that name")]
    NoReference {
        /// The repository.
        url: GitUrl,
        /// The tag or branch.
        reference: Reference,
    },
    /// The server's answer to a question for a tag or branch is none.
    #[error("looking for {reference} in {url}: one full commit id is expected, found `{found}`")]
    Answer {
        /// The repository.
        url: GitUrl,
        /// The tag or branch.
        reference: Reference,
        /// What came, fit for a terminal.
        found: String,
    },
    /// A folder is no repository.
    #[error("opening {folder}: the top folder of a git clone is expected, found none: {found}")]
    NotARepository {
        /// The folder.
        folder: Utf8PathBuf,
        /// What git or the host said.
        found: String,
    },
    /// A repository does not know what a revision means.
    #[error("looking for the commit `{revision}` in {folder}: {found}")]
    UnknownRevision {
        /// The repository.
        folder: Utf8PathBuf,
        /// The revision, escaped.
        revision: String,
        /// What git said instead, or what is wrong.
        found: String,
    },
    /// A repository without a working tree.
    #[error("listing the working tree of {folder}: it is a bare repository, which has none")]
    Bare {
        /// The repository.
        folder: Utf8PathBuf,
    },
    /// Another repository is part of the tree.
    #[error(
        "listing the files of {folder}: only files and folders are expected, found the submodule or \
         repository `{path}`, whose files are not part of it"
    )]
    Submodule {
        /// The repository.
        folder: Utf8PathBuf,
        /// Where in the tree, escaped.
        path: String,
    },
    /// A name is no text.
    #[error("listing the files of {folder}: names in UTF-8 are expected, found `{path}`")]
    NotText {
        /// The repository.
        folder: Utf8PathBuf,
        /// Where in the tree, escaped.
        path: String,
    },
    /// More than any kernel has.
    #[error("reading {folder}: at most {limit} {what} are expected, found more")]
    TooLarge {
        /// The repository.
        folder: Utf8PathBuf,
        /// The limit.
        limit: u64,
        /// What there is too much of.
        what: &'static str,
    },
    /// An object is of another kind than its user expects.
    #[error("reading object {id} of {folder}: a {expected} is expected, found a {found}")]
    WrongKind {
        /// The repository.
        folder: Utf8PathBuf,
        /// The object.
        id: String,
        /// `commit`, `tree` or `blob`.
        expected: &'static str,
        /// What git says that it is, escaped.
        found: String,
    },
    /// An object is missing, is not what its id stands for, or makes no sense.
    #[error("reading object {id} of {folder}: {found}; {advice}")]
    Damaged {
        /// The repository.
        folder: Utf8PathBuf,
        /// The object.
        id: String,
        /// What was found.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// git ended with an error that should not be.
    #[error("{doing} {folder}: git failed and said: {said}")]
    Failed {
        /// `listing the files of` and the like.
        doing: &'static str,
        /// The repository.
        folder: Utf8PathBuf,
        /// The end of its message.
        said: String,
    },
    /// The caller did not take a file.
    #[error("passing on the file `{path}` of commit {commit}")]
    Visit {
        /// The commit.
        commit: CommitId,
        /// The file, escaped.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The host refuses a file, a folder, a pipe or a thread.
    #[error("{doing} {path}")]
    Io {
        /// `creating the folder` and the like.
        doing: &'static str,
        /// On what.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process fetches the same commit and does not end.
    #[error(
        "waiting for another process that fetches the same commit: {path} was still locked after {waited} s"
    )]
    Locked {
        /// The file that it holds locked.
        path: Utf8PathBuf,
        /// How long, in seconds.
        waited: u64,
    },
    /// git could not be run to its end.
    #[error(transparent)]
    Process(ProcessError),
    /// Cancelled.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl GitError {
    /// Who has to act.
    pub fn category(&self) -> Category {
        match self {
            Self::Server { refusal, .. } => match refusal {
                Refusal::NoRepository | Refusal::Redirect | Refusal::NoCommit => Category::Input,
                Refusal::Damaged => Category::Verification,
                _ => Category::Host,
            },
            Self::Damaged { .. } => Category::Verification,
            // Only a commit is named by the user; the others by a commit.
            Self::WrongKind { expected, .. } if *expected != "commit" => Category::Verification,
            Self::NotInstalled
            | Self::Answer { .. }
            | Self::Failed { .. }
            | Self::Visit { .. }
            | Self::Io { .. }
            | Self::Locked { .. } => Category::Host,
            Self::NoReference { .. }
            | Self::NotARepository { .. }
            | Self::UnknownRevision { .. }
            | Self::Bare { .. }
            | Self::Submodule { .. }
            | Self::NotText { .. }
            | Self::TooLarge { .. }
            | Self::WrongKind { .. } => Category::Input,
            Self::Process(error) => error.category(),
            Self::Interrupted(interrupted) => interrupted.category(),
        }
    }
}

impl From<ProcessError> for GitError {
    fn from(error: ProcessError) -> Self {
        match error {
            // git works in the root folder, which exists.
            ProcessError::NotFound { .. } => Self::NotInstalled,
            ProcessError::Interrupted(interrupted) => Self::Interrupted(interrupted),
            other => Self::Process(other),
        }
    }
}

/// What git said to its user, fit for a terminal.
pub(super) fn said(captured: &Captured) -> String {
    let said = captured.stderr.shown();
    if said.is_empty() {
        format!("nothing ({})", captured.status)
    } else {
        said
    }
}
