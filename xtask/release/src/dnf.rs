//! A dnf repository: signed packages, their metadata, and the file that adds it to a machine.
//!
//! The kernels need no package that depends on the newest: all versions of a recipe's kernel have one name, and stay
//! installed side by side, so that name is what pulls in the newest. Source: `createrepo_c`, whose metadata the library
//! writes; dnf.conf(5).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use camino::Utf8Path;
use formats::rpm::Head;
use model::digest::Sha256;
use model::release::{Kernel, Release};
use rpmrepo_metadata::{
    Checksum, FilelistsXml, OtherXml, PackageOptions, PackageSource, PrimaryXml, RepomdRecord,
    RepomdXml, Repository,
};

use crate::apt::KEYRING;
use crate::error::ReleaseError;
use crate::keys::{Keys, OPENPGP_PUBLIC, PublicKeys};
use crate::tree::{Draft, Stored, gzip};

/// The folder of all repositories.
pub(crate) const FOLDER: &str = "rpm";
/// A repository, and what is in it.
#[derive(Debug)]
pub(crate) struct Channel<'a> {
    /// Its name, such as `fedora-44`.
    pub(crate) name: &'a str,
    pub(crate) release: &'a Release,
    pub(crate) keys: &'a Keys,
    pub(crate) kernels: Vec<&'a Kernel>,
    /// The metadata of the release before, for those who are reading it: paths and contents.
    pub(crate) before: BTreeMap<String, Vec<u8>>,
}

/// The lists that it has.
pub(crate) const LISTS: [&str; 3] = ["primary", "filelists", "other"];

/// The path of a package of this repository.
pub(crate) fn package_path(channel: &str, file: &str) -> String {
    format!("{FOLDER}/{channel}/packages/{file}")
}

/// Copies a package whose digest is known into the tree, and signs it there.
pub(crate) fn add_signed(
    draft: &mut Draft,
    path: &str,
    from: &Utf8Path,
    expected: &Sha256,
    (keys, date): (&Keys, u64),
) -> Result<Stored, ReleaseError> {
    let file = File::open(from).map_err(ReleaseError::file("reading", from))?;
    let head = Head::read(BufReader::new(file));
    let head = head.map_err(|error| ReleaseError::untrusted(from.as_str(), error))?;
    draft.copy(path, from, expected, &signed(&head, from, keys, date)?)
}

fn signed(head: &Head, what: &Utf8Path, keys: &Keys, date: u64) -> Result<Vec<u8>, ReleaseError> {
    let signature = keys.openpgp.sign_binary(head.header(), date)?;
    let signed = head.signed(&signature);
    let signed = signed.map_err(|error| ReleaseError::untrusted(what.as_str(), error))?;
    Ok(signed.to_bytes())
}

/// Writes a repository; its kernels' packages are in the tree already.
pub(crate) fn write(draft: &mut Draft, channel: &Channel<'_>) -> Result<(), ReleaseError> {
    let mut packages = vec![channel.keyring(draft)?];
    let kernels = channel.kernels.iter().flat_map(|kernel| &kernel.packages);
    for package in kernels.filter(|package| package.indexed) {
        packages.push((package.path.clone(), package.into()));
    }
    let folder = format!("{FOLDER}/{}", channel.name);
    let mut repository = Repository::new();
    for (path, stored) in packages {
        repository.add_package(described(draft, &folder, &path, stored)?);
    }
    repository.sort();
    let repomd = write_metadata(draft, &folder, &mut repository, channel.release.date)?;
    let openpgp = &channel.keys.openpgp;
    let signature = openpgp.sign_detached(&repomd, channel.release.date)?;
    draft.add(&format!("{folder}/repodata/repomd.xml"), &repomd)?;
    draft.add(&format!("{folder}/repodata/repomd.xml.asc"), signature)?;
    for (path, bytes) in &channel.before {
        if !draft.files().contains_key(path) {
            draft.add(path, bytes)?;
        }
    }
    draft.add(&format!("{folder}.repo"), channel.repo())?;
    Ok(())
}

fn described(
    draft: &Draft,
    folder: &str,
    path: &str,
    stored: Stored,
) -> Result<rpmrepo_metadata::Package, ReleaseError> {
    let place = draft.place(path)?;
    let file = File::open(&place).map_err(ReleaseError::file("reading", &place))?;
    let metadata = rpm::PackageMetadata::parse(&mut BufReader::new(file));
    let metadata = metadata.map_err(|error| ReleaseError::untrusted(path, error))?;
    let below = path.strip_prefix(&format!("{folder}/")).unwrap_or(path);
    let source = PackageSource {
        checksum: Some(Checksum::Sha256(stored.sha256.to_string())),
        size_package: Some(stored.size),
        time_file: metadata.get_build_time().unwrap_or_default(),
        location_href: below.to_owned(),
        location_base: None,
    };
    let options = PackageOptions::default();
    let package = rpmrepo_metadata::Package::from_package_metadata(&metadata, source, options);
    package.map_err(|error| ReleaseError::untrusted(path, error))
}

