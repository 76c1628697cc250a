use std::cmp::Ordering;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;

fn version(text: &str) -> DebVersion {
    text.parse().unwrap()
}

/// Few characters, so that two of them often have a lot in common.
fn versions() -> impl Strategy<Value = DebVersion> {
    "([01]:)?[0-2][019a~+.B]{0,5}(-[01ab~+.]{1,3})?".prop_map(|text| version(&text))
}

#[test]
fn parts_are_told_apart() {
    for (text, epoch, upstream, revision) in [
        ("1", 0, "1", ""),
        ("2:1.0-3", 2, "1.0", "3"),
        ("1.0-rc1-2~bpo12+1", 0, "1.0-rc1", "2~bpo12+1"),
        ("2147483647:1:2-3", 2_147_483_647, "1:2", "3"),
    ] {
        let version = version(text);
        let parts = (version.epoch(), version.upstream(), version.revision());
        assert_eq!(parts, (epoch, upstream, revision), "{text}");
        assert_eq!(version.as_str(), text);
        assert_eq!(version.to_string(), text);
    }
}

#[test]
fn malformed_versions_are_refused() {
    let error = |text: &str| text.parse::<DebVersion>().unwrap_err();
    for text in ["a:1", ":1", "-1:1", "+1:1", "2147483648:1"] {
        assert_eq!(error(text), VersionError::Epoch(text.into()));
    }
    for text in ["", "1:", "-1", "1:-1"] {
        assert_eq!(error(text), VersionError::EmptyUpstream(text.into()));
    }
    for (text, found) in [
        ("1 0", ' '),
        ("1_0", '_'),
        ("1\n", '\n'),
        ("1ä", 'ä'),
        ("1/0-1", '/'),
    ] {
        assert_eq!(error(text), VersionError::Upstream(text.into(), found));
    }
    assert_eq!(error("1-"), VersionError::EmptyRevision("1-".into()));
    assert_eq!(
        error("1:1-a:b"),
        VersionError::Revision("1:1-a:b".into(), ':')
    );
    assert_eq!(error(&"1".repeat(513)), VersionError::TooLong(513));
}

#[test]
fn order_is_dpkgs() {
    let ascending = [
        "0~~",
        "0~~a",
        "0~",
        "0",
        "0a",
        "0a1",
        "0ab",
        "0+",
        "0.",
        "0.1",
        "1~rc1-1",
        "1-0~1",
        "1-0a",
        "1-1",
        "1.0+b1",
        "1.9",
        "1.10",
        "1.99999999999999999999998",
        "1.99999999999999999999999",
        "10",
        "1:0~",
        "1:0",
        "2:0",
    ];
    for (index, left) in ascending.iter().enumerate() {
        for (other, right) in ascending.iter().enumerate() {
            assert_eq!(
                version(left).cmp(&version(right)),
                index.cmp(&other),
                "{left} {right}"
            );
        }
    }
}

#[test]
fn different_texts_can_be_equal_versions() {
    for (left, right) in [
        ("1.0", "1.00"),
        ("1", "1-0"),
        ("0:1", "1"),
        ("01", "1"),
        ("1.a0", "1.a"),
        ("1-00", "1"),
    ] {
        assert_eq!(version(left), version(right));
        assert_ne!(version(left).as_str(), version(right).as_str());
    }
}

proptest! {
    #[test]
    fn order_is_antisymmetric(left in versions(), right in versions()) {
        prop_assert_eq!(left.cmp(&right), right.cmp(&left).reverse());
        prop_assert_eq!(left.cmp(&left), Ordering::Equal);
    }

    #[test]
    fn order_is_transitive(mut three in proptest::collection::vec(versions(), 3)) {
        three.sort();
        prop_assert!(three[0] <= three[1] && three[1] <= three[2] && three[0] <= three[2]);
    }

    #[test]
    fn tilde_sorts_before_the_end(start in "[0-9][0-9a-z.+~]{0,8}", end in "[0-9a-z.+~]{0,4}") {
        let longer = version(&format!("{start}~{end}"));
        prop_assert!(longer < version(&start));
    }

    #[test]
    fn leading_zeros_do_not_count(number in 0u64.., zeros in "0{1,9}") {
        prop_assert_eq!(version(&format!("1.{zeros}{number}")), version(&format!("1.{number}")));
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC*") {
        if let Ok(version) = text.parse::<DebVersion>() {
            prop_assert_eq!(version.as_str(), text);
        }
    }
}

#[test]
fn order_agrees_with_dpkg_of_this_host() {
    if !is_dpkg_here() {
        skip("order_agrees_with_dpkg_of_this_host: no dpkg on this host");
        return;
    }
    let mut runner = TestRunner::deterministic();
    let pairs = (versions(), versions());
    for _ in 0..400 {
        let (left, right) = pairs.new_tree(&mut runner).unwrap().current();
        let order = if dpkg_says(&left, "lt", &right) {
            Ordering::Less
        } else if dpkg_says(&left, "eq", &right) {
            Ordering::Equal
        } else {
            Ordering::Greater
        };
        assert_eq!(left.cmp(&right), order, "{left} {right}");
    }
}

#[expect(clippy::print_stdout, reason = "a test that did not run must say so")]
fn skip(what: &str) {
    println!("skipped: {what}");
}

fn is_dpkg_here() -> bool {
    dpkg()
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

fn dpkg_says(left: &DebVersion, operator: &str, right: &DebVersion) -> bool {
    let arguments = [
        "--compare-versions",
        left.as_str(),
        operator,
        right.as_str(),
    ];
    dpkg().args(arguments).status().unwrap().success()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the reference implementation of the order"
)]
fn dpkg() -> std::process::Command {
    std::process::Command::new("dpkg")
}
