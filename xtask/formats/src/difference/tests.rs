mod binaries;
mod hostile;
mod packages;

use std::io::Cursor;

use super::*;

fn difference(name: &str, a: &[u8], b: &[u8]) -> Option<Difference> {
    first(name, Cursor::new(a), Cursor::new(b)).unwrap()
}

fn found(name: &str, a: &[u8], b: &[u8]) -> Difference {
    assert_eq!(difference(name, a, a), None);
    assert_eq!(difference(name, b, b), None);
    difference(name, a, b).expect("they differ")
}

/// The place and the cause of what differs in two plain files.
fn told(a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> (String, Cause) {
    let found = found("x", a.as_ref(), b.as_ref());
    (found.place.join(" > "), found.cause)
}

fn cause(a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> Cause {
    told(a, b).1
}

/// Bytes without order, the same for the same seed.
fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn a_line_is_named_and_shown() {
    let found = found("config", b"one\ntwo\nthree\n", b"one\ntwo\nthrift\n");
    assert_eq!(found.place, ["config", "line 3"]);
    let (a, b) = (found.a.unwrap(), found.b.unwrap());
    assert_eq!((a.offset, a.text().as_str()), (8, "three"));
    assert_eq!((b.offset, b.text().as_str()), (8, "thrift"));
    assert_eq!((found.cause, found.differing), (Cause::Unknown, 1));
    assert_eq!(found.members, ["config"]);
}

#[test]
fn dates_are_told() {
    for (a, b) in [
        ("on Mon Jan  2 2026", "on Mon Jan 13 2026"),
        (
            "#1 SMP Mon Jan  2 12:34:56 UTC 2026",
            "#1 SMP Tue Jan  3 12:34:56 UTC 2026",
        ),
        (
            "#1 SMP Mon Jan 2 12:34:56 UTC 2026",
            "#1 SMP Mon Jan 2 12:34:57 UTC 2026",
        ),
        (
            "Mon, 23 Nov 2026 12:00:00 +0000",
            "Mon, 23 Nov 2026 12:00:00 +0100",
        ),
        ("Debian 6.1 (2026-11-23)", "Debian 6.1 (2026-11-24)"),
        ("at=2026-11-23T12:34:56Z;", "at=2026-11-23T12:34:57Z;"),
        ("stamp 20261123", "stamp 20270101"),
        ("t = 1700000000;", "t = 1700000001;"),
        ("compiled 12:34:56", "compiled 09:34:56"),
        ("\0Nov 23 2026\0", "\0Nov  3 2026\0"),
    ] {
        assert_eq!(cause(a, b), Cause::EmbeddedDate, "{a}");
    }
    for (a, b) in [
        ("6.1.0-12", "6.1.0-13"),
        ("version 12", "version 13"),
        ("CONFIG_HZ=1000", "CONFIG_HZ=2500"),
        ("crc 4123456789", "crc 5123456789"),
        ("March on", "Maybe on"),
        ("x", ""),
    ] {
        assert_eq!(cause(a, b), Cause::Unknown, "{a}");
    }
}

#[test]
fn users_and_hosts_are_told() {
    let banner = |who: &str| format!("Linux version 6.1.0 ({who}) (gcc 12)");
    let good = banner("builder@reproducible");
    assert_eq!(cause(&good, banner("joe@reproducible")), Cause::UserName);
    assert_eq!(cause(&good, banner("builder@laptop")), Cause::HostName);
    assert_eq!(cause("a@b", "a@"), Cause::Unknown);
}

#[test]
fn paths_are_told() {
    for (a, b) in [
        ("\0/build/a/net/x.c\0", "\0/build/b/net/x.c\0"),
        ("/home/joe/linux/x.c", "/build/linux/x.c"),
        ("-I/home/a/include x", "-I/home/b/include x"),
        ("cmd_/build/x/.install := :", "cmd_/another/x/.install := :"),
    ] {
        assert_eq!(cause(a, b), Cause::Path, "{a}");
    }
    assert_eq!(cause("drivers/net/a.c", "drivers/net/b.c"), Cause::Unknown);
    assert_eq!(cause("a / b", "a / c"), Cause::Unknown);
}

#[test]
fn randomness_is_told() {
    assert_eq!(cause(noise(1, 64), noise(2, 64)), Cause::RandomBytes);
    let both = cause("/tmp/ccAbCdEf.o", "/tmp/ccZyXwVu.o");
    assert_eq!(both, Cause::RandomBytes);
    assert_eq!(
        cause("in tmp.AbCdEfGhIj", "in tmp.KlMnOpQrSt"),
        Cause::RandomBytes
    );
    assert_eq!(cause(noise(1, 64), noise(2, 40)), Cause::Unknown);
    assert_eq!(cause([0; 64], [1; 64]), Cause::Unknown);
    let text = |word: &str| word.repeat(16);
    assert_eq!(cause(text("abcd"), text("efgh")), Cause::Unknown);
}

#[test]
fn lines_in_another_order_are_told() {
    let a: String = (0..20_000)
        .map(|n| format!("line of number {n}\n"))
        .collect();
    let b: String = (0..20_000)
        .rev()
        .map(|n| format!("line of number {n}\n"))
        .collect();
    assert_eq!(told(&a, &b), ("x > line 1".to_owned(), Cause::FileOrder));
    assert_eq!(cause("a\nb\n", "b\na\nb\n"), Cause::Unknown);
    assert_eq!(cause("a\nb", "b\na"), Cause::Unknown);
}

#[test]
fn a_difference_far_inside_is_found_with_what_is_around() {
    for at in [0, 15, 255, 65_535, 65_536, 100_000, 199_999] {
        let a = vec![0; 200_000];
        let mut b = a.clone();
        b[at] = 7;
        let found = found("x", &a, &b);
        let (a, b) = (found.a.unwrap(), found.b.unwrap());
        assert!(a.bytes.len() <= MAX_SHOWN && a.offset == b.offset);
        let shown = at - usize::try_from(b.offset).unwrap();
        assert_eq!((a.bytes[shown], b.bytes[shown]), (0, 7), "{at}");
    }
}

#[test]
fn a_longer_file_differs_at_the_end_of_the_shorter() {
    let found = found("x", b"", b"\x01\x02");
    assert_eq!(found.a.unwrap().bytes, b"");
    assert_eq!(found.b.unwrap().bytes, b"\x01\x02");
}

#[test]
fn what_is_shown_is_inert() {
    let found = found("\x1b[2J", b"a\x1b[31m\x07\r", b"a\x1b[32m\xff\xe2\x80\xae");
    assert_eq!(found.place.first().unwrap(), "\\u{1b}[2J");
    let (a, b) = (found.a.unwrap(), found.b.unwrap());
    assert_eq!(a.text(), "a\\u{1b}[31m\\u{7}\\r");
    assert_eq!(b.text(), "a\\u{1b}[32m\\xff\\u{202e}");
    assert_eq!(
        a.hexdump(),
        "00000000  61 1b 5b 33 31 6d 07 0d                          |a.[31m..|\n"
    );
}

#[test]
fn a_report_has_bytes_as_digits_and_text() {
    let found = found("x", b"one\n", b"two\n");
    let expected = serde_json::json!({
        "place": ["x", "line 1"],
        "a": {"offset": 0, "hex": "6f6e65", "text": "one"},
        "b": {"offset": 0, "hex": "74776f", "text": "two"},
        "cause": "unknown",
        "differing": 1,
        "members": ["x"],
    });
    assert_eq!(serde_json::to_value(&found).unwrap(), expected);
}

#[test]
fn names_of_causes_are_those_of_reports() {
    for cause in Cause::ALL {
        let name = serde_json::json!(cause.name());
        assert_eq!(serde_json::to_value(cause).unwrap(), name);
        assert_eq!(serde_json::from_value::<Cause>(name).unwrap(), cause);
        assert!(!cause.explanation().is_empty() && !cause.remedy().is_empty());
    }
}

#[test]
fn a_reader_that_fails_is_an_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    impl Seek for Broken {
        fn seek(&mut self, _: io::SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }
    let error = first("x\n", Broken, Broken).unwrap_err();
    assert_eq!(error.to_string(), "reading \"x\\n\" failed");
}
