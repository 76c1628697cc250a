//! Every way a command can fail, and the exit code of each.

use std::process::ExitCode;

use builder::error::BuildError;
use camino::Utf8PathBuf;
use host::cancel::SignalError;
use host::category::Category;
use host::engine::EngineError;
use host::environment::EnvironmentError;
use host::mirrors::MirrorError;
use host::process::ProcessError;
use host::session::SessionError;
use host::store::StoreError;
use miette::Diagnostic;
use release::error::ReleaseError;
use release::keys::KeyError;
use smoke::error::SmokeError;

/// Why a command failed.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum Failure {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Build(#[from] BuildError),
    #[error("{count} errors in the {total} that were looked at")]
    Several {
        count: usize,
        total: usize,
        #[related]
        errors: Vec<BuildError>,
    },
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Signal(#[from] SignalError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("{what} failed")]
    Tests { what: String },
    #[error("{0}")]
    #[diagnostic(help("{1}"))]
    Usage(String, String),
    #[error(transparent)]
    #[diagnostic(transparent)]
    NoSmoke(#[from] SmokeError),
    #[error("the smoke boot of {what} failed: {reason}")]
    #[diagnostic(help("everything that was seen is in {page}"))]
    Smoke {
        what: String,
        reason: String,
        page: Utf8PathBuf,
    },
    #[error("recipe `{recipe}` does not come out the same: {what}")]
    #[diagnostic(help("{help}"))]
    Different {
        recipe: String,
        what: String,
        help: String,
    },
    #[error(transparent)]
    #[diagnostic(transparent)]
    Release(#[from] ReleaseError),
    #[error("recipe `{recipe}` is not built")]
    #[diagnostic(help("run `cargo xtask build {recipe}`"))]
    NotBuilt { recipe: String },
    #[error("the result in {path} was changed, or is none: {reason}")]
    #[diagnostic(help("do not use it; build it again"))]
    Changed { path: Utf8PathBuf, reason: String },
    #[error("{what}")]
    #[diagnostic(help("{help}"))]
    Freshness {
        what: String,
        help: &'static str,
        category: Category,
    },
    #[error("this host lacks {what}")]
    #[diagnostic(help("what to do stands beside each of them"))]
    Doctor { what: String },
    #[error("there is no verdict in {path}: {reason}")]
    #[diagnostic(help("boot the kernel first: `cargo xtask smoke RECIPE`"))]
    NoVerdict { path: Utf8PathBuf, reason: String },
    #[error("writing to standard output")]
    Output(#[from] std::io::Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Build(error.into())
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::Release(error.into())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Build(error.into())
    }
}

impl Failure {
    /// What kind of failure this is; `None` for wrong usage and failed kernels, which are none of the host's.
    fn category(&self) -> Option<Category> {
        Some(match self {
            Self::Build(error) => error.category(),
            Self::Several { errors, .. } => {
                errors.first().map_or(Category::Bug, BuildError::category)
            }
            Self::Environment(error) => error.category(),
            Self::Mirror(error) => error.category(),
            Self::Session(error) => error.category(),
            Self::Signal(error) => error.category(),
            Self::Process(error) => error.category(),
            Self::NoSmoke(error) => error.category(),
            Self::Release(error) => error.category(),
            Self::Tests { .. } | Self::NotBuilt { .. } | Self::NoVerdict { .. } => Category::Input,
            Self::Different { .. } | Self::Changed { .. } => Category::Verification,
            Self::Freshness { category, .. } => *category,
            Self::Usage(..) | Self::Smoke { .. } => return None,
            Self::Doctor { .. } | Self::Output(_) => Category::Host,
        })
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.category() {
            None if matches!(self, Self::Smoke { .. }) => 5,
            None => 2,
            Some(Category::Input) => 1,
            Some(Category::Host) => 3,
            Some(Category::Verification) => 4,
            Some(Category::Interrupted) => 130,
            Some(Category::Bug) => 70,
        })
    }
}
