//! Runs that are spoiled in one way each, and the checks that must notice, no more and no fewer.

use std::time::Duration;

use model::kconfig::DotConfig;
use model::smoke::{Check, Verdict};
use protocol::{Death, Direction, End, Event, Family, Implementation, Loaded, Record, Step};

use super::told::{self, group};
use crate::observed::{Ending, Observed, Seen};
use crate::testing::{
    PAYLOAD, good, good_with_modules, judged, judged_as, judged_with, judged_with_modules, recipe,
};

/// The checks that fail, as `group: name`.
fn failed(observed: &Observed) -> Vec<String> {
    let checks = judged(observed).checks;
    let failed = checks.iter().filter(|check| !check.passed);
    failed
        .map(|check| format!("{}: {}", check.group, check.name))
        .collect()
}

/// Changes every event of a good run.
fn spoiled(spoil: impl Fn(&mut Event)) -> Observed {
    let mut observed = good();
    for seen in &mut observed.lines {
        spoil(&mut seen.line.event);
    }
    observed
}

fn without(unwanted: impl Fn(&Event) -> bool) -> Observed {
    let mut observed = good();
    observed.lines.retain(|seen| !unwanted(&seen.line.event));
    observed
}

macro_rules! spoil {
    ($kind:ident, $name:ident, $body:block) => {
        spoiled(|event| {
            if let Event::$kind($name) = event {
                $body
            }
        })
    };
}

macro_rules! spoil_one {
    ($kind:ident, $field:ident == $value:expr, $name:ident, $body:block) => {
        spoil!($kind, $name, {
            if $name.$field == $value {
                $body
            }
        })
    };
}

#[track_caller]
fn fails(observed: &Observed, expected: &[&str]) {
    assert_eq!(failed(observed), expected);
    let judgement = judged(observed);
    assert_eq!(judgement.verdict(), Verdict::Failed);
    assert!(judgement.reason.is_some_and(|reason| !reason.is_empty()));
}

/// The steps that a kernel without choices has where no modules are given.
fn steps() -> Vec<Step> {
    let choices = told::KINDS.map(told::of_kind);
    let mut steps = told::STEPS.to_vec();
    steps.retain(|step| !choices.contains(step) && *step != Step::Modules);
    steps
}

#[test]
fn a_good_run_passes() {
    let judgement = judged(&good());
    assert_eq!(failed(&good()), [""; 0]);
    assert_eq!(
        (judgement.verdict(), judgement.reason),
        (Verdict::Passed, None)
    );
    let mut names: Vec<_> = judgement
        .checks
        .iter()
        .map(|c| (&c.group, &c.name))
        .collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "two checks of one name");
}

/// The checks of given modules, and whatever else fails.
fn with_modules(spoil: impl Fn(&mut Event)) -> Vec<Check> {
    let (mut observed, modules) = good_with_modules();
    for seen in &mut observed.lines {
        spoil(&mut seen.line.event);
    }
    let mut checks = judged_with_modules(&observed, &modules).checks;
    checks.retain(|check| check.group == "modules" || !check.passed);
    checks
}

#[test]
fn a_given_module_has_a_check_of_its_own() {
    let (observed, modules) = good_with_modules();
    let judgement = judged_with_modules(&observed, &modules);
    assert_eq!(judgement.reason, None);
    assert!(judgement.phases.iter().any(|span| span.name == "modules"));
    let checks = with_modules(|_| {});
    let names: Vec<_> = checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["module toy_core is loaded", "module toy is loaded"]);
    assert_eq!(checks[0].found, "loaded, and listed as live");
    // A boot to which none were given has no such check, and no such step.
    assert!(
        judged(&good())
            .checks
            .iter()
            .all(|check| check.group != "modules")
    );
    fails(&observed, &["report: steps"]);
}

