//! The kernel's source: from a package in the store into a volume of its own, kept for later builds.

use std::io::{self, Read, Write};

use formats::compression::{Compression, Decoder};
use formats::deb;
use formats::tar_path::safe_path;
use host::engine::{Container, ContainerSpec, Engine, Mount};
use host::store::Store;
use host::tar_entry::{append_file, header};
use model::digest::Sha256;
use model::lock::LockedInput;
use sha2::Digest;

use crate::error::BuildError;
use crate::fetch;
use crate::lockfile::exclusive;

/// Where the volume appears in containers; the tree is in `tree` below it.
pub(crate) const TARGET: &str = "/source";
/// The most that a source tree may hold, in bytes; Linux 6.12 is 1.6 GB.
const MAX_TREE: u64 = 8 << 30;
/// The beginning of the names of source volumes.
pub(crate) const VOLUME_PREFIX: &str = "mptcp-kernels-source-";
/// The file, beside the tree, that is written last and holds the tree's digest.
const COMPLETE: &str = "complete";

/// A source tree in a volume.
#[derive(Debug, Clone)]
pub(crate) struct SourceTree {
    volume: String,
    /// The digest of the tree: of the sorted lines `mode path digest-or-target`.
    pub(crate) digest: Sha256,
}

impl SourceTree {
    /// The volume, where containers may only read it.
    pub(crate) fn mount(&self) -> Mount {
        mount(&self.volume, true)
    }
}

fn mount(volume: &str, read_only: bool) -> Mount {
    Mount {
        volume: volume.to_owned(),
        target: TARGET.to_owned(),
        read_only,
    }
}

/// The tree that `input` holds, unpacked now unless a whole one is there. `image` is any image; it
/// never runs.
pub(crate) fn ensure(
    engine: &Engine,
    store: &Store,
    input: &LockedInput,
    image: &str,
) -> Result<SourceTree, BuildError> {
    let volume = format!("{VOLUME_PREFIX}{}", input.package.sha256);
    let _lock = exclusive(engine, &volume)?;
    if engine.has_volume(&volume)? {
        if let Some(digest) = complete(&filler(engine, image, &volume)?) {
            return Ok(SourceTree { volume, digest });
        }
        engine.remove_volume(&volume)?;
    }
    engine.kept_volume(&volume)?;
    let container = filler(engine, image, &volume)?;
    let mut tree = Tree::default();
    container.put(TARGET, |writer| unpack(writer, store, input, &mut tree))?;
    let digest = tree.digest();
    container.put(TARGET, |writer| {
        let mut tar = tar::Builder::new(writer);
        append_file(&mut tar, COMPLETE, digest.to_string().as_bytes())?;
        tar.finish()
    })?;
    Ok(SourceTree { volume, digest })
}

/// A container that never runs: the engine fills volumes only through one.
fn filler<'a>(engine: &'a Engine, image: &str, volume: &str) -> Result<Container<'a>, BuildError> {
    let spec = ContainerSpec::filler("source", image, mount(volume, false));
    Ok(engine.create(&spec)?)
}

/// The digest that the marker of a whole tree holds.
fn complete(container: &Container<'_>) -> Option<Sha256> {
    let mut archive = tar::Archive::new(container.get(&format!("{TARGET}/{COMPLETE}")));
    let entry = archive.entries().ok()?.next()?.ok()?;
    let mut text = String::new();
    entry.take(64).read_to_string(&mut text).ok()?;
    text.parse().ok()
}

