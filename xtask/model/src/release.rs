//! What a release says of itself: the content of `release.json`, out of which its page and its repositories are made.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::names::Name;
use crate::recipe::{PackageFormat, Target};

/// The form of `release.json`.
pub const SCHEMA: u32 = 1;

/// A release: a tree of files that any web server can carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The form of this file.
    pub schema: u32,
    /// When it was signed, in seconds since 1970. The later one of two releases is the newer.
    pub date: u64,
    /// Until when its indexes may be believed, in seconds since 1970.
    pub valid_until: u64,
    /// Where it is served, without a slash at the end.
    pub url: String,
    /// Who signed it.
    pub keys: Keys,
    /// Every kernel, by recipe, the newest of each first.
    pub kernels: Vec<Kernel>,
}

impl Release {
    /// The newest kernel of each recipe.
    pub fn newest(&self) -> impl Iterator<Item = &Kernel> {
        let mut last = None;
        self.kernels.iter().filter(move |kernel| {
            let is_first = last != Some(&kernel.recipe);
            last = Some(&kernel.recipe);
            is_first
        })
    }

    /// The kernels of a recipe, the newest first.
    pub fn of<'a>(&'a self, recipe: &'a Name) -> impl Iterator<Item = &'a Kernel> {
        let kernels = self.kernels.iter();
        kernels.filter(move |kernel| kernel.recipe == *recipe)
    }
}

/// What tells the keys of a release from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// The fingerprint of the OpenPGP key, 40 upper-case hexadecimal digits.
    pub openpgp: String,
    /// The id of the minisign key, 16 upper-case hexadecimal digits.
    pub minisign: String,
}

/// One version of a recipe's kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// The recipe.
    pub recipe: Name,
    /// What the recipe says of itself.
    pub summary: String,
    /// The distribution it is for.
    pub target: Target,
    /// The version of its packages.
    pub version: String,
    /// What `uname -r` says.
    pub kernel_release: String,
    /// What to install to have the newest: a package that depends on it, or the kernel's own name.
    pub install: String,
    /// The plan that it was built by.
    pub plan_id: Sha256,
    /// The commit of this project whose recipes and containers make that plan.
    pub commit: String,
    /// When it was released first, in seconds since 1970.
    pub released: u64,
    /// Whether every object was compiled for it, without a compiler's cache.
    pub from_scratch: bool,
    /// Whether it came out the same when it was built again under variation; false where nobody tried.
    pub reproduced: bool,
    /// Where its papers are, from the top of the tree: manifest, configuration, verdict, bill of materials, provenance.
    pub folder: String,
    /// Its packages.
    pub packages: Vec<Package>,
    /// What is new in it; none where the recipe had no release before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

impl Kernel {
    /// The format of its packages.
    pub fn format(&self) -> PackageFormat {
        self.target.format
    }

    /// The repository that its packages are in: `debian-13`.
    pub fn repository(&self) -> String {
        format!("{}-{}", self.target.distribution, self.target.release)
    }
}

/// A package of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name, such as `linux-image-6.12.117-mptcp`.
    pub name: String,
    /// Its file, from the top of the tree.
    pub path: String,
    /// The size of that file in bytes.
    pub size: u64,
    /// The digest of that file.
    pub sha256: Sha256,
    /// The digest that it was built with, before it was signed; the same as `sha256` where packages are not signed.
    pub built: Sha256,
    /// Whether the distribution's package manager finds it. What would take the place of a package of the
    /// distribution is there for those who fetch it themselves.
    pub indexed: bool,
}

/// What is new in a kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The version it is compared with.
    pub since: String,
    /// What it can do and the other cannot, or the other way round; lines that begin with `+` or `-`.
    pub capabilities: Vec<String>,
    /// Lines of the configuration, that begin with `+` or `-`.
    pub configuration: Vec<String>,
}
