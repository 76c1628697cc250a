//! The control file format of Debian (deb822(5)), one paragraph at a time.
//!
//! Stricter than the format allows, because other programs will read the same bytes: comments, carriage
//! returns, lines of blanks only and repeated fields are refused. Indexes and control files that Debian's
//! tools write contain none of these.

use std::io::{self, BufRead, Read};

/// Longest accepted line of a stream in bytes; real indexes stay below 100 kB.
pub const MAX_LINE: usize = 256 << 10;
/// Longest accepted paragraph of a stream in bytes.
pub const MAX_PARAGRAPH: usize = 1 << 20;

/// Why a text is no paragraph, or a stream no sequence of them; lines count from 1.
#[derive(Debug, thiserror::Error)]
pub enum Deb822Error {
    /// The reader failed.
    #[error("line {line}: reading failed")]
    Io {
        /// The line that was being read.
        line: u64,
        /// What the reader said.
        source: io::Error,
    },
    /// A line goes on beyond [`MAX_LINE`].
    #[error("line {line}: longer than {MAX_LINE} bytes")]
    LineTooLong {
        /// The line's number.
        line: u64,
    },
    /// A paragraph goes on beyond [`MAX_PARAGRAPH`].
    #[error("line {line}: paragraph longer than {MAX_PARAGRAPH} bytes")]
    ParagraphTooLong {
        /// The line that exceeds the bound.
        line: u64,
    },
    /// A line is no UTF-8.
    #[error("line {line}: not UTF-8")]
    NotUtf8 {
        /// The line's number.
        line: u64,
    },
    /// A line contains a carriage return or a NUL.
    #[error("line {line}: contains a carriage return or NUL, expected plain text with line feeds")]
    ControlCharacter {
        /// The line's number.
        line: u64,
    },
    /// A line of blanks only: a separator to some programs, a continuation to others.
    #[error("line {line}: contains only blanks, expected an empty line or text")]
    Blank {
        /// The line's number.
        line: u64,
    },
    /// The paragraph starts with a continuation line.
    #[error("line {line}: continues a field, but none was started")]
    Continuation {
        /// The line's number.
        line: u64,
    },
    /// A line is neither `Name: value` nor a continuation.
    #[error("line {line}: found {found:?}, expected `Name: value`")]
    Field {
        /// The line's number.
        line: u64,
        /// The start of the line.
        found: String,
    },
    /// A field is there twice.
    #[error("line {line}: field `{name}` is repeated")]
    Repeated {
        /// The line of the second one.
        line: u64,
        /// The field's name.
        name: String,
    },
    /// The text contains no field.
    #[error("found no field, expected one paragraph")]
    Empty,
    /// The text has more paragraphs than the expected one.
    #[error("line {line}: a second paragraph begins, expected one only")]
    SecondParagraph {
        /// Its first line.
        line: u64,
    },
}

/// A field that should be there is not.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("field `{0}` is missing")]
pub struct MissingField(pub &'static str);

/// One paragraph: fields in their order, and the text they came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paragraph {
    text: String,
    fields: Vec<(String, String)>,
}

impl Paragraph {
    /// Reads a text that holds exactly one paragraph; empty lines around it are ignored.
    ///
    /// Unlike a stream the text has no bounds here: whoever holds it has bounded it.
    ///
    /// # Errors
    ///
    /// Every [`Deb822Error`] except those of reading and of bounds.
    pub fn parse(text: &str) -> Result<Self, Deb822Error> {
        let blank = text.len() - text.trim_start_matches('\n').len();
        let first_line = 1 + blank as u64;
        let text = text.trim_matches('\n');
        if let Some(end) = text.find("\n\n") {
            let before = text.get(..end).unwrap_or_default();
            let line = first_line + before.split('\n').count() as u64 + 1;
            return Err(Deb822Error::SecondParagraph { line });
        }
        if text.is_empty() {
            return Err(Deb822Error::Empty);
        }
        Self::from_lines(format!("{text}\n"), first_line)
    }

    /// Reads lines without an empty one among them; the first is number `first_line`.
    fn from_lines(text: String, first_line: u64) -> Result<Self, Deb822Error> {
        let mut fields = Vec::new();
        for (number, line) in (first_line..).zip(text.lines_by_feed()) {
            add_line(&mut fields, number, line)?;
        }
        Ok(Self { text, fields })
    }

    /// The paragraph verbatim: every line with its line feed, no empty line at the end.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Consumes the paragraph for its verbatim text.
    pub fn into_text(self) -> String {
        self.text
    }

