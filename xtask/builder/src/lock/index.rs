//! The verified indexes of an archive's suites.

use std::collections::BTreeSet;
use std::io::{self, BufReader};

use formats::compression::{Compression, Decoder};
use formats::openpgp::Keyring;
use formats::packages::{PackageEntry, read_packages};
use formats::release::{IndexFile, Release};
use host::clock::now_unix;
use host::store::{FetchRequest, Store};
use model::container::{Archive, Container};
use model::digest::Sha256;
use model::lock::LockedSuite;
use model::names::{ArchivePart, Name};

use crate::error::BuildError;
use crate::fetch::Downloads;
use crate::project::Project;
use crate::report::Reporter;

/// The most that an `InRelease` may be, in bytes; Debian's is 140 kB.
const MAX_INRELEASE: u64 = 8 << 20;
/// The most that an index may decompress to, in bytes; that of Debian's main is 55 MB.
const MAX_INDEX: u64 = 1 << 30;

/// Which of a container's suites are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Those the container is made of.
    Container,
    /// Those that recipes take their inputs from.
    Inputs,
}

/// Verified indexes. Packages are read from the store each time, one by one: all of them together
/// would fill the memory.
#[derive(Debug)]
pub(super) struct Index<'a> {
    pub(super) store: &'a Store,
    pub(super) suites: Vec<Suite>,
}

/// One suite with its verified indexes.
#[derive(Debug)]
pub(super) struct Suite {
    pub(super) locked: LockedSuite,
    pub(super) components: Vec<Component>,
}

/// The index of one component.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) name: ArchivePart,
    file: IndexFile,
    compression: Compression,
}

/// A package of the solver's answer: name, architecture, version.
pub(super) type Solved = (String, String, String);

impl<'a> Index<'a> {
    /// Fetches and verifies the suites of `container`.
    pub(super) fn open(
        project: &Project,
        downloads: Downloads<'a>,
        container: &Container,
        purpose: Purpose,
        reporter: &dyn Reporter,
    ) -> Result<Self, BuildError> {
        let mut suites = Vec::new();
        for (name, archive) in &container.archives {
            let keyring = project.keyring(&archive.keyring.value)?;
            let keyring = Keyring::parse(&keyring).map_err(|source| BuildError::Keyring {
                name: archive.keyring.value.to_string(),
                source,
            })?;
            let wanted = match purpose {
                Purpose::Container => &archive.suites,
                Purpose::Inputs => &archive.input_suites,
            };
            for suite in wanted {
                let place = Place {
                    downloads,
                    container,
                    name,
                    archive,
                    suite,
                };
                suites.push(place.open(&keyring)?);
                reporter.note(&format!("{name} {suite}: signature and date verified"));
            }
        }
        Ok(Self {
            store: downloads.store,
            suites,
        })
    }

    /// What a lock records of the suites.
    pub(super) fn suites(&self) -> Vec<LockedSuite> {
        self.suites
            .iter()
            .map(|suite| suite.locked.clone())
            .collect()
    }

    /// Hands over every package, with the archive it is in.
    pub(super) fn each(
        &self,
        mut visit: impl FnMut(&Name, PackageEntry),
    ) -> Result<(), BuildError> {
        for suite in &self.suites {
            for component in &suite.components {
                let what = format!(
                    "{} {} {}",
                    suite.locked.archive, suite.locked.suite, component.name
                );
                let reader = self.read(component)?;
                for entry in read_packages(reader) {
                    let entry = entry.map_err(|error| BuildError::Metadata {
                        url: what.clone(),
                        reason: error.to_string(),
                    })?;
                    visit(&suite.locked.archive, entry);
                }
            }
        }
        Ok(())
    }

    /// The decompressed index of a component.
    pub(super) fn read(&self, component: &Component) -> Result<impl io::BufRead, BuildError> {
        let file = self
            .store
            .open_verified(&component.file.sha256, component.file.size)?;
        let decoder = Decoder::new(file, component.compression, MAX_INDEX).map_err(|error| {
            BuildError::Metadata {
                url: component.name.to_string(),
                reason: error.to_string(),
            }
        })?;
        Ok(BufReader::with_capacity(128 * 1024, decoder))
    }

    /// The newest package of this name.
    pub(super) fn newest(&self, name: &str) -> Result<(Name, PackageEntry), BuildError> {
        let mut newest: Option<(Name, PackageEntry)> = None;
        self.each(|archive, entry| {
            let better = newest
                .as_ref()
                .is_none_or(|(_, best)| entry.version > best.version);
            if entry.name == name && better {
                newest = Some((archive.clone(), entry));
            }
        })?;
        newest.ok_or_else(|| self.missing(name))
    }

