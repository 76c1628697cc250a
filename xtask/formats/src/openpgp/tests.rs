use proptest::prelude::*;

use super::*;
use crate::testing::{CREATED, TestKey, TestKeyOptions, TestSubkey, sign_cleartext_by_all};

const TEXT: &str = "Origin: Test\n- dashed\n-----x\nSHA256:\n  indented\n\nlast: line\n";
const DAY: u64 = 86_400;
/// When the tests sign.
const SIGNED: u64 = CREATED + 10 * DAY;
/// When the tests verify.
const NOW: u64 = SIGNED + DAY;

fn ring(keys: &[&TestKey]) -> Keyring {
    let armored: Vec<String> = keys.iter().map(|key| key.armored_public()).collect();
    Keyring::parse(armored.join("\n").as_bytes()).unwrap()
}

fn verify(key: &TestKey, message: &str) -> Result<Verified, OpenPgpError> {
    ring(&[key]).verify_inrelease(message.as_bytes(), NOW)
}

fn key_with(options: TestKeyOptions) -> TestKey {
    TestKey::with_options(7, options)
}

fn key_with_subkey(subkey: TestSubkey) -> TestKey {
    key_with(TestKeyOptions {
        subkey: Some(subkey),
        ..TestKeyOptions::default()
    })
}

#[test]
fn signed_text_is_returned_exactly() {
    let key = TestKey::from_seed(1);
    let verified = verify(&key, &key.sign_cleartext(TEXT, SIGNED)).unwrap();
    assert_eq!(verified.text, TEXT);
    assert_eq!(verified.signers, [key.fingerprint()]);
    assert_eq!(key.fingerprint().len(), 40);
    assert_eq!(key.fingerprint(), key.fingerprint().to_uppercase());
}

#[test]
fn line_ends_are_not_part_of_what_is_signed() {
    let key = TestKey::from_seed(1);
    let message = key.sign_cleartext(TEXT, SIGNED);
    assert_eq!(
        verify(&key, &message.replace('\n', "\r\n")).unwrap().text,
        TEXT
    );
    let blanks = message.replace("Origin: Test\n", "Origin: Test \t\n");
    assert_eq!(verify(&key, &blanks).unwrap().text, TEXT);
}

#[test]
fn alterations_are_noticed() {
    let key = TestKey::from_seed(1);
    let message = key.sign_cleartext(TEXT, SIGNED);
    let bad = Err(OpenPgpError::BadSignature {
        key: key.fingerprint(),
    });
    for (from, to) in [
        ("Origin: Test", "Origin: Tess"),
        ("Origin: Test\n", ""),
        ("last: line\n", "last: line\n\n"),
        ("\n\nOrigin", "\n\n\nOrigin"),
        ("last: line", "last: line\nEvil: yes"),
        ("  indented", " indented"),
        ("- - dashed", "- dashed"),
    ] {
        assert!(message.contains(from), "{from}");
        assert_eq!(verify(&key, &message.replacen(from, to, 1)), bad, "{from}");
    }
}

#[test]
fn unsigned_text_is_told_apart() {
    let key = TestKey::from_seed(1);
    for text in [
        "",
        TEXT,
        &key.armored_public(),
        "-----BEGIN PGP MESSAGE-----\n",
    ] {
        assert_eq!(verify(&key, text), Err(OpenPgpError::NotSigned));
    }
}

#[test]
fn text_outside_is_refused() {
    let key = TestKey::from_seed(1);
    let message = key.sign_cleartext(TEXT, SIGNED);
    let end = message.lines().count();
    for before in ["Evil: yes\n", "\n", " ", "\u{feff}\n"] {
        let found = verify(&key, &format!("{before}{message}"));
        assert!(
            matches!(
                found,
                Err(OpenPgpError::TextOutside(1) | OpenPgpError::NotSigned)
            ),
            "{before:?} {found:?}"
        );
    }
    let after = |text: &str| verify(&key, &format!("{message}{text}"));
    assert_eq!(
        after("Evil: yes\n"),
        Err(OpenPgpError::TextOutside(end + 1))
    );
    assert_eq!(
        after("\n\nEvil: yes\n"),
        Err(OpenPgpError::TextOutside(end + 3))
    );
    assert_eq!(after(&message), Err(OpenPgpError::TextOutside(end + 1)));
    assert_eq!(
        after("\n \n").map(|verified| verified.text),
        Ok(TEXT.to_owned())
    );
}

