//! Real repositories, a real server, and what is wrong with both.

mod hostile;
mod local;

use std::cell::Cell;
use std::io::Read;

use super::*;
use crate::category::Category;
use crate::testing::git::{COMMITTED, GitBehaviour, GitServer, TestRepository};
use crate::testing::{Behaviour, TestServer};

/// Some folders that are gone after the test: `server`, whose repository `a` is served, and a cache.
struct Place {
    _keep: tempfile::TempDir,
    root: Utf8PathBuf,
    server: GitServer,
    origin: TestRepository,
    repositories: Repositories,
}

fn place() -> Place {
    let keep = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(keep.path()).unwrap();
    let root = root.canonicalize_utf8().unwrap();
    let origin = TestRepository::create(root.join("server/a")).unwrap();
    Place {
        server: GitServer::serve(&root.join("server")).unwrap(),
        repositories: Repositories::new(&root.join("cache"), Cancel::new()),
        origin,
        root,
        _keep: keep,
    }
}

impl Place {
    fn url(&self) -> GitUrl {
        self.server.url("a/.git").parse().unwrap()
    }

    fn file_url(&self) -> GitUrl {
        format!("file://{}", self.origin.folder()).parse().unwrap()
    }

    fn fetch(&self, commit: &CommitId) -> Result<Repository, GitError> {
        self.repositories.fetch(&self.url(), commit, &|_| ())
    }

    /// The names below the cache's folder.
    fn cached(&self) -> Vec<String> {
        let Ok(entries) = self.root.join("cache/git").read_dir_utf8() else {
            return Vec::new();
        };
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().to_owned())
            .filter(|name| !name.ends_with(".lock"))
            .collect();
        names.sort();
        names
    }
}

/// All files of a commit: path, kind, content.
fn contents(
    repository: &Repository,
    commit: &CommitId,
) -> Result<Vec<(String, FileKind, String)>, GitError> {
    let mut found = Vec::new();
    repository.files(commit, &mut |file, content| {
        let mut text = String::new();
        content.read_to_string(&mut text)?;
        assert_eq!(text.len() as u64, file.size);
        found.push((file.path.clone(), file.kind, text));
        Ok(())
    })?;
    Ok(found)
}

fn refusal(error: &GitError) -> Refusal {
    match error {
        GitError::Server { refusal, said, .. } => {
            assert!(!said.contains(char::is_control), "{said}");
            *refusal
        }
        other => panic!("{other}"),
    }
}

fn tag(name: &str) -> Reference {
    Reference::Tag(name.parse().unwrap())
}

fn branch(name: &str) -> Reference {
    Reference::Branch(name.parse().unwrap())
}

#[test]
fn a_commit_is_fetched_without_its_history_and_used_offline() {
    let place = place();
    let first = place.origin.commit("main", &[("a", "100644", "old")]);
    let commit = place
        .origin
        .commit("main", &[("a", "100644", "new")])
        .unwrap();
    assert!(place.repositories.find(&commit).is_none());
    let progress = Cell::new(0);
    let url = place.url();
    place
        .repositories
        .fetch(&url, &commit, &|bytes| progress.set(bytes))
        .unwrap();
    assert!(progress.get() > 0);
    let requests = place.server.log().len();
    let again = place.fetch(&commit).unwrap();
    assert_eq!(place.server.log().len(), requests, "it was there");

    drop(place.server);
    let found = place.repositories.find(&commit).unwrap();
    for repository in [again, found] {
        let found = contents(&repository, &commit).unwrap();
        assert_eq!(
            found,
            [("a".to_owned(), FileKind::Regular, "new".to_owned())]
        );
        let found = repository.commit(commit.as_str()).unwrap();
        assert_eq!((found.id, found.timestamp), (commit.clone(), COMMITTED));
        let error = repository.commit(first.as_ref().unwrap().as_str());
        assert!(matches!(error, Err(GitError::UnknownRevision { .. })));
    }
    assert!(place.repositories.find(&first.unwrap()).is_none());
}

#[test]
fn a_commit_is_fetched_from_a_folder_and_by_an_old_server() {
    let place = place();
    place
        .origin
        .commit("main", &[("a", "100644", "old")])
        .unwrap();
    let commit = place
        .origin
        .commit("main", &[("a", "100755", "new")])
        .unwrap();
    let url = place.file_url();
    place.repositories.fetch(&url, &commit, &|_| ()).unwrap();
    place.server.behave(GitBehaviour::WithoutVersion2);
    let other = Repositories::new(&place.root.join("other"), Cancel::new());
    let repository = other.fetch(&place.url(), &commit, &|_| ()).unwrap();
    assert_eq!(
        contents(&repository, &commit).unwrap(),
        [("a".to_owned(), FileKind::Executable, "new".to_owned())]
    );
}

