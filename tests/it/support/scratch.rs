//! A project of the test's own, with its own cache, configuration and environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use builder::project::Project;
use camino::{Utf8Path, Utf8PathBuf};
use model::lock::{ContainerLock, Lock as _, RecipeLock, recipe_definition};
use tempfile::TempDir;

use super::run::{BINARY, Run, Running};

/// What a run may take unless a test says otherwise.
const DEADLINE: Duration = Duration::from_secs(120);
/// A container engine that is nowhere.
pub(crate) const NO_ENGINE: &str = "unix:///nonexistent/docker.sock";

/// What the tests' recipes choose of out-of-tree MPTCP.
pub(crate) const OUT_OF_TREE: &str = r#"line = "out-of-tree"
release = "0.96"
path-manager = "fullmesh"
scheduler = "default"
congestion-control = "lia""#;

/// A temporary folder with `project`, `cache`, `config` and `home`.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
    environment: Vec<(String, String)>,
    deadline: Duration,
}

impl Scratch {
    /// A copy of this project's own recipes and containers.
    pub(crate) fn new() -> Self {
        Self::copy_of(&repository())
    }

    /// A copy of the small project in `tests/fixtures/project`, with locks that belong to it.
    ///
    /// Recipe `tiny` starts from tinyconfig, `child` extends it, `stock` starts from a stock
    /// configuration; all are built in container `box`, from archive `fixture`.
    pub(crate) fn small() -> Self {
        let scratch = Self::copy_of(&repository().join("tests/fixtures/project"));
        let key = formats::testing::TestKey::from_seed(1).armored_public();
        scratch.write("containers/keys/fixture.asc", key);
        scratch.seal_container("box");
        for recipe in ["tiny", "child", "stock"] {
            scratch.seal_recipe(recipe);
        }
        scratch
    }

