//! `test`: formatting, lints and tests, the real ones included.

use std::time::Duration;

use builder::project::Project;
use host::cancel::Cancel;
use host::environment::{Directories, var};
use host::mirrors::VARIABLE;
use host::process::{Process, ProcessError};

use crate::arguments::{Global, Test};
use crate::context;
use crate::failure::Failure;
use crate::output;

const CLIPPY: &[&str] = &[
    "clippy",
    "--release",
    "--workspace",
    "--all-targets",
    "--locked",
    "--",
    "--deny",
    "warnings",
];
const FAST: &[&str] = &["test", "--release", "--workspace", "--locked"];
// Of the whole workspace, so that features are those of the fast tests and nothing is compiled twice.
#[rustfmt::skip]
const REAL: &[&str] = &[
    "test", "--release", "--locked", "--workspace", "--test", "real",
    "--", "--ignored", "--nocapture", "--test-threads=1",
];
/// Tells the real tests to run what takes long, too.
const FULL: &str = "MPTCP_KERNELS_FULL";

pub(crate) fn run(global: &Global, command: &Test, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let runner = Runner {
        global,
        project: &project,
        cancel,
    };
    runner.cargo("formatting", &["fmt", "--all", "--check"], &[])?;
    runner.cargo("clippy", CLIPPY, &[])?;
    runner.cargo("fast tests", FAST, &[])?;
    if command.quick {
        output::note(global, "skipped: the real tests (--quick)");
        return Ok(());
    }
    if let Err(failure) = context::engine(&Directories::from_environment()?.cache, cancel) {
        if var("CI").is_some() {
            return Err(failure);
        }
        output::note(global, &format!("skipped: the real tests ({failure})"));
        return Ok(());
    }
    let full: &[_] = if command.full { &[(FULL, "1")] } else { &[] };
    runner.cargo("real tests", REAL, full)
}

struct Runner<'a> {
    global: &'a Global,
    project: &'a Project,
    cancel: &'a Cancel,
}

/// What cargo and the tests hear of this process's environment.
const PASSED_ON: &[&str] = &[
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "CI",
    "DOCKER_HOST",
    "MPTCP_KERNELS_CACHE",
    "MPTCP_KERNELS_MIRRORS",
    "PIP_CERT",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_INDEX_URL",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "SSL_CERT_FILE",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// The tests build a kernel; this is for one that hangs.
const DEADLINE: Duration = Duration::from_secs(4 * 60 * 60);

impl Runner<'_> {
    /// Runs cargo on the project, with this process's terminal and settings.
    fn cargo(
        &self,
        what: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<(), Failure> {
        output::note(
            self.global,
            &format!("==> {what}: cargo {}", arguments.join(" ")),
        );
        let mut process = Process::new("cargo", self.project.root(), DEADLINE, what)
            .arguments(arguments.iter().copied());
        for name in PASSED_ON {
            if let Some(value) = var(name) {
                process = process.environment(*name, value);
            }
        }
        for (name, value) in environment {
            process = process.environment(*name, *value);
        }
        if !self.global.mirrors.is_empty() {
            process = process.environment(VARIABLE, self.global.mirrors.join(" "));
        }
        match process.run(self.cancel) {
            Err(ProcessError::Failed { .. }) => Err(Failure::Tests {
                what: what.to_owned(),
            }),
            other => Ok(other?),
        }
    }
}