/// Writes the lists, each by its digest, and gives `repomd.xml`, which names them.
fn write_metadata(
    draft: &mut Draft,
    folder: &str,
    repository: &mut Repository,
    date: u64,
) -> Result<Vec<u8>, ReleaseError> {
    let lists = [
        repository.write_metadata_bytes::<PrimaryXml>(),
        repository.write_metadata_bytes::<FilelistsXml>(),
        repository.write_metadata_bytes::<OtherXml>(),
    ];
    let timestamp = i64::try_from(date).unwrap_or_default();
    for (name, plain) in LISTS.into_iter().zip(lists) {
        let plain = plain.map_err(rendering)?;
        let packed = gzip(&plain);
        let (open, stored) = (Stored::of(&plain), Stored::of(&packed));
        let below = format!("repodata/{}-{name}.xml.gz", stored.sha256);
        draft.add(&format!("{folder}/{below}"), &packed)?;
        let mut record = RepomdRecord::default();
        name.clone_into(&mut record.metadata_name);
        record.location_href = PathBuf::from(below);
        record.timestamp = timestamp;
        record.size = Some(stored.size);
        record.checksum = Checksum::Sha256(stored.sha256.to_string());
        record.open_size = Some(open.size);
        record.open_checksum = Some(Checksum::Sha256(open.sha256.to_string()));
        repository.repomd_mut().add_record(record);
    }
    let repomd = repository.repomd_mut();
    repomd.set_revision(&date.to_string());
    repository
        .write_metadata_bytes::<RepomdXml>()
        .map_err(rendering)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the form that `map_err` takes"
)]
fn rendering(error: rpmrepo_metadata::MetadataError) -> ReleaseError {
    ReleaseError::Render {
        what: "the metadata of a dnf repository",
        reason: error.to_string(),
    }
}

/// The metadata of a repository that dnf may be reading.
pub(crate) fn index_prefix(channel: &str) -> String {
    format!("{FOLDER}/{channel}/repodata/")
}

impl Channel<'_> {
    fn repo(&self) -> String {
        let url = &self.release.url;
        format!(
            "[mptcp-kernels]\nname=Linux kernels with Multipath TCP\nbaseurl={url}/{FOLDER}/{}\nenabled=1\n\
             gpgcheck=1\nrepo_gpgcheck=1\ngpgkey={url}/{OPENPGP_PUBLIC}\n",
            self.name
        )
    }

    fn keyring(&self, draft: &mut Draft) -> Result<(String, Stored), ReleaseError> {
        let public = self.keys.public();
        let (path, bytes) = own_package(self.name, &public)?;
        let head = Head::read(&bytes[..]);
        let head = head.map_err(|error| ReleaseError::untrusted(&path, error))?;
        // The same package as long as it says the same.
        let mut signed = signed(&head, Utf8Path::new(&path), self.keys, public.stated)?;
        signed.extend(bytes.get(head.length()..).unwrap_or_default());
        let stored = draft.add(&path, &signed)?;
        Ok((path, stored))
    }
}

/// What a repository brings itself, before it is signed: path and content, which follow from the key, so that readers
/// of the release can make it, too.
pub(crate) fn own_package(
    channel: &str,
    public: &PublicKeys,
) -> Result<(String, Vec<u8>), ReleaseError> {
    let version = public.stated.to_string();
    let bytes = keyring(&public.openpgp, &version, public.stated);
    let bytes = bytes.map_err(|error| ReleaseError::Render {
        what: "the keyring's package",
        reason: error.to_string(),
    })?;
    let name = format!("{KEYRING}-{version}-1.noarch.rpm");
    Ok((package_path(channel, &name), bytes))
}

/// The key as a package, made at `time` in seconds since 1970.
fn keyring(key: &str, version: &str, time: u64) -> Result<Vec<u8>, rpm::Error> {
    let time = u32::try_from(time).unwrap_or(u32::MAX);
    let config = rpm::BuildConfig::v4()
        .compression(rpm::CompressionType::Gzip)
        .source_date(time);
    let path = "/etc/pki/rpm-gpg/RPM-GPG-KEY-mptcp-kernels";
    let summary = "Key of the repository of Linux kernels with Multipath TCP";
    let mut builder =
        rpm::PackageBuilder::new(KEYRING, version, "MIT or Apache-2.0", "noarch", summary);
    builder
        .using_config(config)
        .release("1")
        .build_host("reproducible")
        .description(summary);
    builder.with_file_contents(
        key.as_bytes(),
        rpm::FileOptions::new(path).permissions(0o644),
    )?;
    let mut bytes = Vec::new();
    builder.build()?.write(&mut bytes)?;
    Ok(bytes)
}
