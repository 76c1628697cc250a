use super::*;
use crate::strict::{self, SourceFile};

fn read(text: &str) -> (Option<OutOfTree>, Vec<String>) {
    let file = SourceFile::new("recipes/test.toml", text);
    let mut problems = Vec::new();
    let mut root = strict::parse(&file, &mut problems);
    let layer = Layer::read(&mut root, &mut problems);
    root.finish(&mut problems);
    assert_eq!(layer.missing(), [""; 0]);
    let read = layer.complete(&mut problems);
    (
        read,
        problems
            .into_iter()
            .map(|problem| problem.message)
            .collect(),
    )
}

fn right(text: &str) -> OutOfTree {
    let (read, problems) = read(text);
    assert_eq!(problems, [""; 0]);
    read.unwrap()
}

fn symbols(mptcp: &OutOfTree) -> BTreeMap<String, String> {
    let pair =
        |assignment: Assignment| (assignment.symbol.to_string(), assignment.value.to_string());
    mptcp.assignments().into_iter().map(pair).collect()
}

const PLAIN: &str = "release = \"0.95\"\npath-manager = \"fullmesh\"\nscheduler = \"default\"\ncongestion-control = \"lia\"\n";

#[test]
fn choices_become_symbols() {
    let mptcp = right(&format!(
        "{PLAIN}[path-managers]\nbinder = \"module\"\n[schedulers]\nroundrobin = \"built-in\"\n[congestion-controls]\nolia = \"module\"\n"
    ));
    let symbols = symbols(&mptcp);
    let expected = [
        ("MPTCP", "y"),
        ("MPTCP_PM_ADVANCED", "y"),
        ("MPTCP_FULLMESH", "y"),
        ("DEFAULT_FULLMESH", "y"),
        ("MPTCP_BINDER", "m"),
        ("MPTCP_NDIFFPORTS", "n"),
        ("MPTCP_NETLINK", "n"),
        ("MPTCP_ROUNDROBIN", "y"),
        ("MPTCP_REDUNDANT", "n"),
        ("DEFAULT_SCHEDULER", "y"),
        ("TCP_CONG_LIA", "y"),
        ("TCP_CONG_OLIA", "m"),
        ("TCP_CONG_BALIA", "n"),
        ("DEFAULT_LIA", "y"),
    ];
    for (symbol, value) in expected {
        assert_eq!(
            symbols.get(symbol).map(String::as_str),
            Some(value),
            "{symbol}"
        );
    }
    // Not a word about what fragments decide, or what the series does not have.
    assert!(!symbols.contains_key("TCP_CONG_CUBIC"));
    assert!(!symbols.contains_key("MPTCP_ECF"));
    assert_eq!(
        symbols
            .keys()
            .filter(|symbol| symbol.starts_with("DEFAULT_"))
            .count(),
        3
    );
}

#[test]
fn what_is_chosen_is_what_a_boot_must_find() {
    let mptcp = right(&format!("{PLAIN}[path-managers]\nbinder = \"module\"\n"));
    assert_eq!(
        mptcp.names(Kind::PathManager),
        ["default", "fullmesh", "binder"]
    );
    assert_eq!(mptcp.names(Kind::Scheduler), ["default"]);
    assert_eq!(mptcp.names(Kind::CongestionControl), ["reno", "lia"]);
    let sysctls = mptcp.boots_with();
    assert_eq!(sysctls["net.mptcp.mptcp_path_manager"], "fullmesh");
    assert_eq!(sysctls["net.mptcp.mptcp_scheduler"], "default");
    // What only a file sets is not there before that file was read.
    let netlink = right(&PLAIN.replace("fullmesh", "netlink"));
    assert_eq!(
        netlink.boots_with()["net.mptcp.mptcp_path_manager"],
        "default"
    );
}

