//! The door to the clocks: wall time for records, monotonic time for waits.
//!
//! Wall time never reaches the bytes of a result.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01 00:00:00 UTC; 0 when the host's clock is before that.
#[expect(clippy::disallowed_methods, reason = "the door to the wall clock")]
pub fn now_unix() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Measures how long something takes, whatever happens to the wall clock meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// A stopwatch that runs from now on.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_is_in_seconds_and_the_stopwatch_moves() {
        let watch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(20));
        assert!(watch.elapsed() >= Duration::from_millis(20));
        // 2020 to 2200: neither milliseconds nor zero.
        assert!((1_577_836_800..7_258_118_400).contains(&now_unix()));
    }
}
