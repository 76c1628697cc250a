//! The command line.

mod ci;
mod release;
#[cfg(test)]
mod workflows;

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use ci::{Ci, CiCommand, Doctor, Recipes, Summary};
pub(crate) use release::{Keys, KeysFolder, NewKeys, Release, Verify};

/// Reproducible MPTCP kernel packages.
///
/// A recipe (recipes/NAME.toml) names a distribution and one exact MPTCP source; building it ends
/// with packages in out/NAME. Needs git, Rust and Docker or Podman, and nothing else.
///
/// Exit codes: 0 done, 1 recipe or input wrong, 2 usage, 3 the host lacks something (engine, disk,
/// archive unreachable), 4 verification failed, 5 smoke failed, 70 a bug here, 130 stopped by a signal.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// How results are written to standard output
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Write no progress and no notes
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Where an archive is found, such as `debian=http://mirror.example.org/debian`; asked before
    /// MPTCP_KERNELS_MIRRORS, the user's configuration and the host's own apt sources
    #[arg(long = "mirror", global = true, value_name = "ARCHIVE=URL")]
    pub(crate) mirrors: Vec<String>,
    /// A folder in the project; the current one if not given
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) project: Option<Utf8PathBuf>,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the recipes
    List,
    /// Show a recipe and its plan
    Show(Recipe),
    /// Check recipes, fragments, containers and locks; without network or engine unless --configure asks for them
    Check(Check),
    /// Lock what recipes and containers take from outside: packages, commits, archives, patches
    Lock(Lock),
    /// Change a recipe's configuration in menuconfig, or show what it changes
    Config(Config),
    /// Build a recipe's packages, and boot them
    Build(Build),
    /// Build a recipe twice under variation, and compare every byte
    Reproduce(Reproduce),
    /// Boot a finished kernel in QEMU and prove that MPTCP works
    Smoke(Smoke),
    /// Compare what two booted kernels can do
    Capabilities(Capabilities),
    /// Make signed apt and dnf repositories out of finished results
    Release(Release),
    /// Make, show and check the keys that sign releases
    #[command(subcommand)]
    Keys(Keys),
    /// Check a release without trusting whoever made it, and build it again on request
    Verify(Verify),
    /// Tell CI services what to build, what is outdated, and what came of it
    Ci(Ci),
    /// Look whether this host has what builds need; exit 3 if something is missing
    Doctor(Doctor),
    /// Measure this tool against its bars
    Bench(Bench),
    /// Remove results, and on request caches
    Clean(Clean),
    /// Run the project's own tests
    Test(Test),
}

#[derive(Debug, Args)]
pub(crate) struct Recipe {
    /// The recipe's name
    pub(crate) recipe: String,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The recipes; all if none is named
    pub(crate) recipes: Vec<String>,
    /// Also make the configuration in the container, and check every symbol in it
    #[arg(long)]
    pub(crate) configure: bool,
    /// A clone with a kernel of your own instead of the recipe's source: its working tree with all changes, or a
    /// revision; such a result is never released
    #[arg(long, value_name = "DIR[@REV]")]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// Recipes and containers; all if none is named
    pub(crate) names: Vec<String>,
    /// Offline: does each lock belong to its definition?
    #[arg(long, conflicts_with = "outdated")]
    pub(crate) check: bool,
    /// Online: tell what the archive has newer, or no more; exit 1 if there is anything
    #[arg(long)]
    pub(crate) outdated: bool,
    /// Move along branches: take what each names now instead of what is locked
    #[arg(long, conflicts_with_all = ["check", "outdated"])]
    pub(crate) update: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Config {
    /// The recipe's name
    pub(crate) recipe: String,
    /// Open nothing: print what the recipe's fragments change in its base configuration
    #[arg(long)]
    pub(crate) diff: bool,
    /// The fragment below recipes/config/ that the changes are saved to; RECIPE-local.config if not given
    #[arg(long, value_name = "FRAGMENT", conflicts_with = "diff")]
    pub(crate) save: Option<String>,
    /// A clone with a kernel of your own instead of the recipe's source: its working tree with all changes, or a
    /// revision; such a result is never released
    #[arg(long, value_name = "DIR[@REV]")]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct Build {
    /// The recipe's name
    pub(crate) recipe: String,
    /// How many compiler jobs run side by side; as many as the engine has processors if not given
    #[arg(long, short, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,
    /// Start from the objects that the last incremental build of this recipe left, and keep them; such a result
    /// is never released
    #[arg(long)]
    pub(crate) incremental: bool,
    /// A clone with a kernel of your own instead of the recipe's source: its working tree with all changes, or a
    /// revision; such a result is never released
    #[arg(long, value_name = "DIR[@REV]")]
    pub(crate) source: Option<String>,
    /// Compile everything: use neither a finished result of the same plan nor the compiler's cache
    #[arg(long, conflicts_with = "incremental")]
    pub(crate) no_cache: bool,
    /// Build again what is finished, from scratch, and compare every byte; exit 4 if it is not the same
    #[arg(long, conflicts_with_all = ["incremental", "no_cache"])]
    pub(crate) audit: bool,
    /// Do not boot the result
    #[arg(long)]
    pub(crate) no_smoke: bool,
    /// What runs the booted kernel
    #[arg(long, value_enum, default_value_t = Accel::Auto, conflicts_with = "no_smoke")]
    pub(crate) accel: Accel,
}

/// What runs a booted kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Accel {
    /// KVM where it works, else TCG; what a host's KVM is worth is remembered for a week
    Auto,
    /// The processor, by Linux's KVM
    Kvm,
    /// QEMU's translation: slow, and works anywhere
    Tcg,
}

