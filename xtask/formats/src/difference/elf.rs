//! ELF files, section by section, and the signatures that kernel modules have appended.

use std::io::{self, Read};

use model::digest::Sha256;
use object::Endianness;
use object::elf::{FileHeader32, FileHeader64, SHF_ALLOC, SHT_NOBITS};
use object::read::elf::{FileHeader, SectionHeader};
use sha2::Digest;

use super::cause::Cause;
use super::source::{Part, Source, malformed, start, with};
use super::window::Window;
use super::{Found, clues, inert};

/// The most that the names of all sections may be, in bytes.
const MAX_NAMES: u64 = 4 << 20;
/// Longest name of a section in bytes.
const MAX_NAME: usize = 256;
/// In how many sections a known cause is looked for.
const MAX_LOOKED_AT: usize = 24;
const SIGNED: &[u8] = b"~Module signature appended~\n";
/// `struct module_signature` of Linux: 3 numbers of kinds, 2 of lengths, 3 of nothing, 4 of one length.
const SIGNATURE: usize = 12;

/// The first difference of two ELF files: in the section that tells most.
pub(super) fn compare(a: &mut dyn Source, b: &mut dyn Source) -> io::Result<Option<Found>> {
    let (a_end, b_end) = (End::of(a)?, End::of(b)?);
    if a_end.is_signed || b_end.is_signed {
        let (mut a, mut b) = (a_end.part(a), b_end.part(b));
        let Some(window) = Window::find(&mut a, &mut b)? else {
            return signature(a.of, b.of, a_end.content.min(b_end.content));
        };
        let found = sections(&mut a, &mut b)?;
        let bytes = || Found::bytes(&window, clues::cause(&window));
        return Ok(Some(found.unwrap_or_else(bytes)));
    }
    sections(a, b)
}

fn signature(a: &mut dyn Source, b: &mut dyn Source, from: u64) -> io::Result<Option<Found>> {
    let part = |of| Part {
        of,
        start: from,
        size: u64::MAX,
    };
    let window = Window::find(&mut part(a), &mut part(b))?;
    Ok(window.map(|mut window| {
        window.offset += from;
        Found::bytes(&window, Cause::ModuleSignature).within("signature of the module")
    }))
}

/// Where a file ends without its signature.
struct End {
    content: u64,
    is_signed: bool,
}

impl End {
    fn of(source: &mut dyn Source) -> io::Result<Self> {
        let (mut last, mut length) = (Vec::new(), 0);
        with(source, |reader| {
            let mut chunk = vec![0; 1 << 16];
            loop {
                let read = reader.read(&mut chunk)?;
                if read == 0 {
                    return Ok(());
                }
                length += read as u64;
                last.extend_from_slice(chunk.get(..read).unwrap_or_default());
                last.drain(..last.len().saturating_sub(SIGNED.len() + SIGNATURE));
            }
        })?;
        let signature = last
            .strip_suffix(SIGNED)
            .and_then(|rest| rest.first_chunk());
        let content = signature.and_then(|signature| unsigned(*signature, length));
        Ok(Self {
            content: content.unwrap_or(length),
            is_signed: content.is_some(),
        })
    }

    fn part<'a>(&self, of: &'a mut dyn Source) -> Part<'a> {
        Part {
            of,
            start: 0,
            size: self.content,
        }
    }
}

/// How long a file of some length is without its signature.
fn unsigned(signature: [u8; SIGNATURE], length: u64) -> Option<u64> {
    let [_, _, _, signer, key, _, _, _, size @ ..] = signature;
    let size = u64::from(u32::from_be_bytes(size)) + u64::from(signer) + u64::from(key);
    length.checked_sub(size + (SIGNED.len() + SIGNATURE) as u64)
}

/// A section with the digest of its content.
struct Section {
    name: Vec<u8>,
    is_allocated: bool,
    start: u64,
    size: u64,
    digest: Sha256,
}

/// How much a section tells, the least being first: what is loaded, what is not, and what differs because
/// others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Loaded,
    Btf,
    Other,
    Consequence,
}

impl Section {
    fn rank(&self) -> Rank {
        match self.name.as_slice() {
            b".note.gnu.build-id" | b".notes" | b".gnu_debuglink" | b".shstrtab" => {
                Rank::Consequence
            }
            name if name.starts_with(b".BTF") => Rank::Btf,
            _ if self.is_allocated => Rank::Loaded,
            _ => Rank::Other,
        }
    }

    fn part<'a>(&self, of: &'a mut dyn Source) -> Part<'a> {
        Part {
            of,
            start: self.start,
            size: self.size,
        }
    }

    fn place(&self) -> String {
        format!("section {}", inert(&self.name))
    }
}

