//! Packages cut short, or with any bytes altered.

use proptest::prelude::*;

use super::*;

#[test]
fn truncation_anywhere_is_an_error() {
    for compression in ALL {
        let bytes = package(compression);
        let (header, _) = parts(&bytes);
        // The space reserved for signatures is long, and zero.
        for length in (0..LEAD + 200).chain(header - 20..bytes.len()) {
            assert!(
                passed_over(&bytes[..length]).is_err(),
                "{compression:?} {length}"
            );
        }
    }
}

/// All that a package tells.
fn everything(package: &[u8]) -> Result<impl PartialEq + std::fmt::Debug, RpmError> {
    let rpm = open(package)?;
    let told = (
        rpm.fields().clone(),
        rpm.files().to_vec(),
        rpm.full_version(),
    );
    Ok((told, entries(package, 1 << 20)?))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_altered_package_is_refused_or_tells_the_same(
        number in 0..4_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
    ) {
        let good = package(ALL[number]);
        let mut bytes = good.clone();
        for (at, flip) in changes {
            bytes[at.index(good.len())] ^= flip;
        }
        if let Ok(found) = everything(&bytes) {
            prop_assert_eq!(found, everything(&good).unwrap());
        }
    }

    #[test]
    fn a_verified_header_of_any_content_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let good = package(Compression::None);
        let (header, payload) = parts(&good);
        let bytes = altered(&good, |bytes| {
            for (at, with) in changes {
                // Not the lengths, by which the digests are found.
                bytes[header + 16 + at.index(payload - header - 16)] = with;
            }
        });
        let _ = everything(&bytes);
    }

    #[test]
    fn a_verified_payload_of_any_content_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let good = package(Compression::None);
        let (_, payload) = parts(&good);
        let bytes = altered(&good, |bytes| {
            for (at, with) in changes {
                bytes[payload + at.index(good.len() - payload)] = with;
            }
        });
        if let Ok(found) = everything(&bytes) {
            let (good, found) = (format!("{:?}", everything(&good).unwrap()), format!("{found:?}"));
            prop_assert_eq!(good.len(), found.len());
        }
    }
}
