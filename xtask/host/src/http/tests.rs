use std::error::Error as _;

use std::io::{Seek, SeekFrom, Write};

use super::exchange::Head;
use super::*;
use crate::category::Category;
use crate::clock::Stopwatch;
use crate::testing::{Behaviour, TestServer};

const BYTES: &[u8] = b"what the server has";

fn limits() -> Limits {
    Limits {
        stall: Duration::from_millis(300),
        connect: Duration::from_millis(300),
        stall_bytes: 1,
        retries: 2,
        backoff: Duration::from_millis(5),
        unknown_size: 1 << 20,
    }
}

fn http() -> Http {
    Http::with_limits(Cancel::new(), limits())
}

fn expected(bytes: &[u8]) -> Expected {
    Expected {
        size: Some(bytes.len() as u64),
        sha256: Some(Sha256::of(bytes)),
    }
}

/// Downloads `url` into a file that held something else; returns its content too.
fn download(
    http: &Http,
    url: &str,
    expected: &Expected,
) -> (Result<Downloaded, HttpError>, Vec<u8>) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[b'x'; 100]).unwrap();
    let result = http.download(url, expected, &mut file, &|_| ());
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut content = Vec::new();
    file.read_to_end(&mut content).unwrap();
    (result, content)
}

fn server() -> TestServer {
    TestServer::serve([("file", BYTES)]).unwrap()
}

/// The error of a download for which the server misbehaves, and how often the server was asked.
fn fails(behaviour: Behaviour) -> (HttpError, usize) {
    let server = server();
    server.behave("file", behaviour);
    let result = download(&http(), &server.url("file"), &expected(BYTES)).0;
    (result.unwrap_err(), server.log().len())
}

#[test]
fn a_download_is_what_the_server_has() {
    let server = server();
    let seen = std::cell::RefCell::new(Vec::new());
    let mut file = tempfile::tempfile().unwrap();
    let progress = |bytes| seen.borrow_mut().push(bytes);
    let done = http()
        .download(&server.url("file"), &expected(BYTES), &mut file, &progress)
        .unwrap();
    assert_eq!(
        done,
        Downloaded {
            size: 19,
            sha256: Sha256::of(BYTES)
        }
    );
    assert_eq!(
        (seen.borrow().first(), seen.borrow().last()),
        (Some(&0), Some(&19))
    );
    let (result, content) = download(&http(), &server.url("file"), &Expected::default());
    assert!(result.is_ok());
    assert_eq!(content, BYTES, "what the file held before is gone");
}

