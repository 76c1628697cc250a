//! Small .deb packages that a release brings itself: the keyring, and packages that depend on the newest kernel.

use std::io;

use flate2::{Compression, GzBuilder};

/// A package without scripts.
#[derive(Debug)]
pub(crate) struct Deb<'a> {
    /// The text of its control file.
    pub(crate) control: &'a str,
    /// Its files: path from the root and content.
    pub(crate) files: &'a [(&'a str, &'a [u8])],
    /// The time of everything in it, in seconds since 1970.
    pub(crate) time: u64,
}

impl Deb<'_> {
    /// The bytes of the package; the same each time.
    pub(crate) fn build(&self) -> io::Result<Vec<u8>> {
        let control = [("control", self.control.as_bytes())];
        let members = [
            ("debian-binary", b"2.0\n".to_vec()),
            ("control.tar.gz", self.archive(&control)?),
            ("data.tar.gz", self.archive(self.files)?),
        ];
        let mut archive = ar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
            header.set_mode(0o100_644);
            header.set_mtime(self.time);
            archive.append(&header, &bytes[..])?;
        }
        archive.into_inner()
    }

    fn archive(&self, files: &[(&str, &[u8])]) -> io::Result<Vec<u8>> {
        let gzip = GzBuilder::new().write(Vec::new(), Compression::best());
        let mut archive = tar::Builder::new(gzip);
        let mut folders = vec![String::new()];
        for (path, bytes) in files {
            let ends = path.match_indices('/').map(|(end, _)| &path[..end]);
            for folder in ends {
                if !folders.iter().any(|known| known == folder) {
                    folders.push(folder.to_owned());
                }
            }
            for folder in folders.drain(..) {
                self.append(&mut archive, &format!("./{folder}/"), None)?;
            }
            self.append(&mut archive, &format!("./{path}"), Some(bytes))?;
        }
        archive.into_inner()?.finish()
    }

    fn append(
        &self,
        archive: &mut tar::Builder<impl io::Write>,
        path: &str,
        bytes: Option<&[u8]>,
    ) -> io::Result<()> {
        let (kind, mode) = match bytes {
            Some(_) => (tar::EntryType::Regular, 0o644),
            None => (tar::EntryType::Directory, 0o755),
        };
        let mut header = host::tar_entry::header(kind, mode);
        header.set_mtime(self.time);
        header.set_size(bytes.map_or(0, <[u8]>::len) as u64);
        // `./` is what dpkg writes; the library would take it away.
        let path = path.replace("//", "/");
        header.as_mut_bytes()[..100].fill(0);
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        archive.append(&header, bytes.unwrap_or_default())
    }
}
