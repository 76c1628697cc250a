//! Trees that look like a kernel with MPTCP: in git repositories, archives and folders.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use camino::Utf8Path;
use host::testing::git::{GitServer, TestRepository};
use tar::EntryType;

use super::Scratch;

/// When the first commit was made: Thu, 01 Jan 2026 00:00:00 UTC.
pub(crate) const COMMITTED: u64 = 1_767_225_600;
/// The top folder of the archives.
const TOP: &str = "linux";
/// git's mode of a symbolic link.
const LINK: &str = "120000";

/// The files of a tree: path, mode as git writes it, and content or target.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    files: Vec<(String, String, String)>,
}

impl Kernel {
    /// Linux 5.4.230 with out-of-tree MPTCP 0.96.
    pub(crate) fn out_of_tree() -> Self {
        let kernel = Self::upstream("5.4.230");
        kernel.with(
            "net/mptcp/mptcp_ctrl.c",
            "\tpr_info(\"MPTCP: Stable release v0.96\");\n",
        )
    }

    /// Linux with upstream MPTCP.
    pub(crate) fn upstream(version: &str) -> Self {
        let none = Self { files: Vec::new() };
        none.versioned(version)
            .with("net/mptcp/Kconfig", "config MPTCP\n\tbool \"MPTCP\"\n")
            .with(
                "net/core/sock.c",
                "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n",
            )
            .entry("scripts/config", "100755", "#!/bin/sh\n")
            .entry("include/dt-bindings", LINK, "../scripts")
    }

    /// The same of another version.
    pub(crate) fn versioned(self, version: &str) -> Self {
        let mut numbers = version.split('.');
        let mut next = || numbers.next().unwrap_or_default();
        let makefile = format!(
            "# SPDX-License-Identifier: GPL-2.0\nVERSION = {}\nPATCHLEVEL = {}\nSUBLEVEL = {}\nEXTRAVERSION =\nNAME = Fixture\n",
            next(),
            next(),
            next()
        );
        self.with("Makefile", &makefile)
    }

    /// The same with another content of a file.
    pub(crate) fn with(self, path: &str, text: &str) -> Self {
        self.entry(path, "100644", text)
    }

    /// The same without a file.
    pub(crate) fn without(mut self, path: &str) -> Self {
        self.files.retain(|(known, ..)| known != path);
        self
    }

    /// The same with a file that can be executed.
    pub(crate) fn executable(mut self, path: &str) -> Self {
        let files = self.files.iter_mut();
        for (_, mode, _) in files.filter(|(known, ..)| known == path) {
            "100755".clone_into(mode);
        }
        self
    }

    /// The same with an entry of this mode, which takes the place of one of the same path.
    pub(crate) fn entry(self, path: &str, mode: &str, content: &str) -> Self {
        let mut kernel = self.without(path);
        let entry = [path, mode, content].map(str::to_owned);
        let [path, mode, content] = entry;
        kernel.files.push((path, mode, content));
        kernel
    }

    /// Commits it on top of a branch, so many seconds after the first commit.
    pub(crate) fn commit(&self, repository: &TestRepository, branch: &str, later: u64) -> String {
        let known = ["rev-parse", "--verify", "--quiet", branch];
        let parent = repository.git(&known, b"").ok();
        self.commit_after(repository, branch, parent.as_deref(), later)
    }

    /// Sets a branch to a commit of it that has no history, as a forced push does.
    pub(crate) fn force(&self, repository: &TestRepository, branch: &str, later: u64) -> String {
        self.commit_after(repository, branch, None, later)
    }

    fn commit_after(
        &self,
        repository: &TestRepository,
        branch: &str,
        parent: Option<&str>,
        later: u64,
    ) -> String {
        let date = COMMITTED + later;
        let mut stream = format!(
            "reset refs/heads/{branch}\ncommit refs/heads/{branch}\ncommitter Test <test@example.org> {date} +0000\ndata 4\ntest\n"
        );
        if let Some(parent) = parent {
            stream += &format!("from {parent}\ndeleteall\n");
        }
        for (path, mode, content) in &self.files {
            let length = content.len();
            stream += &match mode.as_str() {
                "160000" => format!("M {mode} {content} {path}\n"),
                _ => format!("M {mode} inline {path}\ndata {length}\n{content}\n"),
            };
        }
        let import = ["fast-import", "--quiet", "--force"];
        let imported = repository.git(&import, stream.as_bytes());
        imported.expect("the tree can be committed");
        repository
            .git(&["rev-parse", "--verify", branch], b"")
            .expect("the branch is there")
    }

