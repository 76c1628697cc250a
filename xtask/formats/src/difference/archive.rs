//! Lists of what is in archives: ar, tar and cpio.

use std::io::{self, Read};

use model::digest::Sha256;
use sha2::Digest;
use tar::EntryType;

use super::members::{Inventory, Member};
use super::source::{Source, malformed, with};
use crate::deb::member::{Header, Member as Content, read_magic};
use crate::rpm::cpio;

/// How many members are listed at most. A distribution's headers package has about twenty thousand.
const MAX_MEMBERS: usize = 1 << 16;
/// The most that all texts of a list may be, in bytes.
const MAX_TEXTS: usize = 12 << 20;
/// Longest accepted name in bytes: `PATH_MAX` of Linux.
const MAX_NAME: u64 = 4096;

/// A reader that counts and digests what passes.
struct Tap<R> {
    reader: R,
    count: u64,
    hasher: sha2::Sha256,
}

impl<R: Read> Tap<R> {
    fn new(reader: R) -> Self {
        Self {
            reader,
            count: 0,
            hasher: sha2::Sha256::new(),
        }
    }

    /// Reads what is left.
    fn finish(mut self, list: List) -> io::Result<Inventory> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(Inventory {
            members: list.members,
            digest: Sha256::finish(self.hasher),
        })
    }
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count += read as u64;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// Members up to a limit.
#[derive(Default)]
struct List {
    members: Vec<Member>,
    texts: usize,
}

impl List {
    fn add(&mut self, member: Member) -> io::Result<()> {
        self.texts += member.path.len() + member.owner.len() + member.link.len();
        if self.members.len() >= MAX_MEMBERS || self.texts > MAX_TEXTS {
            return Err(malformed("an archive of too many members"));
        }
        self.members.push(member);
        Ok(())
    }
}

fn digest(reader: &mut impl Read) -> io::Result<Sha256> {
    let mut tap = Tap::new(reader);
    io::copy(&mut tap, &mut io::sink())?;
    Ok(Sha256::finish(tap.hasher))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Without the `./` that archives of packages begin their paths with.
fn path(bytes: &[u8]) -> String {
    let path = bytes.strip_prefix(b"./").filter(|rest| !rest.is_empty());
    text(path.unwrap_or(bytes))
}

/// The members of an ar archive such as a `.deb`; of a tar archive in it without what tells its compression,
/// which one of two builds might have changed.
pub(super) fn ar(source: &mut dyn Source) -> io::Result<Inventory> {
    with(source, |reader| {
        let (mut tap, mut list) = (Tap::new(reader), List::default());
        read_magic(&mut tap).map_err(malformed)?;
        loop {
            let mut first = [0];
            if tap.read(&mut first)? == 0 {
                return tap.finish(list);
            }
            let header = Header::read(&mut first.as_slice().chain(&mut tap)).map_err(malformed)?;
            let start = tap.count;
            let mut content = Content::new(&mut tap, header.size);
            let digest = digest(&mut content.by_ref().take(header.size))?;
            // The padding of the last member may be absent.
            drop(content.finish());
            list.add(Member {
                path: stem(&header.name).to_owned(),
                kind: 0,
                mode: u32::from_str_radix(header.mode.trim(), 8).unwrap_or_default(),
                owner: header.owner,
                time: header.timestamp,
                link: String::new(),
                start,
                size: header.size,
                digest,
            })?;
        }
    })
}

fn stem(name: &str) -> &str {
    match name.split_once(".tar.") {
        Some((stem, _)) => name.get(..stem.len() + ".tar".len()).unwrap_or(name),
        None => name,
    }
}

/// The entries of a tar archive; long names as the tar crate leaves them to be joined here, because it
/// takes names of any length.
pub(super) fn tar(source: &mut dyn Source) -> io::Result<Inventory> {
    with(source, |reader| {
        let (mut tap, mut list) = (Tap::new(reader), List::default());
        let mut archive = tar::Archive::new(&mut tap);
        let (mut long_name, mut long_link) = (None, None);
        for entry in archive.entries()?.raw(true) {
            let mut entry = entry?;
            match entry.header().entry_type() {
                EntryType::GNULongName => long_name = Some(long(&mut entry)?),
                EntryType::GNULongLink => long_link = Some(long(&mut entry)?),
                _ => {
                    let mut member = tar_member(&mut entry)?;
                    member.path = long_name.take().map_or(member.path, |it| path(&it));
                    member.link = long_link.take().map_or(member.link, |it| text(&it));
                    list.add(member)?;
                }
            }
        }
        tap.finish(list)
    })
}

fn tar_member<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Member> {
    let header = entry.header();
    let name = |name: Option<&[u8]>| text(name.unwrap_or_default());
    let (user, group) = (
        name(header.username_bytes()),
        name(header.groupname_bytes()),
    );
    // Empty fields are no numbers, and some archives have them.
    let (uid, gid) = (
        header.uid().unwrap_or_default(),
        header.gid().unwrap_or_default(),
    );
    Ok(Member {
        path: path(&entry.path_bytes()),
        kind: header.entry_type().as_byte().into(),
        mode: header.mode().unwrap_or_default(),
        owner: format!("{uid}:{gid} {user}:{group}"),
        time: header.mtime().unwrap_or_default(),
        link: header
            .link_name_bytes()
            .map_or(String::new(), |it| text(&it)),
        start: entry.raw_file_position(),
        size: entry.size(),
        digest: digest(entry)?,
    })
}

fn long<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Vec<u8>> {
    if entry.size() > MAX_NAME {
        return Err(malformed("a tar archive with a name that is too long"));
    }
    let mut name = Vec::new();
    entry.read_to_end(&mut name)?;
    if name.last() == Some(&0) {
        name.pop();
    }
    Ok(name)
}

/// The entries of a cpio archive as `.rpm` packages have them.
pub(super) fn cpio(source: &mut dyn Source) -> io::Result<Inventory> {
    with(source, |reader| {
        let (mut tap, mut list) = (Tap::new(reader), List::default());
        while let Some(head) = cpio::next(&mut tap).map_err(malformed)? {
            let start = tap.count;
            let digest = digest(&mut (&mut tap).take(head.size))?;
            if tap.count - start != head.size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            cpio::skip_padding(&mut tap, head.size, &head.name).map_err(malformed)?;
            let (user, group) = head.owner;
            list.add(Member {
                path: path(&head.name),
                kind: head.mode & 0o170_000,
                mode: head.mode & 0o7777,
                owner: format!("{user}:{group}"),
                time: head.time.into(),
                link: String::new(),
                start,
                size: head.size,
                digest,
            })?;
        }
        tap.finish(list)
    })
}
