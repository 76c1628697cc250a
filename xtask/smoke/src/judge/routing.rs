//! Whether a rule sends packets another way.

use protocol::{Family, Routed, Step};

use super::checks::{Found, Group, found};
use super::told;

const FAMILIES: [(Family, &str); 2] = [(Family::Ipv4, "IPv4"), (Family::Ipv6, "IPv6")];

pub(super) fn checks(routing: Option<&[Routed]>) -> Group {
    let mut checks = Group::new(told::group(Step::Routing));
    for (family, title) in FAMILIES {
        let mut all = routing.unwrap_or_default().iter();
        let routed = all.find(|routed| routed.family == family);
        let before = routed.map(|routed| way(routed, routed.before, 0));
        checks.check(format!("{title}, before the rule"), link(0), before);
        let after = routed.map(|routed| way(routed, routed.after, 1));
        checks.check(format!("{title}, by the rule"), link(1), after);
    }
    checks
}

fn way(routed: &Routed, taken: Option<usize>, wanted: usize) -> Found {
    let text = match (taken, &routed.error) {
        (Some(taken), _) => link(taken),
        (None, Some(error)) => format!("no packet: {error}"),
        (None, None) => "no packet arrived".to_owned(),
    };
    found(taken == Some(wanted), text)
}

fn link(index: usize) -> String {
    match index {
        0 => "the first link".to_owned(),
        1 => "the second link".to_owned(),
        _ => format!("link number {index}"),
    }
}
