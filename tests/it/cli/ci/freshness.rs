//! What fell behind: git servers and archives that have something newer, or do not answer.

use host::testing::TestServer;
use host::testing::git::GitBehaviour;
use model::digest::Sha256;

use crate::support::{Archive, Kernel, Package, Release, Run, Scratch, Served};

/// A project with recipe `oot`, locked at `reference` of a repository with one commit.
struct Place {
    scratch: Scratch,
    served: Served,
}

impl Place {
    fn new(reference: &str, tags: &[&str]) -> Self {
        let scratch = Scratch::small();
        let served = Served::new(&scratch);
        Kernel::out_of_tree().commit(&served.repository, "main", 0);
        let source = format!("[source.git]\nurl = \"{}\"\n{reference}\n", served.url());
        let place = Self {
            scratch: scratch.out_of_tree(&source),
            served,
        };
        for tag in tags {
            place.tag(tag);
        }
        place.scratch.xtask(&["lock", "oot"]).expect_code(0);
        place
    }

    /// An annotated tag of the newest commit.
    fn tag(&self, name: &str) {
        let arguments = ["tag", "--force", "-a", "-m", "x", name, "main"];
        let done = self.served.repository.git(&arguments, b"");
        done.expect("git does it");
    }

    fn move_on(&self) -> String {
        let kernel = Kernel::out_of_tree().with("net/core/sock.c", "another\n");
        kernel.commit(&self.served.repository, "main", 60)
    }

    fn ask(&self) -> Run {
        self.scratch
            .xtask(&["--quiet", "--format", "json", "ci", "freshness", "oot"])
    }
}

/// What is told of the one recipe.
#[track_caller]
fn row(run: &Run) -> (String, String) {
    let rows = run.json();
    let [row] = &rows.as_array().expect("rows")[..] else {
        panic!("one row is expected: {rows}");
    };
    let told = row["told"].as_array().expect("lines").iter();
    let told: Vec<_> = told.map(|line| line.as_str().expect("text")).collect();
    let state = row["state"].as_str().expect("a state");
    (state.to_owned(), told.join("\n"))
}

#[test]
fn a_tag_is_compared_with_those_of_its_series() {
    let place = Place::new("tag = \"v0.96\"", &["v0.96"]);
    // Of other series, and no releases.
    for tag in [
        "v0.95.9",
        "v0.960",
        "v0.96-rc1",
        "v0.96.x",
        "0.96.4",
        "old/v0.96.5",
    ] {
        place.tag(tag);
    }
    assert_eq!(row(&place.ask().expect_code(0)).0, "current");
    place.move_on();
    for tag in ["v0.96.2", "v0.96.10", "v0.96.9"] {
        place.tag(tag);
    }
    let run = place.ask().expect_code(1);
    let expected = "v0.96: locked v0.96, now there is tag v0.96.10";
    assert_eq!(row(&run), ("behind".to_owned(), expected.to_owned()));
    assert!(run.stderr.contains("the locks of oot"), "{}", run.stderr);
    let text = place.scratch.xtask(&["--quiet", "ci", "freshness", "oot"]);
    assert_eq!(text.stdout, format!("oot: BEHIND\n  {expected}\n"));
}

#[test]
fn a_tag_that_moved_is_told() {
    let place = Place::new("tag = \"v0.96\"", &["v0.96"]);
    let now = place.move_on();
    place.tag("v0.96");
    let (state, told) = row(&place.ask().expect_code(1));
    assert_eq!(state, "behind");
    assert!(
        told.starts_with("tag v0.96: locked ") && told.ends_with(&now),
        "{told}"
    );
}

#[test]
fn a_commit_is_compared_with_the_tags_of_its_release() {
    let place = Place::new("branch = \"main\"", &[]);
    let commit = place.served.repository.git(&["rev-parse", "main"], b"");
    let commit = commit.expect("a commit");
    let place = Place::new(&format!("commit = \"{commit}\""), &["v0.96"]);
    assert_eq!(row(&place.ask().expect_code(0)).0, "current");
    place.tag("v0.96.1");
    assert_eq!(row(&place.ask().expect_code(1)).0, "behind");
}

#[test]
fn a_branch_is_compared_with_its_tip() {
    let place = Place::new("branch = \"main\"", &["v0.96"]);
    assert_eq!(row(&place.ask().expect_code(0)).0, "current");
    // Whoever follows a branch is not told of tags.
    place.tag("v0.96.1");
    assert_eq!(row(&place.ask().expect_code(0)).0, "current");
    let now = place.move_on();
    let (state, told) = row(&place.ask().expect_code(1));
    assert_eq!(state, "behind");
    assert!(
        told.starts_with("branch main: locked ") && told.ends_with(&now),
        "{told}"
    );
}

