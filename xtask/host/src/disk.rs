//! The room on disks.

use camino::Utf8Path;

/// How many bytes an ordinary user may still write to the file system of `path`; `None` where the
/// host does not tell.
pub fn free(path: &Utf8Path) -> Option<u64> {
    let status = rustix::fs::statvfs(path.as_std_path()).ok()?;
    Some(status.f_bavail.saturating_mul(status.f_frsize))
}
