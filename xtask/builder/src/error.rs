//! What can go wrong between a recipe and its packages.

use camino::Utf8PathBuf;
use formats::openpgp::OpenPgpError;
use formats::package::PackageError;
use host::category::Category;
use host::engine::EngineError;
use host::http::HttpError;
use host::store::{FetchError, StoreError};
use miette::Diagnostic;
use model::digest::Sha256;
use model::lock::LockError;
use model::names::Name;
use model::recipe::PackageFormat;
use model::strict::Problems;

use crate::source::SourceError;

/// What went wrong, and where a person can do something about it, what.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum BuildError {
    /// Not in a checkout.
    #[error("there is no project around {folder}: no folder above it has recipes/ and containers/")]
    #[diagnostic(help("run this inside a clone of mptcp-kernels"))]
    NoProject {
        /// Where the search began.
        folder: Utf8PathBuf,
    },
    /// No such recipe or container.
    #[error("there is no {kind} `{name}`")]
    #[diagnostic(help("{}", did_you_mean(near, known)))]
    Unknown {
        /// `recipe` or `container`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// The nearest names.
        near: Vec<String>,
        /// All names.
        known: Vec<String>,
    },
    /// A file of the project or of the cache cannot be handled.
    #[error("{attempt} {path}")]
    File {
        /// What was tried.
        attempt: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A recipe, definition or fragment is wrong, or the kernel did not take what it asks for.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Problems(#[from] Problems),
    /// A lock is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lock(#[from] LockError),
    /// A lock without a kernel source.
    #[error("the lock of recipe `{recipe}` has no kernel source")]
    #[diagnostic(help("run `cargo xtask lock {recipe}` and commit the file it writes"))]
    NoSource {
        /// The recipe.
        recipe: Name,
    },
    /// A source cannot be had, or is none.
    #[error("the source of recipe `{recipe}` cannot be used")]
    #[diagnostic(help("{}", source.advice()))]
    Source {
        /// The recipe.
        recipe: Name,
        /// Why.
        source: SourceError,
    },
    /// What `--source` names cannot be used.
    #[error("--source {named} cannot be used")]
    #[diagnostic(help(
        "name a clone of a kernel with MPTCP, and a revision in it if you want one: --source DIR[@REV]"
    ))]
    OwnSource {
        /// As it was named.
        named: String,
        /// Why.
        source: SourceError,
    },
    /// A source is another than the recipe says.
    #[error("the source of recipe `{recipe}` is not what the recipe says: {reason}")]
    #[diagnostic(help("{help}"))]
    WrongTree {
        /// The recipe.
        recipe: Name,
        /// What is wrong.
        reason: String,
        /// What to do.
        help: &'static str,
    },
    /// A source is another than the locked one.
    #[error(
        "the source of recipe `{recipe}` is not the locked one: tree {expected} expected, found {found}"
    )]
    #[diagnostic(help(
        "do not use it; `cargo xtask lock {recipe}` shows whether the source changed where it comes from"
    ))]
    OtherTree {
        /// The recipe.
        recipe: Name,
        /// The digest of the tree in the lock.
        expected: Sha256,
        /// The digest of the tree found.
        found: Sha256,
    },
    /// A patch file cannot be used.
    #[error("patch {patch}: {reason}")]
    WrongPatch {
        /// The patch.
        patch: String,
        /// What is wrong.
        reason: String,
    },
    /// The container's compiler is too new for the kernel.
    #[error(
        "Linux {}.{} does not compile with gcc {found} of container `{container}`: gcc {newest} is the newest that is known to", kernel.0, kernel.1
    )]
    #[diagnostic(help(
        "name a container with an older compiler in the recipe: debian-12 has gcc 12, debian-11 has gcc 10"
    ))]
    Compiler {
        /// Version and patch level of the kernel.
        kernel: (u16, u16),
        /// The container.
        container: Name,
        /// The major version of its gcc.
        found: u16,
        /// The newest that is known to compile that kernel.
        newest: u16,
    },
    /// The container cannot make packages of the recipe's format.
    #[error("recipe `{recipe}` asks for .{} packages, and container `{container}` has nothing that makes them", format.extension())]
    #[diagnostic(help(
        "name another container in the recipe, or add `{package}` to the packages of containers/{container}.toml and run `cargo xtask lock {container}`"
    ))]
    Packager {
        /// The recipe.
        recipe: Name,
        /// The format of its packages.
        format: PackageFormat,
        /// Its container.
        container: Name,
        /// The package that would make them.
        package: &'static str,
    },
    /// The kernel is too old for the distribution.
    #[error("the kernel of recipe `{recipe}` does not run its target: {reason}")]
    #[diagnostic(help("name an older release of the distribution as the recipe's target"))]
    TooOld {
        /// The recipe.
        recipe: Name,
        /// What the distribution asks.
        reason: String,
    },
    /// A locked file is nowhere to be had.
    #[error("a locked file cannot be had")]
    #[diagnostic(help(
        "run `cargo xtask lock {name}` to lock what the archive has now, or name a mirror that still has it: `--mirror ARCHIVE=URL`"
    ))]
    Gone {
        /// What was to be fetched.
        source: FetchError,
        /// Whose lock names it.
        name: Name,
    },
    /// A mirror does not have what its own index names.
    #[error("a package that the index names cannot be had")]
    #[diagnostic(help(
        "the mirror is incomplete or being updated: try again later, or name another: `--mirror ARCHIVE=URL`"
    ))]
    Incomplete {
        /// What was to be fetched.
        source: FetchError,
    },
    /// No address is known for an archive.
    #[error("no mirror of the archive `{archive}` is known")]
    #[diagnostic(help(
        "name one: `--mirror {archive}=URL`, or MPTCP_KERNELS_MIRRORS=\"{archive}=URL\" in the environment"
    ))]
    NoMirror {
        /// The archive.
        archive: Name,
    },
    /// A download failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A metadata file cannot be had.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine failed.
    #[error(transparent)]
    #[diagnostic(help("{}", engine_help(.0)))]
    Engine(#[from] EngineError),
    /// An archive's signature does not hold.
    #[error("{url} cannot be trusted")]
    #[diagnostic(help(
        "somebody between you and the archive may be altering it: try another mirror, `--mirror ARCHIVE=URL`; only if the archive has new keys, update containers/keys"
    ))]
    Signature {
        /// The signed file.
        url: String,
        /// Why.
        source: OpenPgpError,
    },
    /// An archive's metadata is malformed, expired, or not what was signed.
    #[error("{url}: {reason}")]
    Metadata {
        /// The file.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// A keyring of the project is malformed.
    #[error("containers/keys/{name} is no keyring")]
    Keyring {
        /// The keyring.
        name: String,
        /// Why.
        source: OpenPgpError,
    },
    /// A wanted package is in no suite.
    #[error("package `{package}` is not in {suites}")]
    #[diagnostic(help(
        "correct its name in the recipe or container, or add the suite that has it"
    ))]
    NoPackage {
        /// The package.
        package: String,
        /// Where it was looked for.
        suites: String,
    },
    /// A metapackage leads nowhere.
    #[error("package `{package}` leads to no kernel within {steps} metapackages")]
    #[diagnostic(help("name the kernel's own package in the recipe's `config.base`"))]
    NoKernel {
        /// The package.
        package: String,
        /// How many metapackages were followed.
        steps: usize,
    },
    /// A package is not what it should be.
    #[error("package {package} cannot be read")]
    Package {
        /// The file.
        package: String,
        /// Why.
        source: PackageError,
    },
    /// A package's content is not what it should be.
    #[error("package {package}: {reason}")]
    PackageContent {
        /// The file.
        package: String,
        /// What is wrong.
        reason: String,
    },
    /// A script in a container failed.
    #[error("{what} failed with status {code}{}", last_lines(lines))]
    #[diagnostic(help("the whole log is in {log}"))]
    Script {
        /// What it was to do.
        what: String,
        /// Its exit status.
        code: i64,
        /// The last lines it wrote.
        lines: Vec<String>,
        /// Where everything it wrote is.
        log: Utf8PathBuf,
    },
    /// What is installed in a container is not what its lock says.
    #[error("container `{container}` is not what its lock says:\n  {}", differences.join("\n  "))]
    Audit {
        /// The container.
        container: Name,
        /// Each difference.
        differences: Vec<String>,
    },
    /// The configuration breaks a rule: of MPTCP's installation instructions, or of the smoke boot.
    #[error("the configuration of recipe `{recipe}` makes no working MPTCP kernel:\n  {}", violations.join("\n  "))]
    #[diagnostic(help(
        "add the symbols to a fragment of the recipe; `cargo xtask config {recipe}` shows them"
    ))]
    Rules {
        /// The recipe.
        recipe: Name,
        /// What is broken.
        violations: Vec<String>,
    },
    /// The configuration lost something that nobody allowed.
    #[error("the configuration of recipe `{recipe}` loses against the stock configuration:\n  {}", losses.join("\n  "))]
    #[diagnostic(help(
        "set them again in a fragment, or name them with a reason in [config.may-lose]"
    ))]
    Losses {
        /// The recipe.
        recipe: Name,
        /// Each loss.
        losses: Vec<String>,
    },
    /// The configuration has something by which two builds can differ, and nobody accepted it.
    #[error("the packages of recipe `{recipe}` could not be built again with equal bytes:\n  {}", findings.join("\n  "))]
    #[diagnostic(help(
        "change the symbols in a fragment or in [config.set]; what the recipe is to have all the same, name with a reason in [config.unreproducible]"
    ))]
    Unreproducible {
        /// The recipe.
        recipe: Name,
        /// Each symbol, with cause and remedy.
        findings: Vec<String>,
    },
    /// The compiler found an error.
    #[error("the kernel does not compile: {error}")]
    #[diagnostic(help("{}the whole log is in {log}", file.as_ref().map(|file| format!("the error is in {file}; ")).unwrap_or_default()))]
    Compile {
        /// The first error.
        error: String,
        /// The file it is in, with its line, where the compiler told it.
        file: Option<String>,
        /// Where everything is.
        log: Utf8PathBuf,
    },
    /// The build ran out of memory.
    #[error("{what} ran out of memory: it was limited to {} MiB", limit / 1024 / 1024)]
    #[diagnostic(help("give the engine more memory, or build with fewer `--jobs`"))]
    OutOfMemory {
        /// What ran.
        what: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// There is too little room for the build.
    #[error("{path} has {} MiB free, and {} MiB are needed", free / 1024 / 1024, needed / 1024 / 1024)]
    #[diagnostic(help(
        "free some room; `cargo xtask clean` removes results, `cargo xtask clean --all` caches too"
    ))]
    DiskFull {
        /// Where.
        path: Utf8PathBuf,
        /// What there is, in bytes.
        free: u64,
        /// What is needed, in bytes.
        needed: u64,
    },
    /// What came out of the build container is not a build's result.
    #[error("the build container left something unexpected: {0}")]
    Unexpected(String),
    /// Another build or smoke boot of the same recipe runs.
    #[error("another build or smoke boot of recipe `{recipe}` is running")]
    #[diagnostic(help("wait for it, or stop it"))]
    Busy {
        /// The recipe.
        recipe: Name,
    },
    /// Another process holds a lock for too long.
    #[error("waited {} s for another process that makes {name}", deadline.as_secs())]
    #[diagnostic(help("look whether it hangs, and stop it"))]
    Stuck {
        /// What it makes.
        name: String,
        /// How long was waited.
        deadline: std::time::Duration,
    },
    /// Locks that do not hold what the archive has now.
    #[error("the lock of `{name}` is outdated:\n  {}", changes.join("\n  "))]
    #[diagnostic(help("run `cargo xtask lock --update {name}` and commit the file it writes"))]
    Outdated {
        /// Whose lock.
        name: Name,
        /// What is newer or gone.
        changes: Vec<String>,
    },
    /// A value that should always have a text form has none.
    #[error("writing {what}: {reason}")]
    Render {
        /// The file.
        what: String,
        /// Why.
        reason: String,
    },
}