    /// All fields as (name, value) in their order. The lines of a value are joined by line feeds, without
    /// the one blank that marks a continuation, and without blanks at their ends.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a field; names are compared without regard to case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Like [`Paragraph::get`] for a field that has to be there.
    ///
    /// # Errors
    ///
    /// [`MissingField`] where it is not.
    pub fn require(&self, name: &'static str) -> Result<&str, MissingField> {
        self.get(name).ok_or(MissingField(name))
    }
}

/// `str::lines` would swallow carriage returns, which are to be noticed.
trait LinesByFeed {
    fn lines_by_feed(&self) -> impl Iterator<Item = &str>;
}

impl LinesByFeed for String {
    fn lines_by_feed(&self) -> impl Iterator<Item = &str> {
        self.strip_suffix('\n').unwrap_or(self).split('\n')
    }
}

fn add_line(
    fields: &mut Vec<(String, String)>,
    number: u64,
    line: &str,
) -> Result<(), Deb822Error> {
    if line.contains(['\r', '\0']) {
        return Err(Deb822Error::ControlCharacter { line: number });
    }
    match line.strip_prefix([' ', '\t']) {
        Some(more) => continue_field(fields, number, more),
        None => start_field(fields, number, line),
    }
}

fn continue_field(
    fields: &mut [(String, String)],
    line: u64,
    more: &str,
) -> Result<(), Deb822Error> {
    let more = more.trim_end_matches([' ', '\t']);
    if more.is_empty() {
        return Err(Deb822Error::Blank { line });
    }
    let Some((_, value)) = fields.last_mut() else {
        return Err(Deb822Error::Continuation { line });
    };
    value.push('\n');
    value.push_str(more);
    Ok(())
}

fn start_field(
    fields: &mut Vec<(String, String)>,
    line: u64,
    text: &str,
) -> Result<(), Deb822Error> {
    let Some((name, value)) = text.split_once(':').filter(|(name, _)| is_field_name(name)) else {
        return Err(Deb822Error::Field {
            line,
            found: text.chars().take(80).collect(),
        });
    };
    if fields
        .iter()
        .any(|(known, _)| known.eq_ignore_ascii_case(name))
    {
        return Err(Deb822Error::Repeated {
            line,
            name: name.to_owned(),
        });
    }
    fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
    Ok(())
}

/// Printable ASCII without blanks and colons, not starting with `#` or `-`: deb822(5).
fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['#', '-'])
        && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Streams the paragraphs of `reader`, holding one at a time. Ends after the first error.
pub fn paragraphs<R: BufRead>(reader: R) -> Paragraphs<R> {
    Paragraphs {
        reader,
        line: 0,
        finished: false,
    }
}

/// The iterator of [`paragraphs`].
#[derive(Debug)]
pub struct Paragraphs<R> {
    reader: R,
    line: u64,
    finished: bool,
}

impl<R: BufRead> Paragraphs<R> {
    /// The number of the line read last, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Reads one line into `line`, without its line feed; `false` at the end of the stream.
    fn read_line(&mut self, line: &mut Vec<u8>) -> Result<bool, Deb822Error> {
        line.clear();
        self.line += 1;
        let number = self.line;
        let read = (&mut self.reader)
            .take(MAX_LINE as u64 + 1)
            .read_until(b'\n', line);
        let read = read.map_err(|source| Deb822Error::Io {
            line: number,
            source,
        })?;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.len() > MAX_LINE {
            return Err(Deb822Error::LineTooLong { line: number });
        }
        Ok(read > 0)
    }

    fn read_paragraph(&mut self) -> Result<Option<Paragraph>, Deb822Error> {
        let (mut text, mut line) = (String::new(), Vec::new());
        let mut first_line = self.line + 1;
        while self.read_line(&mut line)? {
            if line.is_empty() && text.is_empty() {
                first_line += 1;
                continue;
            }
            if line.is_empty() {
                break;
            }
            let number = self.line;
            text.push_str(
                std::str::from_utf8(&line).map_err(|_| Deb822Error::NotUtf8 { line: number })?,
            );
            text.push('\n');
            if text.len() > MAX_PARAGRAPH {
                return Err(Deb822Error::ParagraphTooLong { line: number });
            }
        }
        if text.is_empty() {
            Ok(None)
        } else {
            Paragraph::from_lines(text, first_line).map(Some)
        }
    }
}

impl<R: BufRead> Iterator for Paragraphs<R> {
    type Item = Result<Paragraph, Deb822Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let item = self.read_paragraph().transpose();
        self.finished = !matches!(item, Some(Ok(_)));
        item
    }
}

#[cfg(test)]
mod tests;
