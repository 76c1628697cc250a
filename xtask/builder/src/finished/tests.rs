use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use model::manifest::{self, Artifact};
use model::plan::canonical_json;
use serde_json::{Value, json};

use super::*;
use crate::report::Unit;

/// The packages of a result: name and content.
const FILES: [(&str, &str); 2] = [("config", "CONFIG_NET=y\n"), ("linux.deb", "a package")];

/// Remembers what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Reporter for Told {
    fn phase(&self, _: &str) {}
    fn progress(&self, _: u64, _: u64, _: Unit) {}
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

impl Told {
    /// All of it, which is forgotten.
    fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join("\n")
    }
}

struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        let path = Utf8Path::from_path(self.folder.path()).unwrap();
        path.join(name)
    }

    /// A complete result of plan `recipe`, below `out`.
    fn result(&self, recipe: &str) -> Finished {
        let (plan, name) = (json!({ "recipe": recipe }), recipe.parse().unwrap());
        let draft = Draft::create(&self.path("out"), &name).unwrap();
        let folder = draft.folder().unwrap();
        let mut artifacts = BTreeMap::new();
        for (name, content) in FILES {
            fs::write(folder.join(name), content).unwrap();
            let artifact = Artifact {
                size: content.len() as u64,
                sha256: Sha256::of(content),
                control: None,
            };
            artifacts.insert(name.to_owned(), artifact);
        }
        fs::write(folder.join("build.log.gz"), "a log").unwrap();
        let plan_id = Sha256::of(canonical_json(&plan));
        let manifest = Manifest {
            schema: manifest::SCHEMA,
            plan_id,
            plan,
            for_release: true,
            source_tree: Sha256::of("a tree"),
            kernel_release: "6.12.1".to_owned(),
            artifacts,
            lost: BTreeMap::new(),
            unreproducible: BTreeMap::new(),
        };
        draft.complete(&manifest, &run(plan_id)).unwrap();
        let path = draft.publish(&plan_id).unwrap();
        Finished::open(&path, Origin::Built).unwrap()
    }

    /// A result with this change of a file's text.
    fn changed(&self, file: &str, change: impl Fn(&str) -> String) -> Finished {
        let finished = self.result("mini");
        let path = finished.path.join(file);
        let text = fs::read_to_string(&path).unwrap();
        let changed = change(&text);
        assert_ne!(text, changed, "{file}");
        fs::write(&path, changed).unwrap();
        finished
    }
}

fn run(plan_id: Sha256) -> Run {
    Run {
        schema: manifest::SCHEMA,
        plan_id,
        started: 1,
        phases: Vec::new(),
        tool: "0.1.0".to_owned(),
        engine: BTreeMap::new(),
        tool_peak_memory: None,
        jobs: 1,
        incremental: false,
        compiler_cache: None,
        surroundings: BTreeMap::new(),
    }
}

/// Changes `manifest.json` and states its new digest in `SHA256SUMS`, as somebody would who knows both.
fn forge(finished: &Finished, change: impl Fn(&mut Value)) {
    let path = finished.path.join("manifest.json");
    let before = fs::read_to_string(&path).unwrap();
    let mut manifest = serde_json::from_str(&before).unwrap();
    change(&mut manifest);
    let after = manifest.to_string();
    fs::write(path, &after).unwrap();
    let sums = finished.path.join(CHECKSUMS);
    let text = fs::read_to_string(&sums).unwrap();
    let (before, after) = (Sha256::of(before), Sha256::of(after));
    fs::write(sums, text.replace(&before.to_string(), &after.to_string())).unwrap();
}

#[track_caller]
fn assert_refused(finished: &Finished, expected: &str) {
    let error = Finished::open(&finished.path, Origin::There).unwrap_err();
    assert!(error.contains(expected), "{expected}: {error}");
}

#[test]
fn an_altered_file_is_refused() {
    let folder = Folder::new();
    let more = |text: &str| text.to_owned() + " ";
    for (name, _) in FILES {
        assert_refused(
            &folder.changed(name, more),
            &format!("{name} was changed: "),
        );
    }
    let manifest = folder.changed("manifest.json", more);
    assert_refused(&manifest, "manifest.json is not the one of SHA256SUMS");
    let digest = Sha256::of(FILES[1].1).to_string();
    let other = Sha256::of("another package").to_string();
    let sums = folder.changed(CHECKSUMS, |text| text.replace(&digest, &other));
    assert_refused(&sums, "disagree about \"linux.deb\"");
    let cut = folder.changed("run.json", |text| text[..9].to_owned());
    assert_refused(&cut, "run.json: ");
}

