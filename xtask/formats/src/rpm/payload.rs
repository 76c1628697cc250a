//! The payload, compared with what the header says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use model::digest::Sha256;
use sha2::Digest;

use super::cpio::{self, Head};
use super::{DigestMismatch, File, Rpm, RpmError};
use crate::compression::{Compression, Decoder};
use crate::entry::{Entry, Kind};
use crate::metered::Metered;
use crate::tar_path::safe_path;

pub(super) fn for_each<R: Read, E: From<RpmError>>(
    rpm: Rpm<R>,
    limit: u64,
    meter: impl FnMut(usize) -> io::Result<()>,
    mut visit: impl FnMut(Entry<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut packed = Hashed::new(rpm.reader);
    let compression = rpm.compression.unwrap_or(Compression::None);
    let decoder = Decoder::new(&mut packed, compression, limit);
    let inner = decoder.map_err(RpmError::io("the payload"))?;
    let mut archive = Metered { inner, meter };
    let mut expected = Expected::new(&rpm.files)?;
    let mut first = true;
    loop {
        let head = match cpio::next(&mut archive) {
            Err(RpmError::CpioMagic(_)) if first && rpm.compression.is_none() => {
                return Err(RpmError::NoCompressor.into());
            }
            head => head?,
        };
        let Some(head) = head else { break };
        first = false;
        let (file, kind) = expected.take(&head)?;
        show(&mut archive, &head, file, kind, &mut visit)?;
        cpio::skip_padding(&mut archive, head.size, &head.name)?;
    }
    expected.finish()?;
    let found = packed.finish().map_err(RpmError::io("the payload"))?;
    if found != rpm.payload {
        let expected = rpm.payload;
        return Err(RpmError::PayloadDigest { found, expected }.into());
    }
    Ok(())
}

/// Shows one entry, and reads what was left of it.
fn show<E: From<RpmError>>(
    archive: &mut impl Read,
    head: &Head,
    file: &File,
    kind: Kind,
    visit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let entry = |size, content| Entry {
        path: &file.path,
        kind,
        size,
        content,
    };
    match (kind, file.digest) {
        (Kind::File, Some(digest)) => {
            let mut content = Content::new(archive, head.size, digest);
            visit(entry(head.size, &mut content))?;
            Ok(content.finish(&file.path)?)
        }
        (Kind::Symlink, _) => {
            check_target(archive, head.size, file)?;
            visit(entry(0, &mut io::empty()))
        }
        _ => visit(entry(0, &mut io::empty())),
    }
}

fn check_target(archive: &mut impl Read, size: u64, file: &File) -> Result<(), RpmError> {
    let mut found = Vec::new();
    let read = archive.take(size).read_to_end(&mut found);
    read.map_err(RpmError::io("the payload"))?;
    let expected = file.link_to.as_deref().unwrap_or_default();
    if found == expected.as_bytes() {
        return Ok(());
    }
    Err(RpmError::Target {
        path: file.path.clone(),
        found: String::from_utf8_lossy(&found).into_owned(),
        expected: expected.to_owned(),
    })
}

/// What the header says that comes.
struct Expected<'a> {
    files: BTreeMap<&'a str, &'a File>,
    seen: BTreeSet<&'a str>,
    /// Files with several names, and whether their content came.
    sets: BTreeMap<(u32, u32), Set<'a>>,
}

struct Set<'a> {
    first: &'a File,
    names: usize,
    has_content: bool,
}

impl<'a> Expected<'a> {
    fn new(files: &'a [File]) -> Result<Self, RpmError> {
        let stored = || files.iter().filter(|file| !file.is_ghost());
        Ok(Self {
            files: stored().map(|file| (file.path.as_str(), file)).collect(),
            seen: BTreeSet::new(),
            sets: sets(stored())?,
        })
    }

