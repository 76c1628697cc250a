//! What can be wrong with a source.

use std::io;

use host::category::Category;
use host::git::GitError;
use host::store::StoreError;
use model::version::{KernelVersion, MalformedVersion};

use super::patches::PatchError;

/// A source that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be read or passed on.
    #[error("the source cannot be read")]
    Io(#[from] io::Error),
    /// What was downloaded is not what it was any more, or not there.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry that no source tree has.
    #[error("the source holds `{}`: {reason}", path.escape_debug())]
    Unsafe {
        /// The entry.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More than any kernel is.
    #[error("the source holds more than {} GiB or {entries} entries: that is no kernel", bytes >> 30)]
    TooBig {
        /// The most bytes.
        bytes: u64,
        /// The most entries.
        entries: usize,
    },
    /// Something else than Linux.
    #[error(
        "the source is not Linux: its Makefile does not begin with VERSION, PATCHLEVEL and SUBLEVEL"
    )]
    NotLinux,
    /// Linux without MPTCP.
    #[error("the source is Linux {kernel} without MPTCP: it has no net/mptcp/Kconfig")]
    NoMptcp {
        /// The version.
        kernel: KernelVersion,
    },
    /// Out-of-tree MPTCP that does not tell its release.
    #[error(
        "the source does not tell its release of MPTCP: `MPTCP: Stable release v...` is expected in {file}"
    )]
    NoBanner {
        /// Where it should be.
        file: &'static str,
    },
    /// Out-of-tree MPTCP that this project does not know.
    #[error("the source is of a release of MPTCP that is not known here: {0}")]
    Release(MalformedVersion),
    /// A patch does not fit.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl SourceError {
    pub(super) fn unsafe_tree(path: &str, reason: impl Into<String>) -> Self {
        let (path, reason) = (path.to_owned(), reason.into());
        Self::Unsafe { path, reason }
    }

    /// What to do about it, for people.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Store(_) => "run the same again: what is missing is downloaded anew",
            Self::Io(_) => {
                "look whether what `[source]` of the recipe names is a whole archive of a kernel"
            }
            Self::Patch(_) => {
                "put the patch right, or take it out of `[[source.patches]]` of the recipe"
            }
            Self::Git(error) => match error.category() {
                Category::Host => {
                    "try again later, or name another address of the repository in the recipe"
                }
                _ => "correct `[source.git]` of the recipe",
            },
            _ => "name a kernel with MPTCP in `[source]` of the recipe",
        }
    }

    /// Who has to act.
    pub fn category(&self) -> Category {
        match self {
            Self::Git(error) => error.category(),
            Self::Store(error) => error.category(),
            _ => Category::Input,
        }
    }
}
