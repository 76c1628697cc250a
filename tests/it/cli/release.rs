//! Releases, and what those find who check them.

mod forged;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use formats::testing::kernel::TestPackage;
use host::clock::now_unix;
use host::testing::TestServer;
use model::smoke::Verdict;
use release::synthetic::Synthetic;

use super::each;
use crate::support::{Run, Scratch};

const PASSPHRASE: &str = "correct horse battery";
const URL: &str = "https://kernels.example.org";
const DAY: u64 = 86_400;

/// A project with results of `tiny` (.deb) and `tiny-rpm`, and keys.
fn ready() -> Scratch {
    let scratch = Scratch::small().env("MPTCP_KERNELS_PASSPHRASE", PASSPHRASE);
    scratch.add_rpm_recipe("tiny-rpm");
    scratch.commit();
    scratch.write_finished(debs(&scratch, "1"));
    scratch.write_finished(rpms(&scratch));
    keys(&scratch, &[]);
    scratch
}

fn keys(scratch: &Scratch, more: &[&str]) -> Run {
    let new = ["keys", "new", "--user", "Example <kernels@example.org>"];
    scratch.xtask(&[&new, more].concat()).expect_code(0)
}

fn debs(scratch: &Scratch, content: &str) -> Synthetic {
    let version = scratch.version_of("tiny");
    let image = TestPackage::new()
        .name("linux-image-6.12.0-tiny")
        .version(&version)
        .file("./usr/share/doc/x", content.as_bytes());
    let libc = TestPackage::new()
        .name("linux-libc-dev")
        .version(&version)
        .file("./usr/include/x.h", b"");
    let packages = [
        ("linux-image-6.12.0-tiny_1_amd64.deb", image.build()),
        ("linux-libc-dev_1_amd64.deb", libc.build()),
    ];
    scratch.finished("tiny", named(packages))
}

fn rpms(scratch: &Scratch) -> Synthetic {
    let version = scratch.version_of("tiny-rpm");
    let kernel = TestPackage::new()
        .name("kernel-tiny-rpm")
        .version(&version)
        .file("./boot/x", b"x");
    let devel = TestPackage::new()
        .name("kernel-tiny-rpm-devel")
        .version(&version)
        .file("./usr/src/x", b"x");
    let packages = [
        ("kernel-tiny-rpm-1-2.x86_64.rpm", kernel.build_rpm()),
        ("kernel-tiny-rpm-devel-1-2.x86_64.rpm", devel.build_rpm()),
    ];
    scratch.finished("tiny-rpm", named(packages))
}

fn named<const N: usize>(packages: [(&str, Vec<u8>); N]) -> BTreeMap<String, Vec<u8>> {
    let packages = packages.into_iter();
    packages
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .collect()
}

fn release(scratch: &Scratch, arguments: &[&str]) -> Run {
    release_to(scratch, &out(scratch), arguments)
}

fn release_to(scratch: &Scratch, out: &Path, arguments: &[&str]) -> Run {
    let out = out.to_str().expect("UTF-8");
    let common = ["release", "--url", URL, "--out", out];
    scratch.xtask(&[&common, arguments].concat())
}

fn out(scratch: &Scratch) -> PathBuf {
    scratch.beside("public").into_std_path_buf()
}

fn verify(scratch: &Scratch, what: &str, arguments: &[&str]) -> Run {
    scratch.xtask(&[&["verify", what], arguments].concat())
}

fn fingerprint(scratch: &Scratch) -> String {
    let shown = scratch
        .xtask(&["keys", "show", "--format", "json"])
        .expect_code(0);
    shown.json()["openpgp"]
        .as_str()
        .expect("a fingerprint")
        .to_owned()
}

/// Every file below a folder, by its path.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let below = path.strip_prefix(folder).expect("below").to_str();
                let below = below.expect("UTF-8").to_owned();
                files.insert(below, fs::read(&path).expect("a file"));
            }
        }
    }
    files
}

fn write_tree(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        fs::write(path, bytes).expect("a file can be written");
    }
}

