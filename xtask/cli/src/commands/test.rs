//! `test`: formatting, lints and tests, the real ones included.

use std::time::Duration;

use builder::project::Project;
use host::cancel::Cancel;
use host::environment::{Directories, var};
use host::process::{Process, ProcessError};

use crate::arguments::{Global, Test};
use crate::context;
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(global: &Global, command: &Test, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let runner = Runner {
        global,
        project: &project,
        cancel,
    };
    runner.cargo("formatting", &["fmt", "--all", "--check"])?;
    runner.cargo(
        "clippy",
        &[
            "clippy",
            "--release",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "--deny",
            "warnings",
        ],
    )?;
    runner.cargo(
        "fast tests",
        &["test", "--release", "--workspace", "--locked"],
    )?;
    if command.quick {
        output::note(global, "skipped: real (--quick)");
        return Ok(());
    }
    if let Err(failure) = context::engine(&Directories::from_environment()?.cache, cancel) {
        if var("CI").is_some() {
            return Err(failure);
        }
        output::note(global, &format!("skipped: real ({failure})"));
        return Ok(());
    }
    let real = [
        "test",
        "--release",
        "--locked",
        "--package",
        "xtask",
        "--test",
        "real",
        "--",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ];
    runner.cargo("real tests", &real)?;
    if command.full {
        let full = real.map(|word| if word == "real" { "full" } else { word });
        runner.cargo("full tests", &full)?;
    } else {
        output::note(global, "skipped: full (slow; `cargo xtask test --full`)");
    }
    Ok(())
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
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
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
    fn cargo(&self, what: &str, arguments: &[&str]) -> Result<(), Failure> {
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
        match process.run(self.cancel) {
            Err(ProcessError::Failed { .. }) => Err(Failure::Tests {
                what: what.to_owned(),
            }),
            other => Ok(other?),
        }
    }
}
