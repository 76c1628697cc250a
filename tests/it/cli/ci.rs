//! What CI services are told.

mod freshness;
mod summary;

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::Scratch;

/// The names of recipes of which a row of `list` says so.
fn listed(scratch: &Scratch, which: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    let list = scratch.xtask(&["list", "--format", "json"]).expect_code(0);
    let list = list.json();
    let rows = list.as_array().expect("rows").iter();
    let names = rows.filter(|row| which(row)).map(|row| &row["recipe"]);
    names
        .map(|name| name.as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn the_matrix_has_what_is_locked_and_for_release() {
    let scratch = Scratch::new();
    let run = scratch.xtask(&["ci", "matrix"]).expect_code(0);
    assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
    assert!(run.stdout.starts_with("{\"include\":[{\"recipe\":\""));
    let matrix = run.json();
    let rows = matrix["include"].as_array().expect("rows");
    let found: BTreeSet<_> = rows
        .iter()
        .map(|row| row["recipe"].as_str().expect("a name").to_owned())
        .collect();
    let expected = listed(&scratch, |row| {
        row["state"] == "locked" && row["for_release"] == true
    });
    assert!(expected.contains("debian-vm") && found.len() == rows.len());
    assert_eq!(found, expected);
    for name in listed(&scratch, |row| row["state"] == "not locked") {
        let note = format!("{name} is left out: it is not ");
        assert!(run.stderr.contains(&note), "{note}: {}", run.stderr);
    }
    let json = scratch.xtask(&["--quiet", "--format", "json", "ci", "matrix"]);
    assert_eq!((json.stdout, json.stderr), (run.stdout, String::new()));
}

#[test]
fn a_row_has_what_its_job_needs() {
    let scratch = Scratch::new();
    let run = scratch.xtask(&["ci", "matrix", "fedora", "debian-vm", "mini"]);
    let run = run.expect_code(0);
    assert_eq!(run.stderr, "mini is left out: it is not for release\n");
    let expected = serde_json::json!({ "include": [
        { "recipe": "fedora", "distribution": "fedora", "release": "44", "format": "rpm",
          "timeout-minutes": 330, "disk": 29 },
        { "recipe": "debian-vm", "distribution": "debian", "release": "13", "format": "deb",
          "timeout-minutes": 180, "disk": 10 },
    ] });
    assert_eq!(run.json(), expected);
    let none = scratch.xtask(&["ci", "matrix", "mini"]).expect_code(0);
    assert_eq!(none.stdout, "{\"include\":[]}\n");
}

#[test]
fn the_matrix_is_appended_to_the_steps_outputs() {
    let mut scratch = Scratch::new();
    let outputs = scratch.beside("outputs");
    fs::write(&outputs, "before=1\n").expect("it can be written");
    scratch.set_env("GITHUB_OUTPUT", outputs.as_str());
    let run = scratch.xtask(&["ci", "matrix", "debian-vm"]).expect_code(0);
    let told = fs::read_to_string(&outputs).expect("it can be read");
    assert_eq!(told, format!("before=1\nmatrix={}", run.stdout));

    scratch.set_env("GITHUB_OUTPUT", "/nonexistent/outputs");
    let run = scratch.xtask(&["ci", "matrix"]).expect_code(3);
    assert!(
        run.stderr.contains("/nonexistent/outputs"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_recipe_that_is_wrong_is_an_error_of_the_matrix() {
    let mut scratch = Scratch::new();
    let outputs = scratch.beside("outputs");
    scratch.set_env("GITHUB_OUTPUT", outputs.as_str());
    scratch.replace("recipes/mini.toml", "summary =", "sumary =");
    let run = scratch.xtask(&["ci", "matrix"]).expect_code(1);
    assert!(run.stderr.contains("sumary"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    assert!(!outputs.exists());
    scratch.xtask(&["ci", "matrix", "debian-vm"]).expect_code(0);
    scratch.xtask(&["ci", "matrix", "debian-wm"]).expect_code(1);
    // A lock that does not belong to its recipe is no lock that is missing.
    let lock = scratch.read("recipes/debian-vm.lock");
    scratch.write("recipes/debian-vm.lock", lock.replace("6.12", "6.13"));
    scratch.xtask(&["ci", "matrix", "debian-vm"]).expect_code(1);
}
