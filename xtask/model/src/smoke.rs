//! What became of a smoke boot: the verdict on a kernel, and how it was obtained.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256;

pub mod capabilities;
pub mod drivers;

/// The form of `smoke.json`.
pub const SCHEMA: u32 = 1;
/// How many earlier failures are kept.
const MAX_EARLIER: usize = 20;

/// Whether a kernel does what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every check was made and holds.
    Passed,
    /// A check failed, or could not be made.
    Failed,
    /// Nothing was booted. Never to be taken for passed.
    NotRun,
}

/// The content of `smoke.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Smoke {
    /// The form of this file.
    pub schema: u32,
    /// The verdict.
    pub verdict: Verdict,
    /// One line that says why it is not `passed`.
    pub reason: Option<String>,
    /// The digest of `manifest.json` that the packages belong to; none for packages of unknown origin.
    pub manifest: Option<Sha256>,
    /// The packages that were looked into, by file name.
    pub packages: BTreeMap<String, Sha256>,
    /// The release of the kernel, as its package tells it.
    pub kernel_release: Option<String>,
    /// The machine it ran on; none where nothing was booted. Its fields stand beside the others.
    #[serde(flatten)]
    pub machine: Option<Machine>,
    /// Attempts that were given up before this one.
    pub retries: Vec<Retry>,
    /// When it began, in seconds since 1970.
    pub started: u64,
    /// What happened when.
    pub phases: Vec<Span>,
    /// Each check.
    pub checks: Vec<Check>,
    /// Both ends' MPTCP counters after each transfer that is told by name (`transfer-ipv4`).
    pub counters: BTreeMap<String, Ends>,
    /// What the two links carried in each transfer.
    pub links: Vec<Carried>,
    /// What came of selecting each path manager, scheduler and congestion control in turn, where there is a choice.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// The links in time, for each transfer by name.
    pub throughput: BTreeMap<String, Vec<Point>>,
    /// When the first link died, for each transfer by name in which it did.
    pub cuts: BTreeMap<String, Cut>,
    /// What the kernel can do.
    pub capabilities: Capabilities,
    /// Whether the packages are of an incremental build, which never counts for a release.
    #[serde(default)]
    pub incremental: bool,
    /// Smoke boots of the same manifest that failed before this one, the newest last; the last 20 are kept.
    #[serde(default)]
    pub earlier_failures: Vec<EarlierFailure>,
}

/// A text that is no result of this form.
#[derive(Debug, thiserror::Error)]
pub enum MalformedSmoke {
    /// Not JSON, or without the fields that it must have.
    #[error("not the result of a smoke boot: {0}")]
    Content(#[from] serde_json::Error),
    /// Another form.
    #[error(
        "the result has form {0}, but this version reads form {SCHEMA}: boot the kernel again, or use \
         the version that wrote it"
    )]
    Schema(u32),
    /// Some of what a machine has, or something else in its place.
    #[error("the result of a smoke boot does not tell its machine: {0}")]
    Machine(#[source] serde_json::Error),
    /// It says `passed`, but of no machine.
    #[error("the result of a smoke boot is `passed`, but it has no machine that the kernel ran on")]
    PassedWithoutMachine,
    /// It says `passed`, but of nothing.
    #[error("the result of a smoke boot is `passed`, but it has no checks")]
    PassedWithoutChecks,
    /// It says `passed`, but a check failed.
    #[error("the result of a smoke boot is `passed`, but its check {name:?} of {group:?} failed")]
    PassedWithFailure {
        /// What the check belongs to.
        group: String,
        /// What was looked at.
        name: String,
    },
    /// It says `passed`, and also why not.
    #[error("the result of a smoke boot is `passed`, but it has a reason not to be: {0:?}")]
    PassedWithReason(String),
}