#[test]
fn a_module_that_is_not_loaded_fails() {
    let toy = |error: Option<&str>, state: Option<&str>| Loaded {
        name: "toy".to_owned(),
        error: error.map(str::to_owned),
        state: state.map(str::to_owned),
    };
    let refusal = "load /modules/toy.ko: ENOEXEC: Exec format error";
    let another = Loaded {
        name: "another".to_owned(),
        ..toy(None, Some("Live"))
    };
    for (told, found) in [
        (Some(toy(Some(refusal), None)), refusal),
        // One of the same name is there, but it is another one.
        (Some(toy(Some(refusal), Some("Live"))), refusal),
        (Some(toy(None, None)), "loaded, but not listed"),
        (
            Some(toy(None, Some("Loading"))),
            "loaded, but listed as Loading",
        ),
        (Some(another), "not tried"),
        (None, "not tried"),
    ] {
        let checks = with_modules(|event| {
            if let Event::Modules(all) = event {
                all.truncate(1);
                all.extend(told.clone());
            }
        });
        let checks: Vec<_> = checks.iter().map(|c| (c.passed, &*c.found)).collect();
        let good = (true, "loaded, and listed as live");
        assert_eq!(checks, [good, (false, found)]);
    }
}

#[test]
fn modules_that_nothing_was_told_of_fail() {
    let (_, modules) = good_with_modules();
    let checks = judged_with_modules(&good(), &modules).checks;
    let failed: Vec<_> = checks.iter().filter(|check| !check.passed).collect();
    let names: Vec<_> = failed.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(
        names,
        ["module toy_core is loaded", "module toy is loaded", "steps"]
    );
    assert_eq!(failed[0].found, "nothing was reported");
}

#[test]
fn a_bare_package_is_held_to_its_line_and_configuration() {
    let bare = model::recipe::Smoke::default();
    let observed = spoil!(Features, features, {
        features.congestion_controls.clear();
        features.path_managers.clear();
        features.schedulers.clear();
    });
    let judgement = judged_as(&observed, &bare);
    let failed = judgement.checks.iter().filter(|check| !check.passed);
    let names: Vec<_> = failed.map(|check| check.name.as_str()).collect();
    let expected = [
        "congestion control bbr",
        "congestion control cubic",
        "congestion control highspeed",
        "congestion control reno",
        "path manager kernel",
        "scheduler default",
    ];
    assert_eq!(names, expected);
    assert_eq!(judged_as(&good(), &bare).verdict(), Verdict::Passed);
}

#[test]
fn a_package_without_a_configuration_does_not_pass() {
    for text in ["", "# CONFIG_MPTCP is not set\n"] {
        let config = DotConfig::parse(text).unwrap();
        let reason = judged_with(&good(), &recipe(), &config).reason;
        let expected = "features: configuration: expected in the package, found none";
        assert_eq!(reason.as_deref(), Some(expected));
    }
}

#[test]
fn a_kernel_without_a_choice_of_schedulers_need_not_name_one() {
    let names = ["net.mptcp.scheduler", "net.mptcp.available_schedulers"];
    let old = spoiled(|event| match event {
        Event::Sysctls(all) => all.values.retain(|name, _| !names.contains(&name.as_str())),
        Event::Features(all) => all.schedulers.clear(),
        _ => {}
    });
    let bare = model::recipe::Smoke::default();
    assert_eq!(judged_as(&old, &bare).reason, None);
    // What the recipe wants is never excused.
    let checks = judged(&old).checks;
    let check = checks
        .iter()
        .find(|check| check.name == "scheduler default");
    assert!(check.is_some_and(|check| !check.passed));
}

#[test]
fn the_wrong_kernel_is_noticed() {
    let observed = spoil!(Kernel, kernel, { kernel.release.push('x') });
    fails(&observed, &["kernel: release"]);
    for other in [None, Some(Implementation::OutOfTree)] {
        let observed = spoil!(Kernel, kernel, { kernel.implementation = other });
        fails(&observed, &["kernel: MPTCP"]);
    }
}

#[test]
fn wrong_settings_are_noticed() {
    let set = |name: &str, value: &str| {
        spoil!(Sysctls, sysctls, {
            sysctls.values.insert(name.to_owned(), value.to_owned());
        })
    };
    let by_default = "sysctls: net.mptcp.pm_type, by default";
    fails(&set("net.mptcp.pm_type", "1"), &[by_default]);
    let wanted = "sysctls: net.mptcp.scheduler, as the recipe wants";
    fails(&set("net.mptcp.scheduler", "bpf"), &[wanted]);
    let missing = spoil!(Sysctls, sysctls, {
        sysctls.values.remove("net.mptcp.enabled");
    });
    let wanted = "sysctls: net.mptcp.enabled, as the recipe wants";
    fails(&missing, &["sysctls: net.mptcp.enabled", wanted]);
    let optional = spoil!(Sysctls, sysctls, {
        sysctls.values.remove("net.mptcp.blackhole_timeout");
    });
    assert_eq!(failed(&optional), [""; 0]);
}

