//! `multipath-tcp/mptcp`, v0.93 to v0.96 (Linux 4.9 to 5.4). Sysctls, counters: net/mptcp/mptcp_ctrl.c and
//! mptcp_binder.c; features: net/mptcp/Kconfig, net/mptcp/Makefile, net/ipv4/Kconfig and the `.name`s in net/mptcp.

use model::recipe::Line;
use protocol::{End, Implementation, Kind};

use super::{
    AtBoot, Counter, Facts, Faults, Feature, Links, Load, Proof, Subflows, Sysctl, congestion,
};

pub(super) static FACTS: Facts = Facts {
    line: Line::OutOfTree,
    implementation: Implementation::OutOfTree,
    // It computes checksums of all that it sends and receives, unlike upstream.
    emulated: Load {
        payload: 4 << 20,
        full_payload: 16 << 20,
        rate: 8_000_000 / 8,
    },
    sysctls: SYSCTLS,
    joins: &[
        counter("MPJoinSynTx", End::Client),
        counter("MPJoinSynAckRx", End::Client),
        counter("MPJoinSynRx", End::Server),
        counter("MPJoinAckRx", End::Server),
    ],
    sessions: &[
        counter("MPCapableSYNTX", End::Client),
        counter("MPCapableSYNACKRX", End::Client),
        counter("MPCapableSYNRX", End::Server),
        counter("MPCapableACKRX", End::Server),
    ],
    plain: &[
        counter("MPCapableSYNACKRX", End::Client),
        counter("MPCapableSYNRX", End::Server),
        counter("MPCapableACKRX", End::Server),
    ],
    refused: &[
        counter("MPCapableSYNTX", End::Client),
        counter("MPCapableFallbackSYNACK", End::Client),
    ],
    faults: Faults {
        // The third one is a subflow for a connection that is plain TCP by then; the kernel spells it so.
        named: &[
            "MPJoinNoTokenFound",
            "MPCsumFail",
            "MPJoinAlreadyFallenback",
        ],
        // MPCapableFallback*, MPCapableRetransFallback, MPFallback*.
        containing: &["HMacFailure", "Fallback"],
        required: &[
            "MPJoinNoTokenFound",
            "MPJoinSynAckHMacFailure",
            "MPJoinAckHMacFailure",
            "MPCapableFallbackACK",
            "MPCapableFallbackSYNACK",
        ],
    },
    // What is lost and sent again is not here, nor what is cut and purged on the way: that belongs to TCP's life.
    faults_of_working_links: Faults {
        named: &[
            "DSSNoMatchTCP",
            "DSSNotMatching",
            "InfiniteMapRx",
            "MPFailRX",
            "NoDSSInWindow",
        ],
        containing: &[],
        required: &[],
    },
    read_only: &[],
    features: &[FEATURES, congestion::CONTROLS],
};

/// A counter, which every release has.
const fn counter(name: &'static str, end: End) -> Counter {
    let required = true;
    Counter {
        name,
        end,
        required,
    }
}

const ENABLED: &str = "net.mptcp.mptcp_enabled";
const PATH_MANAGER: &str = "net.mptcp.mptcp_path_manager";
const SCHEDULER: &str = "net.mptcp.mptcp_scheduler";
const CONGESTION_CONTROL: &str = "net.ipv4.tcp_congestion_control";

/// A sysctl that every release has.
const fn sysctl(
    name: &'static str,
    default: AtBoot,
    good: &'static str,
    bad: &'static [&'static str],
) -> Sysctl {
    Sysctl {
        name,
        required: true,
        default,
        good: Some(good),
        bad,
        witness: None,
    }
}

const NO_NUMBER: &[&str] = &["no-number"];
const UNREGISTERED: &[&str] = &["no-such-name"];

const SYSCTLS: &[Sysctl] = &[
    // No number is refused here: before 0.96, what is neither 0, 1 nor 2 is as 2; since then it is a set of bits.
    sysctl(ENABLED, AtBoot::Is("1"), "0", NO_NUMBER),
    sysctl("net.mptcp.mptcp_version", AtBoot::Is("0"), "1", &["2"]),
    sysctl("net.mptcp.mptcp_checksum", AtBoot::Is("1"), "0", NO_NUMBER),
    sysctl("net.mptcp.mptcp_debug", AtBoot::Is("0"), "1", NO_NUMBER),
    sysctl(
        "net.mptcp.mptcp_syn_retries",
        AtBoot::Is("3"),
        "4",
        NO_NUMBER,
    ),
    sysctl(
        PATH_MANAGER,
        AtBoot::Configured {
            kind: Kind::PathManager,
            name: "DEFAULT_MPTCP_PM",
        },
        "default",
        UNREGISTERED,
    ),
    sysctl(
        SCHEDULER,
        AtBoot::Configured {
            kind: Kind::Scheduler,
            name: "DEFAULT_MPTCP_SCHED",
        },
        "default",
        UNREGISTERED,
    ),
    Sysctl {
        // There as long as the path manager binder is.
        name: "net.mptcp.mptcp_binder_gateways",
        required: false,
        default: AtBoot::Is(""),
        // Nothing can be written that leads back to no gateways.
        good: None,
        bad: &[],
        witness: None,
    },
];

