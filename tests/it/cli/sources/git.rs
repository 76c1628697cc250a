//! Commits: by id, tag and branch, from a real server.

use std::fs;

use host::testing::git::GitBehaviour;
use serde_json::Value;

use super::{LOCK, assert_nothing_locked, assert_said, commits, lock, locked};
use crate::cli::{assert_run, each};
use crate::support::kernel::COMMITTED;
use crate::support::{Kernel, Run, Scratch, Served};

/// A project with recipe `oot`, whose source is `reference` of the repository that is served.
struct Place {
    scratch: Scratch,
    served: Served,
}

impl Place {
    /// One whose repository has one commit, on branch `main`.
    fn new(reference: &str) -> Self {
        Self::of(reference, &Kernel::out_of_tree())
    }

    fn of(reference: &str, kernel: &Kernel) -> Self {
        let place = Self::empty(reference);
        kernel.commit(&place.served.repository, "main", 0);
        place
    }

    fn empty(reference: &str) -> Self {
        let scratch = Scratch::small();
        let served = Served::new(&scratch);
        let source = format!("[source.git]\nurl = \"{}\"\n{reference}\n", served.url());
        let scratch = scratch.out_of_tree(&source);
        Self { scratch, served }
    }

    /// Names another commit, tag or branch in the recipe.
    fn name(&self, reference: &str) {
        let text = self.scratch.read("recipes/oot.toml");
        let (before, rest) = text.split_once("[source.git]").expect("the source");
        let (_, after) = rest.split_once("[config]").expect("the configuration");
        let url = self.served.url();
        let text = format!("{before}[source.git]\nurl = \"{url}\"\n{reference}\n\n[config]{after}");
        self.scratch.write("recipes/oot.toml", text);
    }

    fn git(&self, arguments: &[&str]) -> String {
        let done = self.served.repository.git(arguments, b"");
        done.expect("git does it")
    }

    /// What follows a branch that is moved on.
    fn changed() -> Kernel {
        Kernel::out_of_tree().with("net/core/sock.c", "another\n")
    }

    /// Lets go of all that no branch or tag leads to.
    fn forget(&self) {
        self.git(&["reflog", "expire", "--expire=now", "--all"]);
        self.git(&["gc", "--quiet", "--prune=now"]);
    }

    fn outdated(&self) -> Run {
        self.scratch
            .xtask(&["--quiet", "lock", "--outdated", "oot"])
    }

    fn update(&self) -> Run {
        self.scratch.xtask(&["--quiet", "lock", "--update", "oot"])
    }

    fn drop_cache(&self) {
        fs::remove_dir_all(self.scratch.cache()).expect("the cache can be removed");
    }
}

fn commit_of(source: &Value) -> &str {
    source["git"]["commit"].as_str().expect("a commit")
}

#[test]
fn commits_tags_and_branches_are_locked_in_full() {
    let place = Place::new("branch = \"main\"");
    let first = place.git(&["rev-parse", "main"]);
    place.git(&["tag", "light", &first]);
    place.git(&["tag", "-a", "-m", "x", "annotated", &first]);
    Place::changed().commit(&place.served.repository, "main", 60);
    let mut trees = Vec::new();
    for reference in [
        &format!("commit = \"{first}\""),
        "tag = \"light\"",
        "tag = \"annotated\"",
    ] {
        place.name(reference);
        lock(&place.scratch).expect_code(0);
        let source = locked(&place.scratch);
        assert_eq!(commit_of(&source), first, "{reference}");
        assert_eq!(source["git"]["url"], place.served.url());
        assert_eq!(source["kernel"], "5.4.230");
        assert_eq!(source["mptcp"], "0.96");
        assert_eq!(source["timestamp"], COMMITTED);
        trees.push(source["tree"].clone());
        place.scratch.xtask(&["check", "oot"]).expect_code(0);
    }
    assert_eq!(trees[0].as_str().map(str::len), Some(64));
    assert!(trees.iter().all(|tree| *tree == trees[0]), "{trees:?}");
    assert_eq!(commits(&place.scratch), [first], "fetched once");
}

#[test]
fn a_lock_is_readable_and_written_the_same_again() {
    let place = Place::new("tag = \"v0.96\"");
    place.git(&["tag", "-a", "-m", "x", "v0.96", "main"]);
    let run = place.scratch.xtask(&["lock", "oot"]);
    assert_run!("lock", place.scratch, run, 0);
    let text = place.scratch.read(LOCK);
    insta::assert_snapshot!("lock_file", place.scratch.stable(&text));
    assert_run!(
        "show",
        place.scratch,
        place.scratch.xtask(&["show", "oot"]),
        0
    );
    lock(&place.scratch).expect_code(0);
    assert_eq!(place.scratch.read(LOCK), text);
    place.drop_cache();
    lock(&place.scratch).expect_code(0);
    assert_eq!(place.scratch.read(LOCK), text, "fetched again");
}

