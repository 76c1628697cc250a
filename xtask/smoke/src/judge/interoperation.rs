//! Connections with an end that knows no MPTCP: they work, as plain TCP.

use protocol::{End, INTEROPERATION};

use super::Expected;
use super::checks::Group;
use super::counters::Ledger;
use super::told::{Told, group, of_end};

/// The checks for MPTCP at the end `mptcp`, and plain TCP at the other one.
pub(super) fn checks(expected: &Expected<'_>, told: &Told<'_>, mptcp: End) -> Group {
    let mut checks = Group::new(group(of_end(mptcp)));
    let other = told.interoperation(mptcp);
    checks.no_error("", other, |other| &other.error);
    let arrived = other.map(|other| (other.bytes, other.first_wrong));
    checks.payload("", INTEROPERATION, arrived);
    checks.end("", other.map(|other| other.ended));
    let counters = other.map(|other| &other.counters);
    let ledger = Ledger { told, counters };
    let plain = expected.line.plain.iter();
    ledger.silent(&mut checks, plain.filter(|counter| counter.end == mptcp));
    let refused = expected.line.refused.iter();
    ledger.counted(&mut checks, refused.filter(|counter| counter.end == mptcp));
    checks
}
