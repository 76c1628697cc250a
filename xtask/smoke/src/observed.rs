//! All that was seen of a run, before anyone judges it.

use std::time::Duration;

use protocol::Line;

/// A line of the guest's report, and when it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The time since QEMU was started.
    pub at: Duration,
    /// The line.
    pub line: Line,
}

/// What was seen of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The report, whose lines are complete, of our version and in sequence.
    pub lines: Vec<Seen>,
    /// What the kernel and whoever else wrote to the console. Hostile: any bytes at all.
    pub console: Vec<u8>,
    /// How it ended.
    pub ending: Ending,
    /// From the start of QEMU to its end.
    pub duration: Duration,
}

/// What the kernel says first. Firmware may say something before an accelerator hangs.
pub(crate) const SIGN_OF_LIFE: &str = "Linux version";

impl Observed {
    /// Whether the kernel, or the guest, said anything.
    pub(crate) fn is_alive(&self) -> bool {
        let sign = SIGN_OF_LIFE.as_bytes();
        !self.lines.is_empty() || self.console.windows(sign.len()).any(|bytes| bytes == sign)
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The guest said that it was done, and the machine powered itself off.
    Complete,
    /// It ended in another way, or had to be ended: one line that says why, of harmless characters.
    Broken(String),
    /// QEMU crashed, which says nothing about the kernel: one line, as above.
    Crashed(String),
}

impl Ending {
    /// What went wrong, if anything did.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Complete => None,
            Self::Broken(reason) | Self::Crashed(reason) => Some(reason),
        }
    }
}