#[test]
fn trials_that_go_wrong_are_noticed() {
    let bad = "sysctls: net.mptcp.checksum_enabled, 2 written";
    let good = "sysctls: net.mptcp.checksum_enabled, 1 written";
    let tried = |value: &str, refused: Option<&str>, read: Option<&str>| {
        spoil!(Sysctls, sysctls, {
            let trials = sysctls.trials.iter_mut();
            let name = "net.mptcp.checksum_enabled";
            for tried in trials.filter(|tried| tried.sysctl == name && tried.value == value) {
                tried.refused = refused.map(str::to_owned);
                tried.read_back = read.map(str::to_owned);
            }
        })
    };
    fails(&tried("2", None, Some("2")), &[bad]);
    fails(&tried("1", None, Some("0")), &[good]);
    fails(&tried("1", None, None), &[good]);
    fails(&tried("1", Some("no"), None), &[good]);
    let untried = spoil!(Sysctls, sysctls, {
        sysctls
            .trials
            .retain(|tried| tried.sysctl != "net.mptcp.checksum_enabled");
    });
    fails(&untried, &[good, bad]);
}

/// Takes a value that has to be refused, and has lost the sysctl that tells whether it has to.
#[track_caller]
fn takes(name: &str, value: &str, witness: &str) {
    let take = |event: &mut Event, lose: bool| {
        let Event::Sysctls(all) = event else {
            return;
        };
        let trials = all.trials.iter_mut();
        for tried in trials.filter(|tried| tried.sysctl == name && tried.value == value) {
            tried.refused = None;
            tried.read_back = Some(value.to_owned());
        }
        if lose {
            all.values.remove(witness);
        }
    };
    let expected = format!("sysctls: {name}, {value} written");
    fails(&spoiled(|event| take(event, false)), &[&expected]);
    assert_eq!(failed(&spoiled(|event| take(event, true))), [""; 0]);
}

#[test]
fn old_kernels_may_take_what_newer_ones_refuse() {
    takes("net.mptcp.enabled", "2", "net.mptcp.checksum_enabled");
    let witness = "net.mptcp.available_schedulers";
    takes("net.mptcp.scheduler", "no-such-name", witness);
}

#[test]
fn the_own_sysctls_of_a_recipe_are_tried() {
    let name = "net.mptcp.unheard_of";
    let expected = "sysctls: net.mptcp.unheard_of, 7 written";
    let untried = spoil!(Sysctls, sysctls, {
        sysctls.trials.retain(|tried| tried.sysctl != name);
    });
    fails(&untried, &[expected]);
    let other = spoil!(Sysctls, sysctls, {
        let trials = sysctls.trials.iter_mut();
        for tried in trials.filter(|tried| tried.sysctl == name) {
            tried.read_back = Some("8".to_owned());
        }
    });
    fails(&other, &[expected]);
}

#[test]
fn missing_features_are_noticed() {
    let module = |result: Option<Option<String>>| {
        spoil!(Features, features, {
            features.modules.remove("tcp_bbr");
            if let Some(result) = &result {
                features
                    .modules
                    .insert("tcp_bbr".to_owned(), result.clone());
            }
        })
    };
    let invalid = Some(Some("Exec format error (os error 8)".to_owned()));
    fails(&module(invalid), &["features: module tcp_bbr"]);
    fails(&module(None), &["features: module tcp_bbr"]);
    for missing in ["bbr", "cubic", "reno"] {
        let observed = spoil!(Features, features, {
            features.congestion_controls.retain(|name| name != missing);
        });
        fails(
            &observed,
            &[&format!("features: congestion control {missing}")],
        );
    }
    let observed = spoil!(Features, features, {
        features.path_managers.retain(|name| name != "userspace");
        features.schedulers.clear();
    });
    let expected = [
        "features: path manager userspace",
        "features: scheduler default",
    ];
    fails(&observed, &expected);
}

