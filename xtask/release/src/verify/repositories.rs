//! Whether the indexes are signed, not too old, and of just the packages that they should have.
//!
//! Package managers believe an index and nothing else, so it may hold nothing that the rest of the release does not vouch
//! for: the packages of its kernels, and those that follow from the release itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use formats::compression::{Compression, Decoder};
use formats::packages::read_packages;
use formats::release::Release as Suite;
use model::digest::Sha256;
use model::recipe::PackageFormat;
use rpmrepo_metadata::{Checksum, PrimaryXml, RepomdRecord, RepomdXml, Repository};

use super::{MAX, Tree};
use crate::error::ReleaseError;
use crate::{apt, dnf};

/// A package in an index.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    /// Its name and version; of those that the release makes itself, its bytes say it.
    named: Option<(String, String)>,
    sha256: Sha256,
}

impl Tree<'_> {
    pub(super) fn check_repositories(&self) -> Result<(), ReleaseError> {
        let kernels = self.release.kernels.iter();
        let repositories: BTreeSet<_> = kernels
            .map(|kernel| (kernel.repository(), kernel.format().extension()))
            .collect();
        self.check_no_others(&repositories)?;
        for (name, format) in repositories {
            if format == PackageFormat::Rpm.extension() {
                self.check_channel(&name)?;
            } else {
                self.check_suite(&name)?;
            }
        }
        Ok(())
    }

    /// No index may be there that nobody looks at here.
    fn check_no_others(&self, known: &BTreeSet<(String, &str)>) -> Result<(), ReleaseError> {
        let name = |path: &str| {
            let suite = path.strip_prefix("apt/dists/").map(|rest| (rest, "deb"));
            let channel = path.strip_prefix("rpm/").map(|rest| (rest, "rpm"));
            let (rest, format) = suite.or(channel)?;
            Some((rest.split_once('/')?.0.to_owned(), format))
        };
        let mut paths = self.sums.files.keys();
        match paths.find(|path| name(path).is_some_and(|name| !known.contains(&name))) {
            Some(other) => Err(ReleaseError::untrusted(
                other,
                "it is of a repository that release.json does not name",
            )),
            None => Ok(()),
        }
    }

    fn check_suite(&self, name: &str) -> Result<(), ReleaseError> {
        let folder = format!("{}/dists/{name}", apt::FOLDER);
        let path = |file: &str| format!("{folder}/{file}");
        let keyring = &self.sums.keyring;
        let now = self.look.now;
        let inline = keyring.verify_inrelease(&self.bytes(&path("InRelease"))?, now);
        let inline = inline.map_err(|error| ReleaseError::untrusted(path("InRelease"), error))?;
        let text = self.text(&path("Release"))?;
        if inline.text != text {
            return Err(ReleaseError::untrusted(
                path("InRelease"),
                "it is of another Release",
            ));
        }
        let detached = self.bytes(&path("Release.gpg"))?;
        let detached = keyring.verify_detached(text.as_bytes(), &detached, now);
        detached.map_err(|error| ReleaseError::untrusted(path("Release.gpg"), error))?;
        let untrusted = |error: &dyn std::error::Error| {
            ReleaseError::untrusted(path("Release"), error.to_string())
        };
        let suite = Suite::parse(&text).map_err(|error| untrusted(&error))?;
        if !self.look.archived {
            suite.check_fresh(now).map_err(|error| untrusted(&error))?;
        }
        let named: Vec<_> = suite.sha256.keys().map(|file| path(file)).collect();
        if named != apt::index_paths(name) {
            return Err(ReleaseError::untrusted(
                path("Release"),
                "it names other indexes",
            ));
        }
        for (file, index) in &suite.sha256 {
            self.check_named(&path(file), &index.sha256, &path("Release"))?;
        }
        self.check_packages(name)
    }

    /// The index, in both of its forms.
    fn check_packages(&self, name: &str) -> Result<(), ReleaseError> {
        let [plain, packed] = &apt::index_paths(name)[..] else {
            return Err(ReleaseError::untrusted(name, "there is no index"));
        };
        let index = self.bytes(plain)?;
        if self.unpacked(packed)? != index {
            let reason = "it is of another Packages";
            return Err(ReleaseError::untrusted(packed, reason));
        }
        let mut expected = self.listed(name);
        for (path, bytes) in apt::own_packages(self.release, name, self.public)? {
            let sha256 = Sha256::of(bytes);
            let named = None;
            expected.insert(path, Listed { named, sha256 });
        }
        let mut found = BTreeMap::new();
        for entry in read_packages(&index[..]) {
            let entry = entry.map_err(|error| ReleaseError::untrusted(plain, error))?;
            let path = format!("{}/{}", apt::FOLDER, entry.filename);
            let listed = Listed {
                named: Some((entry.name, entry.version.as_str().to_owned())),
                sha256: entry.sha256,
            };
            found.insert(path, listed);
        }
        self.check_listed(plain, &expected, &found)
    }

    fn check_channel(&self, name: &str) -> Result<(), ReleaseError> {
        let folder = format!("{}/{name}", dnf::FOLDER);
        let path = format!("{folder}/repodata/repomd.xml");
        let repomd = self.bytes(&path)?;
        let signature = format!("{path}.asc");
        let bytes = self.bytes(&signature)?;
        let keyring = &self.sums.keyring;
        let verified = keyring.verify_detached(&repomd, &bytes, self.look.now);
        verified.map_err(|error| ReleaseError::untrusted(&signature, error))?;
        let mut repository = Repository::new();
        let read = repository.load_metadata_bytes::<RepomdXml>(&repomd);
        read.map_err(|error| ReleaseError::untrusted(&path, error))?;
        let records = repository.repomd().records();
        let names: Vec<_> = records.iter().map(|it| it.metadata_name.as_str()).collect();
        let [primary, _, _] = &records[..] else {
            return Err(ReleaseError::untrusted(&path, "it names other lists"));
        };
        if names != dnf::LISTS {
            return Err(ReleaseError::untrusted(&path, "it names other lists"));
        }
        let place = |record: &RepomdRecord| format!("{folder}/{}", record.location_href.display());
        for record in records {
            let digest = digest(&path, &record.checksum)?;
            self.check_named(&place(record), &digest, &path)?;
        }
        self.check_primary(name, &folder, &place(primary))
    }

    fn check_primary(&self, name: &str, folder: &str, path: &str) -> Result<(), ReleaseError> {
        let plain = self.unpacked(path)?;
        let mut repository = Repository::new();
        let read = repository.load_metadata_bytes::<PrimaryXml>(&plain);
        read.map_err(|error| ReleaseError::untrusted(path, error))?;
        let mut expected = self.listed(name);
        let own = self.own_package(name)?;
        expected.insert(own.0, own.1);
        let mut found = BTreeMap::new();
        for package in repository.packages().values() {
            let version = format!("{}-{}", package.version(), package.release());
            let listed = Listed {
                named: Some((package.name().to_owned(), version)),
                sha256: digest(path, package.checksum())?,
            };
            found.insert(format!("{folder}/{}", package.location_href()), listed);
        }
        self.check_listed(path, &expected, &found)
    }

    /// The keyring's package, which without its signature has to be the one that the key makes.
    fn own_package(&self, name: &str) -> Result<(String, Listed), ReleaseError> {
        let (path, bytes) = dnf::own_package(name, self.public)?;
        let expected = self.sums.expect(&path)?;
        let mut file = self.look.origin.open(&path, expected)?;
        let found = self.look.unsigned(self.sums, &mut file);
        let found = found.map_err(|reason| ReleaseError::untrusted(&path, reason))?;
        if found != Sha256::of(bytes) {
            let reason = "it is not what this version of the program makes of the key";
            return Err(ReleaseError::untrusted(&path, reason));
        }
        let listed = Listed {
            named: None,
            sha256: expected.sha256,
        };
        Ok((path, listed))
    }

    fn unpacked(&self, path: &str) -> Result<Vec<u8>, ReleaseError> {
        let packed = self.bytes(path)?;
        let mut plain = Vec::new();
        let decoder = Decoder::new(&packed[..], Compression::Gzip, MAX);
        let read = decoder.and_then(|mut decoder| decoder.read_to_end(&mut plain));
        read.map_err(|error| ReleaseError::untrusted(path, error))?;
        Ok(plain)
    }

    /// A file that an index names has to be there, as the index has it.
    fn check_named(&self, file: &str, digest: &Sha256, index: &str) -> Result<(), ReleaseError> {
        match self.sums.files.get(file) {
            Some(expected) if expected == digest => Ok(()),
            Some(expected) => {
                let reason = format!("it names {digest} for {file}, which is {expected}");
                Err(ReleaseError::untrusted(index, reason))
            }
            None => {
                let reason = format!("it names {file}, which is not there");
                Err(ReleaseError::untrusted(index, reason))
            }
        }
    }

    /// What the kernels of a repository have in its index.
    fn listed(&self, repository: &str) -> BTreeMap<String, Listed> {
        let kernels = self.release.kernels.iter();
        let kernels = kernels.filter(|kernel| kernel.repository() == repository);
        let packages = kernels.flat_map(|kernel| {
            let packages = kernel.packages.iter();
            packages.map(|package| (kernel.version.clone(), package))
        });
        packages
            .filter(|(_, package)| package.indexed)
            .map(|(version, package)| {
                let listed = Listed {
                    named: Some((package.name.clone(), version)),
                    sha256: package.sha256,
                };
                (package.path.clone(), listed)
            })
            .collect()
    }

    /// An index has just what it should have.
    fn check_listed(
        &self,
        index: &str,
        expected: &BTreeMap<String, Listed>,
        found: &BTreeMap<String, Listed>,
    ) -> Result<(), ReleaseError> {
        for (path, listed) in found {
            self.check_named(path, &listed.sha256, index)?;
            let is_same = expected.get(path).is_some_and(|expected| {
                let same_name = expected.named.is_none() || expected.named == listed.named;
                same_name && expected.sha256 == listed.sha256
            });
            if !is_same {
                let reason = format!("it has {path}, for which nothing in the release vouches");
                return Err(ReleaseError::untrusted(index, reason));
            }
        }
        match expected.keys().find(|path| !found.contains_key(*path)) {
            Some(missing) => {
                let reason = format!("it does not name {missing}");
                Err(ReleaseError::untrusted(index, reason))
            }
            None => Ok(()),
        }
    }
}

fn digest(file: &str, checksum: &Checksum) -> Result<Sha256, ReleaseError> {
    let digest = match checksum {
        Checksum::Sha256(text) => text.parse().ok(),
        _ => None,
    };
    digest.ok_or_else(|| ReleaseError::untrusted(file, "it names a file without its SHA-256"))
}