/// Build a recipe twice under variation, and compare every byte of its packages, configuration and manifest.
///
/// A finished result serves as the first build. The second one has other jobs and processors, another path, user, host
/// name and file system, and a clock a year and a day later; what could not be varied on this host is told. The
/// report stays beside the result (reproduction.json). Of bytes that differ, the first are shown, with the known cause
/// and its remedy; exit 4.
#[derive(Debug, Args)]
pub(crate) struct Reproduce {
    /// The recipe
    pub(crate) recipe: String,
    /// Compiler jobs of the second build side by side; one more than the first build had if not given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,
    /// A clone with a kernel of your own instead of the recipe's source
    #[arg(long, value_name = "DIR[@REV]")]
    pub(crate) source: Option<String>,
}

/// Boot a finished kernel in QEMU and prove that MPTCP works.
///
/// The kernel is taken out of the package itself. A recipe's verdict is written beside its packages (smoke.json,
/// smoke.html, smoke.xml); that of package files, and of runs with --module, --kernel-argument or --sabotage, below
/// out/smoke.
#[derive(Debug, Args)]
pub(crate) struct Smoke {
    /// A recipe that was built, or package files (.deb, .rpm)
    #[arg(required = true, value_name = "RECIPE|PACKAGE")]
    pub(crate) what: Vec<String>,
    /// What runs the kernel
    #[arg(long, value_enum, default_value_t = Accel::Auto)]
    pub(crate) accel: Accel,
    /// How many processors the machine has
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) cpus: u32,
    /// Move 64 MiB each way, as under KVM, instead of 8
    #[arg(long)]
    pub(crate) full: bool,
    /// A kernel module of your own to load as well, compiled against the package's headers; uncompressed (.ko)
    #[arg(long = "module", value_name = "FILE")]
    pub(crate) modules: Vec<Utf8PathBuf>,
    /// A word for the kernel's command line, such as `sysctl.net.mptcp.enabled=0`
    #[arg(long = "kernel-argument", value_name = "WORD", value_parser = kernel_argument)]
    pub(crate) kernel_arguments: Vec<String>,
    /// Break something on purpose, to see that the verdict notices
    #[arg(long, value_enum)]
    pub(crate) sabotage: Option<Sabotage>,
}

/// The kernel splits its command line at spaces, and gives what stands behind `--` to PID 1.
fn kernel_argument(word: &str) -> Result<String, String> {
    if word.is_empty() || word == "--" || !word.chars().all(|c| c.is_ascii_graphic()) {
        return Err("one word of visible ASCII characters is expected".to_owned());
    }
    Ok(word.to_owned())
}

/// What a smoke boot can break on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sabotage {
    /// A blackhole route in the way of every second subflow
    BlockJoins,
    /// Both links die where one should
    CutBothLinks,
    /// One received byte is changed
    FlipByte,
    /// PID 1 dies
    Die,
    /// PID 1 stops without a word
    Hang,
    /// The report ends in the middle of a line
    CutLine,
    /// The report is of a newer protocol
    NewerProtocol,
    /// Escape sequences, HTML and an error in the kernel log
    HostileLog,
}

#[derive(Debug, Args)]
pub(crate) struct Capabilities {
    /// A recipe that was booted, or a smoke.json
    pub(crate) a: String,
    /// Another
    pub(crate) b: String,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The recipe, which must be built where smoke boots are measured
    #[arg(default_value = "mini")]
    pub(crate) recipe: String,
    /// Measure packaging in both formats, beside the kernel's own targets, instead of smoke boots
    #[arg(long)]
    pub(crate) packaging: bool,
    /// Measure builds with an empty compiler's cache, with a full one, and of a second recipe of the same source; the
    /// results stay
    #[arg(long, value_name = "SECOND", conflicts_with = "packaging")]
    pub(crate) caching: Option<String>,
    /// Measure builds of the working tree in a folder, cold and after a line of MPTCP's code was changed (and put back)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["packaging", "caching"])]
    pub(crate) editing: Option<Utf8PathBuf>,
    /// Measure how long the plan takes
    #[arg(long, conflicts_with_all = ["packaging", "caching", "editing"])]
    pub(crate) planning: bool,
    /// Measure a release of ten synthetic results of 100 MB each, and its verification beside sha256sum
    #[arg(long, conflicts_with_all = ["packaging", "caching", "editing", "planning"])]
    pub(crate) releasing: bool,
    /// How often each figure is taken; its median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) runs: u32,
    /// What runs the kernel
    #[arg(long, value_enum, default_value_t = Hardware::Tcg)]
    pub(crate) accel: Hardware,
}

/// What runs a kernel that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Hardware {
    /// The processor, by Linux's KVM
    Kvm,
    /// QEMU's translation
    Tcg,
}

#[derive(Debug, Args)]
pub(crate) struct Clean {
    /// The recipes whose results go; all if none is named
    pub(crate) recipes: Vec<String>,
    /// Also remove what the engine keeps (images, source volumes) and the download cache
    #[arg(long, conflicts_with = "recipes")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only what needs neither engine nor network
    #[arg(long, conflicts_with = "full")]
    pub(crate) quick: bool,
    /// Also what takes long
    #[arg(long)]
    pub(crate) full: bool,
}
