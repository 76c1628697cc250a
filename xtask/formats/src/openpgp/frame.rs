//! The cleartext signature framework: where the signed text begins and ends. RFC 9580, section 7.
//!
//! Taken apart here and not by rPGP, so that it is plain which bytes are covered by the signature.

use super::OpenPgpError;

const BEGIN_MESSAGE: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN_SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END_SIGNATURE: &str = "-----END PGP SIGNATURE-----";

/// A signed message taken apart.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// The signed text: dash-unescaped, without blanks at the ends of lines, lines separated by line feeds
    /// (the last one has none: the line break before the signature is not signed).
    pub(super) text: String,
    /// The armored signature.
    pub(super) armor: &'a str,
}

/// The lines of a message from 1, without their ends.
struct Lines<'a> {
    message: &'a str,
    /// Bytes consumed.
    offset: usize,
    /// The number of the line taken last.
    number: usize,
}

impl<'a> Lines<'a> {
    fn rest(&self) -> &'a str {
        self.message.get(self.offset..).unwrap_or_default()
    }

    fn take(&mut self) -> Option<&'a str> {
        let line = self.rest().split_inclusive('\n').next()?;
        self.offset += line.len();
        self.number += 1;
        let line = line.strip_suffix('\n').unwrap_or(line);
        Some(line.strip_suffix('\r').unwrap_or(line))
    }

    fn expect(&mut self, reason: &'static str) -> Result<&'a str, OpenPgpError> {
        let line = self.number + 1;
        let text = self
            .take()
            .ok_or(OpenPgpError::MalformedMessage { line, reason })?;
        if text.contains(['\r', '\0']) {
            return Err(OpenPgpError::MalformedMessage {
                line,
                reason: "found a lone carriage return or NUL",
            });
        }
        Ok(text)
    }
}

impl<'a> Frame<'a> {
    pub(super) fn parse(message: &'a str) -> Result<Self, OpenPgpError> {
        let mut lines = Lines {
            message,
            offset: 0,
            number: 0,
        };
        skip_begin(&mut lines)?;
        skip_headers(&mut lines)?;
        let text = take_text(&mut lines)?;
        let armor = take_armor(&mut lines)?;
        match first_filled(lines.rest()) {
            None => Ok(Self { text, armor }),
            Some(ahead) => Err(OpenPgpError::TextOutside(lines.number + 1 + ahead)),
        }
    }
}

/// How many lines stand before the first one that is not blank.
fn first_filled(text: &str) -> Option<usize> {
    text.split('\n')
        .position(|line| !line.trim_matches([' ', '\t', '\r']).is_empty())
}

fn skip_begin(lines: &mut Lines<'_>) -> Result<(), OpenPgpError> {
    if !lines.message.lines().any(|line| line == BEGIN_MESSAGE) {
        return Err(OpenPgpError::NotSigned);
    }
    if lines.take() == Some(BEGIN_MESSAGE) {
        Ok(())
    } else {
        Err(OpenPgpError::TextOutside(1))
    }
}

/// Only `Hash` is a header of signed messages; it is a hint that nothing here relies on.
fn skip_headers(lines: &mut Lines<'_>) -> Result<(), OpenPgpError> {
    let reason = "expected `Hash:` headers and an empty line";
    loop {
        let text = lines.expect(reason)?;
        if text.is_empty() {
            return Ok(());
        }
        if !text.starts_with("Hash: ") {
            return Err(OpenPgpError::MalformedMessage {
                line: lines.number,
                reason,
            });
        }
    }
}

fn take_text(lines: &mut Lines<'_>) -> Result<String, OpenPgpError> {
    let mut text = String::new();
    let mut first = true;
    loop {
        let line = lines.expect("expected the signature after the text")?;
        if line == BEGIN_SIGNATURE {
            return Ok(text);
        }
        if !first {
            text.push('\n');
        }
        first = false;
        text.push_str(unescape(line, lines.number)?.trim_end_matches([' ', '\t']));
    }
}

fn unescape(text: &str, line: usize) -> Result<&str, OpenPgpError> {
    let reason = "expected lines that start with a dash to be escaped";
    match text.strip_prefix("- ") {
        Some(escaped) => Ok(escaped),
        None if text.starts_with('-') => Err(OpenPgpError::MalformedMessage { line, reason }),
        None => Ok(text),
    }
}

/// From the line taken last, which begins the signature, to the line that ends it.
fn take_armor<'a>(lines: &mut Lines<'a>) -> Result<&'a str, OpenPgpError> {
    let body = lines.offset;
    loop {
        let line = lines.expect("expected the end of the signature")?;
        if line == END_SIGNATURE {
            let before = lines
                .message
                .get(..body)
                .and_then(|text| text.rfind(BEGIN_SIGNATURE))
                .unwrap_or(body);
            return Ok(lines.message.get(before..lines.offset).unwrap_or_default());
        }
        if line.starts_with('-') {
            let reason = "expected one armored signature";
            return Err(OpenPgpError::MalformedMessage {
                line: lines.number,
                reason,
            });
        }
    }
}