#[test]
fn a_release_has_all_and_is_believed_by_each_anchor() {
    let scratch = ready();
    release(&scratch, &["tiny", "tiny-rpm"]).expect_code(0);
    let out = out(&scratch);
    let files = tree(&out);
    for path in [
        "SHA256SUMS",
        "SHA256SUMS.asc",
        "SHA256SUMS.minisig",
        "apt/debian-13.sources",
        "apt/dists/debian-13/InRelease",
        "apt/dists/debian-13/Release",
        "apt/dists/debian-13/Release.gpg",
        "apt/dists/debian-13/main/binary-amd64/Packages",
        "apt/dists/debian-13/main/binary-amd64/Packages.gz",
        "apt/pool/debian-13/tiny/linux-image-6.12.0-tiny_1_amd64.deb",
        "apt/pool/debian-13/tiny/linux-libc-dev_1_amd64.deb",
        "index.html",
        "mptcp-kernels.asc",
        "mptcp-kernels.pem",
        "mptcp-kernels.pub",
        "release.json",
        "rpm/fedora-44.repo",
        "rpm/fedora-44/packages/tiny-rpm/kernel-tiny-rpm-1-2.x86_64.rpm",
        "rpm/fedora-44/repodata/repomd.xml",
        "rpm/fedora-44/repodata/repomd.xml.asc",
    ] {
        assert!(
            files.contains_key(path),
            "{path} is missing in {:?}",
            files.keys()
        );
    }
    for paper in [
        "config",
        "manifest.json",
        "provenance.json",
        "sbom.spdx.json",
        "smoke.html",
        "smoke.json",
    ] {
        let has = |recipe: &str| {
            let start = format!("kernels/{recipe}/");
            files
                .keys()
                .any(|path| path.starts_with(&start) && path.ends_with(&format!("/{paper}")))
        };
        assert!(has("tiny") && has("tiny-rpm"), "{paper}");
    }
    let index = &files["apt/dists/debian-13/main/binary-amd64/Packages"];
    let index = String::from_utf8_lossy(index);
    for package in [
        "linux-image-6.12.0-tiny",
        "linux-image-mptcp-tiny",
        "linux-headers-mptcp-tiny",
        "mptcp-kernels-keyring",
    ] {
        assert!(index.contains(&format!("Package: {package}\n")), "{index}");
    }
    // What would take the place of the distribution's own is there, but not found by apt.
    assert!(!index.contains("linux-libc-dev"), "{index}");
    let folder = out.to_str().expect("UTF-8");
    let by_name = fingerprint(&scratch);
    let by_openpgp = out.join("mptcp-kernels.asc");
    let by_minisign = out.join("mptcp-kernels.pub");
    for key in [
        by_name.as_str(),
        by_openpgp.to_str().expect("UTF-8"),
        by_minisign.to_str().expect("UTF-8"),
    ] {
        let run = verify(&scratch, folder, &["--key", key]).expect_code(0);
        assert!(run.stdout.contains(": good, "), "{}", run.text());
    }
}

#[test]
fn nobody_else_is_believed() {
    let scratch = ready();
    release(&scratch, &["tiny"]).expect_code(0);
    let folder = out(&scratch);
    let folder = folder.to_str().expect("UTF-8");
    let without = verify(&scratch, folder, &[]);
    assert_eq!(without.code, 2, "{}", without.text());
    assert!(without.stderr.contains("--key"), "{}", without.text());
    for wrong in ["nonsense", "0123", ""] {
        let run = verify(&scratch, folder, &["--key", wrong]);
        assert_eq!(run.code, 2, "{wrong:?}: {}", run.text());
    }
    let other = scratch.beside("other-keys");
    keys(&scratch, &["--keys", other.as_str()]);
    for name in ["mptcp-kernels.asc", "mptcp-kernels.pub"] {
        let run = verify(&scratch, folder, &["--key", other.join(name).as_str()]);
        assert_eq!(run.code, 4, "{name}: {}", run.text());
        assert!(run.stderr.contains("SHA256SUMS."), "{}", run.text());
    }
    let fingerprint = "0".repeat(40);
    let run = verify(&scratch, folder, &["--key", &fingerprint]).expect_code(4);
    assert!(run.stderr.contains("mptcp-kernels.asc"), "{}", run.text());
}

#[test]
fn the_same_results_keys_and_clock_give_the_same_tree() {
    let mut scratch = ready();
    scratch.set_env("SOURCE_DATE_EPOCH", now_unix().to_string());
    let places = ["a", "b"].map(|name| scratch.beside(name).into_std_path_buf());
    for place in &places {
        release_to(&scratch, place, &["tiny", "tiny-rpm"]).expect_code(0);
    }
    let [a, b] = places.map(|place| tree(&place));
    let names = |tree: &BTreeMap<String, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b));
    for (path, bytes) in &a {
        assert!(b[path] == *bytes, "{path} differs");
    }
}

