//! Which compiler makes which kernel, and which kernel runs which distribution.

use crate::lock::ContainerLock;
use crate::recipe::Target;

/// Kernels before a version compile only with a compiler up to one.
const NEWEST_GCC: [((u16, u16), u16); 2] = [
    // The maintainers of out-of-tree MPTCP built 4.14 with gcc 10 last.
    ((4, 15), 10),
    // They built 4.19.271 and 5.4.230 with gcc 12 (`CONFIG_GCC_VERSION` of their configurations). gcc 14 makes
    // errors of what was a warning (https://gcc.gnu.org/gcc-14/porting_to.html), and stable kernels before 6.1
    // were not cleaned of it.
    ((6, 1), 12),
];

/// The major version of the gcc in a container; `None` where it has none.
pub fn gcc(container: &ContainerLock) -> Option<u16> {
    let mut packages = container.packages.iter();
    let gcc = packages.find(|package| package.name.as_str() == "gcc")?;
    let version = gcc
        .version
        .split_once(':')
        .map_or(&gcc.version[..], |(_, rest)| rest);
    version.split('.').next()?.parse().ok()
}

/// The newest gcc that is known to compile a kernel, where that is not simply the newest there is.
pub fn newest_gcc(kernel: (u16, u16)) -> Option<u16> {
    let bound = NEWEST_GCC.iter().find(|(before, _)| kernel < *before);
    bound.map(|(_, newest)| *newest)
}

/// What a distribution's systemd asks of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Baseline {
    /// The version of systemd.
    pub systemd: u16,
    /// Older kernels lack what it cannot do without.
    pub minimum: (u16, u16),
    /// On older ones it works with gaps.
    pub recommended: (u16, u16),
}

/// What the systemd of a distribution's release asks, by the `README` of that version; `None` for a release that is
/// not known here.
pub fn baseline(target: &Target) -> Option<Baseline> {
    let (systemd, minimum, recommended) = match (target.distribution.as_str(), &target.release[..])
    {
        ("debian", "11") => (247, (3, 15), (4, 15)),
        ("ubuntu", "22.04") => (249, (3, 15), (4, 15)),
        ("debian", "12") | ("rocky", "9") => (252, (3, 15), (4, 15)),
        ("ubuntu", "24.04") => (255, (3, 15), (4, 15)),
        ("debian", "13") | ("opensuse", "16.0") => (257, (3, 15), (5, 4)),
        ("fedora", "43") => (258, (5, 4), (5, 7)),
        ("fedora", "44") => (259, (5, 4), (5, 7)),
        _ => return None,
    };
    Some(Baseline {
        systemd,
        minimum,
        recommended,
    })
}

/// What is to be said of a kernel of this version and patch level on a distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fitness {
    /// Nothing.
    Fits,
    /// It runs with gaps: for people.
    Gaps(String),
    /// It does not run: for people.
    TooOld(String),
}

/// Whether a kernel of this version and patch level runs a distribution.
pub fn fitness(target: &Target, kernel: (u16, u16)) -> Fitness {
    let name = format!("{} {}", target.distribution, target.release);
    let Some(baseline) = baseline(target) else {
        return Fitness::Gaps(format!("nothing is known here of the systemd of {name}"));
    };
    let dotted = |(version, patch): (u16, u16)| format!("{version}.{patch}");
    let of = |floor, what| {
        format!(
            "systemd {} of {name} {what} Linux {}, and this is {}",
            baseline.systemd,
            dotted(floor),
            dotted(kernel)
        )
    };
    if kernel < baseline.minimum {
        Fitness::TooOld(of(baseline.minimum, "needs"))
    } else if kernel < baseline.recommended {
        Fitness::Gaps(of(baseline.recommended, "recommends"))
    } else {
        Fitness::Fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kernels_want_old_compilers() {
        assert_eq!(newest_gcc((4, 14)), Some(10));
        assert_eq!(newest_gcc((4, 19)), Some(12));
        assert_eq!(newest_gcc((5, 4)), Some(12));
        assert_eq!(newest_gcc((6, 1)), None);
        assert_eq!(newest_gcc((6, 12)), None);
    }

    fn target(distribution: &str, release: &str) -> Target {
        Target {
            distribution: distribution.parse().unwrap(),
            release: release.to_owned(),
            format: crate::recipe::PackageFormat::Deb,
        }
    }

    #[test]
    fn a_kernel_can_be_too_old_for_a_distribution() {
        let debian_12 = target("debian", "12");
        assert_eq!(fitness(&debian_12, (4, 19)), Fitness::Fits);
        let gaps = "systemd 252 of debian 12 recommends Linux 4.15, and this is 4.14";
        assert_eq!(fitness(&debian_12, (4, 14)), Fitness::Gaps(gaps.to_owned()));
        assert!(matches!(fitness(&debian_12, (3, 10)), Fitness::TooOld(_)));
        assert!(matches!(
            fitness(&target("debian", "13"), (4, 19)),
            Fitness::Gaps(_)
        ));
        assert!(matches!(
            fitness(&target("plan9", "4"), (6, 12)),
            Fitness::Gaps(_)
        ));
    }

    #[test]
    fn every_distribution_of_a_recipe_is_known() {
        assert_eq!(baseline(&target("debian", "12")).unwrap().systemd, 252);
        assert_eq!(
            baseline(&target("ubuntu", "24.04")).unwrap().recommended,
            (4, 15)
        );
        assert_eq!(baseline(&target("rocky", "9")).unwrap().systemd, 252);
        assert_eq!(baseline(&target("opensuse", "16.0")).unwrap().systemd, 257);
        let fedora = target("fedora", "44");
        assert!(matches!(fitness(&fedora, (4, 19)), Fitness::TooOld(_)));
        assert_eq!(baseline(&target("debian", "1.1")), None);
    }
}
