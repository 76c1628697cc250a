//! Time since the kernel began.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Microseconds since the kernel began (`CLOCK_BOOTTIME`).
pub(crate) fn now() -> u64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |time| {
        u64::try_from(Duration::from(time).as_micros()).unwrap_or(u64::MAX)
    })
}

/// The moment, on the clock of [`now`], until which something may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(u64);

impl Deadline {
    /// `seconds` from now.
    pub(crate) fn after(seconds: u64) -> Self {
        Self::within(Duration::from_secs(seconds))
    }

    /// This much from now.
    pub(crate) fn within(time: Duration) -> Self {
        Self(now() + u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 2))
    }

    /// Whether it has passed.
    pub(crate) fn passed(self) -> bool {
        now() >= self.0
    }

    /// Asks again after each pause until `done` says yes; whether it did in time.
    pub(crate) fn poll(self, pause: Duration, mut done: impl FnMut() -> bool) -> bool {
        loop {
            if done() {
                return true;
            }
            if self.passed() {
                return false;
            }
            std::thread::sleep(pause);
        }
    }
}
