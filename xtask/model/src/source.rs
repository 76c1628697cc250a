//! Where a kernel's source comes from, and what is said of one that is pinned.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::names::{CommitId, DownloadUrl, GitUrl, PackageName, PatchName, RefName};
use crate::version::{KernelVersion, MptcpRelease};

mod layer;

pub use layer::SourceLayer;

/// Where the kernel's source comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A binary package of the container's archive that holds the source, such as `linux-source-6.12`.
    Package(PackageName),
    /// A commit of a git repository.
    Git(GitSource),
    /// A compressed tar archive with one top folder, as kernel.org and GitHub make them.
    Tarball(PinnedFile),
}

/// A commit of a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GitSource {
    /// The repository.
    pub url: GitUrl,
    /// Which commit; the lock has it in full.
    pub reference: Reference,
}

/// How a recipe names a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reference {
    /// By its id.
    Commit(CommitId),
    /// The one that a tag points to.
    Tag(RefName),
    /// The newest of a branch, when the lock is written.
    Branch(RefName),
}

impl std::fmt::Display for Reference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Commit(commit) => write!(formatter, "commit {commit}"),
            Self::Tag(tag) => write!(formatter, "tag {tag}"),
            Self::Branch(branch) => write!(formatter, "branch {branch}"),
        }
    }
}

/// A file by its address and its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PinnedFile {
    /// Where it is.
    pub url: DownloadUrl,
    /// The digest of its bytes.
    pub sha256: Sha256,
}

/// A patch that a recipe puts on its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Patch {
    /// A file beside the recipe.
    File(PatchName),
    /// A file from elsewhere.
    Download(PinnedFile),
}

/// What a lock says of a source. Absent for a package without patches, whose digest says it all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedSource {
    /// The version of Linux that the tree's `Makefile` tells.
    pub kernel: KernelVersion,
    /// The release of out-of-tree MPTCP that the tree tells, if it has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mptcp: Option<MptcpRelease>,
    /// The clock of the build, in seconds since 1970: the commit's date, the newest file of a tarball, or when
    /// a package was built.
    pub timestamp: u64,
    /// The digest of the tree, patches included.
    pub tree: Sha256,
    /// The commit, where the source is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<LockedGit>,
    /// The archive, where the source is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tarball: Option<LockedFile>,
    /// The patches on it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<LockedFile>,
}

/// A commit, in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedGit {
    /// The repository.
    pub url: GitUrl,
    /// Its id.
    pub commit: CommitId,
}

/// A file that is no package of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedFile {
    /// Its name, for people.
    pub name: String,
    /// Where it is; `None` for a file beside the recipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<DownloadUrl>,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub sha256: Sha256,
}