const fn path_manager(
    name: &'static str,
    (symbol, chosen_by): (&'static str, &'static str),
    module: &'static str,
    subflows: Subflows,
    links: Links,
) -> Feature {
    Feature {
        kind: Kind::PathManager,
        name,
        symbol: Some(symbol),
        module,
        listed_by: None,
        chosen_by: Some(chosen_by),
        proof: Some(Proof {
            sysctl: PATH_MANAGER,
            subflows,
            links,
        }),
    }
}

const fn scheduler(
    name: &'static str,
    (symbol, chosen_by): (&'static str, &'static str),
    module: &'static str,
    links: Links,
) -> Feature {
    Feature {
        kind: Kind::Scheduler,
        name,
        symbol: Some(symbol),
        module,
        listed_by: None,
        chosen_by: Some(chosen_by),
        proof: Some(Proof {
            sysctl: SCHEDULER,
            subflows: Subflows::Several,
            links,
        }),
    }
}

/// A congestion control that couples the subflows of a connection. How it shares data out is its own affair:
/// mctcpdesync, for one, holds all subflows but the first back until something was lost.
const fn coupled(symbol: &'static str, name: &'static str, module: &'static str) -> Feature {
    Feature {
        kind: Kind::CongestionControl,
        name,
        symbol: Some(symbol),
        module,
        listed_by: None,
        chosen_by: None,
        proof: Some(Proof {
            sysctl: CONGESTION_CONTROL,
            subflows: Subflows::Several,
            links: Links::Used,
        }),
    }
}

// A module's name is not always that of what it holds: mptcp_rr, mptcp_coupled, mctcp_desync.
const FEATURES: &[Feature] = &[
    Feature {
        symbol: None,
        ..path_manager(
            "default",
            ("", "DEFAULT_DUMMY"),
            "mptcp",
            Subflows::One,
            Links::First,
        )
    },
    path_manager(
        "fullmesh",
        ("MPTCP_FULLMESH", "DEFAULT_FULLMESH"),
        "mptcp_fullmesh",
        Subflows::Several,
        Links::Both,
    ),
    path_manager(
        "ndiffports",
        ("MPTCP_NDIFFPORTS", "DEFAULT_NDIFFPORTS"),
        "mptcp_ndiffports",
        Subflows::Parameter("mptcp_ndiffports.num_subflows"),
        Links::First,
    ),
    path_manager(
        "binder",
        ("MPTCP_BINDER", "DEFAULT_BINDER"),
        "mptcp_binder",
        Subflows::Any,
        Links::Any,
    ),
    // Without a daemon that tells it what to do, it does nothing.
    path_manager(
        "netlink",
        ("MPTCP_NETLINK", "DEFAULT_NETLINK"),
        "mptcp_netlink",
        Subflows::Any,
        Links::Any,
    ),
    Feature {
        symbol: None,
        ..scheduler("default", ("", "DEFAULT_SCHEDULER"), "mptcp", Links::Both)
    },
    scheduler(
        "roundrobin",
        ("MPTCP_ROUNDROBIN", "DEFAULT_ROUNDROBIN"),
        "mptcp_rr",
        Links::Both,
    ),
    // v0.95 to v0.95.2 send one segment again and again until it is acknowledged, and only then the next one;
    // multipath-tcp/mptcp#474. So it is slow, but what it has to show can be seen.
    scheduler(
        "redundant",
        ("MPTCP_REDUNDANT", "DEFAULT_REDUNDANT"),
        "mptcp_redundant",
        Links::Twice,
    ),
    scheduler(
        "blest",
        ("MPTCP_BLEST", "DEFAULT_BLEST"),
        "mptcp_blest",
        Links::Both,
    ),
    scheduler(
        "ecf",
        ("MPTCP_ECF", "DEFAULT_ECF"),
        "mptcp_ecf",
        Links::Both,
    ),
    coupled("TCP_CONG_LIA", "lia", "mptcp_coupled"),
    coupled("TCP_CONG_OLIA", "olia", "mptcp_olia"),
    coupled("TCP_CONG_WVEGAS", "wvegas", "mptcp_wvegas"),
    coupled("TCP_CONG_BALIA", "balia", "mptcp_balia"),
    coupled("TCP_CONG_MCTCPDESYNC", "mctcpdesync", "mctcp_desync"),
];
