//! Whether the indexes are signed, not too old, and of just the packages that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use formats::compression::{Compression, Decoder};
use formats::packages::read_packages;
use formats::release::Release as Suite;
use model::digest::Sha256;
use model::recipe::PackageFormat;
use rpmrepo_metadata::{Checksum, PrimaryXml, RepomdXml, Repository};

use super::{MAX, Tree};
use crate::error::ReleaseError;
use crate::{apt, dnf};

impl Tree<'_> {
    pub(super) fn check_repositories(&self) -> Result<(), ReleaseError> {
        let kernels = self.release.kernels.iter();
        let repositories: BTreeSet<_> = kernels
            .map(|kernel| (kernel.repository(), kernel.format().extension()))
            .collect();
        for (name, format) in repositories {
            if format == PackageFormat::Rpm.extension() {
                self.check_channel(&name)?;
            } else {
                self.check_suite(&name)?;
            }
        }
        Ok(())
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
        for (file, index) in &suite.sha256 {
            self.check_named(&path(file), &index.sha256, &path("Release"))?;
        }
        let indexes = apt::index_paths(name);
        let index = indexes.first().map(String::as_str).unwrap_or_default();
        let bytes = self.bytes(index)?;
        let mut found = BTreeMap::new();
        for entry in read_packages(&bytes[..]) {
            let entry = entry.map_err(|error| ReleaseError::untrusted(index, error))?;
            let file = format!("{}/{}", apt::FOLDER, entry.filename);
            self.check_named(&file, &entry.sha256, index)?;
            found.insert(file, entry.sha256);
        }
        self.check_complete(name, index, &found)
    }

    fn check_channel(&self, name: &str) -> Result<(), ReleaseError> {
        let folder = format!("{}/{name}", dnf::FOLDER);
        let path = format!("{folder}/repodata/repomd.xml");
        let repomd = self.bytes(&path)?;
        let signature = format!("{path}.asc");
        let verified = self.bytes(&signature).and_then(|bytes| {
            let keyring = &self.sums.keyring;
            let verified = keyring.verify_detached(&repomd, &bytes, self.look.now);
            verified.map_err(|error| ReleaseError::untrusted(&signature, error))
        });
        verified?;
        let mut repository = Repository::new();
        let read = repository.load_metadata_bytes::<RepomdXml>(&repomd);
        read.map_err(|error| ReleaseError::untrusted(&path, error))?;
        let mut primary = None;
        for record in repository.repomd().records() {
            let file = format!("{folder}/{}", record.location_href.display());
            let digest = digest(&path, &record.checksum)?;
            self.check_named(&file, &digest, &path)?;
            if record.metadata_name == "primary" {
                primary = Some(file);
            }
        }
        let primary = primary
            .ok_or_else(|| ReleaseError::untrusted(&path, "it names no list of packages"))?;
        self.check_primary(name, &folder, &primary)
    }

    fn check_primary(&self, name: &str, folder: &str, path: &str) -> Result<(), ReleaseError> {
        let packed = self.bytes(path)?;
        let mut plain = Vec::new();
        let decoder = Decoder::new(&packed[..], Compression::Gzip, MAX);
        let read = decoder.and_then(|mut decoder| decoder.read_to_end(&mut plain));
        read.map_err(|error| ReleaseError::untrusted(path, error))?;
        let mut repository = Repository::new();
        let read = repository.load_metadata_bytes::<PrimaryXml>(&plain);
        read.map_err(|error| ReleaseError::untrusted(path, error))?;
        let mut found = BTreeMap::new();
        for package in repository.packages().values() {
            let file = format!("{folder}/{}", package.location_href());
            let digest = digest(path, package.checksum())?;
            self.check_named(&file, &digest, path)?;
            found.insert(file, digest);
        }
        self.check_complete(name, path, &found)
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

    /// Every package that is to be found has to be in the index.
    fn check_complete(
        &self,
        name: &str,
        index: &str,
        found: &BTreeMap<String, Sha256>,
    ) -> Result<(), ReleaseError> {
        let kernels = self.release.kernels.iter();
        let kernels = kernels.filter(|kernel| kernel.repository() == name);
        let mut packages = kernels.flat_map(|kernel| &kernel.packages);
        match packages.find(|package| package.indexed && !found.contains_key(&package.path)) {
            Some(missing) => {
                let reason = format!("it does not name {}", missing.path);
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