#[test]
fn a_branch_stays_where_it_was_locked_until_it_is_updated() {
    let place = Place::new("branch = \"main\"");
    lock(&place.scratch).expect_code(0);
    let (text, first) = (place.scratch.read(LOCK), locked(&place.scratch));
    place.outdated().expect_code(0);

    let second = Place::changed().commit(&place.served.repository, "main", 60);
    lock(&place.scratch).expect_code(0);
    assert_eq!(place.scratch.read(LOCK), text, "it was not to be updated");
    assert_run!("outdated", place.scratch, place.outdated(), 1);
    assert_eq!(place.scratch.read(LOCK), text);

    place.update().expect_code(0);
    let moved = locked(&place.scratch);
    assert_eq!(commit_of(&moved), second);
    assert_eq!(moved["timestamp"], COMMITTED + 60);
    assert_ne!(moved["tree"], first["tree"]);
    place.outdated().expect_code(0);
}

#[test]
fn a_branch_that_went_back_in_time_is_not_followed() {
    let place = Place::empty("branch = \"main\"");
    let repository = &place.served.repository;
    Kernel::out_of_tree().commit(repository, "main", 60);
    lock(&place.scratch).expect_code(0);
    let text = place.scratch.read(LOCK);
    let older = Place::changed().force(repository, "main", 59);
    place.outdated().expect_code(1);
    assert_run!("update_back", place.scratch, place.update(), 1);
    assert_eq!(place.scratch.read(LOCK), text);
    // As the message says.
    place.scratch.remove(LOCK);
    lock(&place.scratch).expect_code(0);
    assert_eq!(commit_of(&locked(&place.scratch)), older);
}

#[test]
fn a_branch_that_was_forced_elsewhere_keeps_its_locked_commit_as_long_as_it_can_be_had() {
    let place = Place::new("branch = \"main\"");
    lock(&place.scratch).expect_code(0);
    let text = place.scratch.read(LOCK);
    let other = Place::changed().force(&place.served.repository, "main", 60);
    // The server still has it, though no branch leads to it.
    place.drop_cache();
    lock(&place.scratch).expect_code(0);
    assert_eq!(place.scratch.read(LOCK), text);
    // Now only the cache has it.
    place.forget();
    lock(&place.scratch).expect_code(0);
    assert_eq!(place.scratch.read(LOCK), text);
    // Now nobody has it.
    place.drop_cache();
    assert_said!("forced_and_gone", place.scratch, lock(&place.scratch), 1);
    assert_eq!(place.scratch.read(LOCK), text);
    assert_eq!(commits(&place.scratch), [""; 0]);
    place.outdated().expect_code(1);
    place.update().expect_code(0);
    assert_eq!(commit_of(&locked(&place.scratch)), other);
}

#[test]
fn what_is_in_the_cache_needs_no_server() {
    for reference in ["branch = \"main\"", "tag = \"v0.96\""] {
        let place = Place::new(reference);
        place.git(&["tag", "v0.96", "main"]);
        lock(&place.scratch).expect_code(0);
        let text = place.scratch.read(LOCK);
        let Place { scratch, served } = place;
        drop(served);
        lock(&scratch).expect_code(0);
        assert_eq!(scratch.read(LOCK), text, "{reference}");
        scratch.xtask(&["check", "oot"]).expect_code(0);
        scratch.xtask(&["lock", "--check", "oot"]).expect_code(0);
        let run = scratch.xtask(&["lock", "--update", "oot"]).expect_code(3);
        assert!(run.stderr.contains("cannot be reached"), "{}", run.stderr);
        assert_eq!(scratch.read(LOCK), text, "{reference}");
    }
}

#[test]
fn a_recipe_that_names_another_commit_is_stale() {
    let place = Place::new("branch = \"main\"");
    lock(&place.scratch).expect_code(0);
    let commit = place.git(&["rev-parse", "main"]);
    place.name(&format!("commit = \"{commit}\""));
    let run = place.scratch.xtask(&["check", "oot"]).expect_code(1);
    assert!(run.stderr.contains("is stale"), "{}", run.stderr);
    assert!(
        run.stderr.contains("`cargo xtask lock oot`"),
        "{}",
        run.stderr
    );
    lock(&place.scratch).expect_code(0);
    place.scratch.xtask(&["check", "oot"]).expect_code(0);
}