#[test]
fn an_absent_file_is_refused() {
    let folder = Folder::new();
    for name in [
        "config",
        "linux.deb",
        "manifest.json",
        "run.json",
        CHECKSUMS,
    ] {
        let finished = folder.result("mini");
        fs::remove_file(finished.path.join(name)).unwrap();
        assert_refused(&finished, name);
    }
    let line = format!("{}  linux.deb\n", Sha256::of(FILES[1].1));
    let sums = folder.changed(CHECKSUMS, |text| text.replace(&line, ""));
    assert_refused(&sums, "\"linux.deb\" is not in SHA256SUMS");
}

#[test]
fn an_extra_file_is_refused() {
    let folder = Folder::new();
    let finished = folder.result("mini");
    fs::write(finished.path.join("extra.deb"), "x").unwrap();
    assert_refused(&finished, "\"extra.deb\" is no part of it");
    let line = format!("{}  extra.deb\n", Sha256::of("x"));
    let sums = folder.changed(CHECKSUMS, |text| text.to_owned() + &line);
    assert_refused(&sums, "disagree about \"extra.deb\"");

    let finished = folder.result("mini");
    for known in [
        "smoke.html",
        "smoke.xml",
        "smoke-console.log.gz",
        "reproduction.json",
    ] {
        fs::write(finished.path.join(known), "x").unwrap();
    }
    assert!(Finished::open(&finished.path, Origin::There).is_ok());
}

#[test]
fn a_foreign_plan_is_refused() {
    let folder = Folder::new();
    let finished = folder.result("mini");
    forge(&finished, |manifest| {
        manifest["plan"]["recipe"] = "other".into();
    });
    assert_refused(&finished, "its plan is not the one of its id");

    let finished = folder.result("mini");
    let other = json!({ "recipe": "other" });
    forge(&finished, |manifest| {
        manifest["plan_id"] = Sha256::of(canonical_json(&other)).to_string().into();
        manifest["plan"] = other.clone();
    });
    assert_refused(&finished, "its run is not of its plan");
}

#[test]
fn a_name_that_leads_out_of_the_folder_is_refused() {
    let digest = Sha256::of("x");
    for name in ["../x", "/etc/passwd", "a/b", ".hidden", "..", "."] {
        let error = checksums(format!("{digest}  {name}\n").as_bytes()).unwrap_err();
        assert!(error.contains(name), "{error}");
    }
    for line in ["x  config", &format!("{digest} config"), ""] {
        assert!(checksums(format!("{line}\n").as_bytes()).is_err(), "{line}");
    }
    assert_eq!(
        checksums(format!("{digest}  config\n").as_bytes()),
        Ok([("config".to_owned(), digest)].into())
    );
    // Forged consistently, it still is.
    let folder = Folder::new();
    let finished = folder.changed(CHECKSUMS, |text| text.replace("  linux.deb", "  ../x"));
    fs::write(folder.path("out/x"), FILES[1].1).unwrap();
    forge(&finished, |manifest| {
        let artifacts = manifest["artifacts"].as_object_mut().unwrap();
        let package = artifacts.remove("linux.deb").unwrap();
        artifacts.insert("../x".to_owned(), package);
    });
    assert_refused(&finished, "SHA256SUMS: the line");
}

#[test]
fn what_is_kept_is_found_again_unless_it_is_of_another_plan_or_incremental() {
    let (folder, told) = (Folder::new(), Told::default());
    let cache = folder.path("cache");
    let mut finished = folder.result("mini");
    let id = finished.manifest.plan_id;
    finished.run.incremental = true;
    keep(&cache, &finished, &told);
    assert!(!entry(&cache, &id).exists(), "nothing incremental is kept");
    finished.run.incremental = false;
    keep(&cache, &finished, &told);
    let place = entry(&cache, &id);
    let found = look(&place, &id, Origin::Cached, &told).unwrap();
    assert_eq!(found.manifest, finished.manifest);
    assert_eq!(told.take(), "");
    let other = Sha256::of("another plan");
    assert!(look(&place, &other, Origin::Cached, &told).is_none());
    assert_eq!(told.take(), "", "it was not looked for");

    let path = place.join("run.json");
    let run = fs::read_to_string(&path).unwrap();
    let incremental = run.replace("\"incremental\": false", "\"incremental\": true");
    assert_ne!(run, incremental);
    fs::write(&path, incremental).unwrap();
    assert!(look(&place, &id, Origin::Cached, &told).is_none());

    fs::write(&path, run).unwrap();
    fs::write(place.join("linux.deb"), "x").unwrap();
    assert!(look(&place, &id, Origin::Cached, &told).is_none());
    let warning = told.take();
    assert!(
        warning.starts_with("warning: ") && warning.contains("linux.deb was changed"),
        "{warning}"
    );
    keep(&cache, &finished, &told);
    assert!(
        look(&place, &id, Origin::Cached, &told).is_some(),
        "replaced"
    );
    forget(&cache, &id).unwrap();
    assert!(!place.exists());
    forget(&cache, &id).unwrap();
}

