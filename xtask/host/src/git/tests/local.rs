//! Reading repositories of this host.

use std::io;
use std::os::unix::fs::symlink;

use super::*;

/// A repository `a` with these files in its branch `main`, all checked out.
fn clone(place: &Place, files: &[(&str, &str, &str)]) -> (Repository, CommitId) {
    let commit = place.origin.commit("main", files).unwrap();
    place
        .origin
        .git(&["reset", "--hard", "--quiet"], b"")
        .unwrap();
    (open(place), commit)
}

fn open(place: &Place) -> Repository {
    Repository::local(place.origin.folder(), Cancel::new()).unwrap()
}

#[test]
fn all_kinds_of_files_come_as_they_were_committed() {
    let place = place();
    let files = [
        (
            ".gitattributes",
            "100644",
            "* export-subst\nsecret export-ignore\n*.txt text eol=crlf\n",
        ),
        ("a b/c\nd", "100644", "newline in a name"),
        ("a.txt", "100644", "$Format:%H$\n"),
        ("bin/run", "100755", "#!/bin/sh\n"),
        ("deep/er/and/deep/er", "100644", "x"),
        ("empty", "100644", ""),
        ("link", "120000", "../outside"),
        ("quote\"\\", "100644", "x"),
        ("secret", "100644", "exported all the same"),
        ("é", "100644", "é"),
    ];
    let (repository, commit) = clone(&place, &files);
    assert!(!repository.is_bare());
    let expected = files.map(|(path, mode, text)| {
        let kind = match mode {
            "100755" => FileKind::Executable,
            "120000" => FileKind::Symlink,
            _ => FileKind::Regular,
        };
        (path.to_owned(), kind, text.to_owned())
    });
    assert_eq!(contents(&repository, &commit).unwrap(), expected);
    assert_eq!(
        contents(&place.fetch(&commit).unwrap(), &commit).unwrap(),
        expected
    );
    let listed = repository.working_tree().unwrap();
    assert_eq!(listed, files.map(|(path, ..)| path));
    let bare = Repository::local(&place.origin.folder().join(".git"), Cancel::new()).unwrap();
    assert!(bare.is_bare());
    assert_eq!(contents(&bare, &commit).unwrap(), expected);
    assert!(matches!(bare.working_tree(), Err(GitError::Bare { .. })));
}

