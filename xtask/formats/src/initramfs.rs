//! Initramfs archives: cpio in its newc form, the same bytes for the same content.
//!
//! Everything belongs to root and is of the year 1970; entries are sorted by their paths. Source:
//! `Documentation/driver-api/early-userspace/buffer-format.rst` of Linux.

use std::collections::BTreeMap;
use std::io::{self, Write};

use cpio::newc::{Builder, ModeFileType, trailer};

/// Longest accepted path in bytes: `PATH_MAX` of Linux, less its NUL.
const MAX_PATH: usize = 4095;

/// Why something cannot be in an archive.
#[derive(Debug, thiserror::Error)]
pub enum InitramfsError {
    /// The path is no plain one.
    #[error(
        "path {0:?} is not for an initramfs: 1 to {MAX_PATH} bytes of ASCII without control characters, relative, without empty parts, `.`, `..`"
    )]
    Path(String),
    /// There is something of this path.
    #[error("path {0:?} is in the initramfs already")]
    Twice(String),
    /// What it is to be in is no folder that was added before.
    #[error("path {0:?} is in no folder of the initramfs")]
    NoFolder(String),
    /// The file is too large for the format.
    #[error(
        "file {path:?} of {size} bytes is too large for an initramfs, which takes {} at most",
        u32::MAX
    )]
    TooLarge {
        /// The path.
        path: String,
        /// Bytes.
        size: usize,
    },
    /// The archive was not written, for want of memory perhaps.
    #[error("writing an initramfs failed")]
    Io(#[from] io::Error),
}

/// An archive in the making.
#[derive(Debug, Default)]
pub struct Initramfs<'a> {
    entries: BTreeMap<String, Content<'a>>,
}

#[derive(Debug)]
enum Content<'a> {
    Folder,
    File { bytes: &'a [u8], executable: bool },
    Device { major: u32, minor: u32, mode: u32 },
}

impl<'a> Initramfs<'a> {
    /// An empty archive.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a folder that everyone may look into (0755). Paths are relative to the root, which is there
    /// from the beginning.
    ///
    /// # Errors
    ///
    /// The path is malformed, taken, or in no folder.
    pub fn folder(&mut self, path: &str) -> Result<(), InitramfsError> {
        self.add(path, Content::Folder)
    }

    /// Adds a regular file that everyone may read (0644), or execute too (0755).
    ///
    /// # Errors
    ///
    /// As [`Initramfs::folder`], or the file is too large.
    pub fn file(
        &mut self,
        path: &str,
        bytes: &'a [u8],
        executable: bool,
    ) -> Result<(), InitramfsError> {
        if u32::try_from(bytes.len()).is_err() {
            let (path, size) = (path.to_owned(), bytes.len());
            return Err(InitramfsError::TooLarge { path, size });
        }
        self.add(path, Content::File { bytes, executable })
    }

    /// Adds a character device by its numbers, with permissions such as 0600.
    ///
    /// # Errors
    ///
    /// As [`Initramfs::folder`].
    pub fn character_device(
        &mut self,
        path: &str,
        (major, minor): (u32, u32),
        mode: u32,
    ) -> Result<(), InitramfsError> {
        let mode = mode & 0o7777;
        self.add(path, Content::Device { major, minor, mode })
    }

    fn add(&mut self, path: &str, content: Content<'a>) -> Result<(), InitramfsError> {
        if !is_plain(path) {
            return Err(InitramfsError::Path(path.chars().take(256).collect()));
        }
        if let Some((folder, _)) = path.rsplit_once('/')
            && !matches!(self.entries.get(folder), Some(Content::Folder))
        {
            return Err(InitramfsError::NoFolder(path.to_owned()));
        }
        if self.entries.contains_key(path) {
            return Err(InitramfsError::Twice(path.to_owned()));
        }
        self.entries.insert(path.to_owned(), content);
        Ok(())
    }

    /// The archive, uncompressed. Folders come before what is in them.
    ///
    /// # Errors
    ///
    /// [`InitramfsError::Io`].
    pub fn finish(&self) -> Result<Vec<u8>, InitramfsError> {
        let mut archive = Vec::new();
        for (number, (path, content)) in (1..).zip(&self.entries) {
            archive = write(archive, path, number, content)?;
        }
        Ok(trailer(archive)?)
    }
}

fn is_plain(path: &str) -> bool {
    let part = |part: &str| !matches!(part, "" | "." | "..");
    let byte = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    path.len() <= MAX_PATH
        && path.bytes().all(byte)
        && path.split('/').all(part)
        // The name that ends an archive.
        && path != "TRAILER!!!"
}

fn write(archive: Vec<u8>, path: &str, number: u32, content: &Content<'_>) -> io::Result<Vec<u8>> {
    let builder = Builder::new(path).ino(number);
    let (builder, bytes): (_, &[u8]) = match *content {
        Content::Folder => {
            let folder = builder.mode(0o755).nlink(2);
            (folder.set_mode_file_type(ModeFileType::Directory), &[])
        }
        Content::File { bytes, executable } => {
            let file = builder.mode(if executable { 0o755 } else { 0o644 });
            (file.set_mode_file_type(ModeFileType::Regular), bytes)
        }
        Content::Device { major, minor, mode } => {
            let device = builder.mode(mode).rdev_major(major).rdev_minor(minor);
            (device.set_mode_file_type(ModeFileType::Char), &[])
        }
    };
    let size = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut writer = builder.write(archive, size);
    writer.write_all(bytes)?;
    writer.finish()
}

#[cfg(test)]
mod tests;
