//! `doctor`: whether this host has what builds need.

use std::fs;

use builder::matrix::BESIDES;
use builder::plan::{ROOM, ROOM_STOCK};
use camino::{Utf8Path, Utf8PathBuf};
use host::cancel::Cancel;
use host::disk;
use host::engine::{EngineError, EngineInfo};
use host::environment::Directories;
use host::git;
use miette::Diagnostic;
use serde::Serialize;

use crate::arguments::{Doctor, Global};
use crate::context;
use crate::failure::Failure;
use crate::output;

/// The room that downloads of one recipe and its container take, in bytes.
const ROOM_CACHE: u64 = 2 << 30;
const GIGABYTE: u64 = 1_000_000_000;
/// The first version of git that knows all that is asked of it.
const OLDEST_GIT: (u32, u32) = (2, 20);
const KVM: &str = "/dev/kvm";

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    /// Whether builds need it.
    required: bool,
    found: String,
    /// What to do; nothing where it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Finding {
    fn ok(what: &'static str, found: String) -> Self {
        Self {
            what,
            ok: true,
            required: true,
            found,
            remedy: None,
        }
    }

    fn missing(what: &'static str, found: String, remedy: impl Into<String>) -> Self {
        Self {
            what,
            ok: false,
            required: true,
            found,
            remedy: Some(remedy.into()),
        }
    }
}

pub(crate) fn run(global: &Global, command: &Doctor, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let directories = Directories::from_environment()?;
    let findings = vec![
        git(cancel)?,
        engine(&directories, cancel)?,
        out(&project.out(), command.disk),
        cache(&directories.cache),
        kvm(),
    ];
    output::result(global, &findings, |findings| {
        findings.iter().map(text).collect()
    })?;
    let missing = findings.iter().filter(|found| found.required && !found.ok);
    let missing: Vec<_> = missing.map(|found| found.what).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::Doctor {
        what: missing.join(", "),
    })
}

fn text(finding: &Finding) -> String {
    let state = match (finding.ok, finding.required) {
        (true, _) => "ok",
        (false, true) => "MISSING",
        (false, false) => "missing, not needed",
    };
    let remedy = finding.remedy.iter();
    let remedy: String = remedy.map(|remedy| format!("; {remedy}")).collect();
    format!("{:<14}  {state}: {}{remedy}\n", finding.what, finding.found)
}

fn git(cancel: &Cancel) -> Result<Finding, Failure> {
    const REMEDY: &str = "install git 2.20 or later";
    let version = match git::version(cancel) {
        Ok(version) => version,
        Err(error) => {
            cancel.check().map_err(EngineError::from)?;
            return Ok(Finding::missing("git", error.to_string(), REMEDY));
        }
    };
    let mut numbers = version.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    let old = next().zip(next()).is_none_or(|found| found < OLDEST_GIT);
    Ok(if old {
        Finding::missing("git", format!("version {version}"), REMEDY)
    } else {
        Finding::ok("git", format!("version {version}"))
    })
}

fn engine(directories: &Directories, cancel: &Cancel) -> Result<Finding, Failure> {
    let info = context::engine(&directories.cache, cancel).and_then(|engine| Ok(engine.info()?));
    match info {
        Ok(info) => Ok(Finding::ok("engine", described(&info))),
        Err(error) => {
            cancel.check().map_err(EngineError::from)?;
            let remedy = error.help().map(|help| help.to_string());
            let remedy = remedy.unwrap_or_else(|| "look whether it runs".to_owned());
            Ok(Finding::missing("engine", error.to_string(), remedy))
        }
    }
}

fn described(info: &EngineInfo) -> String {
    let fact = |name: &str| info.facts.get(name).map_or("unknown", String::as_str);
    format!(
        "version {} (API {}) on {}, {} processors, {} of memory",
        fact("engine"),
        fact("api-version"),
        fact("operating-system"),
        info.cpus,
        gigabytes(info.memory)
    )
}

/// Most of what a build writes goes to the engine's disk, which usually is the one of `out/`.
fn out(folder: &Utf8Path, asked: Option<u64>) -> Finding {
    let least = ROOM + BESIDES;
    let needed = asked.map_or(least, |gigabytes| gigabytes.saturating_mul(GIGABYTE));
    let of_what = format!(
        "a trimmed kernel needs {}, a distribution's whole configuration {}",
        gigabytes(least),
        gigabytes(ROOM_STOCK + BESIDES)
    );
    room(
        "room for out/",
        folder,
        needed,
        &of_what,
        "free some room; `cargo xtask clean` removes results, `cargo xtask clean --all` caches too",
    )
}

fn cache(folder: &Utf8Path) -> Finding {
    room(
        "room for cache",
        folder,
        ROOM_CACHE,
        &format!("downloads need {}", gigabytes(ROOM_CACHE)),
        "free some room, or name a folder of another disk in MPTCP_KERNELS_CACHE",
    )
}

fn room(
    what: &'static str,
    folder: &Utf8Path,
    needed: u64,
    of_what: &str,
    remedy: &str,
) -> Finding {
    let Some(free) = disk::free(&existing(folder)) else {
        let found = format!("{folder}: its free room cannot be seen");
        return Finding::missing(what, found, "look whether the folder can be read");
    };
    let found = format!("{folder} has {} free; {of_what}", gigabytes(free));
    if free >= needed {
        return Finding::ok(what, found);
    }
    let found = format!("{found}; {} are asked for", gigabytes(needed));
    Finding::missing(what, found, remedy)
}

/// The folder itself, or the nearest above it that is there.
fn existing(folder: &Utf8Path) -> Utf8PathBuf {
    let mut above = folder.ancestors();
    let there = above.find(|folder| folder.exists());
    there.unwrap_or(folder).to_owned()
}

/// Kernels boot without it too, only slower. A remote engine's cannot be seen from here.
fn kvm() -> Finding {
    let finding = match fs::metadata(KVM) {
        Ok(_) => Finding::ok("kvm", format!("{KVM} is there")),
        Err(error) => Finding::missing(
            "kvm",
            format!("{KVM}: {error}"),
            "without it, kernels are booted by emulation, which takes longer",
        ),
    };
    Finding {
        required: false,
        ..finding
    }
}

/// Bytes for people, in GB.
fn gigabytes(bytes: u64) -> String {
    let tenths = bytes / (GIGABYTE / 10);
    format!("{}.{} GB", tenths / 10, tenths % 10)
}
