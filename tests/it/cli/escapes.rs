//! Nothing that others wrote reaches a terminal as a control sequence.

use super::each;
use crate::support::{Archive, Package, Release, Run, Scratch};

/// Clears the screen, rings, and writes a title, were it written raw.
const HOSTILE: &str = "\u{1b}[2J\u{7}\u{1b}]0;title\u{9b}31m";
/// The same in a TOML string.
const IN_TOML: &str = r"\u001b[2J\u0007\u001b]0;title\u009b31m";

#[track_caller]
fn assert_plain(what: &str, run: &Run) {
    for stream in [&run.stdout, &run.stderr] {
        let control = stream.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{what}: {stream:?}");
    }
}

#[test]
fn arguments_are_escaped() {
    let scratch = Scratch::small();
    let mirror = format!("fixture=http://example.org/{HOSTILE}");
    let commands: &[&[&str]] = &[
        &["show", HOSTILE],
        &["check", HOSTILE],
        &["build", HOSTILE],
        &["lock", HOSTILE],
        &["clean", HOSTILE],
        &["config", "tiny", "--diff", "--save", HOSTILE],
        &["config", HOSTILE, "--diff"],
        &["--mirror", HOSTILE, "lock", "tiny"],
        &["--mirror", &mirror, "lock", "tiny"],
        &["--project", HOSTILE, "list"],
        &[HOSTILE],
        &["list", HOSTILE],
        &["build", "tiny", "--jobs", HOSTILE],
    ];
    each(
        commands,
        |command| format!("{command:?}"),
        |command| {
            let run = scratch.xtask(command);
            assert_ne!(run.code, 0, "{command:?}: {}", run.text());
            assert_plain(&format!("{command:?}"), &run);
        },
    );
}

#[test]
fn the_environment_is_escaped() {
    let variables = [
        "DOCKER_HOST",
        "MPTCP_KERNELS_MIRRORS",
        "MPTCP_KERNELS_CACHE",
    ];
    each(&variables, ToString::to_string, |variable| {
        let scratch = Scratch::small().env(variable, HOSTILE);
        let run = scratch.xtask(&["build", "tiny"]);
        assert_ne!(run.code, 0, "{variable}");
        assert_plain(variable, &run);
    });
}

/// A file of the small project, what is replaced in it, and by what; `%` stands for the sequence.
const FILES: &[(&str, &str, &str)] = &[
    ("recipes/tiny.toml", "A fixture: the smallest recipe", "%"),
    (
        "recipes/tiny.toml",
        "version-suffix = \"-tiny\"",
        "version-suffix = \"%\"",
    ),
    ("recipes/tiny.toml", "line = \"upstream\"", "line = \"%\""),
    (
        "recipes/tiny.toml",
        "container = \"box\"",
        "container = \"%\"",
    ),
    ("recipes/tiny.toml", "[\"base.config\"]", "[\"%\"]"),
    ("recipes/tiny.toml", "[mptcp]", "[\"%\"]"),
    ("recipes/tiny.toml", "DEBUG_INFO_NONE =", "\"%\" ="),
    ("recipes/tiny.toml", "value = \"y\"", "value = \"%\""),
    (
        "recipes/tiny.toml",
        "reason = \"a fixture needs none\"",
        "reason = \"%\"",
    ),
    ("recipes/tiny.toml", "release = \"13\"", "release = \"%\""),
    ("recipes/tiny.toml", "DEBUG_INFO =", "\"%\" ="),
    (
        "recipes/tiny.toml",
        "[smoke]",
        "[config.unreproducible]\n\"%\" = \"x\"\n[smoke]",
    ),
    ("containers/box.toml", "a container", "%"),
    (
        "containers/box.toml",
        "[archives.fixture]",
        "[archives.\"%\"]",
    ),
    ("containers/box.toml", "\"make\"", "\"%\""),
    ("recipes/tiny.lock", "6.12.1-1\"", "%\""),
    ("recipes/tiny.lock", "role = \"source\"", "role = \"%\""),
    (
        "recipes/tiny.lock",
        "role = \"source\"",
        "\"%\" = \"source\"",
    ),
];

#[test]
fn strings_in_the_projects_files_are_escaped() {
    each(
        FILES,
        |row| format!("{row:?}"),
        |(path, from, to)| {
            let scratch = Scratch::small();
            scratch.replace(path, from, &to.replace('%', IN_TOML));
            if *path == "recipes/tiny.lock" && to.starts_with('%') {
                scratch.seal_recipe("tiny");
            }
            for command in [
                &["list"][..],
                &["show", "tiny"],
                &["check"],
                &["lock", "--check"],
            ] {
                assert_plain(
                    &format!("{path}, {to}, {command:?}"),
                    &scratch.xtask(command),
                );
            }
        },
    );
}

#[test]
fn raw_bytes_in_the_projects_files_are_escaped() {
    let rows = [
        ("recipes/config/base.config", "CONFIG_NET=y"),
        ("recipes/tiny.toml", "[mptcp]"),
        ("containers/box.toml", "[archives.fixture]"),
        ("recipes/tiny.lock", "schema = 1"),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(path, from)| {
            let scratch = Scratch::small();
            scratch.replace(path, from, &format!("{HOSTILE}\n{from}"));
            for command in [
                &["list"][..],
                &["show", "tiny"],
                &["check"],
                &["lock", "--check"],
            ] {
                assert_plain(&format!("{path}, {command:?}"), &scratch.xtask(command));
            }
        },
    );
}

#[test]
fn names_of_files_are_escaped() {
    let scratch = Scratch::small();
    scratch.write(&format!("recipes/{HOSTILE}.toml"), "");
    scratch.write(&format!("containers/{HOSTILE}.toml"), "");
    for command in [&["list"][..], &["check"], &["show", "nobody"]] {
        assert_plain(&format!("{command:?}"), &scratch.xtask(command));
    }
}

#[test]
fn what_an_archive_says_is_escaped() {
    let scratch = Scratch::small();
    let release = Release::new("stable", &[Package::new("linux-source-6.12", "6.12.9-1")]);
    let archive = Archive::serve(
        &scratch,
        &[release.clone(), Release::new("stable-updates", &[])],
    );
    let mirror = archive.mirror();
    let texts = [
        release
            .text()
            .replace("Suite: stable", &format!("Suite: {HOSTILE}"))
            .replace("Codename: stable", &format!("Codename: {HOSTILE}")),
        release
            .text()
            .replace("Date: Sun", &format!("Date: {HOSTILE}")),
        release
            .text()
            .replace("main/binary-amd64", &format!("main/{HOSTILE}")),
        format!("{HOSTILE}\n{}", release.text()),
        format!("{}{HOSTILE}: x\n", release.text()),
    ];
    for text in texts {
        archive.put_release("stable", archive.key.sign_cleartext(&text, 1_748_736_000));
        let run = scratch
            .xtask(&["--mirror", &mirror, "lock", "tiny"])
            .expect_code(4);
        assert_plain(&text, &run);
    }
    archive.put_release("stable", HOSTILE);
    assert_plain(
        "unsigned",
        &scratch
            .xtask(&["--mirror", &mirror, "lock", "tiny"])
            .expect_code(4),
    );
    let versions = Release::new(
        "stable",
        &[Package::new(
            "linux-source-6.12",
            &format!("6.12.9{HOSTILE}-1"),
        )],
    );
    archive.publish(&versions);
    assert_plain(
        "a version",
        &scratch
            .xtask(&["--mirror", &mirror, "lock", "tiny"])
            .expect_code(4),
    );
}
