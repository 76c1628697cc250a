//! The path managers, packet schedulers and congestion controls of out-of-tree MPTCP.

use std::fmt;

use crate::version::Series;

/// A kind of things of which one is used at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Decides which subflows a connection has.
    PathManager,
    /// Decides which subflow a segment takes.
    Scheduler,
    /// Decides how fast subflows send.
    CongestionControl,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// Its name, as its sysctl takes it.
    pub name: &'static str,
    /// The Kconfig symbol that builds it; `None` where it is always there.
    pub symbol: Option<&'static str>,
    /// The Kconfig symbol that makes it the default.
    pub default_symbol: &'static str,
    /// The module that it comes in where it is not built in.
    pub module: &'static str,
    /// Whether kernels without MPTCP have it too.
    pub(super) general: bool,
    since: Series,
    /// The first series in which its default symbol works; `None` where it does in none.
    default_since: Option<Series>,
}

const fn choice(
    name: &'static str,
    symbol: &'static str,
    default_symbol: &'static str,
    module: &'static str,
) -> Choice {
    Choice {
        name,
        symbol: Some(symbol),
        default_symbol,
        module,
        general: false,
        since: Series::V94,
        default_since: Some(Series::V94),
    }
}

const fn fixed(name: &'static str, default_symbol: &'static str) -> Choice {
    Choice {
        symbol: None,
        general: true,
        ..choice(name, "", default_symbol, "")
    }
}

const fn later(since: Series, default_since: Option<Series>, choice: Choice) -> Choice {
    Choice {
        since,
        default_since,
        ..choice
    }
}

/// The path manager that makes no subflow.
pub const DEFAULT_PATH_MANAGER: Choice = fixed("default", "DEFAULT_DUMMY");
/// The path manager that connects all addresses of both ends.
pub const FULLMESH: Choice = choice(
    "fullmesh",
    "MPTCP_FULLMESH",
    "DEFAULT_FULLMESH",
    "mptcp_fullmesh",
);
/// The path manager that makes several subflows between the same two addresses.
pub const NDIFFPORTS: Choice = choice(
    "ndiffports",
    "MPTCP_NDIFFPORTS",
    "DEFAULT_NDIFFPORTS",
    "mptcp_ndiffports",
);
/// The path manager that sends subflows over gateways, by loose source routing.
pub const BINDER: Choice = choice("binder", "MPTCP_BINDER", "DEFAULT_BINDER", "mptcp_binder");
/// The path manager that a daemon tells what to do. In 0.95, `DEFAULT_NETLINK` leaves `DEFAULT_MPTCP_PM` at
/// `"default"`.
pub const NETLINK: Choice = later(
    Series::V95,
    Some(Series::V96),
    choice(
        "netlink",
        "MPTCP_NETLINK",
        "DEFAULT_NETLINK",
        "mptcp_netlink",
    ),
);

/// The scheduler that takes the fastest subflow with room.
pub const DEFAULT_SCHEDULER: Choice = fixed("default", "DEFAULT_SCHEDULER");
/// The scheduler that takes the subflows in turn.
pub const ROUNDROBIN: Choice = choice(
    "roundrobin",
    "MPTCP_ROUNDROBIN",
    "DEFAULT_ROUNDROBIN",
    "mptcp_rr",
);
/// The scheduler that sends everything on each subflow.
pub const REDUNDANT: Choice = choice(
    "redundant",
    "MPTCP_REDUNDANT",
    "DEFAULT_REDUNDANT",
    "mptcp_redundant",
);
/// The scheduler that avoids to be held up by slow subflows. 0.95 has no symbol that makes it the default; 0.96 makes
/// `"BLEST"` of it, and it is called `blest`.
pub const BLEST: Choice = later(
    Series::V95,
    None,
    choice("blest", "MPTCP_BLEST", "DEFAULT_BLEST", "mptcp_blest"),
);
/// The scheduler that waits for a fast subflow where that is done sooner. As with `blest`, its default symbol names
/// `"ECF"`.
pub const ECF: Choice = later(
    Series::V96,
    None,
    choice("ecf", "MPTCP_ECF", "DEFAULT_ECF", "mptcp_ecf"),
);