    fn copy_of(project: &Path) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("xtask-it-")
            .tempdir()
            .expect("a temporary folder");
        for name in ["recipes", "containers"] {
            copy(
                &project.join(name),
                &folder.path().join("project").join(name),
            );
        }
        for name in ["cache", "config", "home"] {
            fs::create_dir_all(folder.path().join(name)).expect("a folder can be made");
        }
        let place = |name: &str| {
            folder
                .path()
                .join(name)
                .to_str()
                .expect("a UTF-8 path")
                .to_owned()
        };
        let path = host::environment::var("PATH").unwrap_or_default();
        let environment = [
            ("PATH", path),
            ("HOME", place("home")),
            ("MPTCP_KERNELS_CACHE", place("cache")),
            ("XDG_CONFIG_HOME", place("config")),
            ("DOCKER_HOST", NO_ENGINE.to_owned()),
            ("COLUMNS", "100".to_owned()),
            ("NO_COLOR", "1".to_owned()),
            ("CI", "1".to_owned()),
        ];
        let environment = environment
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Self {
            folder,
            environment,
            deadline: DEADLINE,
        }
    }

    /// Sets a variable for the binary.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set_env(name, value);
        self
    }

    /// The same for one that is used already.
    pub(crate) fn set_env(&mut self, name: &str, value: impl Into<String>) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.into()));
    }

    /// Takes a variable away from the binary.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// Lets the binary see this process's value of a variable, or none where there is none.
    pub(crate) fn inherit(self, name: &str) -> Self {
        match host::environment::var(name) {
            Some(value) => self.env(name, value),
            None => self.without_env(name),
        }
    }

    /// Adds recipe `oot`: release 0.96 of the out-of-tree line from this source, built in container `box` by a
    /// compiler that can.
    pub(crate) fn out_of_tree(self, source: &str) -> Self {
        let recipe = self.read("recipes/tiny.toml");
        let (head, rest) = recipe.split_once("[mptcp]").expect("the line");
        let (_, config) = rest.split_once("[config]").expect("the configuration");
        let (config, _) = config.split_once("[smoke]").expect("the smoke boot");
        let mptcp = format!("[mptcp]\n{OUT_OF_TREE}\n");
        let text = format!("{head}{mptcp}\n{source}\n[config]{config}");
        let text = text.replace("release = \"13\"", "release = \"12\"");
        self.write("recipes/oot.toml", text.replace("-tiny", "-oot"));
        self.compiler("12");
        self
    }

    /// Puts another major version of gcc into the lock of container `box`.
    pub(crate) fn compiler(&self, major: &str) {
        let lock = self.read("containers/box.lock");
        let (before, rest) = lock.split_once("\"4:").expect("gcc");
        let (_, rest) = rest.split_once('.').expect("its version");
        self.write("containers/box.lock", format!("{before}\"4:{major}.{rest}"));
        self.seal_container("box");
    }

    /// What one run may take.
    pub(crate) fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The project's folder, or a path in it.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("project").join(path)
    }

    /// The cache folder.
    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// A path beside the project.
    pub(crate) fn beside(&self, name: &str) -> Utf8PathBuf {
        let path = self.folder.path().canonicalize().expect("a folder");
        Utf8PathBuf::from_path_buf(path.join(name)).expect("a UTF-8 path")
    }

    /// The text of a file of the project.
    pub(crate) fn read(&self, path: &str) -> String {
        let full = self.path(path);
        fs::read_to_string(&full)
            .unwrap_or_else(|error| panic!("reading {}: {error}", full.display()))
    }

    /// Writes a file of the project, and the folders above it.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        write(&self.path(path), text.as_ref());
    }

    /// Writes the user's configuration file.
    pub(crate) fn write_config(&self, text: &str) {
        write(
            &self.folder.path().join("config/mptcp-kernels/config.toml"),
            text.as_bytes(),
        );
    }

    /// Removes a file of the project.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap_or_else(|error| panic!("removing {path}: {error}"));
    }

    /// Replaces a text that occurs exactly once in a file of the project.
    #[track_caller]
    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {path}:\n{text}");
        self.write(path, text.replacen(from, to, 1));
    }

    /// Makes a container's lock belong to its definition, whatever was edited.
    pub(crate) fn seal_container(&self, name: &str) {
        let project = self.project();
        let container = project.container(name).expect("a right container");
        let path = format!("containers/{name}.lock");
        let mut lock: ContainerLock = toml::from_str(&self.read(&path)).expect("a lock");
        lock.definition = container.digest();
        self.write(
            &path,
            lock.sealed()
                .render(&container.name)
                .expect("a lock can be written"),
        );
    }

    /// Takes packages out of a container's lock.
    pub(crate) fn without_packages(&self, container: &str, which: impl Fn(&str) -> bool) {
        let path = format!("containers/{container}.lock");
        let mut lock: ContainerLock = toml::from_str(&self.read(&path)).expect("a lock");
        let before = lock.packages.len();
        lock.packages
            .retain(|package| !which(package.name.as_str()));
        assert!(lock.packages.len() < before, "there were such packages");
        let name = container.parse().expect("a name");
        self.write(
            &path,
            lock.sealed().render(&name).expect("a lock can be written"),
        );
    }

    /// Makes a recipe's lock belong to its definition, whatever was edited.
    pub(crate) fn seal_recipe(&self, name: &str) {
        let project = self.project();
        let recipe = project.recipe(name).expect("a right recipe");
        let container = project
            .container(recipe.container.value.as_str())
            .expect("a right container");
        let path = format!("recipes/{name}.lock");
        let mut lock: RecipeLock = toml::from_str(&self.read(&path)).expect("a lock");
        lock.definition = recipe_definition(&recipe, &container);
        self.write(
            &path,
            lock.sealed()
                .render(&recipe.name)
                .expect("a lock can be written"),
        );
    }

    fn project(&self) -> Project {
        let root = self.path("");
        Project::find(Utf8Path::from_path(&root).expect("a UTF-8 path")).expect("a project")
    }

    /// Runs the binary on the project to its end.
    pub(crate) fn xtask(&self, arguments: &[&str]) -> Run {
        self.start(arguments).wait(self.deadline)
    }

    /// Starts the binary on the project.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let project = self.path("");
        let mut all = arguments.to_vec();
        if !arguments.contains(&"--project") {
            all.splice(0..0, ["--project", project.to_str().expect("a UTF-8 path")]);
        }
        Running::start(&self.folder.path().join("home"), &all, &self.environment)
    }

    /// Runs the binary in a folder, which has to lead it to the project.
    pub(crate) fn run_in(&self, folder: &Path, arguments: &[&str]) -> Run {
        Running::start(folder, arguments, &self.environment).wait(self.deadline)
    }

    /// Runs the binary on the project with another umask.
    pub(crate) fn with_umask(&self, umask: &str, arguments: &[&str]) -> Run {
        let script = format!("umask {umask}; exec \"$@\"");
        let program = ["sh", "-c", &script, "sh", BINARY];
        let folder = self.path("");
        let running = Running::start_by(&program, &folder, arguments, &self.environment);
        running.wait(self.deadline)
    }

    /// A text without what differs from run to run, and between states of the project: temporary
    /// folders, ports, times and digests.
    pub(crate) fn stable(&self, text: &str) -> String {
        let folder = self.folder.path().to_str().expect("a UTF-8 path");
        let text = text.replace(folder, "[scratch]");
        let lines = text.lines().map(|line| match line.split_once(" s] ") {
            Some((time, rest)) if time.trim_start_matches(['[', ' ']).parse::<u64>().is_ok() => {
                format!("[time] {rest}\n")
            }
            _ => format!("{line}\n"),
        });
        let text: String = lines.collect();
        replace_digests(&replace_times(&replace_ports(&text)))
    }
}

/// The folder of the workspace.
pub(crate) fn repository() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder
        .join("../..")
        .canonicalize()
        .expect("the crate is two folders below the workspace")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a fixture can be read") {
        let entry = entry.expect("a fixture can be read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a fixture can be read").is_dir() {
            copy(&entry.path(), &target);
        } else {
            let bytes = fs::read(entry.path()).expect("a fixture can be read");
            fs::write(&target, bytes).expect("a copy can be written");
        }
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder can be made");
    fs::write(path, bytes).unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
}

/// `127.0.0.1:PORT` with its digits named.
fn replace_ports(text: &str) -> String {
    let mut pieces = text.split("127.0.0.1:");
    let mut result = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        result.push_str("127.0.0.1:[port]");
        result.push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    result
}

/// The time after `now is`, named.
fn replace_times(text: &str) -> String {
    let mut pieces = text.split("now is 2");
    let mut result = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        result.push_str("now is [now]");
        result
            .push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit() || "-:TZ".contains(c)));
    }
    result
}

/// Every word of 12 or 64 hexadecimal digits, named.
fn replace_digests(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        result.push_str(&rest[..start]);
        let tail = &rest[start..];
        let end = tail.find(|c| !is_word(c)).unwrap_or(tail.len());
        let word = &tail[..end];
        result.push_str(match end {
            64 if word.chars().all(is_hex) => "[sha256]",
            12 if word.chars().all(is_hex) => "[short]",
            _ => word,
        });
        rest = &tail[end..];
    }
    result + rest
}
