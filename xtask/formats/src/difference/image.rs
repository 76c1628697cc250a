//! Kernel images: the version in the header, and the kernel that is compressed behind it.
//!
//! Source: `Documentation/arch/x86/boot.rst` of Linux.

use std::io;

use super::content::{self, Scope, compression};
use super::source::{Part, Source, Unpacked, start};
use super::window::Window;
use super::{Found, clues};
use crate::compression::Compression;

/// How much of an image holds its header and its version: 64 sectors and one.
const SETUP: usize = 65 * 0x200;
/// Longest version in bytes that is looked at.
const MAX_VERSION: usize = 512;

/// Whether these bytes begin an image.
pub(super) fn is_image(start: &[u8]) -> bool {
    start.get(0x1fe..0x200) == Some(&[0x55, 0xaa]) && start.get(0x202..0x206) == Some(b"HdrS")
}

/// The first difference of two images: in the version, or in what they unpack to.
pub(super) fn compare(
    a: &mut dyn Source,
    b: &mut dyn Source,
    scope: Scope,
) -> io::Result<Option<Found>> {
    let (a_setup, b_setup) = (start(a, SETUP)?, start(b, SETUP)?);
    let versions = version(&a_setup).zip(version(&b_setup));
    if let Some(window) = versions.and_then(|(a, b)| Window::of(a, b)) {
        let found = Found::bytes(&window, clues::cause(&window));
        return Ok(Some(found.within("version of the kernel")));
    }
    let Some(((x, x_kind), (y, y_kind))) = payload(a, &a_setup)?.zip(payload(b, &b_setup)?) else {
        return Ok(None);
    };
    let (mut a, mut b) = (part(a, x), part(b, y));
    let mut a = Unpacked {
        of: &mut a,
        compression: x_kind,
    };
    let mut b = Unpacked {
        of: &mut b,
        compression: y_kind,
    };
    let found = content::compare(&mut a, &mut b, scope.unpacked())?;
    Ok(found.map(|found| found.within("compressed kernel")))
}

/// The text of the version, which has the builder and the time too.
fn version(setup: &[u8]) -> Option<&[u8]> {
    let offset = u16::from_le_bytes(*setup.get(0x20e..)?.first_chunk()?);
    let version = setup.get(usize::from(offset).checked_add(0x200)?..)?;
    let end = version.iter().take(MAX_VERSION).position(|it| *it == 0)?;
    version.get(..end).filter(|_| offset > 0)
}

fn part(of: &mut dyn Source, (start, size): (u64, u64)) -> Part<'_> {
    Part { of, start, size }
}

/// Where the compressed kernel is, and how it is compressed.
fn payload(source: &mut dyn Source, setup: &[u8]) -> io::Result<Option<((u64, u64), Compression)>> {
    let Some((at, size)) = payload_place(setup) else {
        return Ok(None);
    };
    let magic = start(&mut part(source, (at, size)), 8)?;
    Ok(compression(&magic).map(|compression| {
        // All but gzip have the unpacked size behind them, in 4 bytes.
        let size = match compression {
            Compression::Gzip => size,
            _ => size.saturating_sub(4),
        };
        ((at, size), compression)
    }))
}

fn payload_place(setup: &[u8]) -> Option<(u64, u64)> {
    let number = |at: usize| -> Option<u64> {
        let bytes = setup.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes).into())
    };
    let sectors = match *setup.get(0x1f1)? {
        0 => 4,
        sectors => u64::from(sectors),
    };
    let start = (sectors + 1) * 0x200 + number(0x248)?;
    Some((start, number(0x24c)?))
}
