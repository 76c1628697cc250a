//! The packages in the hands of those who use them: package managers that install, verify, upgrade and remove them, and
//! a compiler that makes modules against them. All of it happens in container `clients`, which is none that builds.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use builder::image::of_container;
use host::engine::{Container, ContainerSpec, OutputStream, Privileges, Surroundings};
use host::tar_entry::{append_file, append_folder};

use crate::packages;
use crate::prepared::{Host, Ready, Told, say};

#[path = "clients/deb.rs"]
mod deb;
#[path = "clients/modules.rs"]
mod modules;
#[path = "clients/release.rs"]
mod release;
#[path = "clients/requirements.rs"]
mod requirements;
#[path = "clients/rpm.rs"]
mod rpm;

/// How long the objects of `mini` may take that know the kernel's version; they take half a minute.
const BUILD: Duration = Duration::from_secs(60 * 60);
/// Serves what it was given.
const SERVER: &str = "exec python3 -m http.server 8000 --bind 127.0.0.1 --directory /work";
/// How long a container may take; the longest takes half a minute.
const RUN: Duration = Duration::from_secs(10 * 60);

/// A distribution that packages of `mini` are made for, besides its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Debian,
    Fedora,
    Rocky,
    Opensuse,
}

impl Target {
    /// Its name and release.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Debian => ("debian", "13"),
            Self::Fedora => ("fedora", "44"),
            Self::Rocky => ("rocky", "9"),
            Self::Opensuse => ("opensuse", "16.0"),
        }
    }

    fn format(self) -> &'static str {
        if self == Self::Debian { "deb" } else { "rpm" }
    }
}

/// The packages of one build.
#[derive(Debug)]
pub(crate) struct Set {
    /// What `uname -r` says.
    pub(crate) release: String,
    /// The packages, by their names.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

static SETS: [[OnceLock<Set>; 2]; 4] = [const { [const { OnceLock::new() }; 2] }; 4];

/// The packages of `mini` for this target, of revision 1 or 2; made once.
pub(crate) fn set(ready: &Ready, target: Target, revision: usize) -> &'static Set {
    SETS[target as usize][revision - 1].get_or_init(|| {
        if (target, revision) == (Target::Debian, 1) {
            let built = packages::built(ready);
            return Set::of(&built.json("manifest.json"), built.files.clone(), "deb");
        }
        // The one that all tests share comes first, so that few of its objects are made again.
        packages::built(ready);
        make(target, revision)
    })
}

fn make(target: Target, revision: usize) -> Set {
    let ready = Ready::new();
    let scratch = &ready.scratch;
    let (distribution, release) = target.words();
    let recipe = scratch.read("recipes/mini.toml");
    let (head, rest) = recipe.split_once("[target]").expect("the target");
    let (_, rest) = rest.split_once("\n\n").expect("the end of the target");
    let format = target.format();
    scratch.write(
        "recipes/mini.toml",
        format!(
            "{head}revision = {revision}\n\n[target]\ndistribution = \"{distribution}\"\nrelease = \"{release}\"\n\
             format = \"{format}\"\n\n{rest}"
        ),
    );
    let arguments = [
        "build",
        "mini",
        "--incremental",
        "--no-smoke",
        "--format",
        "json",
    ];
    let report = scratch.start(&arguments).wait(BUILD).expect_code(0).json();
    let folder = fs::read_dir(scratch.path("out/mini")).expect("the result");
    let read = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a UTF-8 name");
        (name, fs::read(entry.path()).expect("a file"))
    };
    Set::of(&report["manifest"], folder.map(read).collect(), format)
}

impl Set {
    fn of(
        manifest: &serde_json::Value,
        mut files: BTreeMap<String, Vec<u8>>,
        format: &str,
    ) -> Self {
        let ending = format!(".{format}");
        files.retain(|name, _| name.ends_with(&ending));
        assert_eq!(files.len(), 3, "{:?}", files.keys());
        let release = manifest["kernel_release"].as_str().expect("a release");
        let release = release.to_owned();
        Self { release, files }
    }

    /// The packages as files of a folder in a container.
    pub(crate) fn below(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let place =
            |(name, bytes): (&String, &Vec<u8>)| (format!("{folder}/{name}"), bytes.clone());
        self.files.iter().map(place).collect()
    }
}

