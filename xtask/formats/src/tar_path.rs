//! Paths of tar entries, made safe to join below a folder.

/// Longest accepted path in bytes (`PATH_MAX` of Linux).
const MAX_PATH: usize = 4096;

/// Why a tar path was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TarPathError {
    /// The path starts with a slash.
    #[error("path {0:?} is absolute, expected one relative to the archive's root")]
    Absolute(String),
    /// A component is `..`.
    #[error("path {0:?} climbs with `..`, expected one below the archive's root")]
    Parent(String),
    /// The path contains a NUL byte.
    #[error("path {0:?} contains a NUL byte")]
    Nul(String),
    /// The bytes are no UTF-8.
    #[error("path {0:?} is not UTF-8")]
    NotUtf8(String),
    /// The path is longer than `PATH_MAX`.
    #[error("path of {0} bytes is longer than {MAX_PATH}")]
    TooLong(usize),
}

/// Normalises the path of a tar entry: `./usr//x/` becomes `usr/x`, the root `./` becomes the empty text.
///
/// The result has no leading or trailing slash, no empty component, no `.` and no `..`. It says nothing
/// about links: an entry below a symbolic link of the same archive is the caller's to refuse.
///
/// # Errors
///
/// See [`TarPathError`].
pub fn safe_path(path: &[u8]) -> Result<String, TarPathError> {
    if path.len() > MAX_PATH {
        return Err(TarPathError::TooLong(path.len()));
    }
    let text = std::str::from_utf8(path).map_err(|_| TarPathError::NotUtf8(lossy(path)))?;
    if text.contains('\0') {
        return Err(TarPathError::Nul(lossy(path)));
    }
    if text.starts_with('/') {
        return Err(TarPathError::Absolute(lossy(path)));
    }
    if text.split('/').any(|component| component == "..") {
        return Err(TarPathError::Parent(lossy(path)));
    }
    Ok(plain_components(text).collect::<Vec<_>>().join("/"))
}

fn plain_components(text: &str) -> impl Iterator<Item = &str> {
    text.split('/')
        .filter(|component| !matches!(*component, "" | "."))
}

fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised() {
        for (path, expected) in [
            ("./usr/x", "usr/x"),
            ("usr/x", "usr/x"),
            ("./usr//./x/", "usr/x"),
            ("./", ""),
            (".", ""),
            ("", ""),
            ("a..b/..c/d..", "a..b/..c/d.."),
            ("usr/share/doc/ä b\\c", "usr/share/doc/ä b\\c"),
        ] {
            assert_eq!(safe_path(path.as_bytes()).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn hostile_paths_are_refused() {
        assert!(matches!(
            safe_path(b"/etc/passwd"),
            Err(TarPathError::Absolute(_))
        ));
        assert!(matches!(safe_path(b"//x"), Err(TarPathError::Absolute(_))));
        for path in ["..", "../x", "a/../x", "./../x", "a/.."] {
            assert!(
                matches!(safe_path(path.as_bytes()), Err(TarPathError::Parent(_))),
                "{path}"
            );
        }
        assert!(matches!(safe_path(b"a\0b"), Err(TarPathError::Nul(_))));
        assert!(matches!(safe_path(b"a\xff"), Err(TarPathError::NotUtf8(_))));
        assert!(matches!(
            safe_path(&[b'a'; MAX_PATH + 1]),
            Err(TarPathError::TooLong(_))
        ));
    }

    #[test]
    fn messages_escape_what_they_quote() {
        let message = safe_path(b"/\x1b[31m").map_err(|error| error.to_string());
        assert_eq!(
            message,
            Err(
                "path \"/\\u{1b}[31m\" is absolute, expected one relative to the archive's root"
                    .to_owned()
            )
        );
    }
}
