//! Archives: pinned by their hash, and hostile all the same.

use std::fs;

use host::testing::{Behaviour, TestServer};
use model::digest::Sha256;
use tar::EntryType;

use super::{LOCK, assert_nothing_locked, assert_said, lock, locked};
use crate::cli::archive::objects;
use crate::cli::each;
use crate::support::kernel::COMMITTED;
use crate::support::{Kernel, Scratch, Served, Tar};

/// A project with recipe `oot`, whose source is an archive on a server.
pub(super) struct Place {
    pub(super) scratch: Scratch,
    pub(super) server: TestServer,
}

impl Place {
    /// One whose archive has these bytes, and the recipe their digest.
    pub(super) fn new(name: &str, bytes: Vec<u8>) -> Self {
        let sha256 = Sha256::of(&bytes);
        Self::pinned(name, bytes, sha256)
    }

    fn pinned(name: &str, bytes: Vec<u8>, sha256: Sha256) -> Self {
        let server = TestServer::serve([(name, bytes)]).expect("a free port");
        let url = server.url(name);
        let source = format!("[source.tarball]\nurl = \"{url}\"\nsha256 = \"{sha256}\"\n");
        let scratch = Scratch::small().out_of_tree(&source);
        Self { scratch, server }
    }
}

#[test]
fn however_a_tree_is_packed_it_is_the_same_tree() {
    let kernel = Kernel::out_of_tree();
    let scratch = Scratch::small();
    let served = Served::new(&scratch);
    let commit = kernel.commit(&served.repository, "main", 0);
    let url = served.url();
    let scratch = scratch.out_of_tree(&format!(
        "[source.git]\nurl = \"{url}\"\ncommit = \"{commit}\"\n"
    ));
    lock(&scratch).expect_code(0);
    let tree = &locked(&scratch)["tree"];
    for (name, bytes) in [
        ("linux.tar.gz", kernel.tar().gz()),
        ("linux.tar.xz", kernel.tar().xz()),
        ("linux.tar.zst", kernel.tar().zst()),
    ] {
        let (size, sha256) = (bytes.len(), Sha256::of(&bytes).to_string());
        let place = Place::new(name, bytes);
        lock(&place.scratch).expect_code(0);
        let source = locked(&place.scratch);
        assert_eq!(source["tree"], *tree, "{name}");
        assert_eq!(source["tarball"]["name"], name);
        assert_eq!(source["tarball"]["size"], size);
        assert_eq!(source["tarball"]["sha256"], *sha256);
        assert_eq!(source["timestamp"], COMMITTED, "of its newest file");
        assert_eq!(objects(&place.scratch), [sha256]);
    }
}

#[test]
fn an_archive_is_locked_and_its_lock_needs_no_server() {
    let place = Place::new("linux-5.4.230.tar.xz", Kernel::out_of_tree().tar().xz());
    lock(&place.scratch).expect_code(0);
    let text = place.scratch.read(LOCK);
    insta::assert_snapshot!("tarball_lock_file", place.scratch.stable(&text));
    let Place { scratch, server } = place;
    drop(server);
    lock(&scratch).expect_code(0);
    assert_eq!(scratch.read(LOCK), text);
    scratch.xtask(&["check", "oot"]).expect_code(0);
    let outdated = ["lock", "--outdated", "oot"];
    scratch.xtask(&outdated).expect_code(0);
    // What is in the cache is only good while it is what it was.
    let object = objects(&scratch).remove(0);
    let path = scratch.cache().join("sha256").join(&object[..2]);
    let path = path.join(&object);
    fs::remove_file(&path).expect("an object can be removed");
    fs::write(&path, Kernel::upstream("6.12.9").tar().xz()).expect("one can be planted");
    let run = lock(&scratch).expect_code(4);
    assert!(run.stderr.contains("removed"), "{}", run.stderr);
    assert_eq!(objects(&scratch), [""; 0]);
    assert_eq!(scratch.read(LOCK), text);
}