#[test]
fn all_tags_are_listed_with_the_commits_behind_them() {
    let place = place();
    let files = |content| [("a", "100644", content)];
    let old = place.origin.commit("main", &files("old")).unwrap();
    let new = place.origin.commit("main", &files("new")).unwrap();
    assert_eq!(place.repositories.tags(&place.url()).unwrap(), [].into());
    let git = |arguments: &[&str]| place.origin.git(arguments, b"").unwrap();
    git(&["tag", "v0.95", old.as_str()]);
    git(&["tag", "-a", "-m", "x", "v0.95.1", new.as_str()]);
    git(&["tag", "-a", "-m", "x", "twice", "v0.95.1"]);
    // No recipe can name it.
    git(&["tag", "odd!name", old.as_str()]);
    git(&["branch", "refs/tags/hidden", new.as_str()]);
    let expected = [("v0.95", &old), ("v0.95.1", &new), ("twice", &new)];
    let expected: BTreeMap<RefName, CommitId> = expected
        .into_iter()
        .map(|(name, id)| (name.parse().unwrap(), id.clone()))
        .collect();
    for behaviour in [GitBehaviour::Normal, GitBehaviour::WithoutVersion2] {
        place.server.behave(behaviour);
        for url in [place.url(), place.file_url()] {
            assert_eq!(place.repositories.tags(&url).unwrap(), expected);
        }
    }
    assert!(place.cached().is_empty());
    place.server.behave(GitBehaviour::Cut(40));
    let error = place.repositories.tags(&place.url()).unwrap_err();
    assert_eq!(error.category(), Category::Host, "{error}");
    let gone = place.server.url("gone/.git").parse().unwrap();
    let error = place.repositories.tags(&gone).unwrap_err();
    assert_eq!(refusal(&error), Refusal::NoRepository);
}

#[test]
fn the_hosts_git_tells_its_version() {
    let version = version(&Cancel::new()).unwrap();
    assert!(
        version.starts_with(|c: char| c.is_ascii_digit()),
        "{version}"
    );
}

#[test]
fn tags_and_branches_resolve_to_commits_by_their_exact_names() {
    let place = place();
    let old = place
        .origin
        .commit("main", &[("a", "100644", "old")])
        .unwrap();
    let new = place
        .origin
        .commit("main", &[("a", "100644", "new")])
        .unwrap();
    let git = |arguments: &[&str]| place.origin.git(arguments, b"").unwrap();
    git(&["tag", "light", old.as_str()]);
    git(&["tag", "-a", "-m", "x", "annotated", old.as_str()]);
    git(&["tag", "-a", "-m", "x", "twice", "annotated"]);
    // Names that end like those that are asked for.
    git(&["branch", "refs/heads/hidden", new.as_str()]);
    git(&["branch", "refs/tags/light", new.as_str()]);
    git(&["branch", "refs/tags/hidden", new.as_str()]);

    let resolve = |url: &GitUrl, reference| place.repositories.resolve(url, &reference);
    for behaviour in [GitBehaviour::Normal, GitBehaviour::WithoutVersion2] {
        place.server.behave(behaviour);
        for url in [place.url(), place.file_url()] {
            assert_eq!(resolve(&url, tag("light")).unwrap(), old);
            assert_eq!(resolve(&url, tag("annotated")).unwrap(), old);
            assert_eq!(resolve(&url, tag("twice")).unwrap(), old);
            assert_eq!(resolve(&url, branch("main")).unwrap(), new);
            for missing in [
                tag("main"),
                branch("light"),
                branch("hidden"),
                tag("hidden"),
            ] {
                let error = resolve(&url, missing).unwrap_err();
                assert!(matches!(error, GitError::NoReference { .. }), "{error}");
                assert_eq!(error.category(), Category::Input);
            }
        }
    }
    assert!(place.cached().is_empty());
    let requests = place.server.log().len();
    let given = resolve(&place.url(), Reference::Commit(old.clone())).unwrap();
    assert_eq!((given, place.server.log().len()), (old, requests));
}

/// A commit that no branch leads to any more, and one that only has a newer one on top.
fn forced_away(place: &Place) -> (CommitId, CommitId) {
    let gone = place
        .origin
        .commit("main", &[("a", "100644", "gone")])
        .unwrap();
    place
        .origin
        .git(&["update-ref", "-d", "refs/heads/main"], b"")
        .unwrap();
    let below = place
        .origin
        .commit("main", &[("a", "100644", "x")])
        .unwrap();
    place
        .origin
        .commit("main", &[("a", "100644", "y")])
        .unwrap();
    (gone, below)
}

