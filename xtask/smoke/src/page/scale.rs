//! Numbers for drawings and people.

/// A count as a coordinate; from 2^53 on the last digits do not matter in a drawing.
#[expect(clippy::cast_precision_loss, reason = "drawings have fewer digits")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// Marks on an axis.
#[derive(Debug, PartialEq)]
pub(super) struct Ticks {
    /// Where the axis ends: at or after what it has to reach.
    pub(super) end: f64,
    /// The marks, from 0 on.
    pub(super) marks: Vec<f64>,
    /// The digits behind the point that tell them apart.
    pub(super) digits: usize,
}

/// About `count` round marks from 0 to at least `reach`.
pub(super) fn ticks(reach: f64, count: u32) -> Ticks {
    let reach = if reach.is_finite() && reach > 1e-6 {
        reach
    } else {
        1.0
    };
    let rough = reach / f64::from(count.max(1));
    let magnitude = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let step = steps.into_iter().find(|step| step * magnitude >= rough);
    let step = step.unwrap_or(10.0) * magnitude;
    let mut marks = vec![0.0];
    let mut mark = step;
    while mark < reach + step * 0.999 {
        marks.push(mark);
        mark += step;
    }
    let digits = [1.0, 0.1, 0.01, 0.001]
        .iter()
        .position(|unit| step >= unit * 0.999);
    Ticks {
        end: marks.last().copied().unwrap_or(reach),
        marks,
        digits: digits.unwrap_or(4),
    }
}

/// Seconds since 1970 as a date and time of day in UTC.
pub(super) fn date(unix: u64) -> String {
    let (days, second) = (unix / 86_400, unix % 86_400);
    // Days are counted from the first of March of the year 0, so that a leap day is the last of a year;
    // 400 years are 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = year + era * 400 + next;
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_reach_the_end() {
        let found = ticks(17.3, 6);
        assert_eq!(
            (found.marks, found.digits),
            (vec![0.0, 5.0, 10.0, 15.0, 20.0], 0)
        );
        let found = ticks(0.9, 4);
        assert_eq!((found.marks.len(), found.digits), (3, 1));
        for reach in [
            0.0,
            f64::NAN,
            f64::INFINITY,
            -1.0,
            1e-9,
            0.02,
            1.0,
            99.9,
            1e12,
        ] {
            let found = ticks(reach, 5);
            assert!(found.marks.len() >= 2 && found.marks.len() < 12, "{reach}");
            assert!(
                found.end.is_finite() && found.end > 0.0 && !(found.end < reach && reach < 1e13)
            );
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(date(1_789_199_741), "2026-09-12 07:55 UTC");
        assert_eq!(date(4_107_542_399), "2100-02-28 23:59 UTC");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00 UTC");
    }
}
