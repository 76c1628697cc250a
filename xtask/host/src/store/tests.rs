use std::time::Duration;

use super::*;
use crate::cancel::Cancel;
use crate::clock::Stopwatch;
use crate::http::{Http, Limits};
use crate::testing::{Behaviour, TestServer};

struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
    Fixture { folder, store }
}

impl Fixture {
    /// The files below the folder of partial downloads, and those of objects.
    fn count(&self) -> (usize, usize) {
        let partial = fs::read_dir(self.folder.path().join("partial"))
            .unwrap()
            .count();
        let folders = fs::read_dir(self.folder.path().join("sha256")).unwrap();
        let objects = folders.map(|folder| fs::read_dir(folder.unwrap().path()).unwrap().count());
        (partial, objects.sum())
    }

    fn overwrite(&self, sha256: &Sha256, bytes: &[u8]) {
        let path = self.store.path(sha256);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        fs::write(&path, bytes).unwrap();
    }
}

fn http() -> Http {
    http_with(Cancel::new())
}

fn http_with(cancel: Cancel) -> Http {
    let short = Duration::from_millis(300);
    let limits = Limits {
        connect: short,
        stall: short,
        retries: 1,
        stall_bytes: 1,
        backoff: Duration::from_millis(5),
        ..Limits::default()
    };
    Http::with_limits(cancel, limits)
}

fn request(label: &str, urls: &[String], bytes: &[u8]) -> FetchRequest {
    FetchRequest {
        label: label.to_owned(),
        urls: urls.to_vec(),
        size: Some(bytes.len() as u64),
        sha256: Sha256::of(bytes),
    }
}

#[test]
fn an_object_is_stored_read_only_under_its_digest() {
    let fixture = fixture();
    let sha256 = Sha256::of("hello");
    assert!(!fixture.store.contains(&sha256));
    fixture.store.insert(&b"hello"[..], sha256, 5).unwrap();
    assert!(fixture.store.contains(&sha256));
    let path = fixture.store.path(&sha256);
    assert!(
        path.as_str().ends_with(&format!("/sha256/2c/{sha256}")),
        "{path}"
    );
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o444
    );
    let mut text = String::new();
    fixture
        .store
        .open_verified(&sha256, 5)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "hello");
    assert_eq!(fixture.store.verify(&sha256).unwrap(), 5);
    // Once more: replaced without complaint.
    fixture.store.insert(&b"hello"[..], sha256, 5).unwrap();
    assert_eq!(fixture.count(), (0, 1));
}

#[test]
fn wrong_bytes_never_become_an_object() {
    let fixture = fixture();
    let sha256 = Sha256::of("hello");
    for (bytes, size) in [
        ("hellx", 5),
        ("hell", 5),
        ("hello!", 5),
        ("hello", 6),
        ("", 5),
    ] {
        let error = fixture
            .store
            .insert(bytes.as_bytes(), sha256, size)
            .unwrap_err();
        assert!(matches!(error, StoreError::Mismatch { .. }), "{error}");
        assert_eq!(error.category(), Category::Verification);
        assert_eq!(fixture.count(), (0, 0), "{bytes}");
    }
}

#[test]
fn a_corrupt_object_is_noticed_while_it_is_read_and_removed() {
    for damaged in ["hellx", "hello, and more"] {
        let fixture = fixture();
        let sha256 = Sha256::of("hello");
        fixture.store.insert(&b"hello"[..], sha256, 5).unwrap();
        let mut reader = fixture.store.open_verified(&sha256, 5).unwrap();
        fixture.overwrite(&sha256, damaged.as_bytes());
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        let error = StoreError::from_io(&error).unwrap();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("it was removed"), "{error}");
        assert!(!fixture.store.contains(&sha256));
        reader.read(&mut [0; 9]).unwrap_err();
    }
}

#[test]
fn every_way_to_verify_finds_a_corrupt_object() {
    let sha256 = Sha256::of("hello");
    let check = |damaged: &str, verify: &dyn Fn(&Store) -> Result<u64, StoreError>| {
        let fixture = fixture();
        fixture.store.insert(&b"hello"[..], sha256, 5).unwrap();
        assert_eq!(verify(&fixture.store).unwrap(), 5);
        fixture.overwrite(&sha256, damaged.as_bytes());
        let error = verify(&fixture.store).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        let error = verify(&fixture.store).unwrap_err();
        assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    };
    check("hellx", &|store| store.verify(&sha256));
    check("hello!", &|store| store.open_verified(&sha256, 5)?.finish());
    // Who stops after the first byte has to finish.
    check("hellx", &|store| {
        let mut reader = store.open_verified(&sha256, 5)?;
        assert_eq!(reader.read(&mut [0; 1]).unwrap(), 1);
        reader.finish()
    });
}

