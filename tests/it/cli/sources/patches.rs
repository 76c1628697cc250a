//! Patches: a part of the source, which fit or are refused.

use host::testing::{Behaviour, TestServer};
use model::digest::Sha256;

use super::{LOCK, assert_nothing_locked, assert_said, lock, locked};
use crate::cli::archive::{self, objects};
use crate::cli::{assert_run, each};
use crate::support::{Archive, Kernel, Release, Scratch, Served};

/// A patch that moves Linux on by one, as `git format-patch` writes it.
const NEXT: &str = "From 612d75f01e95867dc94ac4f9f230f6f1bd09c9ac Mon Sep 17 00:00:00 2001
From: Test <test@example.org>
Date: Thu, 1 Jan 2026 00:00:00 +0000
Subject: [PATCH] Linux 5.4.231

---
 Makefile | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

diff --git a/Makefile b/Makefile
index 612d75f01e95..9ac612d75f01 100644
--- a/Makefile
+++ b/Makefile
@@ -1,6 +1,6 @@
 # SPDX-License-Identifier: GPL-2.0
 VERSION = 5
 PATCHLEVEL = 4
-SUBLEVEL = 230
+SUBLEVEL = 231
 EXTRAVERSION =
 NAME = Fixture
-- 
2.47.3
";
/// A patch of a file with the lines one, two, three and so on to ten.
const FIVE: &str = "--- linux.orig/net/core/sock.c
+++ linux/net/core/sock.c
@@ -3,5 +3,5 @@
 three
 four
-five
+FIVE
 six
 seven
";

/// A project with recipe `oot`, whose source is a commit and patches on it.
struct Place {
    scratch: Scratch,
    _served: Served,
}

impl Place {
    /// One with these patches beside its recipe.
    fn new(patches: &[&str]) -> Self {
        Self::of(&Kernel::out_of_tree(), patches)
    }

    fn of(kernel: &Kernel, patches: &[&str]) -> Self {
        let names: Vec<_> = (0..patches.len())
            .map(|index| format!("{index}.patch"))
            .collect();
        let tables: String = names
            .iter()
            .map(|name| format!("\n[[source.patches]]\nfile = \"{name}\"\n"))
            .collect();
        let place = Self::with(kernel, &tables);
        for (name, patch) in names.iter().zip(patches) {
            place.write(name, patch);
        }
        place
    }

    /// One with these tables in its recipe.
    fn with(kernel: &Kernel, tables: &str) -> Self {
        let scratch = Scratch::small();
        let served = Served::new(&scratch);
        let commit = kernel.commit(&served.repository, "main", 0);
        let url = served.url();
        let source = format!("[source.git]\nurl = \"{url}\"\ncommit = \"{commit}\"\n{tables}");
        Self {
            scratch: scratch.out_of_tree(&source),
            _served: served,
        }
    }

    fn write(&self, name: &str, patch: &str) {
        self.scratch
            .write(&format!("recipes/patches/{name}"), patch);
    }
}

#[test]
fn patches_are_a_part_of_the_tree_that_is_locked() {
    let plain = Place::new(&[]);
    lock(&plain.scratch).expect_code(0);
    let plain = locked(&plain.scratch);
    let place = Place::new(&[NEXT, FIVE]);
    lock(&place.scratch).expect_code(0);
    let patched = locked(&place.scratch);
    assert_eq!(plain["kernel"], "5.4.230");
    assert_eq!(patched["kernel"], "5.4.231");
    assert_ne!(patched["tree"], plain["tree"]);
    assert_eq!(patched["git"]["commit"], plain["git"]["commit"]);
    let text = place.scratch.read(LOCK);
    insta::assert_snapshot!("patched_lock_file", place.scratch.stable(&text));
    let show = place.scratch.xtask(&["show", "oot"]);
    assert_run!("patched_show", place.scratch, show, 0);

    // A tree that has what they change is the same tree.
    let text = "one\ntwo\nthree\nfour\nFIVE\nsix\nseven\neight\nnine\nten\n";
    let same = Kernel::out_of_tree()
        .versioned("5.4.231")
        .with("net/core/sock.c", text);
    let same = Place::of(&same, &[]);
    lock(&same.scratch).expect_code(0);
    assert_eq!(locked(&same.scratch)["tree"], patched["tree"]);
}

