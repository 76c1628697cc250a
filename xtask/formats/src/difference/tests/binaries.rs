//! What is compressed, ELF files, modules and kernel images.

use super::*;
use crate::compression::Compression;
use crate::testing::kernel::{compress, image, module_with};

/// An ELF file of 64 bit, of whose sections those without a star are loaded.
fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let named: Vec<_> = sections
        .iter()
        .map(|(name, bytes)| (name.trim_start_matches('*'), *bytes))
        .collect();
    let mut file = module_with(62, &named);
    let table = usize::try_from(u64::from_le_bytes(file[40..48].try_into().unwrap())).unwrap();
    for (number, (name, _)) in sections.iter().enumerate() {
        file[table + (number + 1) * 64 + 8] = if name.starts_with('*') { 0 } else { 2 };
    }
    file
}

fn gzip(name: &str, time: u32, content: &[u8]) -> Vec<u8> {
    let builder = flate2::GzBuilder::new().filename(name).mtime(time);
    let mut encoder = builder.read(content, flate2::Compression::best());
    let mut bytes = Vec::new();
    encoder.read_to_end(&mut bytes).unwrap();
    bytes
}

fn signed(module: &[u8], signature: &[u8]) -> Vec<u8> {
    let size = u32::try_from(signature.len()).unwrap().to_be_bytes();
    let end: &[u8] = b"~Module signature appended~\n";
    [module, signature, &[0, 0, 2, 0, 0, 0, 0, 0], &size, end].concat()
}

#[test]
fn what_is_compressed_is_looked_into() {
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
        let pack = |text: &str| compress(text.as_bytes(), compression);
        let expected = ("x > line 2".to_owned(), Cause::EmbeddedDate);
        let (a, b) = (pack("a\n2026-11-23\n"), pack("a\n2026-11-24\n"));
        assert_eq!(told(a, b), expected);
    }
}

#[test]
fn the_same_compressed_otherwise_is_told() {
    let content = noise(1, 1000);
    let packed = |how| compress(&content, how);
    let (gz, zst) = (packed(Compression::Gzip), packed(Compression::Zstd));
    assert_eq!(cause(&gz, zst), Cause::Compression);
    assert_eq!(
        cause(gzip("x", 1, &content), gzip("y", 1, &content)),
        Cause::GzipName
    );
    assert_eq!(
        cause(gzip("x", 1, &content), gzip("x", 2, &content)),
        Cause::GzipName
    );
    let text = "some text ".repeat(500);
    let level = |level| zstd::encode_all(text.as_bytes(), level).unwrap();
    assert_eq!(cause(level(1), level(19)), Cause::Compression);
}

#[test]
fn the_section_that_tells_most_is_named() {
    let file = |text: &[u8], path: &[u8], id: &[u8]| {
        elf(&[
            (".text", text),
            (".rodata", path),
            (".note.gnu.build-id", id),
        ])
    };
    let a = file(&[1; 40], b"x\0/build/a/net/x.c\0", &noise(1, 20));
    let b = file(&[2; 40], b"x\0/build/b/net/x.c\0", &noise(2, 20));
    let found = found("x.ko", &a, &b);
    assert_eq!(found.place, ["x.ko", "section .rodata"]);
    assert_eq!((found.cause, found.a.unwrap().offset), (Cause::Path, 0));
    let b = file(&[2; 40], b"x\0/build/a/net/x.c\0", &noise(2, 20));
    let expected = ("x > section .text".to_owned(), Cause::Unknown);
    assert_eq!(told(&a, b), expected);
    let b = file(&[1; 40], b"x\0/build/a/net/x.c\0", &noise(2, 20));
    let expected = ("x > section .note.gnu.build-id".to_owned(), Cause::BuildId);
    assert_eq!(told(&a, b), expected);
}

