//! What is missing on a host is told, with what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::{Run, Scratch};

/// What is told of one thing.
#[track_caller]
fn finding(run: &Run, what: &str) -> Value {
    let all = run.json();
    let mut found = all.as_array().expect("a list").iter();
    let found = found.find(|finding| finding["what"] == what);
    found.unwrap_or_else(|| panic!("no {what}: {all}")).clone()
}

#[test]
fn a_host_without_an_engine_lacks_it() {
    let scratch = Scratch::small();
    let run = scratch
        .xtask(&["doctor", "--format", "json"])
        .expect_code(3);
    let engine = finding(&run, "engine");
    assert_eq!(engine["ok"], false);
    let remedy = engine["remedy"].as_str().expect("a remedy");
    assert!(remedy.contains("install Docker or Podman"), "{remedy}");
    for what in ["git", "room for out/", "room for cache"] {
        assert_eq!(finding(&run, what)["ok"], true, "{what}");
    }
    assert_eq!(finding(&run, "kvm")["required"], false);
    assert!(
        run.stderr.contains("this host lacks engine"),
        "{}",
        run.stderr
    );

    let run = scratch.xtask(&["doctor"]).expect_code(3);
    assert_eq!(run.stdout.lines().count(), 5, "{}", run.stdout);
    assert!(
        run.stdout.contains("\nengine          MISSING: "),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.starts_with("git             ok: version "),
        "{}",
        run.stdout
    );
    assert!(!scratch.path("out").exists(), "it only looks");
}

#[test]
fn too_little_room_is_told_in_numbers() {
    let scratch = Scratch::small();
    let run = scratch.xtask(&["doctor", "--format", "json", "--disk", "99999"]);
    let run = run.expect_code(3);
    let out = finding(&run, "room for out/");
    assert_eq!(out["ok"], false);
    let found = out["found"].as_str().expect("text");
    for part in [
        " GB free; ",
        "needs 9.6 GB",
        "28.9 GB",
        "99999.0 GB are asked for",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
    assert!(run.stderr.contains("this host lacks engine, room for out/"));
    for wrong in ["0", "x", "-1", "99999999"] {
        let disk = format!("--disk={wrong}");
        scratch.xtask(&["doctor", &disk]).expect_code(2);
    }
}

#[test]
fn git_must_be_there_and_new_enough() {
    for (script, ok) in [
        (None, false),
        (Some("echo git version 2.19.4"), false),
        (Some("echo git version 1.8"), false),
        (Some("echo no git at all"), false),
        (Some("exit 1"), false),
        (Some("echo git version 2.20.0"), true),
        (Some("echo git version 3.0.rc1"), true),
    ] {
        let mut scratch = Scratch::small();
        let folder = scratch.beside("bin");
        fs::create_dir(&folder).expect("a folder can be made");
        if let Some(script) = script {
            let git = folder.join("git");
            fs::write(&git, format!("#!/bin/sh\n{script}\n")).expect("it can be written");
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&git, mode).expect("it can be made a program");
        }
        scratch.set_env("PATH", folder.as_str());
        let run = scratch
            .xtask(&["doctor", "--format", "json"])
            .expect_code(3);
        let git = finding(&run, "git");
        assert_eq!(git["ok"], ok, "{script:?}: {git}");
        assert_eq!(git["remedy"].is_null(), ok, "{script:?}: {git}");
    }
}
