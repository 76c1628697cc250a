//! What the tool says where there is no container engine.

use std::os::unix::net::UnixListener;

use super::assert_run;
use crate::support::Scratch;

#[test]
fn without_an_engine_the_message_tells_what_to_do() {
    let scratch = Scratch::small();
    assert_run!("absent", scratch, scratch.xtask(&["build", "tiny"]), 3);
    let commands: &[&[&str]] = &[
        &["check", "--configure"],
        &["reproduce", "tiny"],
        &["config", "tiny", "--diff"],
        &["clean", "--all"],
        &["lock", "box"],
    ];
    for command in commands {
        let run = scratch.xtask(command).expect_code(3);
        assert!(
            run.stderr.contains("install Docker or Podman"),
            "{command:?}: {}",
            run.stderr
        );
        assert_eq!(run.stdout, "", "{command:?}");
    }
    assert!(!scratch.path("out/tiny").exists());
}

#[test]
fn an_engine_at_an_address_of_another_kind_is_none() {
    for address in [
        "ssh://example.org",
        "npipe:////./pipe/docker",
        "nonsense",
        "http://",
    ] {
        let scratch = Scratch::small().env("DOCKER_HOST", address);
        let run = scratch.xtask(&["build", "tiny"]).expect_code(3);
        assert!(run.stderr.contains(address), "{address}: {}", run.stderr);
        assert!(
            run.stderr.contains("DOCKER_HOST"),
            "{address}: {}",
            run.stderr
        );
    }
    let scratch = Scratch::small().env("DOCKER_HOST", "ssh://example.org");
    assert_run!(
        "unsupported_scheme",
        scratch,
        scratch.xtask(&["build", "tiny"]),
        3
    );
}

#[test]
fn an_engine_that_refuses_or_hangs_up_is_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("engine.sock");
    let address = format!("unix://{}", socket.display());
    drop(UnixListener::bind(&socket).expect("a socket"));
    let scratch = Scratch::small().env("DOCKER_HOST", address);
    let run = scratch.xtask(&["build", "tiny"]).expect_code(3);
    assert!(
        run.stderr.contains("install Docker or Podman"),
        "{}",
        run.stderr
    );

    std::fs::remove_file(&socket).expect("a socket can be removed");
    let listener = UnixListener::bind(&socket).expect("a socket");
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let run = scratch.xtask(&["build", "tiny"]).expect_code(3);
    assert!(run.stderr.contains("engine.sock"), "{}", run.stderr);
}

#[test]
fn what_needs_no_engine_asks_for_none() {
    let scratch = Scratch::small();
    let commands: &[&[&str]] = &[
        &["list"],
        &["show", "tiny"],
        &["check"],
        &["lock", "--check"],
        &["clean"],
    ];
    for command in commands {
        scratch.xtask(command).expect_code(0);
    }
}