#[test]
fn one_flipped_byte_in_any_file_is_named() {
    let scratch = ready();
    release(&scratch, &["tiny", "tiny-rpm"]).expect_code(0);
    let key = fingerprint(&scratch);
    let files = tree(&out(&scratch));
    let paths: Vec<_> = files.keys().cloned().collect();
    let rows: Vec<_> = paths.iter().enumerate().collect();
    let altered = |number: usize, path: &str| {
        let mut files = files.clone();
        let bytes = files.get_mut(path).expect("the file");
        // Somewhere in the middle, where what is altered says something.
        let place = bytes.len() / 2;
        match bytes.get_mut(place) {
            Some(byte) => *byte ^= 1,
            None => bytes.push(b' '),
        }
        let folder = scratch.beside(&format!("altered-{number}"));
        write_tree(folder.as_std_path(), &files);
        folder
    };
    for rows in rows.chunks(8) {
        each(
            rows,
            |(_, path)| (*path).clone(),
            |(number, path)| {
                let folder = altered(*number, path);
                let run = verify(&scratch, folder.as_str(), &["--key", &key]);
                assert_eq!(run.code, 4, "{path}: {}", run.text());
                // A file that holds a signature may be named for what it signs.
                let named = path.trim_end_matches(".asc").trim_end_matches(".minisig");
                let said = run.stderr.replace(['\n', ' '], "");
                assert!(said.contains(named), "{path}: {}", run.text());
                fs::remove_dir_all(&folder).expect("a folder can go");
            },
        );
    }
}

#[test]
fn files_that_are_missing_or_more_are_named() {
    let scratch = ready();
    release(&scratch, &["tiny"]).expect_code(0);
    let key = fingerprint(&scratch);
    let place = scratch.beside("changed");
    let folder = place.as_std_path();
    write_tree(folder, &tree(&out(&scratch)));
    fs::write(folder.join("more.html"), "more").expect("a file can be written");
    let run = verify(&scratch, place.as_str(), &["--key", &key]).expect_code(4);
    assert!(run.stderr.contains("more.html"), "{}", run.text());
    fs::remove_file(folder.join("more.html")).expect("a file can go");
    verify(&scratch, place.as_str(), &["--key", &key]).expect_code(0);
    fs::remove_file(folder.join("index.html")).expect("a file can go");
    let run = verify(&scratch, place.as_str(), &["--key", &key]).expect_code(4);
    assert!(run.stderr.contains("index.html"), "{}", run.text());
    std::os::unix::fs::symlink("/etc/hostname", folder.join("index.html")).expect("a link");
    let run = verify(&scratch, place.as_str(), &["--key", &key]).expect_code(4);
    assert!(run.stderr.contains("no regular file"), "{}", run.text());
}

type Spoil = fn(&mut Synthetic);

#[test]
fn what_is_not_fit_is_refused_and_nothing_changes() {
    let scratch = ready();
    release(&scratch, &["tiny"]).expect_code(0);
    let before = tree(&out(&scratch));
    let spoilt: [(&str, Spoil); 9] = [
        ("nothing pins", |it| {
            it.manifest.plan["unpinned"] = true.into();
            reseal(it);
        }),
        ("is of plan", |it| {
            it.manifest.plan["recipe"] = "other".into();
            reseal(it);
        }),
        ("not for release", |it| it.manifest.for_release = false),
        ("an earlier build left", |it| it.run.incremental = true),
        ("failed the smoke boot: no join", |it| {
            it.smoke.verdict = Verdict::Failed;
            it.smoke.reason = Some("no join".to_owned());
        }),
        ("was not booted", |it| it.smoke.verdict = Verdict::NotRun),
        ("does not count", |it| {
            let machine = it.smoke.machine.as_mut().expect("a machine");
            machine.sabotage = Some("hang".to_owned());
        }),
        ("no machine", |it| it.smoke.machine = None),
        ("has version 1-2, expected", |it| {
            let package = TestPackage::new().name("kernel-tiny-rpm").build_rpm();
            let name = "kernel-tiny-rpm-1-2.x86_64.rpm".to_owned();
            it.packages.insert(name, package);
        }),
    ];
    for (reason, spoil) in spoilt {
        let mut rpms = rpms(&scratch);
        spoil(&mut rpms);
        scratch.write_finished(rpms);
        let run = release(&scratch, &["tiny", "tiny-rpm"]);
        assert_eq!(run.code, 1, "{reason}: {}", run.text());
        let said = run.stderr.replace('\n', " ");
        assert!(
            said.contains(reason) && said.contains("tiny-rpm: "),
            "{reason}: {}",
            run.text()
        );
        assert!(tree(&out(&scratch)) == before, "{reason}");
    }
    let folder = scratch.write_finished(rpms(&scratch));
    let package = folder.join("kernel-tiny-rpm-1-2.x86_64.rpm");
    let mut bytes = fs::read(&package).expect("a package");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(&package, bytes).expect("a package can be written");
    let run = release(&scratch, &["tiny-rpm"]).expect_code(1);
    assert!(run.stderr.contains("was changed"), "{}", run.text());
    scratch.write_finished(rpms(&scratch));
    let plan = rpms(&scratch).manifest.plan_id.to_string();
    for (verdict, plan, reason) in [
        ("different", plan.as_str(), "did not come out the same"),
        ("identical", &"0".repeat(64), "is of another plan"),
        ("nonsense", &plan, "reproduction.json"),
    ] {
        let report = format!(
            "{{\"schema\": 1, \"plan_id\": \"{plan}\", \"verdict\": \"{verdict}\", \"variations\": []}}"
        );
        scratch.write("out/tiny-rpm/reproduction.json", report);
        let run = release(&scratch, &["tiny-rpm"]).expect_code(1);
        assert!(run.stderr.contains(reason), "{verdict}: {}", run.text());
    }
    fs::remove_dir_all(scratch.path("out/tiny-rpm")).expect("a result can go");
    let run = release(&scratch, &["tiny-rpm"]).expect_code(1);
    assert!(run.stderr.contains("is not built"), "{}", run.text());
    assert!(tree(&out(&scratch)) == before);
    scratch.write_finished(rpms(&scratch));
    release(&scratch, &["tiny", "tiny-rpm"]).expect_code(0);
}

