//! Transfers over two links: everything arrives, over both of them.

use protocol::{Direction, Family, Transfer, Way};

use super::checks::{Group, bytes, found};
use super::counters::Ledger;
use super::told::{Told, group, of_family};
use super::{Expected, summary};

const WAYS: [Direction; 2] = [Direction::Up, Direction::Down];
pub(super) const LINKS: [&str; 2] = ["first link", "second link"];

pub(super) fn checks(expected: &Expected<'_>, told: &Told<'_>) -> [Group; 2] {
    [Family::Ipv4, Family::Ipv6].map(|family| of(expected, told, family))
}

fn of(expected: &Expected<'_>, told: &Told<'_>, family: Family) -> Group {
    let mut checks = Group::new(group(of_family(family)));
    let transfer = told.transfer(family);
    checks.no_error("", transfer, |transfer| &transfer.error);
    for direction in WAYS {
        let in_direction = |way: &&Way| way.direction == direction;
        let way = transfer.and_then(|transfer| transfer.ways.iter().find(in_direction));
        check_way(&mut checks, expected.payload, direction, way);
    }
    check_counters(&mut checks, expected, told, transfer);
    checks
}

fn check_way(checks: &mut Group, payload: u64, direction: Direction, way: Option<&Way>) {
    let direction = summary::direction(direction);
    let arrived = way.map(|way| (way.bytes, way.first_wrong));
    checks.payload(&format!("{direction}: "), payload, arrived);
    checks.end(&format!("{direction}: "), way.map(|way| way.ended));
    // Frames are larger than what is in them, so this is a little less than a quarter of the work.
    let quarter = payload / 4;
    for (index, link) in LINKS.iter().enumerate() {
        let carried = way.map(|way| way.links[index]);
        let carried = carried.map(|count| found(count >= quarter, bytes(count)));
        let expected = format!("at least {}", bytes(quarter));
        checks.check(format!("{direction}: {link}"), expected, carried);
    }
}

fn check_counters(
    checks: &mut Group,
    expected: &Expected<'_>,
    told: &Told<'_>,
    transfer: Option<&Transfer>,
) {
    let line = expected.line;
    let counters = transfer.map(|transfer| &transfer.counters);
    let ledger = Ledger { told, counters };
    ledger.counted(checks, line.sessions);
    ledger.counted(checks, line.joins);
    let faults = [&line.faults, &line.faults_of_working_links];
    ledger.faultless(checks, "", &faults);
}