impl Smoke {
    /// A result for packages that nothing was booted of, for `reason`; `started` is in seconds since 1970.
    pub fn not_run(
        manifest: Option<Sha256>,
        packages: BTreeMap<String, Sha256>,
        kernel_release: Option<String>,
        started: u64,
        reason: String,
    ) -> Self {
        Self {
            schema: SCHEMA,
            verdict: Verdict::NotRun,
            reason: Some(reason),
            manifest,
            packages,
            kernel_release,
            machine: None,
            retries: Vec::new(),
            started,
            phases: Vec::new(),
            checks: Vec::new(),
            counters: BTreeMap::new(),
            links: Vec::new(),
            choices: Vec::new(),
            throughput: BTreeMap::new(),
            cuts: BTreeMap::new(),
            capabilities: Capabilities::default(),
            incremental: false,
            earlier_failures: Vec::new(),
        }
    }

    /// Reads `smoke.json`.
    ///
    /// # Errors
    /// Another form, told before anything else is looked at; text that is no result; a machine of which
    /// something is missing or wrong; or a verdict of `passed` that the rest contradicts.
    pub fn parse(text: &str) -> Result<Self, MalformedSmoke> {
        #[derive(Deserialize)]
        struct Form {
            schema: u32,
            #[serde(flatten)]
            others: serde_json::Map<String, serde_json::Value>,
        }
        let form: Form = serde_json::from_str(text)?;
        if form.schema != SCHEMA {
            return Err(MalformedSmoke::Schema(form.schema));
        }
        let mut smoke: Self = serde_json::from_str(text)?;
        // An optional part that is flattened is none as soon as anything in it is wrong.
        smoke.machine = Machine::parse(text, |name| form.others.contains_key(name))
            .map_err(MalformedSmoke::Machine)?;
        smoke.check()?;
        Ok(smoke)
    }

    /// Whether a verdict of `passed` has all that it rests on.
    fn check(&self) -> Result<(), MalformedSmoke> {
        if self.verdict != Verdict::Passed {
            return Ok(());
        }
        if self.machine.is_none() {
            return Err(MalformedSmoke::PassedWithoutMachine);
        }
        if self.checks.is_empty() {
            return Err(MalformedSmoke::PassedWithoutChecks);
        }
        if let Some(failed) = self.checks.iter().find(|check| !check.passed) {
            return Err(MalformedSmoke::PassedWithFailure {
                group: failed.group.clone(),
                name: failed.name.clone(),
            });
        }
        match &self.reason {
            Some(reason) => Err(MalformedSmoke::PassedWithReason(reason.clone())),
            None => Ok(()),
        }
    }

    /// Takes over what failed before, where that was the same manifest: what `before` remembers, and
    /// `before` itself where it failed without being sabotaged. The oldest are forgotten first.
    pub fn remember(&mut self, before: &Smoke) {
        if before.manifest.is_none() || before.manifest != self.manifest {
            return;
        }
        let mut earlier = before.earlier_failures.clone();
        let sabotage = before.machine.as_ref().map(|machine| &machine.sabotage);
        let sabotaged = sabotage.is_some_and(Option::is_some);
        if before.verdict == Verdict::Failed && !sabotaged {
            let reason = before.reason.as_deref().unwrap_or("no reason was given");
            earlier.push(EarlierFailure {
                started: before.started,
                reason: reason.to_owned(),
            });
        }
        earlier.append(&mut self.earlier_failures);
        earlier.drain(..earlier.len().saturating_sub(MAX_EARLIER));
        self.earlier_failures = earlier;
    }

    /// The text of `smoke.json`, which ends with a line feed.
    ///
    /// # Errors
    /// None that values of this type can cause.
    pub fn render(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// The machine that a kernel was booted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// `kvm` or `tcg`.
    pub accelerator: String,
    /// Its processors.
    pub cpus: u32,
    /// Its memory in bytes.
    pub memory: u64,
    /// QEMU's version.
    pub qemu: String,
    /// The tag of the container image that QEMU was in: digest of its lock and of the way it was assembled.
    pub container: String,
    /// The digest of the program that ran as PID 1.
    pub guest: Sha256,
    /// The size of the initramfs in bytes.
    pub initramfs: u64,
    /// The kernel's command line.
    pub command_line: String,
    /// What was broken on purpose; such a run never counts for a release.
    pub sabotage: Option<String>,
}

impl Machine {
    /// The names of its fields.
    const FIELDS: [&'static str; 9] = [
        "accelerator",
        "cpus",
        "memory",
        "qemu",
        "container",
        "guest",
        "initramfs",
        "command_line",
        "sabotage",
    ];

