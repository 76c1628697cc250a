//! RPM packages for tests, made by an implementation that is not the one under test; and digests put right
//! after something was altered, so that what lies behind them is reached.

use ::rpm::{BuildConfig, CompressionWithLevel, FileOptions, Package, PackageBuilder};
use model::digest::Sha256;
use tar::EntryType;

use super::kernel::TestPackage;
use crate::compression::Compression;

/// When every test package was built, in Unix seconds: 2020-01-01T00:00:00Z.
const BUILT: u32 = 1_577_836_800;
const LEAD: usize = 96;

impl TestPackage {
    /// The package as an `.rpm`, compressed with zstd.
    pub fn build_rpm(&self) -> Vec<u8> {
        self.build_rpm_with(Compression::Zstd)
    }

    /// The package as an `.rpm`, its payload compressed in any way. Paths are made absolute; of types of tar
    /// there are files, folders, and symbolic links that lead where their content says.
    pub fn build_rpm_with(&self, compression: Compression) -> Vec<u8> {
        let architecture = match self.architecture.as_str() {
            "amd64" => "x86_64",
            other => other,
        };
        let version = self.version.as_deref().unwrap_or("1-2");
        let mut builder = builder_of(&self.name, version, architecture, compression);
        for (path, kind, bytes) in &self.entries {
            let path = format!("/{}", path.trim_start_matches("./"));
            let added = match kind {
                EntryType::Directory => builder.with_dir_entry(FileOptions::dir(path)),
                EntryType::Symlink => {
                    let target = String::from_utf8_lossy(bytes);
                    let target = if target.is_empty() {
                        "nowhere"
                    } else {
                        &target
                    };
                    builder.with_symlink(FileOptions::symlink(path, target))
                }
                _ => builder.with_file_contents(bytes.clone(), FileOptions::new(path)),
            };
            added.expect("an entry can be added");
        }
        finish(&mut builder)
    }
}

/// The beginning of a package: version 1-2, built at a fixed time.
pub fn builder(name: &str, architecture: &str, compression: Compression) -> PackageBuilder {
    builder_of(name, "1-2", architecture, compression)
}

fn builder_of(
    name: &str,
    version: &str,
    architecture: &str,
    compression: Compression,
) -> PackageBuilder {
    let (version, release) = version.split_once('-').expect("VERSION-RELEASE");
    let level = match compression {
        Compression::None => CompressionWithLevel::None,
        Compression::Gzip => CompressionWithLevel::Gzip(1),
        Compression::Xz => CompressionWithLevel::Xz(0),
        Compression::Zstd => CompressionWithLevel::Zstd(1),
    };
    let config = BuildConfig::v4().compression(level).source_date(BUILT);
    let mut builder = PackageBuilder::new(name, version, "GPL-2.0", architecture, "A test");
    builder.using_config(config).release(release);
    builder
}

/// The bytes of a package.
pub fn finish(builder: &mut PackageBuilder) -> Vec<u8> {
    bytes(&builder.build().expect("a package can be built"))
}

fn bytes(package: &Package) -> Vec<u8> {
    let mut bytes = Vec::new();
    package
        .write(&mut bytes)
        .expect("a vector takes everything");
    bytes
}

/// Where the main header of a package begins, and where its payload does.
pub fn parts(package: &[u8]) -> (usize, usize) {
    let header = LEAD + header_size(&package[LEAD..]).next_multiple_of(8);
    (header, header + header_size(&package[header..]))
}

fn header_size(header: &[u8]) -> usize {
    let number = |at: usize| {
        let bytes = header[at..at + 4].try_into().expect("four bytes");
        u32::from_be_bytes(bytes) as usize
    };
    16 + 16 * number(8) + number(12)
}

/// Alters a package by `change`, which leaves all lengths before the payload as they are, and puts the
/// digests of payload and header right.
#[must_use]
pub fn altered(package: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let (header, payload) = parts(package);
    let digest = |bytes: &[u8]| Sha256::of(bytes).to_string();
    let before = [
        digest(&package[payload..]),
        digest(&package[header..payload]),
    ];
    let mut package = package.to_vec();
    change(&mut package);
    let after = digest(&package[payload..]);
    replace(&mut package[header..payload], &before[0], &after);
    let after = digest(&package[header..payload]);
    replace(&mut package[..header], &before[1], &after);
    package
}

/// Replaces the first occurrence of a text by one of the same length, if there is one.
pub fn replace(bytes: &mut [u8], from: &str, to: &str) {
    assert_eq!(from.len(), to.len(), "lengths stay");
    let mut windows = bytes.windows(from.len());
    if let Some(at) = windows.position(|window| window == from.as_bytes()) {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
}
