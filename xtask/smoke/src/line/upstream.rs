//! Linux 5.6 and later. Sysctls: net/mptcp/ctrl.c and Documentation/networking/mptcp-sysctl.rst;
//! counters: net/mptcp/mib.c, as of 6.12. Distributions backport, so what came later than 5.6 is probed, never derived from a version.

use model::recipe::Line;
use protocol::{End, Implementation, Kind};

use super::{AtBoot, Counter, Facts, Faults, Feature, Load, Sysctl, congestion};

pub(super) static FACTS: Facts = Facts {
    line: Line::Upstream,
    implementation: Implementation::Upstream,
    emulated: Load {
        payload: 8 << 20,
        full_payload: 64 << 20,
        rate: 50_000_000 / 8,
    },
    sysctls: SYSCTLS,
    joins: &[
        always("MPJoinSynAckRx", End::Client),
        always("MPJoinSynRx", End::Server),
        always("MPJoinAckRx", End::Server),
    ],
    sessions: &[
        since("MPCapableSYNTX", End::Client),
        since("MPCapableSYNACKRX", End::Client),
        always("MPCapableSYNRX", End::Server),
        always("MPCapableACKRX", End::Server),
    ],
    plain: &[
        since("MPCapableSYNACKRX", End::Client),
        always("MPCapableSYNRX", End::Server),
        always("MPCapableACKRX", End::Server),
    ],
    refused: &[
        since("MPCapableSYNTX", End::Client),
        always("MPCapableFallbackSYNACK", End::Client),
    ],
    faults: Faults {
        named: &["MPJoinNoTokenFound"],
        containing: &["HMacFailure", "Fallback"],
        required: &[
            "MPJoinNoTokenFound",
            "MPJoinSynAckHMacFailure",
            "MPJoinAckHMacFailure",
            "MPCapableFallbackACK",
            "MPCapableFallbackSYNACK",
        ],
    },
    // Resets and retransmissions are not here: they belong to TCP's life, and where they matter, joins, bytes
    // or content tell.
    faults_of_working_links: Faults {
        named: &[
            "Blackhole",
            "DataCsumErr",
            "DSSCorruptionReset",
            "DSSNoMatchTCP",
            "DSSNotMatching",
            "InfiniteMapRx",
            "InfiniteMapTx",
            "MPCapableSYNTXDisabled",
            "MPCapableSYNTXDrop",
            "MPFailRx",
            "MPFailTx",
            "MPJoinRejected",
            "MPJoinSynTxBindErr",
            "MPJoinSynTxConnectErr",
            "MPJoinSynTxCreatSkErr",
        ],
        containing: &[],
        required: &[],
    },
    read_only: &[
        "net.mptcp.available_path_managers",
        "net.mptcp.available_schedulers",
    ],
    features: &[FEATURES, congestion::CONTROLS],
};

/// A counter that even the first kernels with it all have.
const fn always(name: &'static str, end: End) -> Counter {
    let required = true;
    Counter {
        name,
        end,
        required,
    }
}

/// A counter that came later.
const fn since(name: &'static str, end: End) -> Counter {
    let required = false;
    Counter {
        name,
        end,
        required,
    }
}

/// A sysctl that came after 5.6, and takes any number of its type.
const fn number(name: &'static str, default: &'static str, good: &'static str) -> Sysctl {
    Sysctl {
        name,
        required: false,
        default: AtBoot::Is(default),
        good: Some(good),
        bad: &[],
        witness: None,
    }
}

/// One that is 0 or 1.
const fn switch(name: &'static str, default: &'static str, good: &'static str) -> Sysctl {
    Sysctl {
        bad: &["2"],
        ..number(name, default, good)
    }
}

const UNREGISTERED: &[&str] = &["no-such-name"];

const SYSCTLS: &[Sysctl] = &[
    Sysctl {
        required: true,
        // Commit 744ee14054c8 (5.14) restricted the values, as checksum_enabled came.
        witness: Some("net.mptcp.checksum_enabled"),
        ..switch("net.mptcp.enabled", "1", "0")
    },
    number("net.mptcp.add_addr_timeout", "120", "60"),
    switch("net.mptcp.checksum_enabled", "0", "1"),
    switch("net.mptcp.allow_join_initial_addr_port", "1", "0"),
    number("net.mptcp.stale_loss_cnt", "4", "8"),
    switch("net.mptcp.pm_type", "0", "1"),
    Sysctl {
        bad: UNREGISTERED,
        // Commit 6963c508fd7a (6.10, backported) has names looked up; available_schedulers came with 6.10.
        witness: Some("net.mptcp.available_schedulers"),
        // The one scheduler that every kernel registers.
        ..number("net.mptcp.scheduler", "default", "default")
    },
    number("net.mptcp.close_timeout", "60", "30"),
    number("net.mptcp.blackhole_timeout", "3600", "60"),
    number("net.mptcp.syn_retrans_before_tcp_fallback", "2", "3"),
    Sysctl {
        bad: UNREGISTERED,
        ..number("net.mptcp.path_manager", "kernel", "userspace")
    },
    // A boolean, but nothing is known of what it refuses.
    number("net.mptcp.add_addr_v6_port_drop_ts", "1", "0"),
];

// No symbol decides on path managers or schedulers: what a kernel has of them, it always has. Of path managers,
// userspace came with 5.19; before net.mptcp.scheduler (6.6) no kernel names its scheduler.
const FEATURES: &[Feature] = &[
    Feature {
        kind: Kind::PathManager,
        name: "kernel",
        symbol: None,
        module: "mptcp",
        listed_by: None,
        chosen_by: None,
        proof: None,
    },
    Feature {
        kind: Kind::Scheduler,
        name: "default",
        symbol: None,
        module: "mptcp",
        listed_by: Some("net.mptcp.scheduler"),
        chosen_by: None,
        proof: None,
    },
];