    /// Reads a machine out of `smoke.json`: all of its fields, or none of them.
    fn parse(
        text: &str,
        is_there: impl Fn(&str) -> bool,
    ) -> Result<Option<Self>, serde_json::Error> {
        if !Self::FIELDS.iter().any(|name| is_there(name)) {
            return Ok(None);
        }
        // Even what may be null has to be there: a mark that was removed must not read as none.
        match Self::FIELDS.iter().find(|name| !is_there(name)) {
            Some(missing) => Err(serde_json::Error::missing_field(missing)),
            None => serde_json::from_str(text).map(Some),
        }
    }
}

/// A smoke boot that failed, as a later one of the same manifest remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierFailure {
    /// When it began, in seconds since 1970.
    pub started: u64,
    /// Why it failed, in one line.
    pub reason: String,
}

/// An attempt that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// `kvm` or `tcg`.
    pub accelerator: String,
    /// Why it was given up, or QEMU started again.
    pub reason: String,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// What went on: `boot`, the group of a step's checks, `shutdown`.
    pub name: String,
    /// Its begin, in seconds since QEMU was started.
    pub start: f64,
    /// Its end.
    pub end: f64,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What it belongs to: a step's name (`sysctls`, `transfer-ipv4`, but `kernel-log` for reading that), or
    /// `boot`, `report`, `console`, `shutdown`.
    pub group: String,
    /// What was looked at.
    pub name: String,
    /// Whether what was found is what was expected.
    pub passed: bool,
    /// What had to be, for people.
    pub expected: String,
    /// What was.
    pub found: String,
}

/// Counters of both ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// Of the end that connects; those that are not zero.
    pub client: BTreeMap<String, u64>,
    /// Of the end that listens; those that are not zero.
    pub server: BTreeMap<String, u64>,
}

/// What the links carried in one direction of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The transfer: `transfer-ipv4`.
    pub transfer: String,
    /// `up` from the client to the server, `down` the other way.
    pub direction: String,
    /// The bytes that arrived at the application.
    pub payload: u64,
    /// The bytes of frames on each link.
    pub links: [u64; 2],
    /// How long it took, in microseconds.
    pub microseconds: u64,
}

/// A transfer from the client to the server with one of several things selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The group of its checks: `path-managers`, `schedulers` or `congestion-controls`.
    pub group: String,
    /// Its name, as the kernel calls it.
    pub name: String,
    /// The bytes that arrived at the application.
    pub payload: u64,
    /// The subflows of the connection in the end; none where it did not come so far.
    pub subflows: Option<u64>,
    /// The bytes of frames on each link.
    pub links: [u64; 2],
    /// How long it took, in microseconds.
    pub microseconds: u64,
}

/// What the links had carried at a moment, both directions together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Seconds since the kernel began.
    pub time: f64,
    /// Bytes of frames, by link.
    pub bytes: [u64; 2],
}

/// The death of the first link during a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// When it died, in seconds since the kernel began.
    pub time: f64,
    /// The bytes that had arrived at the application by then.
    pub bytes: u64,
    /// How long the rest took, in seconds; none where it never came.
    pub recovery: Option<f64>,
}