#[test]
fn packets_on_the_wrong_way_are_noticed() {
    for way in [Some(0), None, Some(2)] {
        let observed = spoil!(Routing, all, {
            all[0].after = way;
        });
        fails(&observed, &["routing: IPv4, by the rule"]);
    }
    for way in [Some(1), None] {
        let observed = spoil!(Routing, all, {
            all[1].before = way;
        });
        fails(&observed, &["routing: IPv6, before the rule"]);
    }
    let observed = spoil!(Routing, all, { all.truncate(1) });
    let both = [
        "routing: IPv6, before the rule",
        "routing: IPv6, by the rule",
    ];
    fails(&observed, &both);
}

#[test]
fn transfers_that_go_wrong_are_noticed() {
    let observed = spoil_one!(Transfer, family == Family::Ipv4, all, {
        all.error = Some("connection reset".to_owned());
    });
    fails(&observed, &["transfer-ipv4: error"]);
    let observed = spoil_one!(Transfer, family == Family::Ipv6, all, {
        all.ways[1].first_wrong = Some(0);
    });
    fails(&observed, &["transfer-ipv6: down: content"]);
    for bytes in [PAYLOAD - 1, PAYLOAD + 1] {
        let observed = spoil_one!(Transfer, family == Family::Ipv4, all, {
            all.ways[0].bytes = bytes;
        });
        fails(&observed, &["transfer-ipv4: up: bytes"]);
    }
    for (link, name) in ["first", "second"].into_iter().enumerate() {
        let observed = spoil_one!(Transfer, family == Family::Ipv4, all, {
            all.ways[0].links[link] = PAYLOAD / 4 - 1;
        });
        fails(&observed, &[&format!("transfer-ipv4: up: {name} link")]);
    }
    let observed = spoil_one!(Transfer, family == Family::Ipv4, all, {
        all.ways.retain(|way| way.direction == Direction::Up);
    });
    let names = [
        "bytes",
        "content",
        "end of the stream",
        "first link",
        "second link",
    ];
    let names = names.map(|name| format!("transfer-ipv4: down: {name}"));
    fails(&observed, &names.each_ref().map(String::as_str));
}

#[test]
fn streams_that_do_not_end_are_noticed() {
    for (way, name) in ["up", "down"].into_iter().enumerate() {
        let observed = spoil_one!(Transfer, family == Family::Ipv6, all, {
            all.ways[way].ended = false;
        });
        let expected = format!("transfer-ipv6: {name}: end of the stream");
        fails(&observed, &[&expected]);
    }
    let observed = spoil_one!(Failover, death == Death::Down, all, {
        all.ended = false;
    });
    fails(&observed, &["link-down: end of the stream"]);
    let observed = spoil_one!(Interoperation, mptcp == End::Client, all, {
        all.ended = false;
    });
    fails(&observed, &["tcp-server: end of the stream"]);
}

#[test]
fn counters_that_prove_nothing_are_noticed() {
    let client = [
        ("MPJoinSynAckRx", true),
        ("MPCapableSYNTX", false),
        ("MPCapableSYNACKRX", false),
    ];
    for (name, in_failovers) in client {
        let observed = spoil_one!(Transfer, family == Family::Ipv4, all, {
            all.counters.client.insert(name.to_owned(), 0);
        });
        fails(
            &observed,
            &[&format!("transfer-ipv4: {name} at the client")],
        );
        let observed = spoil_one!(Failover, death == Death::Loss, all, {
            all.counters.client.remove(name);
        });
        let expected = format!("link-loss: {name} at the client");
        let expected = in_failovers.then_some(expected);
        assert_eq!(failed(&observed), Vec::from_iter(expected));
    }
    for name in [
        "MPJoinSynRx",
        "MPJoinAckRx",
        "MPCapableSYNRX",
        "MPCapableACKRX",
    ] {
        let observed = spoil_one!(Transfer, family == Family::Ipv6, all, {
            all.counters.server.insert(name.to_owned(), 0);
        });
        fails(
            &observed,
            &[&format!("transfer-ipv6: {name} at the server")],
        );
    }
}

#[test]
fn a_counter_that_the_kernel_never_had_is_not_missed() {
    let name = "MPCapableSYNACKRX";
    let observed = spoiled(|event| match event {
        Event::Features(features) => features.counters.retain(|listed| listed != name),
        Event::Transfer(all) => drop(all.counters.client.remove(name)),
        _ => {}
    });
    assert_eq!(failed(&observed), [""; 0]);
}

