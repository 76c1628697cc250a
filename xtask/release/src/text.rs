//! Text and paths from recipes and packages, made harmless: who reads a release cannot know who wrote it.

use jiff::Timestamp;
use maud::{Markup, html};

/// How many characters of a text are shown.
const LIMIT: usize = 2000;
/// What a text has in place of a character that would act instead of being shown.
pub(crate) const REPLACEMENT: char = '\u{fffd}';

/// One line of bounded length in which nothing acts instead of being shown.
pub(crate) fn clean(text: &str) -> String {
    let mut line: String = visible(text).chars().take(LIMIT).collect();
    if text.chars().nth(LIMIT).is_some() {
        line.push('…');
    }
    line
}

/// A text in which each character that moves a cursor, ends a line, turns the direction of reading or hides is
/// replaced, so that it is seen that it was there.
pub(crate) fn visible(text: &str) -> String {
    let characters = text.chars();
    characters
        .map(|c| if is_unruly(c) { REPLACEMENT } else { c })
        .collect()
}

fn is_unruly(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A path below the top of the tree as a relative reference, which leads nowhere else whatever the path is.
pub(crate) fn link(path: &str) -> String {
    let parts = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "." | ".."));
    let encoded: Vec<_> = parts.map(encoded).collect();
    encoded.join("/")
}

/// Every byte that is not certain to stand for itself in a part of a path, as `%` and two digits.
fn encoded(part: &str) -> String {
    let stands = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+".contains(&byte);
    let bytes = part.bytes().map(|byte| {
        if stands(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    bytes.collect()
}

/// What a place of the page is called in links to it.
pub(crate) fn anchor(name: &str) -> String {
    let stands = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    let characters = name.chars();
    characters
        .map(|c| if stands(c) { c } else { '_' })
        .collect()
}

/// Seconds since 1970 as a date and time of day in UTC.
pub(crate) fn date(unix: u64) -> Markup {
    let seconds = i64::try_from(unix).ok();
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    html! {
        @if let Some(time) = time {
            time datetime=(time) { (time.strftime("%-d %B %Y, %H:%M UTC")) }
        } @else {
            "a time that no calendar has"
        }
    }
}

/// Bytes for people, in powers of 1024.
pub(crate) fn bytes(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..0x400 => return format!("{bytes} bytes"),
        0x400..0x10_0000 => (1 << 10, "KiB"),
        0x10_0000..0x4000_0000 => (1 << 20, "MiB"),
        _ => (1 << 30, "GiB"),
    };
    let tenths = (u128::from(bytes) * 10 + unit / 2) / unit;
    if tenths < 1000 {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    } else {
        format!("{} {name}", (tenths + 5) / 10)
    }
}

/// A fingerprint in groups of four, as people compare it.
pub(crate) fn in_fours(fingerprint: &str) -> String {
    let characters: Vec<_> = clean(fingerprint).chars().collect();
    let groups = characters.chunks(4).map(String::from_iter);
    groups.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_replaced() {
        assert_eq!(clean("plain é"), "plain é");
        assert_eq!(
            clean("a\nb\u{1b}[2J\u{202e}\u{61c}\u{e0041}"),
            "a\u{fffd}b\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(clean(&"x".repeat(LIMIT)), "x".repeat(LIMIT));
        assert!(clean(&"x".repeat(LIMIT + 1)).ends_with("x…"));
    }

    #[test]
    fn links_stay_in_the_tree() {
        for (path, expected) in [
            ("pool/a_1.2+b~c-1.deb", "pool/a_1.2+b~c-1.deb"),
            ("rpm/a-1^1.rpm", "rpm/a-1%5E1.rpm"),
            ("javascript:alert(1)", "javascript%3Aalert%281%29"),
            ("//example.org/x", "example.org/x"),
            ("../a/./../b?c#d", "a/b%3Fc%23d"),
            ("a\\b\" é", "a%5Cb%22%20%C3%A9"),
            ("100%", "100%25"),
        ] {
            assert_eq!(link(path), expected, "{path}");
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let text = date(1_789_199_741).into_string();
        assert_eq!(
            text,
            "<time datetime=\"2026-09-12T07:55:41Z\">12 September 2026, 07:55 UTC</time>"
        );
        for unheard_of in [u64::MAX, 1 << 62] {
            assert!(date(unheard_of).into_string().contains("no calendar"));
        }
    }

    #[test]
    fn sizes_have_as_many_digits_as_are_read() {
        for (size, expected) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1536, "1.5 KiB"),
            (99 << 20, "99.0 MiB"),
            (118_000_000, "113 MiB"),
            (u64::MAX, "17179869184 GiB"),
        ] {
            assert_eq!(bytes(size), expected);
        }
    }

    #[test]
    fn fingerprints_are_grouped() {
        assert_eq!(in_fours("0123456789AB"), "0123 4567 89AB");
        assert_eq!(in_fours("0123é\u{1b}"), "0123 é\u{fffd}");
        assert_eq!(in_fours(""), "");
    }
}
