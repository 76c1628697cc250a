//! A module that is compiled against the packages, where no kernel was built, and loaded by the kernel out of them.

use std::fs;
use std::path::PathBuf;

use super::{Clients, Set, Target, set};
use crate::prepared::{Ready, assert_says};
use crate::smoke::smoke;

const SOURCE: &[u8] = include_bytes!("module.c");
const COMPILE: &str = include_str!("module.sh");

#[test]
#[ignore = "needs a container engine"]
fn a_module_is_compiled_against_rpm_packages_and_loaded() {
    let ready = Ready::new();
    let set = set(&ready, Target::Fedora, 1);
    check(&ready, set, |name| {
        !name.contains("-devel-") && !name.contains("-headers-")
    });
}

#[test]
#[ignore = "needs a container engine"]
fn a_module_is_compiled_against_deb_packages_and_loaded() {
    let ready = Ready::new();
    let set = set(&ready, Target::Debian, 1);
    check(&ready, set, |name| name.starts_with("linux-image-"));
}

fn check(ready: &Ready, set: &Set, is_kernel: impl Fn(&str) -> bool) {
    let module = compile(ready, set);
    let mut files = set.files.iter();
    let (name, bytes) = files
        .find(|(name, _)| is_kernel(name))
        .expect("a package with the kernel");
    let write = |name: &str, bytes: &[u8]| -> PathBuf {
        ready.scratch.write(name, bytes);
        ready.scratch.path(name)
    };
    let package = write(name, bytes);
    let path = write("tried.ko", &module);
    let path = path.to_str().expect("a UTF-8 path");
    let run = smoke(ready, &package, &["--module", path]).expect_code(0);
    let verdict = run.json();
    let checks = verdict["checks"].as_array().expect("checks");
    let loaded = |check: &&serde_json::Value| check["name"] == "module tried is loaded";
    let check = checks.iter().find(loaded).expect("the module's check");
    assert_eq!(check["passed"], true, "{check}");
    check_console(ready, &package);

    // One that says it is for another kernel never gets that far.
    let foreign = set.release.replacen("6.12.", "6.13.", 1);
    let path = write("foreign.ko", &with(&module, &set.release, &foreign));
    let path = path.to_str().expect("a UTF-8 path");
    let run = smoke(ready, &package, &["--module", path]).expect_code(1);
    let found = format!("found it compiled for \"{foreign}\"");
    assert_says(&run.stderr, &found);
}

/// The module in an installation of the headers in container `clients`.
fn compile(ready: &Ready, set: &Set) -> Vec<u8> {
    let mut files = set.below("1");
    files.push(("tried.c".to_owned(), SOURCE.to_vec()));
    let environment = [("R1", set.release.as_str())];
    let (outcome, module) =
        Clients::new(ready).run_and_get(COMPILE, &files, &environment, Some("/work/tried.ko"));
    outcome.expect_good();
    module
}

/// It ran with its parameter's default.
fn check_console(ready: &Ready, package: &std::path::Path) {
    let stem = package.file_stem().and_then(|stem| stem.to_str());
    let folder = ready.scratch.path("out/smoke");
    let packed = folder
        .join(stem.expect("a name"))
        .join("smoke-console.log.gz");
    let packed = fs::read(packed).expect("the console's log");
    let console = std::io::read_to_string(flate2::read::GzDecoder::new(&packed[..]));
    let console = console.expect("a text");
    assert_eq!(console.matches("] tried at ").count(), 3, "{console}");
}

/// The bytes with one text of theirs replaced by another of its length, wherever it is.
fn with(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut altered = bytes.to_vec();
    let found: Vec<_> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from.as_bytes())
        .map(|(place, _)| place)
        .collect();
    assert!(!found.is_empty(), "{from} is not in it");
    for place in found {
        altered[place..place + to.len()].copy_from_slice(to.as_bytes());
    }
    altered
}
