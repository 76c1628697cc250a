//! Boot and steps in time.

use maud::{Markup, html};
use model::smoke::Span;

use super::scale::{float, ticks};
use super::title;

const WIDTH: f64 = 760.0;
/// Where bars begin, right of their names.
const LEFT: f64 = 190.0;
/// Room for the seconds behind the last bar.
const RIGHT: f64 = 64.0;
const ROW: f64 = 26.0;
const AXIS: f64 = 34.0;

pub(super) fn section(phases: &[Span]) -> Markup {
    html! {
        @if !phases.is_empty() {
            section {
                h2 { "Course" }
                div .scroll tabindex="0" { (drawing(phases)) }
            }
        }
    }
}

fn drawing(phases: &[Span]) -> Markup {
    let end = phases.iter().map(|phase| phase.end).fold(0.0, f64::max);
    let ticks = ticks(end, 7);
    let x =
        |seconds: f64| LEFT + seconds.clamp(0.0, ticks.end) / ticks.end * (WIDTH - LEFT - RIGHT);
    let bottom = float(phases.len() as u64) * ROW + 6.0;
    let height = bottom + AXIS;
    let description = format!(
        "{} phases in {end:.1} seconds, each a bar from its begin to its end.",
        phases.len()
    );
    html! {
        svg .timeline viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-labelledby="course-title course-text" {
            title id="course-title" { "What happened when, in seconds since QEMU began" }
            desc id="course-text" { (description) }
            @for mark in &ticks.marks {
                line .grid x1=(n(x(*mark))) x2=(n(x(*mark))) y1="0" y2=(bottom) {}
                text .tick x=(n(x(*mark))) y=(bottom + 16.0) text-anchor="middle" { (format!("{mark:.0$}", ticks.digits)) }
            }
            text .unit x=(n(x(ticks.end / 2.0))) y=(bottom + 31.0) text-anchor="middle" { "seconds since QEMU began" }
            @for (index, phase) in phases.iter().enumerate() {
                @let y = float(index as u64) * ROW;
                @let width = (x(phase.end) - x(phase.start)).max(2.0);
                text .name x=(LEFT - 10.0) y=(y + 17.0) text-anchor="end" { (title(&phase.name)) }
                rect .bar x=(n(x(phase.start))) y=(y + 5.0) width=(n(width)) height=(ROW - 9.0) rx="2" {}
                text .value x=(n(x(phase.start) + width + 6.0)) y=(y + 17.0) { (format!("{:.2} s", phase.end - phase.start)) }
            }
        }
    }
}

/// A coordinate with as many digits as are seen.
pub(super) fn n(coordinate: f64) -> String {
    format!("{coordinate:.1}")
}
