//! The kernel log: what is worth a look.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use protocol::{Event, Log, Record};

use crate::error::{Attempt, Error, Result};
use crate::steps::Context;
use crate::sysctls;

/// The most records that are told.
const RECORDS: usize = 500;
/// The most that are read, in case that reading them makes more.
const READS: usize = 100_000;
/// `warning`; syslog(2).
const WARNING: u8 = 4;
/// What tells of a fault at whatever level.
const FAULTS: [&str; 6] = [
    "BUG",
    "WARNING",
    "Oops",
    "Call Trace",
    "hung task",
    "blocked for more than",
];

/// Reads the kernel log and tells its first record, warnings and faults, and whether that is all of it.
pub(crate) fn step(_context: &Context) -> Result<Event> {
    let mut log = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open("/dev/kmsg")
        .attempt("open /dev/kmsg")?;
    let mut buffer = vec![0; 16384];
    let mut reading = Reading::default();
    for _ in 0..READS {
        match log.read(&mut buffer) {
            Ok(0) => return reading.finish(),
            Ok(length) => reading.take(&String::from_utf8_lossy(&buffer[..length])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return reading.finish(),
            // Older records were overwritten meanwhile; the next read is the oldest that is left.
            Err(error) if error.raw_os_error() == Some(Errno::EPIPE as i32) => reading.lost = true,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).attempt("read /dev/kmsg"),
        }
        if reading.truncated {
            return reading.finish();
        }
    }
    reading.truncated = true;
    reading.finish()
}

/// What was read of the log.
#[derive(Debug, Default)]
struct Reading {
    records: Vec<Record>,
    /// The sequence number of the next record.
    next: u64,
    truncated: bool,
    lost: bool,
}

impl Reading {
    /// Takes the next record, as `/dev/kmsg` gives it.
    fn take(&mut self, record: &str) {
        let Some((sequence, record)) = parse(record) else {
            self.lost = true;
            return;
        };
        self.lost |= sequence != self.next;
        self.next = sequence + 1;
        // The first one shows that there is a log.
        if !self.records.is_empty() && !of_interest(&record) {
            return;
        }
        if self.records.len() < RECORDS {
            self.records.push(record);
        } else {
            self.truncated = true;
        }
    }

    fn finish(self) -> Result<Event> {
        let tainted = sysctls::read("kernel.tainted").attempt("read kernel.tainted")?;
        let tainted = tainted
            .parse()
            .map_err(|error| Error::new(format!("read kernel.tainted: {tainted}: {error}")))?;
        Ok(Event::Log(Log {
            records: self.records,
            truncated: self.truncated,
            lost: self.lost,
            tainted,
        }))
    }
}

fn of_interest(record: &Record) -> bool {
    let stall = record.text.contains("rcu") && record.text.contains("stall");
    record.level <= WARNING || stall || FAULTS.iter().any(|fault| record.text.contains(fault))
}

/// The sequence number of a record, and the record, as `/dev/kmsg` gives them: `priority,sequence,time,flags;text`, then lines with more about it;
/// Documentation/ABI/testing/dev-kmsg in the kernel.
fn parse(record: &str) -> Option<(u64, Record)> {
    let (head, rest) = record.split_once(';')?;
    let mut head = head.split(',');
    let priority: u32 = head.next()?.parse().ok()?;
    let sequence = head.next()?.parse().ok()?;
    let time = head.next()?.parse().ok()?;
    let text = rest.lines().next().unwrap_or_default();
    let record = Record {
        level: u8::try_from(priority & 7).ok()?,
        time,
        text: text
            .chars()
            .map(|c| {
                if c.is_control() {
                    char::REPLACEMENT_CHARACTER
                } else {
                    c
                }
            })
            .collect(),
    };
    Some((sequence, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_taken_apart() {
        let text = "12,339,5140900,c;a; \u{1b}[31mb\n SUBSYSTEM=pci\n";
        let expected = Record {
            level: 4,
            time: 5_140_900,
            text: "a; \u{fffd}[31mb".to_owned(),
        };
        assert_eq!(parse(text), Some((339, expected)));
        assert_eq!(parse("nothing"), None);
    }

    fn read<'a>(records: impl IntoIterator<Item = &'a str>) -> Reading {
        let mut reading = Reading::default();
        for record in records {
            reading.take(record);
        }
        reading
    }

    #[test]
    fn what_is_missing_of_the_log_is_noticed() {
        let whole = ["5,0,0,-;first", "6,1,1,-;dull", "4,2,2,-;warning"];
        let reading = read(whole);
        assert_eq!(reading.records.len(), 2);
        assert!(!reading.lost && !reading.truncated);
        assert!(read(whole[1..].to_vec()).lost);
        assert!(read([whole[0], whole[2]]).lost);
        assert!(read([whole[0], "?"]).lost);
    }

    #[test]
    fn a_log_of_too_many_warnings_is_told_to_be_cut() {
        let warnings = |count: usize| -> Vec<_> {
            let all = 0..count;
            all.map(|index| format!("4,{index},0,-;warning")).collect()
        };
        let most = warnings(RECORDS);
        assert!(!read(most.iter().map(String::as_str)).truncated);
        let more = warnings(RECORDS + 1);
        let reading = read(more.iter().map(String::as_str));
        assert!(reading.truncated && !reading.lost);
        assert_eq!(reading.records.len(), RECORDS);
    }

    #[test]
    fn warnings_and_faults_are_of_interest() {
        let interest = |level, text: &str| {
            of_interest(&Record {
                level,
                time: 0,
                text: text.to_owned(),
            })
        };
        assert!(interest(4, "something"));
        assert!(!interest(6, "rcu: Hierarchical SRCU implementation."));
        assert!(interest(
            6,
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks"
        ));
        assert!(interest(6, "task init:1 blocked for more than 120 seconds"));
    }
}