/// How a server fails: snapshot, exit code, and what it does for the archive.
type Row = (&'static str, i32, fn(&[u8]) -> Behaviour);

const FAILURES: &[Row] = &[
    ("wrong_bytes", 4, |bytes| {
        let mut wrong = bytes.to_vec();
        wrong[bytes.len() / 2] ^= 1;
        Behaviour::Wrong(wrong)
    }),
    ("a_web_page", 4, |_| {
        Behaviour::Wrong(b"<html>Sign in</html>\n".to_vec())
    }),
    ("breaks_off", 3, |_| Behaviour::Truncated(100)),
    ("ends_early", 4, |_| Behaviour::Short(100)),
    ("gone", 3, |_| Behaviour::Status(404)),
    ("forbidden", 3, |_| Behaviour::Status(403)),
];

#[test]
fn a_server_that_fails_leaves_nothing_in_the_store() {
    each(
        FAILURES,
        |row| row.0.to_owned(),
        |(name, code, behaviour)| {
            let bytes = Kernel::out_of_tree().tar().gz();
            let place = Place::new("linux.tar.gz", bytes.clone());
            place.server.behave("linux.tar.gz", behaviour(&bytes));
            assert_said!(*name, place.scratch, lock(&place.scratch), *code);
            assert_nothing_locked(&place.scratch);
            assert_eq!(objects(&place.scratch), [""; 0], "{name}");
        },
    );
}

#[test]
fn a_recipe_with_the_hash_of_another_archive_is_refused() {
    let bytes = Kernel::out_of_tree().tar().gz();
    let other = Sha256::of(Kernel::upstream("6.12.9").tar().gz());
    let place = Place::pinned("linux.tar.gz", bytes, other);
    assert_said!("wrong_hash", place.scratch, lock(&place.scratch), 4);
    assert_nothing_locked(&place.scratch);
    assert_eq!(objects(&place.scratch), [""; 0]);
}

/// What an archive holds besides a kernel: snapshot, and how it gets there.
type Addition = (&'static str, fn(Tar) -> Tar);

const HOSTILE: &[Addition] = &[
    ("climbs", |tar| tar.file("linux/../../x", b"x")),
    ("absolute", |tar| tar.file("/etc/cron.d/x", b"x")),
    ("device", |tar| {
        tar.entry("linux/sda", EntryType::Block, "", b"")
    }),
    ("character_device", |tar| {
        tar.entry("linux/null", EntryType::Char, "", b"")
    }),
    ("fifo", |tar| {
        tar.entry("linux/pipe", EntryType::Fifo, "", b"")
    }),
    ("hard_link", |tar| {
        tar.entry("linux/passwd", EntryType::Link, "/etc/passwd", b"")
    }),
    ("link_leaves", |tar| {
        tar.entry("linux/etc", EntryType::Symlink, "../etc", b"")
    }),
    ("absolute_link", |tar| {
        tar.entry("linux/etc", EntryType::Symlink, "/etc", b"")
    }),
    ("below_a_link", |tar| {
        tar.file("linux/include/dt-bindings/x", b"x")
    }),
    ("link_over_a_folder", |tar| {
        tar.file("linux/arch/x", b"x")
            .entry("linux/arch", EntryType::Symlink, "scripts", b"")
    }),
    ("twice", |tar| tar.file("linux/Makefile", b"VERSION = 6\n")),
    ("twice_by_another_name", |tar| {
        tar.file("linux/./net//mptcp/Kconfig", b"x")
    }),
    ("two_folders", |tar| tar.file("other/x", b"x")),
    ("beside_the_folder", |tar| tar.file("x", b"x")),
    ("line_end_in_a_name", |tar| tar.file("linux/a\nb", b"x")),
    ("control_in_a_name", |tar| {
        tar.file("linux/../\u{1b}[2J", b"x")
    }),
];

#[test]
fn an_archive_with_what_no_kernel_has_is_refused() {
    each(
        HOSTILE,
        |row| row.0.to_owned(),
        |(name, add)| {
            let tar = add(Kernel::out_of_tree().tar());
            let place = Place::new("linux.tar.gz", tar.gz());
            assert_said!(*name, place.scratch, lock(&place.scratch), 1);
            assert_nothing_locked(&place.scratch);
        },
    );
}

/// Archives that are damaged although their hash is right: snapshot, name, and bytes.
type Damage = (&'static str, &'static str, fn() -> Vec<u8>);

const DAMAGED: &[Damage] = &[
    ("cut_off", "linux.tar.gz", || {
        let bytes = Kernel::out_of_tree().tar().gz();
        bytes[..bytes.len() / 2].to_vec()
    }),
    ("cut_off_xz", "linux.tar.xz", || {
        let bytes = Kernel::out_of_tree().tar().xz();
        bytes[..bytes.len() / 2].to_vec()
    }),
    ("not_compressed_so", "linux.tar.xz", || {
        Kernel::out_of_tree().tar().gz()
    }),
    ("empty", "linux.tar.gz", || Tar::default().gz()),
    ("nothing", "linux.tar.gz", Vec::new),
    ("no_tar", "linux.tar.zst", || {
        zstd::encode_all(&b"this is no tar \x1b[2J\n".repeat(100)[..], 1)
            .expect("writing to memory")
    }),
];

#[test]
fn a_damaged_archive_is_refused_although_its_hash_is_right() {
    each(
        DAMAGED,
        |row| row.0.to_owned(),
        |(name, file, bytes)| {
            let place = Place::new(file, bytes());
            assert_said!(*name, place.scratch, lock(&place.scratch), 1);
            assert_nothing_locked(&place.scratch);
        },
    );
}

#[test]
fn what_honest_programs_put_into_archives_is_taken() {
    // git archive begins with the commit's id, and some write the folder again.
    let id = b"52 comment=612d75f01e95867dc94ac4f9f230f6f1bd09c9ac\n";
    let tar = Tar::default()
        .entry("pax_global_header", EntryType::XGlobalHeader, "", id)
        .entry("linux/", EntryType::Directory, "", b"");
    let tree = |kernel: &Kernel, tar: Tar| {
        let place = Place::new("linux.tar.gz", tar.and(kernel.tar()).gz());
        lock(&place.scratch).expect_code(0);
        locked(&place.scratch)["tree"].clone()
    };
    let kernel = Kernel::out_of_tree();
    assert_eq!(tree(&kernel, tar), tree(&kernel, Tar::default()));
}

#[test]
fn names_that_fit_into_no_header_are_read_both_ways() {
    let file = format!("{}/a.c", "folder/".repeat(20).trim_end_matches('/'));
    let (target, link) = (format!("../{file}"), "include/far");
    let kernel = Kernel::out_of_tree();
    let name = format!("linux/{file}");
    let gnu = Tar::default()
        .entry("././@LongLink", EntryType::GNULongName, "", name.as_bytes())
        .file("linux/cut", b"int a;\n")
        .entry(
            "././@LongLink",
            EntryType::GNULongLink,
            "",
            target.as_bytes(),
        )
        .entry("linux/include/far", EntryType::Symlink, "cut", b"");
    let record = |key: &str, value: &str| {
        // Three digits, a space, an equals sign and a line end.
        let length = key.len() + value.len() + 6;
        format!("{length} {key}={value}\n")
    };
    let (path, linkpath) = (record("path", &name), record("linkpath", &target));
    let pax = Tar::default()
        .entry("pax", EntryType::XHeader, "", path.as_bytes())
        .file("linux/cut", b"int a;\n")
        .entry("pax", EntryType::XHeader, "", linkpath.as_bytes())
        .entry("linux/include/far", EntryType::Symlink, "cut", b"");
    let scratch = Scratch::small();
    let served = Served::new(&scratch);
    let kernel_with = kernel.clone().with(&file, "int a;\n");
    let commit = kernel_with
        .entry(link, "120000", &target)
        .commit(&served.repository, "main", 0);
    let url = served.url();
    let source = format!("[source.git]\nurl = \"{url}\"\ncommit = \"{commit}\"\n");
    let scratch = scratch.out_of_tree(&source);
    lock(&scratch).expect_code(0);
    for tar in [gnu, pax] {
        let place = Place::new("linux.tar.gz", tar.and(kernel.tar()).gz());
        lock(&place.scratch).expect_code(0);
        assert_eq!(locked(&place.scratch)["tree"], locked(&scratch)["tree"]);
    }
}
