//! Builds that end early leave nothing behind, and a container that could do no harm anyway.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::engine;
use crate::prepared::{Host, Ready, cache};
use crate::support::Scratch;

/// How often something awaited is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long a build may take until it compiles: image and source are there.
const UNTIL_COMPILE: Duration = Duration::from_secs(10 * 60);
/// How long a stopped build may take to end.
const UNTIL_STOPPED: Duration = Duration::from_secs(5);
/// How long a test waits for it, to tell slow from never.
const PATIENCE: Duration = Duration::from_secs(60);
/// The whole of one test's build.
const BUILD: Duration = Duration::from_secs(20 * 60);

/// Compiles, whatever was built before.
const COMPILE: [&str; 4] = ["build", "mini", "--no-smoke", "--no-cache"];

/// A compiling container, as the engine saw the first one of this run.
static COMPILING: OnceLock<Value> = OnceLock::new();

/// Waits until `look` finds something; `None` when it does not in time.
pub(crate) fn wait<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        let found = look();
        if found.is_some() || start.elapsed() > deadline {
            return found;
        }
        std::thread::sleep(TICK);
    }
}

/// The session of a running process. Stops the process when a test ends early.
pub(crate) struct Session {
    process: Pid,
    pub(crate) id: String,
}

impl Session {
    /// The session whose lock file process `id` holds open.
    pub(crate) fn of(id: u32) -> Self {
        let process = i32::try_from(id)
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id");
        let files = format!("/proc/{id}/fd");
        let lock = wait(Duration::from_secs(60), || {
            let files = fs::read_dir(&files).ok()?.flatten();
            files
                .filter_map(|file| fs::read_link(file.path()).ok())
                .find(|path| is_session_file(path))
        });
        let lock = lock.expect("a build holds a session within a minute");
        Self {
            process,
            id: lock
                .file_stem()
                .expect("a name")
                .to_str()
                .expect("a UTF-8 name")
                .to_owned(),
        }
    }

    fn file(&self) -> PathBuf {
        cache().join("sessions").join(format!("{}.lock", self.id))
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(self.process, signal).expect("the process can be signalled");
    }

    /// The session's container that compiles, once there is one.
    fn compiling(&self, mut alive: impl FnMut() -> bool) -> Option<Value> {
        let container = wait(UNTIL_COMPILE, || {
            let found = engine::containers(&self.id).into_iter().find(compiles);
            if found.is_none() && alive() {
                None
            } else {
                Some(found)
            }
        });
        let container = container.flatten()?;
        COMPILING.get_or_init(|| container.clone());
        Some(container)
    }

    /// What the engine has of this session.
    pub(crate) fn left(&self) -> Vec<String> {
        let containers = engine::containers(&self.id);
        let ids = containers
            .iter()
            .map(|container| format!("container {}", container["Id"]));
        ids.chain(engine::volumes(&self.id)).collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The file is there only while the process lives, or was killed by the test.
        if std::thread::panicking() && self.file().exists() {
            let _ = kill_process(self.process, Signal::INT);
            let _ = wait(UNTIL_STOPPED * 2, || (!self.file().exists()).then_some(()));
        }
    }
}

fn is_session_file(path: &Path) -> bool {
    path.parent()
        .is_some_and(|folder| folder.ends_with("sessions"))
        && path.extension().is_some_and(|end| end == "lock")
}

fn compiles(container: &Value) -> bool {
    container["State"]["Running"] == true && engine::purpose(container) == "compile"
}

/// Whether nothing in the project looks like a result, finished or in the making.
#[track_caller]
fn assert_no_result(scratch: &Scratch) {
    assert!(
        fs::symlink_metadata(scratch.path("out/mini")).is_err(),
        "out/mini is there"
    );
    let results = fs::read_dir(scratch.path("out/.results"))
        .into_iter()
        .flatten()
        .flatten();
    let results: Vec<_> = results.map(|entry| entry.path()).collect();
    assert!(results.is_empty(), "{results:?}");
}

#[test]
#[ignore = "needs a container engine"]
fn ctrl_c_kills_containers_within_five_seconds() {
    let ready = Ready::new();
    let scratch = &ready.scratch;
    let mut build = scratch.start(&COMPILE);
    let session = Session::of(build.id());
    let container = session.compiling(|| build.is_running());
    assert!(
        container.is_some(),
        "no container compiled\n{}",
        build.wait(BUILD).text()
    );
    assert_eq!(
        engine::volumes(&session.id).len(),
        1,
        "the build has a volume"
    );

    let start = Instant::now();
    session.send(Signal::INT);
    let ended = wait(PATIENCE, || (!build.is_running()).then(|| start.elapsed()));
    let run = build.wait(BUILD).expect_code(130);
    let ended = ended.expect("an end within a minute");
    assert!(ended <= UNTIL_STOPPED, "it took {ended:?}");
    assert!(
        run.stderr.contains("stopped; containers are gone"),
        "{}",
        run.stderr
    );
    assert!(
        !run.stderr.contains("error:") && run.stdout.is_empty(),
        "{}",
        run.text()
    );
    assert_eq!(session.left(), Vec::<String>::new());
    assert!(!session.file().exists(), "the session is over");
    assert_no_result(scratch);
}

