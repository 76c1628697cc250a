//! How git is started: with nothing of the user's configuration, and nothing that a repository or
//! a server could make it run.
//!
//! The command line wins over a repository's own configuration, so what is said here holds whatever
//! stands there.

use std::time::Duration;

use camino::Utf8Path;

use crate::environment;
use crate::process::Process;

/// What every git is told: no hooks, and no file system monitor, which is a program too.
const CONFIGURATION: &[&str] = &["core.hooksPath=/dev/null", "core.fsmonitor="];

/// What a git that talks to a server is told besides.
const REMOTE_CONFIGURATION: &[&str] = &[
    "credential.helper=",
    "http.followRedirects=false",
    // A server that sends nothing at all for so long is given up; a slow one is not.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=300",
    // Lets servers give any commit by its id; older ones answer with what they can.
    "protocol.version=2",
    "fetch.fsckObjects=true",
    // One pack, however small: packs are written to the disk before git ends.
    "fetch.unpackLimit=1",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
];

const ENVIRONMENT: &[(&str, &str)] = &[
    // There is no user's configuration, also for versions of git that do not know GIT_CONFIG_GLOBAL.
    ("HOME", "/nonexistent"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    // An empty name is no program, and keeps others from being asked.
    ("GIT_ASKPASS", ""),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_DEFAULT_HASH", "sha1"),
];

/// The proxies of the environment, by the names that libcurl and [`crate::http`] both read.
const PROXIES: [&str; 5] = [
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// git with a repository of this host, which it only reads. No protocol is allowed, so that a
/// repository with missing objects does not fetch them by a program that it names itself.
pub(super) fn local(repository: &Utf8Path, deadline: Duration, waited_for: &str) -> Process {
    git(repository, deadline, waited_for, &[]).environment("GIT_ALLOW_PROTOCOL", "none")
}

/// git with a server, and a repository that is ours or (`/dev/null`) none.
pub(super) fn remote(repository: &Utf8Path, deadline: Duration, waited_for: &str) -> Process {
    let mut process = git(repository, deadline, waited_for, REMOTE_CONFIGURATION)
        // http is for loopback addresses only: see GitUrl.
        .environment("GIT_ALLOW_PROTOCOL", "https:http:file");
    for (name, value) in network(environment::var) {
        process = process.environment(name, value);
    }
    process
}

fn git(repository: &Utf8Path, deadline: Duration, waited_for: &str, more: &[&str]) -> Process {
    let mut process = Process::new("git", "/", deadline, waited_for);
    for setting in CONFIGURATION.iter().chain(more) {
        process = process.arguments(["-c", setting]);
    }
    for (name, value) in ENVIRONMENT {
        process = process.environment(*name, *value);
    }
    process.argument(format!("--git-dir={repository}"))
}

/// What a user behind a proxy needs: the proxies, loopback addresses without any, and the proxy's
/// certificates, which git's libcurl looks for in other variables than most programs.
pub(super) fn network(lookup: impl Fn(&str) -> Option<String>) -> Vec<(&'static str, String)> {
    let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
    let mut variables: Vec<_> = PROXIES
        .iter()
        .filter_map(|name| Some((*name, lookup(name)?)))
        .collect();
    // libcurl does not read this name for fear of CGI; this is no CGI program.
    if let (None, Some(proxy)) = (lookup("http_proxy"), lookup("HTTP_PROXY")) {
        variables.push(("http_proxy", proxy));
    }
    let direct = lookup("no_proxy").or_else(|| lookup("NO_PROXY"));
    let direct = match direct.as_deref() {
        Some("*") => "*".to_owned(),
        Some(hosts) => format!("{hosts},{LOOPBACK}"),
        None => LOOPBACK.to_owned(),
    };
    variables.push(("no_proxy", direct));
    for (name, usual) in [
        ("GIT_SSL_CAINFO", "SSL_CERT_FILE"),
        ("GIT_SSL_CAPATH", "SSL_CERT_DIR"),
    ] {
        let value = lookup(name).or_else(|| lookup(usual));
        variables.extend(value.map(|value| (name, value)));
    }
    variables
}

/// The loopback addresses as `no_proxy` has them; versions of libcurl differ over brackets.
const LOOPBACK: &str = "localhost,127.0.0.1,::1,[::1]";
