//! What was built before is believed only after it was read, found out by an audit when somebody changed it with care,
//! and done without where there is no room for it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use camino::Utf8Path;
use host::cancel::Cancel;
use host::engine::{ContainerSpec, Engine, Mount, Privileges, Surroundings};
use host::session::Session;
use model::digest::Sha256;
use serde_json::Value;

use crate::engine;
use crate::prepared::{Ready, assert_says, cache, say};
use crate::support::Run;
use crate::support::scratch::NO_ENGINE;
use crate::toy_kernel::{Place, cached, packages, with_modules};

/// How long a build of the toy may take.
const BUILD: Duration = Duration::from_secs(5 * 60);
/// How long a look into a volume may take.
const LOOK: Duration = Duration::from_secs(60);
/// The compiler's cache of builds of a developer's own source.
const CCACHE: &str = "mptcp-kernels-ccache-unpinned";

/// A fresh clone of a project, on the same host.
struct Clone {
    ready: Ready,
}

impl Clone {
    fn of(place: &Place) -> Self {
        let ready = Ready::new();
        for path in [
            "recipes/toy.toml",
            "recipes/toy.lock",
            "recipes/config/toy.config",
        ] {
            ready.scratch.write(path, place.ready.scratch.read(path));
        }
        Self { ready }
    }

    fn without_engine(mut self) -> Self {
        self.ready.scratch.set_env("DOCKER_HOST", NO_ENGINE);
        self
    }

    fn build(&self, more: &[&str]) -> Run {
        let build = ["--format", "json", "build", "toy", "--no-smoke"];
        let arguments = [&build, more].concat();
        self.ready.scratch.start(&arguments).wait(BUILD)
    }

    fn sums(&self) -> String {
        self.ready.scratch.read("out/toy/SHA256SUMS")
    }
}

/// A package in the cached result of a plan.
fn package_of(plan: &str) -> PathBuf {
    let packages = packages(&cached(plan));
    let mut names = packages.keys();
    let name = names.find(|name| name.starts_with("linux-image-"));
    cached(plan).join(name.expect("the kernel's package"))
}

/// Changes the last byte of a file.
fn flip(path: &PathBuf) {
    let mut bytes = fs::read(path).expect("a file");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(path, bytes).expect("the file can be written");
}

#[test]
#[ignore = "needs a container engine"]
fn a_cached_result_is_hashed_and_audited() {
    let mut place = Place::new();
    place.json(&["lock", "toy"]);
    let first = place.report(&[]);
    assert_eq!(first["cached"], false);
    let sums = place.ready.scratch.read("out/toy/SHA256SUMS");
    let plan = first["manifest"]["plan_id"].as_str().expect("a plan");
    assert_eq!(place.report(&[])["cached"], true, "in the same project");

    let clone = Clone::of(&place).without_engine();
    let report = clone.build(&[]).expect_code(0).json();
    assert_eq!(report["cached"], true, "in another one, without an engine");
    assert_eq!(report["manifest"], first["manifest"]);
    assert_eq!(clone.sums(), sums);

    check_damaged(&place, plan, &sums);
    check_poisoned(&place, plan, &sums);
}

/// One changed byte is noticed, told, and built anew.
fn check_damaged(place: &Place, plan: &str, sums: &str) {
    let package = package_of(plan);
    let name = package.file_name().expect("a name").to_string_lossy();
    flip(&package);
    let run = Clone::of(place).build(&[]).expect_code(0);
    assert_eq!(run.json()["cached"], false, "{}", run.stderr);
    let told = run.stderr.lines().find(|line| line.contains("warning: "));
    let told = told.unwrap_or_else(|| panic!("no warning in {}", run.stderr));
    assert!(
        told.contains(&*name) && told.contains("was changed"),
        "{told}"
    );
    let clone = Clone::of(place).without_engine();
    let report = clone.build(&[]).expect_code(0).json();
    assert_eq!(report["cached"], true, "the new one is kept instead");
    assert_eq!(clone.sums(), sums);
}

/// Somebody who changes a package, and all that is said of it, is believed until the next audit.
fn check_poisoned(place: &Place, plan: &str, sums: &str) {
    let package = package_of(plan);
    let name = package.file_name().expect("a name").to_string_lossy();
    poison(plan, &package);
    let clone = Clone::of(place);
    let report = clone.build(&[]).expect_code(0).json();
    assert_eq!(report["cached"], true);
    assert_ne!(clone.sums(), sums, "the poisoned one is served");

    let run = clone.build(&["--audit"]).expect_code(4);
    assert_says(&run.stderr, "recipe `toy` does not come out the same");
    assert_says(&run.stderr, &name);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    assert!(!cached(plan).exists(), "the cache forgets it");
    let right = clone.ready.scratch.read("out/reproduce/toy/SHA256SUMS");
    assert_eq!(right, sums, "the second result is the right one");
}

/// Changes a package in the cache, and everything there that tells its digest.
fn poison(plan: &str, package: &PathBuf) {
    let digest = |path: &PathBuf| Sha256::of(fs::read(path).expect("a file")).to_string();
    let folder = cached(plan);
    let (manifest, sums) = (folder.join("manifest.json"), folder.join("SHA256SUMS"));
    let before = [digest(package), digest(&manifest)];
    flip(package);
    replace(&manifest, &before[0], &digest(package));
    replace(&sums, &before[0], &digest(package));
    replace(&sums, &before[1], &digest(&manifest));
}

fn replace(path: &PathBuf, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("a text");
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    fs::write(path, text.replace(from, to)).expect("the file can be written");
}

/// The compiler's cache of own sources: not there at first, and gone in the end. What it held is compiled again.
struct FreshCache;

