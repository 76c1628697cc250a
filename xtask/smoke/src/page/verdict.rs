//! What came of it, and on which machine.

use maud::{Markup, html};
use model::smoke::{Machine, Smoke, Verdict};

use super::{bytes, clean, title};
use crate::page::scale;

/// The verdict in a word.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "Passed",
        Verdict::Failed => "Failed",
        Verdict::NotRun => "Not run",
    }
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::NotRun => "not-run",
    }
}

pub(super) fn header(smoke: &Smoke) -> Markup {
    html! {
        header class={ "verdict " (class(smoke.verdict)) } {
            p .eyebrow { "Smoke boot" }
            h1 { (word(smoke.verdict)) }
            @if let Some(release) = &smoke.kernel_release {
                p .release { (clean(release)) }
            }
            @if let Some(reason) = &smoke.reason {
                p .reason { (clean(reason)) }
            }
            (tally(smoke))
        }
        (sabotage(smoke))
        (facts(smoke))
    }
}

fn tally(smoke: &Smoke) -> Markup {
    let failed = smoke.checks.iter().filter(|check| !check.passed);
    let mut groups: Vec<_> = failed.clone().map(|check| check.group.as_str()).collect();
    groups.dedup();
    html! {
        @if !smoke.checks.is_empty() {
            p .tally {
                @if groups.is_empty() { "All " b { (smoke.checks.len()) } " checks hold" } @else {
                b { (failed.count()) } " of " b { (smoke.checks.len()) } " checks failed"
                @for (index, group) in groups.iter().enumerate() {
                    (if index == 0 { ": " } else { ", " })
                    a href={ "#" (clean(group)) } { (title(group)) }
                }
                }
            }
        }
    }
}

fn sabotage(smoke: &Smoke) -> Markup {
    let machine = smoke.machine.as_ref();
    let sabotage = machine.and_then(|machine| machine.sabotage.as_ref());
    html! {
        @if let Some(sabotage) = sabotage {
            aside .sabotage role="note" {
                strong { "Sabotaged on purpose: " code { (clean(sabotage)) } }
                p { "This run shows that a fault is noticed. It says nothing about the kernel and never counts for a release." }
            }
        }
    }
}

fn facts(smoke: &Smoke) -> Markup {
    html! {
        section {
            h2 { "Run" }
            dl .facts {
                (fact("Began", &scale::date(smoke.started)))
                @if let Some(machine) = &smoke.machine {
                    (machine_facts(machine))
                } @else {
                    (fact("Machine", "none: nothing was booted"))
                }
                @if let Some(manifest) = &smoke.manifest {
                    (long_fact("Manifest (SHA-256)", &manifest.to_string()))
                } @else {
                    (fact("Manifest", "none: packages of unknown origin"))
                }
            }
            @for retry in &smoke.retries {
                p .retry { "Given up before, with " b { (clean(&retry.accelerator)) } ": " (clean(&retry.reason)) }
            }
            @if !smoke.packages.is_empty() {
                details {
                    summary { (smoke.packages.len()) " packages" }
                    div .scroll tabindex="0" {
                        table {
                            thead { tr { th scope="col" { "Package" } th scope="col" { "SHA-256" } } }
                            tbody {
                                @for (name, digest) in &smoke.packages {
                                    tr { td .code { (clean(name)) } td .code { (digest) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn machine_facts(machine: &Machine) -> Markup {
    let accelerator = match machine.accelerator.as_str() {
        "kvm" => "KVM".to_owned(),
        "tcg" => "TCG (emulated: times say little)".to_owned(),
        other => clean(other),
    };
    html! {
        (fact("Accelerator", &accelerator))
        (fact("Processors", &machine.cpus.to_string()))
        (fact("Memory", &bytes(machine.memory)))
        (fact("Initramfs", &bytes(machine.initramfs)))
        (fact("QEMU", &clean(&machine.qemu)))
        (long_fact("Container", &clean(&machine.container)))
        (long_fact("Guest (SHA-256)", &machine.guest.to_string()))
        (long_fact("Command line", &clean(&machine.command_line)))
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn long_fact(name: &str, value: &str) -> Markup {
    html! { div .long { dt { (name) } dd .code { (value) } } }
}