#[test]
fn an_object_that_another_process_repaired_is_not_removed() {
    let fixture = fixture();
    let sha256 = Sha256::of("hello");
    fixture.store.insert(&b"hello"[..], sha256, 5).unwrap();
    fixture.overwrite(&sha256, b"hellx");
    let reader = fixture.store.open_verified(&sha256, 5).unwrap();
    fixture.store.insert(&b"hello"[..], sha256, 5).unwrap();
    assert!(matches!(reader.finish(), Err(StoreError::Corrupt { .. })));
    assert_eq!(fixture.store.verify(&sha256).unwrap(), 5);
}

#[test]
fn only_old_partial_files_are_removed() {
    let fixture = fixture();
    let partial = fixture.folder.path().join("partial");
    fs::write(partial.join("fresh"), "").unwrap();
    let old = File::create(partial.join("old")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_600_000_000))
        .unwrap();
    Store::open(Utf8Path::from_path(fixture.folder.path()).unwrap()).unwrap();
    assert!(partial.join("fresh").exists());
    assert!(!partial.join("old").exists());
}

#[test]
fn fifty_files_arrive_in_parallel_and_only_once() {
    let fixture = fixture();
    let name = |index: usize| format!("file{index}");
    let server =
        TestServer::serve((0..50).map(|index| (name(index), name(index).repeat(1000)))).unwrap();
    let requests: Vec<_> = (0..50)
        .map(|index| {
            let bytes = name(index).repeat(1000);
            request(&name(index), &[server.url(&name(index))], bytes.as_bytes())
        })
        .collect();
    let summary = fixture.store.fetch_all(&http(), &requests, 8, &()).unwrap();
    let bytes = requests
        .iter()
        .map(|request| request.size.unwrap_or_default())
        .sum();
    assert_eq!((summary.downloaded, summary.downloaded_bytes), (50, bytes));
    assert_eq!(fixture.count(), (0, 50));
    for request in &requests {
        assert_eq!(
            Some(fixture.store.verify(&request.sha256).unwrap()),
            request.size
        );
    }
    // Again, with one object shortened and one requested twice.
    fixture.overwrite(&requests[7].sha256, b"short");
    let mut again = requests.clone();
    again.push(requests[7].clone());
    let summary = fixture.store.fetch_all(&http(), &again, 8, &()).unwrap();
    assert_eq!((summary.present, summary.downloaded), (49, 1));
    assert_eq!(server.log().len(), 51);
    assert_eq!(
        Some(fixture.store.verify(&requests[7].sha256).unwrap()),
        requests[7].size
    );
}

#[test]
fn parallel_means_at_the_same_time() {
    let fixture = fixture();
    let files = ["a", "b", "c", "d"];
    let server = TestServer::serve(files.map(|file| (file, file.repeat(10)))).unwrap();
    for file in files {
        server.behave(
            file,
            Behaviour::Slow {
                piece: 1,
                pause: Duration::from_millis(50),
            },
        );
    }
    let requests = files.map(|file| request(file, &[server.url(file)], file.repeat(10).as_bytes()));
    let watch = Stopwatch::start();
    fixture.store.fetch_all(&http(), &requests, 4, &()).unwrap();
    // One after the other takes at least 2 s.
    assert!(
        watch.elapsed() < Duration::from_millis(1900),
        "{:?}",
        watch.elapsed()
    );
}

#[test]
fn a_mirror_without_the_file_or_with_wrong_bytes_is_passed_over() {
    let bytes = b"right";
    for behaviour in [
        Behaviour::Status(404),
        Behaviour::Wrong(b"wrong".to_vec()),
        Behaviour::WrongUnannounced(b"right and more".to_vec()),
        Behaviour::Truncated(2),
        Behaviour::Short(2),
        Behaviour::Stall(2),
        Behaviour::Status(500),
    ] {
        let fixture = fixture();
        let bad = TestServer::serve([("file", bytes)]).unwrap();
        let good = TestServer::serve([("file", bytes)]).unwrap();
        bad.behave("file", behaviour.clone());
        let request = request("a file", &[bad.url("file"), good.url("file")], bytes);
        let summary = fixture
            .store
            .fetch_all(&http(), std::slice::from_ref(&request), 2, &())
            .unwrap();
        assert_eq!(fixture.store.verify(&request.sha256).unwrap(), 5);
        assert_eq!(fixture.count(), (0, 1));
        let rejected: Vec<_> = summary.rejected.iter().map(|one| one.url.clone()).collect();
        assert_eq!(rejected, [bad.url("file")], "{behaviour:?}");
    }
}

#[test]
fn a_mirror_that_failed_is_asked_last_from_then_on() {
    let fixture = fixture();
    let files = [("a", "1"), ("b", "2"), ("c", "3")];
    let (bad, good) = (
        TestServer::serve(files).unwrap(),
        TestServer::serve(files).unwrap(),
    );
    bad.behave("a", Behaviour::Wrong(b"x".to_vec()));
    let requests = files
        .map(|(file, bytes)| request(file, &[bad.url(file), good.url(file)], bytes.as_bytes()));
    fixture.store.fetch_all(&http(), &requests, 1, &()).unwrap();
    assert_eq!((bad.log().len(), good.log().len()), (1, 3));
}

