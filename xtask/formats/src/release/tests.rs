use super::*;

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn release() -> String {
    format!(
        "Origin: Debian\nLabel: Debian\nSuite: stable\nVersion: 13.7\nCodename: trixie\n\
         Date: Sat, 12 Sep 2026 07:55:41 UTC\nValid-Until: Sat, 19 Sep 2026 07:55:41 UTC\n\
         Acquire-By-Hash: yes\nArchitectures: all amd64\nComponents: main contrib\n\
         MD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 main/x\n\
         SHA256:\n {EMPTY}        0 main/x\n {EMPTY} 12345 main/binary-amd64/Packages.xz\n"
    )
}

fn parse(from: &str, to: &str) -> Result<Release, ReleaseError> {
    let text = release();
    assert!(text.contains(from), "{from}");
    Release::parse(&text.replace(from, to))
}

#[test]
fn fields_are_read() {
    let found = Release::parse(&release()).unwrap();
    assert_eq!(
        (found.origin.as_str(), found.label.as_str()),
        ("Debian", "Debian")
    );
    assert_eq!(
        (found.suite.as_str(), found.codename.as_str()),
        ("stable", "trixie")
    );
    assert_eq!(found.version.as_deref(), Some("13.7"));
    assert_eq!(
        (found.date, found.valid_until),
        (1_789_199_741, Some(1_789_804_541))
    );
    assert_eq!(found.architectures, ["all", "amd64"]);
    assert_eq!(found.components, ["main", "contrib"]);
    assert!(found.acquire_by_hash);
    let index = IndexFile {
        size: 12345,
        sha256: Sha256::of(""),
    };
    assert_eq!(found.sha256.len(), 2);
    assert_eq!(
        found.sha256.get("main/binary-amd64/Packages.xz"),
        Some(&index)
    );
}

#[test]
fn optional_fields_may_be_absent() {
    let without = parse("Version: 13.7\n", "").unwrap();
    assert_eq!(without.version, None);
    assert_eq!(
        parse("Valid-Until: Sat, 19 Sep 2026 07:55:41 UTC\n", "")
            .unwrap()
            .valid_until,
        None
    );
    assert!(!parse("Acquire-By-Hash: yes\n", "").unwrap().acquire_by_hash);
}

#[test]
fn other_fields_may_not() {
    let (origin, text) = ("Origin: Debian\n", release());
    let sha256 = text.get(text.find("SHA256").unwrap()..).unwrap();
    for (line, name) in [
        (origin, "Origin"),
        ("Codename: trixie\n", "Codename"),
        (sha256, "SHA256"),
    ] {
        let error = parse(line, "").unwrap_err().to_string();
        assert_eq!(error, format!("field `{name}` is missing"));
    }
}

#[test]
fn hostile_paths_are_refused() {
    for path in ["../x", "/x", "main/../../x", "./x", "a//b", "x\\y", "x;y"] {
        let error = parse(
            " 12345 main/binary-amd64/Packages.xz",
            &format!(" 1 {path}"),
        )
        .unwrap_err();
        assert!(
            matches!(&error, ReleaseError::Path(found) if found == path),
            "{path}: {error}"
        );
    }
}

#[test]
fn malformed_index_lines_are_refused() {
    let with = |line: &str| {
        parse(
            &format!(" {EMPTY} 12345 main/binary-amd64/Packages.xz"),
            line,
        )
        .unwrap_err()
    };
    for line in [
        " x",
        &format!(" {EMPTY} 1"),
        &format!(" {EMPTY} 1 a b"),
        &format!(" {EMPTY} +1 a"),
    ] {
        assert!(matches!(with(line), ReleaseError::IndexLine(_)), "{line}");
    }
    for size in ["-1", "0x1", "18446744073709551616"] {
        assert!(
            matches!(
                with(&format!(" {EMPTY} {size} a")),
                ReleaseError::IndexLine(_)
            ),
            "{size}"
        );
    }
    let short = &EMPTY[1..];
    let upper = EMPTY.to_uppercase();
    assert!(matches!(
        with(&format!(" {short} 1 a")),
        ReleaseError::Digest(_)
    ));
    assert!(matches!(
        with(&format!(" {upper} 1 a")),
        ReleaseError::Digest(_)
    ));
    assert!(
        matches!(with(&format!(" {EMPTY} 1 main/x")), ReleaseError::Repeated(path) if path == "main/x")
    );
}

#[test]
fn other_values_are_refused() {
    let error = parse("07:55:41 UTC\nValid", "07:55:41 CEST\nValid").unwrap_err();
    assert!(matches!(error, ReleaseError::Date { field: "Date", .. }));
    let error = parse("Sat, 19 Sep 2026 07:55:41 UTC", "soon").unwrap_err();
    let expected =
        "field `Valid-Until` is \"soon\", expected a date like `Sat, 12 Sep 2026 07:55:41 UTC`";
    assert_eq!(error.to_string(), expected);
    assert!(matches!(
        parse("Hash: yes", "Hash: perhaps"),
        Err(ReleaseError::AcquireByHash(_))
    ));
    assert!(matches!(
        parse("Label", "Origin"),
        Err(ReleaseError::Deb822(Deb822Error::Repeated { .. }))
    ));
    assert!(matches!(
        parse("Label", "\nLabel"),
        Err(ReleaseError::Deb822(Deb822Error::SecondParagraph { .. }))
    ));
    assert!(matches!(
        parse("\nLabel", "\r\nLabel"),
        Err(ReleaseError::Deb822(Deb822Error::ControlCharacter { .. }))
    ));
}

#[test]
fn freshness_is_judged_at_both_ends() {
    let found = Release::parse(&release()).unwrap();
    let (date, end) = (found.date, found.valid_until.unwrap());
    for now in [date - 600, date, end] {
        assert_eq!(found.check_fresh(now), Ok(()));
    }
    let early = found.check_fresh(date - 601).unwrap_err();
    assert_eq!(
        early.to_string(),
        "release file is dated 2026-09-12T07:55:41Z, but now is 2026-09-12T07:45:40Z"
    );
    let late = found.check_fresh(end + 1).unwrap_err();
    assert_eq!(
        late.to_string(),
        "release file was valid until 2026-09-19T07:55:41Z, but now is 2026-09-19T07:55:42Z"
    );
    let endless = Release {
        valid_until: None,
        ..found
    };
    assert_eq!(endless.check_fresh(u64::MAX), Ok(()));
}
