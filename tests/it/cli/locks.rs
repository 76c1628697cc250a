//! Locks: a build takes what was locked, or stops and says what to do.

use super::{assert_run, each};
use crate::support::Scratch;

/// The snapshot of what the tool says, and what somebody did.
type Row = (&'static str, fn(&Scratch));

const UNUSABLE: &[Row] = &[
    ("missing_recipe_lock", |scratch| {
        scratch.remove("recipes/tiny.lock");
    }),
    ("missing_container_lock", |scratch| {
        scratch.remove("containers/box.lock");
    }),
    ("stale_because_of_another_source", |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            "linux-source-6.12",
            "linux-source-6.13",
        );
    }),
    ("stale_because_of_another_suite", |scratch| {
        scratch.replace(
            "containers/box.toml",
            r#", "stable-updates"]"#,
            r#", "testing"]"#,
        );
        scratch.seal_container("box");
    }),
    ("stale_because_of_another_package", |scratch| {
        scratch.replace(
            "containers/box.toml",
            r#"["gcc", "make"]"#,
            r#"["gcc", "make", "bc"]"#,
        );
    }),
    ("edited_recipe_lock", |scratch| {
        scratch.replace(
            "recipes/tiny.lock",
            r#"version = "6.12.1-1""#,
            r#"version = "6.12.1-2""#,
        );
    }),
    ("edited_container_lock", |scratch| {
        scratch.replace("containers/box.lock", "size = 2000000", "size = 2000001");
    }),
    ("unknown_schema", |scratch| {
        scratch.replace("recipes/tiny.lock", "schema = 1", "schema = 2");
    }),
    ("unknown_key", |scratch| {
        scratch.replace(
            "recipes/tiny.lock",
            "role = \"source\"",
            "role = \"source\"\nnote = \"mine\"",
        );
    }),
    ("unfinished_merge", |scratch| {
        scratch.replace(
            "recipes/tiny.lock",
            "schema = 1",
            "<<<<<<< HEAD\nschema = 1",
        );
    }),
];

#[test]
fn an_unusable_lock_stops_every_command_that_needs_it() {
    each(
        UNUSABLE,
        |row| row.0.to_owned(),
        |(name, spoil)| {
            let scratch = Scratch::small();
            spoil(&scratch);
            let shown = scratch.xtask(&["show", "tiny"]);
            let checked = scratch.xtask(&["check", "tiny"]);
            let built = scratch.xtask(&["build", "tiny"]);
            assert_eq!((built.code, &built.stderr), (1, &shown.stderr), "{name}");
            if *name == "missing_recipe_lock" {
                assert_run!("unlocked_is_a_warning_of_check", scratch, checked, 0);
            } else {
                assert_eq!((shown.code, &shown.stderr), (1, &checked.stderr), "{name}");
            }
            assert_run!(*name, scratch, shown, 1);
        },
    );
}

#[test]
fn a_missing_or_stale_lock_names_the_command_that_writes_it() {
    let names = [
        ("tiny", &UNUSABLE[0]),
        ("box", &UNUSABLE[1]),
        ("tiny", &UNUSABLE[2]),
        ("box", &UNUSABLE[4]),
    ];
    for (name, (_, spoil)) in names {
        let scratch = Scratch::small();
        spoil(&scratch);
        let run = scratch.xtask(&["show", "tiny"]).expect_code(1);
        assert!(
            run.stderr.contains(&format!("`cargo xtask lock {name}`")),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn what_decides_no_input_makes_no_lock_stale() {
    let scratch = Scratch::small();
    scratch.replace(
        "recipes/tiny.toml",
        "the smallest recipe",
        "another summary",
    );
    scratch.replace("containers/box.toml", "a container", "another summary");
    scratch.replace(
        "recipes/tiny.toml",
        r#"version-suffix = "-tiny""#,
        r#"version-suffix = "-other""#,
    );
    scratch.replace(
        "recipes/config/base.config",
        "CONFIG_NET=y",
        "CONFIG_NET=y\nCONFIG_INET=y",
    );
    scratch.xtask(&["check"]).expect_code(0);
    scratch.xtask(&["lock", "--check"]).expect_code(0);
}

#[test]
fn packages_of_the_container_are_no_inputs_of_its_recipes() {
    let scratch = Scratch::small();
    scratch.replace("containers/box.toml", r#"["gcc", "make"]"#, r#"["gcc"]"#);
    let run = scratch.xtask(&["lock", "--check", "tiny"]).expect_code(0);
    assert!(run.stdout.contains("recipes/tiny.lock"), "{}", run.stdout);
    scratch.xtask(&["lock", "--check", "box"]).expect_code(1);
}

#[test]
fn lock_check_tells_of_every_lock() {
    let scratch = Scratch::small();
    assert_run!(
        "lock_check",
        scratch,
        scratch.xtask(&["lock", "--check"]),
        0
    );
    scratch.remove("recipes/stock.lock");
    (UNUSABLE[5].1)(&scratch);
    assert_run!(
        "lock_check_of_two_wrong_ones",
        scratch,
        scratch.xtask(&["lock", "--check"]),
        1
    );
    scratch.xtask(&["lock", "--check", "child"]).expect_code(0);
}