#[test]
fn broken_frames_are_refused() {
    let key = TestKey::from_seed(1);
    let message = key.sign_cleartext(TEXT, SIGNED);
    for (from, to) in [
        ("Hash: SHA512\n", "Hash: SHA512\nNotDashEscaped: yes\n"),
        ("Hash: SHA512\n\n", "Hash: SHA512\n"),
        ("- - dashed", "-dashed"),
        (
            "Origin: Test\n",
            "Origin: Test\n-----BEGIN PGP SIGNED MESSAGE-----\n",
        ),
        ("Origin: Test\n", "Origin: Test\rEvil: yes\n"),
        (
            "-----BEGIN PGP SIGNATURE-----",
            "-----BEGIN PGP SIGNATURE----- ",
        ),
        (
            "-----END PGP SIGNATURE-----",
            "-----BEGIN PGP SIGNATURE-----",
        ),
        ("-----END PGP SIGNATURE-----", ""),
    ] {
        assert!(message.contains(from), "{from}");
        let found = verify(&key, &message.replacen(from, to, 1));
        assert!(
            matches!(found, Err(OpenPgpError::MalformedMessage { .. })),
            "{from} {found:?}"
        );
    }
    let mut bytes = message.into_bytes();
    bytes[60] = 0xff;
    let found = ring(&[&key]).verify_inrelease(&bytes, NOW);
    assert_eq!(
        found,
        Err(OpenPgpError::MalformedMessage {
            line: 4,
            reason: "expected UTF-8"
        })
    );
}

#[test]
fn every_cut_is_refused() {
    let key = TestKey::from_seed(1);
    let message = key.sign_cleartext(TEXT, SIGNED);
    let (ring, end) = (ring(&[&key]), message.trim_end().len());
    for length in 0..end {
        assert!(
            ring.verify_inrelease(&message.as_bytes()[..length], NOW)
                .is_err(),
            "{length}"
        );
    }
    assert!(
        ring.verify_inrelease(&message.as_bytes()[..end], NOW)
            .is_ok()
    );
}

#[test]
fn broken_signatures_are_refused() {
    let key = TestKey::from_seed(1);
    let message = key.sign_cleartext(TEXT, SIGNED);
    let (head, _) = message.split_once("-----BEGIN PGP SIGNATURE-----").unwrap();
    for armor in ["", "\n", "\nAAAA\n", "\n!!!!\n", "\nwsBc\n=AAAA\n"] {
        let broken =
            format!("{head}-----BEGIN PGP SIGNATURE-----\n{armor}-----END PGP SIGNATURE-----\n");
        let found = verify(&key, &broken);
        let refused = matches!(
            found,
            Err(OpenPgpError::MalformedSignature(_) | OpenPgpError::UnknownSigners { .. })
        );
        assert!(refused, "{armor:?} {found:?}");
    }
}

