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
    pub(super) default_symbol: &'static str,
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

const PATH_MANAGERS: [Choice; 5] = [
    fixed("default", "DEFAULT_DUMMY"),
    choice(
        "fullmesh",
        "MPTCP_FULLMESH",
        "DEFAULT_FULLMESH",
        "mptcp_fullmesh",
    ),
    choice(
        "ndiffports",
        "MPTCP_NDIFFPORTS",
        "DEFAULT_NDIFFPORTS",
        "mptcp_ndiffports",
    ),
    choice("binder", "MPTCP_BINDER", "DEFAULT_BINDER", "mptcp_binder"),
    // In 0.95, DEFAULT_NETLINK leaves DEFAULT_MPTCP_PM at "default".
    later(
        Series::V95,
        Some(Series::V96),
        choice(
            "netlink",
            "MPTCP_NETLINK",
            "DEFAULT_NETLINK",
            "mptcp_netlink",
        ),
    ),
];

const SCHEDULERS: [Choice; 5] = [
    fixed("default", "DEFAULT_SCHEDULER"),
    choice(
        "roundrobin",
        "MPTCP_ROUNDROBIN",
        "DEFAULT_ROUNDROBIN",
        "mptcp_rr",
    ),
    choice(
        "redundant",
        "MPTCP_REDUNDANT",
        "DEFAULT_REDUNDANT",
        "mptcp_redundant",
    ),
    // 0.95 has no symbol for it; 0.96 makes "BLEST" of it, and the scheduler is called "blest".
    later(
        Series::V95,
        None,
        choice("blest", "MPTCP_BLEST", "DEFAULT_BLEST", "mptcp_blest"),
    ),
    later(
        Series::V96,
        None,
        choice("ecf", "MPTCP_ECF", "DEFAULT_ECF", "mptcp_ecf"),
    ),
];

const CONGESTION_CONTROLS: [Choice; 7] = [
    fixed("reno", "DEFAULT_RENO"),
    Choice {
        general: true,
        ..choice("cubic", "TCP_CONG_CUBIC", "DEFAULT_CUBIC", "tcp_cubic")
    },
    choice("lia", "TCP_CONG_LIA", "DEFAULT_LIA", "mptcp_coupled"),
    choice("olia", "TCP_CONG_OLIA", "DEFAULT_OLIA", "mptcp_olia"),
    choice(
        "wvegas",
        "TCP_CONG_WVEGAS",
        "DEFAULT_WVEGAS",
        "mptcp_wvegas",
    ),
    choice("balia", "TCP_CONG_BALIA", "DEFAULT_BALIA", "mptcp_balia"),
    // DEFAULT_TCP_CONG has no line for it.
    later(
        Series::V95,
        None,
        choice(
            "mctcpdesync",
            "TCP_CONG_MCTCPDESYNC",
            "DEFAULT_MCTCPDESYNC",
            "mctcp_desync",
        ),
    ),
];

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
        let [path_manager, ..] = &PATH_MANAGERS;
        let [scheduler, ..] = &SCHEDULERS;
        let [congestion_control, ..] = &CONGESTION_CONTROLS;
        match self {
            Self::PathManager => path_manager,
            Self::Scheduler => scheduler,
            Self::CongestionControl => congestion_control,
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