#[test]
fn a_visitor_may_read_a_part_and_may_stop() {
    let place = place();
    let long = "long ".repeat(100_000);
    let files = [
        ("a", "100644", long.as_str()),
        ("b", "100644", "b"),
        ("c", "100644", &long),
    ];
    let (repository, commit) = clone(&place, &files);
    let mut seen = String::new();
    repository
        .files(&commit, &mut |_, content| {
            let mut byte = [0];
            content.read_exact(&mut byte)?;
            seen.push(char::from(byte[0]));
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, "lbl");

    let watch = Stopwatch::start();
    let error = repository
        .files(&commit, &mut |file, _| match file.path.as_str() {
            "b" => Err(io::Error::other("the disk is full")),
            _ => Ok(()),
        })
        .unwrap_err();
    assert!(
        matches!(&error, GitError::Visit { path, .. } if path == "b"),
        "{error}"
    );
    assert!(watch.elapsed() < Duration::from_secs(5));

    // A visitor that has more to read than there is gets an end, not the next file.
    let mut all = String::new();
    let read = &mut |_: &TreeFile, content: &mut dyn Read| {
        content.take(1 << 30).read_to_string(&mut all).map(drop)
    };
    repository.files(&commit, read).unwrap();
    assert_eq!(all, format!("{long}b{long}"));
}

#[test]
fn revisions_are_looked_up_and_options_are_not() {
    let place = place();
    let old = place
        .origin
        .commit("main", &[("a", "100644", "old")])
        .unwrap();
    let (repository, new) = clone(&place, &[("a", "100644", "new")]);
    place
        .origin
        .git(&["tag", "-a", "-m", "x", "v1", old.as_str()], b"")
        .unwrap();
    let id = |revision: &str| repository.commit(revision).map(|commit| commit.id);
    for (revision, expected) in [
        ("HEAD", &new),
        ("main", &new),
        ("v1", &old),
        ("HEAD~1", &old),
        (old.as_str(), &old),
        (&old.as_str()[..10], &old),
    ] {
        assert_eq!(&id(revision).unwrap(), expected, "{revision}");
    }
    let absent = "4".repeat(40);
    for revision in [
        "none",
        "",
        "--all",
        "-h",
        "--git-dir",
        "--help",
        "HEAD..v1",
        "^HEAD",
        "HEAD v1",
        "HEAD:a",
        "main\nv1",
        "main\0",
        &absent,
    ] {
        let error = id(revision).unwrap_err();
        assert!(matches!(error, GitError::UnknownRevision { .. }), "{error}");
        assert_eq!(error.category(), Category::Input);
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
    let absent = absent.parse().unwrap();
    assert!(contents(&repository, &absent).is_err());
}

#[test]
fn the_working_tree_is_what_is_there_now() {
    let place = place();
    let files = [
        (".gitignore", "100644", "*.o\n/link/\n"),
        ("changed", "100644", "old"),
        ("deleted", "100644", ""),
        ("became/a/file", "100644", ""),
        ("becamefolder", "100644", ""),
        ("link/inside", "100644", ""),
        ("tracked.o", "100644", "tracked although ignored"),
    ];
    let (repository, _) = clone(&place, &files);
    let root = place.origin.folder();
    place
        .origin
        .git(&["update-index", "--force-remove", "tracked.o"], b"")
        .unwrap();
    place
        .origin
        .git(&["add", "--force", "tracked.o"], b"")
        .unwrap();
    fs::write(root.join("changed"), "new").unwrap();
    fs::remove_file(root.join("deleted")).unwrap();
    fs::remove_dir_all(root.join("became")).unwrap();
    fs::write(root.join("became"), "a file").unwrap();
    fs::remove_file(root.join("becamefolder")).unwrap();
    fs::create_dir(root.join("becamefolder")).unwrap();
    fs::write(root.join("becamefolder/new"), "").unwrap();
    fs::write(root.join("built.o"), "").unwrap();
    // A file that is still tracked, but would now be read through a link.
    fs::create_dir(place.root.join("elsewhere")).unwrap();
    fs::rename(
        root.join("link/inside"),
        place.root.join("elsewhere/inside"),
    )
    .unwrap();
    fs::remove_dir(root.join("link")).unwrap();
    symlink("../../elsewhere", root.join("link")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    fs::write(root.join("new \n name"), "").unwrap();
    let found = repository.working_tree().unwrap();
    let expected = [
        ".gitignore",
        "became",
        "becamefolder/new",
        "changed",
        "dangling",
        "link",
        "new \n name",
        "tracked.o",
    ];
    assert_eq!(found, expected);
    // The files of a merge that is not finished stand in the index up to three times.
    let blob = place
        .origin
        .git(&["hash-object", "-w", "changed"], b"")
        .unwrap();
    let stages: String = (1..4)
        .map(|stage| format!("100644 {blob} {stage}\tchanged\n"))
        .collect();
    place
        .origin
        .git(&["update-index", "--index-info"], stages.as_bytes())
        .unwrap();
    assert_eq!(repository.working_tree().unwrap(), expected);
}

#[test]
fn an_additional_working_tree_is_a_clone_too() {
    let place = place();
    let (_, commit) = clone(&place, &[("a", "100644", "x")]);
    let second = place.root.join("second");
    place
        .origin
        .git(
            &["worktree", "add", "--quiet", "--detach", second.as_str()],
            b"",
        )
        .unwrap();
    fs::write(second.join("b"), "").unwrap();
    let repository = Repository::local(&second, Cancel::new()).unwrap();
    assert_eq!(repository.working_tree().unwrap(), ["a", "b"]);
    assert_eq!(repository.commit("HEAD").unwrap().id, commit);
    assert_eq!(repository.folder(), second);
}

#[test]
fn a_folder_that_is_no_repository_is_said_to_be_none() {
    let place = place();
    let (_, _) = clone(&place, &[("folder/a", "100644", "x")]);
    // Not even in a repository.
    for folder in [
        place.origin.folder().join("folder"),
        place.root.join("none"),
    ] {
        let error = Repository::local(&folder, Cancel::new()).unwrap_err();
        assert!(matches!(error, GitError::NotARepository { .. }), "{error}");
        assert_eq!(error.category(), Category::Input);
    }
}

#[test]
fn submodules_and_repositories_inside_are_errors() {
    let place = place();
    let (repository, commit) = clone(&place, &[("a", "100644", "x")]);
    let nested = TestRepository::create(place.origin.folder().join("in/side")).unwrap();
    let error = repository.working_tree().unwrap_err();
    assert!(
        matches!(&error, GitError::Submodule { path, .. } if path == "in/side/"),
        "{error}"
    );
    fs::remove_dir_all(nested.folder()).unwrap();
    let (repository, commit) = clone(&place, &[("sub/module", "160000", commit.as_str())]);
    for error in [
        repository.working_tree().unwrap_err(),
        contents(&repository, &commit).unwrap_err(),
    ] {
        assert!(
            matches!(&error, GitError::Submodule { path, .. } if path == "sub/module"),
            "{error}"
        );
        assert_eq!(error.category(), Category::Input);
    }
}

#[test]
fn names_that_are_no_text_are_errors() {
    let place = place();
    let (repository, _) = clone(&place, &[("a", "100644", "x")]);
    let blob = place.origin.git(&["rev-parse", "main:a"], b"").unwrap();
    let list = [format!("100644 blob {blob}\tb").as_bytes(), b"\xff\x1b\0"].concat();
    let tree = place.origin.git(&["mktree", "-z"], &list).unwrap();
    let commit = place
        .origin
        .git(&["commit-tree", "-m", "x", &tree], b"")
        .unwrap();
    let error = contents(&repository, &commit.parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("b\\xff\\x1b"), "{error}");
    place.origin.git(&["read-tree", &tree], b"").unwrap();
    let error = repository.working_tree().unwrap_err();
    assert!(matches!(error, GitError::NotText { .. }), "{error}");
}
