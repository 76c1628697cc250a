use proptest::prelude::*;

use super::*;

const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn stanza() -> String {
    format!(
        "Package: libc6\nSource: glibc (2.41-12)\nVersion: 2.41-12+deb13u1\nArchitecture: amd64\n\
         Essential: yes\nMulti-Arch: same\nPriority: optional\n\
         Pre-Depends: dpkg (>= 1.15)\nDepends: libgcc-s1, debconf (>= 0.5) | debconf-2.0, perl:any (<< 6~)\n\
         Provides: libc6-virtual (= 2.41), libc-other\n\
         Filename: pool/main/g/glibc/libc6_2.41-12+deb13u1_amd64.deb\nSize: 2847184\nSHA256: {DIGEST}\n\
         Description: GNU C Library\n long text\n"
    )
}

fn read(text: &str) -> Result<Vec<PackageEntry>, PackagesError> {
    read_packages(text.as_bytes()).collect()
}

fn one(from: &str, to: &str) -> Result<PackageEntry, EntryError> {
    let text = stanza();
    assert!(text.contains(from), "{from}");
    PackageEntry::parse(Paragraph::parse(&text.replace(from, to)).unwrap())
}

fn version(text: &str) -> DebVersion {
    text.parse().unwrap()
}

fn relation(text: &str) -> Result<Relation, RelationError> {
    parse_relations(text).map(|mut groups| groups.remove(0).remove(0))
}

#[test]
fn entries_are_read() {
    let found = read(&format!("{}\n{}", stanza(), stanza())).unwrap();
    assert_eq!(found.len(), 2);
    let entry = &found[0];
    assert_eq!(entry, &found[1]);
    assert_eq!(
        (entry.name.as_str(), entry.version.as_str()),
        ("libc6", "2.41-12+deb13u1")
    );
    assert_eq!(
        (entry.architecture.as_str(), entry.essential),
        ("amd64", true)
    );
    assert_eq!(
        (entry.priority.as_deref(), entry.multi_arch),
        (Some("optional"), MultiArch::Same)
    );
    assert_eq!(entry.source.as_deref(), Some("glibc (2.41-12)"));
    assert_eq!(
        entry.filename,
        "pool/main/g/glibc/libc6_2.41-12+deb13u1_amd64.deb"
    );
    assert_eq!((entry.size, entry.sha256), (2_847_184, Sha256::of("")));
    assert_eq!(entry.stanza, stanza());
}

#[test]
fn relations_are_read() {
    let entry = one("Package", "Package").unwrap();
    let texts = |groups: &[Vec<Relation>]| -> Vec<Vec<String>> {
        groups
            .iter()
            .map(|group| group.iter().map(ToString::to_string).collect())
            .collect()
    };
    assert_eq!(texts(&entry.pre_depends), [["dpkg (>= 1.15)"]]);
    let depends = texts(&entry.depends);
    assert_eq!(depends[0], ["libgcc-s1"]);
    assert_eq!(depends[1], ["debconf (>= 0.5)", "debconf-2.0"]);
    assert_eq!(depends[2], ["perl:any (<< 6~)"]);
    assert_eq!(
        entry.provides,
        [
            Provided {
                name: "libc6-virtual".into(),
                version: Some(version("2.41"))
            },
            Provided {
                name: "libc-other".into(),
                version: None
            }
        ]
    );
}

#[test]
fn absent_fields_have_defaults() {
    let entry = one(
        "Essential: yes\nMulti-Arch: same\nPriority: optional\nPre-Depends: dpkg (>= 1.15)\n",
        "",
    )
    .unwrap();
    assert_eq!(
        (entry.essential, entry.multi_arch, entry.priority),
        (false, MultiArch::No, None)
    );
    assert!(entry.pre_depends.is_empty());
    assert!(
        one("Pre-Depends: dpkg (>= 1.15)", "Pre-Depends:")
            .unwrap()
            .pre_depends
            .is_empty()
    );
}

#[test]
fn other_fields_are_needed() {
    for name in [
        "Package",
        "Version",
        "Architecture",
        "Filename",
        "Size",
        "SHA256",
    ] {
        let error = one(&format!("{name}: "), "Other: ").unwrap_err();
        assert!(
            matches!(error, EntryError::Missing(MissingField(missing)) if missing == name),
            "{name}"
        );
    }
}

#[test]
fn hostile_values_are_refused() {
    for name in [
        "a", "Libc6", "-a", "a b", "a/../b", "a;b", "ä1", "../x", "a\u{1b}",
    ] {
        assert!(
            matches!(
                one("Package: libc6", &format!("Package: {name}")),
                Err(EntryError::Name(_))
            ),
            "{name}"
        );
    }
    let filename = "pool/main/g/glibc/libc6_2.41-12+deb13u1_amd64.deb";
    for path in [
        "../x.deb",
        "/x.deb",
        "pool/../../x",
        "./x.deb",
        "a//b",
        "a b",
        "",
        "a\\b",
    ] {
        assert!(
            matches!(one(filename, path), Err(EntryError::Filename(_))),
            "{path}"
        );
    }
    for size in ["-1", "+1", "1k", "18446744073709551616", ""] {
        assert!(
            matches!(one("2847184", size), Err(EntryError::Size(_))),
            "{size}"
        );
    }
    assert!(matches!(
        one(DIGEST, "d41d8cd98f00b204e9800998ecf8427e"),
        Err(EntryError::Digest(_))
    ));
    assert!(matches!(
        one("Version: 2.41", "Version: 2_41"),
        Err(EntryError::Version(_))
    ));
    assert!(matches!(
        one("amd64\nEss", "amd64 ../x\nEss"),
        Err(EntryError::Architecture(_))
    ));
    assert!(matches!(
        one("Essential: yes", "Essential: 1"),
        Err(EntryError::Choice {
            field: "Essential",
            ..
        })
    ));
    assert!(matches!(
        one("same", "equal"),
        Err(EntryError::Choice {
            field: "Multi-Arch",
            ..
        })
    ));
    assert!(matches!(
        one("dpkg (", "dpkg (("),
        Err(EntryError::Relation {
            field: "Pre-Depends",
            ..
        })
    ));
}

