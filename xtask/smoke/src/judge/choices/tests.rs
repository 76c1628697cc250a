//! Runs of a kernel with choices that are spoiled in one way each, and the checks that must notice, no more and no
//! fewer.

use model::smoke::Verdict;
use protocol::{Chosen, Event, Implementation, Step};

use super::SILENCE;
use crate::judge::Judgement;
use crate::line::Links;
use crate::observed::Observed;
use crate::testing::out_of_tree::{CONFIG, good, judged, judged_with};

fn failed_of(judgement: &Judgement) -> Vec<String> {
    let failed = judgement.checks.iter().filter(|check| !check.passed);
    failed
        .map(|check| format!("{}: {}", check.group, check.name))
        .collect()
}

fn spoiled(spoil: impl Fn(&mut Event)) -> Observed {
    let mut observed = good();
    for seen in &mut observed.lines {
        spoil(&mut seen.line.event);
    }
    observed
}

/// Spoils what was selected by this name; of the two called `default`, both.
#[track_caller]
fn fails(name: &str, spoil: impl Fn(&mut Chosen), expected: &[&str]) {
    let observed = spoiled(|event| {
        if let Event::Chosen(all) = event {
            all.iter_mut()
                .filter(|one| one.name == name)
                .for_each(&spoil);
        }
    });
    let judgement = judged(&observed);
    assert_eq!(failed_of(&judgement), expected);
    let wanted = match expected {
        [] => Verdict::Passed,
        _ => Verdict::Failed,
    };
    assert_eq!(judgement.verdict(), wanted);
}

