//! How a build is watched: a bar on a terminal, lines elsewhere, nothing where nothing is wanted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use builder::report::{Reporter, Unit};
use host::clock::Stopwatch;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::arguments::Global;
use crate::output::{is_lively, note};

/// How often a log without a terminal hears that work goes on.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// The reporter that fits where standard error goes.
pub(crate) fn reporter(global: &Global) -> Box<dyn Reporter + '_> {
    if global.quiet {
        Box::new(Silent)
    } else if is_lively() {
        Box::new(Bar::new())
    } else {
        Box::new(Lines {
            global,
            state: Mutex::new(LineState {
                watch: Stopwatch::start(),
                spoken: Duration::ZERO,
                phase: String::new(),
            }),
        })
    }
}

struct Silent;

impl Reporter for Silent {
    fn phase(&self, _: &str) {}
    fn progress(&self, _: u64, _: u64, _: Unit) {}
    fn note(&self, _: &str) {}
}

struct Bar {
    bar: ProgressBar,
}

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar }
    }

    fn style(template: &str) -> ProgressStyle {
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    }
}

impl Reporter for Bar {
    fn phase(&self, name: &str) {
        self.bar
            .set_style(Self::style("{spinner} {prefix} {elapsed_precise}"));
        self.bar.reset();
        self.bar.set_prefix(name.to_owned());
    }

    fn progress(&self, done: u64, expected: u64, unit: Unit) {
        // Expectations of objects are guesses on a first build; a bar never goes beyond its end.
        self.bar.set_length(expected.max(done));
        self.bar.set_position(done);
        self.bar.set_style(Self::style(match unit {
            Unit::Bytes => "{spinner} {prefix} {wide_bar} {bytes}/{total_bytes} {elapsed_precise}",
            Unit::Objects => "{spinner} {prefix} {wide_bar} {pos}/{len} objects {elapsed_precise}",
        }));
    }

    fn note(&self, text: &str) {
        self.bar.println(text);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

struct Lines<'a> {
    global: &'a Global,
    state: Mutex<LineState>,
}

struct LineState {
    watch: Stopwatch,
    spoken: Duration,
    phase: String,
}

impl Reporter for Lines<'_> {
    fn phase(&self, name: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        name.clone_into(&mut state.phase);
        state.spoken = state.watch.elapsed();
        note(
            self.global,
            &format!("[{:>4} s] {name}", state.spoken.as_secs()),
        );
    }

    fn progress(&self, done: u64, expected: u64, unit: Unit) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.watch.elapsed();
        if now.saturating_sub(state.spoken) < HEARTBEAT {
            return;
        }
        state.spoken = now;
        let amount = match unit {
            Unit::Bytes => format!("{} of {}", HumanBytes(done), HumanBytes(expected)),
            Unit::Objects => format!("{done} of about {} objects", expected.max(done)),
        };
        note(
            self.global,
            &format!("[{:>4} s] {}: {amount}", now.as_secs(), state.phase),
        );
    }

    fn note(&self, text: &str) {
        note(self.global, text);
    }
}
