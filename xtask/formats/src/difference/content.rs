//! Contents of every kind, taken apart as far as they can be.

use std::io;

use super::cause::Cause;
use super::members::{self, Inventory, Members};
use super::source::{Source, Unpacked, hold, start, with};
use super::window::{Window, in_any_order};
use super::{Found, archive, clues, elf, image, rpm};
use crate::compression::Compression;

/// How many contents may be inside of each other.
const MAX_DEPTH: u32 = 8;
/// How much of all contents is kept in memory at a time, in bytes; what is larger is unpacked anew each
/// time that it is read.
const MAX_HELD: usize = 48 << 20;
/// How much tells of what kind a content is, in bytes.
const START: usize = 1024;

/// How far inside something is, and what that leaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    depth: u32,
    room: usize,
    /// Whether to read it again costs little.
    is_cheap: bool,
}

impl Scope {
    /// Of a file.
    pub(super) fn whole() -> Self {
        Self {
            depth: 0,
            room: MAX_HELD,
            is_cheap: true,
        }
    }

    /// Of a part of something.
    pub(super) fn inside(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }

    /// Of what something unpacks to.
    pub(super) fn unpacked(self) -> Self {
        Self {
            is_cheap: false,
            ..self.inside()
        }
    }
}

/// What a content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ar,
    Rpm,
    Tar,
    Packed(Compression),
    Elf,
    KernelImage,
    Other,
}

impl Kind {
    fn of(start: &[u8]) -> Self {
        let is_tar = start.get(257..262) == Some(b"ustar");
        match start {
            [b'!', b'<', b'a', b'r', b'c', b'h', b'>', b'\n', ..] => Self::Ar,
            [0x7f, b'E', b'L', b'F', ..] => Self::Elf,
            _ if start.starts_with(&crate::rpm::MAGIC) => Self::Rpm,
            _ if is_tar => Self::Tar,
            _ if image::is_image(start) => Self::KernelImage,
            _ => compression(start).map_or(Self::Other, Self::Packed),
        }
    }
}

