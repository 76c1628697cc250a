use super::*;
use crate::entry::Kind;
use crate::testing::kernel::TestPackage;

fn test_package() -> TestPackage {
    TestPackage::new()
        .name("kernel")
        .file("./usr/a", b"text")
        .entry("./usr/link", b'2', b"")
}

fn entries(bytes: &[u8]) -> Result<Vec<(String, Kind, u64)>, PackageError> {
    let mut seen = Vec::new();
    open(bytes)?.for_each_entry(1 << 20, |entry| {
        seen.push((entry.path.to_owned(), entry.kind, entry.size));
        Ok::<_, PackageError>(())
    })?;
    Ok(seen)
}

#[test]
fn both_formats_have_one_door() {
    for (bytes, format, version, architecture) in [
        (test_package().build(), PackageFormat::Deb, "1", "amd64"),
        (
            test_package().build_rpm(),
            PackageFormat::Rpm,
            "1-2",
            "x86_64",
        ),
    ] {
        let package = open(bytes.as_slice()).unwrap();
        assert_eq!(package.format(), format);
        assert_eq!(package.name(), "kernel");
        assert_eq!(package.version(), version);
        assert_eq!(package.architecture(), architecture);
        assert_eq!(package.fields()["Architecture"], architecture);
        let expected = [
            ("usr/a".to_owned(), Kind::File, 4),
            ("usr/link".to_owned(), Kind::Symlink, 0),
        ];
        assert_eq!(entries(&bytes).unwrap(), expected);
    }
}

#[test]
fn other_files_are_refused() {
    for bytes in [b"".as_slice(), b"#!/bin/sh\n", b"PK\x03\x04", b"\x7fELF"] {
        assert!(matches!(entries(bytes), Err(PackageError::Unknown(_))));
    }
    assert!(matches!(entries(b"!<ar"), Err(PackageError::Deb(_))));
    assert!(matches!(entries(b"\xed\xab"), Err(PackageError::Rpm(_))));
    let error = entries(b"\xed\xabXX").unwrap_err().to_string();
    assert!(error.ends_with("expected a .deb or an .rpm"), "{error}");
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(5))
    }
}

#[test]
fn errors_of_either_format_come_through() {
    for bytes in [test_package().build(), test_package().build_rpm()] {
        let error = entries(&bytes[..bytes.len() - 8]).unwrap_err();
        assert!(error.io().is_some(), "{error}");
        let package = open(bytes.as_slice()).unwrap();
        let meter = |_| Err(io::Error::other("enough"));
        let result = package.for_each_entry_metered(1 << 20, meter, |_| Ok::<_, PackageError>(()));
        let error = result.unwrap_err();
        assert_eq!(
            error.io().map(ToString::to_string).as_deref(),
            Some("enough")
        );
        let package = open(bytes.as_slice()).unwrap();
        let stop = |_: Entry<'_>| Err(PackageError::Unknown("mine".to_owned()));
        let error = package.for_each_entry(1 << 20, stop).unwrap_err();
        assert!(matches!(error, PackageError::Unknown(text) if text == "mine"));
        let small = open(bytes.as_slice()).unwrap();
        let error = small.for_each_entry(10, |_| Ok::<_, PackageError>(()));
        assert!(error.unwrap_err().io().is_some());
    }
    assert!(matches!(open(Failing), Err(PackageError::Start(_))));
}
