//! The first reading of a package: everything but the modules themselves.

use std::collections::BTreeSet;
use std::convert::Infallible;

use formats::compression::Compression;
use formats::entry::Entry;
use formats::{kernel_image, kernel_module};
use model::kconfig::DotConfig;

use super::{KernelPackage, MAX_IMAGE, MAX_TEXT, Problem, read_file};

/// How many names of modules are kept; a distribution's kernel has about 5000.
const MAX_NAMES: usize = 1 << 16;
/// The longest release that a kernel can have, in bytes: `__NEW_UTS_LEN` of Linux.
const MAX_RELEASE: usize = 64;

/// Where a file of a kernel may stand.
struct Place {
    /// With the release behind it.
    boot: &'static str,
    /// Below the folder of the release's modules, as distributions of RPM packages have it.
    modules: &'static str,
}

const KERNEL: Place = Place {
    boot: "boot/vmlinuz-",
    modules: "vmlinuz",
};
const CONFIG: Place = Place {
    boot: "boot/config-",
    modules: "config",
};

impl Place {
    /// The release that a path of this place is named after.
    fn release<'a>(&self, path: &'a str) -> Option<&'a str> {
        let below = || below_modules(path).filter(|(_, file)| *file == self.modules);
        path.strip_prefix(self.boot)
            .or_else(|| below().map(|(release, _)| release))
    }
}

/// What was found so far, each with its path.
#[derive(Default)]
pub(super) struct Contents {
    kernel: Option<(String, Vec<u8>)>,
    config: Option<(String, String)>,
    builtin: Option<(String, String)>,
    /// Release and name.
    modules: BTreeSet<(String, String)>,
}

impl Contents {
    pub(super) fn visit(&mut self, entry: &mut Entry<'_>) -> Result<(), Problem> {
        let path = entry.path;
        if KERNEL.release(path).is_some() {
            let unchanged = Ok::<_, Infallible>;
            return read_once(&mut self.kernel, "kernel", entry, MAX_IMAGE, unchanged);
        }
        if CONFIG.release(path).is_some() {
            let what = "configuration";
            return read_once(&mut self.config, what, entry, MAX_TEXT, String::from_utf8);
        }
        match below_modules(path) {
            Some((_, "modules.builtin")) => {
                let what = "list of built-in modules";
                read_once(&mut self.builtin, what, entry, MAX_TEXT, String::from_utf8)
            }
            Some((release, file)) if release.len() <= MAX_RELEASE => {
                let release = release.to_owned();
                let name = module_file(file).map(|(name, _)| (release, name));
                self.modules.extend(name);
                if self.modules.len() > MAX_NAMES {
                    return Err(Problem::TooManyNames(MAX_NAMES));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn finish(self) -> Result<KernelPackage, Problem> {
        let (path, image) = self.kernel.ok_or(Problem::NoKernel)?;
        let release = match kernel_image::parse(&image) {
            Ok(header) => header.release,
            Err(error) => return Err(Problem::Image { path, error }),
        };
        if KERNEL.release(&path) != Some(&release) {
            return Err(Problem::Release { path, release });
        }
        let config = self.config.map(|config| parse_config(config, &release));
        let builtin = self.builtin.map(|list| parse_builtin(list, &release));
        let modules = self.modules.into_iter();
        let available = modules
            .filter(|(found, _)| *found == release)
            .map(|(_, name)| name)
            .collect();
        Ok(KernelPackage {
            config: config.transpose()?,
            builtin: builtin.transpose()?.unwrap_or_default(),
            available,
            release,
            image,
        })
    }
}

fn read_once<T, E>(
    slot: &mut Option<(String, T)>,
    what: &'static str,
    entry: &mut Entry<'_>,
    limit: u64,
    convert: impl FnOnce(Vec<u8>) -> Result<T, E>,
) -> Result<(), Problem> {
    let path = entry.path.to_owned();
    if let Some((first, _)) = slot {
        let (first, second) = (first.clone(), path);
        return Err(Problem::Twice {
            what,
            first,
            second,
        });
    }
    let bytes = read_file(entry, limit)?;
    match convert(bytes) {
        Ok(value) => *slot = Some((path, value)),
        Err(_) => return Err(Problem::NotUtf8 { path }),
    }
    Ok(())
}

fn parse_config((path, text): (String, String), release: &str) -> Result<DotConfig, Problem> {
    if CONFIG.release(&path) != Some(release) {
        let release = release.to_owned();
        return Err(Problem::Release { path, release });
    }
    DotConfig::parse(&text).map_err(|error| Problem::Config { path, error })
}

fn parse_builtin(
    (path, text): (String, String),
    release: &str,
) -> Result<BTreeSet<String>, Problem> {
    if below_modules(&path).is_none_or(|(found, _)| found != release) {
        let release = release.to_owned();
        return Err(Problem::Release { path, release });
    }
    let names = text.lines().filter_map(module_file);
    Ok(names.map(|(name, _)| name).collect())
}

/// Splits the path of what belongs to the modules of a kernel: its release, and the path below there.
pub(super) fn below_modules(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("usr/")
        .unwrap_or(path)
        .strip_prefix("lib/modules/")?
        .split_once('/')
}

/// The name of a module, and how its file is compressed.
pub(super) fn module_file(path: &str) -> Option<(String, Compression)> {
    let file = path.rsplit('/').next()?;
    let (name, extension) = file.rsplit_once(".ko")?;
    let extension = match extension {
        "" => "",
        extension => extension.strip_prefix('.').filter(|it| !it.is_empty())?,
    };
    let compression = Compression::from_extension(extension)?;
    Some((kernel_module::module_name(name).ok()?, compression))
}