#[test]
fn errors_name_package_and_line_and_end_the_index() {
    let text = format!(
        "{}\n{}\n{}",
        stanza(),
        stanza().replace("Size: 2847184", "Size: x"),
        stanza()
    );
    let mut found = read_packages(text.as_bytes());
    assert!(found.next().unwrap().is_ok());
    let error = found.next().unwrap().unwrap_err().to_string();
    assert_eq!(
        error,
        "paragraph ending at line 32, package \"libc6\": field `Size` is \"x\", expected a number of bytes"
    );
    assert!(found.next().is_none());
}

#[test]
fn malformed_text_is_refused() {
    let repeated = stanza().replace("Source: ", "Package: ");
    assert!(matches!(
        read(&repeated),
        Err(PackagesError::Deb822(Deb822Error::Repeated { line: 2, .. }))
    ));
    let carriage = stanza().replace('\n', "\r\n");
    assert!(matches!(
        read(&carriage),
        Err(PackagesError::Deb822(Deb822Error::ControlCharacter {
            line: 1
        }))
    ));
    let huge = format!("{}{}", stanza(), " x\n".repeat(400_000));
    assert!(matches!(
        read(&huge),
        Err(PackagesError::Deb822(Deb822Error::ParagraphTooLong { .. }))
    ));
}

#[test]
fn every_form_of_relation_is_tolerated() {
    for (text, expected) in [
        ("ab", "ab"),
        ("  ab  ", "ab"),
        ("ab(>=1)", "ab (>= 1)"),
        ("ab ( = 1:1-1 )", "ab (= 1:1-1)"),
        ("ab:any (>> 1)", "ab:any (>> 1)"),
        ("ab (< 1)", "ab (<= 1)"),
        ("ab (> 1)", "ab (>= 1)"),
        ("ab [amd64 !i386]", "ab"),
        ("ab (<< 1) [linux-any] <!nocheck> <cross x>", "ab (<< 1)"),
        ("ab,", "ab"),
    ] {
        assert_eq!(
            relation(text).map(|found| found.to_string()),
            Ok(expected.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn malformed_relations_are_refused() {
    for text in [
        "ab (>= 1",
        "ab [amd64",
        "ab <x",
        "ab cd",
        "ab (>= 1) x",
        "ab: (= 1)",
        "ab:A",
        "ab (= 1) (= 2)",
    ] {
        assert!(
            matches!(relation(text), Err(RelationError::Malformed(_))),
            "{text}"
        );
    }
    for text in ["ab, , cd", "ab | ", "| ab", "(= 1)", "A", ",", "$(x)"] {
        assert!(
            matches!(relation(text), Err(RelationError::Name(_))),
            "{text}"
        );
    }
    for text in ["ab (1)", "ab (=> 1)", "ab (== 1)", "ab ()"] {
        assert!(
            matches!(relation(text), Err(RelationError::Operator(_))),
            "{text}"
        );
    }
    assert!(matches!(
        relation("ab (= )"),
        Err(RelationError::Version(_))
    ));
    assert!(matches!(
        relation("ab (= a b)"),
        Err(RelationError::Version(_))
    ));
    assert!(matches!(
        parse_provides("ab (>= 1)"),
        Err(RelationError::Provided(_))
    ));
    assert!(parse_provides("ab | cd").is_err());
}

#[test]
fn constraints_decide_which_versions_satisfy() {
    for (operator, earlier, equal, later) in [
        ("<<", true, false, false),
        ("<=", true, true, false),
        ("=", false, true, false),
        (">=", false, true, true),
        (">>", false, false, true),
    ] {
        let relation = relation(&format!("ab ({operator} 1.0)")).unwrap();
        let found =
            ["1.0~rc1", "1.00-0", "1.0-1"].map(|text| relation.satisfied_by("ab", &version(text)));
        assert_eq!(found, [earlier, equal, later], "{operator}");
        assert!(!relation.satisfied_by("cd", &version("1.0")));
    }
    assert!(relation("ab").unwrap().satisfied_by("ab", &version("0~")));
}

#[test]
fn unversioned_provides_satisfy_no_constraint() {
    let (any, some) = (relation("ab").unwrap(), relation("ab (>= 2)").unwrap());
    let provided = |text: &str| parse_provides(text).unwrap().remove(0);
    assert!(any.satisfied_by_provided(&provided("ab")));
    assert!(any.satisfied_by_provided(&provided("ab (= 1)")));
    assert!(!some.satisfied_by_provided(&provided("ab")));
    assert!(!some.satisfied_by_provided(&provided("ab (= 1)")));
    assert!(some.satisfied_by_provided(&provided("ab (= 2)")));
    assert!(!any.satisfied_by_provided(&provided("cd")));
}

proptest! {
    #[test]
    fn any_relation_is_read_or_refused(text in "[a-c:(<=>) |,\\[\\]1.]{0,24}") {
        if let Ok(groups) = parse_relations(&text) {
            for relation in groups.iter().flatten() {
                let again = parse_relations(&relation.to_string()).unwrap();
                prop_assert_eq!(&again[0][0], relation);
            }
        }
    }
}
