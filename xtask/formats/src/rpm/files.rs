//! The list of files in a header.

use std::collections::BTreeSet;

use model::digest::Sha256;

use super::header::{Header, mismatch};
use super::tag::{self, Tag};
use super::{MAX_FILES, MAX_PATHS, RpmError};
use crate::entry::Kind;
use crate::tar_path::safe_path;

/// SHA-256 in the numbers of OpenPGP, RFC 9580.
const SHA256: u32 = 8;
/// Flags of files. Source: `rpmfileAttrs_e` in `rpmfiles.h` of rpm.
const CONFIG: u32 = 1 << 0;
const GHOST: u32 = 1 << 6;

/// A file as the header lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path as [`safe_path`] gives it: relative to the root.
    pub path: String,
    /// Its type and permissions.
    pub mode: u16,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its content, which each regular file in the payload has.
    pub digest: Option<Sha256>,
    /// `rpmfileAttrs_e` of rpm; see [`File::is_ghost`] and [`File::is_config`].
    pub flags: u32,
    /// Where it leads to, if it is a symbolic link.
    pub link_to: Option<String>,
    /// When it was changed, in Unix seconds.
    pub mtime: u32,
    /// The name of its owner.
    pub user: String,
    /// The name of its group.
    pub group: String,
    /// What all names of one file have in common.
    pub(super) inode: Option<(u32, u32)>,
}

impl File {
    /// What it is; each of several names of one file is a file here.
    pub fn kind(&self) -> Kind {
        Kind::of_mode(self.mode.into())
    }

    /// Whether it belongs to the package without being in its payload.
    pub fn is_ghost(&self) -> bool {
        self.flags & GHOST != 0
    }

    /// Whether it is a configuration that people may change.
    pub fn is_config(&self) -> bool {
        self.flags & CONFIG != 0
    }
}

/// All files of the header, in its order.
pub(super) fn read(header: &Header) -> Result<Vec<File>, RpmError> {
    let paths = paths(header)?;
    let count = paths.len();
    if header.has(tag::LONG_FILE_SIZES) {
        let found = "files of more than 4 GiB".to_owned();
        return Err(mismatch(tag::LONG_FILE_SIZES, found, "smaller ones"));
    }
    let mut modes = of_all(
        tag::FILE_MODES,
        header.short_numbers(tag::FILE_MODES)?,
        count,
    )?;
    let numbers = |tag| of_all(tag, header.numbers(tag)?, count);
    let mut sizes = numbers(tag::FILE_SIZES)?;
    let mut mtimes = numbers(tag::FILE_MTIMES)?;
    let mut flags = numbers(tag::FILE_FLAGS)?;
    let texts = |tag| of_all(tag, header.texts(tag)?, count);
    let mut digests = texts(tag::FILE_DIGESTS)?;
    let mut links = texts(tag::FILE_LINKTOS)?;
    let mut users = texts(tag::FILE_USERS)?;
    let mut groups = texts(tag::FILE_GROUPS)?;
    let mut inodes = inodes(header, count)?;
    let algorithm = header.number(tag::FILE_DIGEST_ALGORITHM)?;
    let mut files = Vec::with_capacity(count);
    for path in paths {
        let link = links.next().unwrap_or_default();
        let mut file = File {
            path,
            mode: modes.next().unwrap_or_default(),
            size: sizes.next().unwrap_or_default().into(),
            digest: None,
            flags: flags.next().unwrap_or_default(),
            link_to: Some(link.to_owned()).filter(|link| !link.is_empty()),
            mtime: mtimes.next().unwrap_or_default(),
            user: users.next().unwrap_or_default().to_owned(),
            group: groups.next().unwrap_or_default().to_owned(),
            inode: inodes.next(),
        };
        let digest = digests.next().unwrap_or_default();
        if file.kind() == Kind::File && !file.is_ghost() {
            file.digest = Some(parse_digest(digest, algorithm)?);
        }
        files.push(file);
    }
    Ok(files)
}

/// The values of a tag, of which there has to be one for each file.
fn of_all<T, I: ExactSizeIterator<Item = T>>(
    tag: Tag,
    values: Option<I>,
    count: usize,
) -> Result<impl Iterator<Item = T>, RpmError> {
    let found = values.as_ref().map_or(0, ExactSizeIterator::len);
    if found != count {
        let expected = format!("{count}, one for each file");
        return Err(mismatch(tag, format!("{found} values"), expected));
    }
    Ok(values.into_iter().flatten())
}

/// Nothing where the header does not say them.
fn inodes(header: &Header, count: usize) -> Result<impl Iterator<Item = (u32, u32)>, RpmError> {
    let told = header.has(tag::FILE_INODES);
    let count = if told { count } else { 0 };
    let devices = header.numbers(tag::FILE_DEVICES)?.filter(|_| told);
    let devices = of_all(tag::FILE_DEVICES, devices, count)?;
    let inodes = of_all(tag::FILE_INODES, header.numbers(tag::FILE_INODES)?, count)?;
    Ok(devices.zip(inodes))
}

fn parse_digest(text: &str, algorithm: Option<u32>) -> Result<Sha256, RpmError> {
    if algorithm != Some(SHA256) {
        // Without the tag, it is MD5.
        let found = algorithm.unwrap_or(1);
        let expected = format!("{SHA256}, which is SHA-256");
        return Err(mismatch(
            tag::FILE_DIGEST_ALGORITHM,
            found.to_string(),
            expected,
        ));
    }
    text.parse()
        .map_err(|_| mismatch(tag::FILE_DIGESTS, format!("{text:?}"), "a SHA-256 digest"))
}

/// Each path is put together of a folder, which many share, and a name.
fn paths(header: &Header) -> Result<Vec<String>, RpmError> {
    let Some(names) = header.texts(tag::BASE_NAMES)? else {
        return Ok(Vec::new());
    };
    let files = names.len();
    let folders: Vec<_> = header
        .texts(tag::DIR_NAMES)?
        .into_iter()
        .flatten()
        .collect();
    let indexes = of_all(tag::DIR_INDEXES, header.numbers(tag::DIR_INDEXES)?, files)?;
    let mut paths = Vec::new();
    let mut left = MAX_PATHS;
    for (name, index) in names.zip(indexes) {
        let folder = usize::try_from(index).ok().and_then(|at| folders.get(at));
        let folder = folder.ok_or_else(|| {
            let expected = format!("less than {}", folders.len());
            mismatch(tag::DIR_INDEXES, index.to_string(), expected)
        })?;
        let rest = left.checked_sub(folder.len().saturating_add(name.len()));
        left = rest
            .filter(|_| paths.len() < MAX_FILES)
            .ok_or(RpmError::TooManyFiles { files })?;
        paths.push(path(folder, name)?);
    }
    let mut seen = BTreeSet::new();
    match paths.iter().find(|path| !seen.insert(*path)) {
        Some(repeated) => Err(RpmError::Twice(repeated.clone())),
        None => Ok(paths),
    }
}

fn path(folder: &str, name: &str) -> Result<String, RpmError> {
    let whole = format!("{folder}{name}");
    match whole.strip_prefix('/') {
        Some(rest) if !name.contains('/') => Ok(safe_path(rest.as_bytes())?),
        _ => Err(RpmError::FileName(whole)),
    }
}