#[test]
fn faults_are_noticed() {
    let clean = "DataCsumErr MPFailTx DSSCorruptionReset InfiniteMapRx Blackhole \
                 MPJoinRejected MPJoinSynTxBindErr MPJoinSynTxConnectErr MPJoinSynTxCreatSkErr";
    let always = "MPJoinNoTokenFound MPJoinAckHMacFailure MPCapableFallbackACK DssFallback";
    for name in always.split(' ').chain(clean.split(' ')) {
        let observed = spoil_one!(Transfer, family == Family::Ipv4, all, {
            all.counters.server.insert(name.to_owned(), 1);
        });
        fails(&observed, &["transfer-ipv4: fault counters at the server"]);
        let observed = spoil_one!(Failover, death == Death::Down, all, {
            all.counters.client.insert(name.to_owned(), 1);
        });
        let expected = "link-down: fault counters at the client";
        let expected = always.contains(name).then(|| expected.to_owned());
        assert_eq!(failed(&observed), Vec::from_iter(expected), "{name}");
    }
    let observed = spoil_one!(Transfer, family == Family::Ipv4, all, {
        all.counters.client.remove("MPJoinNoTokenFound");
        all.counters.server.insert("MPRstTx".to_owned(), 1);
    });
    fails(&observed, &["transfer-ipv4: fault counters at the client"]);
}

#[test]
fn links_that_do_not_die_as_they_should_are_noticed() {
    let loss = |spoil: &dyn Fn(&mut protocol::Failover)| {
        spoil_one!(Failover, death == Death::Loss, all, { spoil(all) })
    };
    let links = [
        "link-loss: second link, afterwards",
        "link-loss: first link, afterwards",
    ];
    let death = "link-loss: death of the first link";
    fails(&loss(&|all| all.cut = None), &[death, links[0], links[1]]);
    fails(&loss(&|all| all.cut = Some((PAYLOAD / 4 - 1, 5))), &[death]);
    fails(&loss(&|all| all.cut = Some((PAYLOAD, 5))), &[death]);
    fails(
        &loss(&|all| all.recovery = Some(31_000_000)),
        &["link-loss: recovery"],
    );
    fails(&loss(&|all| all.recovery = None), &["link-loss: recovery"]);
    fails(&loss(&|all| all.links_after[1] = 0), &links[..1]);
    fails(&loss(&|all| all.links_after[1] = PAYLOAD / 3), &links[..1]);
    fails(&loss(&|all| all.links_after[0] = 100_000), &links[1..]);
    fails(
        &loss(&|all| all.first_wrong = Some(9)),
        &["link-loss: content"],
    );
    fails(&loss(&|all| all.bytes -= 1), &["link-loss: bytes"]);
    fails(
        &loss(&|all| all.error = Some("e".to_owned())),
        &["link-loss: error"],
    );
}

#[test]
fn mptcp_where_none_can_be_is_noticed() {
    let observed = spoil_one!(Interoperation, mptcp == End::Client, all, {
        all.counters
            .client
            .insert("MPCapableSYNACKRX".to_owned(), 1);
    });
    fails(&observed, &["tcp-server: MPCapableSYNACKRX at the client"]);
    for name in ["MPCapableSYNRX", "MPCapableACKRX"] {
        let observed = spoil_one!(Interoperation, mptcp == End::Server, all, {
            all.counters.server.insert(name.to_owned(), 1);
        });
        fails(&observed, &[&format!("tcp-client: {name} at the server")]);
    }
    // A client that never asked proves nothing.
    let observed = spoil_one!(Interoperation, mptcp == End::Client, all, {
        all.counters
            .client
            .insert("MPCapableFallbackSYNACK".to_owned(), 0);
    });
    fails(
        &observed,
        &["tcp-server: MPCapableFallbackSYNACK at the client"],
    );
    let observed = spoil!(Interoperation, all, { all.counters.server.clear() });
    let names = ["MPCapableSYNRX", "MPCapableACKRX"];
    let names = names.map(|name| format!("tcp-client: {name} at the server"));
    fails(&observed, &names.each_ref().map(String::as_str));
}