/// A congestion control that takes a loss for congestion, and knows nothing of other subflows.
pub const RENO: Choice = fixed("reno", "DEFAULT_RENO");
/// The one that Linux has as its default.
pub const CUBIC: Choice = Choice {
    general: true,
    ..choice("cubic", "TCP_CONG_CUBIC", "DEFAULT_CUBIC", "tcp_cubic")
};
/// Linked increases, RFC 6356.
pub const LIA: Choice = choice("lia", "TCP_CONG_LIA", "DEFAULT_LIA", "mptcp_coupled");
/// Opportunistic linked increases.
pub const OLIA: Choice = choice("olia", "TCP_CONG_OLIA", "DEFAULT_OLIA", "mptcp_olia");
/// Weighted Vegas: it goes by delay.
pub const WVEGAS: Choice = choice(
    "wvegas",
    "TCP_CONG_WVEGAS",
    "DEFAULT_WVEGAS",
    "mptcp_wvegas",
);
/// Balanced linked adaptation.
pub const BALIA: Choice = choice("balia", "TCP_CONG_BALIA", "DEFAULT_BALIA", "mptcp_balia");
/// One that keeps losses on subflows apart in time. `DEFAULT_TCP_CONG` has no line for it.
pub const MCTCPDESYNC: Choice = later(
    Series::V95,
    None,
    choice(
        "mctcpdesync",
        "TCP_CONG_MCTCPDESYNC",
        "DEFAULT_MCTCPDESYNC",
        "mctcp_desync",
    ),
);

const PATH_MANAGERS: [Choice; 5] = [DEFAULT_PATH_MANAGER, FULLMESH, NDIFFPORTS, BINDER, NETLINK];
const SCHEDULERS: [Choice; 5] = [DEFAULT_SCHEDULER, ROUNDROBIN, REDUNDANT, BLEST, ECF];
const CONGESTION_CONTROLS: [Choice; 7] = [RENO, CUBIC, LIA, OLIA, WVEGAS, BALIA, MCTCPDESYNC];

impl Choice {
    /// All of a kind that a series has.
    pub fn all(kind: Kind, series: Series) -> impl Iterator<Item = &'static Self> {
        kind.choices()
            .iter()
            .filter(move |choice| choice.since <= series)
    }

    /// The one of this name; else what is wrong with the name, for people.
    pub(super) fn find(kind: Kind, name: &str, series: Series) -> Result<&'static Self, String> {
        match kind.choices().iter().find(|choice| choice.name == name) {
            Some(choice) if choice.since <= series => Ok(choice),
            found => {
                let names: Vec<_> = Self::all(kind, series).map(|choice| choice.name).collect();
                let names = names.join(", ");
                Err(match found {
                    Some(choice) => format!(
                        "release {series} has no {kind} `{name}`, which came with {}; it has {names}",
                        choice.since
                    ),
                    None => format!("there is no {kind} `{name}`; release {series} has {names}"),
                })
            }
        }
    }

    /// Whether a kernel of this series has it as its default where Kconfig says so.
    pub(super) fn default_takes_effect(&self, series: Series) -> bool {
        self.default_since.is_some_and(|since| since <= series)
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::PathManager, Self::Scheduler, Self::CongestionControl];

    fn choices(self) -> &'static [Choice] {
        match self {
            Self::PathManager => &PATH_MANAGERS,
            Self::Scheduler => &SCHEDULERS,
            Self::CongestionControl => &CONGESTION_CONTROLS,
        }
    }

    /// One that is always there, and that Kconfig can make the default.
    pub(super) fn fallback(self) -> &'static Choice {
        match self {
            Self::PathManager => &DEFAULT_PATH_MANAGER,
            Self::Scheduler => &DEFAULT_SCHEDULER,
            Self::CongestionControl => &RENO,
        }
    }

    /// The key of the default in `[mptcp]`.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::PathManager => "path-manager",
            Self::Scheduler => "scheduler",
            Self::CongestionControl => "congestion-control",
        }
    }

    /// The key of the table of the others that are built.
    pub(super) fn others_key(self) -> &'static str {
        match self {
            Self::PathManager => "path-managers",
            Self::Scheduler => "schedulers",
            Self::CongestionControl => "congestion-controls",
        }
    }

    /// The key of the default with the table that it is in.
    pub(super) fn required_key(self) -> &'static str {
        match self {
            Self::PathManager => "mptcp.path-manager",
            Self::Scheduler => "mptcp.scheduler",
            Self::CongestionControl => "mptcp.congestion-control",
        }
    }

    /// The sysctl that chooses one.
    pub(super) fn sysctl(self) -> &'static str {
        match self {
            Self::PathManager => "net.mptcp.mptcp_path_manager",
            Self::Scheduler => "net.mptcp.mptcp_scheduler",
            Self::CongestionControl => "net.ipv4.tcp_congestion_control",
        }
    }

    /// What the kernel asks modprobe for when that sysctl names one that is not there.
    pub(super) fn requested(self, name: &str) -> String {
        match self {
            Self::PathManager | Self::Scheduler => format!("mptcp_{name}"),
            Self::CongestionControl => format!("tcp_{name}"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::PathManager => "path manager",
            Self::Scheduler => "scheduler",
            Self::CongestionControl => "congestion control",
        })
    }
}