#[test]
fn names_that_a_release_has_not_are_refused() {
    let (read, problems) = read(&PLAIN.replace("\"default\"", "\"ecf\""));
    assert_eq!(read, None);
    assert_eq!(
        problems,
        [
            "release 0.95 has no scheduler `ecf`, which came with 0.96; it has default, roundrobin, redundant, blest"
        ]
    );
    let old = PLAIN.replace("0.95", "0.94");
    let (_, problems) = self::read(&format!("{old}[path-managers]\nnetlink = \"module\"\n"));
    assert_eq!(
        problems,
        [
            "release 0.94 has no path manager `netlink`, which came with 0.95; it has default, fullmesh, ndiffports, binder"
        ]
    );
    let (_, problems) = self::read(&PLAIN.replace("fullmesh", "halfmesh"));
    assert!(
        problems[0].starts_with("there is no path manager `halfmesh`"),
        "{problems:?}"
    );
    let (_, problems) = self::read(&format!("{PLAIN}[schedulers]\ndefault = \"module\"\n"));
    assert!(
        problems[0].contains("a part of every kernel"),
        "{problems:?}"
    );
}

#[test]
fn modules_are_found_by_the_names_of_sysctls() {
    let mptcp = right(&format!(
        "{PLAIN}[path-managers]\nbinder = \"module\"\n[schedulers]\nroundrobin = \"module\"\nredundant = \"module\"\n[congestion-controls]\nbalia = \"module\"\nmctcpdesync = \"module\"\n"
    ));
    let files = mptcp.files();
    assert_eq!(files.keys().copied().collect::<Vec<_>>(), ["modprobe.d"]);
    let lines: Vec<_> = files["modprobe.d"].lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "alias mptcp_roundrobin mptcp_rr",
            "alias tcp_balia mptcp_balia",
            "alias tcp_mctcpdesync mctcp_desync"
        ]
    );
}

#[test]
fn a_default_that_kconfig_cannot_make_is_set_by_files() {
    // The symbol is there, and does nothing.
    let netlink = PLAIN.replace("fullmesh", "netlink");
    let mptcp = right(&netlink);
    assert_eq!(symbols(&mptcp)["DEFAULT_DUMMY"], "y");
    assert_eq!(symbols(&mptcp)["MPTCP_NETLINK"], "y");
    assert!(mptcp.files()["sysctl.d"].ends_with("\n-net.mptcp.mptcp_path_manager = netlink\n"));
    let mptcp = right(&netlink.replace("0.95", "0.96"));
    assert_eq!(symbols(&mptcp)["DEFAULT_NETLINK"], "y");
    assert_eq!(mptcp.files(), BTreeMap::new());
    for name in ["blest", "ecf"] {
        let text = PLAIN
            .replace("0.95", "0.96")
            .replace("\"default\"", &format!("{name:?}"));
        let mptcp = right(&text);
        assert_eq!(symbols(&mptcp)["DEFAULT_SCHEDULER"], "y");
        let expected = format!("\n-net.mptcp.mptcp_scheduler = {name}\n");
        assert!(mptcp.files()["sysctl.d"].ends_with(&expected));
    }
    let mptcp = right(&PLAIN.replace("lia", "mctcpdesync"));
    assert_eq!(symbols(&mptcp)["DEFAULT_RENO"], "y");
    assert!(mptcp.files()["sysctl.d"].contains("tcp_congestion_control = mctcpdesync"));
}

#[test]
fn a_default_that_is_a_module_is_loaded_and_set() {
    let mptcp = right(&format!("{PLAIN}[congestion-controls]\nlia = \"module\"\n"));
    assert_eq!(symbols(&mptcp)["TCP_CONG_LIA"], "m");
    assert_eq!(symbols(&mptcp)["DEFAULT_RENO"], "y");
    let files = mptcp.files();
    assert!(files["modules-load.d"].ends_with("\nmptcp_coupled\n"));
    assert!(files["modprobe.d"].ends_with("\nalias tcp_lia mptcp_coupled\n"));
    assert!(files["sysctl.d"].ends_with("\n-net.ipv4.tcp_congestion_control = lia\n"));
}
