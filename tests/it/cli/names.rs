//! Arguments: names that are not there, usage that is wrong, and results for programs.

use super::assert_run;
use crate::support::Scratch;

#[test]
fn an_unknown_name_is_answered_with_the_nearest_ones() {
    let scratch = Scratch::small();
    assert_run!("near", scratch, scratch.xtask(&["show", "tny"]), 1);
    assert_run!("far", scratch, scratch.xtask(&["show", "zzz"]), 1);
    assert_run!("near_in_lock", scratch, scratch.xtask(&["lock", "bxo"]), 1);
    let commands: &[&[&str]] = &[
        &["show", "chidl"],
        &["check", "chidl"],
        &["build", "chidl"],
        &["reproduce", "chidl"],
        &["config", "chidl", "--diff"],
        &["clean", "chidl"],
        &["lock", "chidl"],
        &["lock", "--check", "chidl"],
        &["lock", "--outdated", "chidl"],
    ];
    for command in commands {
        let run = scratch.xtask(command).expect_code(1);
        assert!(
            run.stderr.contains("`chidl`") && run.stderr.contains("did you mean child"),
            "{command:?}: {}",
            run.stderr
        );
        assert_eq!(run.stdout, "", "{command:?}");
    }
}

#[test]
fn a_name_that_leads_elsewhere_is_unknown() {
    let scratch = Scratch::small();
    for name in [
        "../recipes/tiny",
        "tiny.toml",
        "",
        "/etc/passwd",
        "config/base",
        "TINY",
    ] {
        let run = scratch.xtask(&["show", name]).expect_code(1);
        assert!(
            run.stderr.starts_with("error: there is no recipe"),
            "{name}: {}",
            run.stderr
        );
    }
}

#[test]
fn wrong_usage_is_exit_2() {
    let scratch = Scratch::small();
    let commands: &[&[&str]] = &[
        &[],
        &["bild"],
        &["show"],
        &["show", "tiny", "child"],
        &["build", "tiny", "--jobs", "0"],
        &["build", "tiny", "--jobs", "many"],
        &["list", "--format", "yaml"],
        &["lock", "--check", "--outdated"],
        &["clean", "tiny", "--all"],
        &["test", "--quick", "--full"],
        &["check", "--colour"],
        &["config", "tiny"],
        &["build", "tiny", "--audit", "--no-cache"],
        &["build", "tiny", "--audit", "--incremental"],
        &["build", "tiny", "--incremental", "--no-cache"],
        &["reproduce"],
        &["reproduce", "tiny", "child"],
        &["reproduce", "tiny", "--jobs", "0"],
    ];
    for command in commands {
        let run = scratch.xtask(command).expect_code(2);
        assert_eq!(run.stdout, "", "{command:?}");
        assert!(!run.stderr.is_empty(), "{command:?}");
    }
    assert_run!(
        "menuconfig_without_terminal",
        scratch,
        scratch.xtask(&["config", "tiny"]),
        2
    );
}

#[test]
fn help_and_version_are_results() {
    let scratch = Scratch::small();
    for arguments in [
        &["--help"][..],
        &["help", "lock"],
        &["lock", "--help"],
        &["--version"],
    ] {
        let run = scratch.xtask(arguments).expect_code(0);
        assert!(
            !run.stdout.is_empty() && run.stderr.is_empty(),
            "{arguments:?}: {}",
            run.text()
        );
        assert!(
            run.stdout.lines().all(|line| line.chars().count() <= 100),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn results_for_people() {
    let scratch = Scratch::small();
    assert_run!("list", scratch, scratch.xtask(&["list"]), 0);
    assert_run!("show", scratch, scratch.xtask(&["show", "tiny"]), 0);
    assert_run!("show_stock", scratch, scratch.xtask(&["show", "stock"]), 0);
}

#[test]
fn a_list_tells_what_stands_in_the_way_and_goes_on() {
    let scratch = Scratch::small();
    scratch.remove("recipes/tiny.lock");
    scratch.replace("recipes/stock.toml", "[mptcp]", "[mptpc]");
    assert_run!("list_with_wrong_ones", scratch, scratch.xtask(&["list"]), 0);
}

#[test]
fn results_for_programs_are_json_and_nothing_else() {
    let scratch = Scratch::small();
    let commands: &[&[&str]] = &[
        &["list"],
        &["show", "tiny"],
        &["check"],
        &["lock", "--check"],
        &["clean"],
    ];
    for command in commands {
        let arguments = [*command, &["--format", "json"]].concat();
        let run = scratch.xtask(&arguments).expect_code(0);
        assert!(!run.json().is_null(), "{command:?}");
        assert_eq!(run.stderr, "", "{command:?}");
    }
    let list = scratch.xtask(&["list", "--format", "json"]).json();
    let names: Vec<_> = list
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| row["recipe"].as_str())
        .collect();
    assert_eq!(names, [Some("child"), Some("stock"), Some("tiny")]);
    let check = scratch.xtask(&["check", "tiny", "--format", "json"]).json();
    let show = scratch.xtask(&["show", "tiny", "--format", "json"]).json();
    assert_eq!(check[0]["plan_id"], show["plan_id"]);
}

#[test]
fn a_failure_leaves_standard_output_empty() {
    let scratch = Scratch::small();
    scratch.replace("recipes/tiny.toml", "[mptcp]", "[mptpc]");
    let commands: &[&[&str]] = &[
        &["show", "tiny"],
        &["check"],
        &["check", "tiny", "child"],
        &["lock", "--check"],
        &["build", "tiny"],
    ];
    for command in commands {
        for format in ["text", "json"] {
            let arguments = [*command, &["--format", format]].concat();
            let run = scratch.xtask(&arguments).expect_code(1);
            assert_eq!(run.stdout, "", "{command:?}");
            assert!(
                run.stderr.starts_with("error: "),
                "{command:?}: {}",
                run.stderr
            );
        }
    }
}

#[test]
fn the_project_is_found_from_any_folder_in_it() {
    let scratch = Scratch::small();
    let folder = scratch.path("recipes/config");
    let run = scratch.run_in(&folder, &["check", "tiny"]).expect_code(0);
    assert!(run.stdout.starts_with("tiny: ok"), "{}", run.stdout);
}

#[test]
fn a_wrong_environment_is_told() {
    let scratch = Scratch::small().env("MPTCP_KERNELS_CACHE", "relative/cache");
    assert_run!(
        "relative_cache",
        scratch,
        scratch.xtask(&["lock", "tiny"]),
        1
    );
    let scratch = Scratch::small()
        .without_env("MPTCP_KERNELS_CACHE")
        .without_env("HOME")
        .without_env("XDG_CONFIG_HOME");
    assert_run!("no_home", scratch, scratch.xtask(&["lock", "tiny"]), 3);
    scratch.xtask(&["check"]).expect_code(0);
}
