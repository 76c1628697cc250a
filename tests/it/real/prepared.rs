//! What all real tests start from: locks whose files can still be had, an image and a source tree.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use builder::build::Tools;
use builder::fetch::Downloads;
use builder::project::Project;
use builder::report::{Reporter, Unit};
use camino::{Utf8Path, Utf8PathBuf};
use host::cancel::Cancel;
use host::engine::Engine;
use host::environment::Directories;
use host::git::Repositories;
use host::http::Http;
use host::mirrors::Mirrors;
use host::session::Session;
use host::store::Store;

use crate::support::Scratch;

/// The first run downloads everything and assembles the container.
const DEADLINE: Duration = Duration::from_secs(30 * 60);
/// The files that decide the build of `mini`, and what it is tried in.
const FILES: [&str; 10] = [
    "recipes/mini.toml",
    "recipes/mini.lock",
    "recipes/config/mptcp.config",
    "recipes/config/mini.config",
    "containers/debian-13.toml",
    "containers/debian-13.lock",
    "containers/qemu.toml",
    "containers/qemu.lock",
    "containers/clients.toml",
    "containers/clients.lock",
];
/// What the binary hears of this process's environment.
const PASSED_ON: [&str; 12] = [
    "DOCKER_HOST",
    "HOME",
    "MPTCP_KERNELS_MIRRORS",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

struct Prepared {
    files: Vec<(&'static str, String)>,
    relocked: Option<String>,
}

static PREPARED: OnceLock<Prepared> = OnceLock::new();

/// A project that can be built, with the user's own cache and engine.
pub(crate) struct Ready {
    pub(crate) scratch: Scratch,
}

impl Ready {
    /// A copy of this project. The first one makes sure that everything `mini` needs is there.
    pub(crate) fn new() -> Self {
        let prepared = PREPARED.get_or_init(prepare);
        let scratch = fresh();
        for (path, text) in &prepared.files {
            scratch.write(path, text);
        }
        Self { scratch }
    }
}

/// Whether the locks that are tested with are others than the committed ones.
pub(crate) fn is_relocked() -> bool {
    let prepared = PREPARED.get_or_init(prepare);
    prepared.relocked.is_some()
}

impl Drop for Ready {
    fn drop(&mut self) {
        // Repeated by every test, so that the end of the log tells it too.
        if let Some(line) = PREPARED
            .get()
            .and_then(|prepared| prepared.relocked.as_deref())
        {
            say(line);
        }
    }
}

fn prepare() -> Prepared {
    let scratch = fresh();
    let check = ["--format", "json", "check", "--configure", "mini"];
    let mut run = scratch.xtask(&check);
    let mut relocked = None;
    if run.code == 3 && run.stderr.contains("a locked file cannot be had") {
        let lock = scratch
            .xtask(&["lock", "debian-13", "qemu", "clients", "mini"])
            .expect_code(0);
        let names = lock.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        relocked = Some(format!(
            "relocked: a file of the committed locks is in no mirror any more; tested with {names}"
        ));
        say(relocked.as_deref().unwrap_or_default());
        run = scratch.xtask(&check);
    }
    let rows = run.expect_code(0).json();
    assert_eq!(rows[0]["recipe"], "mini", "{rows}");
    Prepared {
        files: FILES
            .iter()
            .map(|path| (*path, scratch.read(path)))
            .collect(),
        relocked,
    }
}

fn fresh() -> Scratch {
    let scratch = PASSED_ON
        .iter()
        .fold(Scratch::new(), |scratch, name| scratch.inherit(name));
    let cache = cache().to_str().expect("a UTF-8 path").to_owned();
    scratch
        .env("MPTCP_KERNELS_CACHE", cache)
        .env("COLUMNS", "140")
        .deadline(DEADLINE)
}

/// What the tool works with, for tests that call it as a library.
pub(crate) struct Host {
    project: Project,
    pub(crate) engine: Engine,
    http: Http,
    mirrors: Mirrors,
    store: Store,
    repositories: Repositories,
}

impl Host {
    /// The user's engine and cache, and the project of `ready`.
    pub(crate) fn open(ready: &Ready) -> Self {
        let cache = cache();
        let cache = Utf8Path::from_path(&cache).expect("a UTF-8 path");
        let cancel = Cancel::new();
        let session = Session::start(cache).expect("a session");
        let root = Utf8PathBuf::from_path_buf(ready.scratch.path("")).expect("a UTF-8 path");
        let directories = Directories::from_environment().expect("the user's folders");
        Self {
            project: Project::find(&root).expect("a project"),
            engine: Engine::connect(cache, session, cancel.clone()).expect("an engine"),
            http: Http::new(cancel.clone()),
            mirrors: Mirrors::resolve(&[], &directories).expect("mirrors"),
            store: Store::open(cache).expect("a store"),
            repositories: Repositories::new(cache, cancel),
        }
    }

    pub(crate) fn tools(&self) -> Tools<'_> {
        Tools {
            project: &self.project,
            engine: &self.engine,
            downloads: Downloads {
                http: &self.http,
                mirrors: &self.mirrors,
                store: &self.store,
                repositories: &self.repositories,
            },
        }
    }
}

/// Remembers what is told besides progress.
#[derive(Default)]
pub(crate) struct Told {
    notes: Mutex<Vec<String>>,
}

impl Told {
    /// All of it, a line each.
    pub(crate) fn notes(&self) -> String {
        self.notes.lock().expect("nobody panicked").join("\n")
    }
}

impl Reporter for Told {
    fn phase(&self, _: &str) {}
    fn progress(&self, _: u64, _: u64, _: Unit) {}
    fn note(&self, text: &str) {
        let mut notes = self.notes.lock().expect("nobody panicked");
        notes.push(text.to_owned());
    }
}

/// The user's cache.
pub(crate) fn cache() -> PathBuf {
    Directories::from_environment()
        .expect("a cache folder")
        .cache
        .into_std_path_buf()
}

/// A line for whoever reads the log.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Fails unless a rendered error says `expected`, wherever its frame and its line breaks are.
#[track_caller]
pub(crate) fn assert_says(rendered: &str, expected: &str) {
    let says = squeezed(rendered).contains(&squeezed(expected));
    assert!(says, "`{expected}` is missing in:\n{rendered}");
}

/// A rendered error without spaces, line breaks and its frame.
pub(crate) fn squeezed(text: &str) -> String {
    let is_frame = |c: char| ('\u{2500}'..='\u{25ff}').contains(&c) || "·×".contains(c);
    let kept = text.chars().filter(|&c| !c.is_whitespace() && !is_frame(c));
    kept.collect()
}
