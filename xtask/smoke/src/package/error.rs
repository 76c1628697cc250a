//! Why a package gives no kernel.

use std::error::Error;
use std::fmt::Write;
use std::io;

use formats::entry::Kind;
use formats::kernel_image::KernelImageError;
use formats::kernel_module::KernelModuleError;
use formats::package;
use host::cancel::Interrupted;
use host::category::Category;
use model::kconfig::MalformedConfig;

use super::{MAX_MODULES, modules::MAX_COUNT, modules::MAX_PASSES};

/// A package that gives no kernel: one line with what was attempted, on which file, and what was found.
#[derive(Debug, thiserror::Error)]
#[error("reading the kernel of package {package}: {problem}")]
pub struct PackageError {
    /// The package's name.
    pub package: String,
    /// What is wrong with it.
    pub problem: Box<Problem>,
}

impl PackageError {
    /// Who has to act: nobody where the user asked to stop, the host where the file cannot be read, else
    /// whoever gave the package.
    pub fn category(&self) -> Category {
        let error = match &*self.problem {
            Problem::Open(error) | Problem::File { error, .. } => Some(error),
            Problem::Package(error) => error.io(),
            _ => None,
        };
        let caused_by = |wanted: fn(&(dyn Error + 'static)) -> bool| {
            error.is_some_and(|error| has_cause(error, wanted))
        };
        if caused_by(<dyn Error>::is::<Interrupted>) {
            return Category::Interrupted;
        }
        match &*self.problem {
            Problem::Open(_) => Category::Host,
            _ if caused_by(is_of_the_system) => Category::Host,
            _ => Category::Input,
        }
    }
}

/// What is wrong with a package.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file cannot be opened.
    #[error("opening it failed: {0}")]
    Open(io::Error),
    /// The package is damaged, or none at all.
    #[error("{}", one_line(.0))]
    Package(#[from] package::PackageError),
    /// The package is for another architecture.
    #[error("found architecture {found:?}, expected {expected:?}")]
    Architecture {
        /// What the package says.
        found: String,
        /// What can be booted.
        expected: &'static str,
    },
    /// The package is none of a kernel.
    #[error("it has no kernel: neither boot/vmlinuz-* nor lib/modules/*/vmlinuz")]
    NoKernel,
    /// Two files where there should be one.
    #[error("found both {first:?} and {second:?}, expected one {what}")]
    Twice {
        /// What they both are.
        what: &'static str,
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// A link, a folder or a device where a file should be.
    #[error("found {path:?} to be a {kind}, expected a regular file")]
    NotAFile {
        /// The path.
        path: String,
        /// What it is.
        kind: Kind,
    },
    /// A file is too large.
    #[error("found {path:?} to be too large, expected {limit} bytes at most")]
    TooLarge {
        /// The path.
        path: String,
        /// Bytes.
        limit: u64,
    },
    /// A file cannot be read.
    #[error("reading {path:?} failed: {}", one_line(.error))]
    File {
        /// The path.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// A text is none.
    #[error("found {path:?} not to be UTF-8")]
    NotUtf8 {
        /// The path.
        path: String,
    },
    /// The kernel is none that can be booted.
    #[error("{path:?}: {error}")]
    Image {
        /// The path.
        path: String,
        /// Why.
        error: KernelImageError,
    },
    /// Two releases where there should be one.
    #[error("found {path:?} with a kernel whose boot header says release {release:?}")]
    Release {
        /// The path of the kernel, or of what should belong to it.
        path: String,
        /// The release in the kernel.
        release: String,
    },
    /// The configuration is none that kconfig wrote.
    #[error("{path:?}: {error}")]
    Config {
        /// The path.
        path: String,
        /// Why.
        error: MalformedConfig,
    },
    /// There are more modules than any kernel has.
    #[error("found more than {0} modules")]
    TooManyNames(usize),
    /// A module that cannot be read.
    #[error("{path:?}: {error}")]
    Module {
        /// The path.
        path: String,
        /// Why.
        error: KernelModuleError,
    },
    /// A module for another processor.
    #[error("{path:?}: found a module for ELF machine {machine}, expected 62, which is x86-64")]
    Machine {
        /// The path.
        path: String,
        /// What it is for.
        machine: u16,
    },
    /// A module that calls itself by another name.
    #[error("{path:?}: found a module that calls itself `{name}`")]
    Name {
        /// The path.
        path: String,
        /// Its name.
        name: String,
    },
    /// A module is nowhere.
    #[error("module `{module}` is neither in it nor built into its kernel, and {reason}")]
    NoModule {
        /// The module.
        module: String,
        /// Why it has to be there.
        reason: String,
    },
    /// Modules depend on each other.
    #[error("modules depend on each other in a circle: {}", .0.join(" -> "))]
    Circle(Vec<String>),
    /// Modules need more modules than is reasonable.
    #[error("more than {MAX_COUNT} modules depend on each other")]
    TooMany,
    /// The modules are too large together.
    #[error("the modules that are needed have more than {MAX_MODULES} bytes together")]
    TooLargeTogether,
    /// Dependencies lead to dependencies.
    #[error("modules are still missing after it was read {MAX_PASSES} times: {}", .0.join(", "))]
    TooDeep(Vec<String>),
    /// A second reading does not show what the first one did.
    #[error("it changed while it was being read: there is no more {0}")]
    Changed(String),
    /// The kernel is configured without something that a smoke boot needs.
    #[error("its kernel is configured without {}", .0.join(", "))]
    Lacks(Vec<String>),
}

/// Whether the system failed to read, rather than finding something unexpected there.
fn is_of_the_system(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.raw_os_error().is_some())
}

/// Whether an error, or one of its causes, is what is looked for.
fn has_cause(error: &io::Error, wanted: impl Fn(&(dyn Error + 'static)) -> bool) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if wanted(error) {
            return true;
        }
        next = match error.downcast_ref::<io::Error>() {
            // Its source is not what it wraps, but the source of that.
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    false
}

/// An error with all its causes.
fn one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let text = error.to_string();
        // Some errors repeat their cause.
        if !line.ends_with(&text) {
            let _ = write!(line, ": {text}");
        }
        next = error.source();
    }
    line
}
