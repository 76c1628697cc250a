//! Every check, by group: what had to be, and what was.

use maud::{Markup, html};
use model::smoke::Check;

use super::{clean, title};

pub(super) fn section(checks: &[Check]) -> Markup {
    let mut groups: Vec<(&str, Vec<&Check>)> = Vec::new();
    for check in checks {
        match groups.iter_mut().find(|(group, _)| *group == check.group) {
            Some((_, checks)) => checks.push(check),
            None => groups.push((&check.group, vec![check])),
        }
    }
    let failed = |checks: &[&Check]| checks.iter().any(|check| !check.passed);
    groups.sort_by_key(|(_, checks)| !failed(checks));
    html! {
        section {
            h2 { "Checks" }
            @if checks.is_empty() { p .muted { "None was made." } }
            @for (name, checks) in &groups { (group(name, checks)) }
        }
    }
}

fn group(name: &str, checks: &[&Check]) -> Markup {
    let failed = checks.iter().filter(|check| !check.passed).count();
    let class = if failed == 0 {
        "group passed"
    } else {
        "group failed"
    };
    let mut rows = checks.to_vec();
    rows.sort_by_key(|check| check.passed);
    html! {
        details class=(class) id=(clean(name)) open[failed > 0] {
            summary {
                (mark(failed == 0))
                span .group-name { (title(name)) }
                span .count {
                    @if failed == 0 { (checks.len()) } @else { (failed) " of " (checks.len()) " failed" }
                }
            }
            div .scroll tabindex="0" {
                table .checks {
                    thead {
                        tr {
                            th scope="col" { span .hidden { "Result" } }
                            th scope="col" { "Check" }
                            th scope="col" { "Expected" }
                            th scope="col" { "Found" }
                        }
                    }
                    tbody { @for check in rows { (row(check)) } }
                }
            }
        }
    }
}

fn row(check: &Check) -> Markup {
    html! {
        tr .bad[!check.passed] {
            td { (mark(check.passed)) }
            th scope="row" { (clean(&check.name)) }
            td { (clean(&check.expected)) }
            td { (clean(&check.found)) }
        }
    }
}

/// Passed or failed, by shape and not by colour alone.
fn mark(passed: bool) -> Markup {
    let (class, sign, word) = if passed {
        ("mark good", "✓", "passed")
    } else {
        ("mark bad", "✕", "failed")
    };
    html! { span class=(class) { span aria-hidden="true" { (sign) } span .hidden { (word) } } }
}
