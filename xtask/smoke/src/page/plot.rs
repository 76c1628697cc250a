//! The throughput of two links in time, drawn.

use maud::{Markup, html};
use model::smoke::{Cut, Point};

use super::scale::{Ticks, float, ticks};
use super::timeline::n;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 270.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 44.0;
/// How many stretches of time a curve is made of at most.
const STRETCHES: usize = 120;

/// The style of each link's curve.
pub(super) const CLASSES: [&str; 2] = ["curve first", "curve second"];
const NAMES: [&str; 2] = ["first link", "second link"];

/// A stretch of time and what both links carried in it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    /// Its middle, in seconds since the first point.
    time: f64,
    /// In Mbit/s, by link.
    links: [f64; 2],
}

/// The rates between points, with neighbours taken together where there are many.
fn rates(points: &[Point]) -> Vec<Rate> {
    let sound = points.iter().filter(|point| point.time.is_finite());
    let points: Vec<_> = sound.collect();
    let Some(begin) = points.first() else {
        return Vec::new();
    };
    let every = points.len().div_ceil(STRETCHES).max(1);
    let mut kept: Vec<_> = points.iter().copied().step_by(every).collect();
    // The end must not be lost to the rounding.
    kept.extend(
        points
            .last()
            .copied()
            .filter(|_| (points.len() - 1) % every != 0),
    );
    let stretches = kept.windows(2).filter(|pair| pair[1].time > pair[0].time);
    let rate = |pair: &[&Point]| {
        let seconds = pair[1].time - pair[0].time;
        let carried = |link: usize| pair[1].bytes[link].saturating_sub(pair[0].bytes[link]);
        Rate {
            time: f64::midpoint(pair[0].time, pair[1].time) - begin.time,
            links: [0, 1].map(|link| float(carried(link)) * 8.0 / 1e6 / seconds),
        }
    };
    stretches.map(rate).collect()
}

struct Axes {
    x: Ticks,
    y: Ticks,
}

impl Axes {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (seconds / self.x.end).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, rate: f64) -> f64 {
        HEIGHT - BOTTOM - (rate / self.y.end).clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
    }
}

/// The drawing for a transfer; `index` tells it from others on the page.
pub(super) fn drawing(name: &str, index: usize, points: &[Point], cut: Option<&Cut>) -> Markup {
    let rates = rates(points);
    if rates.is_empty() {
        return html! { p .muted { "The links were not measured." } };
    }
    let reach = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let axes = Axes {
        x: ticks(reach(&mut rates.iter().map(|rate| rate.time)), 8),
        y: ticks(reach(&mut rates.iter().flat_map(|rate| rate.links)), 4),
    };
    let begin = points.first().map_or(0.0, |point| point.time);
    let (title_id, text_id) = (format!("plot-{index}-title"), format!("plot-{index}-text"));
    html! {
        svg .plot viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-labelledby={ (title_id) " " (text_id) } {
            title id=(title_id) { (name) ": throughput of both links in time" }
            desc id=(text_id) { (description(&rates)) }
            (grid(&axes))
            @if let Some(cut) = cut { (death(&axes, cut.time - begin)) }
            @for link in [0, 1] {
                polyline class=(CLASSES[link]) points=(curve(&axes, &rates, link)) {}
            }
            @for link in [0, 1] { (label(&axes, &rates, link)) }
            (legend())
        }
    }
}

fn description(rates: &[Rate]) -> String {
    let peak = |link: usize| {
        rates
            .iter()
            .map(|rate| rate.links[link])
            .fold(0.0, f64::max)
    };
    let seconds = rates.last().map_or(0.0, |rate| rate.time);
    let (first, second) = (peak(0), peak(1));
    format!(
        "In {seconds:.1} seconds, the first link reached {first:.0} Mbit/s and the second one {second:.0} Mbit/s."
    )
}

