use std::collections::BTreeSet;

use protocol::Choice;

use super::*;

const LINES: [Line; 2] = [Line::Upstream, Line::OutOfTree];

#[test]
fn every_symbol_is_one() {
    for facts in LINES.map(facts) {
        let features = facts.features();
        let symbols = features.flat_map(|feature| [feature.symbol, feature.chosen_by]);
        for symbol in symbols.flatten() {
            assert!(symbol.parse::<model::names::Symbol>().is_ok(), "{symbol}");
        }
    }
}

#[test]
fn a_trial_changes_something_or_is_refused() {
    for facts in LINES.map(facts) {
        let trials = trials(facts);
        for sysctl in facts.sysctls {
            assert!(sysctl.good.is_none_or(|good| !sysctl.bad.contains(&good)));
            let of_sysctl = trials.iter().filter(|trial| trial.sysctl == sysctl.name);
            let expected = sysctl.bad.len() + usize::from(sysctl.good.is_some());
            assert_eq!(of_sysctl.count(), expected);
        }
        let distinct: BTreeSet<_> = trials.iter().map(|t| (&t.sysctl, &t.value)).collect();
        assert_eq!(distinct.len(), trials.len());
    }
    let has = |line, sysctl: &str, value: &str| {
        let trials = trials(facts(line));
        trials
            .iter()
            .any(|t| t.sysctl == sysctl && t.value == value)
    };
    assert!(has(Line::Upstream, "net.mptcp.enabled", "2"));
    assert!(has(Line::OutOfTree, "net.mptcp.mptcp_version", "2"));
}

#[test]
fn a_recipe_adds_what_is_not_tried_anyway() {
    let facts = facts(Line::Upstream);
    let wanted = [
        ("net.mptcp.available_schedulers", "default"),
        ("net.mptcp.enabled", "1"),
        ("net.mptcp.unheard_of", "7"),
    ];
    let sysctls = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let smoke = recipe::Smoke {
        sysctls: sysctls.into(),
        ..recipe::Smoke::default()
    };
    let all = trials_of(facts, &smoke);
    let (known, own) = all.split_at(trials(facts).len());
    assert_eq!(known, trials(facts));
    let own: Vec<_> = own.iter().map(|t| (&*t.sysctl, &*t.value)).collect();
    assert_eq!(own, [("net.mptcp.unheard_of", "7")]);
    assert_eq!(trials_of(facts, &recipe::Smoke::default()), trials(facts));
}

#[test]
fn modules_are_those_configured_as_such() {
    let config = "CONFIG_TCP_CONG_CUBIC=y\nCONFIG_TCP_CONG_BBR=m\nCONFIG_TCP_CONG_HSTCP=m\n";
    let config = DotConfig::parse(config).unwrap();
    let facts = facts(Line::Upstream);
    let mut modules = promised_modules(&config, facts);
    modules.sort_unstable();
    assert_eq!(modules, ["tcp_bbr", "tcp_highspeed"]);
}

#[test]
fn a_module_may_have_another_name_than_what_it_holds() {
    let config = "CONFIG_MPTCP_FULLMESH=m\nCONFIG_MPTCP_ROUNDROBIN=m\nCONFIG_TCP_CONG_LIA=m\n\
                  CONFIG_TCP_CONG_MCTCPDESYNC=m\nCONFIG_TCP_CONG_BBR=m\n";
    let config = DotConfig::parse(config).unwrap();
    let modules = promised_modules(&config, facts(Line::OutOfTree));
    let expected = [
        "mptcp_fullmesh",
        "mptcp_rr",
        "mptcp_coupled",
        "mctcp_desync",
        "tcp_bbr",
    ];
    assert_eq!(modules, expected);
}

#[test]
fn a_configuration_tells_its_line() {
    let line = |text: &str| line_of(&DotConfig::parse(text).unwrap());
    for text in [
        "CONFIG_MPTCP_PM_ADVANCED=y\n",
        "CONFIG_MPTCP=y\n# CONFIG_MPTCP_PM_ADVANCED is not set\n",
        "CONFIG_DEFAULT_MPTCP_SCHED=\"default\"\n",
    ] {
        assert_eq!(line(text), Line::OutOfTree, "{text}");
    }
    for text in [
        "",
        "CONFIG_MPTCP=y\nCONFIG_MPTCP_IPV6=y\n",
        "# CONFIG_MPTCP is not set\n",
    ] {
        assert_eq!(line(text), Line::Upstream, "{text}");
    }
}

#[test]
fn what_is_built_is_to_be_selected() {
    let chosen = |line, config: &str| -> Vec<_> {
        let choices = choices(&DotConfig::parse(config).unwrap(), facts(line));
        let describe = |choice: Choice| (choice.kind, choice.name, choice.joins);
        choices.into_iter().map(describe).collect()
    };
    let config = "CONFIG_TCP_CONG_CUBIC=y\nCONFIG_TCP_CONG_BALIA=m\nCONFIG_MPTCP_NDIFFPORTS=y\n\
                  CONFIG_MPTCP_NETLINK=m\n# CONFIG_MPTCP_ROUNDROBIN is not set\n";
    assert_eq!(chosen(Line::Upstream, config), []);
    let expected = [
        (Kind::PathManager, "default", false),
        (Kind::PathManager, "ndiffports", true),
        (Kind::PathManager, "netlink", false),
        (Kind::Scheduler, "default", true),
        (Kind::CongestionControl, "balia", true),
    ];
    let expected = expected.map(|(kind, name, joins)| (kind, name.to_owned(), joins));
    assert_eq!(chosen(Line::OutOfTree, config), expected);
}