/// How something that begins with these bytes is compressed.
pub(super) fn compression(start: &[u8]) -> Option<Compression> {
    match start {
        [0x1f, 0x8b, 8, ..] => Some(Compression::Gzip),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

/// The first difference of two contents; `None` if there is none.
pub(super) fn compare(
    a: &mut dyn Source,
    b: &mut dyn Source,
    scope: Scope,
) -> io::Result<Option<Found>> {
    let kinds = (Kind::of(&start(a, START)?), Kind::of(&start(b, START)?));
    if !scope.is_cheap && kinds != (Kind::Tar, Kind::Tar) {
        let limit = scope.room / 2;
        if let (Some(mut x), Some(mut y)) = (hold(a, limit)?, hold(b, limit)?) {
            let scope = Scope {
                room: scope.room.saturating_sub(x.0.len() + y.0.len()),
                is_cheap: true,
                ..scope
            };
            return compare_kinds(&mut x, &mut y, kinds, scope);
        }
    }
    compare_kinds(a, b, kinds, scope)
}

/// What is damaged, or differs in nothing that its format tells, is compared as bytes.
fn compare_kinds(
    a: &mut dyn Source,
    b: &mut dyn Source,
    kinds: (Kind, Kind),
    scope: Scope,
) -> io::Result<Option<Found>> {
    if scope.is_cheap && Window::find(a, b)?.is_none() {
        return Ok(None);
    }
    let found = match kinds {
        _ if scope.depth > MAX_DEPTH => Ok(None),
        (Kind::Ar, Kind::Ar) => ar(a, b, scope),
        (Kind::Rpm, Kind::Rpm) => rpm::compare(a, b, scope),
        (Kind::Tar, Kind::Tar) => tar(a, b, scope),
        (Kind::Packed(x), Kind::Packed(y)) => packed((a, x), (b, y), scope),
        (Kind::Elf, Kind::Elf) => elf::compare(a, b),
        (Kind::KernelImage, Kind::KernelImage) => image::compare(a, b, scope),
        _ => Ok(None),
    };
    match found {
        Ok(Some(found)) => Ok(Some(found)),
        Ok(None) | Err(_) => bytes(a, b),
    }
}

/// The first byte that differs.
fn bytes(a: &mut dyn Source, b: &mut dyn Source) -> io::Result<Option<Found>> {
    let Some(window) = Window::find(a, b)? else {
        return Ok(None);
    };
    if !window.is_text {
        return Ok(Some(Found::bytes(&window, clues::cause(&window))));
    }
    let cause = if lines(a)? == lines(b)? {
        Cause::FileOrder
    } else {
        clues::cause(&window)
    };
    let line = format!("line {}", window.line);
    Ok(Some(Found::bytes(&window, cause).within(line)))
}

/// The lines of a text in any order.
fn lines(source: &mut dyn Source) -> io::Result<impl Eq> {
    with(source, |reader| in_any_order(reader, b'\n'))
}

fn tar(a: &mut dyn Source, b: &mut dyn Source, scope: Scope) -> io::Result<Option<Found>> {
    let lists = (archive::tar(a)?, archive::tar(b)?);
    members::compare((a, b), lists, scope.inside())
}

/// A `.deb` has archives as members, of which the one with the files is looked at first. What they have in
/// them is what differs of the package.
fn ar(a: &mut dyn Source, b: &mut dyn Source, scope: Scope) -> io::Result<Option<Found>> {
    let lists = (archive::ar(a)?, archive::ar(b)?);
    if !is_deb(&lists) {
        return members::compare((a, b), lists, scope.inside());
    }
    let (mut best, mut all) = (None::<Found>, Members::default());
    let pairs = lists.0.members.iter().zip(&lists.1.members);
    let mut pairs: Vec<_> = pairs.filter(|(x, y)| x.digest != y.digest).collect();
    pairs.sort_by_key(|(x, _)| x.path != "data.tar");
    for (x, y) in pairs {
        let found = compare(&mut x.part(a), &mut y.part(b), scope.inside())?;
        let Some(found) = found else { continue };
        let name = super::inert(x.path.as_bytes());
        all.absorb(&name, &found.members);
        let is_better = |best: &Found| best.cause.is_packing() && !found.cause.is_packing();
        if best.as_ref().is_none_or(is_better) {
            best = Some(found.within(name));
        }
    }
    match best {
        Some(best) => Ok(Some(Found {
            members: all,
            ..best
        })),
        None => members::compare((a, b), lists, scope.inside()),
    }
}

/// Whether both are `.deb` packages of the same few members.
fn is_deb((a, b): &(Inventory, Inventory)) -> bool {
    let paths = |list: &Inventory| -> Vec<String> {
        let paths = list.members.iter().map(|member| member.path.clone());
        paths.take(8).collect()
    };
    let paths = (paths(a), paths(b));
    paths
        .0
        .first()
        .is_some_and(|first| first == "debian-binary")
        && paths.0 == paths.1
        && a.members.len() == b.members.len()
        && a.members.len() < 8
}

/// What they unpack to; where that is the same, how they are packed.
fn packed(
    (a, x): (&mut dyn Source, Compression),
    (b, y): (&mut dyn Source, Compression),
    scope: Scope,
) -> io::Result<Option<Found>> {
    let found = {
        let mut a = Unpacked {
            of: a,
            compression: x,
        };
        let mut b = Unpacked {
            of: b,
            compression: y,
        };
        compare(&mut a, &mut b, scope.unpacked())?
    };
    if found.is_some() {
        return Ok(found);
    }
    let Some(window) = Window::find(a, b)? else {
        return Ok(None);
    };
    let (a, b) = (start(a, START)?, start(b, START)?);
    let cause = match (gzip_name(&a), gzip_name(&b)) {
        (Some(a), Some(b)) if a != b => Cause::GzipName,
        _ => Cause::Compression,
    };
    Ok(Some(Found::bytes(&window, cause)))
}

/// The time and the name in a gzip header, RFC 1952.
fn gzip_name(start: &[u8]) -> Option<(&[u8], &[u8])> {
    const EXTRA: u8 = 1 << 2;
    const NAME: u8 = 1 << 3;
    let ([0x1f, 0x8b, _, flags, time @ .., _, _], rest) = start.split_first_chunk::<10>()? else {
        return None;
    };
    let rest = match rest.split_first_chunk::<2>() {
        Some((size, rest)) if flags & EXTRA != 0 => rest.get(u16::from_le_bytes(*size).into()..)?,
        _ => rest,
    };
    let name = rest.split(|byte| *byte == 0).next();
    let name = name.filter(|_| flags & NAME != 0).unwrap_or_default();
    Some((time, name))
}
