//! The header structure: an index of tags, and a store of their values.
//!
//! Source: `docs/manual/format_header.md` of rpm, and what its `hdrblobVerifyInfo` and
//! `hdrblobVerifyRegion` refuse.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;

use model::digest::Sha256;
use sha2::Digest;

use super::RpmError;
use super::tag::{self, Tag};

/// How many entries an index may have; rpm's own limit.
pub(super) const MAX_ENTRIES: u32 = 0xffff;
/// The most that the values of a header may be, in bytes. Twenty thousand files need about 5 MB.
pub(super) const MAX_STORE: u32 = 32 << 20;
pub(super) const MAGIC: [u8; 8] = [0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
pub(super) const INTRO: usize = 16;
pub(super) const ENTRY: usize = 16;

pub(super) const INT16: u32 = 3;
pub(super) const INT32: u32 = 4;
pub(super) const INT64: u32 = 5;
const STRING: u32 = 6;
pub(super) const BIN: u32 = 7;
const STRINGS: u32 = 8;
const TRANSLATED: u32 = 9;

/// Which of the two headers of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Signature,
    Main,
}

impl Section {
    fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature header",
            Self::Main => "main header",
        }
    }

    fn region(self) -> Tag {
        match self {
            Self::Signature => tag::SIGNATURES,
            Self::Main => tag::IMMUTABLE,
        }
    }
}

/// A header whose every value is known to be where its index says.
#[derive(Debug)]
pub(crate) struct Header {
    store: Vec<u8>,
    values: BTreeMap<u32, Value>,
    /// Of the header's bytes, from its magic to the end of its store.
    pub(super) digest: Sha256,
    /// How many bytes the store has.
    pub(crate) size: usize,
    /// How many bytes the index has.
    index: usize,
}

#[derive(Debug, Clone)]
struct Value {
    kind: u32,
    count: usize,
    range: Range<usize>,
}

/// An entry of an index, as it is written.
#[derive(Debug, Clone, Copy)]
struct RawEntry {
    tag: u32,
    kind: u32,
    offset: u32,
    count: u32,
}

impl RawEntry {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut numbers = integers::<4>(bytes).map(u32::from_be_bytes);
        Some(Self {
            tag: numbers.next()?,
            kind: numbers.next()?,
            offset: numbers.next()?,
            count: numbers.next()?,
        })
    }
}

impl Header {
    /// Reads one header, and no byte more.
    pub(crate) fn read<R: Read>(reader: &mut R, section: Section) -> Result<Self, RpmError> {
        let what = section.name();
        let mut intro = [0; INTRO];
        reader.read_exact(&mut intro).map_err(RpmError::io(what))?;
        let (entries, bytes) = sizes(&intro, section)?;
        let index = read_bounded(reader, ENTRY.saturating_mul(entries), what)?;
        let store = read_bounded(reader, bytes, what)?;
        let mut hasher = sha2::Sha256::new();
        for part in [intro.as_slice(), &index, &store] {
            hasher.update(part);
        }
        Ok(Self {
            values: parse(&index, &store, section)?,
            digest: Sha256::finish(hasher),
            size: store.len(),
            index: index.len(),
            store,
        })
    }

    /// How many bytes it has from its magic to the end of its store.
    pub(crate) fn length(&self) -> usize {
        INTRO + self.index + self.size
    }

    /// Every value by the number of its tag: its type, how many it is, and its bytes.
    pub(super) fn typed_values(&self) -> BTreeMap<u32, (u32, usize, &[u8])> {
        let values = self.values.iter();
        values
            .map(|(tag, value)| {
                let bytes = self.store.get(value.range.clone()).unwrap_or_default();
                (*tag, (value.kind, value.count, bytes))
            })
            .collect()
    }

    /// Every value by the number of its tag, as its bytes stand in the store.
    pub(crate) fn values(&self) -> BTreeMap<u32, &[u8]> {
        let bytes = |value: &Value| self.store.get(value.range.clone()).unwrap_or_default();
        let values = self.values.iter();
        values.map(|(tag, value)| (*tag, bytes(value))).collect()
    }

    pub(super) fn has(&self, tag: Tag) -> bool {
        self.values.contains_key(&tag.number)
    }