fn reseal(finished: &mut Synthetic) {
    let text = model::plan::canonical_json(&finished.manifest.plan);
    finished.manifest.plan_id = model::digest::Sha256::of(text);
    finished.run.plan_id = finished.manifest.plan_id;
}

#[test]
fn versions_follow_one_another() {
    let scratch = ready();
    release(&scratch, &["tiny", "tiny-rpm"]).expect_code(0);
    // The same once more adds nothing.
    let run = release(&scratch, &["tiny"]).expect_code(0);
    assert!(run.stdout.contains("kept  tiny "), "{}", run.text());
    // Other bytes of the same version are another kernel.
    scratch.write_finished(debs(&scratch, "2"));
    let run = release(&scratch, &["tiny"]).expect_code(1);
    assert!(run.stderr.contains("raise `revision`"), "{}", run.text());
    let newer = |revision: u32| {
        let recipe = scratch.read("recipes/tiny.toml");
        let recipe = recipe
            .split_once("summary")
            .map_or("", |(_, rest)| rest)
            .to_owned();
        scratch.write(
            "recipes/tiny.toml",
            format!("revision = {revision}\nsummary{recipe}"),
        );
        scratch.seal_recipe("tiny");
        scratch.seal_recipe("tiny-rpm");
        scratch.commit();
        let mut debs = debs(&scratch, "3");
        debs.packages = debs
            .packages
            .into_iter()
            .map(|(name, bytes)| (name.replace("_1_", &format!("_{revision}_")), bytes))
            .collect();
        debs.config = "CONFIG_MPTCP=y\nCONFIG_VETH=m\n".to_owned();
        debs.smoke.capabilities.schedulers.push("burst".to_owned());
        scratch.write_finished(debs);
    };
    newer(2);
    let run = release(&scratch, &["tiny"]).expect_code(0);
    let new = run
        .stdout
        .lines()
        .filter(|line| line.contains("new   tiny "))
        .count();
    let kept = run
        .stdout
        .lines()
        .filter(|line| line.contains("kept  tiny "))
        .count();
    assert_eq!((new, kept), (1, 1), "{}", run.text());
    let page = fs::read_to_string(out(&scratch).join("index.html")).expect("the page");
    assert!(
        page.contains("scheduler burst") && page.contains("CONFIG_VETH=m"),
        "{page}"
    );
    let key = fingerprint(&scratch);
    let folder = out(&scratch);
    verify(&scratch, folder.to_str().expect("UTF-8"), &["--key", &key]).expect_code(0);
    // Who reads the indexes of the release before still finds them.
    let names: Vec<_> = tree(&folder).into_keys().collect();
    let count = |part: &str| names.iter().filter(|path| path.contains(part)).count();
    assert_eq!(
        (count("/by-hash/"), count("-primary.xml.gz")),
        (4, 1),
        "{names:?}"
    );
    newer(3);
    let run = release(&scratch, &["--keep", "2", "tiny"]).expect_code(0);
    assert_eq!(run.stdout.matches(" tiny ").count(), 2, "{}", run.text());
    let names: Vec<_> = tree(&folder).into_keys().collect();
    let has = |name: &str| names.iter().any(|path| path.ends_with(name));
    assert!(
        has("_3_amd64.deb") && has("_2_amd64.deb") && !has("tiny_1_amd64.deb"),
        "{names:?}"
    );
    // Backwards is no way.
    newer(1);
    let run = release(&scratch, &["tiny"]).expect_code(1);
    assert!(run.stderr.contains("is older than"), "{}", run.text());
}

