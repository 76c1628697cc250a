//! Whether a release is what somebody trusted has made: signatures, digests, indexes, and provenance against plan.
//!
//! Nothing is looked at before it is known to be what the signed checksums name. Every file of the tree is read once.

mod kernel;
mod repositories;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use formats::dates::rfc3339;
use formats::rpm::Head;
use host::cancel::Cancel;
use model::digest::Sha256;
use model::release::{Kernel, Package, Release};
use sha2::Digest;

use crate::error::ReleaseError;
use crate::keys::{OPENPGP_PUBLIC, PublicKeys};
use crate::origin::Origin;
use crate::previous::{is_sums, parse};
use crate::publish::RELEASE;
use crate::sums::{Anchor, Sums, changed};
use crate::tree::hash_into;
use crate::version;

/// The most that a file may be that is read whole, in bytes.
const MAX: u64 = 64 << 20;

/// A release that is what its publisher made.
#[derive(Debug)]
pub struct Verified {
    /// What it has.
    pub release: Release,
    /// The digest of its checksums, which tells it from all others.
    pub sums: Sha256,
    /// How many files were read, and their bytes.
    pub files: (usize, u64),
}

/// How a release is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Where it is.
    pub origin: &'a Origin,
    /// Whom the reader trusts.
    pub anchor: &'a Anchor,
    /// The clock, in seconds since 1970.
    pub now: u64,
    /// Whether it may have expired.
    pub archived: bool,
    /// What stops it.
    pub cancel: &'a Cancel,
}

