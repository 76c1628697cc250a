//! Files that are no packages, or whose headers say what cannot be.

use super::super::header::MAX_STORE;
use super::*;

/// Where the index entry of a tag is in a package; of the main header, or the signatures.
fn index_entry(package: &[u8], main: bool, tag: u32) -> usize {
    let start = if main { parts(package).0 } else { LEAD };
    let mut at = start + 16;
    while package[at..at + 4] != tag.to_be_bytes() {
        at += 16;
    }
    at
}

/// Sets one of the four numbers of an entry of the main header, and puts the digests right.
fn with_number(package: &[u8], tag: u32, number: usize, value: u32) -> Vec<u8> {
    let at = index_entry(package, true, tag) + 4 * number;
    altered(package, |bytes| {
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    })
}

/// Where the value of a tag of the main header begins.
fn value(package: &[u8], tag: u32) -> usize {
    let number = |at: usize| {
        usize::try_from(u32::from_be_bytes(package[at..at + 4].try_into().unwrap())).unwrap()
    };
    let start = parts(package).0;
    let offset = number(index_entry(package, true, tag) + 8);
    start + 16 + 16 * number(start + 8) + offset
}

fn with_value(package: &[u8], tag: u32, with: &[u8]) -> Vec<u8> {
    let at = value(package, tag);
    altered(package, |bytes| {
        bytes[at..at + with.len()].copy_from_slice(with);
    })
}

#[test]
fn nothing_else_is_a_package() {
    let good = package(Compression::None);
    let io =
        |bytes: &[u8], part| matches!(error_of(bytes), RpmError::Io { what, .. } if what == part);
    assert!(io(b"", "the lead") && io(&good[..95], "the lead"));
    assert!(io(&good[..96], "signature header"));
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    for (at, byte) in [(0, 0), (3, 0), (4, 2), (4, 5)] {
        assert!(
            matches!(error_of(&with(at, byte)), RpmError::Lead(_)),
            "{at}"
        );
    }
    let message = error_of(b"!<arch>\n".repeat(12).as_slice()).to_string();
    assert!(
        message.contains("begins with 213c617263, expected edabeedb03"),
        "{message}"
    );
    assert!(matches!(error_of(&with(7, 1)), RpmError::Source));
    let (header, _) = parts(&good);
    for (at, name) in [(LEAD, "signature header"), (header, "main header")] {
        let error = error_of(&with(at, 0));
        assert!(
            matches!(&error, RpmError::HeaderMagic { section, found } if *section == name && found.starts_with("00ad")),
            "{error}"
        );
        for (entries, bytes) in [
            (0, 1),
            (0x1_0000, 1),
            (1, MAX_STORE + 1),
            (u32::MAX, u32::MAX),
        ] {
            let mut claimed = good.clone();
            claimed[at + 8..at + 12].copy_from_slice(&entries.to_be_bytes());
            claimed[at + 12..at + 16].copy_from_slice(&bytes.to_be_bytes());
            assert!(
                matches!(error_of(&claimed), RpmError::HeaderSize { .. }),
                "{entries}"
            );
        }
        let mut claimed = good.clone();
        claimed[at + 12..at + 16].copy_from_slice(&MAX_STORE.to_be_bytes());
        assert!(io(&claimed, name), "a header larger than the file");
    }
}

#[test]
fn source_packages_are_refused() {
    let good = package(Compression::None);
    // Its tag under another number, which is passed over.
    let unnamed = with_number(&good, tag::SOURCE_RPM.number, 0, 1043);
    assert!(matches!(error_of(&unnamed), RpmError::Source));
    let source = with_number(&good, tag::BUILD_HOST.number, 0, tag::SOURCE_PACKAGE.number);
    assert!(matches!(error_of(&source), RpmError::Source));
}

