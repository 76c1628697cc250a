//! Kernel images: what the header of a bzImage says.
//!
//! Source: `Documentation/arch/x86/boot.rst` of Linux.

/// Longest release in bytes: `__NEW_UTS_LEN` of Linux.
const MAX_RELEASE: usize = 64;

const SETUP_SECTORS: usize = 0x1f1;
const BOOT_FLAG: usize = 0x1fe;
const MAGIC: usize = 0x202;
const PROTOCOL: usize = 0x206;
const VERSION: usize = 0x20e;
const LOAD_FLAGS: usize = 0x236;
/// The first protocol that tells whether a kernel is of 64 bit; Linux has it since 3.8.
const PROTOCOL_2_12: u16 = 0x020c;
/// The kernel has the entry point for 64 bit.
const XLF_KERNEL_64: u16 = 1;

/// Why bytes are no usable kernel.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KernelImageError {
    /// The image ends inside of its header or its version.
    #[error("found a kernel image of {0} bytes, which ends inside of its header")]
    TooShort(usize),
    /// Another kind of file.
    #[error(
        "found boot flag {boot_flag:#06x} and magic {magic:?}, expected 0xaa55 and \"HdrS\" of a Linux kernel"
    )]
    NotAKernel {
        /// What is at 0x1fe.
        boot_flag: u16,
        /// What is at 0x202.
        magic: String,
    },
    /// The kernel is older than this project supports.
    #[error("found boot protocol {}.{}, expected 2.12 or later, of Linux 3.8 and later", .0 >> 8, .0 & 0xff)]
    Protocol(u16),
    /// The kernel is for 32 bit.
    #[error("found load flags {0:#06x} of a 32-bit kernel, expected a 64-bit one")]
    Not64Bit(u16),
    /// The header names no version, or one outside of the image's setup part.
    #[error("found offset {0:#06x} of the kernel's version, expected one inside of the setup code")]
    NoVersion(u16),
    /// The version begins with no release.
    #[error("found release {0:?}, expected 1 to {MAX_RELEASE} printable characters without `/`")]
    Release(String),
}

/// What a kernel's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelImage {
    /// The kernel's release, which `uname -r` gives once it runs; printable ASCII without `/`.
    pub release: String,
}

/// Reads the header of an image.
///
/// # Errors
///
/// See [`KernelImageError`].
pub fn parse(image: &[u8]) -> Result<KernelImage, KernelImageError> {
    let boot_flag = word(image, BOOT_FLAG)?;
    let magic = bytes::<4>(image, MAGIC)?;
    if boot_flag != 0xaa55 || &magic != b"HdrS" {
        let magic = String::from_utf8_lossy(&magic).into_owned();
        return Err(KernelImageError::NotAKernel { boot_flag, magic });
    }
    let protocol = word(image, PROTOCOL)?;
    if protocol < PROTOCOL_2_12 {
        return Err(KernelImageError::Protocol(protocol));
    }
    let flags = word(image, LOAD_FLAGS)?;
    if flags & XLF_KERNEL_64 == 0 {
        return Err(KernelImageError::Not64Bit(flags));
    }
    let release = release(image)?;
    Ok(KernelImage { release })
}

fn release(image: &[u8]) -> Result<String, KernelImageError> {
    let offset = word(image, VERSION)?;
    // 0 means 4, for the sake of very old loaders.
    let sectors = match bytes::<1>(image, SETUP_SECTORS)? {
        [0] => 4,
        [sectors] => usize::from(sectors),
    };
    if offset == 0 || usize::from(offset) >= sectors * 0x200 {
        return Err(KernelImageError::NoVersion(offset));
    }
    let too_short = KernelImageError::TooShort(image.len());
    let Some(version) = image.get(usize::from(offset) + 0x200..) else {
        return Err(too_short);
    };
    let window = version
        .get(..version.len().min(MAX_RELEASE + 1))
        .unwrap_or_default();
    let end = window.iter().position(|byte| matches!(byte, 0 | b' '));
    let release = match end {
        Some(end) => window.get(..end).unwrap_or_default(),
        None if window.len() > MAX_RELEASE => window,
        None => return Err(too_short),
    };
    let plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'/';
    let text = String::from_utf8_lossy(release).into_owned();
    if release.is_empty() || release.len() > MAX_RELEASE || !release.iter().all(plain) {
        return Err(KernelImageError::Release(text));
    }
    Ok(text)
}

fn word(image: &[u8], at: usize) -> Result<u16, KernelImageError> {
    bytes(image, at).map(u16::from_le_bytes)
}

fn bytes<const N: usize>(image: &[u8], at: usize) -> Result<[u8; N], KernelImageError> {
    image
        .get(at..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .ok_or(KernelImageError::TooShort(image.len()))
}

#[cfg(test)]
mod tests;
