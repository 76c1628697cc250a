//! Payloads that are not what the header says.

use super::*;

/// Replaces bytes of the uncompressed payload, and puts all digests but the file's right.
fn with_payload(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let good = package(Compression::None);
    let (_, payload) = parts(&good);
    altered(&good, |bytes| {
        let mut tail = bytes.split_off(payload);
        change(&mut tail);
        bytes.extend(tail);
    })
}

fn exchanged(from: &str, to: &str) -> RpmError {
    error_of(&with_payload(|bytes| replace(bytes, from, to)))
}

/// Where the header of an entry of this name begins.
fn entry(payload: &[u8], name: &str) -> usize {
    let name = format!("{name}\0");
    let mut windows = payload.windows(name.len());
    windows
        .position(|window| window == name.as_bytes())
        .unwrap()
        - 110
}

/// Sets one of the thirteen numbers in the header of an entry.
fn with_number(name: &str, number: usize, digits: &str) -> RpmError {
    error_of(&with_payload(|bytes| {
        let at = entry(bytes, name) + 6 + 8 * number;
        bytes[at..at + 8].copy_from_slice(digits.as_bytes());
    }))
}

#[test]
fn the_payload_is_verified() {
    let mut package = package(Compression::None);
    let (_, payload) = parts(&package);
    // The time of an entry counts nowhere else.
    let at = payload + entry(&package[payload..], "./usr/share/a") + 6 + 8 * 5;
    package[at] ^= 1;
    let error = error_of(&package);
    assert!(matches!(error, RpmError::PayloadDigest { .. }), "{error}");
    package[at] ^= 1;
    passed_over(&package).unwrap();
}