    /// Writes it into a folder.
    pub(crate) fn write(&self, folder: &Path) {
        for (path, mode, content) in &self.files {
            let full = folder.join(path);
            fs::create_dir_all(full.parent().expect("a folder")).expect("a folder can be made");
            // What is there may be a link.
            let _ = fs::remove_file(&full);
            if mode == LINK {
                std::os::unix::fs::symlink(content, &full).expect("a link can be made");
            } else {
                fs::write(&full, content).expect("a file can be written");
            }
            if mode == "100755" {
                use std::os::unix::fs::PermissionsExt as _;
                let executable = fs::Permissions::from_mode(0o755);
                fs::set_permissions(&full, executable).expect("a mode can be set");
            }
        }
    }

    /// A tar archive of it, in one folder.
    pub(crate) fn tar(&self) -> Tar {
        let mut tar = Tar::default().entry(TOP, EntryType::Directory, "", b"");
        for (path, mode, content) in &self.files {
            let path = format!("{TOP}/{path}");
            tar = match mode.as_str() {
                LINK => tar.entry(&path, EntryType::Symlink, content, b""),
                "100755" => tar.executable(&path, content.as_bytes()),
                _ => tar.file(&path, content.as_bytes()),
            };
        }
        tar
    }
}

/// A tar archive with entries that no honest program writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tar {
    bytes: Vec<u8>,
}

impl Tar {
    /// A file.
    pub(crate) fn file(self, path: &str, content: &[u8]) -> Self {
        self.entry(path, EntryType::Regular, "", content)
    }

    fn executable(mut self, path: &str, content: &[u8]) -> Self {
        self.header(path, EntryType::Regular, "", content.len() as u64, 0o755);
        self.content(content)
    }

    /// An entry of this kind.
    pub(crate) fn entry(
        mut self,
        path: &str,
        kind: EntryType,
        target: &str,
        content: &[u8],
    ) -> Self {
        self.header(path, kind, target, content.len() as u64, 0o644);
        self.content(content)
    }

    /// Only the header of an entry that has `size` bytes, which the caller adds.
    pub(crate) fn announced(mut self, path: &str, kind: EntryType, size: u64) -> Self {
        self.header(path, kind, "", size, 0o644);
        self
    }

    fn header(&mut self, path: &str, kind: EntryType, target: &str, size: u64, mode: u32) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(mode);
        header.set_mtime(COMMITTED);
        header.set_uid(0);
        header.set_gid(0);
        // The builder of the tar crate refuses what these tests want.
        let old = header.as_old_mut();
        old.name[..path.len()].copy_from_slice(path.as_bytes());
        old.linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        self.bytes.extend(header.as_bytes());
    }

    fn content(mut self, content: &[u8]) -> Self {
        self.bytes.extend(content);
        let whole = self.bytes.len().next_multiple_of(512);
        self.bytes.resize(whole, 0);
        self
    }

    /// Its entries, and then those of another.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.bytes.extend(other.bytes);
        self
    }

    /// Its bytes without an end.
    pub(crate) fn open_end(self) -> Vec<u8> {
        self.bytes
    }

    fn whole(mut self) -> Vec<u8> {
        self.bytes.extend([0; 1024]);
        self.bytes
    }

    /// The archive, compressed by gzip.
    pub(crate) fn gz(self) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&self.whole()).expect("writing to memory");
        encoder.finish().expect("writing to memory")
    }

    /// The archive, compressed by xz.
    pub(crate) fn xz(self) -> Vec<u8> {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
        encoder.write_all(&self.whole()).expect("writing to memory");
        encoder.finish().expect("writing to memory")
    }

    /// The archive, compressed by Zstandard.
    pub(crate) fn zst(self) -> Vec<u8> {
        zstd::encode_all(&self.whole()[..], 1).expect("writing to memory")
    }
}

/// A repository that is served over loopback.
#[derive(Debug)]
pub(crate) struct Served {
    /// The server, to misbehave.
    pub(crate) server: GitServer,
    /// The repository.
    pub(crate) repository: TestRepository,
}

impl Served {
    /// An empty repository beside the project.
    pub(crate) fn new(scratch: &Scratch) -> Self {
        Self::at(&scratch.beside("server"))
    }

    /// An empty repository below a folder that need not exist.
    pub(crate) fn at(root: &Utf8Path) -> Self {
        let repository =
            TestRepository::create(root.join("mptcp")).expect("a repository can be made");
        let server = GitServer::serve(root).expect("a free port");
        Self { server, repository }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        self.server.url("mptcp/.git")
    }
}