#[test]
fn interoperation_that_goes_wrong_is_noticed() {
    let observed = spoil_one!(Interoperation, mptcp == End::Server, all, {
        all.bytes = 0;
    });
    fails(&observed, &["tcp-client: bytes", "tcp-client: content"]);
    let observed = spoil_one!(Interoperation, mptcp == End::Client, all, {
        all.first_wrong = Some(1);
        all.error = Some("e".to_owned());
    });
    fails(&observed, &["tcp-server: error", "tcp-server: content"]);
}

#[test]
fn what_the_kernel_complains_of_is_noticed() {
    let logged = |level, text: &str| {
        spoil!(Log, log, {
            log.records.push(Record {
                level,
                time: 0,
                text: text.to_owned(),
            });
        })
    };
    fails(
        &logged(4, "WARNING: CPU: 0 PID: 1"),
        &["kernel-log: alarms"],
    );
    fails(&logged(3, "something is off"), &["kernel-log: errors"]);
    fails(
        &spoil!(Log, log, { log.records.clear() }),
        &["kernel-log: log"],
    );
    let whole = ["kernel-log: completeness"];
    fails(&spoil!(Log, log, { log.truncated = true }), &whole);
    fails(&spoil!(Log, log, { log.lost = true }), &whole);
    for bit in 0..64 {
        let observed = spoil!(Log, log, { log.tainted = 1 << bit });
        let fault = [4, 5, 7, 9, 14].contains(&bit);
        let expected = fault.then(|| "kernel-log: taints".to_owned());
        assert_eq!(failed(&observed), Vec::from_iter(expected), "{bit}");
    }
    let mut observed = good();
    observed.console.extend(b"\xff\x1b[31mWARNING: CPU: 0\n");
    fails(&observed, &["console: alarms"]);
    observed.console.clear();
    fails(&observed, &["console: alarms"]);
}

#[test]
fn each_missing_observation_fails_its_whole_group() {
    type IsKind = fn(&Event) -> bool;
    let kinds: [(Step, IsKind); 11] = [
        (Step::Kernel, |e| matches!(e, Event::Kernel(_))),
        (Step::Sysctls, |e| matches!(e, Event::Sysctls(_))),
        (Step::Features, |e| matches!(e, Event::Features(_))),
        (Step::Routing, |e| matches!(e, Event::Routing(_))),
        (
            Step::TransferIpv4,
            |e| matches!(e, Event::Transfer(t) if t.family == Family::Ipv4),
        ),
        (
            Step::LinkLoss,
            |e| matches!(e, Event::Failover(f) if f.death == Death::Loss),
        ),
        (
            Step::LinkDown,
            |e| matches!(e, Event::Failover(f) if f.death == Death::Down),
        ),
        (
            Step::TcpServer,
            |e| matches!(e, Event::Interoperation(i) if i.mptcp == End::Client),
        ),
        (
            Step::TcpClient,
            |e| matches!(e, Event::Interoperation(i) if i.mptcp == End::Server),
        ),
        (
            Step::TransferIpv6,
            |e| matches!(e, Event::Transfer(t) if t.family == Family::Ipv6),
        ),
        (Step::Log, |e| matches!(e, Event::Log(_))),
    ];
    for (step, is_kind) in kinds {
        let checks = judged(&without(is_kind)).checks;
        let (of_group, others): (Vec<_>, Vec<_>) =
            checks.iter().partition(|check| check.group == group(step));
        assert!(!of_group.is_empty());
        for check in of_group {
            assert_eq!(
                (check.passed, check.found.as_str()),
                (false, "nothing was reported")
            );
        }
        assert!(others.iter().all(|check| check.passed), "{step:?}");
    }
}

#[test]
fn reports_that_are_not_whole_are_noticed() {
    let observed = without(|event| *event == Event::Hello);
    fails(&observed, &["boot: first program"]);
    let observed = without(|event| *event == Event::Bye);
    fails(&observed, &["report: last line"]);
    for step in steps() {
        let observed = without(|event| *event == Event::Begin(step));
        fails(&observed, &["report: steps"]);
        let observed = without(|event| *event == Event::End(step));
        fails(&observed, &["report: steps"]);
    }
    let mut observed = good();
    let twice = observed.lines[1].clone();
    observed.lines.insert(1, twice);
    fails(&observed, &["report: steps"]);
    let mut observed = good();
    let failure = Event::Failed {
        step: Step::Routing,
        error: "no".to_owned(),
    };
    let mut seen: Seen = observed.lines[3].clone();
    seen.line.event = failure;
    observed.lines.insert(3, seen);
    fails(&observed, &["report: failures"]);
}

