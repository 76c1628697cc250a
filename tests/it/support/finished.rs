//! Finished results, as a build and a smoke boot leave them, without either.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use builder::plan::Planned;
use builder::project::Project;
use camino::Utf8Path;
use formats::package;
use host::testing::git::TestRepository;
use model::digest::Sha256;
use model::manifest::{self, Artifact, Manifest, Run};
use model::smoke::{Capabilities, Check, Machine, Smoke, Verdict};

use super::Scratch;

/// When it was built and booted, in seconds since 1970.
const STARTED: u64 = 1_700_000_000;

/// A result in the making. Tests change it before it is written.
pub(crate) struct Finished {
    pub(crate) recipe: String,
    pub(crate) packages: BTreeMap<String, Vec<u8>>,
    pub(crate) config: String,
    pub(crate) manifest: Manifest,
    pub(crate) run: Run,
    pub(crate) smoke: Smoke,
}

impl Scratch {
    /// Commits recipes and containers as they are; gives the commit.
    pub(crate) fn commit(&self) -> String {
        let root = self.root();
        let repository = TestRepository::create(&root).expect("a repository");
        let mut files = Vec::new();
        for folder in ["recipes", "recipes/config", "containers", "containers/keys"] {
            for entry in root.join(folder).read_dir_utf8().expect("a folder") {
                let entry = entry.expect("an entry");
                if entry.file_type().expect("a type").is_file() {
                    let path = format!("{folder}/{}", entry.file_name());
                    let text = fs::read_to_string(entry.path()).expect("a text");
                    files.push((path, text));
                }
            }
        }
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (path.as_str(), "100644", text.as_str()))
            .collect();
        let commit = repository.commit("main", &files).expect("a commit");
        commit.to_string()
    }

    fn root(&self) -> camino::Utf8PathBuf {
        let root = self.path("").canonicalize().expect("the project");
        camino::Utf8PathBuf::from_path_buf(root).expect("a UTF-8 path")
    }

    /// Adds recipe `name`: `tiny` for Fedora, as RPM packages.
    pub(crate) fn add_rpm_recipe(&self, name: &str) {
        let lock = self.read("containers/box.lock");
        let (_, gcc) = lock.rsplit_once("[[packages]]").expect("a package");
        let package = gcc.replace("\"gcc\"", "\"rpm\"").replace("gcc_", "rpm_");
        self.write(
            "containers/box.lock",
            format!("{lock}\n[[packages]]{package}"),
        );
        self.seal_container("box");
        for recipe in ["tiny", "child", "stock"] {
            self.seal_recipe(recipe);
        }
        self.write(
            &format!("recipes/{name}.toml"),
            format!(
                "summary = \"A fixture for Fedora\"\nextends = \"tiny\"\nversion-suffix = \"-{name}\"\n\n[target]\n\
                 distribution = \"fedora\"\nrelease = \"44\"\nformat = \"rpm\"\n"
            ),
        );
        self.write(
            &format!("recipes/{name}.lock"),
            self.read("recipes/tiny.lock"),
        );
        self.seal_recipe(name);
    }

    /// A result of `recipe` with these packages, by file name, that passed everything.
    pub(crate) fn finished(&self, recipe: &str, packages: BTreeMap<String, Vec<u8>>) -> Finished {
        let project = Project::find(&self.root()).expect("a project");
        let planned = Planned::load(&project, recipe).expect("a plan");
        let identity = &planned.identity;
        let manifest = Manifest {
            schema: manifest::SCHEMA,
            plan_id: planned.plan.id(),
            plan: serde_json::from_str(&planned.plan.canonical_json()).expect("a plan"),
            for_release: planned.recipe.for_release,
            source_tree: Sha256::of("a tree"),
            kernel_release: format!("{}{}", identity.version, identity.local_version),
            artifacts: BTreeMap::new(),
            lost: BTreeMap::new(),
            unreproducible: BTreeMap::new(),
        };
        let run = Run {
            schema: manifest::SCHEMA,
            plan_id: planned.plan.id(),
            started: STARTED,
            phases: Vec::new(),
            tool: "0.1.0".to_owned(),
            engine: BTreeMap::new(),
            tool_peak_memory: None,
            jobs: 2,
            incremental: false,
            compiler_cache: None,
            surroundings: BTreeMap::new(),
        };
        Finished {
            recipe: recipe.to_owned(),
            packages,
            config: "CONFIG_MPTCP=y\n".to_owned(),
            manifest,
            run,
            smoke: passed(),
        }
    }
}

impl Finished {
    /// Writes it into `out/`; what follows from the rest is put right.
    pub(crate) fn write(mut self, scratch: &Scratch) -> PathBuf {
        let folder = format!("out/{}", self.recipe);
        let _ = fs::remove_dir_all(scratch.path(&folder));
        let mut files = self.packages.clone();
        files.insert("config".to_owned(), self.config.into_bytes());
        for (name, bytes) in &files {
            self.manifest
                .artifacts
                .insert(name.clone(), artifact(name, bytes));
            scratch.write(&format!("{folder}/{name}"), bytes);
        }
        let manifest = serde_json::to_string_pretty(&self.manifest).expect("a manifest");
        let packages = self.packages.iter();
        self.smoke.packages = packages
            .map(|(name, bytes)| (name.clone(), Sha256::of(bytes)))
            .collect();
        self.smoke.manifest = Some(Sha256::of(&manifest));
        self.smoke.kernel_release = Some(self.manifest.kernel_release.clone());
        let sums = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), &bytes[..]));
        let sums = sums.chain([("manifest.json", manifest.as_bytes())]);
        let sums: String = sums
            .map(|(name, bytes)| format!("{}  {name}\n", Sha256::of(bytes)))
            .collect();
        let run = serde_json::to_string(&self.run).expect("a run");
        let smoke = self.smoke.render().expect("a verdict");
        for (name, text) in [
            ("manifest.json", manifest),
            ("run.json", run),
            ("smoke.json", smoke),
            (
                "smoke.html",
                "<!DOCTYPE html><title>smoke</title>".to_owned(),
            ),
            ("SHA256SUMS", sums),
        ] {
            scratch.write(&format!("{folder}/{name}"), text);
        }
        scratch.path(&folder)
    }
}

fn artifact(name: &str, bytes: &[u8]) -> Artifact {
    let is_package = Utf8Path::new(name)
        .extension()
        .is_some_and(|it| it == "deb" || it == "rpm");
    let control = is_package.then(|| package::open(bytes).expect("a package").fields());
    Artifact {
        size: bytes.len() as u64,
        sha256: Sha256::of(bytes),
        control,
    }
}

/// A verdict of a kernel that can do a little.
fn passed() -> Smoke {
    let nothing = Smoke::not_run(None, BTreeMap::new(), None, STARTED, String::new());
    Smoke {
        verdict: Verdict::Passed,
        reason: None,
        machine: Some(Machine {
            accelerator: "tcg".to_owned(),
            cpus: 2,
            memory: 1 << 29,
            qemu: "10".to_owned(),
            container: "tag".to_owned(),
            guest: Sha256::of("guest"),
            initramfs: 3,
            command_line: "panic=-1".to_owned(),
            sabotage: None,
        }),
        checks: vec![Check {
            group: "boot".to_owned(),
            name: "it boots".to_owned(),
            passed: true,
            expected: "yes".to_owned(),
            found: "yes".to_owned(),
        }],
        capabilities: Capabilities {
            schedulers: vec!["default".to_owned()],
            ..Capabilities::default()
        },
        ..nothing
    }
}
