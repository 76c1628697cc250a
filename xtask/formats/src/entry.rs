//! The files of a package, one after the other, whatever its format.

use std::fmt;
use std::io::Read;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// Another name of a file that comes with its content before (tar) or after (cpio).
    HardLink,
    /// Something else: a device, a sparse file, what a format might know one day.
    Other,
}

impl Kind {
    /// By the type in a mode of Unix; a hard link is a file there.
    pub(crate) fn of_mode(mode: u32) -> Self {
        match mode & 0o170_000 {
            0o100_000 => Self::File,
            0o040_000 => Self::Folder,
            0o120_000 => Self::Symlink,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::File => "regular file",
            Self::Folder => "folder",
            Self::Symlink => "symbolic link",
            Self::HardLink => "hard link",
            Self::Other => "special file",
        })
    }
}

/// An entry, whose content may be read or left.
pub struct Entry<'a> {
    /// Its path as [`safe_path`](crate::tar_path::safe_path) gives it.
    pub path: &'a str,
    /// What it is.
    pub kind: Kind,
    /// The size of its content in bytes, as its header claims.
    pub size: u64,
    /// Its content.
    pub content: &'a mut dyn Read,
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Entry")
            .field("path", &self.path)
            .field("kind", &self.kind)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
