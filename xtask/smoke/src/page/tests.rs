//! Pages: what they must hold, and what must never get into them.

use std::collections::BTreeMap;

use model::smoke::{Smoke, Verdict};
use protocol::Event;

use super::page;
use crate::testing::{HOSTILE, good, out_of_tree, result, result_of, retry};

fn acts(character: char) -> bool {
    character.is_control() && character != '\n'
}

#[test]
fn a_passed_page_holds_everything() {
    let smoke = result(&good());
    let text = page(&smoke, b"booted\n");
    for part in [
        "<html lang=\"en\">",
        "Content-Security-Policy",
        "<h1>Passed</h1>",
        "6.12.117-mptcp-test",
        "KVM",
        "QEMU emulator version",
        "Transfer, IPv6",
        "MPJoinSynAckRx",
        "net.mptcp.unheard_of",
        "booted\n",
        "prefers-color-scheme: dark",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert!(text.contains(&smoke.manifest.unwrap().to_string()));
    assert!(!text.contains("class=\"group failed\""));
    assert_eq!(text.matches("role=\"img\"").count(), 5);
    for outside in [
        "http:", "https:", "src=", "@import", "url(", "<script", "<link",
    ] {
        assert!(!text.contains(outside), "{outside}");
    }
    assert!(!text.contains(acts));
}

#[test]
fn choices_are_shown_where_there_are_any() {
    assert!(!page(&result(&good()), b"").contains("<h2>Choices</h2>"));
    let mut smoke = result_of(out_of_tree::judged(&out_of_tree::good()));
    smoke.choices[0].name = String::from_utf8_lossy(HOSTILE).into_owned();
    smoke.choices[1].subflows = None;
    let text = page(&smoke, b"");
    for part in [
        "<h2>Choices</h2>",
        "Path managers",
        "Schedulers",
        "Congestion controls",
        "redundant",
        "mctcpdesync",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert!(!text.contains("<script") && !text.contains(acts));
}

#[test]
fn failures_come_first_and_open() {
    let mut observed = good();
    observed.console = b"WARNING: x\n".to_vec();
    let smoke = result(&observed);
    let text = page(&smoke, &observed.console);
    assert!(text.contains("<h1>Failed</h1>"));
    let failed = text
        .find("<details class=\"group failed\" id=\"console\" open>")
        .unwrap();
    assert!(failed < text.find("class=\"group passed\"").unwrap());
    assert_eq!(text.matches("group failed").count(), 1);
}

#[test]
fn sabotage_and_retries_are_told() {
    let mut smoke = result(&good());
    smoke.machine.as_mut().unwrap().sabotage = Some("flip-byte".to_owned());
    smoke.retries = vec![retry()];
    let text = page(&smoke, b"");
    assert!(text.contains("Sabotaged on purpose") && text.contains("flip-byte"));
    assert!(text.contains(&retry().reason));
}

#[test]
fn a_boot_that_was_not_run_does_not_look_like_one() {
    let smoke = Smoke::not_run(None, BTreeMap::new(), None, 0, "no QEMU".to_owned());
    let text = page(&smoke, b"");
    assert!(text.contains("<h1>Not run</h1>") && text.contains("no QEMU"));
    assert!(!text.contains("Passed") && !text.contains("✓"));
}

#[test]
fn nothing_hostile_gets_through() {
    let hostile = String::from_utf8_lossy(HOSTILE).into_owned();
    let mut observed = good();
    for seen in &mut observed.lines {
        if let Event::Features(features) = &mut seen.line.event {
            features.schedulers.push(hostile.clone());
        }
    }
    let mut smoke = result(&observed);
    // A result is read from a file, which need not have been written by the judge.
    smoke.verdict = Verdict::Failed;
    smoke.reason = Some(hostile.clone());
    smoke.kernel_release = Some(hostile.clone());
    smoke.checks[0].group.clone_from(&hostile);
    smoke.checks[0].found.clone_from(&hostile);
    smoke.phases[0].name.clone_from(&hostile);
    smoke.links[0].transfer.clone_from(&hostile);
    smoke
        .capabilities
        .sysctls
        .insert(hostile.clone(), hostile.clone());
    let ends = smoke.counters.values().next().unwrap().clone();
    smoke.counters.insert(hostile, ends);
    smoke.machine.as_mut().unwrap().sabotage = Some("<script>".to_owned());
    let text = page(&smoke, HOSTILE);
    assert!(
        !text.contains("<script") && !text.contains("</pre> "),
        "{text}"
    );
    assert!(!text.contains(acts));
    assert!(!text.contains('\u{202e}'));
}

#[test]
fn a_long_console_is_shown_from_its_end() {
    let mut console = b"the begin\n".repeat(100_000);
    console.extend(b"the end\n");
    let text = page(&result(&good()), &console);
    assert!(text.len() < 600_000);
    assert!(text.contains("the end\n") && text.contains("the last 256"));
}