    /// The text of a tag; of a translated one, that of the first language, which is none.
    pub(super) fn text(&self, tag: Tag) -> Result<Option<&str>, RpmError> {
        let Some((value, bytes)) = self.value(tag, &[STRING, TRANSLATED, STRINGS], "a text")?
        else {
            return Ok(None);
        };
        if value.kind == STRINGS && value.count != 1 {
            return Err(mismatch(tag, format!("{} texts", value.count), "one text"));
        }
        Ok(texts(bytes).next())
    }

    pub(super) fn required_text(&self, tag: Tag) -> Result<&str, RpmError> {
        self.text(tag)?.ok_or(RpmError::Missing(tag.name))
    }

    /// The texts of a tag.
    pub(super) fn texts(
        &self,
        tag: Tag,
    ) -> Result<Option<impl ExactSizeIterator<Item = &str>>, RpmError> {
        let value = self.value(tag, &[STRINGS, STRING], "a list of texts")?;
        Ok(value.map(|(value, bytes)| Counted {
            left: value.count,
            inner: texts(bytes),
        }))
    }

    /// The numbers of 32 bit of a tag.
    pub(super) fn numbers(
        &self,
        tag: Tag,
    ) -> Result<Option<impl ExactSizeIterator<Item = u32>>, RpmError> {
        let value = self.value(tag, &[INT32], "numbers of 32 bit")?;
        Ok(value.map(|(_, bytes)| integers::<4>(bytes).map(u32::from_be_bytes)))
    }

    /// The one number of 32 bit of a tag.
    pub(super) fn number(&self, tag: Tag) -> Result<Option<u32>, RpmError> {
        let Some(mut numbers) = self.numbers(tag)? else {
            return Ok(None);
        };
        match (numbers.next(), numbers.len()) {
            (Some(number), 0) => Ok(Some(number)),
            (_, more) => Err(mismatch(tag, format!("{} numbers", more + 1), "one number")),
        }
    }

    /// The numbers of 16 bit of a tag.
    pub(super) fn short_numbers(
        &self,
        tag: Tag,
    ) -> Result<Option<impl ExactSizeIterator<Item = u16>>, RpmError> {
        let value = self.value(tag, &[INT16], "numbers of 16 bit")?;
        Ok(value.map(|(_, bytes)| integers::<2>(bytes).map(u16::from_be_bytes)))
    }

    fn value(
        &self,
        tag: Tag,
        kinds: &[u32],
        expected: &str,
    ) -> Result<Option<(&Value, &[u8])>, RpmError> {
        let Some(value) = self.values.get(&tag.number) else {
            return Ok(None);
        };
        if !kinds.contains(&value.kind) {
            let found = format!("a value of type {}", value.kind);
            return Err(mismatch(tag, found, expected));
        }
        let bytes = self.store.get(value.range.clone()).unwrap_or_default();
        Ok(Some((value, bytes)))
    }
}

pub(super) fn mismatch(tag: Tag, found: String, expected: impl Into<String>) -> RpmError {
    RpmError::Value {
        tag: tag.name,
        found,
        expected: expected.into(),
    }
}

/// How many entries and how many bytes of values.
fn sizes(intro: &[u8; INTRO], section: Section) -> Result<(usize, usize), RpmError> {
    let (magic, rest) = intro.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(RpmError::HeaderMagic {
            section: section.name(),
            found: super::hexadecimal(magic),
        });
    }
    let mut numbers = integers::<4>(rest).map(u32::from_be_bytes);
    let entries = numbers.next().unwrap_or_default();
    let bytes = numbers.next().unwrap_or_default();
    if !(1..=MAX_ENTRIES).contains(&entries) || bytes > MAX_STORE {
        return Err(RpmError::HeaderSize {
            section: section.name(),
            entries,
            bytes,
        });
    }
    Ok((to_usize(entries), to_usize(bytes)))
}

/// Memory grows with what is there, not with what is claimed.
fn read_bounded<R: Read>(
    reader: &mut R,
    size: usize,
    what: &'static str,
) -> Result<Vec<u8>, RpmError> {
    let mut bytes = Vec::new();
    let read = reader.take(size as u64).read_to_end(&mut bytes);
    match read.map_err(RpmError::io(what))? {
        read if read == size => Ok(bytes),
        _ => Err(RpmError::io(what)(std::io::ErrorKind::UnexpectedEof.into())),
    }
}

