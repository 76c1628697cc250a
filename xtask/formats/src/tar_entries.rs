//! The entries of a tar archive, one after the other.
//!
//! The tar crate holds the long names and extended headers of an archive in memory, however long they
//! claim to be. Here they have a bound, so that an archive of any content needs little memory.

use std::io::{self, Read};

use tar::EntryType;

use crate::entry::{Entry, Kind};
use crate::tar_path::{TarPathError, safe_path};

/// Longest accepted name in bytes, its NUL included: `PATH_MAX` of Linux.
const MAX_NAME: u64 = 4096;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The reader failed, or the archive is damaged.
    #[error("reading its tar archive failed")]
    Io(#[from] io::Error),
    /// An entry has an unsafe name.
    #[error(transparent)]
    Path(#[from] TarPathError),
    /// An entry has a name that is too long.
    #[error("found a tar entry with a name of {0} bytes, expected {MAX_NAME} at most")]
    NameTooLong(u64),
    /// The archive is of a kind that Debian packages are not. Source: deb(5).
    #[error("found a pax header in a tar archive, expected GNU or ustar format")]
    Pax,
}

fn kind_of(kind: EntryType) -> Kind {
    match kind {
        EntryType::Regular => Kind::File,
        EntryType::Directory => Kind::Folder,
        EntryType::Symlink => Kind::Symlink,
        EntryType::Link => Kind::HardLink,
        _ => Kind::Other,
    }
}

/// Shows every entry of an archive to `visit`, and reads on to the end of the stream, so that damage
/// behind the last entry is noticed too.
///
/// # Errors
///
/// See [`TarError`]; what `visit` returns ends the reading.
pub fn for_each<R, E>(
    mut reader: R,
    mut visit: impl FnMut(Entry<'_>) -> Result<(), E>,
) -> Result<(), E>
where
    R: Read,
    E: From<TarError>,
{
    let mut archive = tar::Archive::new(&mut reader);
    let mut long_name = None;
    for entry in archive.entries().map_err(TarError::Io)?.raw(true) {
        let mut entry = entry.map_err(TarError::Io)?;
        match entry.header().entry_type() {
            EntryType::GNULongName => long_name = Some(read_name(&mut entry)?),
            // Where links lead to is of no interest.
            EntryType::GNULongLink => {}
            EntryType::XHeader | EntryType::XGlobalHeader => return Err(TarError::Pax.into()),
            kind => {
                let path = match long_name.take() {
                    Some(name) => safe_path(&name),
                    None => safe_path(&entry.path_bytes()),
                };
                visit(Entry {
                    path: &path.map_err(TarError::Path)?,
                    kind: kind_of(kind),
                    size: entry.size(),
                    content: &mut entry,
                })?;
            }
        }
    }
    io::copy(&mut reader, &mut io::sink()).map_err(TarError::Io)?;
    Ok(())
}

fn read_name<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Vec<u8>, TarError> {
    let size = entry.size();
    if size > MAX_NAME {
        return Err(TarError::NameTooLong(size));
    }
    let mut name = Vec::new();
    entry.read_to_end(&mut name)?;
    if name.last() == Some(&0) {
        name.pop();
    }
    Ok(name)
}

#[cfg(test)]
mod tests;
