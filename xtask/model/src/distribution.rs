//! What the package tools of distributions read, and what their words are.

use crate::recipe::Target;

/// The compression of `.deb` packages that a distribution's dpkg reads: zstd since 1.21.18, which Debian has
/// since 12, and Ubuntu's own dpkg since 18.04.
pub fn deb_compression(target: &Target) -> &'static str {
    let debian = target.distribution.as_str() == "debian";
    let release = target.release.split('.').next().unwrap_or_default();
    match release.parse::<u16>() {
        Ok(release) if debian && release < 12 => "xz",
        _ => "zstd",
    }
}

/// What the `.rpm` of a kernel asks of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RpmWords {
    /// What puts a kernel into the boot menu and makes its initramfs.
    pub installer: &'static str,
    /// The package of the devices' firmware, which a kernel recommends.
    pub firmware: &'static str,
    /// What comes before and behind the release in the name of the initramfs that is made in `/boot`.
    pub initramfs: (&'static str, &'static str),
}

/// The words of a distribution; those of Fedora, which are Red Hat's too, where nothing else is known. Sources: Fedora's
/// `kernel.spec`; openSUSE's suse-module-tools, whose scriptlets `kernel-default` calls. openSUSE's own kernel-install puts
/// nothing into GRUB's menu.
pub fn rpm_words(target: &Target) -> RpmWords {
    match target.distribution.as_str() {
        "opensuse" => RpmWords {
            installer: "suse-kernel-rpm-scriptlets",
            firmware: "kernel-firmware-all",
            initramfs: ("initrd-", ""),
        },
        _ => RpmWords {
            installer: "/usr/bin/kernel-install",
            firmware: "linux-firmware",
            initramfs: ("initramfs-", ".img"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::PackageFormat;

    fn target(distribution: &str, release: &str) -> Target {
        Target {
            distribution: distribution.parse().unwrap(),
            release: release.to_owned(),
            format: PackageFormat::Deb,
        }
    }

    #[test]
    fn old_dpkg_reads_xz_only() {
        assert_eq!(deb_compression(&target("debian", "11")), "xz");
        assert_eq!(deb_compression(&target("debian", "12")), "zstd");
        assert_eq!(deb_compression(&target("ubuntu", "24.04")), "zstd");
    }

    #[test]
    fn opensuse_has_words_of_its_own() {
        assert_eq!(
            rpm_words(&target("fedora", "43")),
            rpm_words(&target("rocky", "9"))
        );
        assert_ne!(
            rpm_words(&target("opensuse", "16.0")),
            rpm_words(&target("rocky", "9"))
        );
    }
}
