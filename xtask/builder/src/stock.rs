//! The stock configuration: `/boot/config-*` out of the distribution's own kernel package.

use std::io::Read;

use formats::deb;
use formats::tar_path::safe_path;
use host::store::Store;
use model::lock::LockedPackage;

use crate::error::BuildError;
use crate::fetch;

/// The most that a configuration may be, in bytes; Debian's is 280 kB.
pub(crate) const MAX_CONFIG: u64 = 4 << 20;
/// The most that a kernel package may unpack to, in bytes.
const MAX_DATA: u64 = 8 << 30;

/// The configuration in a kernel package.
pub(crate) fn configuration(store: &Store, package: &LockedPackage) -> Result<String, BuildError> {
    boot_config(fetch::open(store, package)?, &package.path)
}

/// The one file `boot/config-*` of a package that is being read; `name` is for messages.
pub(crate) fn boot_config(reader: impl Read, name: &str) -> Result<String, BuildError> {
    let bad = |reason: String| BuildError::PackageContent {
        package: name.to_owned(),
        reason,
    };
    let package = deb::open(reader).map_err(|source| BuildError::Package {
        package: name.to_owned(),
        source,
    })?;
    let data = package
        .data(MAX_DATA)
        .map_err(|source| BuildError::Package {
            package: name.to_owned(),
            source,
        })?;
    let mut archive = tar::Archive::new(data);
    for entry in archive.entries().map_err(|error| bad(error.to_string()))? {
        let entry = entry.map_err(|error| bad(error.to_string()))?;
        let path = safe_path(&entry.path_bytes()).map_err(|error| bad(error.to_string()))?;
        if path.starts_with("boot/config-") && entry.header().entry_type().is_file() {
            let mut text = String::new();
            if entry.size() > MAX_CONFIG {
                return Err(bad(format!(
                    "{path} has {} bytes; {MAX_CONFIG} at most are expected",
                    entry.size()
                )));
            }
            entry
                .take(MAX_CONFIG)
                .read_to_string(&mut text)
                .map_err(|error| bad(format!("{path}: {error}")))?;
            return Ok(text);
        }
    }
    Err(bad("it holds no boot/config-*".to_owned()))
}
