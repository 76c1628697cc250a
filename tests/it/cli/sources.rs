//! Sources from elsewhere: what is locked of them, what is refused, and what a user then reads.

use serde_json::Value;

use super::archive::{files, objects};
use crate::support::{Run, Scratch};

mod bombs;
mod git;
mod own;
mod patches;
mod recipes;
mod tarball;

/// The lock of the recipe of these tests.
const LOCK: &str = "recipes/oot.lock";

/// Compares a run with its snapshot like [`super::assert_run`], without what git or the system says: versions differ.
macro_rules! assert_said {
    ($name:expr, $scratch:expr, $run:expr, $code:expr) => {{
        let run: $crate::support::Run = $run;
        let text = $crate::cli::sources::without_git(&$scratch.stable(&run.text()));
        insta::assert_snapshot!($name, text);
        assert_eq!(run.code, $code, "{}", run.text());
        assert_eq!(run.stdout, "", "a failure writes no result");
    }};
}
use assert_said;

/// A text without git's own words, which reach to the end of a line.
fn without_git(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let marks = ["git said: ", "found none: fatal: "];
        let mark = marks.iter().find(|mark| line.contains(**mark));
        match mark.and_then(|mark| Some((line.split_once(mark)?.0, mark))) {
            Some((ours, mark)) => format!("{ours}{mark}[git]\n"),
            None => line.to_owned(),
        }
    });
    lines.collect()
}

/// Locks the recipe of these tests.
fn lock(scratch: &Scratch) -> Run {
    scratch.xtask(&["--quiet", "lock", "oot"])
}

/// What the lock says of the source.
#[track_caller]
fn locked(scratch: &Scratch) -> Value {
    let lock: Value = toml::from_str(&scratch.read(LOCK)).expect("a lock");
    assert!(lock["source"].is_object(), "{lock}");
    lock["source"].clone()
}

/// Nothing was locked, and nothing is there that a later run takes for something good.
#[track_caller]
fn assert_nothing_locked(scratch: &Scratch) {
    let recipes = files(&scratch.path("recipes"));
    let ours = |name: &&String| name.starts_with("oot") && *name != "oot.toml";
    assert_eq!(recipes.iter().find(ours), None, "no lock");
    // That each has the bytes of its name, and that nothing partial is left, is seen there.
    objects(scratch);
    let commits = std::fs::read_dir(scratch.cache().join("git"));
    for entry in commits.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_str().expect("a UTF-8 name");
        assert!(!name.contains("partial"), "{name} is left");
    }
}

/// The commits in the cache.
fn commits(scratch: &Scratch) -> Vec<String> {
    let entries = std::fs::read_dir(scratch.cache().join("git"));
    let names = entries.into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter_map(|name| name.strip_suffix(".git").map(str::to_owned))
        .collect()
}
