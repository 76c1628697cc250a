use std::io::Write;

use flate2::write::GzEncoder;
use liblzma::write::XzEncoder;
use proptest::prelude::*;

use super::*;

const CONTROL: &str =
    "Package: hello\nVersion: 1.0-1\nArchitecture: amd64\nDescription: test\n long\n";

/// What goes into a test package; the default is a good one.
#[derive(Clone)]
struct TestDeb {
    members: Vec<(&'static str, Vec<u8>)>,
}

impl TestDeb {
    fn new() -> Self {
        let control = tar_of(&[
            ("./", b'5', ""),
            ("./md5sums", b'0', "x"),
            ("./control", b'0', CONTROL),
        ]);
        Self::with(
            &control,
            &tar_of(&[("./", b'5', ""), ("./usr/bin/hello", b'0', "binary")]),
        )
    }

    fn with(control: &[u8], data: &[u8]) -> Self {
        let version = ("debian-binary", b"2.0\n".to_vec());
        Self {
            members: vec![
                version,
                ("control.tar.xz", xz(control)),
                ("data.tar.gz", gzip(data)),
            ],
        }
    }

    fn with_control(entries: &[(&str, u8, &str)]) -> Self {
        Self::with(&tar_of(entries), &tar_of(&[]))
    }

    fn replace(mut self, index: usize, name: &'static str, bytes: Vec<u8>) -> Self {
        self.members[index] = (name, bytes);
        self
    }

