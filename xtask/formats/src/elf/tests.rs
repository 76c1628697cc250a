use std::fs::File;
use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::testing::kernel::module;

const DYNAMIC: u32 = 2;
const INTERP: u32 = 3;
const LOAD: u32 = 1;
/// Where the content of a test file begins: behind its header and four segments of 64 bit.
const CONTENT: u64 = 64 + 4 * 56;
/// Where everything is loaded to.
const ADDRESS: u64 = 0x40_0000;

/// An ELF file of 64 bit, little endian, with these segments (type, offset in the content, size) and this
/// content.
fn elf(kind: u16, segments: &[(u32, u64, u64)], content: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend(kind.to_le_bytes());
    file.extend(62_u16.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    for number in [0, 64, 0_u64] {
        file.extend(number.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    let count = u16::try_from(segments.len()).unwrap();
    for half in [64, 56, count, 64, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    for (kind, offset, size) in segments {
        file.extend(kind.to_le_bytes());
        file.extend(4_u32.to_le_bytes());
        let at = CONTENT + offset;
        for number in [at, ADDRESS + at, ADDRESS + at, *size, *size, 8] {
            file.extend(number.to_le_bytes());
        }
    }
    file.resize(usize::try_from(CONTENT).unwrap(), 0);
    file.extend_from_slice(content);
    file
}

/// A program that needs `libc.so.6` and `libm.so.6`, with entries of its dynamic section as they are given.
fn program(entries: &[(u64, u64)]) -> Vec<u8> {
    let mut content = b"/lib64/ld.so\0\0libc.so.6\0libm.so.6\0".to_vec();
    content.resize(40, 0);
    for (tag, value) in entries {
        content.extend(tag.to_le_bytes());
        content.extend(value.to_le_bytes());
    }
    let size = entries.len() as u64 * 16;
    let segments = [(INTERP, 0, 13), (LOAD, 0, 40 + size), (DYNAMIC, 40, size)];
    elf(3, &segments, &content)
}

const NAMES: [(u64, u64); 2] = [(5, ADDRESS + CONTENT + 13), (10, 21)];

fn read(bytes: &[u8]) -> Result<Option<Linkage>, String> {
    linkage(bytes).map_err(|error| error.to_string())
}

#[test]
fn this_program_is_dynamic() {
    let found = linkage(File::open("/proc/self/exe").unwrap())
        .unwrap()
        .unwrap();
    assert!(
        found.interpreter.unwrap().contains("ld"),
        "a dynamic linker"
    );
    assert!(found.needed.iter().any(|name| name.starts_with("libc.so")));
}

#[test]
fn programs_tell_what_they_need() {
    let [table, size] = NAMES;
    let entries = [(1, 1), table, (1, 11), size, (0, 0), (1, 99)];
    let found = read(&program(&entries)).unwrap().unwrap();
    assert_eq!(found.interpreter.as_deref(), Some("/lib64/ld.so"));
    assert_eq!(found.needed, ["libc.so.6", "libm.so.6"]);
}

#[test]
fn static_programs_need_nothing() {
    let nothing = Ok(Some(Linkage::default()));
    assert_eq!(read(&elf(2, &[(LOAD, 0, 4)], b"code")), nothing);
    assert_eq!(read(&elf(2, &[], b"")), nothing);
    let position_independent = elf(3, &[(LOAD, 0, 32), (DYNAMIC, 0, 32)], &[0; 32]);
    assert_eq!(read(&position_independent), nothing);
}

#[test]
fn other_files_need_nothing() {
    for bytes in [b"".as_slice(), b"\x7fEL", b"#!/bin/sh\n", b"text"] {
        assert_eq!(read(bytes), Ok(None));
    }
    assert_eq!(read(&module("veth", "a")), Ok(None));
}

#[test]
fn no_more_is_read_than_it_takes() {
    struct Endless;
    impl Read for Endless {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("read beyond what is needed")
        }
    }
    let program = elf(2, &[(LOAD, 0, 1 << 40)], b"");
    assert!(
        linkage(Cursor::new(program).chain(Endless))
            .unwrap()
            .is_some()
    );
    let object = module("veth", "");
    assert!(
        linkage(Cursor::new(object).chain(Endless))
            .unwrap()
            .is_none()
    );
}

#[test]
fn malformed_files_are_refused() {
    let [table, size] = NAMES;
    let whole = program(&[table, size, (1, 1)]);
    let error = |bytes: &[u8]| read(bytes).unwrap_err();
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        error(&bytes)
    };
    assert_eq!(
        error(&whole[..63]),
        "found an ELF file of 63 bytes, expected 64 at least"
    );
    assert_eq!(
        error(&whole[..100]),
        "found an ELF file of 100 bytes, expected 232 at least"
    );
    assert!(with(4, 3).starts_with("found an ELF file of class 3"));
    assert!(with(5, 3).starts_with("malformed ELF file"));
    assert!(with(16, 4).starts_with("found an ELF file of type 4"));
    assert!(with(54, 55).starts_with("malformed ELF file"));
    assert!(
        with(34, 1).starts_with("found an ELF file of"),
        "segments far behind"
    );
    assert!(with(39, 1).starts_with("found an ELF file that needs to be read up to"));
    for (entries, expected) in [
        (
            vec![(1, 1)],
            "needed libraries, and no table of their names",
        ),
        (
            vec![(1, 1), (5, 1), size],
            "which is not loaded from the file",
        ),
        (
            vec![(1, 1), table, (10, 1 << 40)],
            "which is not loaded from the file",
        ),
        (
            vec![(1, 99), table, size],
            "the name of a needed library is none",
        ),
        (
            vec![(1, 0), table, size],
            "the name of a needed library is none",
        ),
        (
            vec![(1, 11), table, (10, 20)],
            "the name of a needed library is none",
        ),
        (vec![(1, 1); 1025], "found more than 1024 needed libraries"),
    ] {
        let found = error(&program(&entries));
        assert!(found.contains(expected), "{found}");
    }
    let twice = elf(3, &[(INTERP, 0, 2), (INTERP, 0, 2)], b"x\0");
    assert!(error(&twice).contains("two interpreters"));
    for name in [b"xx".as_slice(), b"\xff\0", b"\0\0"] {
        let error = error(&elf(3, &[(INTERP, 0, 2)], name));
        assert!(
            error.contains("the name of the interpreter is none"),
            "{error}"
        );
    }
}

#[test]
fn truncation_anywhere_is_an_error() {
    let [table, size] = NAMES;
    let whole = program(&[table, size, (1, 1)]);
    for length in 4..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length}");
    }
}

#[test]
fn files_of_32_bit_are_read() {
    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([2, 0, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    file.extend(52_u32.to_le_bytes());
    file.extend([0; 8]);
    for half in [52, 32, 1, 40, 0, 0_u16] {
        file.extend(half.to_le_bytes());
    }
    for number in [INTERP, 84, 0, 0, 7, 7, 4, 1] {
        file.extend(number.to_le_bytes());
    }
    file.extend(b"/lib/x\0");
    let found = read(&file).unwrap().unwrap();
    assert_eq!(found.interpreter.as_deref(), Some("/lib/x"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn altered_files_never_panic(changes in prop::collection::vec((0_usize..400, any::<u8>()), 1..8)) {
        let [table, size] = NAMES;
        let mut bytes = program(&[table, size, (1, 1), (1, 11)]);
        let length = bytes.len();
        for (at, with) in changes {
            bytes[at % length] = with;
        }
        let _ = linkage(bytes.as_slice());
    }
}
