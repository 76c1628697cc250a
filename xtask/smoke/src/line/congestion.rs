//! TCP's own congestion controls, which both lines have: net/ipv4/Kconfig, net/ipv4/Makefile and the `.name`s in
//! net/ipv4/tcp_*.c.

use protocol::Kind;

use super::Feature;

const fn control(symbol: &'static str, name: &'static str, module: &'static str) -> Feature {
    Feature {
        kind: Kind::CongestionControl,
        name,
        symbol: Some(symbol),
        module,
        listed_by: None,
        chosen_by: None,
        proof: None,
    }
}

pub(super) const CONTROLS: &[Feature] = &[
    Feature {
        symbol: None,
        ..control("", "reno", "tcp_reno")
    },
    control("TCP_CONG_BBR", "bbr", "tcp_bbr"),
    control("TCP_CONG_BIC", "bic", "tcp_bic"),
    control("TCP_CONG_CDG", "cdg", "tcp_cdg"),
    control("TCP_CONG_CUBIC", "cubic", "tcp_cubic"),
    control("TCP_CONG_DCTCP", "dctcp", "tcp_dctcp"),
    control("TCP_CONG_HSTCP", "highspeed", "tcp_highspeed"),
    control("TCP_CONG_HTCP", "htcp", "tcp_htcp"),
    control("TCP_CONG_HYBLA", "hybla", "tcp_hybla"),
    control("TCP_CONG_ILLINOIS", "illinois", "tcp_illinois"),
    control("TCP_CONG_LP", "lp", "tcp_lp"),
    control("TCP_CONG_NV", "nv", "tcp_nv"),
    control("TCP_CONG_SCALABLE", "scalable", "tcp_scalable"),
    control("TCP_CONG_VEGAS", "vegas", "tcp_vegas"),
    control("TCP_CONG_VENO", "veno", "tcp_veno"),
    control("TCP_CONG_WESTWOOD", "westwood", "tcp_westwood"),
    control("TCP_CONG_YEAH", "yeah", "tcp_yeah"),
];
