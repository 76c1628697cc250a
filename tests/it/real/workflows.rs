//! The workflows are what GitHub takes, and do nothing that is known to be dangerous.

use std::fs;
use std::path::Path;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use host::cancel::Cancel;
use host::environment::var;
use host::process::{Captured, Process};
use tempfile::TempDir;

use crate::prepared::say;
use crate::support::scratch::repository;

/// Installing takes the longest.
const DEADLINE: Duration = Duration::from_secs(10 * 60);
/// What pip says where it found nobody to ask: not one version of a package is known.
const NOBODY: &str = "(from versions: none)";
/// What pip hears of this process's environment.
const PASSED_ON: [&str; 7] = [
    "PIP_CERT",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_INDEX_URL",
    "SSL_CERT_FILE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// The programs that look at workflows, in a folder that is gone after the test.
struct Linters {
    folder: TempDir,
}

impl Linters {
    /// Installs what `.ci/requirements.txt` pins.
    ///
    /// # Errors
    /// Why that cannot be had on this host. What came with other bytes than those that are pinned fails the test.
    fn install() -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let this = Self { folder };
        let environment = this.path("venv");
        run("python3", &["-m", "venv", environment.as_str()])?;
        let installed = this.pip(&repository().join(".ci/requirements.txt"));
        match installed {
            Ok(_) => Ok(this),
            Err(said) if said.contains(NOBODY) => {
                Err("no registry of Python packages answers".to_owned())
            }
            Err(said) => panic!("{said}"),
        }
    }

    fn pip(&self, requirements: &Path) -> Result<Captured, String> {
        let requirements = requirements.to_str().expect("a UTF-8 path");
        let pip = self.path("venv/bin/pip");
        let arguments = [
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "--only-binary=:all:",
            "--requirement",
            requirements,
        ];
        run(pip.as_str(), &arguments)
    }

    /// The first of the pinned packages with other bytes than it has is not taken.
    fn other_bytes_are_refused(&self) {
        let pinned = fs::read_to_string(repository().join(".ci/requirements.txt"));
        let pinned = pinned.expect("the pins");
        let first = pinned.lines().find(|line| line.contains("=="));
        let first = first.expect("a pin").trim_end_matches('\\');
        let path = self.path("other.txt");
        let text = format!("{first} --hash=sha256:{}\n", "0".repeat(64));
        fs::write(&path, text).expect("it can be written");
        // One that is installed is not looked at again.
        let name = first.split('=').next().expect("a name");
        let pip = self.path("venv/bin/pip");
        run(pip.as_str(), &["uninstall", "--quiet", "--yes", name]).expect("it is there");
        let said = self.pip(path.as_std_path()).expect_err("other bytes");
        assert!(said.contains("DO NOT MATCH THE HASHES"), "{said}");
        assert!(!said.contains(NOBODY), "{said}");
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        let folder = Utf8Path::from_path(self.folder.path()).expect("a UTF-8 path");
        folder.join(name)
    }

    /// Whether the schema of workflows takes these files, and what is said.
    fn schema(&self, files: &[Utf8PathBuf]) -> (bool, String) {
        let mut arguments = vec!["--builtin-schema", "vendor.github-workflows"];
        arguments.extend(files.iter().map(|file| file.as_str()));
        said(&self.path("venv/bin/check-jsonschema"), &arguments)
    }

    /// Whether zizmor finds nothing in these files, and what is said.
    fn zizmor(&self, files: &[Utf8PathBuf]) -> (bool, String) {
        let mut arguments = vec!["--offline", "--no-progress", "--persona=pedantic"];
        arguments.push("--strict-collection");
        arguments.extend(files.iter().map(|file| file.as_str()));
        said(&self.path("venv/bin/zizmor"), &arguments)
    }

    /// A workflow of the test's own.
    fn workflow(&self, name: &str, text: &str) -> Utf8PathBuf {
        let path = self.path(".github/workflows").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        fs::write(&path, text).expect("a workflow can be written");
        path
    }
}

fn process(program: &str, arguments: &[&str]) -> Process {
    let process =
        Process::new(program, "/", DEADLINE, program).arguments(arguments.iter().copied());
    PASSED_ON
        .iter()
        .fold(process, |process, name| match var(name) {
            Some(value) => process.environment(*name, value),
            None => process,
        })
}

fn run(program: &str, arguments: &[&str]) -> Result<Captured, String> {
    let captured = process(program, arguments).capture(&Cancel::new());
    let captured = captured.and_then(Captured::success);
    captured.map_err(|error| error.to_string())
}

fn said(program: &Utf8Path, arguments: &[&str]) -> (bool, String) {
    let captured = process(program.as_str(), arguments).capture(&Cancel::new());
    let captured = captured.expect("an installed program runs");
    let bytes = [captured.stdout.bytes, captured.stderr.bytes].concat();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (captured.status.success(), text)
}

/// The workflows of this project.
fn workflows() -> Vec<Utf8PathBuf> {
    let folder = repository().join(".github/workflows");
    let entries = fs::read_dir(&folder).expect("the workflows");
    let path = |path: &Path| Utf8PathBuf::from_path_buf(path.to_owned()).expect("a UTF-8 path");
    let files: Vec<_> = entries
        .map(|entry| path(&entry.expect("a workflow").path()))
        .collect();
    assert!(files.len() >= 4, "{files:?}");
    files
}

/// A workflow in which nothing is wrong.
const RIGHT: &str = "\
name: right
on: issues
permissions: {}
concurrency:
  group: right-${{ github.ref }}
  cancel-in-progress: true
jobs:
  look:
    name: look
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps:
      - name: Look
        run: echo \"$TITLE\"
        env:
          TITLE: ${{ github.event.issue.title }}
";

#[test]
#[ignore = "needs a registry of Python packages"]
fn workflows_are_valid_and_do_nothing_dangerous() {
    let linters = match Linters::install() {
        Ok(linters) => linters,
        Err(reason) => {
            assert!(var("CI").is_none(), "{reason}");
            say(&format!(
                "skipped: workflows_are_valid_and_do_nothing_dangerous ({reason})"
            ));
            return;
        }
    };
    let files = workflows();
    let (valid, text) = linters.schema(&files);
    assert!(valid, "{text}");
    let (clean, text) = linters.zizmor(&files);
    assert!(clean && text.contains("No findings"), "{text}");
    can_fail(&linters);
    linters.other_bytes_are_refused();
}

/// Each of the programs refuses what it should, and nothing else.
fn can_fail(linters: &Linters) {
    let right = [linters.workflow("right.yml", RIGHT)];
    let (valid, text) = linters.schema(&right);
    assert!(valid, "{text}");
    let (clean, text) = linters.zizmor(&right);
    assert!(clean, "{text}");

    let unknown_key = RIGHT.replace("timeout-minutes: 5", "timeout-minuets: 5");
    let (valid, text) = linters.schema(&[linters.workflow("unknown-key.yml", &unknown_key)]);
    assert!(!valid && text.contains("timeout-minuets"), "{text}");

    let injection = RIGHT.replace("\"$TITLE\"", "\"${{ github.event.issue.title }}\"");
    let (clean, text) = linters.zizmor(&[linters.workflow("injection.yml", &injection)]);
    assert!(!clean && text.contains("template-injection"), "{text}");

    let unpinned = RIGHT.replace(
        "      - name: Look\n",
        "      - uses: actions/checkout@v7\n      - name: Look\n",
    );
    let (clean, text) = linters.zizmor(&[linters.workflow("unpinned.yml", &unpinned)]);
    assert!(!clean && text.contains("unpinned-uses"), "{text}");
}
