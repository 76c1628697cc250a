//! `multipath-tcp/mptcp`, v0.93 to v0.96 (Linux 4.9 to 5.4). Sysctls, counters: net/mptcp/mptcp_ctrl.c and
//! mptcp_binder.c; features: net/mptcp/Kconfig, net/mptcp/Makefile, net/ipv4/Kconfig and the `.name`s in net/mptcp.

use model::mptcp::Choice;
use model::mptcp::names;
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

const fn tried(kind: Kind, choice: &Choice, proof: Proof) -> Feature {
    Feature {
        kind,
        name: choice.name,
        symbol: choice.symbol,
        module: choice.module,
        listed_by: None,
        chosen_by: None,
        proof: Some(proof),
    }
}

const fn path_manager(choice: &Choice, subflows: Subflows, links: Links) -> Feature {
    let proof = Proof {
        sysctl: PATH_MANAGER,
        subflows,
        links,
    };
    Feature {
        chosen_by: Some(choice.default_symbol),
        ..tried(Kind::PathManager, choice, proof)
    }
}

const fn scheduler(choice: &Choice, links: Links) -> Feature {
    let proof = Proof {
        sysctl: SCHEDULER,
        subflows: Subflows::Several,
        links,
    };
    Feature {
        chosen_by: Some(choice.default_symbol),
        ..tried(Kind::Scheduler, choice, proof)
    }
}

/// A congestion control that couples the subflows of a connection. How it shares data out is its own affair:
/// mctcpdesync, for one, holds all subflows but the first back until something was lost.
const fn coupled(choice: &Choice) -> Feature {
    let proof = Proof {
        sysctl: CONGESTION_CONTROL,
        subflows: Subflows::Several,
        links: Links::Used,
    };
    tried(Kind::CongestionControl, choice, proof)
}

const FEATURES: &[Feature] = &[
    path_manager(&names::DEFAULT_PATH_MANAGER, Subflows::One, Links::First),
    path_manager(&names::FULLMESH, Subflows::Several, Links::Both),
    path_manager(
        &names::NDIFFPORTS,
        Subflows::Parameter("mptcp_ndiffports.num_subflows"),
        Links::First,
    ),
    path_manager(&names::BINDER, Subflows::Any, Links::Any),
    // Without a daemon that tells it what to do, it does nothing.
    path_manager(&names::NETLINK, Subflows::Any, Links::Any),
    scheduler(&names::DEFAULT_SCHEDULER, Links::Both),
    scheduler(&names::ROUNDROBIN, Links::Both),
    // v0.95 to v0.95.2 send one segment again and again until it is acknowledged, and only then the next one;
    // multipath-tcp/mptcp#474. So it is slow, but what it has to show can be seen.
    scheduler(&names::REDUNDANT, Links::Twice),
    scheduler(&names::BLEST, Links::Both),
    scheduler(&names::ECF, Links::Both),
    coupled(&names::LIA),
    coupled(&names::OLIA),
    coupled(&names::WVEGAS),
    coupled(&names::BALIA),
    coupled(&names::MCTCPDESYNC),
];
