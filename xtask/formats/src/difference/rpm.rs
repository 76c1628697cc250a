//! RPM packages: the files of the payload, what the header says, and what only follows from both.

use std::io;

use super::cause::Cause;
use super::content::{Scope, compression};
use super::members::{self, Members};
use super::source::{Part, Source, Unpacked, malformed, start, with};
use super::window::{Window, in_any_order};
use super::{Found, archive, clues};
use crate::compression::Compression;
use crate::rpm::header::{Header, Section};
use crate::rpm::{LEAD, skip_padding};

/// Tags whose value has a known cause to differ. Source: `docs/manual/tags.md` of rpm.
const CAUSES: [(u32, &str, Cause); 16] = [
    (1006, "BUILDTIME", Cause::EmbeddedDate),
    (1007, "BUILDHOST", Cause::HostName),
    (1015, "PACKAGER", Cause::UserName),
    (1030, "FILEMODES", Cause::Permissions),
    (1034, "FILEMTIMES", Cause::ModificationTime),
    (1039, "FILEUSERNAME", Cause::Ownership),
    (1040, "FILEGROUPNAME", Cause::Ownership),
    (1080, "CHANGELOGTIME", Cause::EmbeddedDate),
    (1094, "COOKIE", Cause::HostName),
    (1125, "PAYLOADCOMPRESSOR", Cause::Compression),
    (1126, "PAYLOADFLAGS", Cause::Compression),
    // The bytes tell.
    (1081, "CHANGELOGNAME", Cause::Unknown),
    (1082, "CHANGELOGTEXT", Cause::Unknown),
    (1117, "BASENAMES", Cause::Unknown),
    (1118, "DIRNAMES", Cause::Unknown),
    (1036, "FILELINKTOS", Cause::Unknown),
];
/// Tags that follow from the files and from other tags: sizes, digests, numbers of inodes, classes, and
/// which folder each file is in.
const CONSEQUENCES: [(u32, &str); 13] = [
    (1009, "SIZE"),
    (1028, "FILESIZES"),
    (1035, "FILEDIGESTS"),
    (1095, "FILEDEVICES"),
    (1096, "FILEINODES"),
    (1116, "DIRINDEXES"),
    (1140, "FILECOLORS"),
    (1141, "FILECLASS"),
    (1142, "CLASSDICT"),
    (5008, "LONGFILESIZES"),
    (5009, "LONGSIZE"),
    (5092, "PAYLOADSHA256"),
    (5097, "PAYLOADSHA256ALT"),
];

/// What comes before the payload.
struct Start {
    signatures: Header,
    header: Header,
    /// Where the payload begins.
    size: u64,
}

fn read(source: &mut dyn Source) -> io::Result<Start> {
    with(source, |mut reader| {
        let mut lead = [0; LEAD];
        reader.read_exact(&mut lead)?;
        let signatures = Header::read(&mut reader, Section::Signature).map_err(malformed)?;
        skip_padding(&mut reader, signatures.size).map_err(malformed)?;
        let header = Header::read(&mut reader, Section::Main).map_err(malformed)?;
        let size = LEAD + signatures.length().next_multiple_of(8) + header.length();
        Ok(Start {
            size: size as u64,
            signatures,
            header,
        })
    })
}

/// The first difference of two packages: in a file, in what the header says, in how the payload is packed,
/// and last in what follows from those.
pub(super) fn compare(
    a: &mut dyn Source,
    b: &mut dyn Source,
    scope: Scope,
) -> io::Result<Option<Found>> {
    let (x, y) = (read(a)?, read(b)?);
    let payload = payload(&mut part(a, &x), &mut part(b, &y), scope)?;
    let is_consequence = |tag: u32| CONSEQUENCES.iter().any(|(number, _)| *number == tag);
    let (consequences, told): (Vec<_>, Vec<_>) = tags(&x.header, &y.header)
        .into_iter()
        .partition(|it| is_consequence(it.0));
    let mut all = Members::default();
    if let Some(payload) = &payload {
        all.absorb("payload", &payload.members);
    }
    for (tag, ..) in &told {
        all.add(&format!("header/{}", name(*tag)));
    }
    let payload = payload.map(|found| found.within("payload"));
    let (packing, files) = match payload {
        Some(found) if found.cause.is_packing() => (Some(found), None),
        found => (None, found),
    };
    let header = |list: Vec<Tag>| first_tag(list).map(|found| found.within("header"));
    let signatures = || first_tag(tags(&x.signatures, &y.signatures));
    let found = files
        .or_else(|| header(told))
        .or(packing)
        .or_else(|| header(consequences))
        .or_else(|| signatures().map(|found| found.within("signature header")));
    Ok(found.map(|found| Found {
        members: all,
        ..found
    }))
}

