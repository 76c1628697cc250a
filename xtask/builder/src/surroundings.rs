//! Where a build takes place, as the programs in it can see it, and what they told of it.

use std::collections::BTreeMap;
use std::time::Duration;

use host::engine::{self, Container, EngineInfo, OutputStream};

use crate::configure::Workshop;
use crate::error::BuildError;
use crate::log::printable;
use crate::scripts;

/// How long asking may take; it takes a second.
const DEADLINE: Duration = Duration::from_secs(120);
/// How much memory it may use, in bytes.
const MEMORY: u64 = 1 << 30;
/// The most that is read of the answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// How much later it is elsewhere: a year and a day, in seconds.
const LATER: u64 = 366 * 24 * 60 * 60;
/// How much memory an engine must have so that a trimmed kernel's objects fit into it, in bytes.
const MEMORY_FOR_OBJECTS: u64 = 12 << 30;

/// What no result may depend on.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// What the engine makes of them.
    pub(crate) container: engine::Surroundings,
    /// Where the volume is that a build writes to.
    pub(crate) workshop: &'static str,
    /// Whether that volume is in memory.
    pub(crate) in_memory: bool,
    /// The environment around the plan's, where the surroundings are other than usual.
    elsewhere: Option<Vec<(String, String)>>,
}

impl Surroundings {
    /// Those of every build.
    pub(crate) fn usual() -> Self {
        Self {
            container: engine::Surroundings::default(),
            workshop: "/build",
            in_memory: false,
            elsewhere: None,
        }
    }

    /// Others, as different as this engine's host allows. `large` is a kernel whose objects do not fit into memory.
    pub(crate) fn elsewhere(engine: &EngineInfo, large: bool) -> Self {
        let ambient = [
            ("LANG", "de_DE.UTF-8"),
            ("LATER", &LATER.to_string()),
            ("LC_ALL", "tr_TR.UTF-8"),
            ("TZ", "Pacific/Kiritimati"),
        ];
        let owned = ambient.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            container: engine::Surroundings {
                user: Container::USER + 4711,
                host_name: "elsewhere.example.org".to_owned(),
                cpus: all_but_one(engine.cpus, std::process::id()),
                beside: None,
            },
            workshop: "/another/place/for/a/kernel",
            in_memory: !large && engine.memory >= MEMORY_FOR_OBJECTS,
            elsewhere: Some(owned.into()),
        }
    }

    /// A path in the workshop.
    pub(crate) fn path(&self, below: &str) -> String {
        format!("{}/{below}", self.workshop)
    }

    /// `command` and its environment, as they are run here.
    pub(crate) fn run(
        &self,
        command: Vec<String>,
        environment: Vec<(String, String)>,
    ) -> (Vec<String>, Vec<(String, String)>) {
        let Some(elsewhere) = &self.elsewhere else {
            return (command, environment);
        };
        // What a step needs is set last, by itself: all else is what happens to be there.
        let own = environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let arguments: Vec<_> = own.chain(command).collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        (
            scripts::command(scripts::VARY, &arguments),
            elsewhere.clone(),
        )
    }
}

/// The processors without one, as cpuset(7) writes them; `None` where there is one only. Which one is left out is a
/// matter of `chance`, so that two builds at once need not share.
fn all_but_one(cpus: u32, chance: u32) -> Option<String> {
    let left_out = chance.checked_rem(cpus)?;
    let rest: Vec<_> = (0..cpus).filter(|cpu| *cpu != left_out).collect();
    let rest: Vec<_> = rest.iter().map(u32::to_string).collect();
    (!rest.is_empty()).then(|| rest.join(","))
}

/// What a build in this workshop can see of where it runs, by the name of each fact.
pub(crate) fn probe(
    workshop: &Workshop<'_>,
    jobs: u32,
) -> Result<BTreeMap<String, String>, BuildError> {
    let environment = vec![("JOBS".to_owned(), jobs.to_string())];
    let command = scripts::command(scripts::PROBE, &[]);
    let container = workshop.container("probe", command, environment, MEMORY, false)?;
    let (mut answer, mut errors) = (Vec::new(), Vec::new());
    let exit = container.run(DEADLINE, |stream, bytes| {
        let to = match stream {
            OutputStream::Stdout => &mut answer,
            OutputStream::Stderr => &mut errors,
        };
        if to.len() < MAX_ANSWER {
            to.extend_from_slice(bytes);
        }
    })?;
    if exit.code != 0 {
        let reason = format!(
            "asking for the surroundings ended with status {}: {}",
            exit.code,
            printable(&errors)
        );
        return Err(BuildError::Unexpected(reason));
    }
    let lines = answer.split(|&byte| byte == b'\n').map(printable);
    Ok(lines
        .filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            Some((name.to_owned(), value.trim().to_owned()))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_processor_is_left_out_where_there_are_several() {
        assert_eq!(all_but_one(0, 7), None);
        assert_eq!(all_but_one(1, 7), None);
        assert_eq!(all_but_one(2, 6).as_deref(), Some("1"));
        assert_eq!(all_but_one(2, 7).as_deref(), Some("0"));
        assert_eq!(all_but_one(4, 6).as_deref(), Some("0,1,3"));
    }
}
