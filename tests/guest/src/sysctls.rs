//! The kernel's settings below `/proc/sys`.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use protocol::{Event, Sysctls, Trial, Tried};

use crate::error::{Attempt, Reason, Result};
use crate::network::Namespace;
use crate::steps::Context;

/// The folder of MPTCP's settings.
pub(crate) const FOLDER: &str = "/proc/sys/net/mptcp";

/// Reads all of MPTCP's settings and tries values on some.
///
/// The trials are in a network namespace of their own, so that no other step sees what they change. The
/// out-of-tree line has its settings in the initial namespace only; there it is that one.
pub(crate) fn step(context: &Context) -> Result<Event> {
    let mut values = BTreeMap::new();
    collect(Path::new(FOLDER), "net.mptcp", &mut values);
    let trials = || context.instructions.trials.iter().map(attempt).collect();
    let namespace = Namespace::new()?;
    let trials = namespace
        .run(|| Ok(Path::new(FOLDER).exists().then(trials)))?
        .unwrap_or_else(trials);
    Ok(Event::Sysctls(Sysctls { values, trials }))
}

fn collect(folder: &Path, name: &str, values: &mut BTreeMap<String, String>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let path = entry.path();
        let name = format!("{name}.{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            collect(&path, &name, values);
        } else if let Ok(value) = read_path(&path) {
            values.insert(name, value);
        }
    }
}

fn attempt(trial: &Trial) -> Tried {
    let (sysctl, value) = (trial.sysctl.clone(), trial.value.clone());
    let before = read(&sysctl);
    let outcome = write(&sysctl, &value).and_then(|()| read(&sysctl));
    if let Ok(before) = before {
        let _refused_before_too = write(&sysctl, &before);
    }
    let (refused, read_back) = match outcome {
        Ok(value) => (None, Some(value)),
        Err(error) => (Some(error.reason()), None),
    };
    Tried {
        sysctl,
        value,
        refused,
        read_back,
    }
}

/// The value of a setting, by its name with dots.
pub(crate) fn read(name: &str) -> io::Result<String> {
    read_path(&path(name))
}

fn read_path(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?)
        .trim_end()
        .to_owned())
}

/// Changes a setting.
pub(crate) fn write(name: &str, value: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open(path(name))?
        .write_all(value.as_bytes())
}

/// A setting that has another value as long as this lives. It is made and dropped in the same network
/// namespace.
#[derive(Debug)]
pub(crate) struct Held {
    name: String,
    before: String,
}

impl Held {
    /// Changes a setting.
    pub(crate) fn set(name: &str, value: &str) -> Result<Self> {
        let before = read(name).attempt(format_args!("read {name}"))?;
        write(name, value).attempt(format_args!("write {value} to {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            before,
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _nothing_else_to_do = write(&self.name, &self.before);
    }
}

/// Changes settings, each a name and a value.
pub(crate) fn held(settings: &[(&str, &str)]) -> Result<Vec<Held>> {
    let settings = settings.iter();
    settings
        .map(|(name, value)| Held::set(name, value))
        .collect()
}

/// Does something with other settings.
pub(crate) fn with<T>(settings: &[(&str, &str)], work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _until_then = held(settings)?;
    work()
}

fn path(name: &str) -> PathBuf {
    Path::new("/proc/sys").join(name.replace('.', "/"))
}

/// The words of a setting.
pub(crate) fn words(name: &str) -> Result<Vec<String>> {
    let value = read(name).attempt(format_args!("read {name}"))?;
    Ok(value.split_whitespace().map(str::to_owned).collect())
}
