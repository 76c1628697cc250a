use proptest::prelude::*;

use super::*;
use crate::testing::kernel::image;

fn altered(at: usize, with: &[u8]) -> Result<KernelImage, KernelImageError> {
    let mut image = image("6.12.1-test");
    image[at..at + with.len()].copy_from_slice(with);
    parse(&image)
}

#[test]
fn the_release_is_read() {
    let found = parse(&image("6.12.117+deb13-mptcp_x")).unwrap();
    assert_eq!(found.release, "6.12.117+deb13-mptcp_x");
    let longest = "x".repeat(64);
    assert_eq!(parse(&image(&longest)).unwrap().release, longest);
    assert_eq!(altered(0x600, b"5.4\0").unwrap().release, "5.4");
    assert!(
        altered(0x1f1, &[0]).is_ok(),
        "no count of sectors means four of them"
    );
}

#[test]
fn other_files_are_refused() {
    assert_eq!(parse(b"MZ"), Err(KernelImageError::TooShort(2)));
    assert_eq!(
        parse(&[0; 0x1000]),
        Err(KernelImageError::NotAKernel {
            boot_flag: 0,
            magic: "\0\0\0\0".into()
        })
    );
    for (at, with) in [(0x1fe, b"x"), (0x202, b"h"), (0x205, b"s")] {
        assert!(
            matches!(altered(at, with), Err(KernelImageError::NotAKernel { .. })),
            "{at}"
        );
    }
}

#[test]
fn old_and_narrow_kernels_are_refused() {
    assert_eq!(
        altered(0x206, &[0x0b, 2]),
        Err(KernelImageError::Protocol(0x020b))
    );
    assert_eq!(
        altered(0x206, &[0x0b, 2]).unwrap_err().to_string(),
        "found boot protocol 2.11, expected 2.12 or later, of Linux 3.8 and later"
    );
    assert_eq!(
        altered(0x236, &[0x20, 0]),
        Err(KernelImageError::Not64Bit(0x20))
    );
}

#[test]
fn versions_are_where_they_should_be() {
    for offset in [0_u16, 0x0800, 0xffff] {
        assert_eq!(
            altered(0x20e, &offset.to_le_bytes()),
            Err(KernelImageError::NoVersion(offset))
        );
    }
    for release in ["", " ", "a/b", "ä", "a\x1b[31m", &"x".repeat(65)] {
        assert!(
            matches!(parse(&image(release)), Err(KernelImageError::Release(_))),
            "{release:?}"
        );
    }
}

#[test]
fn truncation_before_the_end_of_the_release_is_an_error() {
    let image = image("6.12.1-test");
    for length in 0..0x600 + "6.12.1-test ".len() {
        assert_eq!(
            parse(&image[..length]),
            Err(KernelImageError::TooShort(length))
        );
    }
    assert!(parse(&image[..0x600 + "6.12.1-test ".len()]).is_ok());
}

proptest! {
    #[test]
    fn altered_images_never_panic(changes in prop::collection::vec((0x1f0usize..0x240, any::<u8>()), 1..8), length in 0usize..0x1000) {
        let mut image = image("6.12.1-test");
        for (at, with) in changes {
            image[at] = with;
        }
        let _ = parse(&image[..length]);
        let _ = parse(&image);
    }
}