/// What a kernel can do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// All of `net.mptcp.*`, with the values that it boots with.
    pub sysctls: BTreeMap<String, String>,
    /// TCP's congestion controls.
    pub congestion_controls: Vec<String>,
    /// MPTCP's path managers.
    pub path_managers: Vec<String>,
    /// MPTCP's packet schedulers.
    pub schedulers: Vec<String>,
    /// The names of its MPTCP counters.
    pub counters: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_run() -> Smoke {
        let packages = BTreeMap::from([("a.deb".to_owned(), Sha256::of("a"))]);
        Smoke::not_run(None, packages, None, 5, "no QEMU".to_owned())
    }

    fn machine() -> Machine {
        Machine {
            accelerator: "tcg".to_owned(),
            cpus: 2,
            memory: 1 << 29,
            qemu: "10".to_owned(),
            container: "tag".to_owned(),
            guest: Sha256::of("guest"),
            initramfs: 3,
            command_line: "panic=-1".to_owned(),
            sabotage: None,
        }
    }

    fn passed() -> Smoke {
        Smoke {
            verdict: Verdict::Passed,
            reason: None,
            manifest: Some(Sha256::of("manifest")),
            machine: Some(machine()),
            checks: vec![Check {
                group: "kernel".to_owned(),
                name: "release".to_owned(),
                passed: true,
                expected: "6.12".to_owned(),
                found: "6.12".to_owned(),
            }],
            ..not_run()
        }
    }

    fn failed(started: u64) -> Smoke {
        Smoke {
            verdict: Verdict::Failed,
            reason: Some(format!("reason {started}")),
            started,
            ..passed()
        }
    }

    /// Reads a result after `change` to its JSON.
    fn changed(
        smoke: &Smoke,
        change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>),
    ) -> Result<Smoke, MalformedSmoke> {
        let mut value = serde_json::to_value(smoke).unwrap();
        change(value.as_object_mut().unwrap());
        Smoke::parse(&value.to_string())
    }

    #[test]
    fn what_is_written_is_read() {
        let mut smoke = not_run();
        assert_eq!(Smoke::parse(&smoke.render().unwrap()).unwrap(), smoke);
        smoke.machine = Some(machine());
        smoke.incremental = true;
        smoke.earlier_failures.push(EarlierFailure {
            started: 1,
            reason: "panic".to_owned(),
        });
        let point = Point {
            time: 1.000_001,
            bytes: [u64::MAX, 0],
        };
        smoke
            .throughput
            .insert("transfer-ipv4".to_owned(), vec![point]);
        let text = smoke.render().unwrap();
        assert!(text.ends_with("}\n"));
        assert!(text.contains("\"verdict\": \"not-run\""));
        assert_eq!(Smoke::parse(&text).unwrap(), smoke);
    }

    #[test]
    fn another_form_is_refused_by_name() {
        let text = not_run().render().unwrap();
        let newer = text.replace("\"schema\": 1", "\"schema\": 2");
        let error = Smoke::parse(&newer).unwrap_err();
        assert!(error.to_string().contains("form 2"), "{error}");
        // Whatever else a newer form holds, it is its number that is told.
        let error = Smoke::parse("{\"schema\": 7}").unwrap_err();
        assert!(matches!(error, MalformedSmoke::Schema(7)));
        for text in ["", "{}", "[]", "{\"schema\": 1}", "{\"schema\": \"1\"}"] {
            assert!(
                matches!(Smoke::parse(text), Err(MalformedSmoke::Content(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn what_older_versions_wrote_is_read() {
        let smoke = passed();
        let read = changed(&smoke, |fields| {
            fields.remove("incremental").unwrap();
            fields.remove("earlier_failures").unwrap();
        });
        assert_eq!(read.unwrap(), smoke);
    }

    #[test]
    fn a_machine_is_whole_or_absent() {
        let value = serde_json::to_value(machine()).unwrap();
        let mut names: Vec<_> = value
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut fields = Machine::FIELDS;
        names.sort_unstable();
        fields.sort_unstable();
        assert_eq!(names, fields);
        for smoke in [passed(), failed(1)] {
            assert_eq!(Smoke::parse(&smoke.render().unwrap()).unwrap(), smoke);
            for name in fields {
                let error = changed(&smoke, |fields| drop(fields.remove(name))).unwrap_err();
                assert_eq!(
                    error.to_string(),
                    format!(
                        "the result of a smoke boot does not tell its machine: missing field `{name}`"
                    )
                );
                let list = serde_json::json!([]);
                let error = changed(&smoke, |fields| drop(fields.insert(name.to_owned(), list)))
                    .unwrap_err();
                assert!(
                    matches!(error, MalformedSmoke::Machine(_)),
                    "{name}: {error}"
                );
            }
        }
        let mark = serde_json::json!("mute");
        let error = changed(&not_run(), |fields| {
            fields.insert("sabotage".to_owned(), mark);
        });
        assert!(matches!(error, Err(MalformedSmoke::Machine(_))));
        let twice = passed().render().unwrap();
        let twice = twice.replacen('{', "{\n  \"sabotage\": \"mute\",", 1);
        let error = Smoke::parse(&twice).unwrap_err();
        assert!(error.to_string().contains("duplicate field"), "{error}");
        let without = Smoke {
            machine: None,
            ..failed(1)
        };
        assert_eq!(Smoke::parse(&without.render().unwrap()).unwrap(), without);
    }

    #[test]
    fn what_contradicts_itself_did_not_pass() {
        let error = |smoke: Smoke| {
            let text = Smoke::parse(&smoke.render().unwrap())
                .unwrap_err()
                .to_string();
            let start = "the result of a smoke boot is `passed`, but ";
            text.strip_prefix(start).unwrap().to_owned()
        };
        let mut smoke = passed();
        smoke.machine = None;
        assert_eq!(error(smoke), "it has no machine that the kernel ran on");
        let mut smoke = passed();
        smoke.checks.clear();
        assert_eq!(error(smoke), "it has no checks");
        let mut smoke = passed();
        smoke.checks[0].passed = false;
        assert_eq!(error(smoke), "its check \"release\" of \"kernel\" failed");
        let mut smoke = passed();
        smoke.reason = Some("panic\n".to_owned());
        assert_eq!(error(smoke), "it has a reason not to be: \"panic\\n\"");
    }

    #[test]
    fn failures_are_remembered() {
        let times = |smoke: &Smoke| -> Vec<_> {
            let earlier = smoke.earlier_failures.iter();
            earlier.map(|failure| failure.started).collect()
        };
        let mut second = failed(2);
        second.remember(&failed(1));
        let mut third = passed();
        third.remember(&second);
        assert_eq!(times(&third), [1, 2]);
        assert_eq!(third.earlier_failures[1].reason, "reason 2");
        // What passed, or was not booted, is none itself, but hands on what it remembers.
        let mut fourth = failed(4);
        fourth.remember(&third);
        assert_eq!(times(&fourth), [1, 2]);
        third.verdict = Verdict::NotRun;
        let mut fourth = failed(4);
        fourth.remember(&third);
        assert_eq!(times(&fourth), [1, 2]);

        let mut sabotaged = second.clone();
        sabotaged.machine.as_mut().unwrap().sabotage = Some("mute".to_owned());
        let mut later = passed();
        later.remember(&sabotaged);
        assert_eq!(times(&later), [1]);
    }

    #[test]
    fn failures_of_other_packages_are_not_remembered() {
        let mut other = failed(1);
        other.remember(&failed(0));
        for (before, now) in [
            (Some(Sha256::of("other")), passed().manifest),
            (None, passed().manifest),
            (passed().manifest, None),
            (None, None),
        ] {
            other.manifest = before;
            let mut smoke = passed();
            smoke.manifest = now;
            smoke.remember(&other);
            assert_eq!(smoke.earlier_failures, []);
        }
    }

    #[test]
    fn few_failures_are_remembered() {
        let mut smoke = failed(0);
        for started in 1..=30 {
            let mut next = failed(started);
            next.remember(&smoke);
            smoke = next;
        }
        let started: Vec<_> = smoke.earlier_failures.iter().map(|it| it.started).collect();
        assert!(started.into_iter().eq(10..30));
    }
}