    /// The file that an entry is, and what it is to be shown as.
    fn take(&mut self, head: &Head) -> Result<(&'a File, Kind), RpmError> {
        let path = safe_path(&head.name)?;
        let Some(file) = self.files.get(path.as_str()).copied() else {
            return Err(RpmError::Unlisted(path));
        };
        if !self.seen.insert(&file.path) {
            return Err(RpmError::Twice(path));
        }
        if head.kind != file.kind() {
            return Err(RpmError::Kind {
                path,
                found: head.kind,
                expected: file.kind(),
            });
        }
        let expected = match file.kind() {
            Kind::File => file.size,
            Kind::Symlink => file.link_to.as_ref().map_or(0, String::len) as u64,
            _ => 0,
        };
        let set = file.inode.and_then(|inode| self.sets.get_mut(&inode));
        match set {
            // cpio has the content of a file with several names once, rpm with the last of them.
            Some(set) if file.kind() == Kind::File && expected > 0 => {
                if head.size == 0 {
                    return Ok((file, Kind::HardLink));
                }
                if std::mem::replace(&mut set.has_content, true) {
                    return Err(RpmError::Twice(path));
                }
            }
            _ => {}
        }
        if head.size == expected {
            return Ok((file, file.kind()));
        }
        Err(RpmError::Size {
            path,
            found: head.size,
            expected,
        })
    }

    fn finish(self) -> Result<(), RpmError> {
        let mut absent = self.files.keys().filter(|path| !self.seen.contains(*path));
        if let Some(first) = absent.next() {
            return Err(RpmError::Absent {
                first: (*first).to_owned(),
                others: absent.count(),
            });
        }
        let mut sets = self.sets.values();
        match sets.find(|set| !set.has_content && set.first.size > 0) {
            Some(set) => Err(RpmError::NoContent(set.first.path.clone())),
            None => Ok(()),
        }
    }
}

/// The files with several names; all names say the same of the content, or it would be checked for one only.
fn sets<'a>(
    files: impl Iterator<Item = &'a File>,
) -> Result<BTreeMap<(u32, u32), Set<'a>>, RpmError> {
    let mut sets: BTreeMap<_, Set<'a>> = BTreeMap::new();
    for file in files.filter(|file| file.kind() == Kind::File) {
        let Some(inode) = file.inode else { continue };
        let set = sets.entry(inode).or_insert(Set {
            first: file,
            names: 0,
            has_content: false,
        });
        set.names += 1;
        if (set.first.size, set.first.digest) != (file.size, file.digest) {
            return Err(RpmError::HardLink {
                first: set.first.path.clone(),
                second: file.path.clone(),
            });
        }
    }
    sets.retain(|_, set| set.names > 1);
    Ok(sets)
}

/// The content of a file, which ends with an error unless it is the one that was digested.
struct Content<'a, R> {
    reader: &'a mut R,
    left: u64,
    /// `None` once all was read and compared.
    hasher: Option<sha2::Sha256>,
    expected: Sha256,
    found: Option<DigestMismatch>,
}

impl<'a, R: Read> Content<'a, R> {
    fn new(reader: &'a mut R, size: u64, expected: Sha256) -> Self {
        Self {
            reader,
            left: size,
            hasher: Some(sha2::Sha256::new()),
            expected,
            found: None,
        }
    }

    /// Reads what is left.
    fn finish(mut self, path: &str) -> Result<(), RpmError> {
        let rest = io::copy(&mut self, &mut io::sink());
        match self.found {
            Some(mismatch) => Err(RpmError::FileDigest {
                path: path.to_owned(),
                mismatch,
            }),
            None => rest.map(drop).map_err(RpmError::io("the payload")),
        }
    }

    fn compare(&mut self) -> io::Result<usize> {
        if let Some(hasher) = self.hasher.take() {
            let (found, expected) = (Sha256::finish(hasher), self.expected);
            self.found = (found != expected).then_some(DigestMismatch { found, expected });
        }
        match &self.found {
            Some(mismatch) => Err(io::Error::new(io::ErrorKind::InvalidData, mismatch.clone())),
            None => Ok(0),
        }
    }
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            return self.compare();
        }
        let allowed = usize::try_from(self.left).unwrap_or(usize::MAX);
        let allowed = allowed.min(buffer.len());
        let buffer = buffer.get_mut(..allowed).unwrap_or_default();
        let read = self.reader.read(buffer)?;
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "archive ends inside of a file",
            ));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(buffer.get(..read).unwrap_or_default());
        }
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

/// A reader that digests what passes.
struct Hashed<R> {
    reader: R,
    hasher: sha2::Sha256,
}

impl<R: Read> Hashed<R> {
    fn new(reader: R) -> Self {
        Self {
            reader,
            hasher: sha2::Sha256::new(),
        }
    }

    /// The digest of all that there is.
    fn finish(mut self) -> io::Result<Sha256> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(Sha256::finish(self.hasher))
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