#[test]
fn a_good_run_passes() {
    let judgement = judged(&good());
    assert_eq!(failed_of(&judgement), [""; 0]);
    assert_eq!(judgement.verdict(), Verdict::Passed);
    let names = |group: &str| -> Vec<_> {
        let choices = judgement.choices.iter();
        let of_group = choices.filter(|choice| choice.group == group);
        of_group.map(|choice| choice.name.as_str()).collect()
    };
    let path_managers = ["default", "fullmesh", "ndiffports", "binder", "netlink"];
    assert_eq!(names("path-managers"), path_managers);
    let schedulers = ["default", "roundrobin", "redundant", "blest"];
    assert_eq!(names("schedulers"), schedulers);
    let controls = ["lia", "olia", "mctcpdesync"];
    assert_eq!(names("congestion-controls"), controls);
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

#[test]
fn another_line_is_noticed() {
    let observed = spoiled(|event| {
        if let Event::Kernel(kernel) = event {
            kernel.implementation = Some(Implementation::Upstream);
        }
    });
    assert_eq!(failed_of(&judged(&observed)), ["kernel: MPTCP"]);
}

#[test]
fn what_was_not_selected_is_noticed() {
    let expected = "path-managers: fullmesh: path manager that is selected";
    for other in [Some("default"), None] {
        let other = other.map(str::to_owned);
        fails(
            "fullmesh",
            |one| one.selected.clone_from(&other),
            &[expected],
        );
    }
    let expected = "schedulers: blest: scheduler that is selected";
    let other = |one: &mut Chosen| one.selected = Some("default".to_owned());
    fails("blest", other, &[expected]);
    let expected = "congestion-controls: olia: congestion control that is selected";
    let other = |one: &mut Chosen| one.selected = Some("lia".to_owned());
    fails("olia", other, &[expected]);
    let expected = "congestion-controls: olia: congestion control of the socket";
    let other = |one: &mut Chosen| one.congestion_control = Some("reno".to_owned());
    fails("olia", other, &[expected]);
}

#[test]
fn what_does_not_arrive_is_noticed() {
    let error = |one: &mut Chosen| one.error = Some("timed out".to_owned());
    fails("binder", error, &["path-managers: binder: error"]);
    for (name, group) in [
        ("netlink", "path-managers"),
        ("roundrobin", "schedulers"),
        ("mctcpdesync", "congestion-controls"),
    ] {
        let check = |what: &str| format!("{group}: {name}: {what}");
        let less = |one: &mut Chosen| one.way.as_mut().unwrap().bytes -= 1;
        fails(name, less, &[&check("bytes")]);
        let wrong = |one: &mut Chosen| one.way.as_mut().unwrap().first_wrong = Some(7);
        fails(name, wrong, &[&check("content")]);
        let open = |one: &mut Chosen| one.way.as_mut().unwrap().ended = false;
        fails(name, open, &[&check("end of the stream")]);
    }
    let expected = ["bytes", "content", "end of the stream"];
    let expected = expected.map(|what| format!("path-managers: binder: {what}"));
    fails(
        "binder",
        |one| one.way = None,
        &expected.each_ref().map(String::as_str),
    );
}

#[test]
fn a_wrong_number_of_subflows_is_noticed() {
    let cases = [
        // The path manager makes one, the scheduler is tried with more.
        ("default", Some(2), "path-managers: default: subflows"),
        ("default", Some(1), "schedulers: default: subflows"),
        ("fullmesh", Some(1), "path-managers: fullmesh: subflows"),
        ("fullmesh", None, "path-managers: fullmesh: subflows"),
        ("ndiffports", Some(1), "path-managers: ndiffports: subflows"),
        ("ndiffports", Some(3), "path-managers: ndiffports: subflows"),
        ("binder", Some(0), "path-managers: binder: subflows"),
        ("netlink", None, "path-managers: netlink: subflows"),
        ("redundant", Some(1), "schedulers: redundant: subflows"),
        ("lia", Some(1), "congestion-controls: lia: subflows"),
    ];
    for (name, count, expected) in cases {
        fails(name, |one| one.subflows = count, &[expected]);
    }
}

#[test]
fn the_number_of_subflows_is_the_one_that_the_module_has() {
    let expected = "path-managers: ndiffports: subflows";
    let set = |parameter: Option<&str>, count: u64| {
        let parameter = parameter.map(str::to_owned);
        move |one: &mut Chosen| {
            one.parameter.clone_from(&parameter);
            one.subflows = Some(count);
        }
    };
    fails("ndiffports", set(Some("5"), 5), &[]);
    fails("ndiffports", set(Some("5"), 2), &[expected]);
    fails("ndiffports", set(None, 2), &[expected]);
    fails("ndiffports", set(Some("two"), 2), &[expected]);
    // A single one would be no sign of it.
    fails("ndiffports", set(Some("1"), 1), &[expected]);
}

#[test]
fn links_that_carry_too_little_or_too_much_are_noticed() {
    let one = Links::Both.payload();
    let twice = Links::Twice.payload();
    let cases = [
        ("ndiffports", 0, one - 1, "path-managers"),
        ("ndiffports", 1, SILENCE + 1, "path-managers"),
        ("fullmesh", 1, one / 4 - 1, "path-managers"),
        ("roundrobin", 0, one / 4 - 1, "schedulers"),
        ("blest", 1, one / 4 - 1, "schedulers"),
        ("redundant", 0, twice / 2, "schedulers"),
        ("redundant", 1, twice - 1, "schedulers"),
        ("lia", 1, one / 32 - 1, "congestion-controls"),
    ];
    for (name, link, count, group) in cases {
        let which = ["first", "second"][link];
        let expected = format!("{group}: {name}: {which} link");
        fails(
            name,
            |one| one.way.as_mut().unwrap().links[link] = count,
            &[&expected],
        );
    }
    // What these do is not known.
    for name in ["binder", "netlink"] {
        fails(
            name,
            |one| one.way.as_mut().unwrap().links = [0, 7_000_000],
            &[],
        );
    }
}

#[test]
fn counters_that_prove_nothing_are_noticed() {
    let zero = |name: &'static str| {
        move |one: &mut Chosen| {
            one.counters.client.insert(name.to_owned(), 0);
        }
    };
    let none = |name: &'static str| {
        move |one: &mut Chosen| {
            one.counters.server.remove(name);
        }
    };
    let expected = "path-managers: fullmesh: counters";
    fails("fullmesh", zero("MPJoinSynAckRx"), &[expected]);
    fails("fullmesh", none("MPJoinAckRx"), &[expected]);
    fails(
        "lia",
        none("MPJoinSynRx"),
        &["congestion-controls: lia: counters"],
    );
    fails(
        "binder",
        zero("MPCapableSYNACKRX"),
        &["path-managers: binder: counters"],
    );
    fails("binder", zero("MPJoinSynAckRx"), &[]);
    let fault = |one: &mut Chosen| {
        one.counters
            .server
            .insert("MPFallbackDataSub".to_owned(), 1);
    };
    fails(
        "blest",
        fault,
        &["schedulers: blest: fault counters at the server"],
    );
    let none = |one: &mut Chosen| one.counters.client.clear();
    let expected = [
        "congestion-controls: olia: counters",
        "congestion-controls: olia: fault counters at the client",
    ];
    fails("olia", none, &expected);
}

