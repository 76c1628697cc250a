//! Transfers that lose the first subflow's link: everything arrives all the same, over the other one.

use protocol::{Death, Failover};

use super::Expected;
use super::checks::{Found, Group, bytes, found, seconds};
use super::counters::Ledger;
use super::told::{Told, group, of_death};

/// How long the rest may take from the cut on, in microseconds. MPTCP notices a silent loss by TCP's
/// retransmission timer, which begins at a fraction of a second and doubles.
const RECOVERY: u64 = 30_000_000;
/// How many bytes may still arrive over a link after its death. A link that loses everything drops its queue
/// too, and one that is down takes nothing, so this is what was past the queue already: a full-sized burst
/// of segmentation offload.
const IN_FLIGHT: u64 = 64 << 10;

pub(super) fn checks(expected: &Expected<'_>, told: &Told<'_>, death: Death) -> Group {
    let mut checks = Group::new(group(of_death(death)));
    let failover = told.failover(death);
    let payload = expected.payload;
    checks.no_error("", failover, |failover| &failover.error);
    let arrived = failover.map(|failover| (failover.bytes, failover.first_wrong));
    checks.payload("", payload, arrived);
    checks.end("", failover.map(|failover| failover.ended));
    let cut = failover.map(|failover| cut(failover, payload));
    let when = format!("after {} or more, but before the end", bytes(payload / 4));
    checks.check("death of the first link", when, cut);
    let recovery = failover.map(recovery);
    checks.check(
        "recovery",
        format!("within {}", seconds(RECOVERY)),
        recovery,
    );
    check_links(&mut checks, payload, failover);
    let counters = failover.map(|failover| &failover.counters);
    let ledger = Ledger { told, counters };
    ledger.counted(&mut checks, expected.line.joins);
    ledger.faultless(&mut checks, "", &[&expected.line.faults]);
    checks
}

fn cut(failover: &Failover, payload: u64) -> Found {
    match failover.cut {
        Some((arrived, _)) => {
            let in_time = (payload / 4..payload).contains(&arrived);
            found(in_time, format!("after {}", bytes(arrived)))
        }
        None => found(false, "it did not die"),
    }
}

fn recovery(failover: &Failover) -> Found {
    match failover.recovery {
        Some(took) => found(took <= RECOVERY, seconds(took)),
        None => found(false, "none"),
    }
}

/// What the links carried after the cut; without a cut, that is nothing to go by.
fn check_links(checks: &mut Group, payload: u64, failover: Option<&Failover>) {
    let cut = failover.map(|failover| failover.cut.map(|(arrived, _)| arrived));
    let missing = payload.saturating_sub(cut.flatten().unwrap_or(0));
    let carried = |index: usize, good: &dyn Fn(u64) -> bool| {
        failover.map(
            |failover| match (failover.cut, failover.links_after[index]) {
                (Some(_), count) => found(good(count), bytes(count)),
                (None, _) => found(false, "the first link did not die"),
            },
        )
    };
    // What was under way when the link died may have arrived already but not have been read.
    let half = missing / 2;
    let survivor = carried(1, &|count| count > 0 && count >= half);
    let expected = format!("at least {}, half of what was missing", bytes(half));
    checks.check("second link, afterwards", expected, survivor);
    let dead = carried(0, &|count| count <= IN_FLIGHT);
    checks.check(
        "first link, afterwards",
        format!("at most {}", bytes(IN_FLIGHT)),
        dead,
    );
}
