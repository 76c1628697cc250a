//! What the bytes around a difference tell of its cause.

use super::cause::Cause;
use super::window::Window;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const ZONES: [&str; 14] = [
    "UTC", "GMT", "CET", "CEST", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "BST",
    "JST",
];
/// How many bytes are looked at for randomness.
const SAMPLE: usize = 32;

/// The cause of a difference between bytes.
pub(super) fn cause(window: &Window) -> Cause {
    let sides = [&window.a, &window.b];
    let on_both = |test: fn(&[u8], usize) -> bool| sides.iter().all(|it| test(it, window.at));
    if on_both(is_date) {
        return Cause::EmbeddedDate;
    }
    if on_both(is_user) {
        return Cause::UserName;
    }
    if on_both(is_host) {
        return Cause::HostName;
    }
    if on_both(is_temporary) {
        return Cause::RandomBytes;
    }
    if on_both(is_absolute_path) {
        return Cause::Path;
    }
    if is_random(window) {
        return Cause::RandomBytes;
    }
    Cause::Unknown
}

/// The longest run of bytes of a kind around a place, and the place in it.
fn run(bytes: &[u8], at: usize, is_part: impl Fn(u8) -> bool) -> (&[u8], usize) {
    let (before, behind) = bytes.split_at_checked(at).unwrap_or_default();
    let before_length = before.iter().rev().take_while(|it| is_part(**it)).count();
    let behind_length = behind.iter().take_while(|it| is_part(**it)).count();
    let start = at - before_length.min(at);
    let run = bytes.get(start..at + behind_length).unwrap_or_default();
    (run, before_length)
}

/// What a word can be in a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// A date or a time by itself.
    Whole,
    Month,
    Day,
    Number,
    Zone,
}

/// Whether a word of a date stands at a place.
fn is_date(bytes: &[u8], at: usize) -> bool {
    let (line, at) = run(bytes, at, |byte| matches!(byte, b' '..=b'~'));
    let words = words(line);
    // The place may be a space that pads a number, `Jan  2`.
    let here = words.iter().position(|(_, end, _)| at < *end);
    let Some((before, behind)) = here.and_then(|here| words.split_at_checked(here)) else {
        return false;
    };
    let kinds = |(_, _, kind): &(usize, usize, Option<Word>)| *kind;
    let behind: Vec<_> = behind.iter().map_while(kinds).collect();
    let before: Vec<_> = before.iter().rev().map_while(kinds).collect();
    if behind.is_empty() {
        return false;
    }
    let has = |kind| behind.contains(&kind) || before.contains(&kind);
    has(Word::Whole) || (has(Word::Month) && (has(Word::Number) || has(Word::Day)))
}

/// The words of a line: start, end, and what they can be in a date.
fn words(line: &[u8]) -> Vec<(usize, usize, Option<Word>)> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-:/.".contains(byte);
    let mut words = Vec::new();
    let mut at = 0;
    for word in line.split_inclusive(|byte| !is_part(byte)) {
        let end = at + word.len();
        let text: Vec<u8> = word.iter().copied().filter(is_part).collect();
        if !text.is_empty() {
            words.push((at, end, word_kind(&text)));
        }
        at = end;
    }
    words
}

fn word_kind(word: &[u8]) -> Option<Word> {
    let text = std::str::from_utf8(word).ok()?;
    let text = text.trim_end_matches(['.', ':', '-', '/']);
    let is_one_of = |names: &[&str]| names.contains(&text);
    let abbreviates = |names: &[&str]| {
        let start = text.get(..3).unwrap_or_default();
        text.len() <= 9 && names.contains(&start) && text.bytes().all(|it| it.is_ascii_alphabetic())
    };
    if is_one_of(&ZONES) {
        return Some(Word::Zone);
    }
    if abbreviates(&MONTHS) {
        return Some(Word::Month);
    }
    if abbreviates(&DAYS) {
        return Some(Word::Day);
    }
    let number = text.trim_start_matches(['+', '-']);
    if number.bytes().all(|byte| byte.is_ascii_digit()) && (1..=4).contains(&number.len()) {
        return Some(Word::Number);
    }
    (is_time(text) || is_calendar_date(text) || is_epoch(text)).then_some(Word::Whole)
}

/// `12:34`, `12:34:56`, with fractions or a zone behind.
fn is_time(text: &str) -> bool {
    let mut parts = text.split(':');
    let hour = parts.next().and_then(|it| two_digits(it, 23));
    let minute = parts.next().and_then(|it| two_digits(it, 59));
    let second = parts.next().is_none_or(|it| {
        let digits = it.get(..2).unwrap_or_default();
        let rest = it.get(2..).unwrap_or_default();
        two_digits(digits, 60).is_some() && !rest.starts_with(|c: char| c.is_ascii_alphanumeric())
            || (two_digits(digits, 60).is_some() && rest == "Z")
    });
    hour.is_some() && minute.is_some() && second
}

