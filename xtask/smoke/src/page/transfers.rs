//! What the links carried in each transfer.

use std::collections::BTreeSet;

use maud::{Markup, html};
use model::smoke::{Carried, Cut, Point, Smoke};

use super::scale::float;
use super::{bytes, clean, plot, rank, title};

pub(super) fn section(smoke: &Smoke) -> Markup {
    let measured = smoke.throughput.keys().map(String::as_str);
    let carried = smoke.links.iter().map(|carried| carried.transfer.as_str());
    let mut names: Vec<_> = measured
        .chain(carried)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    names.sort_by_key(|name| rank(name));
    html! {
        @if !names.is_empty() {
            section {
                h2 { "Transfers" }
                @for (index, name) in names.into_iter().enumerate() {
                    (transfer(smoke, name, index))
                }
            }
        }
    }
}

fn transfer(smoke: &Smoke, name: &str, index: usize) -> Markup {
    let points = smoke.throughput.get(name).map_or(&[][..], Vec::as_slice);
    let cut = smoke.cuts.get(name);
    let ways: Vec<_> = smoke
        .links
        .iter()
        .filter(|carried| carried.transfer == name)
        .collect();
    html! {
        article .transfer {
            h3 { (title(name)) }
            @if let Some(cut) = cut { p .cut { (died(cut)) } }
            div .scroll tabindex="0" { (plot::drawing(&title(name), index, points, cut)) }
            div .scroll tabindex="0" { (table(&ways, points)) }
        }
    }
}

fn died(cut: &Cut) -> String {
    let arrived = bytes(cut.bytes);
    match cut.recovery {
        Some(took) => {
            format!("The first link died after {arrived}; the rest arrived within {took:.2} s.")
        }
        None => format!("The first link died after {arrived}; the rest never arrived."),
    }
}

fn table(ways: &[&Carried], points: &[Point]) -> Markup {
    html! {
        table .numbers {
            thead {
                tr {
                    th scope="col" { "Direction" }
                    th scope="col" { "Payload" }
                    th scope="col" { (key(0)) "First link" }
                    th scope="col" { (key(1)) "Second link" }
                    th scope="col" { "Time" }
                    th scope="col" { "Payload rate" }
                }
            }
            tbody {
                @for way in ways {
                    tr {
                        th scope="row" { (direction(&way.direction)) }
                        td { (bytes(way.payload)) }
                        (share(way.links, 0))
                        (share(way.links, 1))
                        td { (format!("{:.2} s", float(way.microseconds) / 1e6)) }
                        td { (rate(way)) }
                    }
                }
                @if let ([], Some(first), Some(last)) = (ways, points.first(), points.last()) {
                    @let carried = [0, 1].map(|link: usize| last.bytes[link].saturating_sub(first.bytes[link]));
                    tr {
                        th scope="row" { "Both, in frames" }
                        td { "–" }
                        (share(carried, 0))
                        (share(carried, 1))
                        td { (format!("{:.2} s", last.time - first.time)) }
                        td { "–" }
                    }
                }
            }
        }
    }
}

/// What a link carried, and which part that is of both.
pub(super) fn share(links: [u64; 2], link: usize) -> Markup {
    let total = float(links[0]) + float(links[1]);
    let percent = if total > 0.0 {
        float(links[link]) / total * 100.0
    } else {
        0.0
    };
    html! { td { (bytes(links[link])) " " span .muted { "(" (format!("{percent:.0}")) " %)" } } }
}

fn rate(way: &Carried) -> String {
    if way.microseconds == 0 {
        return "–".to_owned();
    }
    format!(
        "{:.0} Mbit/s",
        float(way.payload) * 8.0 / float(way.microseconds)
    )
}

fn direction(name: &str) -> String {
    match name {
        "up" => "Client to server".to_owned(),
        "down" => "Server to client".to_owned(),
        other => clean(other),
    }
}

/// The stroke that a link is drawn with.
pub(super) fn key(link: usize) -> Markup {
    html! {
        svg .key viewBox="0 0 26 10" aria-hidden="true" {
            line class=(plot::CLASSES[link]) x1="1" x2="25" y1="5" y2="5" {}
        }
        " "
    }
}
