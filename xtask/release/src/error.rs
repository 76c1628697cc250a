//! What can go wrong with a release.

use std::io;

use builder::error::BuildError;
use camino::{Utf8Path, Utf8PathBuf};
use host::cancel::Interrupted;
use host::category::Category;
use host::git::GitError;
use host::http::HttpError;
use miette::Diagnostic;

use crate::keys::KeyError;
use crate::sums::SUMS;

/// Why there is no release, or why one is not trusted.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ReleaseError {
    /// Some results are not fit for a release, so nothing was changed.
    #[error("nothing is released, because of {} of the recipes:\n{}", problems.len(), list(problems))]
    #[diagnostic(help(
        "a release has all of its recipes or none; what was published stays as it was"
    ))]
    Refused {
        /// What is wrong, each with its recipe.
        problems: Vec<String>,
    },
    /// What is asked for makes no sense.
    #[error("{0}")]
    #[diagnostic(help("{1}"))]
    Input(String, &'static str),
    /// A file of a release is not what it has to be.
    #[error("{file}: {reason}")]
    #[diagnostic(help("trust nothing of this release; tell its publisher, or fetch it again"))]
    Untrusted {
        /// The file, from the top of the tree.
        file: String,
        /// What was expected, and found.
        reason: String,
    },
    /// An older release than one that was seen.
    #[error("{url} has a release of {found}, but one of {seen} was seen there before")]
    #[diagnostic(help("somebody serves an old state, or the publisher went back: ask them"))]
    Older {
        /// Where.
        url: String,
        /// Its date.
        found: String,
        /// The date of the newest that was seen.
        seen: String,
    },
    /// Too few witnesses.
    #[error(
        "{found} of the {needed} witnesses that are required attest to this release{}",
        list_after(problems)
    )]
    #[diagnostic(help("name their keys with --witness and their attestations with --attestation"))]
    Witnesses {
        /// How many are needed.
        needed: usize,
        /// How many there are.
        found: usize,
        /// Why others do not count.
        problems: Vec<String>,
    },
    /// Another build has other bytes.
    #[error("{recipe} does not come out the same: {}", files.join(", "))]
    #[diagnostic(help("`cargo xtask reproduce {recipe}` tells where the bytes differ"))]
    Different {
        /// The recipe.
        recipe: String,
        /// The files that differ.
        files: Vec<String>,
    },
    /// A file cannot be handled.
    #[error("{attempt} {path}")]
    File {
        /// What was tried.
        attempt: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A release cannot be fetched.
    #[error("fetching {url}")]
    Http {
        /// What.
        url: String,
        /// Why.
        source: HttpError,
    },
    /// The clone that recipes come from.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Keys.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Key(#[from] KeyError),
    /// Recipes, plans, builds.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Build(#[from] BuildError),
    /// The user asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// A value that should always have a text form has none.
    #[error("writing {what}: {reason}")]
    Render {
        /// The file.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

impl ReleaseError {
    /// Whether a server said that there is no such file where a release begins.
    pub fn is_nothing_there(&self) -> bool {
        matches!(self, Self::Http { url, source: HttpError::NotFound { .. } } if url.ends_with(SUMS))
    }

    /// What kind of failure this is.
    pub fn category(&self) -> Category {
        match self {
            Self::Refused { .. } | Self::Input(..) => Category::Input,
            Self::Untrusted { .. }
            | Self::Older { .. }
            | Self::Witnesses { .. }
            | Self::Different { .. } => Category::Verification,
            Self::File { .. } => Category::Host,
            Self::Http { source, .. } => source.category(),
            Self::Git(error) => error.category(),
            Self::Key(error) => error.category(),
            Self::Build(error) => error.category(),
            Self::Interrupted(error) => error.category(),
            Self::Render { .. } => Category::Bug,
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "most callers have one to give away"
    )]
    pub(crate) fn untrusted(file: impl Into<String>, reason: impl ToString) -> Self {
        Self::Untrusted {
            file: file.into(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn file(attempt: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            attempt,
            path,
            source,
        }
    }

    pub(crate) fn render(what: &'static str) -> impl Fn(serde_json::Error) -> Self {
        move |error| Self::Render {
            what,
            reason: error.to_string(),
        }
    }
}

fn list(problems: &[String]) -> String {
    let lines: Vec<_> = problems
        .iter()
        .map(|problem| format!("  {problem}"))
        .collect();
    lines.join("\n")
}

fn list_after(problems: &[String]) -> String {
    match problems {
        [] => String::new(),
        problems => format!(":\n{}", list(problems)),
    }
}