#[test]
fn a_release_is_signed_anew_without_its_results() {
    let mut later = ready();
    later.set_env("SOURCE_DATE_EPOCH", (now_unix() - DAY).to_string());
    let run = release(&later, &["tiny", "tiny-rpm"]).expect_code(1);
    assert!(run.stderr.contains("the clock says"), "{}", run.text());
    later.set_env("SOURCE_DATE_EPOCH", now_unix().to_string());
    release(&later, &["--valid", "1", "tiny", "tiny-rpm"]).expect_code(0);
    fs::remove_dir_all(later.path("out")).expect("the results can go");
    later.set_env("SOURCE_DATE_EPOCH", (now_unix() + 60).to_string());
    let run = release(&later, &[]).expect_code(0);
    assert_eq!(run.stdout.matches("  kept  ").count(), 2, "{}", run.text());
    let key = fingerprint(&later);
    let folder = out(&later);
    verify(&later, folder.to_str().expect("UTF-8"), &["--key", &key]).expect_code(0);
    let nothing = release_to(&later, &later.beside("none").into_std_path_buf(), &[]);
    assert_eq!(nothing.code, 1, "{}", nothing.text());
}

#[test]
fn what_was_released_before_is_taken_from_where_it_is_served() {
    let scratch = ready();
    release(&scratch, &["tiny", "tiny-rpm"]).expect_code(0);
    let before = tree(&out(&scratch));
    let server = TestServer::serve(before.clone()).expect("a server");
    let url = server.url("");
    let place = scratch.beside("elsewhere").into_std_path_buf();
    let run = release_to(&scratch, &place, &["--previous", &url]).expect_code(0);
    assert_eq!(run.stdout.matches("  kept  ").count(), 2, "{}", run.text());
    let key = fingerprint(&scratch);
    let folder = place.to_str().expect("UTF-8");
    verify(&scratch, folder, &["--key", &key]).expect_code(0);
    let after = tree(&place);
    for (path, bytes) in &before {
        let is_kept = path.starts_with("kernels/") || path.contains("/pool/");
        assert!(!is_kept || after.get(path) == Some(bytes), "{path}");
    }
    // Where there is none yet, this is the first; where nobody answers, nothing is known.
    let first = scratch.beside("first").into_std_path_buf();
    let nothing = server.url("nothing");
    let run = release_to(&scratch, &first, &["--previous", &nothing, "tiny"]).expect_code(0);
    assert!(run.stderr.contains("this is the first"), "{}", run.text());
    let nobody = ["--previous", "http://127.0.0.1:1", "tiny"];
    release_to(&scratch, &first, &nobody).expect_code(3);
    // Somebody changed a package there.
    let package = "apt/pool/debian-13/tiny/linux-image-6.12.0-tiny_1_amd64.deb";
    server.put(package, "other");
    let run = release_to(&scratch, &place, &["--previous", &url]).expect_code(4);
    assert!(run.stderr.contains(package), "{}", run.text());
    assert!(tree(&place) == after);
    // Of somebody else's release nothing is taken over.
    let other = scratch.beside("other-keys");
    keys(&scratch, &["--keys", other.as_str()]);
    let arguments = ["--previous", &url, "--keys", other.as_str()];
    let run = release_to(&scratch, &place, &arguments).expect_code(4);
    assert!(run.stderr.contains("SHA256SUMS.asc"), "{}", run.text());
}

