//! Paths inside an apt archive, as its indexes name them.

/// Longest accepted path in bytes.
const MAX_PATH: usize = 1024;

/// Whether `path` is a relative path of plain names: no `.` or `..`, no empty component, and only
/// characters that Debian archives use (ASCII letters, digits and `._+-~:%@=,`).
pub(crate) fn is_archive_path(path: &str) -> bool {
    path.len() <= MAX_PATH && path.split('/').all(is_plain_name)
}

fn is_plain_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.bytes().all(is_plain_byte)
}

fn is_plain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._+-~:%@=,".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_pass() {
        for path in [
            "a",
            "main/binary-amd64/Packages.xz",
            "pool/main/g/g++/g++_4%3a1~rc+b1_all.deb",
        ] {
            assert!(is_archive_path(path), "{path}");
        }
        let long = "a".repeat(MAX_PATH + 1);
        for path in [
            "", "/a", "a/", "a//b", "../a", "a/../b", "a/.", "a b", "a\0", "a\\b", "ä", "a\n",
            &long,
        ] {
            assert!(!is_archive_path(path), "{path}");
        }
    }
}
