//! The stock configuration: what the distribution's own kernel package has of it.

use std::io::Read;

use formats::entry::{Entry, Kind};
use formats::package::{self, PackageError};
use host::store::Store;
use model::lock::LockedPackage;

use crate::error::BuildError;
use crate::fetch;

/// The most that a configuration may be, in bytes; Debian's is 280 kB.
pub(crate) const MAX_CONFIG: u64 = 4 << 20;
/// The most that a kernel package may unpack to, in bytes.
pub(crate) const MAX_DATA: u64 = 8 << 30;

/// The configuration in a kernel package.
pub(crate) fn configuration(store: &Store, package: &LockedPackage) -> Result<String, BuildError> {
    boot_config(fetch::open(store, package)?, &package.path)
}

/// The first configuration of a package that is being read: `boot/config-*`, or `lib/modules/*/config` as in
/// an `.rpm`. `name` is for messages.
pub(crate) fn boot_config(reader: impl Read, name: &str) -> Result<String, BuildError> {
    let found = package::open(reader)
        .map_err(Stop::from)
        .and_then(|package| package.for_each_entry(MAX_DATA, |mut entry| visit(&mut entry)));
    let reason = match found {
        Err(Stop::Found(text)) => return Ok(text),
        Err(Stop::Package(source)) => {
            return Err(BuildError::Package {
                package: name.to_owned(),
                source,
            });
        }
        Err(Stop::Content(reason)) => reason,
        Ok(()) => "it holds neither boot/config-* nor lib/modules/*/config".to_owned(),
    };
    Err(BuildError::PackageContent {
        package: name.to_owned(),
        reason,
    })
}

/// Why the reading of a package ends: the configuration is the only thing of interest.
enum Stop {
    Found(String),
    Content(String),
    Package(PackageError),
}

impl From<PackageError> for Stop {
    fn from(error: PackageError) -> Self {
        Self::Package(error)
    }
}

fn visit(entry: &mut Entry<'_>) -> Result<(), Stop> {
    let path = entry.path;
    if !is_config(path) || entry.kind != Kind::File {
        return Ok(());
    }
    if entry.size > MAX_CONFIG {
        let size = entry.size;
        return Err(Stop::Content(format!(
            "{path} has {size} bytes; {MAX_CONFIG} at most are expected"
        )));
    }
    // To its end, where an .rpm says whether it is what was packaged.
    let mut text = String::new();
    match entry.content.read_to_string(&mut text) {
        Ok(_) => Err(Stop::Found(text)),
        Err(error) => Err(Stop::Content(format!("{path}: {error}"))),
    }
}

fn is_config(path: &str) -> bool {
    let below = path.strip_prefix("usr/").unwrap_or(path);
    let of_release = below
        .strip_prefix("lib/modules/")
        .and_then(|path| path.split_once('/'));
    path.starts_with("boot/config-") || of_release.is_some_and(|(_, file)| file == "config")
}

#[cfg(test)]
mod tests {
    use formats::compression::Compression;
    use formats::testing::kernel::TestPackage;

    use super::*;

    fn message(result: Result<String, BuildError>) -> String {
        let error = result.unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", source.unwrap_or_default())
    }

    #[test]
    fn both_formats_have_a_configuration() {
        let text = "CONFIG_MPTCP=y\n";
        let deb = TestPackage::with_kernel("6.1", text).build();
        assert_eq!(boot_config(deb.as_slice(), "a").unwrap(), text);
        let rpm = TestPackage::with_kernel_in_modules("6.1", text);
        for compression in [Compression::Zstd, Compression::None] {
            let rpm = rpm.build_rpm_with(compression);
            assert_eq!(boot_config(rpm.as_slice(), "a").unwrap(), text);
        }
    }

    #[test]
    fn other_packages_are_refused() {
        let empty = TestPackage::new().file("./lib/modules/6.1/kernel/config", b"x");
        let link = TestPackage::new().entry("./boot/config-6.1", b'2', b"");
        for package in [empty, link] {
            for bytes in [package.build(), package.build_rpm()] {
                let error = message(boot_config(bytes.as_slice(), "a"));
                assert!(error.contains("holds neither boot/config-*"), "{error}");
            }
        }
        let large = vec![b'x'; usize::try_from(MAX_CONFIG).unwrap() + 1];
        let large = TestPackage::new().file("./boot/config-6.1", &large).build();
        let error = message(boot_config(large.as_slice(), "a"));
        assert!(
            error.contains("has 4194305 bytes; 4194304 at most"),
            "{error}"
        );
        let error = message(boot_config(b"text".as_slice(), "a"));
        assert!(error.ends_with("expected a .deb or an .rpm"), "{error}");
    }
}