fn sections(a: &mut dyn Source, b: &mut dyn Source) -> io::Result<Option<Found>> {
    let (a_list, b_list) = (read(a)?, read(b)?);
    let mut pairs = a_list.iter().zip(&b_list);
    if let Some((x, y)) = pairs.find(|(x, y)| x.name != y.name) {
        return Ok(Some(listed(x, y, &a_list, &b_list)));
    }
    let longer = a_list.get(b_list.len()..).and_then(<[_]>::first);
    let longer = longer.map(|it| (it, true));
    let only = longer.or(b_list
        .get(a_list.len()..)
        .and_then(<[_]>::first)
        .map(|it| (it, false)));
    if let Some((section, is_in_a)) = only {
        return Ok(Some(missing(section, is_in_a)));
    }
    let pairs = a_list.iter().zip(&b_list);
    let mut pairs: Vec<_> = pairs.filter(|(x, y)| x.digest != y.digest).collect();
    let rank = pairs.iter().map(|(x, _)| x.rank()).min();
    pairs.retain(|(x, _)| Some(x.rank()) == rank);
    let mut first = None;
    for (x, y) in pairs.into_iter().take(MAX_LOOKED_AT) {
        let Some(window) = Window::find(&mut x.part(a), &mut y.part(b))? else {
            continue;
        };
        let cause = match x.rank() {
            Rank::Btf => Cause::BtfOrder,
            Rank::Consequence if x.name.starts_with(b".note") => Cause::BuildId,
            _ => clues::cause(&window),
        };
        let found = Found::bytes(&window, cause).within(x.place());
        if cause.is_telling() {
            return Ok(Some(found));
        }
        first.get_or_insert(found);
    }
    Ok(first)
}

/// The lists of sections differ.
fn listed(x: &Section, y: &Section, a: &[Section], b: &[Section]) -> Found {
    let has = |list: &[Section], name: &[u8]| list.iter().any(|section| section.name == name);
    if !has(b, &x.name) {
        return missing(x, true);
    }
    if !has(a, &y.name) {
        return missing(y, false);
    }
    Found::values(&x.name, &y.name, Cause::FileOrder).within(x.place())
}

fn missing(section: &Section, is_in_a: bool) -> Found {
    let mut found = Found::missing(&section.place(), is_in_a);
    found.place = vec![section.place()];
    found
}

fn read(source: &mut dyn Source) -> io::Result<Vec<Section>> {
    let bytes = start(source, 64)?;
    match bytes.get(4) {
        Some(1) => read_as::<FileHeader32<Endianness>>(source, &bytes),
        Some(2) => read_as::<FileHeader64<Endianness>>(source, &bytes),
        _ => Err(malformed("an ELF file of an unknown class")),
    }
}

fn read_as<H: FileHeader<Endian = Endianness>>(
    source: &mut dyn Source,
    bytes: &[u8],
) -> io::Result<Vec<Section>> {
    let header = H::parse(bytes).map_err(|error| malformed(error.to_string()))?;
    let endian = header.endian().map_err(|it| malformed(it.to_string()))?;
    let count = usize::from(header.e_shnum(endian));
    let size = size_of::<H::SectionHeader>() * count;
    let table = range(source, header.e_shoff(endian).into(), size as u64)?;
    let table = object::pod::slice_from_bytes::<H::SectionHeader>(&table, count);
    let (table, _) = table.map_err(|()| malformed("an ELF file that ends in its sections"))?;
    let place = |section: &H::SectionHeader| match section.sh_type(endian) {
        SHT_NOBITS => (0, 0),
        _ => (
            section.sh_offset(endian).into(),
            section.sh_size(endian).into(),
        ),
    };
    let names = table.get(usize::from(header.e_shstrndx(endian).0));
    let names = match names.map(place) {
        Some((at, size)) if size <= MAX_NAMES => range(source, at, size)?,
        _ => return Err(malformed("an ELF file without the names of its sections")),
    };
    let sections = table.iter().map(|section| {
        let name = usize::try_from(section.sh_name(endian)).unwrap_or(usize::MAX);
        let name = names.get(name..).unwrap_or_default().iter().take(MAX_NAME);
        let (start, size) = place(section);
        Section {
            name: name.copied().take_while(|byte| *byte != 0).collect(),
            is_allocated: section.sh_flags(endian).0 & SHF_ALLOC.0 != 0,
            start,
            size,
            digest: Sha256::of([]),
        }
    });
    let mut sections: Vec<_> = sections.collect();
    with(source, |reader| digest(reader, &mut sections))?;
    Ok(sections)
}

fn range(of: &mut dyn Source, at: u64, size: u64) -> io::Result<Vec<u8>> {
    let mut part = Part {
        of,
        start: at,
        size,
    };
    start(&mut part, usize::try_from(size).unwrap_or(usize::MAX))
}

/// Digests all sections in one pass, in which they must not overlap.
fn digest(reader: &mut dyn Read, sections: &mut [Section]) -> io::Result<()> {
    let mut order: Vec<_> = sections.iter_mut().filter(|it| it.size > 0).collect();
    order.sort_by_key(|section| section.start);
    let mut at = 0;
    for section in order {
        let gap = section.start.checked_sub(at);
        let gap = gap.ok_or_else(|| malformed("an ELF file with sections that overlap"))?;
        io::copy(&mut Read::take(&mut *reader, gap), &mut io::sink())?;
        let mut hasher = sha2::Sha256::new();
        let mut content = Read::take(&mut *reader, section.size);
        let mut chunk = vec![0; 1 << 16];
        loop {
            let read = content.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            hasher.update(chunk.get(..read).unwrap_or_default());
        }
        section.digest = Sha256::finish(hasher);
        at = section.start.saturating_add(section.size);
    }
    Ok(())
}