fn parse(index: &[u8], store: &[u8], section: Section) -> Result<BTreeMap<u32, Value>, RpmError> {
    let mut entries = index.chunks_exact(ENTRY).filter_map(RawEntry::parse);
    let first = entries.next().ok_or(RpmError::Missing("of a region"))?;
    check_region(first, index, store, section)?;
    let mut values = BTreeMap::new();
    let mut end = 0;
    for entry in entries {
        let bad = |problem: String| RpmError::Entry {
            section: section.name(),
            tag: entry.tag,
            problem,
        };
        let value = locate(entry, store, end).map_err(bad)?;
        end = value.range.end;
        if values.insert(entry.tag, value).is_some() {
            return Err(bad("found it twice".to_owned()));
        }
    }
    Ok(values)
}

/// The first entry says how many entries are signed; in the main header that is all of them.
fn check_region(
    entry: RawEntry,
    index: &[u8],
    store: &[u8],
    section: Section,
) -> Result<(), RpmError> {
    let expected = section.region();
    let bad = |problem: String| RpmError::Entry {
        section: section.name(),
        tag: entry.tag,
        problem,
    };
    if entry.tag != expected.number || entry.kind != BIN || to_usize(entry.count) != ENTRY {
        let expected = expected.number;
        return Err(bad(format!(
            "expected the region {expected} of 16 bytes first"
        )));
    }
    if section == Section::Signature {
        return Ok(());
    }
    let start = to_usize(entry.offset);
    let trailer = store
        .get(start..start.saturating_add(ENTRY))
        .and_then(RawEntry::parse)
        .ok_or_else(|| {
            bad(format!(
                "offset {start} is beyond the {} bytes",
                store.len()
            ))
        })?;
    let size = u32::try_from(index.len()).unwrap_or_default();
    if trailer.tag != expected.number || trailer.offset != size.wrapping_neg() {
        return Err(bad("its region is not the whole header".to_owned()));
    }
    Ok(())
}

/// Where a value is. As in rpm, it starts no earlier than where the one before ends, so that all together
/// are looked through once.
fn locate(entry: RawEntry, store: &[u8], end: usize) -> Result<Value, String> {
    let (start, count) = (to_usize(entry.offset), to_usize(entry.count));
    let rest = store
        .get(start..)
        .filter(|rest| start >= end && !rest.is_empty() && count > 0)
        .ok_or_else(|| {
            format!(
                "found {count} values at {start}, expected some between {end} and {}",
                store.len()
            )
        })?;
    let width = match entry.kind {
        1 | 2 | BIN => Some(1),
        INT16 => Some(2),
        INT32 => Some(4),
        INT64 => Some(8),
        STRING | STRINGS | TRANSLATED => None,
        other => return Err(format!("found type {other}, expected 1 to 9")),
    };
    let size = match width {
        Some(width) if !start.is_multiple_of(width) => {
            return Err(format!(
                "found offset {start}, expected a multiple of {width}"
            ));
        }
        Some(width) => count.checked_mul(width).filter(|size| *size <= rest.len()),
        None if entry.kind == STRING && count != 1 => {
            return Err(format!("found {count} texts, expected one"));
        }
        None => size_of_texts(rest, count)?,
    };
    let size = size.ok_or_else(|| {
        format!(
            "found {count} values at {start}, expected them to end before {}",
            store.len()
        )
    })?;
    Ok(Value {
        kind: entry.kind,
        count,
        range: start..start.saturating_add(size),
    })
}

/// How many bytes so many texts take, each with its NUL; `None` where there are fewer.
fn size_of_texts(bytes: &[u8], count: usize) -> Result<Option<usize>, String> {
    let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == 0);
    let Some((last, _)) = ends.nth(count.saturating_sub(1)) else {
        return Ok(None);
    };
    match std::str::from_utf8(bytes.get(..last).unwrap_or_default()) {
        Ok(_) => Ok(Some(last + 1)),
        Err(_) => Err("found text that is not UTF-8".to_owned()),
    }
}

fn texts(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.split_terminator('\0')
}

/// An iterator of a known length.
struct Counted<I> {
    left: usize,
    inner: I,
}

impl<I: Iterator> Iterator for Counted<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.left = self.left.checked_sub(1)?;
        self.inner.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<I: Iterator> ExactSizeIterator for Counted<I> {}

/// The integers of `N` bytes each.
fn integers<const N: usize>(bytes: &[u8]) -> impl ExactSizeIterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
