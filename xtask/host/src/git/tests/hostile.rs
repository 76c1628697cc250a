//! Repositories that want to run something, and repositories that are broken.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// A program that leaves a mark, and a clone whose configuration names it wherever it can.
struct Trap {
    place: Place,
    script: Utf8PathBuf,
    mark: Utf8PathBuf,
}

impl Trap {
    fn new() -> Self {
        let place = place();
        let script = place.root.join("evil");
        let mark = place.root.join("mark");
        fs::write(&script, format!("#!/bin/sh\ntouch {mark}\nexit 1\n")).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let files = [
            (".gitattributes", "100644", "* filter=evil diff=evil\n"),
            ("a", "100644", "x"),
        ];
        place.origin.commit("main", &files).unwrap();
        place
            .origin
            .git(&["reset", "--hard", "--quiet"], b"")
            .unwrap();
        Self {
            place,
            script,
            mark,
        }
    }

    fn configure(&self, name: &str, value: &str) {
        self.place
            .origin
            .git(&["config", name, value], b"")
            .unwrap();
    }

    /// Whether the program ran since the last time.
    fn sprung(&self) -> bool {
        fs::remove_file(&self.mark).is_ok()
    }
}

#[test]
fn nothing_that_a_clone_configures_is_run() {
    let trap = Trap::new();
    let evil = trap.script.as_str();
    for name in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.gitProxy",
        "core.pager",
        "core.editor",
        "core.askPass",
        "core.alternateRefsCommand",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.textconv",
        "diff.evil.command",
        "diff.external",
        "credential.helper",
        "uploadpack.packObjectsHook",
        "pager.ls-files",
        "pager.rev-parse",
        "alias.ls-files",
    ] {
        trap.configure(name, evil);
    }
    let origin = &trap.place.origin;
    let hooks = origin.folder().join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    for hook in [
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "pre-auto-gc",
    ] {
        fs::copy(&trap.script, hooks.join(hook)).unwrap();
    }
    trap.configure("core.hooksPath", hooks.as_str());
    // So that the filter would have to look.
    fs::write(origin.folder().join("a"), "y").unwrap();
    let _ = origin.git(&["status"], b"");
    assert!(trap.sprung(), "a plain git runs it");

    let repository = Repository::local(origin.folder(), Cancel::new()).unwrap();
    let commit = repository.commit("HEAD").unwrap().id;
    assert_eq!(contents(&repository, &commit).unwrap()[1].2, "x");
    assert_eq!(repository.working_tree().unwrap(), [".gitattributes", "a"]);
    let url = trap.place.file_url();
    trap.place
        .repositories
        .resolve(&url, &branch("main"))
        .unwrap();
    trap.place
        .repositories
        .fetch(&url, &commit, &|_| ())
        .unwrap();
    assert!(!trap.sprung());
}

#[test]
fn each_trap_that_status_steps_into_is_one() {
    for name in ["core.fsmonitor", "filter.evil.clean"] {
        let trap = Trap::new();
        trap.configure(name, trap.script.as_str());
        fs::write(trap.place.origin.folder().join("a"), "y").unwrap();
        let _ = trap.place.origin.git(&["status"], b"");
        assert!(trap.sprung(), "{name}");
        let repository = Repository::local(trap.place.origin.folder(), Cancel::new()).unwrap();
        repository.working_tree().unwrap();
        assert!(!trap.sprung(), "{name}");
    }
}