    /// The packages that the solver named.
    pub(super) fn pick(
        &self,
        solved: &BTreeSet<Solved>,
    ) -> Result<Vec<(Name, PackageEntry)>, BuildError> {
        let mut left = solved.clone();
        let mut picked = Vec::new();
        self.each(|archive, entry| {
            let key = (
                entry.name.clone(),
                entry.architecture.clone(),
                entry.version.to_string(),
            );
            if left.remove(&key) {
                picked.push((archive.clone(), entry));
            }
        })?;
        match left.first() {
            None => Ok(picked),
            Some((name, _, version)) => Err(self.missing(&format!("{name} {version}"))),
        }
    }

    /// The error for a package that no suite has.
    pub(super) fn missing(&self, package: &str) -> BuildError {
        let suites: Vec<_> = self
            .suites
            .iter()
            .map(|suite| format!("{} {}", suite.locked.archive, suite.locked.suite))
            .collect();
        BuildError::NoPackage {
            package: package.to_owned(),
            suites: suites.join(", "),
        }
    }
}

/// One suite, before it is verified.
#[derive(Clone, Copy)]
struct Place<'a> {
    downloads: Downloads<'a>,
    container: &'a Container,
    name: &'a Name,
    archive: &'a Archive,
    suite: &'a ArchivePart,
}

impl Place<'_> {
    fn open(self, keyring: &Keyring) -> Result<Suite, BuildError> {
        let (url, bytes) = self.inrelease()?;
        let now = now_unix();
        let verified =
            keyring
                .verify_inrelease(&bytes, now)
                .map_err(|source| BuildError::Signature {
                    url: url.clone(),
                    source,
                })?;
        let bad = |reason: String| BuildError::Metadata {
            url: url.clone(),
            reason,
        };
        let release = Release::parse(&verified.text).map_err(|error| bad(error.to_string()))?;
        release
            .check_fresh(now)
            .map_err(|error| bad(error.to_string()))?;
        self.check_identity(&release).map_err(bad)?;
        let base = url.trim_end_matches("InRelease").to_owned();
        let components = self
            .archive
            .components
            .iter()
            .map(|component| self.component(&base, &release, component));
        let locked = LockedSuite {
            archive: self.name.clone(),
            suite: self.suite.clone(),
            date: release.date,
            inrelease: Sha256::of(&bytes),
            signers: verified.signers.clone(),
        };
        Ok(Suite {
            locked,
            components: components.collect::<Result<_, _>>()?,
        })
    }

    /// The signed file, from the first mirror that has one.
    fn inrelease(self) -> Result<(String, Vec<u8>), BuildError> {
        let mut failure = None;
        for base in self.downloads.mirrors.urls(self.name.as_str()) {
            let url = format!("{base}/dists/{}/InRelease", self.suite);
            match self.downloads.http.get_small(&url, MAX_INRELEASE) {
                Ok(bytes) => return Ok((url, bytes)),
                Err(error @ host::http::HttpError::Interrupted(_)) => return Err(error.into()),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.map_or_else(
            || BuildError::NoMirror {
                archive: self.name.clone(),
            },
            BuildError::Http,
        ))
    }

    /// A signature says who signed, not what for: another suite's file must not pass for this one.
    fn check_identity(self, release: &Release) -> Result<(), String> {
        let suite = self.suite.as_str();
        if release.codename != suite && release.suite != suite {
            return Err(format!(
                "it is of suite {} ({}), and `{suite}` is expected",
                release.codename, release.suite
            ));
        }
        let architecture = self.container.architecture.debian();
        if !release
            .architectures
            .iter()
            .any(|known| known == architecture)
        {
            return Err(format!("it has no packages for {architecture}"));
        }
        Ok(())
    }

    fn component(
        self,
        base: &str,
        release: &Release,
        name: &ArchivePart,
    ) -> Result<Component, BuildError> {
        let folder = format!("{name}/binary-{}", self.container.architecture.debian());
        let known = [
            ("Packages.xz", Compression::Xz),
            ("Packages.gz", Compression::Gzip),
            ("Packages", Compression::None),
        ];
        let found = known.iter().find_map(|(file, compression)| {
            let path = format!("{folder}/{file}");
            release
                .sha256
                .get(&path)
                .map(|index| (path, *index, *compression))
        });
        let Some((path, file, compression)) = found else {
            return Err(BuildError::Metadata {
                url: format!("{base}InRelease"),
                reason: format!("it names no {folder}/Packages"),
            });
        };
        let mut urls = vec![format!("{base}{path}")];
        if release.acquire_by_hash {
            // What is named by its hash does not change under our hands while the archive is updated.
            urls.insert(0, format!("{base}{folder}/by-hash/SHA256/{}", file.sha256));
        }
        let label = format!("{} {} {path}", self.name, self.suite);
        let request = FetchRequest {
            label,
            urls,
            size: Some(file.size),
            sha256: file.sha256,
        };
        self.downloads
            .store
            .fetch_all(self.downloads.http, &[request], 1, &())?;
        Ok(Component {
            name: name.clone(),
            file,
            compression,
        })
    }
}