#[test]
fn the_header_is_verified() {
    let good = package(Compression::None);
    let mut changed = good.clone();
    replace(&mut changed, "A vendor", "B vendor");
    assert!(matches!(error_of(&changed), RpmError::HeaderDigest { .. }));
    assert!(
        passed_over(&altered(&good, |bytes| replace(
            bytes, "A vendor", "B vendor"
        )))
        .is_ok()
    );
    let mut without = good.clone();
    let at = index_entry(&good, false, tag::HEADER_SHA256.number);
    without[at..at + 4].copy_from_slice(&274_u32.to_be_bytes());
    let error = passed_over(&without).unwrap_err();
    assert!(matches!(error, RpmError::NoHeaderDigest), "{error}");
    let mut malformed = good;
    let (header, payload) = parts(&malformed);
    let digest = Sha256::of(&malformed[header..payload]).to_string();
    replace(&mut malformed, &digest, &digest.to_uppercase());
    assert!(matches!(
        error_of(&malformed),
        RpmError::Value {
            tag: "SHA256HEADER",
            ..
        }
    ));
}

#[test]
fn values_are_where_the_index_says() {
    let good = package(Compression::None);
    let (vendor, sizes) = (tag::VENDOR.number, tag::FILE_SIZES.number);
    for (tag, number, with, expected) in [
        (vendor, 1, 0, "found type 0, expected 1 to 9"),
        (vendor, 1, 10, "found type 10, expected 1 to 9"),
        (vendor, 2, u32::MAX, "expected some between"),
        (vendor, 2, 0, "expected some between"),
        (vendor, 3, 0, "found 0 values"),
        (vendor, 3, 2, "found 2 texts, expected one"),
        (sizes, 3, u32::MAX, "expected them to end before"),
        (
            tag::DIR_NAMES.number,
            3,
            u32::MAX,
            "expected them to end before",
        ),
        (vendor, 0, tag::LICENSE.number, "found it twice"),
        (63, 0, 62, "expected the region 63 of 16 bytes first"),
        (63, 1, 6, "expected the region 63 of 16 bytes first"),
        (63, 3, 15, "expected the region 63 of 16 bytes first"),
        (63, 2, u32::MAX, "is beyond the"),
        (63, 2, 0, "its region is not the whole header"),
    ] {
        let error = error_of(&with_number(&good, tag, number, with)).to_string();
        assert!(error.contains(expected), "{tag} {number} {with}: {error}");
    }
    let at = index_entry(&good, true, sizes) + 8;
    let offset = u32::from_be_bytes(good[at..at + 4].try_into().unwrap());
    let error = error_of(&with_number(&good, sizes, 2, offset + 1)).to_string();
    assert!(error.ends_with("expected a multiple of 4"), "{error}");
    let error = error_of(&with_value(&good, vendor, b"\xff")).to_string();
    assert!(error.contains("text that is not UTF-8"), "{error}");
    let signature = index_entry(&good, false, 62);
    let mut other = good;
    other[signature + 3] = 61;
    let error = error_of(&other).to_string();
    assert!(
        error.starts_with("signature header: entry of tag 61: expected"),
        "{error}"
    );
}

#[test]
fn values_are_of_their_type() {
    let good = package(Compression::None);
    for (tag, number, with, expected) in [
        (tag::VENDOR, 1, 8, None),
        (
            tag::VENDOR,
            1,
            7,
            Some("found a value of type 7, expected a text"),
        ),
        (
            tag::FILE_FLAGS,
            1,
            8,
            Some("found a value of type 8, expected numbers of 32 bit"),
        ),
        (
            tag::FILE_MODES,
            1,
            7,
            Some("found a value of type 7, expected numbers of 16 bit"),
        ),
        (tag::BASE_NAMES, 1, 9, Some("expected a list of texts")),
        (
            tag::FILE_SIZES,
            3,
            7,
            Some("found 7 values, expected 8, one for each file"),
        ),
        (
            tag::FILE_USERS,
            3,
            7,
            Some("found 7 values, expected 8, one for each file"),
        ),
        (
            tag::FILE_INODES,
            3,
            7,
            Some("found 7 values, expected 8, one for each file"),
        ),
        (tag::BUILD_TIME, 1, 3, Some("found a value of type 3")),
        (tag::NAME, 0, 999, Some("found no tag NAME in the header")),
        (
            tag::PAYLOAD_SHA256,
            0,
            5091,
            Some("found no tag PAYLOADSHA256"),
        ),
        (
            tag::RELEASE,
            0,
            5114,
            Some("tag RPMFORMAT: found a value of type 6"),
        ),
        (
            tag::EPOCH,
            0,
            5114,
            Some("found a package of format 3, expected 4"),
        ),
        (
            tag::FILE_SIZES,
            0,
            5008,
            Some("tag LONGFILESIZES: found files of more than"),
        ),
    ] {
        let result = passed_over(&with_number(&good, tag.number, number, with));
        let found = result.err().map(|error| error.to_string());
        let fits = match (&found, expected) {
            (Some(found), Some(expected)) => found.contains(expected),
            (found, expected) => found.is_none() && expected.is_none(),
        };
        assert!(fits, "{} {number} {with}: {found:?}", tag.name);
    }
    let format = with_value(&good, tag::PAYLOAD_FORMAT.number, b"tar\0");
    assert!(
        error_of(&format)
            .to_string()
            .contains("found \"tar\", expected \"cpio\"")
    );
    let versions = tag::RELATIONS[1].1[2].number;
    let fewer = with_number(&good, versions, 3, 1);
    assert!(
        error_of(&fewer)
            .to_string()
            .contains("tag versions of relations: found 1 values")
    );
}