#[test]
fn strangers_are_ignored_or_listed() {
    let (known, stranger) = (TestKey::from_seed(1), TestKey::from_seed(2));
    let both = sign_cleartext_by_all(&[&stranger, &known], TEXT, SIGNED);
    assert_eq!(
        verify(&known, &both).unwrap().signers,
        [known.fingerprint()]
    );
    let two = ring(&[&known, &stranger])
        .verify_inrelease(both.as_bytes(), NOW)
        .unwrap();
    assert_eq!(two.signers, [stranger.fingerprint(), known.fingerprint()]);

    let error = verify(&known, &stranger.sign_cleartext(TEXT, SIGNED)).unwrap_err();
    assert_eq!(
        error,
        OpenPgpError::UnknownSigners {
            issuers: vec![stranger.fingerprint()]
        }
    );
    let expected = format!(
        "no signature by a known key, found only signatures by {}",
        stranger.fingerprint()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn one_good_signature_outweighs_bad_ones() {
    let (good, revoked) = (
        TestKey::from_seed(1),
        key_with(TestKeyOptions {
            revoked: true,
            ..Default::default()
        }),
    );
    let both = sign_cleartext_by_all(&[&revoked, &good], TEXT, SIGNED);
    let verified = ring(&[&good, &revoked])
        .verify_inrelease(both.as_bytes(), NOW)
        .unwrap();
    assert_eq!(verified.signers, [good.fingerprint()]);
}

#[test]
fn signatures_have_their_time() {
    let key = TestKey::from_seed(1);
    let ring = ring(&[&key]);
    let message = key.sign_cleartext_expiring(TEXT, SIGNED, 3600);
    let at = |now| ring.verify_inrelease(message.as_bytes(), now);
    assert!(at(SIGNED).is_ok());
    assert!(at(SIGNED - 600).is_ok(), "clocks may differ");
    assert!(at(SIGNED + 3599).is_ok());
    let early = at(SIGNED - 601).unwrap_err().to_string();
    let fingerprint = key.fingerprint();
    assert_eq!(
        early,
        format!(
            "signature by {fingerprint} was created at 2020-01-11T00:00:00Z, but now is 2020-01-10T23:49:59Z"
        )
    );
    let late = at(SIGNED + 3600).unwrap_err();
    assert!(
        matches!(late, OpenPgpError::SignatureExpired { .. }),
        "{late}"
    );
}

/// By gpg, because rPGP does not sign with SHA-1: `gpg --allow-weak-digest-algos --digest-algo SHA1 --clearsign`.
#[test]
fn weak_hashes_are_refused() {
    let ring = Keyring::parse(include_bytes!("fixtures/rsa.asc")).unwrap();
    let strong = ring
        .verify_inrelease(include_bytes!("fixtures/rsa-sha256.asc"), NOW)
        .unwrap();
    assert_eq!(strong.text, "Origin: Test\n- dashed\nlast: line\n");
    let weak = ring
        .verify_inrelease(include_bytes!("fixtures/rsa-sha1.asc"), NOW)
        .unwrap_err();
    let [key] = ring.fingerprints().try_into().unwrap();
    assert_eq!(
        weak,
        OpenPgpError::WeakHash {
            key,
            hash: "SHA1".to_owned()
        }
    );
}

#[test]
fn keys_have_their_time() {
    let lifetime = u32::try_from(SIGNED - CREATED).unwrap();
    let expiring = |lifetime| {
        key_with(TestKeyOptions {
            lifetime: Some(lifetime),
            ..Default::default()
        })
    };
    let message = |key: &TestKey| key.sign_cleartext(TEXT, SIGNED);
    let key = expiring(lifetime + 1);
    assert!(
        verify(&key, &message(&key)).is_ok(),
        "expired since, but not when it signed"
    );
    let key = expiring(lifetime);
    let found = verify(&key, &message(&key));
    assert!(
        matches!(found, Err(OpenPgpError::KeyExpired { .. })),
        "{found:?}"
    );
    let key = TestKey::from_seed(1);
    let found = verify(&key, &key.sign_cleartext(TEXT, CREATED - 1));
    assert!(
        matches!(found, Err(OpenPgpError::UnusableKey { reason, .. }) if reason.contains("after"))
    );
}

#[test]
fn revoked_keys_are_refused() {
    let key = key_with(TestKeyOptions {
        revoked: true,
        ..Default::default()
    });
    let found = verify(&key, &key.sign_cleartext(TEXT, SIGNED));
    assert_eq!(
        found,
        Err(OpenPgpError::KeyRevoked {
            key: key.fingerprint()
        })
    );
    let both = TestKeyOptions {
        revoked: true,
        subkey: Some(TestSubkey::Bound),
        ..Default::default()
    };
    let key = key_with(both);
    let found = verify(&key, &key.sign_cleartext(TEXT, SIGNED));
    assert_eq!(
        found,
        Err(OpenPgpError::KeyRevoked {
            key: key.fingerprint()
        }),
        "by its primary key"
    );
}

#[test]
fn subkeys_sign_where_they_are_bound_to() {
    let key = key_with_subkey(TestSubkey::Bound);
    let verified = verify(&key, &key.sign_cleartext(TEXT, SIGNED)).unwrap();
    assert_eq!(verified.signers, [key.fingerprint()]);
    assert_ne!(
        ring(&[&key]).fingerprints(),
        [key.fingerprint()],
        "the primary key's is another"
    );

    for (kind, part) in [
        (TestSubkey::WithoutBackSignature, "in return"),
        (TestSubkey::BoundByStranger, "has not signed it"),
        (TestSubkey::NotForSigning, "not made for signing"),
    ] {
        let key = key_with_subkey(kind);
        let found = verify(&key, &key.sign_cleartext(TEXT, SIGNED));
        let expected = matches!(&found, Err(OpenPgpError::UnusableKey { reason, .. }) if reason.contains(part));
        assert!(expected, "{kind:?} {found:?}");
    }
}

#[test]
fn subkeys_end_like_other_keys() {
    let key = key_with_subkey(TestSubkey::Revoked);
    let found = verify(&key, &key.sign_cleartext(TEXT, SIGNED));
    assert_eq!(
        found,
        Err(OpenPgpError::KeyRevoked {
            key: key.fingerprint()
        })
    );
    let key = key_with_subkey(TestSubkey::Expiring(3600));
    assert!(verify(&key, &key.sign_cleartext(TEXT, CREATED + 3599)).is_ok());
    let found = verify(&key, &key.sign_cleartext(TEXT, CREATED + 3600));
    assert!(
        matches!(found, Err(OpenPgpError::KeyExpired { .. })),
        "{found:?}"
    );
    let options = TestKeyOptions {
        lifetime: Some(60),
        subkey: Some(TestSubkey::Bound),
        ..Default::default()
    };
    let key = key_with(options);
    let found = verify(&key, &key.sign_cleartext(TEXT, SIGNED));
    assert!(
        matches!(found, Err(OpenPgpError::KeyExpired { .. })),
        "with its primary key: {found:?}"
    );
}

#[test]
fn keyrings_are_read_in_every_form() {
    let (one, two) = (TestKey::from_seed(1), TestKey::from_seed(2));
    let fingerprints = [one.fingerprint(), two.fingerprint()];
    assert_eq!(ring(&[&one, &two]).fingerprints(), fingerprints);
    let binary = [one.binary_public(), two.binary_public()].concat();
    assert_eq!(
        Keyring::parse(&binary).unwrap().fingerprints(),
        fingerprints
    );
    let commented = format!(
        "Two keys\n\n{}\nand\n{}the end",
        one.armored_public(),
        two.armored_public()
    );
    assert_eq!(
        Keyring::parse(commented.as_bytes()).unwrap().fingerprints(),
        fingerprints
    );
}

#[test]
fn other_keyrings_are_refused() {
    let error = |bytes: &[u8]| Keyring::parse(bytes).unwrap_err();
    assert_eq!(error(b""), OpenPgpError::NoKeys);
    assert_eq!(error(b"no key\n"), OpenPgpError::NoKeys);
    assert_eq!(
        error(b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n"),
        OpenPgpError::SecretKey
    );
    let size = MAX_KEYRING + 1;
    assert_eq!(
        error(&vec![0x99; size]),
        OpenPgpError::TooLarge {
            size,
            limit: MAX_KEYRING
        }
    );
    let armored = TestKey::from_seed(1).armored_public();
    let cut = armored.split("-----END").next().unwrap();
    assert!(matches!(
        error(cut.as_bytes()),
        OpenPgpError::MalformedKeyring(_)
    ));
    assert!(matches!(
        error(b"text\xff"),
        OpenPgpError::MalformedKeyring(_)
    ));
}

#[test]
fn the_committed_debian_keys_are_readable() {
    let keys = include_bytes!("../../../../containers/keys/debian-13.asc");
    let fingerprints = [
        "41587F7DB8C774BCCF131416762F67A0B2C39DE4",
        "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
        "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
    ];
    assert_eq!(Keyring::parse(keys).unwrap().fingerprints(), fingerprints);
}

#[test]
fn generated_keys_differ() {
    assert_ne!(
        TestKey::generate().fingerprint(),
        TestKey::generate().fingerprint()
    );
    assert_eq!(
        TestKey::from_seed(1).armored_public(),
        TestKey::from_seed(1).armored_public()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_signed_text_comes_back(text in "([ -~]{0,6}[!-~]\n|\n){0,5}[ -~]{0,6}[!-~]\n") {
        let key = TestKey::from_seed(1);
        let verified = verify(&key, &key.sign_cleartext(&text, SIGNED)).unwrap();
        prop_assert_eq!(verified.text, text);
    }

    #[test]
    fn altered_messages_never_yield_other_text(at in 0usize..600, with in "[ -~\n]") {
        let key = TestKey::from_seed(1);
        let mut bytes = key.sign_cleartext(TEXT, SIGNED).into_bytes();
        let length = bytes.len();
        bytes[at % length] = with.as_bytes()[0];
        if let Ok(verified) = ring(&[&key]).verify_inrelease(&bytes, NOW) {
            prop_assert_eq!(verified.text, TEXT);
        }
    }

    #[test]
    fn altered_keyrings_never_panic(at in 0usize..600, with: u8) {
        let mut bytes = key_with_subkey(TestSubkey::Bound).binary_public();
        let length = bytes.len();
        bytes[at % length] = with;
        let _ = Keyring::parse(&bytes);
    }
}
