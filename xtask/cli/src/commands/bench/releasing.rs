//! Measurements of releases: how long one takes that is large, how much memory, and how long it takes to verify it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;

use builder::plan::Planned;
use builder::project::Project;
use camino::{Utf8Path, Utf8PathBuf};
use host::cancel::Cancel;
use host::clock::{Stopwatch, now_unix};
use host::process::Process;
use model::lock::{Lock as _, RecipeLock, recipe_definition};
use release::keys::{NewKeys, Passphrase, create};
use release::synthetic::Synthetic;

use super::building::tell;
use super::{Figure, seconds};
use crate::arguments::{Bench, Global};
use crate::failure::Failure;
use crate::output;

/// How many results, and how large the package of each is, in bytes.
const RESULTS: usize = 10;
const SIZE: usize = 100 << 20;
/// How long a release of them may take with 2 processors, in seconds.
const RELEASE_BAR: f64 = 20.0;
/// The most memory that it may use, in bytes.
const MEMORY_BAR: f64 = 150e6;
/// How long verifying may take, against sha256sum.
const VERIFY_BAR: f64 = 2.0;
/// How long one run may take before it is given up.
const DEADLINE: Duration = Duration::from_secs(20 * 60);
/// What protects the keys, which live as long as this bench.
const PASSPHRASE: &str = "a bench's own";

/// How long a release of synthetic results takes, and its verification. The recipe is the pattern of theirs.
pub(super) fn releasing(
    global: &Global,
    project: &Project,
    command: &Bench,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let folder = Utf8PathBuf::from_path_buf(folder.path().to_owned())
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidFilename))?
        .join("bench");
    let bench = Releasing {
        project: folder.join("project"),
        out: folder.join("public"),
        keys: folder.join("keys"),
        cancel,
    };
    output::note(global, "making ten results of 100 MiB");
    let recipes = bench.prepare(project, &command.recipe)?;
    let fingerprint = bench.make_keys()?;
    let (mut released, mut verified, mut summed, mut memory) = (vec![], vec![], vec![], vec![]);
    for _ in 0..command.runs {
        let (time, peak) = bench.release(&recipes)?;
        released.push(time);
        memory.push(peak);
        // In turns, so that both find the same machine.
        summed.push(bench.sum()?);
        verified.push(bench.verify(&fingerprint)?);
    }
    let verify = seconds("verify", &verified, None);
    let sum = seconds("sha256sum --check", &summed, None);
    let ratio = Figure {
        name: "the former against the latter".to_owned(),
        value: verify.value / sum.value,
        unit: "x",
        bar: Some(VERIFY_BAR),
        runs: verify
            .runs
            .iter()
            .zip(&sum.runs)
            .map(|(a, b)| a / b)
            .collect(),
    };
    let peak = Figure {
        name: "memory of the release".to_owned(),
        value: memory.iter().copied().fold(0.0, f64::max),
        unit: "bytes",
        bar: Some(MEMORY_BAR),
        runs: memory,
    };
    let release = seconds("release of 10 results, 1 GB", &released, Some(RELEASE_BAR));
    tell(global, command, vec![release, peak, verify, sum, ratio])
}

struct Releasing<'a> {
    project: Utf8PathBuf,
    out: Utf8PathBuf,
    keys: Utf8PathBuf,
    cancel: &'a Cancel,
}

