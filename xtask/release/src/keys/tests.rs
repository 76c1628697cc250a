use super::*;

const NOW: u64 = 1_700_000_000;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

fn new_keys() -> NewKeys {
    NewKeys {
        user: "Test <test@example.org>".to_owned(),
        now: NOW,
        days: 100,
    }
}

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("keys")).unwrap();
    (folder, path)
}

#[test]
fn keys_are_made_kept_and_opened_again() {
    let (_folder, path) = folder();
    let right = passphrase("correct horse");
    let made = create(&path, None, &new_keys(), &right).unwrap().public();
    let opened = Protected::read(&path).unwrap().open(&right).unwrap();
    let public = opened.public();
    assert_eq!(public.fingerprint, made.fingerprint);
    assert_eq!(public.minisign, made.minisign);
    assert_eq!(public.user, "Test <test@example.org>");
    assert_eq!(public.expires, Some(NOW + 100 * 86_400));
    assert_eq!(public.days_left(NOW), None);
    assert_eq!(public.days_left(NOW + 41 * 86_400), Some(59));
    opened.check(NOW + 86_400).unwrap();
    let late = opened.check(NOW + 100 * 86_400).unwrap_err();
    assert!(matches!(late, KeyError::Expired { .. }), "{late}");
    let again = create(&path, None, &new_keys(), &right).unwrap_err();
    assert!(matches!(again, KeyError::There { .. }), "{again}");
    for name in [OPENPGP, MINISIGN] {
        let metadata = fs::metadata(path.join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_wrong_passphrase_opens_nothing_and_is_not_told() {
    let (_folder, path) = folder();
    create(&path, None, &new_keys(), &passphrase("correct horse")).unwrap();
    let protected = Protected::read(&path).unwrap();
    let error = protected.open(&passphrase("wrong-battery")).unwrap_err();
    assert!(matches!(error, KeyError::Passphrase { .. }), "{error}");
    assert!(!format!("{error:?} {error}").contains("battery"));
    assert!(!format!("{:?}", passphrase("battery")).contains("battery"));
    let short = passphrase("short").for_new_keys().unwrap_err();
    assert!(matches!(short, KeyError::NoPassphrase { .. }));
}

#[test]
fn keys_that_others_can_read_are_refused() {
    let (_folder, path) = folder();
    let right = passphrase("correct horse");
    create(&path, None, &new_keys(), &right).unwrap();
    let readable = fs::Permissions::from_mode(0o640);
    fs::set_permissions(path.join(MINISIGN), readable).unwrap();
    let error = Protected::read(&path).unwrap_err();
    assert!(
        matches!(error, KeyError::Readable { mode: 0o640, .. }),
        "{error}"
    );
}

#[test]
fn keys_stay_out_of_a_checkout() {
    let (_folder, path) = folder();
    let parent = path.parent().unwrap();
    let error = create(
        &path,
        Some(parent),
        &new_keys(),
        &passphrase("correct horse"),
    );
    assert!(matches!(error, Err(KeyError::InCheckout { .. })));
}

#[test]
fn signatures_are_the_same_each_time_and_of_their_data_alone() {
    let (_folder, path) = folder();
    let keys = create(&path, None, &new_keys(), &passphrase("correct horse")).unwrap();
    let public = keys.public();
    let keyring = Keyring::parse(public.openpgp.as_bytes()).unwrap();
    let detached = keys.openpgp.sign_detached(b"data", NOW).unwrap();
    assert_eq!(detached, keys.openpgp.sign_detached(b"data", NOW).unwrap());
    let verify = |data: &[u8]| keyring.verify_detached(data, detached.as_bytes(), NOW);
    assert_eq!(verify(b"data").unwrap()[0], public.fingerprint);
    verify(b"other").unwrap_err();
    let cleartext = keys.openpgp.sign_cleartext("a text\n", NOW).unwrap();
    let verified = keyring.verify_inrelease(cleartext.as_bytes(), NOW).unwrap();
    assert_eq!(verified.text, "a text\n");
    // A signature of one kind does not stand for the other.
    let binary = keys.openpgp.sign_binary(b"data", NOW).unwrap();
    keyring.verify_detached(b"data", &binary, NOW).unwrap();
    let small = keys.minisign.sign(b"data", "a comment");
    assert_eq!(small, keys.minisign.sign(b"data", "a comment"));
    assert_eq!(
        public.minisign.verify(b"data", &small).unwrap(),
        "a comment"
    );
    public.minisign.verify(b"other", &small).unwrap_err();
    let other = small.replace("a comment", "b comment");
    public.minisign.verify(b"data", &other).unwrap_err();
    let raw = keys.minisign.sign_raw(b"message");
    assert!(public.minisign.verify_raw(b"message", &raw));
    assert!(!public.minisign.verify_raw(b"massage", &raw));
    let read = MinisignPublic::parse(&public.minisign.text()).unwrap();
    assert_eq!(read, public.minisign);
}