fn grid(axes: &Axes) -> Markup {
    html! {
        @for mark in &axes.y.marks {
            line .grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(n(axes.y(*mark))) y2=(n(axes.y(*mark))) {}
            text .tick x=(LEFT - 8.0) y=(n(axes.y(*mark) + 4.0)) text-anchor="end" { (format!("{mark:.0$}", axes.y.digits)) }
        }
        @for mark in &axes.x.marks {
            line .notch x1=(n(axes.x(*mark))) x2=(n(axes.x(*mark))) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM + 5.0) {}
            text .tick x=(n(axes.x(*mark))) y=(HEIGHT - BOTTOM + 19.0) text-anchor="middle" { (format!("{mark:.0$}", axes.x.digits)) }
        }
        line .axis x1=(LEFT) x2=(WIDTH - RIGHT) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM) {}
        text .unit x="0" y="14" { "Mbit/s" }
        text .unit x=(n(axes.x(axes.x.end / 2.0))) y=(HEIGHT - 6.0) text-anchor="middle" { "seconds since the transfer began" }
    }
}

fn death(axes: &Axes, time: f64) -> Markup {
    let x = axes.x(time);
    let (anchor, at) = if x < WIDTH * 0.7 {
        ("start", x + 6.0)
    } else {
        ("end", x - 6.0)
    };
    html! {
        line .death x1=(n(x)) x2=(n(x)) y1=(TOP - 6.0) y2=(HEIGHT - BOTTOM) {}
        text .death-label x=(n(at)) y=(TOP + 4.0) text-anchor=(anchor) { "✕ first link dies" }
    }
}

fn curve(axes: &Axes, rates: &[Rate], link: usize) -> String {
    let points = rates.iter().map(|rate| {
        let (x, y) = (axes.x(rate.time), axes.y(rate.links[link]));
        format!("{x:.1},{y:.1}")
    });
    points.collect::<Vec<_>>().join(" ")
}

/// The name of a curve, in its upper half where it is furthest above the other one, or least below it.
fn label(axes: &Axes, rates: &[Rate], link: usize) -> Markup {
    let lead = |rate: &Rate| rate.links[link] - rate.links[1 - link];
    let peak = rates
        .iter()
        .map(|rate| rate.links[link])
        .fold(0.0, f64::max);
    let upper = rates.iter().filter(|rate| rate.links[link] >= peak / 2.0);
    let best = upper.max_by(|a, b| lead(a).total_cmp(&lead(b)));
    let Some(best) = best else {
        return html! {};
    };
    let above = lead(best) >= 0.0;
    let x = axes.x(best.time).clamp(LEFT + 40.0, WIDTH - RIGHT - 40.0);
    let y = axes.y(best.links[link]) + if above { -8.0 } else { 18.0 };
    let y = y.clamp(TOP - 4.0, HEIGHT - BOTTOM - 6.0);
    let class = ["label first", "label second"][link];
    html! { text class=(class) x=(n(x)) y=(n(y)) text-anchor="middle" { (NAMES[link]) } }
}

fn legend() -> Markup {
    html! {
        @for (link, x) in [(0, WIDTH - 232.0), (1, WIDTH - 116.0)] {
            line class=(CLASSES[link]) x1=(x) x2=(x + 26.0) y1="10" y2="10" {}
            text .unit x=(x + 33.0) y="14" { (NAMES[link]) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(time: f64, first: u64) -> Point {
        Point {
            time,
            bytes: [first, 0],
        }
    }

    #[test]
    fn rates_are_those_between_points() {
        let points = [point(5.0, 0), point(6.0, 1_000_000), point(6.5, 1_000_000)];
        let expected = [(0.5, 8.0), (1.25, 0.0)].map(|(time, first)| Rate {
            time,
            links: [first, 0.0],
        });
        assert_eq!(rates(&points), expected);
    }

    #[test]
    fn many_points_become_few_and_the_end_stays() {
        let points: Vec<_> = (0..10_001_u32)
            .map(|i| point(f64::from(i), u64::from(i)))
            .collect();
        let rates = rates(&points);
        assert!(rates.len() <= STRETCHES + 1 && rates.len() > STRETCHES / 2);
        assert!(rates.last().unwrap().time > 9_900.0);
    }

    #[test]
    fn senseless_points_do_no_harm() {
        for points in [
            vec![],
            vec![point(1.0, 1)],
            vec![point(1.0, 1), point(1.0, 2)],
            vec![point(2.0, 9), point(1.0, 1), point(3.0, 2)],
            vec![point(f64::NAN, 1), point(1.0, u64::MAX), point(2.0, 0)],
        ] {
            let text = drawing("x", 0, &points, None).into_string();
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
    }
}
