//! What kernels write when something in them is broken.
//!
//! Sources: kernel/panic.c, lib/bug.c, lib/ubsan.c, arch/x86/kernel/dumpstack.c, arch/x86/mm/fault.c,
//! arch/arm64/mm/fault.c, kernel/watchdog.c, kernel/hung_task.c, kernel/rcu/tree_stall.h, kernel/reboot.c.

/// Words of the kernel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Alarm {
    /// What the kernel writes.
    pub(crate) text: &'static str,
    /// Whether the kernel is lost and the run is to end.
    pub(crate) fatal: bool,
}

const fn fatal(text: &'static str) -> Alarm {
    Alarm { text, fatal: true }
}

const fn bad(text: &'static str) -> Alarm {
    Alarm { text, fatal: false }
}

/// All of them, the fatal ones first: of several in a line, the first counts.
pub(crate) const ALARMS: &[Alarm] = &[
    fatal("Kernel panic - not syncing"),
    fatal("Oops: "),
    fatal("BUG: "),
    fatal("kernel BUG at"),
    fatal("general protection fault"),
    fatal("Unable to handle"),
    fatal("soft lockup"),
    fatal("hard LOCKUP"),
    fatal("blocked for more than"),
    // "detected stalls" and "self-detected stall" too.
    fatal("detected stall"),
    fatal("detected expedited stall"),
    fatal("System halted"),
    bad("WARNING: "),
    bad("UBSAN: "),
    bad("Call Trace"),
    bad("kthread starved for"),
    bad("Stall ended before state dump start"),
];

/// What a line of the kernel tells of, if something is broken.
pub(crate) fn alarm(line: &str) -> Option<&'static Alarm> {
    ALARMS.iter().find(|alarm| contains_word(line, alarm.text))
}

/// Whether `word` is in `line` and not the end of a longer word, as `BUG: ` is in `DEBUG: `.
fn contains_word(line: &str, word: &str) -> bool {
    let mut places = line.match_indices(word);
    places.any(|(at, _)| !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_kernel_is_told_from_one_that_goes_on() {
        for line in [
            "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000000",
            "BUG: unable to handle page fault for address: 0000000000000010",
            "kernel BUG at net/mptcp/protocol.c:1!",
            "Oops: 0000 [#1] PREEMPT SMP",
            "Internal error: Oops: 0000000096000004 [#1] SMP",
            "INFO: task init:1 blocked for more than 120 seconds.",
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: {",
            "rcu: INFO: rcu_sched self-detected stall on CPU",
            "watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
            "watchdog: Watchdog detected hard LOCKUP on cpu 1",
            "general protection fault, probably for non-canonical address",
            "Unable to handle kernel NULL pointer dereference",
            "reboot: System halted",
            // The first one counts.
            "WARNING: x BUG: y",
        ] {
            assert!(alarm(line).is_some_and(|alarm| alarm.fatal), "{line}");
        }
        for line in [
            "WARNING: CPU: 0 PID: 1 at net/mptcp/protocol.c:1 x+0x1/0x2",
            "------------[ WARNING: circular locking",
            "UBSAN: array-index-out-of-bounds in net/mptcp/protocol.c:1:2",
            " Call Trace:",
            "rcu: rcu_preempt kthread starved for 5250 jiffies! g-1 f0x0 RCU_GP_WAIT_FQS(5)",
            "rcu: INFO: Stall ended before state dump start",
        ] {
            assert!(alarm(line).is_some_and(|alarm| !alarm.fatal), "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_an_alarm_is_none() {
        for line in [
            "Kernel command line: console=ttyS0 oops=panic panic=-1",
            "DEBUG: something",
            "IS_BUG: something",
            "rcu: \tRCU CPU stall warnings timeout set to 60 (rcu_cpu_stall_timeout).",
            "rcu: Hierarchical RCU implementation.",
            "reboot: Power down",
            "",
        ] {
            assert_eq!(alarm(line), None, "{line}");
        }
    }
}