#[test]
fn gone_everywhere_names_every_place() {
    let fixture = fixture();
    let servers = [0, 1].map(|_| TestServer::serve([("other", "")]).unwrap());
    let urls = servers.each_ref().map(|server| server.url("file"));
    let wanted = request("linux.tar.xz", &urls, b"right");
    let error = fixture
        .store
        .fetch_all(&http(), &[wanted], 2, &())
        .unwrap_err();
    let FetchError::Gone { label, tried } = &error else {
        panic!("{error}")
    };
    assert_eq!(label, "linux.tar.xz");
    assert!(tried.0.iter().map(|(url, _)| url).eq(&urls));
    for url in &urls {
        assert!(error.to_string().contains(url.as_str()), "{error}");
    }
    let nowhere = request("nowhere", &[], b"right");
    let error = fixture
        .store
        .fetch_all(&http(), &[nowhere], 2, &())
        .unwrap_err();
    assert!(error.to_string().contains("no address is known"), "{error}");
    assert_eq!(error.category(), Category::Host);
}

#[test]
fn unreachable_is_not_gone() {
    let fixture = fixture();
    let lacking = TestServer::serve([("other", "")]).unwrap();
    let dead = TestServer::serve([("other", "")]).unwrap().url("file");
    let wanted = request("file", &[lacking.url("file"), dead], b"right");
    let error = fixture
        .store
        .fetch_all(&http(), &[wanted], 2, &())
        .unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
}

#[test]
fn wrong_bytes_everywhere_name_file_expected_and_found() {
    let fixture = fixture();
    let servers = [0, 1].map(|_| TestServer::serve([("file", "wrong")]).unwrap());
    let urls = servers.each_ref().map(|server| server.url("file"));
    let wanted = request("linux.tar.xz", &urls, b"right");
    let error = fixture
        .store
        .fetch_all(&http(), &[wanted], 2, &())
        .unwrap_err();
    assert_eq!(error.category(), Category::Verification);
    let text = error.to_string();
    let digests = [
        Sha256::of("right").to_string(),
        Sha256::of("wrong").to_string(),
    ];
    for part in [
        "linux.tar.xz",
        &urls[0],
        "5 bytes",
        &digests[0],
        &digests[1],
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(fixture.count(), (0, 0));
}

#[test]
fn one_failure_stops_the_rest_and_leaves_nothing_partial() {
    let fixture = fixture();
    let server = TestServer::serve([("slow", vec![0; 1000])]).unwrap();
    server.behave(
        "slow",
        Behaviour::Slow {
            piece: 1,
            pause: Duration::from_millis(100),
        },
    );
    let requests = [
        request("slow", &[server.url("slow")], &[0; 1000]),
        request("gone", &[server.url("gone")], b"right"),
        request("later", &[server.url("later")], b"later"),
    ];
    let watch = Stopwatch::start();
    let error = fixture
        .store
        .fetch_all(&http(), &requests, 2, &())
        .unwrap_err();
    assert!(
        matches!(&error, FetchError::Gone { label, .. } if label == "gone"),
        "{error}"
    );
    assert!(watch.elapsed() < Duration::from_secs(5));
    assert_eq!(fixture.count(), (0, 0));
    assert!(!server.log().contains(&"later".to_owned()));
}

#[test]
fn cancelling_ends_a_fetch_within_a_second_and_leaves_nothing_partial() {
    let fixture = fixture();
    let server = TestServer::serve([("slow", vec![0; 1000])]).unwrap();
    server.behave(
        "slow",
        Behaviour::Slow {
            piece: 1,
            pause: Duration::from_millis(100),
        },
    );
    let cancel = Cancel::new();
    let http = http_with(cancel.clone());
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        cancel.cancel();
        Stopwatch::start()
    });
    let requests = [request("slow", &[server.url("slow")], &[0; 1000])];
    let error = fixture
        .store
        .fetch_all(&http, &requests, 4, &())
        .unwrap_err();
    let since = thread.join().unwrap();
    assert!(
        since.elapsed() < Duration::from_secs(1),
        "{:?}",
        since.elapsed()
    );
    assert!(matches!(error, FetchError::Interrupted(_)), "{error}");
    assert_eq!(fixture.count(), (0, 0));
}

#[test]
fn two_processes_may_fetch_the_same_at_once() {
    let fixture = fixture();
    let server = TestServer::serve([("file", vec![1; 100_000])]).unwrap();
    let requests = [request("file", &[server.url("file")], &vec![1; 100_000])];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fixture.store.fetch_all(&http(), &requests, 2, &()).unwrap());
        }
    });
    assert_eq!(fixture.store.verify(&requests[0].sha256).unwrap(), 100_000);
    assert_eq!(fixture.count(), (0, 1));
}
