//! What a recipe may say of its source and of out-of-tree MPTCP, and what is told before anything is compiled.

use super::{assert_nothing_locked, lock, locked};
use crate::cli::{assert_run, each};
use crate::support::scratch::OUT_OF_TREE;
use crate::support::{Kernel, Scratch, Served};

/// The source of a recipe that nobody fetches.
const GIT: &str = "[source.git]\nurl = \"https://git.example.org/mptcp.git\"\ntag = \"v0.96\"\n";

fn place() -> Scratch {
    Scratch::small().out_of_tree(GIT)
}

/// A source that is refused as it is written: snapshot, and the tables.
const SOURCES: &[(&str, &str)] = &[
    (
        "short_commit",
        "[source.git]\nurl = \"https://git.example.org/a.git\"\ncommit = \"612d75f\"\n",
    ),
    (
        "symbolic_commit",
        "[source.git]\nurl = \"https://git.example.org/a.git\"\ncommit = \"HEAD\"\n",
    ),
    (
        "upper_case_commit",
        "[source.git]\nurl = \"https://git.example.org/a.git\"\ncommit = \"612D75F01E95867DC94AC4F9F230F6F1BD09C9AC\"\n",
    ),
    (
        "tag_like_an_option",
        "[source.git]\nurl = \"https://git.example.org/a.git\"\ntag = \"--upload-pack=x\"\n",
    ),
    (
        "two_references",
        "[source.git]\nurl = \"https://git.example.org/a.git\"\ntag = \"v0.96\"\nbranch = \"main\"\n",
    ),
    (
        "no_reference",
        "[source.git]\nurl = \"https://git.example.org/a.git\"\n",
    ),
    ("no_address", "[source.git]\ntag = \"v0.96\"\n"),
    (
        "credentials",
        "[source.git]\nurl = \"https://user:word@git.example.org/a.git\"\ntag = \"v0.96\"\n",
    ),
    (
        "git_protocol",
        "[source.git]\nurl = \"git://git.example.org/a.git\"\ntag = \"v0.96\"\n",
    ),
    (
        "command",
        "[source.git]\nurl = \"ext::sh -c id\"\ntag = \"v0.96\"\n",
    ),
    (
        "ssh",
        "[source.git]\nurl = \"git@git.example.org:a.git\"\ntag = \"v0.96\"\n",
    ),
    (
        "plain_http",
        "[source.git]\nurl = \"http://git.example.org/a.git\"\ntag = \"v0.96\"\n",
    ),
    (
        "two_kinds",
        "[source.git]\nurl = \"https://git.example.org/a.git\"\ntag = \"v0.96\"\n\n[source.package]\nname = \"linux-source-6.12\"\n",
    ),
    ("no_kind", "[source]\n"),
    (
        "unknown_kind",
        "[source.svn]\nurl = \"https://svn.example.org/a\"\n",
    ),
    (
        "tarball_by_plain_http",
        "[source.tarball]\nurl = \"http://example.org/a.tar.xz\"\nsha256 = \"612d75f01e95867dc94ac4f9f230f6f1bd09c9ac612d75f01e95867dc94ac4f9\"\n",
    ),
    (
        "tarball_of_a_file",
        "[source.tarball]\nurl = \"file:///srv/a.tar.xz\"\nsha256 = \"612d75f01e95867dc94ac4f9f230f6f1bd09c9ac612d75f01e95867dc94ac4f9\"\n",
    ),
    (
        "tarball_without_hash",
        "[source.tarball]\nurl = \"https://example.org/a.tar.xz\"\n",
    ),
    (
        "tarball_of_another_kind",
        "[source.tarball]\nurl = \"https://example.org/a.zip\"\nsha256 = \"612d75f01e95867dc94ac4f9f230f6f1bd09c9ac612d75f01e95867dc94ac4f9\"\n",
    ),
    (
        "short_hash",
        "[source.tarball]\nurl = \"https://example.org/a.tar.xz\"\nsha256 = \"612d75f\"\n",
    ),
    (
        "patch_elsewhere",
        "[source.git]\nurl = \"https://git.example.org/a.git\"\ntag = \"v0.96\"\n\n[[source.patches]]\nfile = \"../../secret.patch\"\n",
    ),
    (
        "patch_without_hash",
        "[source.git]\nurl = \"https://git.example.org/a.git\"\ntag = \"v0.96\"\n\n[[source.patches]]\nurl = \"https://example.org/a.patch\"\n",
    ),
    (
        "patch_twice",
        "[source.git]\nurl = \"https://git.example.org/a.git\"\ntag = \"v0.96\"\n\n[[source.patches]]\nfile = \"a.patch\"\nurl = \"https://example.org/a.patch\"\nsha256 = \"612d75f01e95867dc94ac4f9f230f6f1bd09c9ac612d75f01e95867dc94ac4f9\"\n",
    ),
];