#[test]
#[ignore = "needs a container engine"]
fn a_killed_build_leaves_nothing_that_looks_finished() {
    let (ready, other) = (Ready::new(), Ready::new());
    let mut killed = ready.scratch.start(&COMPILE);
    let mut living = other.scratch.start(&COMPILE);
    let (dead, alive) = (Session::of(killed.id()), Session::of(living.id()));
    let container = dead.compiling(|| killed.is_running());
    assert!(
        container.is_some(),
        "no container compiled\n{}",
        killed.wait(BUILD).text()
    );
    dead.send(Signal::KILL);
    killed.wait(BUILD).expect_code(-1);
    assert_no_result(&ready.scratch);
    assert!(
        dead.left().len() >= 2,
        "what a killed build made is left behind: {:?}",
        dead.left()
    );
    let Some(container) = alive.compiling(|| living.is_running()) else {
        panic!("no container compiled\n{}", living.wait(BUILD).text());
    };

    let busy = other
        .scratch
        .xtask(&["build", "mini", "--no-smoke"])
        .expect_code(3);
    assert!(
        busy.stderr
            .contains("another build or smoke boot of recipe `mini` is running"),
        "{}",
        busy.stderr
    );
    // Whoever connects next reaps.
    drop(Host::open(&other));
    assert_eq!(
        dead.left(),
        Vec::<String>::new(),
        "a dead session is reaped"
    );
    let left = engine::containers(&alive.id);
    let still = left
        .iter()
        .any(|left| left["Id"] == container["Id"] && left["State"]["Running"] == true);
    assert!(
        still && living.is_running(),
        "a living session is left alone: {left:?}"
    );
    assert_eq!(engine::volumes(&alive.id).len(), 1, "with its volume");

    alive.send(Signal::TERM);
    living.wait(BUILD).expect_code(130);
    assert_eq!(alive.left(), Vec::<String>::new());
    assert_no_result(&other.scratch);
}

#[test]
#[ignore = "needs a container engine"]
fn the_container_is_locked_down() {
    if COMPILING.get().is_none() {
        let ready = Ready::new();
        let mut build = ready.scratch.start(&COMPILE);
        let session = Session::of(build.id());
        let container = session.compiling(|| build.is_running());
        if build.is_running() {
            session.send(Signal::INT);
        }
        let run = build.wait(BUILD);
        assert!(container.is_some(), "no container compiled\n{}", run.text());
    }
    let container = COMPILING.get().expect("a container was seen");
    assert_eq!(weaknesses(container), Vec::<String>::new(), "{container:#}");
    // The same look at a container that is open in every respect.
    let open = serde_json::json!({"HostConfig": {"NetworkMode": "default", "Privileged": true, "Binds": ["/:/host"]}});
    assert_eq!(weaknesses(&open).len(), 12, "{:?}", weaknesses(&open));
}

/// Everything about a container that gives what runs in it more than it needs.
fn weaknesses(container: &Value) -> Vec<String> {
    let host = &container["HostConfig"];
    let texts = |value: &Value| -> Vec<String> {
        let items = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        items.map(str::to_owned).collect()
    };
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    let mounts = container["Mounts"].as_array().cloned().unwrap_or_default();
    let mounted = |target: &str| mounts.iter().find(|mount| mount["Destination"] == target);
    let security = texts(&host["SecurityOpt"]);
    let networks = container["NetworkSettings"]["Networks"].as_object();
    let checks = [
        (
            "a network",
            host["NetworkMode"] == "none"
                && networks.is_none_or(|networks| networks.keys().all(|name| name == "none")),
        ),
        (
            "capabilities",
            texts(&host["CapDrop"]).contains(&"ALL".to_owned()) && empty(&host["CapAdd"]),
        ),
        (
            "new privileges",
            security
                .iter()
                .any(|option| option == "no-new-privileges" || option == "no-new-privileges:true"),
        ),
        ("another user", container["Config"]["User"] == "1000:1000"),
        ("a root to write to", host["ReadonlyRootfs"] == true),
        (
            "processes without limit",
            host["PidsLimit"].as_i64().is_some_and(|limit| limit > 0),
        ),
        (
            "memory without limit",
            host["Memory"].as_i64().is_some_and(|limit| limit > 0),
        ),
        ("privileges", host["Privileged"] == false),
        (
            "the host's folders",
            empty(&host["Binds"]) && mounts.iter().all(|mount| mount["Type"] == "volume"),
        ),
        (
            "no source, or one to write to",
            mounted("/source").is_some_and(|mount| mount["RW"] == false),
        ),
        (
            "no place to build in",
            mounted("/build").is_some_and(|mount| mount["RW"] == true),
        ),
        ("more volumes than its own", mounts.len() == 2),
    ];
    checks
        .iter()
        .filter(|(_, good)| !good)
        .map(|(what, _)| (*what).to_owned())
        .collect()
}