fn two_digits(text: &str, max: u32) -> Option<u32> {
    let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && *number <= max)
}

/// `2026-11-23`, `2026/11/23`, `20261123`, with `T` and a time behind.
fn is_calendar_date(text: &str) -> bool {
    let date = text.split('T').next().unwrap_or_default();
    let digits: String = date.chars().filter(char::is_ascii_digit).collect();
    let separators: String = date.chars().filter(|c| !c.is_ascii_digit()).collect();
    let whole = match separators.as_str() {
        "" => matches!(digits.len(), 8 | 14),
        "--" | "//" => date.len() == 10 && matches!(date.as_bytes().get(4), Some(b'-' | b'/')),
        _ => false,
    };
    let part = |at: std::ops::Range<usize>, max| digits.get(at).and_then(|it| two_digits(it, max));
    let century = matches!(part(0..2, 99), Some(19 | 20));
    let month = part(4..6, 12).is_some_and(|month| month > 0);
    let day = part(6..8, 31).is_some_and(|day| day > 0);
    whole && century && month && day
}

/// Ten digits that are seconds since 1970, from 2001 to 2033 and a little more.
fn is_epoch(text: &str) -> bool {
    let number = text.split('.').next().unwrap_or_default();
    let plain = number.len() == 10 && number.bytes().all(|byte| byte.is_ascii_digit());
    plain && (1_000_000_000..=2_100_000_000_u64).contains(&number.parse().unwrap_or_default())
}

/// What looks like `user@host` at a place, and where its `@` is.
fn address(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-@".contains(&byte);
    let (word, at) = run(bytes, at, is_part);
    let sign = word.iter().position(|byte| *byte == b'@')?;
    Some((sign, at)).filter(|_| sign > 0 && sign + 1 < word.len())
}

fn is_user(bytes: &[u8], at: usize) -> bool {
    address(bytes, at).is_some_and(|(sign, at)| at <= sign)
}

fn is_host(bytes: &[u8], at: usize) -> bool {
    address(bytes, at).is_some_and(|(sign, at)| at > sign)
}

fn path(bytes: &[u8], at: usize) -> (&[u8], usize) {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-/~%@,".contains(&byte);
    run(bytes, at, is_part)
}

/// A name that `mktemp` or a compiler made up: `/tmp/ccAbCdEf.o`, `tmp.AbCdEfGhIj`.
fn is_temporary(bytes: &[u8], at: usize) -> bool {
    let (word, at) = path(bytes, at);
    let (before, behind) = word.split_at_checked(at).unwrap_or_default();
    let drawn = |byte: &u8| byte.is_ascii_alphanumeric();
    let left = before.iter().rev().take_while(|byte| drawn(byte)).count();
    let right = behind.iter().take_while(|byte| drawn(byte)).count();
    let stem = before.get(..before.len() - left).unwrap_or_default();
    let starts_as_made_up = before
        .get(before.len() - left..)
        .is_some_and(|it| it.starts_with(b"cc"));
    let in_folder = stem.ends_with(b"/tmp/") && starts_as_made_up;
    (in_folder || stem.ends_with(b"tmp.")) && left + right >= 6
}

/// A path from the root on, of which some part stands at the place; an option may stand before it, or what kbuild
/// calls the variables of its `.cmd` files (`cmd_/build/x.o`).
fn is_absolute_path(bytes: &[u8], at: usize) -> bool {
    let (word, at) = path(bytes, at);
    let Some(first) = word.iter().position(|byte| *byte == b'/') else {
        return false;
    };
    let option = word.get(..first).unwrap_or_default();
    let is_absolute = option.is_empty() || option.starts_with(b"-") || option.ends_with(b"_");
    let folders = word.split(|byte| *byte == b'/').skip(1).count();
    is_absolute && first < at && folders > 1
}

fn is_random(window: &Window) -> bool {
    let sample = |side: &[u8]| -> Option<[u8; SAMPLE]> {
        let bytes = side.get(window.at..)?;
        bytes.first_chunk().copied()
    };
    let (Some(a), Some(b)) = (sample(&window.a), sample(&window.b)) else {
        return false;
    };
    let kinds = |mut bytes: [u8; SAMPLE]| {
        bytes.sort_unstable();
        bytes.chunk_by(|a, b| a == b).count()
    };
    let other = a.iter().zip(&b).filter(|(a, b)| a != b).count();
    // Of random bytes, 30 values of 32 are expected; text and code repeat theirs.
    let plain = |bytes: &[u8]| bytes.iter().filter(|byte| byte.is_ascii()).count();
    let is_binary = plain(&a) < 26 && plain(&b) < 26;
    is_binary && window.a.len() == window.b.len() && other > 26 && kinds(a) > 25 && kinds(b) > 25
}
