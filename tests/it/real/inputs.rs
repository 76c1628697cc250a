//! What a lock names is what is used, or nothing is.

use std::fs;

use model::digest::Sha256;
use model::lock::{ContainerLock, Lock, LockedPackage, RecipeLock};

use crate::engine;
use crate::prepared::{Ready, assert_says, cache, squeezed};
use crate::support::Scratch;

/// A small package that takes no part in bootstrapping.
const PACKAGE: &str = "bc";

/// Changes a lock and seals it anew, as nothing but an attacker with the tool's source would.
fn tamper<L: Lock>(scratch: &Scratch, path: &str, change: impl FnOnce(&mut L)) {
    let mut lock: L = toml::from_str(&scratch.read(path)).expect("a lock");
    change(&mut lock);
    let name = path
        .rsplit('/')
        .next()
        .and_then(|file| file.strip_suffix(".lock"))
        .expect("a lock's name");
    let text = lock
        .sealed()
        .render(&name.parse().expect("a name"))
        .expect("a lock can be written");
    scratch.write(path, text);
}

fn package(lock: &mut ContainerLock) -> &mut LockedPackage {
    lock.packages
        .iter_mut()
        .find(|package| package.name.as_str() == PACKAGE)
        .expect("the container has the package")
}

/// The names that images of the container have or would have, whole and bare.
fn image_names(scratch: &Scratch) -> [String; 2] {
    let shown = scratch
        .xtask(&["--format", "json", "show", "mini"])
        .expect_code(0)
        .json();
    let container = &shown["plan"]["container"];
    let digest = |field: &str| container[field].as_str().expect("a digest").to_owned();
    let tag = Sha256::of(digest("lock") + &digest("assembly"));
    [
        format!("mptcp-kernels/debian-13:{tag}"),
        format!("mptcp-kernels/debian-13:{tag}-bare"),
    ]
}

#[test]
#[ignore = "needs a container engine"]
fn container_equals_lock() {
    let ready = Ready::new();
    let scratch = &ready.scratch;
    let [right, _] = image_names(scratch);
    assert!(engine::images().contains(&right), "{right} is there before");
    let mut real = String::new();
    tamper(
        scratch,
        "containers/debian-13.lock",
        |lock: &mut ContainerLock| {
            let package = package(lock);
            real = std::mem::replace(&mut package.version, "99.9-1".to_owned());
        },
    );
    let names = image_names(scratch);
    assert_ne!(names[0], right, "another lock makes another image");
    let run = scratch.xtask(&["check", "--configure", "mini"]);
    let left: Vec<_> = engine::images()
        .into_iter()
        .filter(|image| names.contains(image))
        .collect();
    for image in &left {
        engine::remove_image(image);
    }
    let run = run.expect_code(4);
    assert_eq!(left, Vec::<String>::new(), "nothing may use such an image");
    for expected in [
        "container `debian-13` is not what its lock says:",
        &format!("{PACKAGE} amd64: locked 99.9-1 ii, installed {real} ii"),
    ] {
        assert_says(&run.stderr, expected);
    }
    assert_eq!(
        squeezed(&run.stderr).matches(":locked").count(),
        1,
        "{}",
        run.stderr
    );
    assert!(engine::images().contains(&right), "{right} is still there");
}

#[test]
#[ignore = "needs a container engine"]
fn a_gone_file_names_the_command_that_helps() {
    let ready = Ready::new();
    let scratch = &ready.scratch;
    let gone = "pool/no-archive-has/this-file.deb";
    tamper(scratch, "recipes/mini.lock", |lock: &mut RecipeLock| {
        let package = &mut lock.inputs[0].package;
        package.path = gone.to_owned();
        package.sha256 = Sha256::of("no file has this digest");
    });
    let run = scratch
        .xtask(&["check", "--configure", "mini"])
        .expect_code(3);
    for expected in [
        "a locked file cannot be had",
        gone,
        "run `cargo xtask lock mini`",
        "--mirror",
    ] {
        assert_says(&run.stderr, expected);
    }
}

#[test]
#[ignore = "needs a container engine"]
fn wrong_bytes_stop_the_build() {
    let ready = Ready::new();
    let scratch = &ready.scratch;
    let wrong = Sha256::of("the archive serves something else");
    let mut right = None;
    tamper(
        scratch,
        "containers/debian-13.lock",
        |lock: &mut ContainerLock| {
            right = Some(std::mem::replace(&mut package(lock).sha256, wrong));
        },
    );
    let right = right.expect("the digest that was replaced").to_string();
    let wrong = wrong.to_string();
    let names = image_names(scratch);
    let run = scratch
        .xtask(&["build", "mini", "--no-smoke"])
        .expect_code(4);
    for expected in [
        format!("verifying {PACKAGE} "),
        format!("SHA-256 {wrong}"),
        format!("SHA-256 {right}"),
    ] {
        assert_says(&run.stderr, &expected);
    }
    let text = squeezed(&run.stderr);
    assert!(
        text.find(&wrong) < text.find(&right),
        "expected comes first:\n{}",
        run.stderr
    );
    assert!(!scratch.path("out/mini").exists());
    assert!(
        engine::images().iter().all(|image| !names.contains(image)),
        "no image is made of wrong bytes"
    );
    let folder = cache().join("sha256").join(&wrong[..2]);
    let stored = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names = stored.map(|entry| entry.file_name().to_string_lossy().into_owned());
    assert!(
        !names.any(|name| wrong.ends_with(&name) || name.contains(&wrong)),
        "wrong bytes are not stored"
    );
}
