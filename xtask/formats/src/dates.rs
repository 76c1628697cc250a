//! Dates of apt metadata: RFC 1123 in and out, Unix seconds between, RFC 3339 for people.

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// Clocks may differ by this many seconds before a date counts as lying in the future.
pub(crate) const CLOCK_SKEW: u64 = 600;

/// Unix seconds of a date like `Sat, 12 Sep 2026 07:55:41 UTC`; `None` where it is something else.
///
/// Only UTC is accepted, as apt does.
pub fn parse_rfc1123(text: &str) -> Option<u64> {
    let (local, zone) = text.trim().rsplit_once(' ')?;
    if !matches!(zone, "UTC" | "GMT" | "Z" | "+0000") {
        return None;
    }
    let zoned = rfc2822::parse(&format!("{local} +0000")).ok()?;
    u64::try_from(zoned.timestamp().as_second()).ok()
}

/// RFC 1123 text of Unix seconds, as apt writes it; the bare number where no calendar reaches that far.
pub fn rfc1123(unix: u64) -> String {
    calendar(unix).map_or_else(
        || unix.to_string(),
        |timestamp| timestamp.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string(),
    )
}

/// RFC 3339 text of Unix seconds; the bare number where no calendar reaches that far.
pub fn rfc3339(unix: u64) -> String {
    calendar(unix).map_or_else(|| unix.to_string(), |timestamp| timestamp.to_string())
}

fn calendar(unix: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(unix).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_release_files_are_read_and_rendered() {
        let unix = parse_rfc1123("Sat, 12 Sep 2026 07:55:41 UTC");
        assert_eq!(unix, Some(1_789_199_741));
        assert_eq!(rfc3339(1_789_199_741), "2026-09-12T07:55:41Z");
        assert_eq!(parse_rfc1123("Sat, 12 Sep 2026 07:55:41 +0000"), unix);
        assert_eq!(rfc1123(1_789_199_741), "Sat, 12 Sep 2026 07:55:41 UTC");
        assert_eq!(rfc3339(u64::MAX), u64::MAX.to_string());
    }

    #[test]
    fn other_dates_are_refused() {
        for text in [
            "",
            "UTC",
            "2026-09-12T07:55:41Z",
            "Sat, 12 Sep 2026 07:55:41 +0200",
            "Sat, 12 Sep 2026 07:55:41",
            "Sun, 12 Sep 2026 07:55:41 UTC",
            "Sat, 32 Sep 2026 07:55:41 UTC",
            "Wed, 31 Dec 1969 23:59:59 UTC",
        ] {
            assert_eq!(parse_rfc1123(text), None, "{text}");
        }
    }
}