#[test]
fn version_2_gives_whatever_is_there() {
    let place = place();
    let (gone, below) = forced_away(&place);
    place.fetch(&below).unwrap();
    let repository = place.fetch(&gone).unwrap();
    assert_eq!(contents(&repository, &gone).unwrap()[0].2, "gone");

    let absent: CommitId = "00112233445566778899aabbccddeeff00112233".parse().unwrap();
    let error = place.fetch(&absent).unwrap_err();
    assert_eq!(refusal(&error), Refusal::NoCommit, "{error}");
    assert_eq!(error.category(), Category::Input);
    let error = place
        .repositories
        .fetch(&place.file_url(), &absent, &|_| ());
    assert_eq!(refusal(&error.unwrap_err()), Refusal::NoCommit);
    assert!(place.repositories.find(&absent).is_none());
}

#[test]
fn an_old_server_gives_what_it_is_told_to() {
    let place = place();
    let (gone, below) = forced_away(&place);
    place.server.behave(GitBehaviour::WithoutVersion2);
    for commit in [&gone, &below] {
        let error = place.fetch(commit).unwrap_err();
        assert_eq!(refusal(&error), Refusal::NoIds, "{error}");
        assert!(
            error.to_string().contains("allowReachableSHA1InWant"),
            "{error}"
        );
        assert_eq!(error.category(), Category::Host);
    }
    let allow = |what: &str| place.origin.git(&["config", what, "true"], b"").unwrap();
    allow("uploadpack.allowReachableSHA1InWant");
    place.fetch(&below).unwrap();
    let error = place.fetch(&gone).unwrap_err();
    assert_eq!(refusal(&error), Refusal::NoCommit, "{error}");
    assert!(error.to_string().contains("allowAnySHA1InWant"), "{error}");
    assert_eq!(place.cached(), [format!("{below}.git")]);

    allow("uploadpack.allowAnySHA1InWant");
    place.fetch(&gone).unwrap();
}

#[test]
fn an_id_of_something_else_is_no_commit() {
    let place = place();
    place
        .origin
        .commit("main", &[("a", "100644", "x")])
        .unwrap();
    place
        .origin
        .git(&["tag", "-a", "-m", "x", "tag", "main"], b"")
        .unwrap();
    for other in ["tag", "main^{tree}", "main:a"] {
        let id = place.origin.git(&["rev-parse", other], b"").unwrap();
        let error = place.fetch(&id.parse().unwrap()).unwrap_err();
        assert_eq!(error.category(), Category::Input, "{error}");
        assert!(
            error.to_string().contains("a commit is expected"),
            "{error}"
        );
    }
    assert!(place.cached().is_empty());
}

#[test]
fn what_the_server_says_is_told_apart() {
    let place = place();
    let commit = place
        .origin
        .commit("main", &[("a", "100644", "x")])
        .unwrap();
    let http = TestServer::serve([("x", "")]).unwrap();
    let asked = "a/info/refs?service=git-upload-pack";
    let expect = |url: &str, expected: Refusal, category: Category| {
        let url = url.parse().unwrap();
        let errors = [
            place
                .repositories
                .fetch(&url, &commit, &|_| ())
                .unwrap_err(),
            place.repositories.resolve(&url, &tag("x")).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(refusal(&error), expected, "{error}");
            assert_eq!(error.category(), category);
            assert!(error.to_string().contains(url.as_str()), "{error}");
        }
    };
    expect(&http.url("none"), Refusal::NoRepository, Category::Input);
    http.behave(asked, Behaviour::Status(401));
    expect(&http.url("a"), Refusal::NoRepository, Category::Input);
    http.behave(asked, Behaviour::Status(503));
    expect(&http.url("a"), Refusal::Unreachable, Category::Host);
    expect(
        "file:///nonexistent/a",
        Refusal::NoRepository,
        Category::Input,
    );
    let closed = http.url("a");
    drop(http);
    expect(&closed, Refusal::Unreachable, Category::Host);

    // A redirect that a trusting client would follow.
    let place_url = place.url();
    let other = GitServer::serve(&place.root).unwrap();
    other.behave(GitBehaviour::Redirect(
        place.server.url("").trim_end_matches('/').to_owned(),
    ));
    let requests = place.server.log().len();
    expect(&other.url("a/.git"), Refusal::Redirect, Category::Input);
    assert_eq!(place.server.log().len(), requests);
    let followed = ["ls-remote", &other.url("a/.git"), "main"];
    assert!(
        !place.origin.git(&followed, b"").unwrap().is_empty(),
        "it leads there"
    );
    place
        .repositories
        .fetch(&place_url, &commit, &|_| ())
        .unwrap();
}

