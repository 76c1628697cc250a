//! What each path manager, scheduler and congestion control did that was selected in turn.

use maud::{Markup, html};
use model::smoke::Choice;

use super::scale::float;
use super::transfers::{key, share};
use super::{bytes, clean, title};

pub(super) fn section(choices: &[Choice]) -> Markup {
    html! {
        @if !choices.is_empty() {
            section {
                h2 { "Choices" }
                p .muted { "Each was selected in turn, for a transfer from client to server." }
                div .scroll tabindex="0" { (table(choices)) }
            }
        }
    }
}

fn table(choices: &[Choice]) -> Markup {
    html! {
        table .numbers {
            thead {
                tr {
                    th scope="col" { "Selected" }
                    th scope="col" { "Subflows" }
                    th scope="col" { "Payload" }
                    th scope="col" { (key(0)) "First link" }
                    th scope="col" { (key(1)) "Second link" }
                    th scope="col" { "Time" }
                }
            }
            @for group in choices.chunk_by(|a, b| a.group == b.group) {
                tbody {
                    @if let Some(first) = group.first() {
                        tr { th colspan="6" scope="rowgroup" { (title(&first.group)) } }
                    }
                    @for choice in group { (row(choice)) }
                }
            }
        }
    }
}

fn row(choice: &Choice) -> Markup {
    html! {
        tr {
            th scope="row" .code { (clean(&choice.name)) }
            td { @if let Some(count) = choice.subflows { (count) } @else { "–" } }
            td { (bytes(choice.payload)) }
            (share(choice.links, 0))
            (share(choice.links, 1))
            td { (format!("{:.2} s", float(choice.microseconds) / 1e6)) }
        }
    }
}
