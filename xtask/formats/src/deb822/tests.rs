use std::io::BufReader;

use proptest::prelude::*;

use super::*;

fn read(bytes: &[u8]) -> Result<Vec<Paragraph>, Deb822Error> {
    paragraphs(bytes).collect()
}

fn fields(paragraph: &Paragraph) -> Vec<(&str, &str)> {
    paragraph.fields().collect()
}

#[test]
fn paragraphs_keep_order_and_text() {
    let text =
        "\n\nPackage: a\nDescription: short\n long one\n  indented\n .\n\n\nPackage:b\nEmpty:\n";
    let found = read(text.as_bytes()).unwrap();
    assert_eq!(found.len(), 2);
    let description = ("Description", "short\nlong one\n indented\n.");
    assert_eq!(fields(&found[0]), [("Package", "a"), description]);
    assert_eq!(fields(&found[1]), [("Package", "b"), ("Empty", "")]);
    assert_eq!(
        found[0].text(),
        "Package: a\nDescription: short\n long one\n  indented\n .\n"
    );
    assert_eq!(found[0].get("pAckage"), Some("a"));
    assert_eq!(found[0].require("Version"), Err(MissingField("Version")));
}

#[test]
fn a_missing_line_feed_at_the_end_is_supplied() {
    let found = read(b"A: 1").unwrap();
    assert_eq!(found[0].text(), "A: 1\n");
    assert!(read(b"").unwrap().is_empty());
    assert!(read(b"\n\n").unwrap().is_empty());
}

#[test]
fn errors_name_the_line() {
    let error = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert_eq!(
        error(b"A: 1\n\nno colon\n"),
        "line 3: found \"no colon\", expected `Name: value`"
    );
    assert_eq!(
        error(b"\n continued\n"),
        "line 2: continues a field, but none was started"
    );
    assert_eq!(
        error(b"A: 1\nB: 2\na: 3\n"),
        "line 3: field `a` is repeated"
    );
    assert_eq!(error(b"A: 1\n\xff: 2\n"), "line 2: not UTF-8");
}

#[test]
fn ambiguous_text_is_refused() {
    for text in ["A: 1\r\n", "A: 1\rB: 2\n", "A: 1\0\n"] {
        assert!(
            matches!(
                read(text.as_bytes()),
                Err(Deb822Error::ControlCharacter { line: 1 })
            ),
            "{text:?}"
        );
    }
    for text in ["A: 1\n \nB: 2\n", "A: 1\n\t\n"] {
        assert!(
            matches!(read(text.as_bytes()), Err(Deb822Error::Blank { line: 2 })),
            "{text:?}"
        );
    }
    for text in [
        "# comment\n",
        "#A: 1\n",
        "-A: 1\n",
        ": 1\n",
        "A B: 1\n",
        "Ä: 1\n",
    ] {
        assert!(
            matches!(
                read(text.as_bytes()),
                Err(Deb822Error::Field { line: 1, .. })
            ),
            "{text:?}"
        );
    }
}

#[test]
fn one_paragraph_is_exactly_one() {
    assert_eq!(
        fields(&Paragraph::parse("\nA: 1\n\n\n").unwrap()),
        [("A", "1")]
    );
    assert!(matches!(Paragraph::parse("\n\n"), Err(Deb822Error::Empty)));
    assert!(matches!(
        Paragraph::parse("\nA: 1\n\nB: 2\n"),
        Err(Deb822Error::SecondParagraph { line: 4 })
    ));
    assert!(matches!(
        Paragraph::parse("\n\nA: 1\nx\n"),
        Err(Deb822Error::Field { line: 4, .. })
    ));
}

#[test]
fn lines_and_paragraphs_are_bounded() {
    let line = format!("A: {}\n", "x".repeat(MAX_LINE));
    assert!(matches!(
        read(line.as_bytes()),
        Err(Deb822Error::LineTooLong { line: 1 })
    ));
    let longest = format!("A: {}\n", "x".repeat(MAX_LINE - 3));
    assert_eq!(read(longest.as_bytes()).unwrap().len(), 1);
    let paragraph = format!("A: 1\n{}", " xxxxxxx\n".repeat(MAX_PARAGRAPH / 9 + 1));
    assert!(matches!(
        read(paragraph.as_bytes()),
        Err(Deb822Error::ParagraphTooLong { .. })
    ));
}

#[test]
fn endless_lines_are_given_up() {
    let endless = BufReader::new(io::repeat(b'x'));
    let mut found = paragraphs(endless);
    assert!(matches!(
        found.next(),
        Some(Err(Deb822Error::LineTooLong { line: 1 }))
    ));
    assert!(found.next().is_none(), "ends after an error");
}

/// Yields the same paragraph for ever: whoever reads this whole will never be done.
struct Endless(usize);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let text = b"Package: a\nVersion: 1\n\n";
        for byte in buffer.iter_mut() {
            *byte = text[self.0 % text.len()];
            self.0 += 1;
        }
        Ok(buffer.len())
    }
}

#[test]
fn paragraphs_are_streamed() {
    let found = paragraphs(BufReader::new(Endless(0))).take(60_000);
    assert_eq!(
        found
            .filter(|paragraph| paragraph.as_ref().unwrap().get("Version") == Some("1"))
            .count(),
        60_000
    );
}

#[test]
fn failures_of_the_reader_are_passed_on() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    let first = paragraphs(BufReader::new(b"A: 1\n".chain(Broken))).next();
    assert!(matches!(first, Some(Err(Deb822Error::Io { line: 2, .. }))));
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn text_survives(text in "([A-C]: [a-c]{0,3}\n( [a-c]{1,3}\n){0,2}|\n|D: x){0,8}") {
        if let Ok(found) = read(text.as_bytes()) {
            for paragraph in found {
                prop_assert_eq!(Paragraph::parse(paragraph.text()).unwrap(), paragraph);
            }
        }
    }
}