/// Streams the kernel's tar out of the package, its first component replaced by `tree`.
fn unpack(
    writer: &mut dyn Write,
    store: &Store,
    input: &LockedInput,
    tree: &mut Tree,
) -> io::Result<()> {
    let package = &input.package;
    let file = fetch::open(store, package).map_err(io::Error::other)?;
    let data = deb::open(file).map_err(io::Error::other)?;
    let mut data = tar::Archive::new(data.data(MAX_TREE).map_err(io::Error::other)?);
    let wanted = format!("usr/src/{}.tar.xz", package.name);
    for entry in data.entries()? {
        let entry = entry?;
        if safe_path(&entry.path_bytes()).map_err(io::Error::other)? == wanted {
            let source = Decoder::new(entry, Compression::Xz, MAX_TREE)?;
            let mut tar = tar::Builder::new(writer);
            for entry in tar::Archive::new(source).entries()? {
                tree.copy(&mut tar, entry?)?;
            }
            return tar.finish();
        }
    }
    Err(io::Error::other(format!(
        "{} holds no {wanted}",
        package.path
    )))
}

/// What was copied so far.
#[derive(Default)]
struct Tree {
    lines: Vec<String>,
}

impl Tree {
    fn copy(
        &mut self,
        tar: &mut tar::Builder<&mut dyn Write>,
        mut entry: tar::Entry<'_, impl Read>,
    ) -> io::Result<()> {
        let path = safe_path(&entry.path_bytes()).map_err(io::Error::other)?;
        let Some((_, path)) = path.split_once('/') else {
            return Ok(());
        };
        let target = format!("tree/{path}");
        let executable = entry.header().mode()? & 0o100 != 0;
        let mut copy = header(
            entry.header().entry_type(),
            if executable { 0o755 } else { 0o644 },
        );
        copy.set_mtime(entry.header().mtime()?);
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            copy.set_mode(0o755);
            self.lines.push(format!("40755 {path}"));
            tar.append_data(&mut copy, target, io::empty())
        } else if kind.is_file() {
            copy.set_size(entry.size());
            let mut hashed = Hashing {
                inner: &mut entry,
                hasher: sha2::Sha256::new(),
            };
            tar.append_data(&mut copy, target, &mut hashed)?;
            let digest = Sha256::finish(hashed.hasher);
            self.lines.push(format!(
                "{} {path} {digest}",
                if executable { "100755" } else { "100644" }
            ));
            Ok(())
        } else if kind.is_symlink() {
            let link = entry.link_name_bytes().unwrap_or_default();
            let link = std::str::from_utf8(&link).map_err(io::Error::other)?;
            stays_inside(path, link)?;
            self.lines.push(format!("120000 {path} {link}"));
            tar.append_link(&mut copy, target, link)
        } else {
            Err(io::Error::other(format!(
                "`{path}` is a {kind:?}; files, folders and symbolic links are expected"
            )))
        }
    }

    fn digest(mut self) -> Sha256 {
        self.lines.sort_unstable();
        Sha256::of(self.lines.join("\n"))
    }
}

/// Refuses a link that leaves the tree.
fn stays_inside(path: &str, target: &str) -> io::Result<()> {
    let mut depth = path.split('/').count() - 1;
    let leaves = target.starts_with('/')
        || target.split('/').any(|component| match component {
            "" | "." => false,
            ".." if depth == 0 => true,
            ".." => {
                depth -= 1;
                false
            }
            _ => {
                depth += 1;
                false
            }
        });
    if leaves {
        Err(io::Error::other(format!(
            "the link `{path}` -> `{target}` leaves the source tree"
        )))
    } else {
        Ok(())
    }
}

struct Hashing<R> {
    inner: R,
    hasher: sha2::Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_must_stay_in_the_tree() {
        for (path, target) in [
            ("a/b", "../c"),
            ("a/b/c", "../../d/e"),
            ("a", "b/../c"),
            ("a", "./b"),
        ] {
            assert!(stays_inside(path, target).is_ok(), "{path} -> {target}");
        }
        for (path, target) in [
            ("a", "/etc/passwd"),
            ("a", "../x"),
            ("a/b", "../../x"),
            ("a/b", "c/../../../x"),
        ] {
            assert!(stays_inside(path, target).is_err(), "{path} -> {target}");
        }
    }
}