#[test]
fn the_order_of_patches_is_that_of_the_recipe() {
    let back = NEXT.replace("SUBLEVEL = 231", "SUBLEVEL = 232");
    let back = back.replace("SUBLEVEL = 230", "SUBLEVEL = 231");
    let place = Place::new(&[NEXT, &back]);
    lock(&place.scratch).expect_code(0);
    assert_eq!(locked(&place.scratch)["kernel"], "5.4.232");
    let place = Place::new(&[&back, NEXT]);
    lock(&place.scratch).expect_code(1);
}

#[test]
fn a_hunk_may_be_a_few_lines_off() {
    for offset in 0..=3 {
        let moved = FIVE.replace(
            "@@ -3,5 +3,5 @@",
            &format!("@@ -{0},5 +{0},5 @@", 3 + offset),
        );
        let place = Place::new(&[&moved]);
        lock(&place.scratch).expect_code(0);
    }
}

/// What does not fit: snapshot, and the patches.
const MISFITS: &[(&str, &[&str])] = &[
    (
        "fuzz",
        &[
            "--- a/net/core/sock.c\n+++ b/net/core/sock.c\n@@ -3,5 +3,5 @@\n THREE\n four\n-five\n+FIVE\n six\n seven\n",
        ],
    ),
    (
        "far_offset",
        &[
            "--- a/net/core/sock.c\n+++ b/net/core/sock.c\n@@ -7,5 +7,5 @@\n three\n four\n-five\n+FIVE\n six\n seven\n",
        ],
    ),
    ("applied_already", &[NEXT, NEXT]),
    (
        "no_such_file",
        &["--- a/net/core/gone.c\n+++ b/net/core/gone.c\n@@ -1 +1 @@\n-one\n+ONE\n"],
    ),
    (
        "file_there_already",
        &["--- /dev/null\n+++ b/net/core/sock.c\n@@ -0,0 +1 @@\n+other\n"],
    ),
    ("empty", &[""]),
    ("only_words", &["This patch was lost.\n"]),
    (
        "cut_off",
        &["--- a/net/core/sock.c\n+++ b/net/core/sock.c\n@@ -3,5 +3,5 @@\n three\n four\n-five\n"],
    ),
    (
        "climbs",
        &["--- a/../../etc/passwd\n+++ b/../../etc/passwd\n@@ -1 +1 @@\n-one\n+ONE\n"],
    ),
    (
        "of_a_link",
        &["--- a/include/dt-bindings\n+++ b/include/dt-bindings\n@@ -1 +1 @@\n-one\n+ONE\n"],
    ),
    (
        "makes_a_link",
        &[
            "diff --git a/etc b/etc\nnew file mode 120000\nindex 0000000..9ac612d\n--- /dev/null\n+++ b/etc\n@@ -0,0 +1 @@\n+/etc\n\\ No newline at end of file\n",
        ],
    ),
    (
        "without_prefix",
        &["--- Makefile\n+++ Makefile\n@@ -4 +4 @@\n-SUBLEVEL = 230\n+SUBLEVEL = 231\n"],
    ),
    (
        "makes_another_release",
        &[
            "--- a/net/mptcp/mptcp_ctrl.c\n+++ b/net/mptcp/mptcp_ctrl.c\n@@ -1 +1 @@\n-\tpr_info(\"MPTCP: Stable release v0.96\");\n+\tpr_info(\"MPTCP: Stable release v0.95\");\n",
        ],
    ),
];

#[test]
fn a_patch_that_does_not_fit_is_refused() {
    each(
        MISFITS,
        |row| row.0.to_owned(),
        |(name, patches)| {
            let place = Place::new(patches);
            assert_said!(*name, place.scratch, lock(&place.scratch), 1);
            assert_nothing_locked(&place.scratch);
        },
    );
}