#[test]
fn btf_is_told_unless_more_differs() {
    let file = |data: &[u8], btf: &[u8], debug: &[u8]| {
        elf(&[(".data", data), (".BTF", btf), ("*.debug_str", debug)])
    };
    let a = file(b"data", b"types", b"one");
    let expected = ("x > section .BTF".to_owned(), Cause::BtfOrder);
    assert_eq!(told(&a, file(b"data", b"pesty", b"two")), expected);
    assert_eq!(
        told(&a, file(b"tada", b"pesty", b"one")).0,
        "x > section .data"
    );
    let last = told(&a, file(b"data", b"types", b"two")).0;
    assert_eq!(last, "x > section .debug_str");
}

#[test]
fn sections_on_one_side_or_in_another_order_are_told() {
    let (one, two) = ((".one", &b"1"[..]), (".two", &b"2"[..]));
    let both = elf(&[one, two]);
    let told = |b: &[(&str, &[u8])]| told(&both, elf(b));
    assert_eq!(
        told(&[one]),
        ("x > section .two".to_owned(), Cause::Missing)
    );
    assert_eq!(
        told(&[two, one]),
        ("x > section .one".to_owned(), Cause::FileOrder)
    );
    let three = told(&[one, (".three", b"2")]);
    assert_eq!(three, ("x > section .two".to_owned(), Cause::Missing));
    // The header.
    let mut other = both.clone();
    other[48] = 1;
    assert_eq!(super::told(&both, other), ("x".to_owned(), Cause::Unknown));
}

#[test]
fn signatures_of_modules_are_told() {
    let module = elf(&[(".text", b"code"), (".modinfo", b"name=x\0")]);
    let place = "x > signature of the module".to_owned();
    let (a, b) = (
        signed(&module, &noise(1, 200)),
        signed(&module, &noise(2, 200)),
    );
    assert_eq!(told(&a, &b), (place.clone(), Cause::ModuleSignature));
    assert_eq!(told(&a, &module), (place, Cause::ModuleSignature));
    let other = elf(&[(".text", b"edoc"), (".modinfo", b"name=x\0")]);
    let b = signed(&other, &noise(2, 200));
    assert_eq!(told(&a, &b).0, "x > section .text");
    let found = found("x.ko", &a, &signed(&module, &noise(3, 200)));
    assert_eq!(found.a.unwrap().bytes, noise(1, 200)[..64]);
    // Lengths that no file has.
    let mut long = a.clone();
    let at = long.len() - 32;
    long[at..at + 4].fill(0xff);
    assert_eq!(difference("x", &long, &a).unwrap().place.len(), 1);
}

/// An image with a kernel behind its header.
fn bzimage(version: &str, compression: Compression, kernel: &[u8]) -> Vec<u8> {
    let mut image = image(version);
    let mut payload = compress(kernel, compression);
    if compression != Compression::Gzip {
        payload.extend(u32::try_from(kernel.len()).unwrap().to_le_bytes());
    }
    // The first byte behind the image, counted from the end of its setup of 4 sectors and one.
    let start = u32::try_from(image.len() - 5 * 0x200).unwrap();
    let size = u32::try_from(payload.len()).unwrap();
    image[0x248..0x24c].copy_from_slice(&start.to_le_bytes());
    image[0x24c..0x250].copy_from_slice(&size.to_le_bytes());
    image.extend(payload);
    image
}

#[test]
fn kernel_images_are_unpacked() {
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
        let image = |version: &str, date: &str| {
            let banner = format!("Linux version (a@b) {date}\0");
            bzimage(
                version,
                compression,
                &elf(&[(".rodata", banner.as_bytes())]),
            )
        };
        let a = image("6.1.0", "Mon Jan 2 00:00:00 UTC 2026");
        let b = image("6.1.0", "Mon Jan 2 12:00:00 UTC 2026");
        let expected = "x > compressed kernel > section .rodata".to_owned();
        assert_eq!(told(&a, b), (expected, Cause::EmbeddedDate));
        let b = image("6.1.1", "Mon Jan 2 12:00:00 UTC 2026");
        assert_eq!(told(&a, b).0, "x > version of the kernel");
    }
    let plain = |byte| {
        let mut image = image("6.1.0");
        image[0x900] = byte;
        image
    };
    assert_eq!(told(plain(1), plain(2)), ("x".to_owned(), Cause::Unknown));
}