#[test]
fn other_bytes_are_a_mismatch_and_not_asked_for_twice() {
    let mut wrong = BYTES.to_vec();
    wrong[3] ^= 1;
    let digest = Sha256::of(&wrong);
    for behaviour in [
        Behaviour::Wrong(wrong.clone()),
        Behaviour::WrongUnannounced(wrong),
    ] {
        let (error, asked) = fails(behaviour);
        let HttpError::Mismatch { wrong, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(wrong.expected, expected(BYTES));
        assert_eq!(
            wrong.found,
            Found::Content {
                size: 19,
                sha256: digest
            }
        );
        assert_eq!(error.category(), Category::Verification);
        for part in ["/file", &digest.to_string(), &Sha256::of(BYTES).to_string()] {
            assert!(error.to_string().contains(part), "{error}");
        }
        assert_eq!(asked, 1);
    }
}

#[test]
fn a_size_other_than_the_expected_one_ends_early() {
    let found = |behaviour| match fails(behaviour).0 {
        HttpError::Mismatch { wrong, .. } => wrong.found,
        error => panic!("{error}"),
    };
    assert_eq!(found(Behaviour::Wrong(vec![0; 20])), Found::Announced(20));
    let endless = Behaviour::WrongUnannounced(vec![0; 2 << 20]);
    assert_eq!(found(endless), Found::MoreThan(19));
    let sha256 = Sha256::of(&BYTES[..5]);
    assert_eq!(
        found(Behaviour::Short(5)),
        Found::Content { size: 5, sha256 }
    );
}

#[test]
fn an_answer_that_breaks_off_is_tried_again() {
    let (error, asked) = fails(Behaviour::Truncated(5));
    assert!(
        matches!(error, HttpError::Transport { attempts: 3, .. }),
        "{error}"
    );
    assert_eq!(asked, 3);
}

#[test]
fn passing_failures_are_tried_again_and_start_over() {
    for status in [500, 503, 429] {
        let server = server();
        server.behave("file", Behaviour::FailTimes { status, times: 2 });
        let (result, content) = download(&http(), &server.url("file"), &expected(BYTES));
        result.unwrap();
        assert_eq!(content, BYTES);
        assert_eq!(server.log().len(), 3);
    }
    let (error, asked) = fails(Behaviour::FailTimes {
        status: 500,
        times: 3,
    });
    assert!(
        matches!(
            error,
            HttpError::Status {
                status: 500,
                attempts: 3,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(asked, 3);
}

#[test]
fn lasting_failures_are_not_tried_again() {
    for status in [404, 410] {
        let (error, asked) = fails(Behaviour::Status(status));
        assert!(matches!(error, HttpError::NotFound { .. }), "{error}");
        assert_eq!(asked, 1);
    }
    for status in [401, 403, 206, 204] {
        let (error, asked) = fails(Behaviour::Status(status));
        assert!(
            matches!(error, HttpError::Status { attempts: 1, .. }),
            "{error}"
        );
        assert_eq!((asked, error.category()), (1, Category::Host));
    }
}

#[test]
fn silence_has_a_deadline_that_says_what_was_waited_for() {
    let once = Http::with_limits(
        Cancel::new(),
        Limits {
            retries: 0,
            ..limits()
        },
    );
    for (behaviour, waited) in [
        (Behaviour::Stall(7), "more bytes, after 7 bytes"),
        (Behaviour::Silent, "the answer to begin"),
    ] {
        let server = server();
        server.behave("file", behaviour);
        let watch = Stopwatch::start();
        let error = download(&once, &server.url("file"), &expected(BYTES))
            .0
            .unwrap_err();
        assert!(matches!(error, HttpError::Stalled { .. }), "{error}");
        assert!(error.to_string().contains(waited), "{error}");
        assert!(watch.elapsed() < Duration::from_secs(4));
    }
}

#[test]
fn a_trickle_is_a_stall_but_a_slow_server_is_not() {
    let server = TestServer::serve([("file", vec![7; 40])]).unwrap();
    let pause = Duration::from_millis(60);
    server.behave("file", Behaviour::Slow { piece: 2, pause });
    let patient = Http::with_limits(
        Cancel::new(),
        Limits {
            retries: 0,
            ..limits()
        },
    );
    download(&patient, &server.url("file"), &expected(&[7; 40]))
        .0
        .unwrap();
    let demanding = Http::with_limits(
        Cancel::new(),
        Limits {
            retries: 0,
            stall_bytes: 1000,
            ..limits()
        },
    );
    let error = download(&demanding, &server.url("file"), &expected(&[7; 40]))
        .0
        .unwrap_err();
    assert!(matches!(error, HttpError::Stalled { .. }), "{error}");
}

#[test]
fn cancelling_ends_a_download_within_a_second() {
    let pause = Duration::from_millis(100);
    for behaviour in [
        Behaviour::Slow { piece: 1, pause },
        Behaviour::Silent,
        Behaviour::Stall(3),
    ] {
        let server = TestServer::serve([("file", vec![0; 1000])]).unwrap();
        server.behave("file", behaviour);
        let cancel = Cancel::new();
        let http = Http::new(cancel.clone());
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            cancel.cancel();
            Stopwatch::start()
        });
        let error = download(&http, &server.url("file"), &expected(&[0; 1000]))
            .0
            .unwrap_err();
        let since = thread.join().unwrap();
        assert!(
            since.elapsed() < Duration::from_secs(1),
            "{:?}",
            since.elapsed()
        );
        assert!(matches!(error, HttpError::Interrupted(_)), "{error}");
        assert_eq!(error.category(), Category::Interrupted);
    }
}

#[test]
fn cancelling_ends_the_pause_before_a_retry() {
    let server = server();
    server.behave("file", Behaviour::Status(500));
    let cancel = Cancel::new();
    let patient = Limits {
        backoff: Duration::from_mins(1),
        ..limits()
    };
    let http = Http::with_limits(cancel.clone(), patient);
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        cancel.cancel();
    });
    let watch = Stopwatch::start();
    let error = http.get_small(&server.url("file"), 100).unwrap_err();
    assert!(matches!(error, HttpError::Interrupted(_)), "{error}");
    assert!(watch.elapsed() < Duration::from_secs(5));
    thread.join().unwrap();
}