#[test]
fn an_expired_release_is_refused() {
    let mut scratch = ready();
    let folder = scratch.beside("config").join("mptcp-kernels/keys");
    fs::remove_dir_all(&folder).expect("the keys can go");
    let new = release::keys::NewKeys {
        user: "Example <kernels@example.org>".to_owned(),
        now: now_unix() - 100 * DAY,
        days: 1000,
    };
    let passphrase = release::keys::Passphrase::new(PASSPHRASE.to_owned());
    release::keys::create(&folder, None, &new, &passphrase).expect("keys");
    scratch.set_env("SOURCE_DATE_EPOCH", (now_unix() - 40 * DAY).to_string());
    self::release(&scratch, &["--valid", "50", "tiny", "tiny-rpm"]).expect_code(0);
    let key = fingerprint(&scratch);
    let folder = out(&scratch);
    let folder = folder.to_str().expect("UTF-8");
    verify(&scratch, folder, &["--key", &key]).expect_code(0);
    scratch.set_env("SOURCE_DATE_EPOCH", (now_unix() - 39 * DAY).to_string());
    self::release(&scratch, &["--valid", "30"]).expect_code(0);
    let run = verify(&scratch, folder, &["--key", &key]).expect_code(4);
    assert!(
        run.stderr.contains("release.json: it expired at"),
        "{}",
        run.text()
    );
    verify(&scratch, folder, &["--key", &key, "--archived"]).expect_code(0);
}

#[test]
fn an_older_release_than_one_that_was_seen_is_refused() {
    let scratch = ready();
    release(&scratch, &["tiny"]).expect_code(0);
    let old = tree(&out(&scratch));
    std::thread::sleep(Duration::from_secs(1));
    release(&scratch, &["tiny", "tiny-rpm"]).expect_code(0);
    let new = tree(&out(&scratch));
    let server = TestServer::serve(new).expect("a server");
    let url = server.url("");
    let key = fingerprint(&scratch);
    verify(&scratch, &url, &["--key", &key]).expect_code(0);
    verify(&scratch, &url, &["--key", &key]).expect_code(0);
    for (path, bytes) in old {
        server.put(&path, bytes);
    }
    let run = verify(&scratch, &url, &["--key", &key]).expect_code(4);
    assert!(
        run.stderr.contains("was seen there before"),
        "{}",
        run.text()
    );
    verify(&scratch, &url, &["--key", &key, "--archived"]).expect_code(0);
}

#[test]
fn a_release_that_is_stopped_leaves_the_old_one() {
    let scratch = ready();
    release(&scratch, &["tiny"]).expect_code(0);
    let before = tree(&out(&scratch));
    let mut large = rpms(&scratch);
    let noise: Vec<u8> = (0..8_u32 << 20)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let kernel = TestPackage::new()
        .name("kernel-tiny-rpm")
        .version(&scratch.version_of("tiny-rpm"))
        .file("./boot/x", &noise);
    large.packages.insert(
        "kernel-tiny-rpm-1-2.x86_64.rpm".to_owned(),
        kernel.build_rpm(),
    );
    scratch.write_finished(large);
    let place = out(&scratch);
    let arguments = [
        "release",
        "--url",
        URL,
        "--out",
        place.to_str().expect("UTF-8"),
        "tiny",
        "tiny-rpm",
    ];
    let shelf = scratch.beside(".public.releases");
    let drafts = || {
        let entries = shelf.read_dir_utf8().expect("the shelf");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_owned());
        names.filter(|name| name.starts_with("draft-")).count()
    };
    let mut running = scratch.start(&arguments);
    let started = Instant::now();
    while drafts() == 0 && running.is_running() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(running.is_running(), "it ended before it could be stopped");
    drop(running);
    assert_eq!(drafts(), 1, "it was killed in the middle");
    assert!(tree(&out(&scratch)) == before);
    let key = fingerprint(&scratch);
    verify(&scratch, place.to_str().expect("UTF-8"), &["--key", &key]).expect_code(0);
    release(&scratch, &["tiny", "tiny-rpm"]).expect_code(0);
    assert_eq!(drafts(), 0, "the next one clears up");
}

#[test]
fn a_release_whose_link_was_lost_is_not_forgotten() {
    let scratch = ready();
    // A slash at the end makes no difference.
    let slash = PathBuf::from(format!("{}/", out(&scratch).display()));
    release_to(&scratch, &slash, &["tiny"]).expect_code(0);
    let before = tree(&out(&scratch));
    let target = fs::read_link(out(&scratch)).expect("a link");
    fs::remove_file(out(&scratch)).expect("the link can go");
    let run = release(&scratch, &["tiny-rpm"]).expect_code(1);
    assert!(run.stderr.contains("leads nowhere"), "{}", run.text());
    std::os::unix::fs::symlink(target, out(&scratch)).expect("a link");
    assert!(tree(&out(&scratch)) == before);
    release(&scratch, &["tiny-rpm"]).expect_code(0);
    let missing = scratch.beside("missing");
    let key = fingerprint(&scratch);
    verify(&scratch, missing.as_str(), &["--key", &key]).expect_code(1);
}

