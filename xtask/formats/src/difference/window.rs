//! The bytes around the first difference of two streams.

use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};

use super::source::{Source, fill, with};
use super::{Bytes, MAX_SHOWN};

/// How much is kept before and behind the first difference, in bytes.
const AROUND: usize = 256;
const CHUNK: usize = 1 << 16;

/// The bytes around the first difference.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) a: Vec<u8>,
    pub(super) b: Vec<u8>,
    /// Where in both the first difference is; up to there they are the same.
    pub(super) at: usize,
    /// Where in the streams it is.
    pub(super) offset: u64,
    /// In which line, counted from 1.
    pub(super) line: u64,
    /// Whether both are text up to where they are known.
    pub(super) is_text: bool,
}

impl Window {
    /// The first difference of two streams; `None` if there is none.
    pub(super) fn find(a: &mut dyn Source, b: &mut dyn Source) -> io::Result<Option<Self>> {
        with(a, |a| with(b, |b| find(a, b)))
    }

    /// The first difference of two values.
    pub(super) fn of(mut a: &[u8], mut b: &[u8]) -> Option<Self> {
        find(&mut a, &mut b).ok().flatten()
    }

    /// What to show of both sides: the line of a text, bytes from a multiple of 16 on otherwise.
    pub(super) fn shown(&self) -> (Bytes, Bytes) {
        let before = if self.is_text {
            let common = self.a.get(..self.at).unwrap_or_default();
            let line = common.iter().rev().take(MAX_SHOWN / 2);
            line.take_while(|byte| **byte != b'\n').count()
        } else {
            let aligned = 16 + usize::try_from(self.offset % 16).unwrap_or_default();
            aligned.min(self.at)
        };
        let shown = |side: &[u8]| {
            let bytes = side.get(self.at - before..).unwrap_or_default();
            let mut bytes = bytes.iter().take(MAX_SHOWN).copied().collect::<Vec<_>>();
            if self.is_text {
                let rest = bytes.iter().skip(before).position(|byte| *byte == b'\n');
                bytes.truncate(rest.map_or(bytes.len(), |rest| before + rest));
            }
            Bytes {
                offset: self.offset.saturating_sub(before as u64),
                bytes,
            }
        };
        (shown(&self.a), shown(&self.b))
    }
}

fn find(a: &mut dyn Read, b: &mut dyn Read) -> io::Result<Option<Window>> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let (mut offset, mut line, mut has_nul) = (0, 1, false);
    let mut tail: Vec<u8> = Vec::new();
    loop {
        fill(a, &mut left, CHUNK)?;
        fill(b, &mut right, CHUNK)?;
        let same = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
        let common = left.get(..same).unwrap_or_default();
        line += common.split(|byte| *byte == b'\n').skip(1).count() as u64;
        has_nul |= common.contains(&0);
        offset += same as u64;
        tail.extend_from_slice(common);
        tail.drain(..tail.len().saturating_sub(AROUND));
        if same < left.len() || same < right.len() {
            let (a, b) = (side(&tail, &left, same, a)?, side(&tail, &right, same, b)?);
            return Ok(Some(Window {
                at: tail.len(),
                offset,
                line,
                is_text: !has_nul && is_text(&a) && is_text(&b),
                a,
                b,
            }));
        }
        if left.len() < CHUNK {
            return Ok(None);
        }
    }
}

/// What is before the difference, and what is behind it on one side.
fn side(tail: &[u8], chunk: &[u8], at: usize, more: &mut dyn Read) -> io::Result<Vec<u8>> {
    let rest = chunk.get(at..).unwrap_or_default();
    let rest = rest.get(..rest.len().min(AROUND)).unwrap_or_default();
    let mut side = [tail, rest].concat();
    more.take((AROUND - rest.len()) as u64)
        .read_to_end(&mut side)?;
    Ok(side)
}

fn is_text(bytes: &[u8]) -> bool {
    let plain = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..);
    // A window may begin and end inside of a character.
    let broken = bytes.utf8_chunks().filter(|it| !it.invalid().is_empty());
    bytes.iter().all(plain) && broken.take(5).count() < 5
}

/// What is the same for the same pieces in any order: how many they are, and a sum over their hashes, which
/// needs no memory however many they are.
pub(super) fn in_any_order(reader: &mut dyn Read, separator: u8) -> io::Result<(u64, u64)> {
    let (mut count, mut sum, mut chunk) = (0, 0_u64, Vec::new());
    let mut hasher = DefaultHasher::new();
    loop {
        fill(reader, &mut chunk, CHUNK)?;
        for piece in chunk.split_inclusive(|byte| *byte == separator) {
            hasher.write(piece);
            if piece.last() == Some(&separator) {
                sum = sum.wrapping_add(hasher.finish());
                count += 1;
                hasher = DefaultHasher::new();
            }
        }
        if chunk.len() < CHUNK {
            return Ok((count, sum.wrapping_add(hasher.finish())));
        }
    }
}