#[test]
fn files_have_the_content_that_was_digested() {
    let bytes = with_payload(|bytes| replace(bytes, TEXT, "SOME text of a file\n"));
    match error_of(&bytes) {
        RpmError::FileDigest { path, mismatch } => {
            assert_eq!(path, "usr/share/a");
            assert_eq!(mismatch.expected, Sha256::of(TEXT));
        }
        other => panic!("{other}"),
    }
    // Who reads it learns it too.
    let error = entries(&bytes, 1 << 20).unwrap_err();
    match error {
        RpmError::Io { source, .. } => {
            let inner = source.get_ref().unwrap();
            assert!(inner.is::<DigestMismatch>(), "{inner}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn entries_are_those_of_the_list() {
    assert!(matches!(
        exchanged("./usr/share/a\0", "./usr/share/z\0"),
        RpmError::Unlisted(path) if path == "usr/share/z"
    ));
    assert!(matches!(
        exchanged("./usr/share/empty\0", "./boot/ghost\0\0\0\0\0\0"),
        RpmError::CpioHeader(_)
    ));
    assert!(matches!(
        exchanged("./usr/share/empty\0", ".//////boot/ghost\0"),
        RpmError::Unlisted(path) if path == "boot/ghost"
    ));
    assert!(matches!(
        exchanged("./usr/share/empty\0", ".///usr//share//a\0"),
        RpmError::Size { .. } | RpmError::Twice(_)
    ));
    assert!(matches!(
        exchanged("./usr/share/empty\0", "./usr/../etc/empt\0"),
        RpmError::Path(_)
    ));
    let twice = exchanged("./usr/share/folder\0", "./usr/share///link\0");
    assert!(
        matches!(twice, RpmError::Kind { .. } | RpmError::Twice(_)),
        "{twice}"
    );
    let absent = error_of(&with_payload(|bytes| {
        // From the last entry on, whichever it is: what ends the archive comes instead.
        let at = entry(bytes, "./usr/share/2");
        let end = entry(bytes, "TRAILER!!!");
        bytes.drain(at..end);
    }));
    assert!(
        matches!(&absent, RpmError::Absent { first, others: 0 } if first == "usr/share/2"),
        "{absent}"
    );
}

#[test]
fn entries_are_of_the_listed_kind_and_size() {
    let error = with_number("./usr/share/a", 1, "000041ed");
    assert_eq!(
        error.to_string(),
        "found \"usr/share/a\" to be a folder, expected a regular file"
    );
    let error = with_number("./usr/share/a", 6, "00000013");
    assert_eq!(
        error.to_string(),
        "found \"usr/share/a\" with 19 bytes, expected 20"
    );
    let error = with_number("./usr/share/a", 6, "00000000");
    assert_eq!(
        error.to_string(),
        "found \"usr/share/a\" with 0 bytes, expected 20"
    );
    let error = with_number("./usr/share/folder", 6, "00000001");
    assert!(matches!(error, RpmError::Size { .. }), "{error}");
    let error = with_number("./usr/share/link", 6, "00000002");
    assert!(matches!(error, RpmError::Size { .. }), "{error}");
    let elsewhere = error_of(&with_payload(|bytes| {
        let at = entry(bytes, "./usr/share/link") + 128;
        assert_eq!(&bytes[at..at + 4], b"a\0\0\0");
        bytes[at] = b'b';
    }));
    assert_eq!(
        elsewhere.to_string(),
        "found \"usr/share/link\" to lead to \"b\", expected \"a\""
    );
}

#[test]
fn the_content_of_hard_links_comes_once() {
    // The entry without content takes that of the other, or both have none, or both have one.
    let none = error_of(&with_payload(|bytes| {
        let at = entry(bytes, "./usr/share/2");
        bytes[at + 54..at + 62].copy_from_slice(b"00000000");
        let content = at + 110 + 14;
        assert_eq!(&bytes[content..content + 4], b"same");
        bytes.drain(content..content + 4);
    }));
    assert!(
        matches!(&none, RpmError::NoContent(path) if path == "usr/share/1"),
        "{none}"
    );
    let both = error_of(&with_payload(|bytes| {
        let at = entry(bytes, "./usr/share/1");
        bytes[at + 54..at + 62].copy_from_slice(b"00000004");
        let content = at + 110 + 14;
        bytes.splice(content..content, *b"same");
    }));
    assert!(
        matches!(&both, RpmError::Twice(path) if path == "usr/share/2"),
        "{both}"
    );
    let digest = Sha256::of("same").to_string();
    let different = altered(&package(Compression::None), |bytes| {
        replace(bytes, &digest, &digest.replace('a', "b"));
    });
    let error = error_of(&different);
    assert!(
        matches!(&error, RpmError::HardLink { first, .. } if first == "usr/share/1"),
        "{error}"
    );
}

#[test]
fn archives_are_well_formed() {
    let error = exchanged("070701", "070702");
    assert_eq!(
        error.to_string(),
        "found no name of a compressor, and a payload that is not uncompressed"
    );
    let error = error_of(&with_payload(|bytes| {
        let at = entry(bytes, "./usr/share/a");
        bytes[at + 5] = b'X';
    }));
    assert_eq!(
        error.to_string(),
        "found cpio magic \"07070X\", expected \"070701\""
    );
    for digits in ["+0000001", "0000000g", " 0000001"] {
        let error = with_number("./usr/share/a", 0, digits);
        assert!(
            matches!(error, RpmError::CpioHeader(_)),
            "{digits}: {error}"
        );
    }
    for digits in ["00000000", "00000001", "00001002", "ffffffff"] {
        let error = with_number("./usr/share/a", 11, digits);
        assert!(
            matches!(error, RpmError::CpioHeader(_)),
            "{digits}: {error}"
        );
    }
    let shorter = with_number("./usr/share/a", 11, "0000000d");
    assert!(matches!(shorter, RpmError::CpioHeader(_)), "{shorter}");
    let padded = error_of(&with_payload(|bytes| {
        let at = entry(bytes, "./usr/share/link") + 128;
        bytes[at + 3] = 1;
    }));
    assert!(
        matches!(&padded, RpmError::Padding(name) if name == "./usr/share/link"),
        "{padded}"
    );
}

#[test]
fn nothing_follows_the_end() {
    for garbage in [b"\0".as_slice(), b"x", &[0; 512]] {
        let error = error_of(&with_payload(|bytes| bytes.extend_from_slice(garbage)));
        assert!(matches!(error, RpmError::Trailing), "{error}");
    }
    let error = with_number("TRAILER!!!", 6, "00000001");
    assert!(matches!(error, RpmError::Trailing), "{error}");
    // Behind what is compressed, too.
    for compression in ALL {
        let good = package(compression);
        let longer = altered(&good, |bytes| bytes.extend_from_slice(b"garbage"));
        assert!(passed_over(&longer).is_err(), "{compression:?}");
    }
}

#[test]
fn payloads_are_bounded() {
    let mut builder = builder("kernel", "x86_64", Compression::Zstd);
    let zeros = vec![0; 4 << 20];
    let options = FileOptions::new("/zeros");
    builder.with_file_contents(zeros, options).unwrap();
    let package = finish(&mut builder);
    let read = |limit| {
        open(package.as_slice())
            .unwrap()
            .for_each(limit, |_| Ok::<_, RpmError>(()))
    };
    read(5 << 20).unwrap();
    match read(1 << 20) {
        Err(RpmError::Io { source, .. }) => {
            let text = source.to_string();
            assert!(
                text.contains("longer than the allowed 1048576 bytes"),
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
}