    fn build(&self) -> Vec<u8> {
        let mut builder = ar::Builder::new(Vec::new());
        for (name, bytes) in &self.members {
            let mut header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
            header.set_mtime(1_744_797_000);
            header.set_mode(0o100_644);
            builder.append(&header, bytes.as_slice()).unwrap();
        }
        builder.into_inner().unwrap()
    }
}

/// Entries as (name, type, content); names go in raw, because the tar crate would refuse the hostile ones.
fn tar_of(entries: &[(&str, u8, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(tar::EntryType::new(*kind));
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// Opens a package and reads its data to the end, as (name, content).
fn read(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    let deb = open(bytes).map_err(|error| format!("{error:?}"))?;
    let mut data = deb.data(1 << 20).map_err(|error| format!("{error:?}"))?;
    let mut found = Vec::new();
    for entry in tar::Archive::new(&mut data).entries().unwrap() {
        let mut entry = entry.map_err(|error| error.to_string())?;
        let mut content = String::new();
        entry
            .read_to_string(&mut content)
            .map_err(|error| error.to_string())?;
        found.push((
            safe_path(&entry.path_bytes()).map_err(|error| error.to_string())?,
            content,
        ));
    }
    io::copy(&mut data, &mut io::sink()).map_err(|error| error.to_string())?;
    Ok(found)
}

fn error_of(deb: &TestDeb) -> DebError {
    open(deb.build().as_slice()).map(drop).unwrap_err()
}

#[test]
fn packages_are_read_in_one_pass() {
    let bytes = TestDeb::new().build();
    let deb = open(bytes.as_slice()).unwrap();
    assert_eq!(deb.timestamp(), 1_744_797_000);
    let fields: Vec<_> = deb.control().fields().collect();
    let expected = [
        ("Package", "hello"),
        ("Version", "1.0-1"),
        ("Architecture", "amd64"),
        ("Description", "test\nlong"),
    ];
    assert_eq!(fields, expected);
    let files = read(&bytes).unwrap();
    assert_eq!(
        files,
        [
            (String::new(), String::new()),
            ("usr/bin/hello".into(), "binary".into())
        ]
    );
}

#[test]
fn every_compression_is_understood() {
    let tar = tar_of(&[("control", b'0', CONTROL)]);
    for (control, data, packed) in [
        ("control.tar", "data.tar", tar.clone()),
        ("control.tar.gz", "data.tar.gz", gzip(&tar)),
        ("control.tar.xz", "data.tar.xz", xz(&tar)),
        ("control.tar.zst", "data.tar.zst", zstd(&tar)),
    ] {
        let deb = TestDeb::new()
            .replace(1, control, packed.clone())
            .replace(2, data, packed);
        assert_eq!(
            read(&deb.build()),
            Ok(vec![("control".into(), CONTROL.into())]),
            "{control}"
        );
    }
}

#[test]
fn other_files_are_refused() {
    assert!(matches!(
        open(&b"!<arch>"[..]),
        Err(DebError::Io {
            what: "ar magic",
            ..
        })
    ));
    assert!(
        matches!(open(&b"#!/bin/sh\n"[..]), Err(DebError::Magic(found)) if found == "#!/bin/s")
    );
    assert!(matches!(
        open(&b"!<arch>\n"[..]),
        Err(DebError::Io {
            what: "ar header",
            ..
        })
    ));
    let good = TestDeb::new().build();
    for (at, with) in [
        (8 + 48, b'x'),
        (8 + 16, b'-'),
        (8 + 48, b' '),
        (8 + 58, b'x'),
        (8, 0xff),
    ] {
        let mut bytes = good.clone();
        bytes[at] = with;
        assert!(
            matches!(open(bytes.as_slice()), Err(DebError::Header(_))),
            "{at}"
        );
    }
}

#[test]
fn members_have_their_order() {
    let wrong = |deb: TestDeb, name: &str| matches!(error_of(&deb), DebError::Member { found, .. } if found == name);
    let mut swapped = TestDeb::new();
    swapped.members.swap(0, 1);
    assert!(wrong(swapped, "control.tar.xz"));
    let mut data_first = TestDeb::new();
    data_first.members.swap(1, 2);
    assert!(wrong(data_first, "data.tar.gz"));
    for name in [
        "control.tar.bz2",
        "control.tar.",
        "control.tarxz",
        "control.tar.gz.x",
        "_gpgorigin",
        "/",
    ] {
        let expected = if name == "/" { "" } else { name };
        assert!(
            wrong(TestDeb::new().replace(1, name, vec![]), expected),
            "{name}"
        );
    }
    let deb = TestDeb::new()
        .replace(2, "control.tar.gz", gzip(b""))
        .build();
    assert!(read(&deb).unwrap_err().contains("expected: \"data.tar\""));
}

#[test]
fn other_versions_are_refused() {
    for text in [
        "1.0\n",
        "3.0\n",
        "2.0",
        "2.00\n",
        "2.0\nx",
        "",
        &"2".repeat(1000),
    ] {
        let deb = TestDeb::new().replace(0, "debian-binary", text.as_bytes().to_vec());
        assert!(matches!(error_of(&deb), DebError::Version(_)), "{text:?}");
    }
}

#[test]
fn truncation_anywhere_is_an_error() {
    let deb = TestDeb::new()
        .replace(2, "data.tar", tar_of(&[("x", b'0', "text")]))
        .build();
    for bytes in [TestDeb::new().build(), deb] {
        // The last byte may be padding, which is nobody's.
        for length in 0..bytes.len() - 1 {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
        assert!(read(&bytes).is_ok());
    }
}

#[test]
fn the_control_file_is_one_regular_file() {
    assert!(matches!(
        error_of(&TestDeb::with_control(&[("./md5sums", b'0', "x")])),
        DebError::NoControl
    ));
    assert!(matches!(
        error_of(&TestDeb::with_control(&[])),
        DebError::NoControl
    ));
    for kind in [b'1', b'2', b'3', b'5'] {
        assert!(matches!(
            error_of(&TestDeb::with_control(&[("./control", kind, "")])),
            DebError::NoControl
        ));
    }
    let twice = TestDeb::with_control(&[("./control", b'0', CONTROL), ("control", b'0', CONTROL)]);
    assert!(matches!(error_of(&twice), DebError::SecondControl));
}

#[test]
fn hostile_names_are_refused() {
    for name in ["../control", "/control", "x/../control"] {
        let deb = TestDeb::with_control(&[(name, b'0', "x"), ("./control", b'0', CONTROL)]);
        assert!(matches!(error_of(&deb), DebError::Path(_)), "{name}");
    }
    let data = tar_of(&[("./usr/../../etc/passwd", b'0', "x")]);
    let deb = TestDeb::new().replace(2, "data.tar", data).build();
    assert!(read(&deb).unwrap_err().contains("climbs"));
}

#[test]
fn malformed_control_files_are_refused() {
    let error = |text: &str| error_of(&TestDeb::with_control(&[("./control", b'0', text)]));
    assert!(matches!(error(""), DebError::Control(Deb822Error::Empty)));
    assert!(matches!(
        error("A: 1\nA: 2\n"),
        DebError::Control(Deb822Error::Repeated { line: 2, .. })
    ));
    assert!(matches!(
        error("A: 1\r\n"),
        DebError::Control(Deb822Error::ControlCharacter { line: 1 })
    ));
    assert!(matches!(
        error("A: 1\n\nB: 2\n"),
        DebError::Control(Deb822Error::SecondParagraph { line: 3 })
    ));
    let huge = format!("A: 1\n{}", " x\n".repeat(400_000));
    assert!(matches!(error(&huge), DebError::ControlTooLong(1_200_005)));
}

#[test]
fn a_control_file_of_other_bytes_is_refused() {
    let mut tar = tar_of(&[("control", b'0', "A: 1\n")]);
    tar[512] = 0xff;
    assert!(matches!(
        error_of(&TestDeb::with(&tar, b"")),
        DebError::NotUtf8
    ));
}

#[test]
fn bombs_are_given_up() {
    let zeros = vec![0; 32 << 20];
    for (name, packed) in [
        ("control.tar.gz", gzip(&zeros)),
        ("control.tar.xz", xz(&zeros)),
    ] {
        let deb = TestDeb::new().replace(1, name, packed);
        assert!(
            matches!(
                error_of(&deb),
                DebError::Io {
                    what: "control.tar",
                    ..
                }
            ),
            "{name}"
        );
    }
    let mut padded = tar_of(&[("control", b'0', CONTROL)]);
    padded.extend(&zeros);
    let deb = TestDeb::with(&padded, b"");
    assert!(
        matches!(
            error_of(&deb),
            DebError::Io {
                what: "control.tar",
                ..
            }
        ),
        "zeros behind the last entry"
    );
    let deb = TestDeb::new()
        .replace(2, "data.tar.zst", zstd(&zeros))
        .build();
    assert!(
        read(&deb)
            .unwrap_err()
            .contains("longer than the allowed 1048576 bytes")
    );
}

#[test]
fn a_member_may_not_claim_more_than_there_is() {
    let mut bytes = TestDeb::new().build();
    bytes[8 + 60 + 4 + 48..][..10].copy_from_slice(b"9999999999");
    assert!(matches!(
        open(bytes.as_slice()),
        Err(DebError::Io {
            what: "control.tar",
            ..
        })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn altered_packages_never_panic(at in 0usize..700, with: u8) {
        let mut bytes = TestDeb::new().build();
        let length = bytes.len();
        bytes[at % length] = with;
        let _ = read(&bytes);
    }
}