/// A server or a repository that does not give what the recipe names: snapshot, exit code, and how.
type Row = (&'static str, i32, fn() -> Place);

const NOT_GIVEN: &[Row] = &[
    ("no_commit", 1, || {
        Place::new("commit = \"00000000000000000000000000000000000000aa\"")
    }),
    ("no_tag", 1, || Place::new("tag = \"v0.97\"")),
    ("no_branch", 1, || Place::new("branch = \"mptcp_v0.97\"")),
    ("no_repository", 1, || {
        let place = Place::new("branch = \"main\"");
        place
            .scratch
            .replace("recipes/oot.toml", "/mptcp/.git", "/mptcp/gone.git");
        place
    }),
    ("no_ids", 3, || {
        let place = Place::new("branch = \"main\"");
        let old = place.git(&["rev-parse", "main"]);
        Place::changed().commit(&place.served.repository, "main", 60);
        place.name(&format!("commit = \"{old}\""));
        place.served.server.behave(GitBehaviour::WithoutVersion2);
        place
    }),
    ("breaks_off", 3, || {
        let place = Place::new("branch = \"main\"");
        let commit = place.git(&["rev-parse", "main"]);
        place.name(&format!("commit = \"{commit}\""));
        place.served.server.behave(GitBehaviour::Cut(100));
        place
    }),
    ("redirected", 1, || {
        let place = Place::new("branch = \"main\"");
        let elsewhere = "http://127.0.0.1:9".to_owned();
        place
            .served
            .server
            .behave(GitBehaviour::Redirect(elsewhere));
        place
    }),
    ("a_tag_of_no_commit", 1, || {
        let place = Place::new("tag = \"tree\"");
        place.git(&["tag", "tree", "main^{tree}"]);
        place
    }),
];

#[test]
fn a_commit_that_cannot_be_had_changes_nothing() {
    each(
        NOT_GIVEN,
        |row| row.0.to_owned(),
        |(name, code, place)| {
            let place = place();
            assert_said!(*name, place.scratch, lock(&place.scratch), *code);
            assert_nothing_locked(&place.scratch);
            assert_eq!(commits(&place.scratch), [""; 0], "{name}");
        },
    );
}

/// A tree that recipe `oot` is not for: snapshot, and the tree.
type WrongTree = (&'static str, fn() -> Kernel);

const WRONG: &[WrongTree] = &[
    ("not_linux", || {
        Kernel::out_of_tree().with("Makefile", "all:\n\techo no kernel\n")
    }),
    ("no_makefile", || Kernel::out_of_tree().without("Makefile")),
    ("without_mptcp", || {
        let kernel = Kernel::out_of_tree().without("net/mptcp/Kconfig");
        kernel.without("net/mptcp/mptcp_ctrl.c")
    }),
    ("upstream_tree", || Kernel::upstream("6.12.9")),
    ("another_release", || {
        let ctrl = "\tpr_info(\"MPTCP: Stable release v0.95.2\");\n";
        let kernel = Kernel::out_of_tree().versioned("4.19.234");
        kernel.with("net/mptcp/mptcp_ctrl.c", ctrl)
    }),
    ("release_on_another_linux", || {
        Kernel::out_of_tree().versioned("4.19.234")
    }),
    ("unknown_release", || {
        let ctrl = "\tpr_info(\"MPTCP: Stable release v0.89\");\n";
        Kernel::out_of_tree().with("net/mptcp/mptcp_ctrl.c", ctrl)
    }),
    ("no_banner", || {
        Kernel::out_of_tree().with("net/mptcp/mptcp_ctrl.c", "int main;\n")
    }),
    ("leaving_link", || {
        Kernel::out_of_tree().entry("firmware", "120000", "../../etc")
    }),
    ("submodule", || {
        let commit = "612d75f01e95867dc94ac4f9f230f6f1bd09c9ac";
        Kernel::out_of_tree().entry("tools/extra", "160000", commit)
    }),
];

#[test]
fn a_tree_that_the_recipe_is_not_for_is_not_locked() {
    each(
        WRONG,
        |row| row.0.to_owned(),
        |(name, kernel)| {
            let place = Place::of("branch = \"main\"", &kernel());
            assert_said!(*name, place.scratch, lock(&place.scratch), 1);
            assert_nothing_locked(&place.scratch);
        },
    );
}

#[test]
fn an_upstream_recipe_takes_no_out_of_tree_kernel_and_no_old_one() {
    let rows = [
        ("out_of_tree_tree", Kernel::out_of_tree()),
        ("too_old_for_upstream", Kernel::upstream("5.5.19")),
    ];
    for (name, kernel) in rows {
        let place = Place::of("branch = \"main\"", &kernel);
        let (before, after) = ("release = \"0.96\"\n", "congestion-control = \"lia\"");
        let text = place.scratch.read("recipes/oot.toml");
        let (head, _) = text.split_once("line = \"out-of-tree\"").expect("the line");
        let (_, tail) = text.split_once(after).expect("its end");
        assert!(text.contains(before));
        let text = format!("{head}line = \"upstream\"{tail}");
        place.scratch.write("recipes/oot.toml", text);
        assert_said!(name, place.scratch, lock(&place.scratch), 1);
        assert_nothing_locked(&place.scratch);
    }
}
