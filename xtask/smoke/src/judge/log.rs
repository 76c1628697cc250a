//! What the kernel logged: nothing that is an alarm, no errors, and all of it told.

use protocol::{Log, Record, Step};

use super::checks::{Found, Group, found, some_of};
use super::told;
use crate::alarms::alarm;
use crate::text;

/// The reasons for a taint that tell of something broken, by bit and letter. Others tell of modules and hardware;
/// Documentation/admin-guide/tainted-kernels.rst.
const TAINTS: [(u32, &str); 5] = [
    (4, "a machine check (M)"),
    (5, "a bad page (B)"),
    (7, "an oops (D)"),
    (9, "a warning (W)"),
    (14, "a soft lockup (L)"),
];

/// The lowest level that is no error: `warning`, of syslog(2).
const WARNING: u8 = 4;

/// A record of the level of an error that is none here.
struct Allowed {
    text: &'static str,
    #[expect(dead_code, reason = "who reads the list must know why")]
    reason: &'static str,
}

/// Errors that every kernel logs on such a machine. Only what was seen and understood may stand here.
const ALLOWED: &[Allowed] = &[Allowed {
    text: "Spectre V2 : Kernel not compiled with retpoline",
    reason: "what a configuration without RETPOLINE chose, on a processor that would need it",
}];

pub(super) fn kernel(log: Option<&Log>) -> Group {
    let mut checks = Group::new(told::group(Step::Log));
    let records = log.map(|log| {
        let count = log.records.len();
        found(count > 0, format!("{count} records"))
    });
    checks.check("log", "it can be read, and is not empty", records);
    checks.check("completeness", "the whole log", log.map(whole));
    let alarms = log.map(|log| alarms(log.records.iter().map(|record| record.text.as_str())));
    checks.check("alarms", "none", alarms);
    let errors = log.map(|log| {
        let errors = log.records.iter();
        let errors = errors.filter(|record| is_error(record, ALLOWED));
        none(
            &errors
                .map(|record| record.text.as_str())
                .collect::<Vec<_>>(),
        )
    });
    checks.check("errors", "none of level err or worse", errors);
    let taints = log.map(|log| taints(log.tainted));
    checks.check("taints", "none that tells of a fault", taints);
    checks
}

fn whole(log: &Log) -> Found {
    match (log.lost, log.truncated) {
        (false, false) => found(true, "the whole log"),
        (true, _) => found(false, "records are lost"),
        (false, true) => found(false, "more warnings and faults than are told"),
    }
}

fn taints(tainted: u64) -> Found {
    let taints = TAINTS.iter().filter(|(bit, _)| tainted >> bit & 1 == 1);
    none(&taints.map(|(_, reason)| *reason).collect::<Vec<_>>())
}

/// The console has what was logged before and after the log was read, and what others wrote.
pub(super) fn console(console: &[u8]) -> Group {
    let mut checks = Group::new("console");
    let text = text::without_sequences(&String::from_utf8_lossy(console));
    let alarms = (!console.is_empty()).then(|| alarms(text.lines()));
    checks.check("alarms", "none", alarms);
    checks
}

/// The fatal ones come first, because they tell most.
fn alarms<'a>(lines: impl Iterator<Item = &'a str>) -> Found {
    let mut alarms: Vec<_> = lines
        .filter_map(|line| Some((!alarm(line)?.fatal, line)))
        .collect();
    alarms.sort_by_key(|(goes_on, _)| *goes_on);
    none(&alarms.into_iter().map(|(_, line)| line).collect::<Vec<_>>())
}

fn none(bad: &[&str]) -> Found {
    if bad.is_empty() {
        found(true, "none")
    } else {
        found(false, some_of(bad))
    }
}

fn is_error(record: &Record, allowed: &[Allowed]) -> bool {
    record.level < WARNING && !allowed.iter().any(|known| record.text.contains(known.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fatal_alarms_are_shown_first() {
        let console = b"WARNING: a\nquiet\nKernel panic - not syncing: b\nWARNING: c\n";
        let [check] = <[_; 1]>::try_from(super::console(console).into_checks()).unwrap();
        assert_eq!(
            check.found,
            "Kernel panic - not syncing: b; WARNING: a; WARNING: c"
        );
    }

    #[test]
    fn only_a_listed_error_is_none() {
        let allowed = [Allowed {
            text: "known nuisance",
            reason: "a test",
        }];
        let record = |level, text: &str| Record {
            level,
            time: 0,
            text: text.to_owned(),
        };
        assert!(!is_error(&record(3, "a known nuisance"), &allowed));
        assert!(is_error(&record(3, "another one"), &allowed));
        assert!(is_error(&record(0, "another one"), &allowed));
        assert!(!is_error(&record(4, "another one"), &allowed));
    }
}
