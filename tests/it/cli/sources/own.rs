//! `--source`: a developer's own clone in place of the recipe's source.

use std::fs;

use camino::Utf8PathBuf;
use host::testing::git::TestRepository;

use super::{assert_said, locked};
use crate::cli::{assert_run, each};
use crate::support::{Kernel, Run, Scratch, Served};

/// A project with recipe `oot`, which is not locked, and a clone of a kernel.
struct Place {
    scratch: Scratch,
    clone: TestRepository,
}

impl Place {
    fn new() -> Self {
        Self::of(&Kernel::out_of_tree())
    }

    fn of(kernel: &Kernel) -> Self {
        let source =
            "[source.git]\nurl = \"https://git.example.org/mptcp.git\"\nbranch = \"main\"\n";
        let scratch = Scratch::small().out_of_tree(source);
        let folder = scratch.beside("clone");
        let clone = TestRepository::create(folder).expect("a repository can be made");
        kernel.commit(&clone, "main", 0);
        let place = Self { scratch, clone };
        place.git(&["checkout", "--quiet", "main"]);
        place
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.clone.git(arguments, b"").expect("git does it")
    }

    fn path(&self, path: &str) -> Utf8PathBuf {
        self.clone.folder().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).expect("a file can be written");
    }

    fn check(&self, source: &str) -> Run {
        self.scratch.xtask(&["check", "oot", "--source", source])
    }

    /// The identity of the plan with this source.
    #[track_caller]
    fn plan_of(&self, source: &str) -> String {
        let arguments = ["--format", "json", "check", "oot", "--source", source];
        let run = self.scratch.xtask(&arguments).expect_code(0);
        let id = run.json()[0]["plan_id"].as_str().map(str::to_owned);
        id.expect("a plan has an id")
    }

    /// The identity of the plan with the working tree.
    #[track_caller]
    fn plan(&self) -> String {
        self.plan_of(self.clone.folder().as_str())
    }
}

#[test]
fn a_clone_stands_for_a_source_that_is_not_locked() {
    let place = Place::new();
    let folder = place.clone.folder().to_string();
    assert_run!("own", place.scratch, place.check(&folder), 0);
    let plan = place.plan();
    for again in [
        &folder,
        &format!("{folder}@main"),
        &format!("{folder}@HEAD"),
        &format!("{folder}/"),
    ] {
        assert_eq!(place.plan_of(again), plan, "{again}");
    }
    let bare = place.scratch.beside("bare.git").to_string();
    place.git(&["clone", "--quiet", "--bare", ".", &bare]);
    assert_eq!(place.plan_of(&bare), plan);
    assert_eq!(place.plan_of(&format!("{bare}@main")), plan);
    let worktree = place.scratch.beside("other@place").to_string();
    place.git(&["worktree", "add", "--quiet", "--detach", &worktree]);
    assert_eq!(place.plan_of(&worktree), plan);
    assert_eq!(place.plan_of(&format!("{worktree}@main")), plan);
    assert!(!place.scratch.path("recipes/oot.lock").exists());
}

#[test]
fn it_is_no_plan_of_the_recipe_itself() {
    let scratch = Scratch::small();
    let served = Served::new(&scratch);
    let kernel = Kernel::out_of_tree();
    let commit = kernel.commit(&served.repository, "main", 0);
    let url = served.url();
    let source = format!("[source.git]\nurl = \"{url}\"\ncommit = \"{commit}\"\n");
    let scratch = scratch.out_of_tree(&source);
    super::lock(&scratch).expect_code(0);
    let plan = |arguments: &[&str]| {
        let arguments = [&["--format", "json", "check", "oot"], arguments].concat();
        scratch.xtask(&arguments).expect_code(0).json()[0]["plan_id"].clone()
    };
    let named = format!("{}@{commit}", served.repository.folder());
    assert_eq!(locked(&scratch)["git"]["commit"], *commit);
    // The same commit, but nothing pins it.
    assert_ne!(plan(&["--source", &named]), plan(&[]));
}