#[test]
fn redirects_are_followed_five_times() {
    let server = server();
    for hop in 1..=6 {
        let to = if hop == 1 {
            "/file".to_owned()
        } else {
            format!("hop{}", hop - 1)
        };
        server.behave(&format!("hop{hop}"), Behaviour::Redirect(to));
    }
    assert_eq!(http().get_small(&server.url("hop5"), 100).unwrap(), BYTES);
    let error = http().get_small(&server.url("hop6"), 100).unwrap_err();
    assert!(error.to_string().contains("five redirects"), "{error}");
}

#[test]
fn redirects_never_leave_http_or_lose_tls() {
    let server = server();
    for (to, reason) in [
        ("file:///etc/passwd", "leaves http"),
        ("ftp://example.org/", "leaves http"),
        ("http://u:p@127.0.0.1/", "credentials"),
        ("http://[", "no URL"),
    ] {
        server.behave("file", Behaviour::Redirect(to.to_owned()));
        let error = http().get_small(&server.url("file"), 100).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    // A TLS server is more than a test needs: the decision is a function.
    let http = http();
    let bound = Bound {
        expected: Expected::default(),
        limit: 1,
    };
    let attempt = Attempt {
        http: &http,
        url: "https://example.org/a",
        bound,
        number: 1,
    };
    let mut head = Head {
        status: 302,
        location: None,
        length: None,
        retry_after: None,
    };
    let from = parse_url("https://example.org/a").unwrap();
    head.location = Some("http://example.org/b".to_owned());
    assert!(
        attempt
            .redirected(&from, &head)
            .unwrap_err()
            .to_string()
            .contains("leaves https")
    );
    head.location = Some("//example.org/b".to_owned());
    assert_eq!(
        attempt.redirected(&from, &head).unwrap().as_str(),
        "https://example.org/b"
    );
}

#[test]
fn metadata_is_bounded() {
    let server = server();
    assert_eq!(http().get_small(&server.url("file"), 19).unwrap(), BYTES);
    let error = http().get_small(&server.url("file"), 18).unwrap_err();
    assert!(
        matches!(
            error,
            HttpError::TooLarge {
                found: Found::Announced(19),
                ..
            }
        ),
        "{error}"
    );
    server.behave("file", Behaviour::Short(19));
    let error = http().get_small(&server.url("file"), 18).unwrap_err();
    assert!(
        matches!(
            error,
            HttpError::TooLarge {
                found: Found::MoreThan(18),
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn nobody_there_is_a_transport_error() {
    let gone = server().url("file");
    let error = http().get_small(&gone, 100).unwrap_err();
    assert!(
        matches!(error, HttpError::Transport { attempts: 3, .. }),
        "{error}"
    );
    assert_eq!(error.category(), Category::Host);
}

#[test]
fn files_are_read_like_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b");
    std::fs::write(&path, BYTES).unwrap();
    let url = Url::from_file_path(&path).unwrap().to_string();
    assert_eq!(download(&http(), &url, &expected(BYTES)).1, BYTES);
    let error = download(&http(), &url, &expected(b"other")).0.unwrap_err();
    assert!(matches!(error, HttpError::Mismatch { .. }), "{error}");
    let error = http().get_small(&format!("{url}x"), 100).unwrap_err();
    assert!(matches!(error, HttpError::NotFound { .. }), "{error}");
    let folder = Url::from_file_path(folder.path()).unwrap().to_string();
    let error = http().get_small(&folder, 100).unwrap_err();
    assert!(
        error.source().unwrap().to_string().contains("regular file"),
        "{error}"
    );
}

#[test]
fn unusable_urls_are_said_without_their_secrets() {
    for url in [
        "",
        "/path",
        "ftp://example.org/",
        "http://",
        "http://u:secret@127.0.0.1/",
    ] {
        let error = http().get_small(url, 100).unwrap_err();
        assert!(matches!(error, HttpError::BadUrl { .. }), "{error}");
        assert_eq!(error.category(), Category::Input);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