#[test]
fn two_recipes_may_not_make_the_same_package() {
    let scratch = ready();
    scratch.write(
        "recipes/twin.toml",
        "summary = \"A twin\"\nextends = \"tiny\"\n",
    );
    scratch.write("recipes/twin.lock", scratch.read("recipes/tiny.lock"));
    scratch.seal_recipe("twin");
    scratch.commit();
    let mut twin = scratch.finished("twin", debs(&scratch, "twin").packages);
    twin.recipe = "twin".to_owned();
    scratch.write_finished(twin);
    let run = release(&scratch, &["tiny", "twin"]).expect_code(1);
    assert!(
        run.stderr.contains("another version-suffix"),
        "{}",
        run.text()
    );
    assert!(!out(&scratch).exists());
}

#[test]
fn no_secret_is_told() {
    let mut scratch = ready();
    let secrets = |scratch: &Scratch| {
        let folder = scratch.beside("config").join("mptcp-kernels/keys");
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect("a key");
        let mut secrets = vec![PASSPHRASE.to_owned(), "wrong battery".to_owned()];
        for name in ["openpgp.key", "minisign.key"] {
            let lines = read(name);
            let lines = lines
                .lines()
                .filter(|line| line.len() > 40 && !line.contains(' '));
            secrets.extend(lines.map(str::to_owned));
        }
        assert!(secrets.len() > 4, "{secrets:?}");
        secrets
    };
    let secrets = secrets(&scratch);
    let mut runs = vec![
        release(&scratch, &["tiny", "tiny-rpm"]).expect_code(0),
        scratch.xtask(&["keys", "show"]).expect_code(0),
        scratch.xtask(&["keys", "check"]).expect_code(0),
    ];
    scratch.set_env("MPTCP_KERNELS_PASSPHRASE", "wrong battery");
    let wrong = release(&scratch, &["tiny"]).expect_code(1);
    assert!(wrong.stderr.contains("does not open"), "{}", wrong.text());
    runs.push(wrong);
    runs.push(scratch.xtask(&["keys", "check"]).expect_code(1));
    scratch.set_env("MPTCP_KERNELS_LOG", "debug");
    runs.push(release(&scratch, &["tiny"]).expect_code(1));
    let scratch = scratch.without_env("MPTCP_KERNELS_PASSPHRASE");
    let none = release(&scratch, &["tiny"]).expect_code(1);
    assert!(
        none.stderr.contains("MPTCP_KERNELS_PASSPHRASE"),
        "{}",
        none.text()
    );
    runs.push(none);
    let files = tree(&out(&scratch));
    let mut texts: Vec<_> = runs.iter().map(Run::text).collect();
    texts.extend(
        files
            .values()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
    );
    for secret in &secrets {
        assert!(texts.iter().all(|text| !text.contains(secret)), "{secret}");
    }
}

#[test]
fn keys_come_from_the_environment_as_well() {
    let mut scratch = ready();
    let folder = scratch.beside("config").join("mptcp-kernels/keys");
    let fingerprint = fingerprint(&scratch);
    for (name, file) in [
        ("MPTCP_KERNELS_OPENPGP_KEY", "openpgp.key"),
        ("MPTCP_KERNELS_MINISIGN_KEY", "minisign.key"),
    ] {
        let text = fs::read_to_string(folder.join(file)).expect("a key");
        scratch.set_env(name, text);
    }
    fs::remove_dir_all(&folder).expect("the keys can go");
    let run = release(&scratch, &["tiny"]).expect_code(0);
    assert!(run.stdout.contains(&fingerprint), "{}", run.text());
    scratch.set_env("MPTCP_KERNELS_OPENPGP_KEY", "nonsense");
    let run = release(&scratch, &["tiny"]).expect_code(1);
    assert!(
        run.stderr.contains("OpenPGP key cannot be read"),
        "{}",
        run.text()
    );
}

