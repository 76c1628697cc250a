//! Text from guests and consoles, made harmless and short.

/// One line of at most `limit` characters in which nothing moves a cursor, ends a line or turns the
/// direction of reading. Each character that would is replaced, so that it is seen that it was there.
pub(crate) fn line(text: &str, limit: usize) -> String {
    let mut characters = text
        .chars()
        .map(|c| if is_unruly(c) { '\u{fffd}' } else { c });
    let mut line: String = characters.by_ref().take(limit).collect();
    if characters.next().is_some() {
        line.push('…');
    }
    line
}

/// Whether a character does something instead of showing something.
fn is_unruly(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// The last lines of a console, in at most about `limit` bytes: what is not UTF-8 replaced, control
/// characters shown as the pictures of them, and no others than line feeds left.
pub(crate) fn console(bytes: &[u8], limit: usize) -> String {
    let mut tail = &bytes[bytes.len().saturating_sub(limit)..];
    if tail.len() < bytes.len() {
        // A line that is cut in two would begin in the middle of a character or an escape sequence.
        let whole = tail.iter().position(|byte| *byte == b'\n');
        tail = whole.map_or(tail, |end| &tail[end + 1..]);
    }
    let text = String::from_utf8_lossy(tail).replace("\r\n", "\n");
    text.chars().map(visible).collect()
}

/// Text without the sequences that set colours or move a cursor (`ESC [ … letter`), which hide where a word
/// begins.
pub(crate) fn without_sequences(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default();
    let parameter = |c: char| matches!(c, '0'..='?' | ' '..='/');
    let rest = pieces.map(|piece| {
        let mut characters = piece.trim_start_matches(parameter).chars();
        characters.next();
        characters.as_str()
    });
    std::iter::once(first).chain(rest).collect()
}

fn visible(character: char) -> char {
    match character {
        '\n' => character,
        '\t' => ' ',
        '\u{7f}' => '\u{2421}',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        _ if is_unruly(character) => '\u{fffd}',
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_of_bounded_length() {
        assert_eq!(line("plain é", 10), "plain é");
        assert_eq!(
            line("a\nb\u{1b}[2J\u{9b}\u{202e}", 20),
            "a\u{fffd}b\u{fffd}[2J\u{fffd}\u{fffd}"
        );
        assert_eq!(line("abcdef", 3), "abc…");
        assert_eq!(line("abc", 3), "abc");
    }

    #[test]
    fn sequences_are_taken_out_whole() {
        let text = "a\u{1b}[31mb\u{1b}[2Jc\u{1b}[?25l\u{1b}[";
        assert_eq!(without_sequences(text), "abc");
        assert_eq!(without_sequences("plain [31m"), "plain [31m");
    }

    #[test]
    fn a_console_keeps_its_lines_and_nothing_else_that_acts() {
        assert_eq!(
            console(b"a\r\nb\x1b[31m\0\x7f\tc\rd\xff\n", 100),
            "a\nb␛[31m␀␡ c␍d\u{fffd}\n"
        );
        assert_eq!(console(b"first\nsecond\nthird\n", 10), "third\n");
        assert_eq!(console(b"", 10), "");
    }
}