#[test]
fn who_cannot_be_asked_is_unknown_and_never_current() {
    let place = Place::new("tag = \"v0.96\"", &["v0.96"]);
    for behaviour in [
        GitBehaviour::Cut(40),
        GitBehaviour::Redirect("http://127.0.0.1:9".to_owned()),
    ] {
        place.served.server.behave(behaviour.clone());
        let run = place.ask().expect_code(3);
        assert_eq!(row(&run).0, "unknown", "{behaviour:?}");
        assert!(run.stderr.contains("upstream of oot"), "{}", run.stderr);
    }
    place.served.server.behave(GitBehaviour::Normal);
    let gone = ["tag", "--delete", "v0.96"];
    place
        .served
        .repository
        .git(&gone, b"")
        .expect("git does it");
    let (state, told) = row(&place.ask().expect_code(3));
    assert_eq!(state, "unknown");
    assert!(told.contains("has none of that name"), "{told}");
    let Place { scratch, served } = place;
    drop(served);
    let run = scratch.xtask(&["--quiet", "--format", "json", "ci", "freshness", "oot"]);
    let (state, told) = row(&run.expect_code(3));
    assert_eq!(state, "unknown");
    assert!(told.contains("cannot be reached"), "{told}");
    assert!(!told.contains('\n'), "{told}");
}

#[test]
fn a_tarball_has_nobody_to_ask() {
    let bytes = Kernel::out_of_tree().tar().gz();
    let sha256 = Sha256::of(&bytes);
    let server = TestServer::serve([("linux.tar.gz", bytes)]).expect("a free port");
    let url = server.url("linux.tar.gz");
    let source = format!("[source.tarball]\nurl = \"{url}\"\nsha256 = \"{sha256}\"\n");
    let scratch = Scratch::small().out_of_tree(&source);
    scratch.xtask(&["lock", "oot"]).expect_code(0);
    drop(server);
    let run = scratch.xtask(&["--quiet", "ci", "freshness", "oot"]);
    let run = run.expect_code(0);
    assert!(
        run.stdout.starts_with("oot: cannot be asked\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn one_that_is_unknown_hides_none_of_the_others() {
    let source = |version: &str| Package::new("linux-source-6.12", version);
    let place = Place::new("tag = \"v0.96\"", &["v0.96"]);
    let suites = |versions: &[&str]| {
        let packages: Vec<_> = versions.iter().map(|version| source(version)).collect();
        [
            Release::new("stable", &packages),
            Release::new("stable-updates", &[]),
        ]
    };
    let archive = Archive::serve(&place.scratch, &suites(&["6.12.9-1"]));
    let mirror = archive.mirror();
    let xtask = |arguments: &[&str]| {
        let arguments = [&["--quiet", "--mirror", &mirror], arguments].concat();
        place.scratch.xtask(&arguments)
    };
    xtask(&["lock", "tiny"]).expect_code(0);
    let run = xtask(&["ci", "freshness", "tiny", "oot"]).expect_code(0);
    assert_eq!(run.stdout, "tiny: current\noot: current\n");

    for suite in suites(&["6.12.9-1", "6.12.10-1"]) {
        archive.publish(&suite.later(1));
    }
    let run = xtask(&["ci", "freshness", "tiny", "oot"]).expect_code(1);
    let behind = "tiny: BEHIND\n  linux-source-6.12: locked 6.12.9-1, now 6.12.10-1\n";
    assert_eq!(run.stdout, format!("{behind}oot: current\n"));

    place.served.server.behave(GitBehaviour::Cut(40));
    let run = xtask(&["ci", "freshness", "oot", "tiny"]).expect_code(3);
    assert!(run.stdout.starts_with("oot: UNKNOWN\n  "), "{}", run.stdout);
    assert!(run.stdout.ends_with(behind), "{}", run.stdout);

    // Whose signature is wrong is worse than one who is not there.
    archive.put_release("stable", "no signature\n");
    let run = xtask(&["ci", "freshness", "tiny"]).expect_code(4);
    assert!(
        run.stdout.starts_with("tiny: UNKNOWN\n  "),
        "{}",
        run.stdout
    );
}

#[test]
fn without_a_mirror_nothing_is_known() {
    let scratch = Scratch::small();
    let run = scratch.xtask(&["--quiet", "ci", "freshness", "tiny"]);
    let run = run.expect_code(3);
    assert!(
        run.stdout.starts_with("tiny: UNKNOWN\n  "),
        "{}",
        run.stdout
    );
}

#[test]
fn what_is_not_locked_is_told_and_what_is_wrong_is_an_error() {
    let place = Place::new("tag = \"v0.96\"", &["v0.96"]);
    place.scratch.remove("recipes/oot.lock");
    let (state, told) = row(&place.ask().expect_code(0));
    assert_eq!(state, "not-locked");
    assert!(told.starts_with("needs tag v0.96 of "), "{told}");
    place
        .scratch
        .replace("recipes/oot.toml", "summary =", "sumary =");
    let run = place.ask().expect_code(1);
    assert!(
        run.stderr.contains("sumary") && run.stdout.is_empty(),
        "{}",
        run.text()
    );
}