#[test]
fn what_did_not_come_out_the_same_is_not_used() {
    let (folder, told) = (Folder::new(), Told::default());
    let finished = folder.result("mini");
    let id = finished.manifest.plan_id;
    let report = finished.path.join(REPORT);
    let found = || look(&finished.path, &id, Origin::There, &told).is_some();
    assert!(found(), "without a report");
    fs::write(&report, "{\"verdict\": \"identical\"}").unwrap();
    assert!(found());
    assert_eq!(told.take(), "");
    for text in ["{\"verdict\": \"different\"}", "{}", ""] {
        fs::write(&report, text).unwrap();
        assert!(!found(), "{text}");
        let warning = told.take();
        assert!(
            warning.contains("it did not come out the same"),
            "{warning}"
        );
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_told_and_done_without() {
    let (folder, told) = (Folder::new(), Told::default());
    let finished = folder.result("mini");
    fs::write(folder.path("cache"), "no folder").unwrap();
    keep(&folder.path("cache"), &finished, &told);
    let warning = told.take();
    assert!(
        warning.starts_with("warning: the result is not kept in the cache: "),
        "{warning}"
    );
    assert!(Finished::open(&finished.path, Origin::There).is_ok());
}

#[test]
fn what_was_kept_first_goes_first_and_the_newest_stays() {
    let folder = Folder::new();
    let results = folder.path("results");
    let kept = |name: &str, age: u64, size: u64| {
        let path = results.join(name);
        fs::create_dir_all(&path).unwrap();
        // Without content: it takes no room on the disk.
        let file = File::create(path.join("linux.deb")).unwrap();
        file.set_len(size).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 - age);
        File::open(&path).unwrap().set_modified(time).unwrap();
        path
    };
    let half = MAX_CACHE / 2;
    let left = || {
        let mut names = Vec::new();
        for entry in results.read_dir_utf8().unwrap() {
            names.push(entry.unwrap().file_name().to_owned());
        }
        names.sort();
        names
    };
    kept("b-older", 2, half);
    kept("c-oldest", 3, half);
    let newest = kept("a-newest", 1, half);
    evict(&results, &newest).unwrap();
    assert_eq!(left(), ["a-newest", "b-older"], "both fit");
    // One that is too large by itself stays nevertheless, whatever its time is.
    let newest = kept("d-large", 9, MAX_CACHE + 1);
    evict(&results, &newest).unwrap();
    assert_eq!(left(), ["d-large"]);
}

#[test]
fn an_update_takes_over_what_was_learnt_and_nothing_else() {
    let (folder, told) = (Folder::new(), Told::default());
    let cache = folder.path("cache");
    let finished = folder.result("mini");
    let place = entry(&cache, &finished.manifest.plan_id);
    update(&cache, &finished.path).unwrap();
    assert!(!place.exists(), "what is not kept is not made");
    keep(&cache, &finished, &told);
    let learnt = ["smoke.json", "smoke-console.log.gz", "reproduction.json"];
    let others = ["linux.deb", "run.json", "build.log.gz", "extra"];
    for name in learnt.iter().chain(&others) {
        fs::write(finished.path.join(name), "new").unwrap();
    }
    update(&cache, &finished.path).unwrap();
    for name in learnt {
        assert_eq!(fs::read_to_string(place.join(name)).unwrap(), "new");
    }
    for name in others {
        assert_ne!(
            fs::read_to_string(place.join(name)).unwrap_or_default(),
            "new",
            "{name}"
        );
    }
    // Of another result of the same plan nothing is known.
    fs::write(finished.path.join("smoke.json"), "newer").unwrap();
    forge(&finished, |manifest| manifest["for_release"] = false.into());
    update(&cache, &finished.path).unwrap();
    assert_eq!(fs::read_to_string(place.join("smoke.json")).unwrap(), "new");
}