#[test]
fn keys_are_made_with_care() {
    let mut scratch = Scratch::small().env("MPTCP_KERNELS_PASSPHRASE", PASSPHRASE);
    let new = ["keys", "new", "--user", "Example <kernels@example.org>"];
    let inside = scratch.path("keys");
    let run = scratch.xtask(&[&new[..], &["--keys", inside.to_str().expect("UTF-8")]].concat());
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.stderr.contains("outside of it"), "{}", run.text());
    scratch.set_env("MPTCP_KERNELS_PASSPHRASE", "short");
    let run = scratch.xtask(&new).expect_code(1);
    assert!(run.stderr.contains("8 characters"), "{}", run.text());
    scratch.set_env("MPTCP_KERNELS_PASSPHRASE", PASSPHRASE);
    let run = scratch.xtask(&["keys", "check"]).expect_code(1);
    assert!(run.stderr.contains("keys new"), "{}", run.text());
    let run = scratch.xtask(&["keys", "new", "--user", "no address"]);
    assert_eq!(run.code, 2, "{}", run.text());
    // A key that ends soon is warned of.
    keys(&scratch, &["--days", "30"]);
    let run = scratch.xtask(&["keys", "check"]).expect_code(0);
    let soon = ["29", "30"].map(|days| run.stderr.contains(&format!("expires in {days} days")));
    assert!(soon.contains(&true), "{}", run.text());
    let run = scratch.xtask(&new).expect_code(1);
    assert!(run.stderr.contains("already"), "{}", run.text());
    let folder = scratch.beside("config").join("mptcp-kernels/keys");
    let secret = folder.join("openpgp.key");
    let readable = fs::Permissions::from_mode(0o644);
    fs::set_permissions(&secret, readable).expect("a mode can be set");
    let run = scratch.xtask(&["keys", "check"]).expect_code(1);
    assert!(
        run.stderr.contains("can be read by others"),
        "{}",
        run.text()
    );
}

#[test]
fn a_key_far_from_its_end_is_not_warned_of() {
    let scratch = ready();
    let run = scratch.xtask(&["keys", "check"]).expect_code(0);
    assert!(!run.stderr.contains("warning"), "{}", run.text());
}

#[test]
fn too_few_witnesses_are_too_few() {
    let scratch = ready();
    release(&scratch, &["tiny"]).expect_code(0);
    let key = fingerprint(&scratch);
    let folder = out(&scratch);
    let folder = folder.to_str().expect("UTF-8");
    let run = verify(&scratch, folder, &["--key", &key, "--require", "1"]).expect_code(4);
    assert!(
        run.stderr.contains("0 of the 1 witnesses"),
        "{}",
        run.text()
    );
}

#[test]
fn text_of_recipes_comes_out_inert() {
    let scratch = ready();
    let recipe = scratch.read("recipes/tiny.toml");
    let hostile = "<script>alert(1)</script>\\u001b[2J\\u202e\\\"'&";
    let recipe = recipe.replace("A fixture: the smallest recipe", hostile);
    scratch.write("recipes/tiny.toml", recipe);
    scratch.seal_recipe("tiny");
    scratch.seal_recipe("tiny-rpm");
    scratch.commit();
    scratch.write_finished(debs(&scratch, "1"));
    let run = release(&scratch, &["tiny"]).expect_code(0);
    assert!(!run.text().contains('\u{1b}'));
    let files = tree(&out(&scratch));
    for (path, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        let is_text = path.ends_with(".html") || path.ends_with("Packages");
        assert!(!is_text || !text.contains(['\u{1b}', '\u{202e}']), "{path}");
        assert!(
            !path.ends_with(".html") || !text.contains("<script"),
            "{path}"
        );
    }
}

#[test]
fn all_recipes_are_those_that_ci_builds() {
    let scratch = ready();
    let run = release(&scratch, &["--all"]).expect_code(1);
    assert!(
        run.stderr.contains("child: it is not built"),
        "{}",
        run.text()
    );
    let version = scratch.version_of("child");
    let image = TestPackage::new()
        .name("linux-image-child")
        .version(&version);
    let packages = named([("linux-image-child_1_amd64.deb", image.build())]);
    scratch.write_finished(scratch.finished("child", packages));
    // `stock` is not for release, and not missed.
    let run = release(&scratch, &["--all"]).expect_code(0);
    assert_eq!(run.stdout.matches("  new   ").count(), 3, "{}", run.text());
}

#[test]
fn what_is_asked_for_wrongly_is_said() {
    let scratch = ready();
    let place = out(&scratch);
    let place = place.to_str().expect("UTF-8");
    for url in [
        "ftp://example.org",
        "https://",
        "https://example.org/$(id)",
        "https://a b",
    ] {
        let run = scratch.xtask(&["release", "--out", place, "--url", url, "tiny"]);
        assert_eq!(run.code, 2, "{url}: {}", run.text());
    }
    let run = release(&scratch, &["no-such-recipe"]).expect_code(1);
    assert!(run.stderr.contains("no-such-recipe"), "{}", run.text());
    fs::create_dir_all(place).expect("a folder can be made");
    fs::write(Path::new(place).join("mine"), "").expect("a file can be written");
    let run = release(&scratch, &["--previous", "", "tiny"]).expect_code(1);
    assert!(run.stderr.contains("is there already"), "{}", run.text());
}