impl Releasing<'_> {
    /// A project with ten recipes like `pattern`, half of them for RPM packages, and their results.
    fn prepare(&self, project: &Project, pattern: &str) -> Result<Vec<String>, Failure> {
        for folder in ["recipes", "recipes/config", "containers", "containers/keys"] {
            let to = self.project.join(folder);
            fs::create_dir_all(&to)?;
            for entry in project.root().join(folder).read_dir_utf8()? {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    fs::copy(entry.path(), to.join(entry.file_name()))?;
                }
            }
        }
        let names: Vec<_> = (0..RESULTS)
            .map(|number| format!("bench-{number}"))
            .collect();
        for (number, name) in names.iter().enumerate() {
            self.write_recipe(pattern, name, number % 2 == 1)?;
        }
        self.git(&["init", "--quiet"])?;
        self.git(&["add", "."])?;
        let who = [
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@example.org",
        ];
        self.git(&[&who[..], &["commit", "--quiet", "--message=bench"]].concat())?;
        let project = Project::find(&self.project)?;
        for (number, name) in names.iter().enumerate() {
            let planned = Planned::load(&project, name)?;
            let package = package(name, &planned.identity.full(), number)?;
            Synthetic::of(&planned, BTreeMap::from([package])).write(&project.out())?;
        }
        Ok(names)
    }

    fn write_recipe(&self, pattern: &str, name: &str, rpm: bool) -> Result<(), Failure> {
        let target = if rpm {
            "\n[target]\ndistribution = \"fedora\"\nrelease = \"44\"\nformat = \"rpm\"\n"
        } else {
            ""
        };
        let recipe = format!(
            "summary = \"For a bench\"\nextends = \"{pattern}\"\nfor-release = true\nversion-suffix = \"-{name}\"\n{target}"
        );
        let place = |file: String| self.project.join("recipes").join(file);
        fs::write(place(format!("{name}.toml")), recipe)?;
        let project = Project::find(&self.project)?;
        let text = fs::read_to_string(place(format!("{pattern}.lock")))?;
        let mut lock: RecipeLock = toml::from_str(&text).map_err(io::Error::other)?;
        let recipe = project.recipe(name)?;
        let container = project.container(recipe.container.value.as_str())?;
        lock.definition = recipe_definition(&recipe, &container);
        let text = lock
            .sealed()
            .render(&recipe.name)
            .map_err(io::Error::other)?;
        Ok(fs::write(place(format!("{name}.lock")), text)?)
    }

    fn make_keys(&self) -> Result<String, Failure> {
        let new = NewKeys {
            user: "Bench <bench@example.org>".to_owned(),
            now: now_unix(),
            days: 1,
        };
        let passphrase = Passphrase::new(PASSPHRASE.to_owned());
        let keys = create(&self.keys, None, &new, &passphrase)?;
        Ok(keys.public().fingerprint)
    }

    /// Releases all of them, with nothing before; gives the time, and the most memory in bytes.
    fn release(&self, recipes: &[String]) -> Result<(Duration, f64), Failure> {
        let process = self
            .this_program()?
            .arguments([
                "--format",
                "json",
                "--quiet",
                "--project",
                self.project.as_str(),
            ])
            .arguments([
                "release",
                "--url",
                "https://bench.example.org",
                "--previous",
                "",
            ])
            .arguments(["--out", self.out.as_str(), "--keys", self.keys.as_str()])
            .arguments(recipes.iter().cloned());
        let watch = Stopwatch::start();
        let report = process.capture(self.cancel)?.success()?.text()?;
        let time = watch.elapsed();
        let report: serde_json::Value = serde_json::from_str(&report).map_err(io::Error::other)?;
        let peak = report["tool_peak_memory"].as_f64().unwrap_or(f64::NAN);
        Ok((time, peak))
    }

    fn verify(&self, fingerprint: &str) -> Result<Duration, Failure> {
        let process = self.this_program()?.arguments([
            "--quiet",
            "verify",
            self.out.as_str(),
            "--key",
            fingerprint,
        ]);
        let watch = Stopwatch::start();
        process.capture(self.cancel)?.success()?;
        Ok(watch.elapsed())
    }

    fn sum(&self) -> Result<Duration, Failure> {
        let process = Process::new("sha256sum", &self.out, DEADLINE, "sha256sum").arguments([
            "--check",
            "--quiet",
            "SHA256SUMS",
        ]);
        let watch = Stopwatch::start();
        process.capture(self.cancel)?.success()?;
        Ok(watch.elapsed())
    }

    fn this_program(&self) -> Result<Process, Failure> {
        let program = Utf8PathBuf::from_path_buf(std::env::current_exe()?);
        let program = program.map_err(|_| io::Error::from(io::ErrorKind::InvalidFilename))?;
        let home = self.keys.parent().unwrap_or(Utf8Path::new("/"));
        let process = Process::new(
            program.as_str(),
            &self.project,
            DEADLINE,
            "a command of this program",
        );
        Ok(process
            .environment("HOME", home.as_str())
            .environment("MPTCP_KERNELS_PASSPHRASE", PASSPHRASE))
    }

    fn git(&self, arguments: &[&str]) -> Result<(), Failure> {
        let process = Process::new("git", &self.project, DEADLINE, "git");
        process
            .environment("GIT_CONFIG_NOSYSTEM", "1")
            .environment("GIT_CONFIG_GLOBAL", "/dev/null")
            .arguments(arguments.iter().copied())
            .capture(self.cancel)?
            .success()?;
        Ok(())
    }
}

/// A package of noise, which no compression makes smaller.
fn package(name: &str, version: &str, number: usize) -> io::Result<(String, Vec<u8>)> {
    let mut state = number as u64 + 1;
    let mut noise = Vec::with_capacity(SIZE);
    while noise.len() < SIZE {
        // Source: Marsaglia, Xorshift RNGs.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend(state.to_le_bytes());
    }
    if number % 2 == 1 {
        let package = release::synthetic::rpm(&format!("kernel-{name}"), version, noise)?;
        Ok((format!("kernel-{name}-1-1.x86_64.rpm"), package))
    } else {
        let package = release::synthetic::deb(&format!("linux-image-{name}"), version, &noise)?;
        Ok((format!("linux-image-{name}_1_amd64.deb"), package))
    }
}