impl Look<'_> {
    /// Checks all of it.
    ///
    /// # Errors
    /// The first thing that is not as it has to be, by its file.
    pub fn verify(&self) -> Result<Verified, ReleaseError> {
        let sums = Sums::read(self.origin, self.anchor, self.now)?;
        let release = parse(&sums.small(self.origin, RELEASE, MAX)?)?;
        self.check_release(&sums, &release)?;
        self.check_list(&sums)?;
        let files = self.read_all(&sums, &release)?;
        let public = sums.small(self.origin, OPENPGP_PUBLIC, MAX)?;
        let public = String::from_utf8_lossy(&public);
        let public = PublicKeys::read(&public, sums.minisign.clone());
        let tree = Tree {
            look: self,
            sums: &sums,
            release: &release,
            public: &public.map_err(|error| ReleaseError::untrusted(OPENPGP_PUBLIC, error))?,
        };
        tree.check_repositories()?;
        for kernel in &release.kernels {
            self.cancel.check()?;
            tree.check_kernel(kernel)?;
        }
        Ok(Verified {
            sums: sums.sha256,
            release,
            files,
        })
    }

    fn check_release(&self, sums: &Sums, release: &Release) -> Result<(), ReleaseError> {
        let untrusted = |reason: String| ReleaseError::untrusted(RELEASE, reason);
        if release.valid_until <= self.now && !self.archived {
            let (until, now) = (rfc3339(release.valid_until), rfc3339(self.now));
            return Err(untrusted(format!(
                "it expired at {until}, and now is {now}"
            )));
        }
        check_order(release).map_err(untrusted)?;
        let keys = &release.keys;
        if !sums.keyring.fingerprints().contains(&keys.openpgp)
            || keys.minisign != sums.minisign.id()
        {
            return Err(untrusted(
                "it names other keys than it is signed by".to_owned(),
            ));
        }
        Ok(())
    }

    /// Every file is named, and nothing else is there.
    fn check_list(&self, sums: &Sums) -> Result<(), ReleaseError> {
        let Some(found) = self.origin.list()? else {
            return Ok(());
        };
        let known = |path: &String| sums.files.contains_key(path) || is_sums(path);
        if let Some(other) = found.iter().find(|path| !known(path)) {
            let reason = "SHA256SUMS does not name it";
            return Err(ReleaseError::untrusted(
                other.escape_debug().to_string(),
                reason,
            ));
        }
        let found: BTreeSet<_> = found.iter().collect();
        match sums.files.keys().find(|path| !found.contains(path)) {
            Some(missing) => Err(ReleaseError::untrusted(missing, "it is not there")),
            None => Ok(()),
        }
    }

    /// Reads every file, on all processors.
    fn read_all(&self, sums: &Sums, release: &Release) -> Result<(usize, u64), ReleaseError> {
        let packages = release.kernels.iter().flat_map(|kernel| &kernel.packages);
        let packages: Vec<_> = packages.collect();
        let files: Vec<_> = sums.files.iter().collect();
        let next = AtomicUsize::new(0);
        let state = Mutex::new((0, None));
        let threads = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(8);
        let work = || {
            while let Some((path, expected)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                let package = packages.iter().find(|package| package.path == **path);
                let read = self.cancel.check().map_err(ReleaseError::from);
                let read = read.and_then(|()| self.read(sums, path, expected, package.copied()));
                let Ok(mut state) = state.lock() else { return };
                match read {
                    Ok(size) => state.0 += size,
                    Err(error) => {
                        state.1.get_or_insert(error);
                        next.store(files.len(), Ordering::Relaxed);
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        match state.into_inner() {
            Ok((size, None)) => Ok((files.len(), size)),
            Ok((_, Some(error))) => Err(error),
            Err(_) => Err(ReleaseError::untrusted(RELEASE, "a check ended early")),
        }
    }

    /// Reads a file, which has to have this digest; then, of an RPM package, its signature. Gives its size in bytes.
    fn read(
        &self,
        sums: &Sums,
        path: &str,
        expected: &Sha256,
        package: Option<&Package>,
    ) -> Result<u64, ReleaseError> {
        let untrusted = |reason: String| ReleaseError::untrusted(path, reason);
        let mut file = self.origin.open(path, sums.expect(path)?)?;
        let found = hash_into(&mut file, |_| Ok(()));
        let found = found.map_err(|error| untrusted(error.to_string()))?;
        if found.sha256 != *expected {
            return Err(changed(path, expected, &found.sha256));
        }
        let is_rpm = std::path::Path::new(path).extension() == Some("rpm".as_ref());
        let built = if is_rpm {
            self.unsigned(sums, &mut file).map_err(untrusted)?
        } else {
            found.sha256
        };
        match package {
            Some(package) if package.built != built => Err(untrusted(format!(
                "without its signature it is {built}, but {} was built",
                package.built
            ))),
            Some(package) if (package.sha256, package.size) != (found.sha256, found.size) => {
                Err(untrusted("release.json says otherwise".to_owned()))
            }
            _ => Ok(found.size),
        }
    }

    /// The digest that an RPM package had before it was signed, if its signature is good.
    fn unsigned(&self, sums: &Sums, file: &mut File) -> Result<Sha256, String> {
        let say = |error: std::io::Error| error.to_string();
        file.rewind().map_err(say)?;
        let head = Head::read(BufReader::new(&*file)).map_err(|error| error.to_string())?;
        let signature = head.signature().ok_or("it is not signed")?;
        let verified = sums
            .keyring
            .verify_detached(head.header(), signature, self.now);
        verified.map_err(|error| error.to_string())?;
        let unsigned = head.unsigned().map_err(|error| error.to_string())?;
        let mut hasher = sha2::Sha256::new_with_prefix(unsigned.to_bytes());
        file.seek(SeekFrom::Start(head.length() as u64))
            .map_err(say)?;
        std::io::copy(file, &mut hasher).map_err(say)?;
        Ok(Sha256::finish(hasher))
    }
}

/// The first kernel of a recipe is its newest, for whoever reads the release; so it has to be for package managers.
fn check_order(release: &Release) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let mut last: Option<&Kernel> = None;
    for kernel in &release.kernels {
        match last.filter(|last| last.recipe == kernel.recipe) {
            Some(newer) if newer.target != kernel.target => {
                return Err(format!("{} is for two distributions", kernel.recipe));
            }
            Some(newer) => {
                let (version, last) = (&kernel.version, &newer.version);
                if version::compare(kernel.format(), version, last).is_ge() {
                    return Err(format!("{} {version} stands behind {last}", kernel.recipe));
                }
            }
            None if !seen.insert(&kernel.recipe) => {
                return Err(format!("the kernels of {} are scattered", kernel.recipe));
            }
            None => {}
        }
        last = Some(kernel);
    }
    Ok(())
}

/// A release whose every file is what its checksums name.
struct Tree<'a> {
    look: &'a Look<'a>,
    sums: &'a Sums,
    release: &'a Release,
    public: &'a PublicKeys,
}

impl Tree<'_> {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, ReleaseError> {
        self.sums.small(self.look.origin, path, MAX)
    }

    fn text(&self, path: &str) -> Result<String, ReleaseError> {
        let bytes = self.bytes(path)?;
        String::from_utf8(bytes).map_err(|error| ReleaseError::untrusted(path, error))
    }
}