#[test]
fn missing_objects_are_not_fetched_by_a_program_of_the_clone() {
    let trap = Trap::new();
    let origin = &trap.place.origin;
    let commit = origin.git(&["rev-parse", "HEAD"], b"").unwrap();
    let blob = origin.git(&["rev-parse", "HEAD:a"], b"").unwrap();
    for (name, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "evil"),
        ("remote.evil.promisor", "true"),
        ("remote.evil.url", "file:///nonexistent"),
        ("remote.evil.uploadpack", trap.script.as_str()),
    ] {
        trap.configure(name, value);
    }
    remove_object(origin, &blob);
    assert!(origin.git(&["cat-file", "-p", &blob], b"").is_err());
    assert!(trap.sprung(), "a plain git runs it");
    let repository = Repository::local(origin.folder(), Cancel::new()).unwrap();
    let error = contents(&repository, &commit.parse().unwrap()).unwrap_err();
    assert!(matches!(error, GitError::Damaged { .. }), "{error}");
    assert!(!trap.sprung());
    // The same where git does not know GIT_NO_LAZY_FETCH.
    let old = repository
        .git("a missing object")
        .environment("GIT_NO_LAZY_FETCH", "0")
        .arguments(["cat-file", "-p", &blob]);
    assert!(!old.capture(&Cancel::new()).unwrap().status.success());
    assert!(!trap.sprung());
}

/// Makes all objects single files and removes one.
fn remove_object(repository: &TestRepository, id: &str) {
    loosen(repository);
    let (folder, file) = id.split_at(2);
    let objects = repository.folder().join(".git/objects");
    fs::remove_file(objects.join(folder).join(file)).unwrap();
}

/// Makes all objects single files.
fn loosen(repository: &TestRepository) {
    let pack = repository.folder().join(".git/objects/pack");
    for entry in pack.read_dir_utf8().into_iter().flatten() {
        let path = entry.unwrap().into_path();
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        if path.extension() == Some("pack") {
            repository.git(&["unpack-objects", "-q"], &bytes).unwrap();
        }
    }
}

#[test]
fn a_replaced_object_is_not_taken() {
    let place = place();
    let commit = place
        .origin
        .commit("main", &[("a", "100644", "real")])
        .unwrap();
    let other = place
        .origin
        .commit("other", &[("a", "100644", "false")])
        .unwrap();
    place
        .origin
        .git(&["replace", commit.as_str(), other.as_str()], b"")
        .unwrap();
    assert_eq!(
        place.origin.git(&["show", "main:a"], b"").unwrap(),
        "false",
        "a plain git takes it"
    );
    let repository = Repository::local(place.origin.folder(), Cancel::new()).unwrap();
    assert_eq!(contents(&repository, &commit).unwrap()[0].2, "real");
}

#[test]
fn a_configured_working_tree_is_not_followed() {
    let place = place();
    place
        .origin
        .commit("main", &[("a", "100644", "x")])
        .unwrap();
    place
        .origin
        .git(&["reset", "--hard", "--quiet"], b"")
        .unwrap();
    fs::create_dir(place.root.join("private")).unwrap();
    fs::write(place.root.join("private/key"), "").unwrap();
    let elsewhere = place.root.join("private");
    place
        .origin
        .git(&["config", "core.worktree", elsewhere.as_str()], b"")
        .unwrap();
    let plain = place
        .origin
        .git(&["-C", elsewhere.as_str(), "ls-files", "--others"], b"");
    assert!(plain.is_err() || plain.unwrap().contains("key"));
    let repository = Repository::local(place.origin.folder(), Cancel::new()).unwrap();
    assert_eq!(repository.working_tree().unwrap(), ["a"]);
    assert_eq!(repository.folder(), place.origin.folder());
}

/// Where a fetched repository keeps its one pack.
fn pack(place: &Place, commit: &CommitId) -> Utf8PathBuf {
    let folder = place
        .root
        .join(format!("cache/git/{commit}.git/objects/pack"));
    let entries = folder.read_dir_utf8().unwrap();
    let mut packs = entries
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension() == Some("pack"));
    packs.next().unwrap()
}

