use std::io::{Read, Write};
use std::process::Stdio;

use cpio::newc::Reader;

use super::*;

fn example() -> Vec<u8> {
    let mut archive = Initramfs::new();
    archive.folder("dev").unwrap();
    archive
        .character_device("dev/console", (5, 1), 0o600)
        .unwrap();
    archive.character_device("dev/null", (1, 3), 0o666).unwrap();
    archive.file("init", b"\x7fELF", true).unwrap();
    archive.file("empty", b"", false).unwrap();
    archive.file("text", b"hello", false).unwrap();
    archive.finish().unwrap()
}

/// Path, mode, numbers of the device, and content.
type Seen = (String, u32, (u32, u32), Vec<u8>);

fn read(mut bytes: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    loop {
        let mut reader = Reader::new(bytes).unwrap();
        let entry = reader.entry().clone();
        if entry.is_trailer() {
            assert_eq!(reader.finish().unwrap(), b"");
            return seen;
        }
        assert_eq!((entry.uid(), entry.gid(), entry.mtime()), (0, 0, 0));
        assert_eq!(entry.ino() as usize, seen.len() + 1);
        let mut content = Vec::new();
        reader.read_to_end(&mut content).unwrap();
        let device = (entry.rdev_major(), entry.rdev_minor());
        seen.push((entry.name().to_owned(), entry.mode(), device, content));
        bytes = reader.finish().unwrap();
    }
}

#[test]
fn everything_is_there_and_sorted() {
    let entry = |path: &str, mode, device, content: &[u8]| -> Seen {
        (path.to_owned(), mode, device, content.to_vec())
    };
    assert_eq!(
        read(&example()),
        [
            entry("dev", 0o040_755, (0, 0), b""),
            entry("dev/console", 0o020_600, (5, 1), b""),
            entry("dev/null", 0o020_666, (1, 3), b""),
            entry("empty", 0o100_644, (0, 0), b""),
            entry("init", 0o100_755, (0, 0), b"\x7fELF"),
            entry("text", 0o100_644, (0, 0), b"hello"),
        ]
    );
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let mut archive = Initramfs::new();
    archive.file("ab", b"hello", true).unwrap();
    let expected = "07070100000001000081ed000000000000000000000001000000000000000500000000000000000000000000000000\
                    0000000300000000ab\0\0\0\0hello\0\0\0\
                    0707010000000000000000000000000000000000000001000000000000000000000000000000000000000000000000\
                    0000000b00000000TRAILER!!!\0\0\0\0";
    assert_eq!(
        String::from_utf8(archive.finish().unwrap()).unwrap(),
        expected
    );
}

#[test]
fn equal_content_in_another_order_gives_equal_bytes() {
    let mut archive = Initramfs::new();
    archive.file("text", b"hello", false).unwrap();
    archive.file("init", b"\x7fELF", true).unwrap();
    archive.folder("dev").unwrap();
    archive.character_device("dev/null", (1, 3), 0o666).unwrap();
    archive
        .character_device("dev/console", (5, 1), 0o600)
        .unwrap();
    archive.file("empty", b"", false).unwrap();
    assert_eq!(archive.finish().unwrap(), example());
    assert_eq!(archive.finish().unwrap(), example());
}

#[test]
fn paths_are_plain_new_and_in_a_folder() {
    let mut archive = Initramfs::new();
    archive.folder("a").unwrap();
    archive.file("a/x", b"", false).unwrap();
    for path in [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "./a",
        "a\nb",
        "a\0",
        "ä",
        "TRAILER!!!",
        &"x".repeat(4096),
    ] {
        assert!(
            matches!(archive.folder(path), Err(InitramfsError::Path(_))),
            "{path:?}"
        );
    }
    assert!(matches!(archive.folder("a"), Err(InitramfsError::Twice(_))));
    assert!(matches!(
        archive.file("a/x", b"", true),
        Err(InitramfsError::Twice(_))
    ));
    for path in ["b/x", "a/x/y", "a/b/c"] {
        assert!(
            matches!(
                archive.file(path, b"", false),
                Err(InitramfsError::NoFolder(_))
            ),
            "{path}"
        );
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test of bytes against another program; this crate has no door to programs"
)]
fn another_reader_lists_the_same() {
    let command = std::process::Command::new("cpio")
        .args(["-itv", "--quiet", "--numeric-uid-gid"])
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = command else {
        // Not by a macro, whose output the test harness would keep to itself.
        writeln!(std::io::stdout(), "skipped: there is no program `cpio`").unwrap();
        return;
    };
    child.stdin.take().unwrap().write_all(&example()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let listed: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        listed,
        [
            "drwxr-xr-x 2 0 0 0 Jan 1 1970 dev",
            "crw------- 1 0 0 5, 1 Jan 1 1970 dev/console",
            "crw-rw-rw- 1 0 0 1, 3 Jan 1 1970 dev/null",
            "-rw-r--r-- 1 0 0 0 Jan 1 1970 empty",
            "-rwxr-xr-x 1 0 0 4 Jan 1 1970 init",
            "-rw-r--r-- 1 0 0 5 Jan 1 1970 text",
        ]
    );
}
