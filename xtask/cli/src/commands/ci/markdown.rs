//! Markdown that shows foreign text and never obeys it.

/// How much of one text is shown, in characters.
const SHOWN: usize = 300;
/// What means nothing in Markdown, HTML or a table, wherever it stands in a line.
const HARMLESS: &str = " -+=,/()%";

/// Foreign text as code: whatever could be markup, a link, a mention or a line break is written as a character
/// reference, and what moves a cursor or turns the direction of reading is replaced.
pub(super) fn code(text: &str) -> String {
    let mut inert = "<code>".to_owned();
    let mut before = ' ';
    for character in text.chars().take(SHOWN) {
        // A dot behind `www` makes a link.
        let is_plain = character.is_alphanumeric()
            || HARMLESS.contains(character)
            || (character == '.' && !matches!(before, 'w' | 'W'));
        if is_plain {
            inert.push(character);
        } else if acts(character) {
            inert.push(char::REPLACEMENT_CHARACTER);
        } else {
            inert.push_str(&format!("&#{};", u32::from(character)));
        }
        before = character;
    }
    if text.chars().nth(SHOWN).is_some() {
        inert.push('…');
    }
    inert + "</code>"
}

/// Whether a character is not shown, but changes how others are.
fn acts(character: char) -> bool {
    let invisible = matches!(u32::from(character),
        0x00ad | 0x061c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb
        | 0xe0000..=0xe007f);
    character.is_control() || invisible
}

/// A table, whose cells are Markdown already; nothing where it has no rows.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    const MOST: usize = 200;
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.to_vec()) + &line(vec!["---"; head.len()]);
    for row in rows.iter().take(MOST) {
        text.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    if rows.len() > MOST {
        text.push_str(&format!("\nand {} more\n", rows.len() - MOST));
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stay_readable() {
        assert_eq!(code("6.12.107-mptcp-vm"), "<code>6.12.107-mptcp-vm</code>");
        assert_eq!(code("kernel 1+2 (é)"), "<code>kernel 1+2 (é)</code>");
    }

    #[test]
    fn nothing_foreign_is_obeyed() {
        let hostile = [
            "<script>alert(1)</script>",
            "a|b",
            "`x` ``y``",
            "</code><img src=x onerror=y>",
            "[a](javascript:b) ![c](d) **e** _f_ ~g~ # h",
            "\n\n| x |\n# heading",
            "@someone #12 :smile: https://example.org www.example.org a@b.example",
            "&lt;b&gt; &#60;",
            "\u{1b}[31m \u{9b}2J \r \u{7} \u{0}",
            "\u{202e}gnp.exe \u{200b}\u{2066}\u{feff}\u{e0041}\u{2028}",
            "\\| \\`",
            "$x$ $`y`$",
        ];
        for text in hostile {
            let inert = code(text);
            let inside = inert.strip_prefix("<code>").unwrap();
            let inside = inside.strip_suffix("</code>").unwrap();
            assert!(!inside.contains("www."), "{inside}");
            let mut rest = inside;
            while let Some(character) = rest.chars().next() {
                if let Some(reference) = rest.strip_prefix("&#") {
                    let (digits, after) = reference.split_once(';').unwrap();
                    assert!(digits.parse::<u32>().is_ok(), "{inside}");
                    rest = after;
                    continue;
                }
                let plain = character.is_alphanumeric()
                    || character == char::REPLACEMENT_CHARACTER
                    || " -+=,/()%.".contains(character);
                assert!(plain, "{character:?} of {text:?} in {inside}");
                rest = &rest[character.len_utf8()..];
            }
        }
    }

    #[test]
    fn long_texts_and_tables_end() {
        let long = code(&"x".repeat(100_000));
        assert!(long.ends_with("x…</code>") && long.len() < 1000);
        let rows = vec![vec!["x".to_owned()]; 500];
        let text = table(&["a"], &rows);
        assert!(text.ends_with("\nand 300 more\n\n"), "{text}");
        assert_eq!(table(&["a"], &[]), "");
    }
}