#[test]
fn a_damaged_repository_gives_an_error_and_never_other_contents() {
    let place = place();
    let texts: Vec<_> = (0..20).map(|n| format!("content {n}")).collect();
    let names: Vec<_> = (0..20).map(|n| format!("f/{n}")).collect();
    let files: Vec<_> = names
        .iter()
        .zip(&texts)
        .map(|(name, text)| (name.as_str(), "100644", text.as_str()))
        .collect();
    let commit = place.origin.commit("main", &files).unwrap();
    let repository = place.fetch(&commit).unwrap();
    let whole = contents(&repository, &commit).unwrap();
    let pack = pack(&place, &commit);
    let bytes = fs::read(&pack).unwrap();
    fs::set_permissions(&pack, fs::Permissions::from_mode(0o644)).unwrap();
    // Behind the head of the pack, before the checksum at its end.
    let mut damaged = 0;
    for place in (12..bytes.len() - 20).step_by(bytes.len() / 40) {
        let mut wrong = bytes.clone();
        wrong[place] ^= 0x10;
        fs::write(&pack, &wrong).unwrap();
        match contents(&repository, &commit) {
            // Some bits of a compressed stream mean nothing.
            Ok(found) => assert_eq!(found, whole),
            Err(error) => {
                damaged += 1;
                assert_eq!(error.category(), Category::Verification, "{error}");
            }
        }
    }
    assert!(damaged > 20, "{damaged}");
    fs::write(&pack, &bytes[..bytes.len() / 2]).unwrap();
    let error = contents(&repository, &commit).unwrap_err();
    assert!(error.to_string().contains("fetched again"), "{error}");
    fs::write(&pack, &bytes).unwrap();
    assert_eq!(contents(&repository, &commit).unwrap(), whole);
}

#[test]
fn an_object_under_a_wrong_name_is_noticed_before_its_end_is_given() {
    let place = place();
    let files = [("a", "100644", "real"), ("b", "100644", "fake")];
    let commit = place.origin.commit("main", &files).unwrap();
    let id = |name: &str| place.origin.git(&["rev-parse", name], b"").unwrap();
    let path = |id: &str| {
        let (folder, file) = id.split_at(2);
        place
            .origin
            .folder()
            .join(".git/objects")
            .join(folder)
            .join(file)
    };
    let (real, fake) = (id("main:a"), id("main:b"));
    loosen(&place.origin);
    fs::remove_file(path(&real)).unwrap();
    fs::copy(path(&fake), path(&real)).unwrap();
    assert_eq!(
        place.origin.git(&["cat-file", "blob", &real], b"").unwrap(),
        "fake",
        "a plain git gives it"
    );

    let repository = Repository::local(place.origin.folder(), Cancel::new()).unwrap();
    let mut seen = Vec::new();
    let error = repository
        .files(&commit, &mut |_, content| {
            // A visitor that takes no notice of errors.
            let _ = content.read_to_end(&mut seen);
            Ok(())
        })
        .unwrap_err();
    assert!(
        matches!(&error, GitError::Damaged { id, .. } if *id == real),
        "{error}"
    );
    assert!(seen.len() < 4, "{seen:?}");
    // Nor does a server that is damaged like that get through.
    let error = place.fetch(&commit).unwrap_err();
    assert_eq!(refusal(&error), Refusal::Damaged, "{error}");
    assert!(place.repositories.find(&commit).is_none());
}

#[test]
fn a_tree_that_names_a_file_twice_is_malformed() {
    let place = place();
    place
        .origin
        .commit("main", &[("a", "100644", "x")])
        .unwrap();
    let blob = place.origin.git(&["rev-parse", "main:a"], b"").unwrap();
    let id = objects::ObjectId::from_hex(&blob).unwrap().0;
    let entry = |text: &str| [text.as_bytes(), b"\0", &id].concat();
    let twice = [entry("100644 a"), entry("100644 a")].concat();
    let arguments = ["hash-object", "-w", "--literally", "-t", "tree", "--stdin"];
    let tree = place.origin.git(&arguments, &twice).unwrap();
    let commit = place
        .origin
        .git(&["commit-tree", "-m", "x", &tree], b"")
        .unwrap();
    let commit: CommitId = commit.parse().unwrap();
    let repository = Repository::local(place.origin.folder(), Cancel::new()).unwrap();
    let error = contents(&repository, &commit).unwrap_err();
    assert!(error.to_string().contains("malformed"), "{error}");
    assert_eq!(error.category(), Category::Verification);
    // git itself refuses it from a server.
    let error = place.fetch(&commit).unwrap_err();
    assert_eq!(refusal(&error), Refusal::Damaged, "{error}");
}