#[test]
fn a_broken_ending_is_the_reason() {
    let mut observed = good();
    observed.ending = Ending::Broken("no report for 60 s".to_owned());
    fails(&observed, &["shutdown: end"]);
    assert_eq!(
        judged(&observed).reason.as_deref(),
        Some("no report for 60 s")
    );
}

#[test]
fn nothing_at_all_passes_nothing() {
    let observed = Observed {
        lines: Vec::new(),
        console: Vec::new(),
        ending: Ending::Broken("QEMU did not start".to_owned()),
        duration: Duration::ZERO,
    };
    assert!(judged(&observed).checks.iter().all(|check| !check.passed));
}

#[test]
fn the_reason_is_the_first_failure_and_how_many_more() {
    let observed = spoil_one!(Transfer, family == Family::Ipv4, all, {
        all.counters.server.insert("MPJoinAckRx".to_owned(), 0);
    });
    let reason = "transfer-ipv4: MPJoinAckRx at the server: expected at least 1, found 0";
    assert_eq!(judged(&observed).reason.as_deref(), Some(reason));
    let observed = spoil!(Transfer, all, {
        all.counters.server.insert("MPJoinAckRx".to_owned(), 0);
    });
    let reason = format!("{reason} (and 1 more)");
    assert_eq!(judged(&observed).reason, Some(reason));
}

#[test]
fn hostile_text_is_harmless_in_every_check() {
    let hostile = format!("\u{1b}[2J\n\0\u{202e}{}", "x".repeat(100_000));
    let observed = spoiled(|event| match event {
        Event::Kernel(kernel) => {
            kernel.release.clone_from(&hostile);
            kernel.evidence = vec![hostile.clone()];
        }
        Event::Sysctls(sysctls) => {
            sysctls
                .values
                .insert("net.mptcp.pm_type".to_owned(), hostile.clone());
            sysctls.values.insert(hostile.clone(), hostile.clone());
        }
        Event::Features(features) => features.congestion_controls = vec![hostile.clone()],
        Event::Transfer(transfer) => {
            transfer.error = Some(hostile.clone());
            transfer
                .counters
                .client
                .insert(format!("Fallback{hostile}"), 1);
        }
        _ => {}
    });
    let judgement = judged(&observed);
    let harmless = |text: &str| {
        text.len() < 2_000 && !text.contains(|c: char| c.is_control() || c == '\u{202e}')
    };
    for Check {
        name,
        expected,
        found,
        ..
    } in &judgement.checks
    {
        assert!(
            [name, expected, found]
                .into_iter()
                .all(|text| harmless(text)),
            "{name:?}"
        );
    }
    assert!(judgement.reason.is_some_and(|reason| harmless(&reason)));
    let counters = judgement
        .counters
        .values()
        .flat_map(|ends| ends.client.keys());
    let capabilities = &judgement.capabilities;
    let sysctls = capabilities
        .sysctls
        .iter()
        .flat_map(|(name, value)| [name, value]);
    assert!(
        counters
            .chain(sysctls)
            .chain(&capabilities.congestion_controls)
            .all(|t| harmless(t))
    );
}

#[test]
fn what_was_seen_is_summarised() {
    let judgement = judged(&good());
    let names: Vec<_> = judgement
        .phases
        .iter()
        .map(|span| span.name.as_str())
        .collect();
    assert_eq!(
        (names.first(), names.last()),
        (Some(&"boot"), Some(&"shutdown"))
    );
    assert_eq!(names.len(), steps().len() + 2);
    assert!(
        judgement
            .phases
            .windows(2)
            .all(|pair| pair[0].end <= pair[1].start)
    );
    assert_eq!(judgement.counters.len(), 6);
    assert!(
        judgement
            .counters
            .values()
            .all(|ends| !ends.client.values().any(|v| *v == 0))
    );
    assert_eq!(judgement.links.len(), 4);
    assert_eq!(judgement.throughput.len(), 4);
    assert_eq!(judgement.cuts.len(), 2);
    assert!(
        judgement
            .throughput
            .values()
            .all(|points| points.len() > 10)
    );
    assert_eq!(judgement.capabilities.schedulers, ["default"]);
}
