//! Why there is no verdict at all. A kernel that fails is none of this: that is a verdict.

use camino::Utf8PathBuf;
use host::category::Category;
use host::engine::EngineError;
use host::process::ProcessError;
use miette::Diagnostic;
use model::digest::Sha256;

use crate::given::GivenError;
use crate::package::PackageError;

/// Why a kernel could not be judged.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SmokeError {
    /// What was to be booted is no package with a kernel that can be.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A file is no module for the kernel.
    #[error(transparent)]
    #[diagnostic(help(
        "a module has to be compiled against the headers of the package that is booted"
    ))]
    Given(#[from] GivenError),
    /// The instructions or the modules make no initramfs.
    #[error("making the initramfs")]
    Initramfs(#[from] crate::initramfs::InitramfsError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The program for PID 1 could not be made.
    #[error("the program that runs in the booted kernel cannot be compiled")]
    #[diagnostic(help(
        "it is linked statically, so the C library's static form is needed: Debian's libc6-dev has it, Fedora's is glibc-static"
    ))]
    Guest(#[source] ProcessError),
    /// KVM was asked for.
    #[error("the engine's host has no /dev/kvm to hand in: {reason}")]
    #[diagnostic(help(
        "use `--accel tcg`, or `--accel auto`, which takes KVM only where it works"
    ))]
    NoKvm {
        /// What the engine said.
        reason: String,
    },
    /// Two kernels, of which one verdict cannot tell.
    #[error("both {first} and {second} have a kernel")]
    #[diagnostic(help("boot them one after the other"))]
    TwoKernels {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// A result without packages.
    #[error("there is no package to take a kernel from")]
    NoPackages,
    /// A package is not the one that its manifest names.
    #[error("{path} is not what its manifest says: expected {expected}, found {found}")]
    #[diagnostic(help("build the recipe again; nothing should change what is in out/"))]
    Changed {
        /// The package.
        path: Utf8PathBuf,
        /// The digest in the manifest.
        expected: String,
        /// The digest of the file.
        found: Sha256,
    },
    /// A run that was to be measured did not pass.
    #[error("there is nothing to measure: {reason}")]
    #[diagnostic(help("see what is wrong with `cargo xtask smoke`"))]
    NothingToMeasure {
        /// Why it did not.
        reason: String,
    },
    /// A file cannot be handled.
    #[error("{attempt} {path}")]
    File {
        /// What was tried.
        attempt: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl SmokeError {
    /// What kind of failure this is.
    pub fn category(&self) -> Category {
        match self {
            Self::Package(error) => error.category(),
            Self::Engine(error) => error.category(),
            Self::Guest(error) => error.category(),
            Self::Given(_)
            | Self::TwoKernels { .. }
            | Self::NoPackages
            | Self::NothingToMeasure { .. } => Category::Input,
            Self::Changed { .. } => Category::Verification,
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Category::Input
            }
            Self::NoKvm { .. } | Self::File { .. } => Category::Host,
            Self::Initramfs(_) => Category::Bug,
        }
    }
}
