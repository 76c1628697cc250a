//! Bytes in, values out: apt indexes, `OpenPGP` signatures, `.deb` and `.rpm` packages, kernels and
//! their modules, initramfs archives; and what two builds of one file differ in.
//!
//! Everything here is pure: functions take bytes, text or readers, and return values or errors; the
//! current time is a parameter. All input is taken to be hostile, so every size has a bound, and what
//! two programs may read differently is refused rather than guessed.

pub mod compression;
pub mod deb;
pub mod deb822;
pub mod difference;
pub mod elf;
pub mod entry;
pub mod initramfs;
pub mod kernel_image;
pub mod kernel_module;
pub mod openpgp;
pub mod package;
pub mod packages;
pub mod release;
pub mod rpm;
pub mod tar_entries;
pub mod tar_path;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod version;

mod archive_path;
pub mod dates;
mod metered;
