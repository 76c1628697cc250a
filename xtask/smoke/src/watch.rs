//! Watches a booted machine through its console and its report, and decides when it has to end.
//!
//! No clock and no container here: whoever runs the machine tells what comes when, so every way to
//! fail can be tested without a kernel.

use std::time::Duration;

use host::engine::{Exit, Next};
use protocol::{Event, MAX_LINE, Step, VERSION};

use crate::alarms::alarm;
use crate::observed::{Ending, Observed, SIGN_OF_LIFE, Seen};
use crate::text;

/// The most of a console that is kept, in bytes; a whole boot with debugging on is below 1 MiB.
const MAX_CONSOLE: usize = 8 << 20;
/// The most of a report that is read, in bytes.
const MAX_REPORT: usize = 8 << 20;
/// The most of QEMU's own words that is kept, in bytes.
const MAX_WORDS: usize = 400;
/// How long the machine may go on after the kernel said that it is lost, so that the trace is seen.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// The longest line of a guest that a reason shows, in characters.
const MAX_SHOWN: usize = 400;
/// How many of the console's last lines a reason shows.
const SHOWN_LINES: usize = 5;
/// What is written to standard error right before QEMU is started; everything after it is the
/// report, or QEMU's own words.
pub(crate) const STARTED: &str = "@started";

/// What an exit status adds to the number of a signal, as shells count.
const SIGNALLED: i64 = 128;

/// What the kernel says last where it was told to power the machine off; kernel/reboot.c.
const POWERED_DOWN: &str = "reboot: Power down";

/// How long each part of a run may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Until the kernel says anything.
    pub(crate) life: Duration,
    /// Until the guest says that it runs.
    pub(crate) boot: Duration,
    /// From one step to the next.
    pub(crate) pause: Duration,
    /// For one step.
    pub(crate) step: Duration,
    /// For all steps.
    pub(crate) steps: Duration,
    /// From the guest's last word to the end of the machine.
    pub(crate) shutdown: Duration,
}

impl Limits {
    /// What is enough for a distribution's kernel. A failover alone may take the guest 45 s.
    pub(crate) fn of(accelerator: Accelerator, payload: u64) -> Self {
        // Twice what the slowest link that still passes would need.
        let payload = Duration::from_secs(payload >> 20);
        let step = Duration::from_secs(100) + payload;
        match accelerator {
            Accelerator::Kvm => Self {
                life: Duration::from_secs(5),
                boot: Duration::from_secs(30),
                pause: Duration::from_secs(5),
                step,
                steps: 4 * step,
                shutdown: Duration::from_secs(10),
            },
            Accelerator::Tcg => Self {
                life: Duration::from_secs(20),
                boot: Duration::from_secs(120),
                pause: Duration::from_secs(15),
                step,
                steps: 4 * step,
                shutdown: Duration::from_secs(30),
            },
        }
    }
}

/// How QEMU runs the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// On the processor, by Linux's KVM.
    Kvm,
    /// By translation, anywhere.
    Tcg,
}

impl Accelerator {
    /// As QEMU calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    /// QEMU is not started.
    Container,
    Boot,
    Steps {
        since: Duration,
        /// The step that is under way; none between two of them.
        step: Option<Step>,
        /// Since when it is so.
        begun: Duration,
    },
    Shutdown {
        since: Duration,
    },
}

/// A run, as far as it was seen.
#[derive(Debug)]
pub(crate) struct Watch {
    limits: Limits,
    stage: Stage,
    /// When QEMU was started, on the clock of whoever watches.
    zero: Duration,
    lines: Vec<Seen>,
    console: Vec<u8>,
    /// Where the console's current line begins.
    line: usize,
    alive: bool,
    /// Whether the kernel said that it powers the machine off; QEMU ends in the same way where it resets.
    powered_down: bool,
    partial: Vec<u8>,
    reported: usize,
    words: String,
    /// Why the run has to end, and when.
    lost: Option<(String, Duration)>,
}

