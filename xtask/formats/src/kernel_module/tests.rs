use proptest::prelude::*;

use super::*;
use crate::testing::kernel::{module, module_for, module_with};

fn with_modinfo(text: &str) -> Result<KernelModule, KernelModuleError> {
    parse(&module_with(62, &[(".modinfo", text.as_bytes())]))
}

#[test]
fn modules_tell_their_name_and_dependencies() {
    let found = parse(&module("virtio_pci", "virtio,virtio-ring")).unwrap();
    assert_eq!(found.name.as_deref(), Some("virtio_pci"));
    assert_eq!(found.depends, ["virtio", "virtio_ring"]);
    assert!(found.is_x86_64());
    assert_eq!(parse(&module("dummy", "")).unwrap().depends, [""; 0]);
}

#[test]
fn old_modules_have_no_name() {
    let found = with_modinfo("license=GPL\0depends=\0alias=name=x\0").unwrap();
    assert_eq!(found.name, None);
}

#[test]
fn modules_tell_the_release_they_are_for() {
    let found = parse(&module_for("6.12.1-mptcp", "dummy", "")).unwrap();
    assert_eq!(found.vermagic.as_deref(), Some("6.12.1-mptcp SMP "));
    assert_eq!(found.release(), Some("6.12.1-mptcp"));
    for text in [
        "depends=\0",
        "depends=\0vermagic=\0",
        "depends=\0vermagic= \0",
    ] {
        assert_eq!(with_modinfo(text).unwrap().release(), None, "{text:?}");
    }
}

#[test]
fn other_processors_are_told_apart() {
    let found = parse(&module_with(183, &[(".modinfo", b"depends=\0")])).unwrap();
    assert_eq!((found.machine, found.is_x86_64()), (183, false));
}

#[test]
fn other_files_are_refused() {
    assert_eq!(
        parse(b"#!/bin/sh\n"),
        Err(KernelModuleError::NotElf("#!/bin/s".into()))
    );
    assert_eq!(parse(b""), Err(KernelModuleError::NotElf(String::new())));
    let mut narrow = module("x", "");
    narrow[4] = 1;
    assert_eq!(parse(&narrow), Err(KernelModuleError::Class(1)));
    let none = module_with(62, &[(".modinfoX", b"depends=\0")]);
    assert_eq!(parse(&none), Err(KernelModuleError::Sections(0)));
    let section: (&str, &[u8]) = (".modinfo", b"depends=\0");
    let twice = module_with(62, &[section, section]);
    assert_eq!(parse(&twice), Err(KernelModuleError::Sections(2)));
}

#[test]
fn malformed_sections_are_refused() {
    for (text, error) in [
        ("name=x\0", KernelModuleError::Missing("depends")),
        ("", KernelModuleError::Missing("depends")),
        ("depends=\0depends=a\0", KernelModuleError::Twice("depends")),
        (
            "name=a\0depends=\0name=b\0",
            KernelModuleError::Twice("name"),
        ),
        (
            "depends=\0vermagic=1\0vermagic=2\0",
            KernelModuleError::Twice("vermagic"),
        ),
    ] {
        assert_eq!(with_modinfo(text), Err(error), "{text:?}");
    }
    for name in ["", "../x", "a b", "a/b", "ä", "a\x1b", &"x".repeat(56)] {
        for text in [
            format!("name={name}\0depends=\0"),
            format!("depends=a,{name}\0"),
        ] {
            assert!(
                matches!(with_modinfo(&text), Err(KernelModuleError::Name(_))),
                "{text:?}"
            );
        }
    }
    let many = format!("depends={}a\0", "a,".repeat(256));
    assert_eq!(
        with_modinfo(&many),
        Err(KernelModuleError::Dependencies(257))
    );
}

#[test]
fn truncation_anywhere_is_an_error() {
    let bytes = module("veth", "a,b");
    for length in 0..bytes.len() {
        assert!(parse(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn bytes_need_no_alignment() {
    let mut bytes = vec![0];
    bytes.extend(module("veth", "a"));
    assert_eq!(parse(&bytes[1..]).unwrap().depends, ["a"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn altered_modules_never_panic(changes in prop::collection::vec((0usize..400, any::<u8>()), 1..8)) {
        let mut bytes = module("veth", "a,b");
        let length = bytes.len();
        for (at, with) in changes {
            bytes[at % length] = with;
        }
        let _ = parse(&bytes);
    }
}
