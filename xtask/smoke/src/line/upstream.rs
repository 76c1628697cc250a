//! Linux 5.6 and later. Sysctls: net/mptcp/ctrl.c and Documentation/networking/mptcp-sysctl.rst;
//! counters: net/mptcp/mib.c, as of 6.12; congestion controls: net/ipv4/Makefile and the `.name`s in
//! net/ipv4/tcp_*.c. Distributions backport, so what came later than 5.6 is probed, never derived from a version.

use model::recipe::Line;
use protocol::{End, Implementation};

use super::{Counter, Facts, Faults, Feature, Kind, Sysctl};

pub(super) static FACTS: Facts = Facts {
    line: Line::Upstream,
    implementation: Implementation::Upstream,
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
    features: FEATURES,
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
        default: Some(default),
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

const fn congestion_control(
    symbol: &'static str,
    name: &'static str,
    module: &'static str,
) -> Feature {
    Feature {
        kind: Kind::CongestionControl,
        name,
        symbol: Some(symbol),
        module,
        listed_by: None,
    }
}

// No symbol decides on path managers or schedulers: what a kernel has of them, it always has. Of path managers,
// userspace came with 5.19; before net.mptcp.scheduler (6.6) no kernel names its scheduler.
const FEATURES: &[Feature] = &[
    Feature {
        kind: Kind::CongestionControl,
        name: "reno",
        symbol: None,
        module: "tcp_reno",
        listed_by: None,
    },
    Feature {
        kind: Kind::PathManager,
        name: "kernel",
        symbol: None,
        module: "mptcp",
        listed_by: None,
    },
    Feature {
        kind: Kind::Scheduler,
        name: "default",
        symbol: None,
        module: "mptcp",
        listed_by: Some("net.mptcp.scheduler"),
    },
    congestion_control("TCP_CONG_BBR", "bbr", "tcp_bbr"),
    congestion_control("TCP_CONG_BIC", "bic", "tcp_bic"),
    congestion_control("TCP_CONG_CDG", "cdg", "tcp_cdg"),
    congestion_control("TCP_CONG_CUBIC", "cubic", "tcp_cubic"),
    congestion_control("TCP_CONG_DCTCP", "dctcp", "tcp_dctcp"),
    congestion_control("TCP_CONG_HSTCP", "highspeed", "tcp_highspeed"),
    congestion_control("TCP_CONG_HTCP", "htcp", "tcp_htcp"),
    congestion_control("TCP_CONG_HYBLA", "hybla", "tcp_hybla"),
    congestion_control("TCP_CONG_ILLINOIS", "illinois", "tcp_illinois"),
    congestion_control("TCP_CONG_LP", "lp", "tcp_lp"),
    congestion_control("TCP_CONG_NV", "nv", "tcp_nv"),
    congestion_control("TCP_CONG_SCALABLE", "scalable", "tcp_scalable"),
    congestion_control("TCP_CONG_VEGAS", "vegas", "tcp_vegas"),
    congestion_control("TCP_CONG_VENO", "veno", "tcp_veno"),
    congestion_control("TCP_CONG_WESTWOOD", "westwood", "tcp_westwood"),
    congestion_control("TCP_CONG_YEAH", "yeah", "tcp_yeah"),
];