impl Watch {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            stage: Stage::Container,
            zero: Duration::ZERO,
            lines: Vec::new(),
            console: Vec::new(),
            line: 0,
            alive: false,
            powered_down: false,
            partial: Vec::new(),
            reported: 0,
            words: String::new(),
            lost: None,
        }
    }

    /// The time since QEMU was started, at `now` of the watcher's clock.
    fn at(&self, now: Duration) -> Duration {
        now.saturating_sub(self.zero)
    }

    /// The console said something.
    pub(crate) fn console(&mut self, now: Duration, bytes: &[u8]) -> Next {
        if self.console.len() + bytes.len() > MAX_CONSOLE {
            let reason = format!("the console said more than {MAX_CONSOLE} bytes");
            self.lose(now, reason, false);
            return self.next();
        }
        // What came before was searched before.
        let mut searched = self.console.len();
        self.console.extend_from_slice(bytes);
        while let Some(length) = self.console[searched..]
            .iter()
            .position(|&byte| byte == b'\n')
        {
            let end = searched + length;
            searched = end + 1;
            let text = String::from_utf8_lossy(&self.console[self.line..end]).into_owned();
            self.line = end + 1;
            // Firmware may say something too, before an accelerator that hangs gets to the kernel.
            self.alive |= text.contains(SIGN_OF_LIFE);
            self.powered_down |= text.contains(POWERED_DOWN);
            if alarm(&text).is_some_and(|alarm| alarm.fatal) {
                self.lose(now, harmless(&text), true);
            }
        }
        self.next()
    }

    /// Standard error said something: the report, and what QEMU itself has to say.
    pub(crate) fn report(&mut self, now: Duration, bytes: &[u8]) -> Next {
        self.reported += bytes.len();
        if self.reported > MAX_REPORT {
            self.lose(
                now,
                format!("the report is longer than {MAX_REPORT} bytes"),
                false,
            );
            return self.next();
        }
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.partial);
                self.take(now, &line[..line.len() - 1]);
            }
        }
        if self.partial.len() > MAX_LINE {
            self.lose(
                now,
                format!("a line of the report is longer than {MAX_LINE} bytes"),
                false,
            );
        }
        self.next()
    }

    fn take(&mut self, now: Duration, line: &[u8]) {
        if line == STARTED.as_bytes() && self.stage == Stage::Container {
            self.zero = now;
            self.stage = Stage::Boot;
        } else if line.first() == Some(&b'{') {
            match parse(line, self.lines.len() as u64) {
                Ok(line) => self.event(now, line),
                Err(reason) => self.lose(now, reason, false),
            }
        } else if self.lines.is_empty() && self.words.len() < MAX_WORDS {
            // Later ones may be the guest's.
            self.words
                .push_str(&harmless(&String::from_utf8_lossy(line)));
            self.words.push('\n');
        }
    }

    fn event(&mut self, now: Duration, line: protocol::Line) {
        let at = self.at(now);
        self.alive = true;
        match (&line.event, &mut self.stage) {
            (Event::Hello, Stage::Boot) => {
                self.stage = Stage::Steps {
                    since: now,
                    step: None,
                    begun: now,
                };
            }
            (Event::Begin(next), Stage::Steps { step, begun, .. }) => {
                (*step, *begun) = (Some(*next), now);
            }
            (Event::End(_), Stage::Steps { step, begun, .. }) => (*step, *begun) = (None, now),
            (Event::Bye, _) => self.stage = Stage::Shutdown { since: now },
            _ => {}
        }
        self.lines.push(Seen { at, line });
    }

    /// The first thing that goes wrong is the reason.
    fn lose(&mut self, now: Duration, reason: String, listen: bool) {
        let end = if listen { now + LAST_WORDS } else { now };
        match &mut self.lost {
            None => self.lost = Some((reason, end)),
            // Not even the last words are waited for.
            Some((_, until)) if !listen => *until = end.min(*until),
            // A panic names what an oops only announces.
            Some((known, _))
                if reason.contains("Kernel panic") && !known.contains("Kernel panic") =>
            {
                *known = reason;
            }
            Some(_) => {}
        }
    }

    /// The time has come that was asked for.
    pub(crate) fn deadline(&mut self, now: Duration) -> Next {
        if let Some((_, until)) = &self.lost {
            return if now >= *until {
                Next::Stop
            } else {
                self.next()
            };
        }
        let (until, what) = self.due();
        if now >= until {
            self.lose(now, what, false);
        }
        self.next()
    }

    /// What is waited for next: until when, and what to say if it does not come.
    fn due(&self) -> (Duration, String) {
        let limits = &self.limits;
        let late = |since: Duration, limit: Duration, what: &str| {
            (
                since + limit,
                format!("{what} within {} s", limit.as_secs()),
            )
        };
        match self.stage {
            Stage::Container => late(Duration::ZERO, limits.boot, "QEMU was not started"),
            Stage::Boot if !self.alive => {
                late(self.zero, limits.life, "the kernel gave no sign of life")
            }
            Stage::Boot => late(self.zero, limits.boot, "the guest did not say that it runs"),
            Stage::Steps { since, step, begun } => {
                let all = late(since, limits.steps, "the checks did not end");
                let one = match step {
                    Some(step) => {
                        let what = format!("the step {} did not end", name(step));
                        late(begun, limits.step, &what)
                    }
                    None => late(begun, limits.pause, "the guest fell silent: nothing came"),
                };
                if one.0 < all.0 { one } else { all }
            }
            Stage::Shutdown { since } => late(
                since,
                limits.shutdown,
                "the machine did not power itself off",
            ),
        }
    }

    pub(crate) fn next(&self) -> Next {
        match &self.lost {
            Some((_, until)) => Next::Until(*until),
            None => Next::Until(self.due().0),
        }
    }

    /// What was seen, once the machine has ended at `now`: with the exit status of QEMU, or because
    /// it was stopped.
    pub(crate) fn finish(self, now: Duration, exit: Option<Exit>) -> Observed {
        let duration = self.at(now);
        let ending = match self.lost.as_ref().map(|(reason, _)| reason.clone()) {
            Some(reason) => Ending::Broken(reason),
            None => self.ending(exit),
        };
        let ending = match ending {
            Ending::Broken(reason) => Ending::Broken(self.explain(&reason)),
            Ending::Crashed(reason) => Ending::Crashed(self.explain(&reason)),
            Ending::Complete => Ending::Complete,
        };
        Observed {
            lines: self.lines,
            console: self.console,
            ending,
            duration,
        }
    }

    /// How a run ended that nobody stopped.
    fn ending(&self, exit: Option<Exit>) -> Ending {
        let broken = |reason: &str| Ending::Broken(reason.to_owned());
        if exit.is_some_and(|exit| exit.out_of_memory) {
            return broken("QEMU ran out of the memory that its container may use");
        }
        let status = exit.map(|exit| exit.code);
        if let Some(signal) = status.and_then(crash) {
            return Ending::Crashed(format!("QEMU crashed (signal {signal})"));
        }
        if !self.partial.is_empty() {
            return broken("the report breaks off in the middle of a line");
        }
        match (status, self.stage) {
            (Some(0), Stage::Shutdown { .. }) if self.powered_down => Ending::Complete,
            (Some(0), Stage::Shutdown { .. }) => {
                broken("the machine reset instead of powering itself off")
            }
            (Some(0), Stage::Container) => broken("QEMU ended before it was started"),
            (Some(0), Stage::Boot) => {
                broken("the machine reset or powered itself off before the guest ran")
            }
            (Some(0), Stage::Steps { step, .. }) => Ending::Broken(format!(
                "the machine reset or powered itself off during {}",
                step.map_or_else(
                    || "the checks".to_owned(),
                    |step| format!("the step {}", name(step))
                )
            )),
            (Some(127), Stage::Boot) if !self.alive => broken("there is no QEMU in the container"),
            (Some(status @ 129..=192), _) => {
                Ending::Broken(format!("QEMU was killed by signal {}", status - SIGNALLED))
            }
            (Some(status), _) => Ending::Broken(format!("QEMU failed with status {status}")),
            (None, _) => broken("the run was stopped"),
        }
    }

    /// A reason with what may explain it: QEMU's own words, and the console's last lines.
    fn explain(&self, reason: &str) -> String {
        let mut explained = reason.to_owned();
        let words = self.words.trim();
        if !words.is_empty() {
            explained.push_str(&format!("; QEMU said: {}", words.replace('\n', " | ")));
        }
        let tail = self.console.len().saturating_sub(4096);
        let text = String::from_utf8_lossy(&self.console[tail..]).into_owned();
        let lines: Vec<_> = text
            .lines()
            .map(harmless)
            .filter(|line| !line.trim().is_empty())
            .collect();
        let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        explained.push_str(&match shown {
            [] => "; the console is empty".to_owned(),
            shown => format!("; the console ends with: {}", shown.join(" | ")),
        });
        explained
    }
}

