//! The two lines by which a machine gets its kernels from a release.

use model::recipe::PackageFormat;
use model::release::{Kernel, Release};

use crate::text::{REPLACEMENT, link, visible};

const CURL: &str = "sudo curl --fail --silent --show-error --location";

/// The line that adds a kernel's repository to a machine, and the line that installs the kernel.
///
/// Each is a shell's; nothing that comes from the release does anything there but stand for itself.
pub fn lines(release: &Release, kernel: &Kernel) -> [String; 2] {
    let install = package(&kernel.install);
    match kernel.format() {
        PackageFormat::Deb => [
            format!(
                "{CURL} --create-dirs --output /usr/share/keyrings/mptcp-kernels.asc {} \
                 --output /etc/apt/sources.list.d/mptcp-kernels.sources {}",
                address(&release.url, "mptcp-kernels.asc"),
                address(
                    &release.url,
                    &format!("apt/{}.sources", kernel.repository())
                ),
            ),
            format!("sudo apt-get update && sudo apt-get install mptcp-kernels-keyring {install}"),
        ],
        PackageFormat::Rpm => {
            let (folder, program) = rpm(kernel);
            let source = address(&release.url, &format!("rpm/{}.repo", kernel.repository()));
            [
                format!("{CURL} --output {folder}/mptcp-kernels.repo {source}"),
                format!("sudo {program} install {install}"),
            ]
        }
    }
}

/// Where a distribution of .rpm packages looks for repositories, and what installs out of them.
fn rpm(kernel: &Kernel) -> (&'static str, &'static str) {
    match kernel.target.distribution.as_str() {
        "opensuse" => ("/etc/zypp/repos.d", "zypper"),
        _ => ("/etc/yum.repos.d", "dnf"),
    }
}

/// What a shell makes of it is the word itself.
pub(super) fn quoted(word: &str) -> String {
    let word = visible(word);
    let stands = |c: char| c.is_ascii_alphanumeric() || "._:/+~=-".contains(c);
    // Shells put a home directory for `~` in these places, and one of them the path of a program for `=`.
    let expands = word.starts_with(['~', '=']) || word.contains("=~") || word.contains(":~");
    if !word.is_empty() && word.chars().all(stands) && !expands {
        return word;
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A word that no program takes for an option.
pub(super) fn argument(word: &str) -> String {
    match word.strip_prefix('-') {
        Some(rest) => quoted(&format!("{REPLACEMENT}{rest}")),
        None => quoted(word),
    }
}

/// The address of a file of the release.
fn address(url: &str, path: &str) -> String {
    argument(&format!("{url}/{}", link(path)))
}

/// The name of a package. What package managers take for something else (an option, a file, an address, a pattern,
/// a package to remove) is spoilt, so that they find nothing.
fn package(name: &str) -> String {
    let stands = |c: char| c.is_ascii_alphanumeric() || "._+~-".contains(c);
    let mut word: String = name
        .chars()
        .map(|c| if stands(c) { c } else { REPLACEMENT })
        .collect();
    if !word.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        word.insert(0, REPLACEMENT);
    }
    if word.ends_with(['-', '+']) {
        word.push(REPLACEMENT);
    }
    quoted(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_stand_without_quotes() {
        for plain in [
            "linux-image-6.12.117-mptcp",
            "https://example.org:8080/a/b.sources",
            "1.2+b~c=d",
        ] {
            assert_eq!(quoted(plain), plain);
        }
        for (word, expected) in [
            ("", "''"),
            ("a b", "'a b'"),
            ("$(x)`y`;&|<>*?[]{}!#\"\\", "'$(x)`y`;&|<>*?[]{}!#\"\\'"),
            ("it's", r"'it'\''s'"),
            ("'; rm -rf /; '", r"''\''; rm -rf /; '\'''"),
            ("~root", "'~root'"),
            ("a=~root", "'a=~root'"),
            ("=ls", "'=ls'"),
            ("a\n\u{1b}\u{202e}b", "'a\u{fffd}\u{fffd}\u{fffd}b'"),
            ("é", "'é'"),
        ] {
            assert_eq!(quoted(word), expected, "{word}");
        }
    }

    #[test]
    fn arguments_are_no_options() {
        assert_eq!(argument("--output"), "'\u{fffd}-output'");
        assert_eq!(argument("a-b"), "a-b");
        assert_eq!(address("-K", "x y"), "'\u{fffd}K/x%20y'");
    }

    #[test]
    fn packages_are_nothing_else() {
        assert_eq!(package("kernel-mptcp-vm"), "kernel-mptcp-vm");
        for (name, expected) in [
            ("-oDir=x", "'\u{fffd}-oDir\u{fffd}x'"),
            ("libc6-", "'libc6-\u{fffd}'"),
            ("./x.deb", "'\u{fffd}.\u{fffd}x.deb'"),
            ("https://a/b", "'https\u{fffd}\u{fffd}\u{fffd}a\u{fffd}b'"),
            ("a*", "'a\u{fffd}'"),
            ("", "'\u{fffd}'"),
        ] {
            assert_eq!(package(name), expected, "{name}");
        }
    }
}
