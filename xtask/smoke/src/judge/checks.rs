//! How checks are written down.

use model::smoke::Check;

use crate::text;

/// The longest text of a check, in characters.
const LIMIT: usize = 300;

/// The checks of one group, in order.
pub(super) struct Group {
    name: &'static str,
    checks: Vec<Check>,
}

/// What was found.
pub(super) struct Found {
    good: bool,
    text: String,
}

/// What was found, and whether it is good.
pub(super) fn found(good: bool, text: impl Into<String>) -> Found {
    Found {
        good,
        text: text.into(),
    }
}

impl Group {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            checks: Vec::new(),
        }
    }

    /// Adds a check, which fails where nothing was found.
    pub(super) fn check(
        &mut self,
        name: impl AsRef<str>,
        expected: impl AsRef<str>,
        found: Option<Found>,
    ) {
        let Found { good, text } = found.unwrap_or_else(|| Found {
            good: false,
            text: "nothing was reported".to_owned(),
        });
        self.checks.push(Check {
            group: self.name.to_owned(),
            name: text::line(name.as_ref(), LIMIT),
            passed: good,
            expected: text::line(expected.as_ref(), LIMIT),
            found: text::line(&text, LIMIT),
        });
    }

    /// Adds a check of two texts.
    pub(super) fn equal(&mut self, name: impl AsRef<str>, expected: &str, actual: Option<&str>) {
        let found = actual.map(|actual| found(actual == expected, shown(actual)));
        self.check(name, shown(expected), found);
    }

    /// Adds a check that nothing went wrong, as the observation's `error` tells.
    pub(super) fn no_error<'a, T>(
        &mut self,
        prefix: &str,
        observation: Option<&'a T>,
        error: impl FnOnce(&'a T) -> &'a Option<String>,
    ) {
        let found = observation.map(error).map(|error| {
            let text = error.as_deref().unwrap_or("none");
            found(error.is_none(), text)
        });
        self.check(format!("{prefix}error"), "none", found);
    }

    /// Adds a check that the whole payload arrived, and one that it is what was sent.
    pub(super) fn payload(
        &mut self,
        prefix: &str,
        payload: u64,
        arrived: Option<(u64, Option<u64>)>,
    ) {
        let complete = arrived.map(|(count, _)| found(count == payload, bytes(count)));
        self.check(format!("{prefix}bytes"), bytes(payload), complete);
        let content = arrived.map(|(count, wrong)| match wrong {
            Some(position) => found(false, format!("byte {position} is another one")),
            None if count == 0 => found(false, "nothing to compare"),
            None => found(true, "as sent"),
        });
        self.check(format!("{prefix}content"), "as sent", content);
    }

    /// Adds a check that the stream ended after the payload.
    pub(super) fn end(&mut self, prefix: &str, ended: Option<bool>) {
        let expected = "right after what was sent";
        let found = ended.map(|ended| {
            let text = if ended {
                expected
            } else {
                "it did not end there"
            };
            found(ended, text)
        });
        let name = format!("{prefix}end of the stream");
        self.check(name, expected, found);
    }

    pub(super) fn into_checks(self) -> Vec<Check> {
        self.checks
    }
}

/// A value for people, where an empty one would not be seen.
pub(super) fn shown(value: &str) -> &str {
    if value.is_empty() {
        "an empty text"
    } else {
        value
    }
}

/// Some of many things, for people.
pub(super) fn some_of<T: AsRef<str>>(all: &[T]) -> String {
    const FEW: usize = 3;
    let few: Vec<_> = all.iter().take(FEW).map(AsRef::as_ref).collect();
    let few = few.join("; ");
    match all.len().saturating_sub(FEW) {
        0 => few,
        more => format!("{few}; and {more} more"),
    }
}

/// Bytes for people, whose digits are grouped and all there: one byte may be what matters.
pub(super) fn bytes(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + " bytes"
}

/// Microseconds as seconds for people.
pub(super) fn seconds(microseconds: u64) -> String {
    let milliseconds = microseconds / 1000;
    format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000)
}