impl FreshCache {
    /// None where a build uses it now.
    fn new() -> Option<Self> {
        engine::remove_volume(CCACHE);
        let is_gone = !engine::all_volumes().iter().any(|name| name == CCACHE);
        is_gone.then_some(Self)
    }

    /// The names of the results in it.
    fn results(&self) -> Vec<String> {
        let said = in_volume("find /ccache -name '*R'");
        said.lines().map(str::to_owned).collect()
    }
}

impl Drop for FreshCache {
    fn drop(&mut self) {
        engine::remove_volume(CCACHE);
    }
}

/// What a script says that has the compiler's cache in /ccache.
fn in_volume(script: &str) -> String {
    let cache = cache();
    let cache = Utf8Path::from_path(&cache).expect("a UTF-8 path");
    let session = Session::start(cache).expect("a session");
    let engine = Engine::connect(cache, session, Cancel::new()).expect("an engine");
    let images = engine.images("mptcp-kernels/debian-12");
    let images = images.expect("the engine's images");
    let container = engine.create(&ContainerSpec {
        purpose: "look".to_owned(),
        image: images.first().expect("the toy's container").clone(),
        command: ["sh", "-euc", script].map(str::to_owned).to_vec(),
        environment: Vec::new(),
        mounts: vec![Mount {
            volume: CCACHE.to_owned(),
            target: "/ccache".to_owned(),
            read_only: false,
        }],
        privileges: Privileges::Install,
        memory: 0,
        terminal: false,
        surroundings: Surroundings::default(),
    });
    let container = container.expect("a container");
    let mut said = Vec::new();
    let exit = container.run(LOOK, |_, bytes| said.extend_from_slice(bytes));
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(exit.expect("an end").code, 0, "{said}");
    said
}

/// A module that gcc compiles.
fn module(answer: u32) -> String {
    format!("echo 'int answer = {answer};' > ../toy.c\ngcc -c -o toy.ko ../toy.c\n")
}

/// Builds a variant, and gives what is told of the compiler's cache, the plan, and the file that the cache has more.
fn compile(place: &mut Place, known: &FreshCache, source: &str) -> (Value, String, Vec<String>) {
    let exists = engine::all_volumes().iter().any(|name| name == CCACHE);
    let before = if exists { known.results() } else { Vec::new() };
    let report = place.report(&["--source", source]);
    assert_eq!(report["cached"], false);
    let plan = report["manifest"]["plan_id"].as_str().expect("a plan");
    let mut more = known.results();
    more.retain(|name| !before.contains(name));
    let told = report["run"]["compiler_cache"].clone();
    (told, plan.to_owned(), more)
}

#[test]
#[ignore = "needs a container engine"]
fn a_poisoned_compilers_cache_is_found_by_an_audit() {
    let Some(ccache) = FreshCache::new() else {
        say(
            "skipped: a_poisoned_compilers_cache_is_found_by_an_audit (a build uses the compiler's cache)",
        );
        return;
    };
    let mut place = Place::new();
    let [one, two] = [1, 2].map(|answer| {
        let kernel = with_modules(&module(answer));
        place.source(&format!("answer-{answer}"), &kernel)
    });
    let missed = serde_json::json!({"hits": 0, "misses": 1});
    let (told, plan, of_one) = compile(&mut place, &ccache, &one);
    assert_eq!(told, missed);
    let right = place.ready.scratch.read("out/toy/SHA256SUMS");
    let (told, _, of_two) = compile(&mut place, &ccache, &two);
    assert_eq!(told, missed);
    let ([of_one], [of_two]) = (&of_one[..], &of_two[..]) else {
        panic!("one object each: {of_one:?}, {of_two:?}");
    };
    in_volume(&format!(
        "cp -p {of_one} /ccache/kept; cp -p {of_two} {of_one}; mv /ccache/kept {of_two}"
    ));

    // Nothing but the objects is left of the first one.
    fs::remove_dir_all(cached(&plan)).expect("the result was kept");
    let (told, _, more) = compile(&mut place, &ccache, &one);
    assert_eq!(told, serde_json::json!({"hits": 1, "misses": 0}));
    assert_eq!(more, Vec::<String>::new());
    let wrong = place.ready.scratch.read("out/toy/SHA256SUMS");
    assert_ne!(wrong, right, "the other's object is taken");

    let audit = ["build", "toy", "--no-smoke", "--audit", "--source", &one];
    let run = place.run(&audit).expect_code(4);
    assert_says(&run.stderr, "recipe `toy` does not come out the same");
    let audited = place.ready.scratch.read("out/reproduce/toy/SHA256SUMS");
    assert_eq!(audited, right);
    assert!(!cached(&plan).exists(), "the cache forgets it");
}

#[test]
#[ignore = "needs a container engine"]
fn a_build_goes_on_where_the_compilers_cache_is_full() {
    let Some(_ccache) = FreshCache::new() else {
        say(
            "skipped: a_build_goes_on_where_the_compilers_cache_is_full (a build uses the compiler's cache)",
        );
        return;
    };
    engine::make_full_volume(CCACHE);
    let mut place = Place::new();
    let source = place.source("main", &with_modules(&module(3)));
    let arguments = ["build", "toy", "--no-smoke", "--source", &source];
    let run = place.run(&arguments).expect_code(0);
    assert_says(
        &run.stderr,
        "warning: the compiler's cache is not used: its disk is full or cannot be written to",
    );
    let report = run.json();
    assert_eq!(report["cached"], false);
    assert!(
        report["run"]["compiler_cache"].is_null(),
        "{}",
        report["run"]
    );
    assert!(report["run"]["jobs"].is_u64(), "{}", report["run"]);
    assert_eq!(in_volume("find /ccache -name '*R'"), "", "nothing is kept");
}
