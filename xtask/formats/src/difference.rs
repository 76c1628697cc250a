//! Where two builds of one file differ first, and why they are known to do so.
//!
//! Packages are opened, what is compressed is unpacked, ELF files are taken apart by sections, so that the
//! place is one that a person can look at. Everything is read as a stream, some of it several times;
//! memory is bounded whatever the files claim. What cannot be taken apart is compared byte by byte.

mod archive;
mod cause;
mod clues;
mod content;
mod elf;
mod image;
mod members;
mod rpm;
mod source;
mod window;

use std::io::{self, Read, Seek};

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

pub use cause::Cause;
use content::Scope;
use members::Members;
use source::Whole;
use window::Window;

/// How many bytes of either side are shown at most.
pub const MAX_SHOWN: usize = 64;
/// How many differing members are named at most.
pub const MAX_NAMED: usize = 20;

/// Why two files could not be compared. Damaged content is no reason: it is compared as bytes.
#[derive(Debug, thiserror::Error)]
#[error("reading {name:?} failed")]
pub struct DifferenceError {
    /// The file, of which there are two.
    pub name: String,
    /// What the reader said.
    pub source: io::Error,
}

/// The first difference between two files of one name.
///
/// All texts are inert: control characters and what is no UTF-8 are escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where, from the outside in: the package, its archive, the member, the section or line.
    pub place: Vec<String>,
    /// What the first file has there; `None` if there is nothing of that name.
    pub a: Option<Bytes>,
    /// What the second file has there.
    pub b: Option<Bytes>,
    /// Why such differences come to be.
    pub cause: Cause,
    /// How many members of the package differ; 1 for a file without members.
    pub differing: u64,
    /// The first of them, [`MAX_NAMED`] at most.
    pub members: Vec<String>,
}

/// Bytes around a difference.
///
/// Serialized as the offset, the bytes in hexadecimal digits as `hex`, and as [`Bytes::text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes {
    /// Where the first of them stands in what the last element of the place names.
    pub offset: u64,
    /// [`MAX_SHOWN`] at most.
    pub bytes: Vec<u8>,
}

impl Bytes {
    /// A value that is no content but is said of one, such as a time.
    fn value(text: &[u8]) -> Self {
        let shown = text.len().min(MAX_SHOWN);
        Self {
            offset: 0,
            bytes: text.get(..shown).unwrap_or_default().to_vec(),
        }
    }

    /// The bytes as text for people, on one line, with everything escaped that a terminal might obey.
    pub fn text(&self) -> String {
        inert(&self.bytes)
    }

    /// The bytes in lines of 16: offset, hexadecimal digits, printable characters.
    pub fn hexdump(&self) -> String {
        let lines = self.bytes.chunks(16).zip((self.offset..).step_by(16));
        lines
            .map(|(bytes, offset)| {
                let plain = |byte: &u8| match byte {
                    b' '..=b'~' => char::from(*byte),
                    _ => '.',
                };
                let text: String = bytes.iter().map(plain).collect();
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x} ")).collect();
                format!("{offset:08x}  {digits:<48} |{text}|\n")
            })
            .collect()
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hex: String = self.bytes.iter().map(|it| format!("{it:02x}")).collect();
        let mut fields = serializer.serialize_struct("Bytes", 3)?;
        fields.serialize_field("offset", &self.offset)?;
        fields.serialize_field("hex", &hex)?;
        fields.serialize_field("text", &self.text())?;
        fields.end()
    }
}

/// Finds the first difference between two files of a name; `None` if their bytes are the same.
///
/// "First" is in the order of content: the files in a package come before what the package says of them,
/// and digests of other members last, because those differ as a consequence.
///
/// # Errors
///
/// A reader failed.
pub fn first(
    name: &str,
    a: impl Read + Seek,
    b: impl Read + Seek,
) -> Result<Option<Difference>, DifferenceError> {
    find(&inert(name.as_bytes()), &mut Whole(a), &mut Whole(b)).map_err(|source| DifferenceError {
        name: name.to_owned(),
        source,
    })
}

fn find(
    name: &str,
    a: &mut dyn source::Source,
    b: &mut dyn source::Source,
) -> io::Result<Option<Difference>> {
    let Some(found) = content::compare(a, b, Scope::whole())? else {
        return Ok(None);
    };
    let mut members = found.members;
    if members.count == 0 {
        members.add(name);
    }
    let mut place = found.place;
    place.insert(0, name.to_owned());
    Ok(Some(Difference {
        place,
        a: found.a,
        b: found.b,
        cause: found.cause,
        differing: members.count,
        members: members.names,
    }))
}

/// A difference as it is found, its place beginning inside of what was compared.
#[derive(Debug)]
struct Found {
    place: Vec<String>,
    a: Option<Bytes>,
    b: Option<Bytes>,
    cause: Cause,
    /// None where what was compared has no members.
    members: Members,
}

impl Found {
    /// Bytes that differ.
    fn bytes(window: &Window, cause: Cause) -> Self {
        let (a, b) = window.shown();
        Self {
            place: Vec::new(),
            a: Some(a),
            b: Some(b),
            cause,
            members: Members::default(),
        }
    }

    /// Something that is said of a member differs.
    fn values(a: &[u8], b: &[u8], cause: Cause) -> Self {
        Self {
            place: Vec::new(),
            a: Some(Bytes::value(a)),
            b: Some(Bytes::value(b)),
            cause,
            members: Members::default(),
        }
    }

    /// Something is on one side only.
    fn missing(name: &str, is_in_a: bool) -> Self {
        let bytes = Some(Bytes::value(name.as_bytes()));
        let (a, b) = if is_in_a {
            (bytes, None)
        } else {
            (None, bytes)
        };
        Self {
            place: vec![inert(name.as_bytes())],
            a,
            b,
            cause: Cause::Missing,
            members: Members::default(),
        }
    }

    /// The same, inside of something.
    fn within(mut self, outer: impl Into<String>) -> Self {
        self.place.insert(0, outer.into());
        self
    }
}

/// Bytes as text in which nothing is obeyed by a terminal or mistaken by a reader.
fn inert(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\'' => text.push(c),
                _ => text.extend(c.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests;