#[test]
fn a_source_that_pins_nothing_or_hides_something_is_refused_where_it_stands() {
    each(
        SOURCES,
        |row| row.0.to_owned(),
        |(name, source)| {
            let scratch = place();
            let text = scratch.read("recipes/oot.toml").replace(GIT, source);
            scratch.write("recipes/oot.toml", text);
            let run = scratch.xtask(&["check", "oot"]);
            assert!(run.stderr.contains("recipes/oot.toml"), "{}", run.stderr);
            assert_run!(*name, scratch, run, 1);
            lock(&scratch).expect_code(1);
            assert_nothing_locked(&scratch);
        },
    );
}

/// What out-of-tree MPTCP has not: snapshot, and a change to the recipe.
type Row = (&'static str, fn(&Scratch));

const REFUSED: &[Row] = &[
    ("ecf_before_0_96", |scratch| {
        choose(scratch, "0.95", "[mptcp.schedulers]\necf = \"module\"\n");
    }),
    ("netlink_before_0_95", |scratch| {
        choose(
            scratch,
            "0.94",
            "[mptcp.path-managers]\nnetlink = \"module\"\n",
        );
    }),
    ("no_such_scheduler", |scratch| {
        scratch.replace(
            "recipes/oot.toml",
            "scheduler = \"default\"",
            "scheduler = \"fastest\"",
        );
    }),
    ("no_such_form", |scratch| {
        choose(scratch, "0.96", "[mptcp.schedulers]\necf = \"yes\"\n");
    }),
    ("no_such_release", |scratch| choose(scratch, "0.97", "")),
    ("no_choice", |scratch| {
        scratch.replace("recipes/oot.toml", OUT_OF_TREE, "line = \"out-of-tree\"");
    }),
    ("choices_of_the_other_line", |scratch| {
        scratch.replace(
            "recipes/oot.toml",
            "line = \"out-of-tree\"",
            "line = \"upstream\"",
        );
    }),
    ("fragment_against_mptcp", |scratch| {
        let fragment = "# CONFIG_MPTCP_FULLMESH is not set\nCONFIG_DEFAULT_LIA=y\nCONFIG_NET=y\n";
        scratch.write("recipes/config/base.config", fragment);
    }),
    ("setting_against_mptcp", |scratch| {
        scratch.replace(
            "recipes/oot.toml",
            "[config.set]\n",
            "[config.set]\nMPTCP_ECF = { value = \"y\", reason = \"it is a test\" }\n",
        );
    }),
];

/// Names another release, and what else is built of it.
fn choose(scratch: &Scratch, release: &str, built: &str) {
    let path = "recipes/oot.toml";
    let release = format!("release = \"{release}\"");
    scratch.replace(path, "release = \"0.96\"", &release);
    let last = "congestion-control = \"lia\"\n";
    scratch.replace(path, last, &format!("{last}\n{built}"));
}

#[test]
fn what_a_release_has_not_is_refused_where_it_stands() {
    each(
        REFUSED,
        |row| row.0.to_owned(),
        |(name, spoil)| {
            let scratch = place();
            spoil(&scratch);
            assert_run!(*name, scratch, scratch.xtask(&["check", "oot"]), 1);
        },
    );
}

#[test]
fn what_a_release_has_is_taken() {
    let scratch = place();
    choose(
        &scratch,
        "0.96",
        "[mptcp.path-managers]\nnetlink = \"module\"\n\n[mptcp.schedulers]\necf = \"built-in\"\n",
    );
    scratch.xtask(&["check", "oot"]).expect_code(0);
}

#[test]
fn an_unlocked_recipe_is_checked_as_far_as_it_goes_and_not_built() {
    let scratch = place();
    assert_run!("unlocked", scratch, scratch.xtask(&["check", "oot"]), 0);
    let row = scratch.xtask(&["--format", "json", "check", "oot"]).json();
    assert!(row[0]["plan_id"].is_null(), "{row}");
    assert_run!(
        "unlocked_build",
        scratch,
        scratch.xtask(&["build", "oot"]),
        1
    );
    scratch.xtask(&["show", "oot"]).expect_code(1);
    scratch.xtask(&["lock", "--check", "oot"]).expect_code(1);
    assert_run!("unlocked_list", scratch, scratch.xtask(&["list"]), 0);
}

#[test]
fn a_compiler_that_is_too_new_is_told_before_and_after_locking() {
    let scratch = place();
    scratch.compiler("14");
    assert_run!("compiler", scratch, scratch.xtask(&["check", "oot"]), 1);

    let scratch = Scratch::small();
    let served = Served::new(&scratch);
    Kernel::out_of_tree().commit(&served.repository, "main", 0);
    let url = served.url();
    let scratch = scratch.out_of_tree(&format!(
        "[source.git]\nurl = \"{url}\"\nbranch = \"main\"\n"
    ));
    lock(&scratch).expect_code(0);
    scratch.compiler("14");
    for command in [&["check", "oot"][..], &["show", "oot"], &["build", "oot"]] {
        let run = scratch.xtask(command).expect_code(1);
        assert!(run.stderr.contains("gcc 14"), "{}", run.stderr);
    }
}

#[test]
fn a_distribution_that_wants_a_newer_kernel_is_a_warning() {
    let scratch = place();
    choose(&scratch, "0.94", "");
    scratch.compiler("10");
    assert_run!("baseline", scratch, scratch.xtask(&["check", "oot"]), 0);
    scratch.replace("recipes/oot.toml", "\"debian\"", "\"plan9\"");
    assert_run!("no_baseline", scratch, scratch.xtask(&["check", "oot"]), 0);
}

#[test]
fn a_recipe_may_override_the_repository_the_commit_and_the_release_alone() {
    let scratch = Scratch::small();
    let served = Served::new(&scratch);
    let kernel = Kernel::out_of_tree().versioned("4.19.234").with(
        "net/mptcp/mptcp_ctrl.c",
        "\"MPTCP: Stable release v0.95.2\"\n",
    );
    let commit = kernel.commit(&served.repository, "mine", 0);
    let scratch = scratch.out_of_tree(GIT);
    let url = served.url();
    let child = |more: &str| {
        format!("extends = \"oot\"\n{more}\n[source.git]\nurl = \"{url}\"\ncommit = \"{commit}\"\n")
    };
    scratch.write(
        "recipes/mine.toml",
        child("[mptcp]\nrelease = \"0.95.2\"\n"),
    );
    scratch.xtask(&["--quiet", "lock", "mine"]).expect_code(0);
    let show = scratch.xtask(&["show", "mine"]);
    assert_run!("extended", scratch, show, 0);
    scratch.xtask(&["check", "mine"]).expect_code(0);

    // Without the release it is not the parent's.
    scratch.write("recipes/mine.toml", child(""));
    let run = scratch.xtask(&["--quiet", "lock", "mine"]).expect_code(1);
    assert!(run.stderr.contains("0.95.2"), "{}", run.stderr);
    // Another kind of source replaces the parent's.
    let tarball = "[source.tarball]\nurl = \"https://example.org/linux.tar.gz\"\n";
    scratch.write("recipes/mine.toml", format!("extends = \"oot\"\n{tarball}"));
    let run = scratch.xtask(&["check", "mine"]).expect_code(1);
    assert!(
        run.stderr.contains("source.tarball.sha256"),
        "{}",
        run.stderr
    );
}

#[test]
fn patches_of_a_child_replace_those_of_its_parent() {
    let scratch = Scratch::small();
    let served = Served::new(&scratch);
    let kernel = Kernel::out_of_tree();
    kernel.commit(&served.repository, "main", 0);
    let patch = "--- a/net/core/sock.c\n+++ b/net/core/sock.c\n@@ -1,2 +1,2 @@\n-one\n+ONE\n two\n";
    let url = served.url();
    let source = format!(
        "[source.git]\nurl = \"{url}\"\nbranch = \"main\"\n\n[[source.patches]]\nfile = \"0.patch\"\n"
    );
    let scratch = scratch.out_of_tree(&source);
    scratch.write("recipes/patches/0.patch", patch);
    scratch.write(
        "recipes/child.toml",
        "extends = \"oot\"\n\n[source]\npatches = []\n",
    );
    lock(&scratch).expect_code(0);
    scratch.xtask(&["--quiet", "lock", "child"]).expect_code(0);
    let child: serde_json::Value =
        toml::from_str(&scratch.read("recipes/child.lock")).expect("a lock");
    assert_ne!(child["source"]["tree"], locked(&scratch)["tree"]);
    assert!(child["source"]["patches"].is_null());
}
