//! Counters in `/proc/net/netstat`.

use std::collections::BTreeMap;
use std::fs;

use crate::error::{Attempt, Result};

/// The file, of the network namespace of the calling thread.
pub(crate) fn read() -> Result<String> {
    fs::read_to_string("/proc/thread-self/net/netstat").attempt("read /proc/net/netstat")
}

/// The counters of a group, by name: each group is a line of names and a line of values, both begun by
/// the group's name and a colon. Kernels differ in which counters they have and in what order.
pub(crate) fn group(text: &str, group: &str) -> BTreeMap<String, u64> {
    let mut lines = text.lines().filter_map(|line| {
        let (name, rest) = line.split_once(':')?;
        (name == group).then_some(rest)
    });
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else {
        return BTreeMap::new();
    };
    names
        .split_whitespace()
        .zip(values.split_whitespace())
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_name() {
        let text = "TcpExt: SyncookiesSent MPJoinSynRx\nTcpExt: 5 6\n\
                    MPTcpExt: MPCapableSYNRX MPJoinSynRx\nMPTcpExt: 1 2\n";
        let counters = group(text, "MPTcpExt");
        assert_eq!(counters.get("MPJoinSynRx"), Some(&2));
        assert_eq!(counters.len(), 2);
        assert_eq!(group("TcpExt: A\nTcpExt: 1\n", "MPTcpExt"), BTreeMap::new());
    }
}