#[test]
fn a_patch_file_that_is_not_there_is_named_with_its_place() {
    let place = Place::new(&[FIVE]);
    place.scratch.remove("recipes/patches/0.patch");
    let check = place.scratch.xtask(&["check", "oot"]);
    assert_run!("patch_missing", place.scratch, check, 1);
    lock(&place.scratch).expect_code(1);
    assert_nothing_locked(&place.scratch);
}

#[test]
fn a_patch_that_was_changed_makes_the_lock_stale() {
    let place = Place::new(&[FIVE]);
    lock(&place.scratch).expect_code(0);
    place.scratch.xtask(&["check", "oot"]).expect_code(0);
    let before = locked(&place.scratch);
    place.write("0.patch", &FIVE.replace("+FIVE", "+Five"));
    for command in [&["check", "oot"][..], &["show", "oot"], &["build", "oot"]] {
        let run = place.scratch.xtask(command).expect_code(1);
        for word in ["changed after", "0.patch", "`cargo xtask lock oot`"] {
            assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
        }
    }
    let check = place.scratch.xtask(&["check", "oot"]);
    assert_run!("patch_changed", place.scratch, check, 1);
    let run = place.scratch.xtask(&["lock", "--check", "oot"]);
    assert_run!("patch_changed_lock_check", place.scratch, run, 1);
    lock(&place.scratch).expect_code(0);
    assert_ne!(locked(&place.scratch)["tree"], before["tree"]);
    place.scratch.xtask(&["check", "oot"]).expect_code(0);
}

#[test]
fn patches_come_from_elsewhere_too_by_their_hash() {
    let server = TestServer::serve([("next.patch", NEXT)]).expect("a free port");
    let url = server.url("next.patch");
    let table =
        |sha256: Sha256| format!("\n[[source.patches]]\nurl = \"{url}\"\nsha256 = \"{sha256}\"\n");
    let kernel = Kernel::out_of_tree();
    let place = Place::with(&kernel, &table(Sha256::of(NEXT)));
    lock(&place.scratch).expect_code(0);
    let source = locked(&place.scratch);
    assert_eq!(source["kernel"], "5.4.231");
    assert_eq!(source["patches"][0]["url"], *url);
    assert_eq!(objects(&place.scratch), [Sha256::of(NEXT).to_string()]);

    let wrong = Place::with(&kernel, &table(Sha256::of(FIVE)));
    assert_said!("patch_wrong_hash", wrong.scratch, lock(&wrong.scratch), 4);
    assert_nothing_locked(&wrong.scratch);
    assert_eq!(objects(&wrong.scratch), [""; 0]);
    server.behave("next.patch", Behaviour::Truncated(10));
    let broken = Place::with(&kernel, &table(Sha256::of(NEXT)));
    lock(&broken.scratch).expect_code(3);
    assert_nothing_locked(&broken.scratch);
}

#[test]
fn a_package_of_the_archive_can_be_patched_too() {
    let scratch = Scratch::small();
    let kernel = Kernel::upstream("6.12.9");
    let package = archive::source_of("6.12.9-1", kernel.tar().xz());
    let server = Archive::serve(
        &scratch,
        &[
            Release::new("stable", &[package]),
            Release::new("stable-updates", &[]),
        ],
    );
    let table = "[source.package]\nname = \"linux-source-6.12\"\n";
    let patched = format!("{table}\n[[source.patches]]\nfile = \"0.patch\"\n");
    scratch.replace("recipes/tiny.toml", table, &patched);
    scratch.write("recipes/patches/0.patch", FIVE);
    archive::lock(&scratch, &server, &["--quiet", "tiny"]).expect_code(0);
    let lock = scratch.read("recipes/tiny.lock");
    insta::assert_snapshot!("patched_package_lock_file", scratch.stable(&lock));
    scratch.xtask(&["check", "tiny"]).expect_code(0);
}