#[test]
fn what_was_promised_but_not_tried_is_noticed() {
    let observed = spoiled(|event| {
        if let Event::Chosen(all) = event {
            all.retain(|one| one.name != "redundant");
        }
    });
    let judgement = judged(&observed);
    let failed = judgement.checks.iter().filter(|check| !check.passed);
    let failed: Vec<_> = failed.collect();
    assert!(failed.len() > 8);
    for check in failed {
        assert!(check.name.starts_with("redundant: "), "{}", check.name);
        assert_eq!(check.found, "nothing was reported");
    }
}

#[test]
fn a_step_with_choices_that_is_left_out_is_noticed() {
    for step in [
        Step::PathManagers,
        Step::Schedulers,
        Step::CongestionControls,
    ] {
        let mut observed = good();
        let of_step = [Event::Begin(step), Event::End(step)];
        observed
            .lines
            .retain(|seen| !of_step.contains(&seen.line.event));
        assert_eq!(failed_of(&judged(&observed)), ["report: steps"]);
    }
}

#[test]
fn what_is_not_built_is_not_missed() {
    let without = CONFIG.replace("CONFIG_MPTCP_REDUNDANT=m\n", "");
    let observed = spoiled(|event| match event {
        Event::Chosen(all) => all.retain(|one| one.name != "redundant"),
        Event::Features(all) => {
            all.schedulers.retain(|name| name != "redundant");
            all.modules.remove("mptcp_redundant");
        }
        _ => {}
    });
    assert_eq!(failed_of(&judged_with(&observed, &without)), [""; 0]);
}

#[test]
fn the_default_is_the_one_that_was_chosen() {
    let with = |sysctl: &'static str, value: &'static str| {
        spoiled(move |event| {
            if let Event::Sysctls(all) = event {
                all.values.insert(sysctl.to_owned(), value.to_owned());
            }
        })
    };
    let path_manager = "net.mptcp.mptcp_path_manager";
    let scheduler = "net.mptcp.mptcp_scheduler";
    let judgement = judged(&with(path_manager, "default"));
    let expected = format!("sysctls: {path_manager}, by default");
    assert_eq!(failed_of(&judgement), [expected.as_str()]);
    // Releases whose configuration names another one than was chosen, or one that there is not.
    let netlink = CONFIG
        .replace("DEFAULT_FULLMESH", "DEFAULT_NETLINK")
        .replace("\"fullmesh\"", "\"default\"");
    let judgement = judged_with(&with(path_manager, "default"), &netlink);
    let reason = "expected netlink (CONFIG_DEFAULT_NETLINK=y, though CONFIG_DEFAULT_MPTCP_PM=\"default\"), \
                  found default";
    assert!(judgement.reason.unwrap().ends_with(reason));
    let blest = CONFIG.replace("\"blest\"", "\"BLEST\"");
    let judgement = judged_with(&with(scheduler, "default"), &blest);
    let reason = "expected blest (CONFIG_DEFAULT_BLEST=y, though CONFIG_DEFAULT_MPTCP_SCHED=\"BLEST\"), \
                  found default";
    assert!(judgement.reason.unwrap().ends_with(reason));
    // Without any choice it is what the name says.
    let none = CONFIG.replace("CONFIG_DEFAULT_BLEST=y\n", "");
    assert_eq!(failed_of(&judged_with(&good(), &none)), [""; 0]);
    let none = none.replace("CONFIG_DEFAULT_MPTCP_SCHED=\"blest\"\n", "");
    let judgement = judged_with(&with(scheduler, "default"), &none);
    assert_eq!(failed_of(&judgement), [""; 0]);
}