/// The signal that tells of a defect in QEMU itself, if `status` is one: SIGILL, SIGABRT, SIGBUS, SIGFPE or
/// SIGSEGV. An assertion that fails in the first process of a container ends with the last of them, because
/// that process ignores SIGABRT.
fn crash(status: i64) -> Option<i64> {
    let signal = status - SIGNALLED;
    [4, 6, 7, 8, 11].contains(&signal).then_some(signal)
}

/// One line of bounded length that no terminal obeys.
fn harmless(text: &str) -> String {
    text::line(text.trim_end(), MAX_SHOWN)
}

/// The name of a step or a sabotage, as in JSON.
pub(crate) fn name(value: impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Reads a line of the report. The version comes first: what is in a line of another one is unknown.
fn parse(line: &[u8], sequence: u64) -> Result<protocol::Line, String> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    let broken = |error: serde_json::Error| {
        let start = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
        format!(
            "line {sequence} of the report is no report line ({error}): {}",
            harmless(&start)
        )
    };
    let versioned: Versioned = serde_json::from_slice(line).map_err(broken)?;
    if versioned.version != VERSION {
        return Err(format!(
            "the guest reports in version {} of the protocol, and this tool reads version {VERSION}",
            versioned.version
        ));
    }
    let line: protocol::Line = serde_json::from_slice(line).map_err(broken)?;
    if line.sequence == sequence {
        Ok(line)
    } else {
        Err(format!(
            "line {sequence} of the report is missing: line {} came",
            line.sequence
        ))
    }
}

#[cfg(test)]
mod tests;
