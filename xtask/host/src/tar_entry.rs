//! Entries of tar archives that are sent to containers.

use std::io::{self, Write};

/// A header with nothing in it that varies.
pub fn header(kind: tar::EntryType, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header
}

/// Appends a folder.
pub fn append_folder<W: Write>(tar: &mut tar::Builder<W>, path: &str) -> io::Result<()> {
    tar.append_data(
        &mut header(tar::EntryType::Directory, 0o755),
        path,
        io::empty(),
    )
}

/// Appends a file that anyone may read.
pub fn append_file<W: Write>(
    tar: &mut tar::Builder<W>,
    path: &str,
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = header(tar::EntryType::Regular, 0o644);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, path, bytes)
}

/// Appends a symbolic link.
pub fn append_link<W: Write>(
    tar: &mut tar::Builder<W>,
    path: &str,
    target: &str,
) -> io::Result<()> {
    tar.append_link(&mut header(tar::EntryType::Symlink, 0o777), path, target)
}
