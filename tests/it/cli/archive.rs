//! `lock`: the chain of trust from the archive's key to each package, and what breaks it.

use std::fs;
use std::path::Path;

use formats::testing::TestKey;
use host::testing::Behaviour;
use model::digest::Sha256;

use super::{assert_run, each};
use crate::support::{Archive, Deb, Package, Release, Run, Scratch};

/// The lock that the failures below must not touch.
const LOCK: &str = "recipes/tiny.lock";

fn source(version: &str) -> Package {
    source_of(version, format!("Linux {version}\n"))
}

/// The package of a kernel's source, which holds this archive of it.
pub(super) fn source_of(version: &str, archive: impl Into<Vec<u8>>) -> Package {
    let content = Deb::default().file("usr/src/linux-source-6.12.tar.xz", archive);
    Package::with("linux-source-6.12", version, "all", "", &content)
}

fn kernel(release: &str, version: &str) -> Package {
    let content = Deb::default().file(&format!("boot/config-{release}"), "CONFIG_NET=y\n");
    Package::with(
        &format!("linux-image-{release}"),
        version,
        "amd64",
        "kmod, linux-base (>= 4.12~)",
        &content,
    )
}

fn stable() -> Release {
    Release::new("stable", &[source("6.12.9-1")])
}

fn updates() -> Release {
    Release::new("stable-updates", &[source("6.12.10-1")])
}

pub(super) fn lock(scratch: &Scratch, archive: &Archive, arguments: &[&str]) -> Run {
    let mirror = archive.mirror();
    let arguments = [&["--mirror", &mirror, "lock"], arguments].concat();
    scratch.xtask(&arguments)
}

/// The version of the first input in a lock.
fn locked_version(scratch: &Scratch, recipe: &str) -> String {
    let lock: toml::Table =
        toml::from_str(&scratch.read(&format!("recipes/{recipe}.lock"))).expect("a lock");
    let version = &lock["inputs"][0]["package"]["version"];
    version.as_str().expect("a version").to_owned()
}

/// The names of the objects in the store, each of which must have the bytes of its name.
pub(super) fn objects(scratch: &Scratch) -> Vec<String> {
    let partial = files(&scratch.cache().join("partial"));
    assert_eq!(partial, [""; 0], "nothing partial is left");
    let names = files(&scratch.cache().join("sha256"));
    for name in &names {
        let bytes = fs::read(scratch.cache().join("sha256").join(&name[..2]).join(name))
            .expect("an object");
        assert_eq!(Sha256::of(bytes).to_string(), *name);
    }
    names
}

pub(super) fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            names.extend(files(&entry.path()));
        } else {
            names.push(entry.file_name().into_string().expect("a UTF-8 name"));
        }
    }
    names
}

#[test]
fn the_newest_version_of_all_suites_is_locked_and_nothing_else_is_downloaded() {
    let scratch = Scratch::small();
    let archive = Archive::serve(&scratch, &[stable(), updates()]);
    assert_run!("lock", scratch, lock(&scratch, &archive, &["tiny"]), 0);
    let text = scratch.read(LOCK);
    insta::assert_snapshot!("lock_file", scratch.stable(&text));
    assert!(
        text.contains(&source("6.12.10-1").sha256().to_string()),
        "{text}"
    );
    assert!(text.contains(&archive.key.fingerprint()), "{text}");
    scratch.xtask(&["check", "tiny"]).expect_code(0);
    let log = archive.server.log();
    let pool: Vec<_> = log.iter().filter(|path| path.contains("/pool/")).collect();
    assert_eq!(pool, [&format!("fixture/{}", source("6.12.10-1").path())]);

    // Locked again, it is the same, and what is in the store is not downloaded again.
    let run = lock(&scratch, &archive, &["tiny", "--format", "json"]).expect_code(0);
    assert_eq!(run.json()[0]["state"], "written");
    assert_eq!(scratch.read(LOCK), text);
    let fresh = archive.server.log().split_off(log.len());
    assert!(
        fresh.iter().all(|path| path.ends_with("/InRelease")),
        "{fresh:?}"
    );
}

#[test]
fn newest_is_by_debians_order_whatever_the_suite() {
    let rows = [
        ("6.12.9-1", "6.12.10-1"),
        ("6.12.10-1~deb13u1", "6.12.10-1"),
        ("6.12.10-1", "6.12.10-1+b1"),
        ("7.0-1", "1:6.12-1"),
    ];
    for (older, newer) in rows {
        for (first, second) in [(older, newer), (newer, older)] {
            let scratch = Scratch::small();
            let suites = [
                Release::new("stable", &[source(first)]),
                Release::new("stable-updates", &[source(second)]),
            ];
            let archive = Archive::serve(&scratch, &suites);
            lock(&scratch, &archive, &["tiny"]).expect_code(0);
            assert_eq!(locked_version(&scratch, "tiny"), newer);
        }
    }
}