/// Container `clients`.
pub(crate) struct Clients {
    host: Host,
    image: String,
}

/// What a script in the container did.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its exit status.
    pub(crate) code: i64,
    /// What it wrote to standard output.
    pub(crate) said: String,
    /// What it wrote to both streams.
    pub(crate) log: String,
}

impl Clients {
    pub(crate) fn new(ready: &Ready) -> Self {
        let host = Host::open(ready);
        let image = of_container(host.tools(), "clients", &Told::default());
        Self {
            image: image.expect("container `clients`").image,
            host,
        }
    }

    /// Runs a script as root without network, with these files and this environment.
    pub(crate) fn run(
        &self,
        script: &str,
        files: &[(String, Vec<u8>)],
        environment: &[(&str, &str)],
    ) -> Outcome {
        self.run_and_get(script, files, environment, None).0
    }

    /// The same; what it left at a path comes back, if it ended well.
    pub(crate) fn run_and_get(
        &self,
        script: &str,
        files: &[(String, Vec<u8>)],
        environment: &[(&str, &str)],
        path: Option<&str>,
    ) -> (Outcome, Vec<u8>) {
        let container = self.create(script, environment, Surroundings::default());
        let outcome = outcome(&container, files);
        let mut bytes = Vec::new();
        if let Some(path) = path.filter(|_| outcome.code == 0) {
            let mut archive = tar::Archive::new(container.get(path));
            let mut entries = archive.entries().expect("a tar");
            let mut entry = entries.next().expect("a file").expect("an entry");
            io::copy(&mut entry, &mut bytes).expect("the file");
        }
        (outcome, bytes)
    }

    /// Runs a script with these files and this environment, beside a web server in another container that serves the
    /// files of `tree` at port 8000 of the loopback that both share.
    pub(crate) fn run_beside(
        &self,
        tree: &[(String, Vec<u8>)],
        script: &str,
        files: &[(String, Vec<u8>)],
        environment: &[(&str, &str)],
    ) -> Outcome {
        let server = self.create(SERVER, &[], Surroundings::default());
        let put = server.put("/", |writer| write(writer, tree));
        put.expect("the files can be put into the container");
        server.start().expect("the server starts");
        let surroundings = Surroundings {
            beside: Some(server.id().to_owned()),
            ..Surroundings::default()
        };
        let client = self.create(script, environment, surroundings);
        outcome(&client, files)
    }

    fn create(
        &self,
        script: &str,
        environment: &[(&str, &str)],
        surroundings: Surroundings,
    ) -> Container<'_> {
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let spec = ContainerSpec {
            purpose: "clients".to_owned(),
            image: self.image.clone(),
            command: ["sh", "-euc", script].map(str::to_owned).to_vec(),
            environment: environment.iter().map(text).collect(),
            mounts: Vec::new(),
            privileges: Privileges::Install,
            memory: 0,
            terminal: false,
            surroundings,
        };
        self.host.engine.create(&spec).expect("a container")
    }
}

/// Runs a container with these files to its end.
fn outcome(container: &Container<'_>, files: &[(String, Vec<u8>)]) -> Outcome {
    let put = container.put("/", |writer| write(writer, files));
    put.expect("the files can be put into the container");
    let (mut said, mut log) = (Vec::new(), Vec::new());
    let exit = container
        .run(RUN, |stream, bytes| {
            log.extend_from_slice(bytes);
            if stream == OutputStream::Stdout {
                said.extend_from_slice(bytes);
            }
        })
        .expect("an end");
    let lossy = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Outcome {
        code: exit.code,
        said: lossy(said),
        log: lossy(log),
    }
}

fn write(writer: &mut dyn Write, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    let mut tar = tar::Builder::new(writer);
    append_folder(&mut tar, "work")?;
    for (path, bytes) in files {
        append_file(&mut tar, &format!("work/{path}"), bytes)?;
    }
    tar.finish()
}

impl Outcome {
    /// This one, if it ended well; what it found is told.
    #[track_caller]
    pub(crate) fn expect_good(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.log);
        for line in self.said.lines().filter(|line| line.starts_with("ok: ")) {
            say(line);
        }
        self
    }
}