/// A change of the clone, and whether it changes the kernel.
type Change = (&'static str, bool, fn(&Place));

const CHANGES: &[Change] = &[
    ("a changed file", true, |place| {
        place.write("net/core/sock.c", "another\n");
    }),
    ("a staged file", true, |place| {
        place.write("net/core/sock.c", "another\n");
        place.git(&["add", "-A"]);
    }),
    ("a new file", true, |place| place.write("new.c", "int x;\n")),
    ("a file that is gone", true, |place| {
        fs::remove_file(place.path("net/core/sock.c")).expect("a file can be removed");
    }),
    ("an executable file", true, |place| {
        place.git(&["config", "core.fileMode", "false"]);
        Kernel::out_of_tree()
            .executable("net/core/sock.c")
            .write(place.clone.folder().as_std_path());
    }),
    ("an ignored file", false, |place| {
        place.write(".git/info/exclude", "*.o\n");
        place.write("net/core/sock.o", "object\n");
    }),
    ("the times of files", false, |place| {
        Kernel::out_of_tree().write(place.clone.folder().as_std_path());
    }),
    ("a hook", false, |place| {
        place.write(".git/hooks/post-checkout", "#!/bin/sh\nexit 1\n");
    }),
];

#[test]
fn a_working_tree_counts_with_all_that_was_changed_in_it() {
    each(
        CHANGES,
        |row| row.0.to_owned(),
        |(what, differs, change)| {
            let place = Place::new();
            let before = place.plan();
            change(&place);
            assert_eq!(place.plan() != before, *differs, "{what}");
            // A revision is what was committed.
            let committed = place.plan_of(&format!("{}@HEAD", place.clone.folder()));
            assert_eq!(committed, before, "{what}");
        },
    );
}

#[test]
fn a_revision_is_any_that_git_knows() {
    let place = Place::new();
    let first = place.git(&["rev-parse", "HEAD"]);
    place.git(&["tag", "-a", "-m", "x", "v0.96"]);
    let changed = Kernel::out_of_tree().with("net/core/sock.c", "another\n");
    changed.commit(&place.clone, "main", 60);
    let folder = place.clone.folder();
    let plan = place.plan_of(&format!("{folder}@{first}"));
    for revision in [&first[..10], "v0.96", "main~1", "HEAD^"] {
        let of = place.plan_of(&format!("{folder}@{revision}"));
        assert_eq!(of, plan, "{revision}");
    }
    assert_ne!(place.plan_of(&format!("{folder}@main")), plan);
}

/// What `--source` cannot name: snapshot, the change, and what it is given.
type Row = (&'static str, fn(&Place) -> String);

const WRONG: &[Row] = &[
    ("no_such_folder", |place| place.path("nothing").to_string()),
    ("no_clone", |place| {
        let folder = place.scratch.beside("plain");
        Kernel::out_of_tree().write(folder.as_std_path());
        folder.to_string()
    }),
    ("a_file", |place| place.path("Makefile").to_string()),
    ("below_the_top", |place| place.path("net").to_string()),
    ("unknown_revision", |place| {
        format!("{}@v0.97", place.clone.folder())
    }),
    ("empty_revision", |place| {
        format!("{}@", place.clone.folder())
    }),
    ("revision_like_an_option", |place| {
        format!("{}@--output=x", place.clone.folder())
    }),
    ("no_commit_yet", |place| {
        let folder = place.scratch.beside("fresh");
        TestRepository::create(&folder).expect("a repository can be made");
        folder.to_string()
    }),
    ("an_address", |_| {
        "https://git.example.org/mptcp.git".to_owned()
    }),
    ("own_not_linux", |place| {
        place.write("Makefile", "all:\n");
        place.clone.folder().to_string()
    }),
    ("own_without_mptcp", |place| {
        for file in ["net/mptcp/Kconfig", "net/mptcp/mptcp_ctrl.c"] {
            fs::remove_file(place.path(file)).expect("a file can be removed");
        }
        place.clone.folder().to_string()
    }),
    ("own_of_the_other_line", |place| {
        fs::remove_file(place.path("net/mptcp/mptcp_ctrl.c")).expect("a file can be removed");
        place.clone.folder().to_string()
    }),
    ("own_of_another_release", |place| {
        let ctrl = "\tpr_info(\"MPTCP: Stable release v0.95.2\");\n";
        place.write("net/mptcp/mptcp_ctrl.c", ctrl);
        place.clone.folder().to_string()
    }),
];

#[test]
fn what_is_no_clone_of_such_a_kernel_is_refused() {
    each(
        WRONG,
        |row| row.0.to_owned(),
        |(name, spoil)| {
            let place = Place::new();
            let source = spoil(&place);
            assert_said!(*name, place.scratch, place.check(&source), 1);
        },
    );
}

#[test]
fn a_source_is_for_one_recipe() {
    let place = Place::new();
    let folder = place.clone.folder().as_str();
    let several = place
        .scratch
        .xtask(&["check", "oot", "tiny", "--source", folder]);
    assert_run!("two_recipes", place.scratch, several, 2);
    let all = place.scratch.xtask(&["check", "--source", folder]);
    assert_eq!(all.code, 2, "{}", all.text());
}

#[test]
fn a_build_of_it_only_lacks_the_engine() {
    let place = Place::new();
    let folder = place.clone.folder().as_str();
    let build = ["build", "oot", "--no-smoke", "--source", folder];
    let run = place.scratch.xtask(&build).expect_code(3);
    assert!(run.stderr.contains("engine"), "{}", run.stderr);
    let wrong = ["build", "oot", "--no-smoke", "--source", "nowhere"];
    place.scratch.xtask(&wrong).expect_code(1);
}
