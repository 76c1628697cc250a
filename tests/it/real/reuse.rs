//! What was built before is believed only after it was read, found out by an audit when somebody changed it with care,
//! and done without where there is no room for it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use builder::build::{How, build, lock_result};
use builder::ccache::UseCcache;
use builder::finished::{Finished, Origin};
use builder::plan::Planned;
use builder::source::OwnSource;
use host::cancel::Cancel;
use host::engine::{ContainerSpec, Mount};
use model::digest::Sha256;
use model::manifest::CompilerCache;
use serde_json::Value;

use crate::engine;
use crate::prepared::{Host, Ready, Told, assert_says};
use crate::support::Run;
use crate::support::scratch::NO_ENGINE;
use crate::toy_kernel::{Place, cached, packages, with_modules};

/// How long a build of the toy may take.
const BUILD: Duration = Duration::from_secs(5 * 60);
/// How long a look into a volume may take.
const LOOK: Duration = Duration::from_secs(60);
/// The volume of the compiler's cache that measurements use.
const CCACHE: &str = "mptcp-kernels-ccache-bench";

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

/// The compiler's cache of measurements: not there at first, and gone in the end. Nobody else's is touched.
struct FreshCache<'a> {
    host: &'a Host,
}

impl<'a> FreshCache<'a> {
    fn new(host: &'a Host) -> Self {
        engine::remove_volume(CCACHE);
        let volumes = engine::all_volumes();
        assert!(!volumes.contains(&CCACHE.to_owned()), "nobody measures now");
        Self { host }
    }

    /// The objects in it.
    fn objects(&self) -> BTreeSet<String> {
        if !engine::all_volumes().contains(&CCACHE.to_owned()) {
            return BTreeSet::new();
        }
        let said = self.run("find /ccache -name '*R'");
        said.lines().map(str::to_owned).collect()
    }

    /// What a script says that has it in /ccache.
    fn run(&self, script: &str) -> String {
        let images = self.host.engine.images("mptcp-kernels/debian-12");
        let images = images.expect("the engine's images");
        let image = images.first().expect("the toy's container");
        let mount = Mount {
            volume: CCACHE.to_owned(),
            target: "/ccache".to_owned(),
            read_only: false,
        };
        let mut spec = ContainerSpec::filler("look", image, mount);
        spec.command = ["sh", "-euc", script].map(str::to_owned).into();
        let container = self.host.engine.create(&spec).expect("a container");
        let mut said = Vec::new();
        let exit = container.run(LOOK, |_, bytes| said.extend_from_slice(bytes));
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(exit.expect("an end").code, 0, "{said}");
        said
    }

    /// Builds the toy of this source with it, and gives what is told of the run and of the cache.
    fn build(&self, place: &mut Place, source: &str) -> (Finished, String) {
        let tools = self.host.tools();
        let own = OwnSource::open(source, &Cancel::new()).expect("a source");
        let planned = Planned::with_source(tools.project, "toy", Some(own)).expect("a plan");
        let held = lock_result(&tools.project.out(), &planned.recipe.name);
        let how = How {
            reuse: true,
            ccache: UseCcache::Bench,
            ..How::default()
        };
        let told = Told::default();
        let held = held.expect("nobody else builds it");
        let built = build(tools, &planned, how, &held, &told).expect("a result");
        assert_eq!(built.origin, Origin::Built);
        place.remember(&built.manifest.plan_id.to_string());
        (built, told.notes())
    }
}

impl Drop for FreshCache<'_> {
    fn drop(&mut self) {
        engine::remove_volume(CCACHE);
    }
}

/// A module that gcc compiles.
fn module(answer: u32) -> String {
    format!("echo 'int answer = {answer};' > ../toy.c\ngcc -c -o toy.ko ../toy.c\n")
}

#[test]
#[ignore = "needs a container engine"]
fn a_poisoned_compilers_cache_is_found_by_an_audit() {
    let mut place = Place::new();
    let host = Host::open(&place.ready);
    let ccache = FreshCache::new(&host);
    let [one, two] = [1, 2].map(|answer| {
        let kernel = with_modules(&module(answer));
        place.source(&format!("answer-{answer}"), &kernel)
    });
    let missed = Some(CompilerCache { hits: 0, misses: 1 });
    let (built, _) = ccache.build(&mut place, &one);
    assert_eq!(built.run.compiler_cache, missed);
    let plan = built.manifest.plan_id.to_string();
    let right = place.ready.scratch.read("out/toy/SHA256SUMS");
    let of_one = ccache.objects();
    let (built, _) = ccache.build(&mut place, &two);
    assert_eq!(built.run.compiler_cache, missed);
    let both = ccache.objects();
    let of_two: BTreeSet<_> = both.difference(&of_one).collect();
    let (Some(of_one), Some(of_two)) = (of_one.first(), of_two.first()) else {
        panic!("an object each: {both:?}");
    };
    assert_eq!(both.len(), 2, "{both:?}");
    ccache.run(&format!(
        "mv {of_one} /ccache/kept; mv {of_two} {of_one}; mv /ccache/kept {of_two}"
    ));

    // Nothing but its object is left of the first one.
    fs::remove_dir_all(cached(&plan)).expect("the result was kept");
    let (built, _) = ccache.build(&mut place, &one);
    let found = Some(CompilerCache { hits: 1, misses: 0 });
    assert_eq!(built.run.compiler_cache, found);
    assert!(!built.run.is_from_scratch());
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
    let mut place = Place::new();
    let host = Host::open(&place.ready);
    let ccache = FreshCache::new(&host);
    engine::make_full_volume(CCACHE);
    let source = place.source("main", &with_modules(&module(1)));
    let (built, told) = ccache.build(&mut place, &source);
    assert_eq!(
        told,
        "warning: the compiler's cache is not used: its disk is full or cannot be written to"
    );
    assert_eq!(built.run.compiler_cache, None);
    let run: Value = serde_json::from_str(&place.ready.scratch.read("out/toy/run.json"))
        .expect("the record of the run");
    assert!(run["jobs"].is_u64() && run.get("compiler_cache").is_none());
}
