//! What a smoke boot leaves on disk.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use camino::Utf8Path;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::smoke::Smoke;

use crate::error::SmokeError;
use crate::{junit, page};

/// The verdict and all that it rests on, for programs.
pub const JSON: &str = "smoke.json";
/// The same as a page for people.
pub const PAGE: &str = "smoke.html";
/// The checks, for CI services.
pub const JUNIT: &str = "smoke.xml";
/// The console as it came, compressed: it may hold anything.
pub const CONSOLE: &str = "smoke-console.log.gz";

/// Writes all of it into `folder`, each file complete or not at all, the verdict last: while an old
/// verdict is there, nobody takes the new evidence for its own.
///
/// # Errors
/// A file cannot be written.
pub fn write(folder: &Utf8Path, smoke: &Smoke, console: &[u8]) -> Result<(), SmokeError> {
    replace(folder, CONSOLE, |file| {
        let mut encoder = GzEncoder::new(file, Compression::default());
        encoder.write_all(console)?;
        encoder.finish().map(drop)
    })?;
    replace(folder, JUNIT, |file| {
        let text = junit::junit(smoke, console).map_err(io::Error::other)?;
        file.write_all(text.as_bytes())
    })?;
    replace(folder, PAGE, |file| {
        file.write_all(page::page(smoke, console).as_bytes())
    })?;
    let json = smoke.render().map_err(|error| SmokeError::File {
        attempt: "writing",
        path: folder.join(JSON),
        source: error.into(),
    })?;
    replace(folder, JSON, |file| file.write_all(json.as_bytes()))
}

fn replace(
    folder: &Utf8Path,
    name: &str,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), SmokeError> {
    let path = folder.join(name);
    let attempt = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        write(file.as_file_mut())?;
        file.as_file().sync_all()?;
        readable(file.path())?;
        file.persist(&path)?;
        Ok(())
    };
    attempt().map_err(|source| SmokeError::File {
        attempt: "writing",
        path: path.clone(),
        source,
    })
}

/// Temporary files are their owner's alone.
fn readable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}
