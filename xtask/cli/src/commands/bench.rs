//! `bench`: this tool against its bars.

mod building;
mod releasing;

use std::time::Duration;

use builder::build::lock_result;
use host::cancel::Cancel;
use serde::Serialize;
use smoke::Accelerator;
use smoke::bench::{Guests, Measurement, Times};

use super::smoke::{Booter, Target, guest};
use crate::arguments::{Bench, Global, Hardware};
use crate::context::{self, Online};
use crate::failure::Failure;
use crate::{output, progress};

/// How many times longer than a bare machine's first word the first checks may take.
const FIRST_CHECKS_BAR: f64 = 1.3;
/// How long a whole smoke boot of `mini` may take under TCG on 2 processors, in seconds.
const WHOLE_BAR: f64 = 40.0;
/// How large its initramfs may be, in bytes.
const INITRAMFS_BAR: f64 = 3e6;

/// How many processors the machine has that is measured.
const CPUS: u32 = 2;

#[derive(Serialize)]
struct Measured {
    accelerator: &'static str,
    cpus: u32,
    figures: Vec<Figure>,
}

#[derive(Serialize)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// The most that it should be, where there is such a bar.
    bar: Option<f64>,
    /// What it is the median of.
    runs: Vec<f64>,
}

pub(crate) fn run(global: &Global, command: &Bench, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    if command.packaging {
        return building::packaging(global, &project, command, cancel);
    }
    if let Some(second) = &command.caching {
        return building::caching(global, &project, command, second, cancel);
    }
    if let Some(folder) = &command.editing {
        return building::editing(global, &project, command, folder, cancel);
    }
    if command.planning {
        return building::planning(global, &project, command);
    }
    if command.releasing {
        return releasing::releasing(global, &project, command, cancel);
    }
    let recipe = project.recipe(&command.recipe)?;
    let _held = lock_result(&project.out(), &recipe.name)?;
    let target = Target::result(&project, recipe)?;
    let online = Online::open(global, cancel)?;
    let engine = online.engine()?;
    let tools = online.tools(&project, &engine);
    let reporter = progress::reporter(global);
    let booter = Booter::prepare(tools, &*reporter)?;
    let bare = guest(tools, "bare")?;
    reporter.phase("measure");
    let accelerator = match command.accel {
        Hardware::Kvm => Accelerator::Kvm,
        Hardware::Tcg => Accelerator::Tcg,
    };
    let guests = Guests {
        guest: &booter.guest,
        bare: &bare,
    };
    let measurement = Measurement {
        engine: &engine,
        qemu: &booter.qemu,
        guests,
        subject: &target.subject,
        accelerator,
        cpus: CPUS,
    };
    let times = measurement.take(command.runs)?;
    drop(reporter);
    let measured = Measured {
        accelerator: accelerator.name(),
        cpus: CPUS,
        figures: figures(&times),
    };
    output::result(global, &measured, |measured| {
        let head = format!(
            "{} under {} with {} processors\n",
            command.recipe, measured.accelerator, measured.cpus
        );
        head + &texts(&measured.figures)
    })
}

fn texts(figures: &[Figure]) -> String {
    figures.iter().map(text).collect()
}

fn figures(times: &Times) -> Vec<Figure> {
    let bare = seconds("QEMU to the word of a bare machine", &times.bare, None);
    let first = seconds(
        "QEMU to the verdict of checks 1 to 4",
        &times.first_checks,
        None,
    );
    let ratio = Figure {
        name: "the latter against the former".to_owned(),
        value: first.value / bare.value,
        unit: "x",
        bar: Some(FIRST_CHECKS_BAR),
        runs: first
            .runs
            .iter()
            .zip(&bare.runs)
            .map(|(first, bare)| first / bare)
            .collect(),
    };
    #[expect(clippy::cast_precision_loss, reason = "no initramfs has 2^52 bytes")]
    let initramfs = Figure {
        name: "initramfs".to_owned(),
        value: times.initramfs as f64,
        unit: "bytes",
        bar: Some(INITRAMFS_BAR),
        runs: Vec::new(),
    };
    let whole = seconds("a whole smoke boot", &times.whole, Some(WHOLE_BAR));
    vec![bare, first, ratio, whole, initramfs]
}

fn seconds(name: &str, runs: &[Duration], bar: Option<f64>) -> Figure {
    let runs: Vec<_> = runs.iter().map(Duration::as_secs_f64).collect();
    Figure {
        name: name.to_owned(),
        value: median(&runs),
        unit: "s",
        bar,
        runs,
    }
}

/// The middle value; of two, the lower one.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .get(sorted.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(f64::NAN)
}

fn text(figure: &Figure) -> String {
    let number = |value: f64| match figure.unit {
        "bytes" => format!("{value:.0}"),
        "s" if value < 0.1 => format!("{value:.4}"),
        _ => format!("{value:.2}"),
    };
    let mut text = format!(
        "{:>12} {:<6} {}",
        number(figure.value),
        figure.unit,
        figure.name
    );
    if let Some(bar) = figure.bar {
        let kept = if figure.value <= bar {
            "kept"
        } else {
            "MISSED"
        };
        text.push_str(&format!("; the bar of {} is {kept}", number(bar)));
    }
    if !figure.runs.is_empty() {
        let runs: Vec<_> = figure.runs.iter().copied().map(number).collect();
        text.push_str(&format!(" (median of {})", runs.join(", ")));
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_bar_says_so() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        let mut figure = seconds("x", &[Duration::from_secs(41)], Some(WHOLE_BAR));
        assert!(text(&figure).contains("MISSED"), "{}", text(&figure));
        figure.value = 39.0;
        assert!(text(&figure).contains("is kept"), "{}", text(&figure));
    }
}