#[test]
fn every_form_of_an_index_is_read() {
    for (gzip, by_hash) in [(false, false), (true, false), (false, true)] {
        let scratch = Scratch::small();
        let release = Release {
            gzip,
            by_hash,
            ..stable()
        };
        let archive = Archive::serve(
            &scratch,
            &[release.clone(), Release::new("stable-updates", &[])],
        );
        if by_hash {
            // While an archive is updated, the plain name holds other bytes already.
            archive.put(&format!("dists/stable/{}", release.index().0), "newer");
        }
        lock(&scratch, &archive, &["tiny"]).expect_code(0);
        assert_eq!(locked_version(&scratch, "tiny"), "6.12.9-1");
    }
}

#[test]
fn a_metapackage_leads_to_the_kernel_whose_configuration_is_wanted() {
    let scratch = Scratch::small();
    let meta = |version: &str, release: &str| {
        Package::meta(
            "linux-image-amd64",
            version,
            &format!("linux-image-{release} (= {version})"),
        )
    };
    let old = Release::new(
        "stable",
        &[
            source("6.12.9-1"),
            meta("6.12.9-1", "6.12.9-amd64"),
            kernel("6.12.9-amd64", "6.12.9-1"),
        ],
    );
    let new = Release::new(
        "stable-updates",
        &[
            meta("6.12.10-1", "6.12.10-amd64"),
            kernel("6.12.10-amd64", "6.12.10-1"),
        ],
    );
    let archive = Archive::serve(&scratch, &[old.clone(), new]);
    lock(&scratch, &archive, &["stock"]).expect_code(0);
    insta::assert_snapshot!(
        "stock_lock_file",
        scratch.stable(&scratch.read("recipes/stock.lock"))
    );
    assert!(
        scratch
            .read("recipes/stock.lock")
            .contains(&kernel("6.12.10-amd64", "6.12.10-1").sha256().to_string())
    );

    // The kernel of a metapackage may be missing, and metapackages may lead nowhere.
    archive
        .publish(&Release::new("stable-updates", &[meta("6.12.10-1", "6.12.10-amd64")]).later(1));
    assert_run!(
        "metapackage_without_kernel",
        scratch,
        lock(&scratch, &archive, &["stock"]),
        1
    );
    archive.publish(&Release::new("stable-updates", &[meta("6.12.10-1", "amd64")]).later(1));
    assert_run!(
        "metapackage_of_itself",
        scratch,
        lock(&scratch, &archive, &["stock"]),
        1
    );
}