#[test]
fn compressors_are_told() {
    let unknown = with_value(&package(Compression::Gzip), 1125, b"lzma");
    assert!(matches!(error_of(&unknown), RpmError::Compressor(name) if name == "lzma"));
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
        // Neither is in the index any more, so that nothing tells.
        let without = with_number(&package(compression), 1125, 0, 1127);
        assert!(
            matches!(error_of(&without), RpmError::NoCompressor),
            "{compression:?}"
        );
    }
    let wrong = with_value(&package(Compression::Gzip), 1125, b"zstd");
    assert!(matches!(
        error_of(&wrong),
        RpmError::Io {
            what: "the payload",
            ..
        }
    ));
}

#[test]
fn paths_stay_below_the_root() {
    let good = package(Compression::None);
    let at = |from: &str, to: &str| {
        error_of(&altered(&good, |bytes| {
            let (header, payload) = parts(bytes);
            replace(&mut bytes[header..payload], from, to);
        }))
    };
    assert!(matches!(
        at("/usr/share/\0", "/usr/../re/\0"),
        RpmError::Path(_)
    ));
    assert!(matches!(
        at("/usr/share/\0", "usr//share/\0"),
        RpmError::FileName(_)
    ));
    assert!(
        matches!(at("\0folder\0", "\0fol/er\0"), RpmError::FileName(name) if name == "/usr/share/fol/er")
    );
    assert!(
        matches!(at("\x002\0a\0", "\x002\x002\0"), RpmError::Twice(name) if name == "usr/share/2")
    );
    let error = error_of(&with_value(&good, 1116, &99_u32.to_be_bytes())).to_string();
    assert!(
        error.contains("tag DIRINDEXES: found 99, expected less than"),
        "{error}"
    );
}

#[test]
fn digests_of_files_are_sha256() {
    let good = package(Compression::None);
    let algorithm = with_value(&good, 5011, &1_u32.to_be_bytes());
    assert!(
        error_of(&algorithm)
            .to_string()
            .contains("FILEDIGESTALGO: found 1, expected 8")
    );
    let digest = Sha256::of(TEXT).to_string();
    let upper = altered(&good, |bytes| {
        replace(bytes, &digest, &digest.to_uppercase());
    });
    assert!(matches!(
        error_of(&upper),
        RpmError::Value {
            tag: "FILEDIGESTS",
            ..
        }
    ));
}

#[test]
fn there_are_not_too_many_files() {
    let many = |folder: &str, files: usize| {
        let mut builder = builder("kernel-devel", "x86_64", Compression::Zstd);
        for number in 0..files {
            let options = FileOptions::new(format!("/{folder}/{number}"));
            builder.with_file_contents("", options).unwrap();
        }
        finish(&mut builder)
    };
    let good = many("usr/src/kernels/6.12.1-1.x86_64/include/config", 20_000);
    let all = open(good.as_slice()).unwrap();
    assert_eq!(all.files().len(), 20_000);
    all.for_each(8 << 20, |_| Ok::<_, RpmError>(())).unwrap();
    let long = format!("{}x", "long/".repeat(800));
    for (folder, files) in [("usr", MAX_FILES + 1), (long.as_str(), 9000)] {
        let error = open(many(folder, files).as_slice()).unwrap_err();
        assert!(
            matches!(error, RpmError::TooManyFiles { files: found } if found == files),
            "{error}"
        );
    }
}