fn part<'a>(of: &'a mut dyn Source, begin: &Start) -> Part<'a> {
    Part {
        of,
        start: begin.size,
        size: u64::MAX,
    }
}

/// The first difference of two payloads, whose compression they tell themselves.
fn payload(a: &mut dyn Source, b: &mut dyn Source, scope: Scope) -> io::Result<Option<Found>> {
    let Some(window) = Window::find(a, b)? else {
        return Ok(None);
    };
    let kind = |source: &mut dyn Source| -> io::Result<Compression> {
        Ok(compression(&start(source, 8)?).unwrap_or(Compression::None))
    };
    let (x, y) = (kind(a)?, kind(b)?);
    let mut a = Unpacked {
        of: a,
        compression: x,
    };
    let mut b = Unpacked {
        of: b,
        compression: y,
    };
    let lists = (archive::cpio(&mut a)?, archive::cpio(&mut b)?);
    let is_same = lists.0.digest == lists.1.digest;
    let found = members::compare((&mut a, &mut b), lists, scope.unpacked())?;
    let packing = || is_same.then(|| Found::bytes(&window, Cause::Compression));
    if found.is_some() || is_same {
        return Ok(found.or_else(packing));
    }
    let window = Window::find(&mut a, &mut b)?;
    Ok(window.map(|window| Found::bytes(&window, clues::cause(&window))))
}

/// A tag and its values on either side.
type Tag<'a> = (u32, Option<&'a [u8]>, Option<&'a [u8]>);

/// The tags that differ, in the order of their numbers.
fn tags<'a>(a: &'a Header, b: &'a Header) -> Vec<Tag<'a>> {
    let (a, b) = (a.values(), b.values());
    let mut numbers: Vec<_> = a.keys().chain(b.keys()).copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    let values = numbers.into_iter();
    values
        .map(|tag| (tag, a.get(&tag).copied(), b.get(&tag).copied()))
        .filter(|(_, a, b)| a != b)
        .collect()
}

/// The first tag whose cause is known, or the first.
fn first_tag(tags: Vec<Tag<'_>>) -> Option<Found> {
    let mut first = None;
    for tag in tags {
        let found = tag_difference(tag);
        if found.cause.is_telling() {
            return Some(found);
        }
        first.get_or_insert(found);
    }
    first
}

fn tag_difference((tag, a, b): Tag<'_>) -> Found {
    let known = CAUSES.iter().find(|(number, ..)| *number == tag);
    let known = known.map(|(.., cause)| *cause);
    let known = known.filter(|cause| *cause != Cause::Unknown);
    let window = a.zip(b).and_then(|(a, b)| Window::of(a, b));
    let Some(window) = window else {
        let mut found = Found::missing(&name(tag), a.is_some());
        found.cause = known.unwrap_or(Cause::Missing);
        return found;
    };
    let cause = match known {
        Some(cause) => cause,
        None if a.and_then(texts) == b.and_then(texts) => Cause::FileOrder,
        None => clues::cause(&window),
    };
    Found::bytes(&window, cause).within(name(tag))
}

/// The texts of a value in any order.
fn texts(mut value: &[u8]) -> Option<impl Eq> {
    in_any_order(&mut value, 0).ok()
}

fn name(tag: u32) -> String {
    let causes = CAUSES.iter().map(|(number, name, _)| (*number, *name));
    let mut names = causes.chain(CONSEQUENCES);
    let name = names.find(|(number, _)| *number == tag);
    name.map_or_else(|| format!("tag {tag}"), |(_, name)| name.to_owned())
}