#[test]
fn a_fetch_that_fails_leaves_nothing() {
    let place = place();
    let noise: String = (0..20_000_u32)
        .map(|n| format!("{:x}", n.wrapping_mul(2_654_435_761)))
        .collect();
    let commit = place
        .origin
        .commit("main", &[("a", "100644", &noise)])
        .unwrap();
    place.server.behave(GitBehaviour::Cut(5000));
    let error = place.fetch(&commit).unwrap_err();
    assert_eq!(refusal(&error), Refusal::Unreachable, "{error}");
    assert!(place.cached().is_empty());

    place.server.behave(GitBehaviour::Silent);
    let cancel = Cancel::new();
    let stopped = Repositories::new(&place.root.join("cache"), cancel.clone());
    let url = place.url();
    let watch = Stopwatch::start();
    // The progress is asked for while the server is silent.
    let error = stopped.fetch(&url, &commit, &|_| cancel.cancel());
    assert!(matches!(error, Err(GitError::Interrupted(_))));
    assert!(watch.elapsed() < Duration::from_secs(10));
    assert!(place.cached().is_empty());
    assert!(place.repositories.find(&commit).is_none());
}

#[test]
fn leftovers_of_the_dead_are_removed_and_those_of_the_living_are_not() {
    let place = place();
    let commit = place
        .origin
        .commit("main", &[("a", "100644", "x")])
        .unwrap();
    let git = place.root.join("cache/git");
    let (dead, living) = ("1".repeat(40), "2".repeat(40));
    for name in [&dead, &living, commit.as_str()] {
        let partial = git.join(format!("{name}.partial"));
        fs::create_dir_all(partial.join("objects/pack")).unwrap();
        fs::write(partial.join("HEAD"), "garbage").unwrap();
    }
    let locked = |name: &str| File::create(git.join(format!("{name}.lock"))).unwrap();
    drop(locked(&dead));
    let lock = locked(&living);
    lock.lock().unwrap();
    place.fetch(&commit).unwrap();
    assert_eq!(
        place.cached(),
        [format!("{living}.partial"), format!("{commit}.git")]
    );
}

#[test]
fn many_may_fetch_the_same_commit() {
    let place = place();
    let commit = place
        .origin
        .commit("main", &[("a", "100644", "x")])
        .unwrap();
    std::thread::scope(|scope| {
        let fetch = || {
            contents(&place.fetch(&commit).unwrap(), &commit)
                .unwrap()
                .len()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(fetch)).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 1);
        }
    });
    assert_eq!(place.cached(), [format!("{commit}.git")]);
    let packs = place
        .server
        .log()
        .iter()
        .filter(|line| line.ends_with("info/refs?service=git-upload-pack"))
        .count();
    assert_eq!(packs, 1, "one of them fetched it");

    // Waiting for another one can be stopped.
    let other: CommitId = "3".repeat(40).parse().unwrap();
    let lock = File::create(place.root.join(format!("cache/git/{other}.lock"))).unwrap();
    lock.lock().unwrap();
    let cancel = Cancel::new();
    let waiting = Repositories::new(&place.root.join("cache"), cancel.clone());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            cancel.cancel();
        });
        let error = waiting.fetch(&place.url(), &other, &|_| ());
        assert!(matches!(error, Err(GitError::Interrupted(_))));
    });
}

#[test]
fn a_user_behind_a_proxy_is_served() {
    let network = |variables: &[(&str, &str)]| {
        command::network(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    };
    let loopback = "localhost,127.0.0.1,::1,[::1]";
    assert_eq!(network(&[]), [("no_proxy", loopback.to_owned())]);
    let found = network(&[
        ("HTTP_PROXY", "http://proxy:1"),
        ("https_proxy", "http://proxy:2"),
        ("NO_PROXY", "example.org"),
        ("SSL_CERT_FILE", "/certificates"),
        ("GIT_SSL_CAPATH", "/folder"),
        ("SSL_CERT_DIR", "/other"),
        ("GIT_SSL_NO_VERIFY", "1"),
    ]);
    let expected = [
        ("https_proxy", "http://proxy:2"),
        ("http_proxy", "http://proxy:1"),
        ("no_proxy", "example.org,localhost,127.0.0.1,::1,[::1]"),
        ("GIT_SSL_CAINFO", "/certificates"),
        ("GIT_SSL_CAPATH", "/folder"),
    ];
    assert_eq!(
        found,
        expected.map(|(name, value)| (name, value.to_owned()))
    );
    let everything = network(&[("no_proxy", "*")]);
    assert_eq!(everything, [("no_proxy", "*".to_owned())]);
}