/// How an archive fails, the exit code, and how it does so.
type Row = (&'static str, i32, fn(&Archive, &Scratch));

const FAILURES: &[Row] = &[
    ("unsigned", 4, |archive, _| {
        archive.put_release("stable", stable().text());
    }),
    ("signed_by_another_key", 4, |archive, _| {
        archive.put_release(
            "stable",
            TestKey::from_seed(2).sign_cleartext(&stable().text(), 1_748_736_000),
        );
    }),
    ("signature_expired", 4, |archive, _| {
        archive.put_release(
            "stable",
            archive
                .key
                .sign_cleartext_expiring(&stable().text(), 1_748_736_000, 86_400),
        );
    }),
    ("altered_after_signing", 4, |archive, _| {
        archive.put_release(
            "stable",
            archive
                .sign(&stable())
                .replacen("Label: Fixture", "Label: Altered", 1),
        );
    }),
    ("text_after_the_signature", 4, |archive, _| {
        archive.put_release("stable", archive.sign(&stable()) + "SHA256:\n");
    }),
    ("expired", 4, |archive, _| {
        archive.publish(&Release {
            valid_until: Some(1_748_822_400),
            ..stable()
        });
    }),
    ("from_the_future", 4, |archive, _| {
        archive.publish(&Release {
            date: 4_102_444_800,
            ..stable()
        });
    }),
    ("another_suite", 4, |archive, _| {
        archive.put_release("stable", archive.sign(&updates()));
    }),
    ("another_architecture", 4, |archive, _| {
        let text = stable()
            .text()
            .replacen("Architectures: amd64", "Architectures: arm64", 1);
        archive.put_release("stable", archive.key.sign_cleartext(&text, 1_748_736_000));
    }),
    ("without_the_component", 4, |archive, _| {
        let text = stable().text().replacen("main/binary", "contrib/binary", 1);
        archive.put_release("stable", archive.key.sign_cleartext(&text, 1_748_736_000));
    }),
    ("release_is_a_web_page", 4, |archive, _| {
        archive.put_release("stable", "<html>Sign in to use this network</html>\n");
    }),
    ("release_gone", 3, |archive, _| {
        archive
            .server
            .behave("fixture/dists/stable/InRelease", Behaviour::Status(404));
    }),
    ("release_forbidden", 3, |archive, _| {
        archive
            .server
            .behave("fixture/dists/stable/InRelease", Behaviour::Status(403));
    }),
    ("index_altered", 4, |archive, _| {
        let (path, mut bytes) = stable().index();
        bytes[20] ^= 1;
        archive.put(&format!("dists/stable/{path}"), bytes);
    }),
    ("index_of_another_size", 4, |archive, _| {
        archive.put(&format!("dists/stable/{}", stable().index().0), "short");
    }),
    ("index_gone", 3, |archive, _| {
        let path = format!("fixture/dists/stable/{}", stable().index().0);
        archive.server.behave(&path, Behaviour::Status(404));
    }),
    ("package_altered", 4, |archive, _| {
        archive.put(&source("6.12.10-1").path(), source("6.12.10-1").altered());
    }),
    ("package_of_another_size", 4, |archive, _| {
        archive.put(&source("6.12.10-1").path(), "short");
    }),
    ("package_gone", 3, |archive, _| {
        archive.server.behave(
            &format!("fixture/{}", source("6.12.10-1").path()),
            Behaviour::Status(404),
        );
    }),
    ("package_elsewhere_and_wrong_there", 4, |archive, _| {
        archive.put("other.deb", source("6.12.10-1").altered());
        let path = format!("fixture/{}", source("6.12.10-1").path());
        archive.server.behave(
            &path,
            Behaviour::Redirect(archive.server.url("fixture/other.deb")),
        );
    }),
    ("package_unknown", 1, |archive, _| {
        archive.publish(&Release::new("stable", &[]));
        archive.publish(&Release::new(
            "stable-updates",
            &[Package::new("linux-source-6.1", "6.1.1-1")],
        ));
    }),
    ("package_breaks_off", 3, |archive, _| {
        let path = format!("fixture/{}", source("6.12.10-1").path());
        archive.server.behave(&path, Behaviour::Truncated(100));
    }),
    ("keyring_malformed", 1, |_, scratch| {
        scratch.write("containers/keys/fixture.asc", "no key\n");
    }),
];

#[test]
fn an_archive_that_fails_changes_no_lock_and_leaves_nothing_to_mistake() {
    each(
        FAILURES,
        |row| row.0.to_owned(),
        |(name, code, spoil)| {
            let scratch = Scratch::small();
            let archive = Archive::serve(&scratch, &[stable(), updates()]);
            spoil(&archive, &scratch);
            let before = scratch.read(LOCK);
            let run = lock(&scratch, &archive, &["--quiet", "tiny"]);
            assert_run!(*name, scratch, run, *code);
            assert_eq!(scratch.read(LOCK), before, "{name}");
            assert_eq!(
                files(&scratch.path("recipes"))
                    .iter()
                    .filter(|file| file.contains("new"))
                    .count(),
                0,
                "{name}"
            );
            let objects = objects(&scratch);
            assert!(
                !objects.contains(&source("6.12.10-1").sha256().to_string()),
                "{name}"
            );
            let (_, index) = stable().index();
            let verified_index = objects.contains(&Sha256::of(&index).to_string());
            assert!(!verified_index || name.starts_with("package"), "{name}");
        },
    );
}

#[test]
fn the_failures_above_are_the_archives_and_not_the_tests() {
    let scratch = Scratch::small();
    let archive = Archive::serve(&scratch, &[stable(), updates()]);
    // The knobs, set to what is right.
    archive.publish(&Release {
        valid_until: Some(4_102_444_800),
        ..stable()
    });
    archive.put_release(
        "stable-updates",
        archive
            .key
            .sign_cleartext_expiring(&updates().text(), 1_748_736_000, u32::MAX / 4),
    );
    lock(&scratch, &archive, &["--quiet", "tiny"]).expect_code(0);
    assert!(objects(&scratch).contains(&source("6.12.10-1").sha256().to_string()));
}

#[test]
fn a_package_that_is_none_is_refused_although_its_hash_is_right() {
    let scratch = Scratch::small();
    let archive = Archive::serve(
        &scratch,
        &[
            Release::new(
                "stable",
                &[Package::broken("linux-source-6.12", "6.12.9-1")],
            ),
            Release::new("stable-updates", &[]),
        ],
    );
    let before = scratch.read(LOCK);
    assert_run!(
        "no_package",
        scratch,
        lock(&scratch, &archive, &["--quiet", "tiny"]),
        4
    );
    assert_eq!(scratch.read(LOCK), before);
}

#[test]
fn a_damaged_object_in_the_cache_is_noticed_and_fetched_again() {
    let scratch = Scratch::small();
    let archive = Archive::serve(&scratch, &[stable(), updates()]);
    lock(&scratch, &archive, &["tiny"]).expect_code(0);
    let text = scratch.read(LOCK);
    let package = source("6.12.10-1");
    let digest = package.sha256().to_string();
    let object = scratch
        .cache()
        .join("sha256")
        .join(&digest[..2])
        .join(&digest);
    fs::remove_file(&object).expect("an object can be removed");
    fs::write(&object, package.altered()).expect("an object can be planted");
    let run = lock(&scratch, &archive, &["--quiet", "tiny"]).expect_code(4);
    assert!(
        run.stderr.starts_with("error: verifying the object"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("removed"), "{}", run.stderr);
    assert!(
        !objects(&scratch).contains(&digest),
        "the planted object is gone"
    );
    lock(&scratch, &archive, &["tiny"]).expect_code(0);
    assert_eq!(scratch.read(LOCK), text);
    assert!(objects(&scratch).contains(&digest));
}

#[test]
fn a_state_older_than_the_lock_is_a_replay() {
    let scratch = Scratch::small();
    let archive = Archive::serve(&scratch, &[stable(), updates().later(2)]);
    lock(&scratch, &archive, &["tiny"]).expect_code(0);
    let before = scratch.read(LOCK);
    archive.publish(&updates().later(1));
    assert_run!(
        "replay",
        scratch,
        lock(&scratch, &archive, &["--quiet", "tiny"]),
        4
    );
    assert_eq!(scratch.read(LOCK), before);
    archive.publish(&updates().later(3));
    lock(&scratch, &archive, &["tiny"]).expect_code(0);
    assert_ne!(scratch.read(LOCK), before);
}

#[test]
fn outdated_tells_what_the_archive_has_newer_or_no_more() {
    let scratch = Scratch::small();
    let archive = Archive::serve(&scratch, &[stable(), updates()]);
    lock(&scratch, &archive, &["tiny"]).expect_code(0);
    let before = scratch.read(LOCK);
    assert_run!(
        "outdated_nothing",
        scratch,
        lock(&scratch, &archive, &["--outdated", "tiny"]),
        0
    );
    archive.publish(&Release::new("stable", &[source("6.12.9-1"), source("6.12.11-1")]).later(1));
    assert_run!(
        "outdated_newer",
        scratch,
        lock(&scratch, &archive, &["--quiet", "--outdated", "tiny"]),
        1
    );
    archive.publish(&Release::new("stable-updates", &[]).later(1));
    assert_run!(
        "outdated_newer_and_gone",
        scratch,
        lock(&scratch, &archive, &["--quiet", "--outdated", "tiny"]),
        1
    );
    archive.publish(&Release::new("stable", &[]).later(2));
    assert_run!(
        "outdated_gone",
        scratch,
        lock(&scratch, &archive, &["--quiet", "--outdated", "tiny"]),
        1
    );
    archive.publish(&stable().later(3));
    archive.put_release("stable-updates", updates().text());
    lock(&scratch, &archive, &["--outdated", "tiny"]).expect_code(4);
    assert_eq!(scratch.read(LOCK), before);
}

#[test]
fn outdated_believes_no_replay_either() {
    let scratch = Scratch::small();
    let archive = Archive::serve(&scratch, &[stable(), updates().later(2)]);
    lock(&scratch, &archive, &["tiny"]).expect_code(0);
    archive.publish(&Release::new("stable-updates", &[source("6.12.8-1")]).later(1));
    lock(&scratch, &archive, &["--outdated", "tiny"]).expect_code(4);
}

#[test]
fn a_new_kernel_behind_a_metapackage_is_newer() {
    let scratch = Scratch::small();
    let suite = |release: &str, version: &str| {
        let meta = Package::meta(
            "linux-image-amd64",
            version,
            &format!("linux-image-{release} (= {version})"),
        );
        [source("6.12.9-1"), meta, kernel(release, version)]
    };
    let first = suite("6.12.9-amd64", "6.12.9-1");
    let archive = Archive::serve(
        &scratch,
        &[
            Release::new("stable", &first),
            Release::new("stable-updates", &[]),
        ],
    );
    lock(&scratch, &archive, &["stock"]).expect_code(0);
    lock(&scratch, &archive, &["--outdated", "stock"]).expect_code(0);
    let both = [&first[..], &suite("6.12.10-amd64", "6.12.10-1")[1..]].concat();
    archive.publish(&Release::new("stable", &both).later(1));
    assert_run!(
        "outdated_kernel",
        scratch,
        lock(&scratch, &archive, &["--quiet", "--outdated", "stock"]),
        1
    );
}

#[test]
fn without_a_mirror_the_message_tells_how_to_name_one() {
    let scratch = Scratch::small();
    scratch.write(
        "containers/keys/fixture.asc",
        TestKey::from_seed(1).armored_public(),
    );
    assert_run!("no_mirror", scratch, scratch.xtask(&["lock", "tiny"]), 3);
    let elsewhere = [
        "--mirror",
        "debian=http://127.0.0.1:9/debian",
        "lock",
        "tiny",
    ];
    scratch.xtask(&elsewhere).expect_code(3);
}

#[test]
fn mirrors_come_from_the_environment_and_the_configuration_too() {
    let scratch = Scratch::small();
    let archive = Archive::serve(&scratch, &[stable(), updates()]);
    let scratch = scratch.env(
        "MPTCP_KERNELS_MIRRORS",
        format!("debian=http://127.0.0.1:9/d {}", archive.mirror()),
    );
    scratch.xtask(&["lock", "tiny"]).expect_code(0);
    let scratch = scratch.without_env("MPTCP_KERNELS_MIRRORS");
    scratch.xtask(&["lock", "tiny"]).expect_code(3);
    scratch.write_config(&format!("[mirrors]\nfixture = [\"{}/\"]\n", archive.url()));
    scratch.xtask(&["lock", "tiny"]).expect_code(0);
}

#[test]
fn wrong_mirrors_are_told_with_where_they_stand() {
    let scratch = Scratch::small();
    for mirror in [
        "fixture",
        "fixture=",
        "fixture=ftp://example.org/x",
        "fixture=http://user:word@example.org/x",
        "a/b=http://example.org/x",
    ] {
        let run = scratch
            .xtask(&["--mirror", mirror, "lock", "tiny"])
            .expect_code(1);
        assert!(
            run.stderr.contains("--mirror") && !run.stderr.contains("word@"),
            "{mirror}: {}",
            run.stderr
        );
    }
    let scratch = scratch.env("MPTCP_KERNELS_MIRRORS", "fixture=nothing");
    let run = scratch.xtask(&["lock", "tiny"]).expect_code(1);
    assert!(
        run.stderr.contains("MPTCP_KERNELS_MIRRORS"),
        "{}",
        run.stderr
    );
    let scratch = scratch.without_env("MPTCP_KERNELS_MIRRORS");
    scratch.write_config("[mirors]\n");
    let run = scratch.xtask(&["lock", "tiny"]).expect_code(1);
    assert!(run.stderr.contains("mirors"), "{}", run.stderr);
}

#[test]
fn the_next_mirror_is_asked_where_the_first_has_nothing_or_lies() {
    let scratch = Scratch::small();
    let good = Archive::serve(&scratch, &[stable(), updates()]);
    let empty = Archive::serve(&scratch, &[]);
    let both = |first: &Archive| {
        let (first, second) = (first.mirror(), good.mirror());
        scratch.xtask(&["--mirror", &first, "--mirror", &second, "lock", "tiny"])
    };
    both(&empty).expect_code(0);
    fs::remove_dir_all(scratch.cache()).expect("the cache can be removed");
    let lying = Archive::serve(&scratch, &[stable(), updates()]);
    lying.put(&source("6.12.10-1").path(), source("6.12.10-1").altered());
    let run = both(&lying).expect_code(0);
    assert!(run.stderr.contains("was passed over"), "{}", run.stderr);
    assert!(objects(&scratch).contains(&source("6.12.10-1").sha256().to_string()));
}

#[test]
fn a_server_that_is_down_is_the_hosts_business() {
    let scratch = Scratch::small();
    let mirror = {
        let archive = Archive::serve(&scratch, &[stable(), updates()]);
        archive.mirror()
    };
    let run = scratch
        .xtask(&["--mirror", &mirror, "lock", "tiny"])
        .expect_code(3);
    assert!(
        run.stderr.contains("/fixture/dists/stable/InRelease"),
        "{}",
        run.stderr
    );
}
