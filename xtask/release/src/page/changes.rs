//! What is new in a kernel.

use maud::{Markup, html};
use model::release::Changes;

use crate::text::clean;

/// How many lines are shown without being asked for.
const SHORT: usize = 10;

pub(super) fn section(changes: Option<&Changes>) -> Markup {
    html! {
        @if let Some(changes) = changes {
            h4 { "What changed since " span .version { (clean(&changes.since)) } }
            (list("What it can do", &changes.capabilities))
            (list("Configuration", &changes.configuration))
        } @else {
            p .hint { "There was no release of it before, so nothing to compare it with." }
        }
    }
}

fn list(title: &str, lines: &[String]) -> Markup {
    html! {
        @if lines.is_empty() {
            p .hint { (title) ": the same" }
        } @else if lines.len() <= SHORT {
            p .hint { (title) ": " (tally(lines)) }
            (difference(lines))
        } @else {
            details {
                summary .hint { (title) ": " (tally(lines)) }
                (difference(lines))
            }
        }
    }
}

/// How much came and how much went.
fn tally(lines: &[String]) -> Markup {
    let count = |sign| lines.iter().filter(|line| line.starts_with(sign)).count();
    html! {
        span .plus { "+" (count('+')) } " " span .minus { "−" (count('-')) }
    }
}

fn difference(lines: &[String]) -> Markup {
    html! { ul .difference { @for line in lines { li class=(class(line)) { (clean(line)) } } } }
}

fn class(line: &str) -> &'static str {
    match line.chars().next() {
        Some('+') => "plus",
        Some('-') => "minus",
        _ => "other",
    }
}