impl BuildError {
    /// What kind of failure this is.
    pub fn category(&self) -> Category {
        match self {
            Self::NoProject { .. }
            | Self::Unknown { .. }
            | Self::Problems(_)
            | Self::Lock(_)
            | Self::NoSource { .. }
            | Self::NoPackage { .. }
            | Self::NoKernel { .. }
            | Self::Rules { .. }
            | Self::Losses { .. }
            | Self::Unreproducible { .. }
            | Self::Compile { .. }
            | Self::Outdated { .. }
            | Self::WrongTree { .. }
            | Self::WrongPatch { .. }
            | Self::Compiler { .. }
            | Self::Packager { .. }
            | Self::TooOld { .. }
            | Self::Keyring { .. } => Category::Input,
            Self::Source { source, .. } | Self::OwnSource { source, .. } => source.category(),
            Self::Gone { source, .. } | Self::Incomplete { source } | Self::Fetch(source) => {
                source.category()
            }
            Self::Http(source) => source.category(),
            Self::Store(source) => source.category(),
            Self::Engine(source) => source.category(),
            Self::Signature { .. }
            | Self::Metadata { .. }
            | Self::Package { .. }
            | Self::PackageContent { .. }
            | Self::Unexpected(_)
            | Self::OtherTree { .. }
            | Self::Audit { .. } => Category::Verification,
            Self::File { .. }
            | Self::NoMirror { .. }
            | Self::Script { .. }
            | Self::OutOfMemory { .. }
            | Self::DiskFull { .. }
            | Self::Busy { .. }
            | Self::Stuck { .. } => Category::Host,
            Self::Render { .. } => Category::Bug,
        }
    }
}

fn did_you_mean(near: &[String], known: &[String]) -> String {
    match near {
        [] => format!("there are: {}", known.join(", ")),
        near => format!("did you mean {}?", near.join(", ")),
    }
}

fn engine_help(error: &EngineError) -> &'static str {
    match error {
        EngineError::Absent { .. } => {
            "install Docker or Podman and start it (`systemctl start docker`), join its group if the socket refuses you, or point DOCKER_HOST at one: unix:///path or tcp://host:port"
        }
        _ => "`cargo xtask clean --all` removes everything this tool keeps in the engine",
    }
}

fn last_lines(lines: &[String]) -> String {
    if lines.is_empty() {
        String::new()
    } else {
        format!(":\n  {}", lines.join("\n  "))
    }
}
