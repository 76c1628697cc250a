//! Files cut short, altered, or made to need much.

use proptest::prelude::*;

use super::*;
use crate::compression::Compression;
use crate::testing::kernel::{TestPackage, compress, image, module, module_with};

/// A file of every kind that is taken apart.
fn files() -> Vec<Vec<u8>> {
    let package = TestPackage::with_kernel("6.1.0", "CONFIG_X=y\n")
        .file("./lib/x.ko", &module("x", ""))
        .entry("./lib/link", b'2', b"");
    vec![
        package.build_with(Compression::None),
        package.build_with(Compression::Xz),
        package.build_rpm_with(Compression::None),
        package.build_rpm(),
        module_with(62, &[(".text", b"code"), (".data", b"data")]),
        image("6.1.0"),
        compress(b"some text", Compression::Gzip),
    ]
}

#[test]
fn truncation_anywhere_is_told() {
    for file in files() {
        for length in (0..file.len()).step_by(1 + file.len() / 300) {
            let found = found("x", &file, &file[..length]);
            assert!(found.differing > 0);
        }
    }
}

#[test]
fn files_of_different_kinds_are_compared_as_bytes() {
    let files = files();
    for (a, b) in files.iter().zip(files.iter().skip(2)) {
        assert!(difference("x", a, b).is_some());
    }
}

#[test]
fn contents_inside_of_contents_have_an_end() {
    let nested = |text: &str| {
        let packed = |inner: Vec<u8>, _| compress(&inner, Compression::Gzip);
        (0..40).fold(text.as_bytes().to_vec(), packed)
    };
    let found = found("x", &nested("1"), &nested("2"));
    assert_eq!(found.place, ["x"]);
}

#[test]
fn what_is_too_large_to_be_held_is_compared_as_a_stream() {
    let large = |end: &[u8]| {
        let zeros = vec![0; 30 << 20];
        let package = TestPackage::new().file("./x", &[&zeros, end].concat());
        package.build_with(Compression::Zstd)
    };
    let found = found("x", &large(b"\0a"), &large(b"\0b"));
    assert_eq!(found.place, ["x", "data.tar", "x"]);
    assert_eq!(found.a.unwrap().offset, (30 << 20) - 16);
}

#[test]
fn sections_that_overlap_or_lie_outside_are_compared_as_bytes() {
    let good = module_with(62, &[(".text", b"code"), (".data", b"data")]);
    let table = usize::try_from(u64::from_le_bytes(good[40..48].try_into().unwrap())).unwrap();
    for (field, value) in [(24, 64_u64), (24, u64::MAX), (32, 1 << 60), (32, u64::MAX)] {
        let mut bad = good.clone();
        let at = table + 2 * 64 + field;
        bad[at..at + 8].copy_from_slice(&value.to_le_bytes());
        let mut other = bad.clone();
        other[64] ^= 1;
        assert!(difference("x", &bad, &other).is_some());
    }
}

fn check(a: &[u8], b: &[u8]) -> Result<(), TestCaseError> {
    let found = first("x", Cursor::new(a), Cursor::new(b));
    let found = found.map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(found.is_none(), a == b);
    let Some(found) = found else { return Ok(()) };
    prop_assert!(found.members.len() <= MAX_NAMED);
    prop_assert!(found.differing >= found.members.len() as u64);
    let shown = [found.a, found.b].into_iter().flatten();
    for bytes in shown {
        prop_assert!(bytes.bytes.len() <= MAX_SHOWN);
        prop_assert!(!bytes.text().contains(char::is_control));
    }
    let texts = found.place.iter().chain(&found.members);
    for text in texts {
        prop_assert!(!text.contains(char::is_control));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_compared(
        a in prop::collection::vec(any::<u8>(), 0..600),
        b in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        check(&a, &b)?;
        check(&a, &a)?;
    }

    #[test]
    fn any_texts_are_compared(a in "[ -~\n]{0,200}", b in "[ -~\n]{0,200}", common in "[ -~\n]{0,40}") {
        let join = |text: &str| format!("{common}{text}{common}").into_bytes();
        check(&join(&a), &join(&b))?;
    }

    #[test]
    fn words_of_dates_and_paths_never_panic(
        a in "(Jan|Mon|UTC|[0-9]{1,12}|[0-9:/+-]{1,12}|/tmp/cc|@| |é|\0){0,12}",
        b in "(Jan|Mon|UTC|[0-9]{1,12}|[0-9:/+-]{1,12}|/tmp/cc|@| |é|\0){0,12}",
    ) {
        check(a.as_bytes(), b.as_bytes())?;
    }

    #[test]
    fn altered_files_are_compared(
        number in 0..7_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        more in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let good = files().swap_remove(number);
        let alter = |changes: &[(prop::sample::Index, u8)]| {
            let mut bytes = good.clone();
            for (at, with) in changes {
                bytes[at.index(good.len())] = *with;
            }
            bytes
        };
        check(&alter(&changes), &alter(&more))?;
    }
}
