//! What a smoke boot needs of a kernel's configuration, and which modules that comes in.

use model::kconfig::{DotConfig, Value};

use crate::package::{KernelPackage, PackageError, PackageFile, Problem};

/// Something in a kernel.
#[derive(Debug, Clone, Copy)]
struct Driver {
    /// Its Kconfig symbol, without `CONFIG_`.
    symbol: &'static str,
    /// The modules that it comes in where it is not built in, in the order of loading; none where it
    /// cannot be a module.
    modules: &'static [&'static str],
    /// What the smoke boot needs it for; none where it can do without.
    purpose: Option<&'static str>,
}

const fn needed(
    symbol: &'static str,
    modules: &'static [&'static str],
    purpose: &'static str,
) -> Driver {
    let purpose = Some(purpose);
    Driver {
        symbol,
        modules,
        purpose,
    }
}

const fn helpful(symbol: &'static str, modules: &'static [&'static str]) -> Driver {
    let purpose = None;
    Driver {
        symbol,
        modules,
        purpose,
    }
}

/// What it takes to get as far as a report.
const MACHINE: [Driver; 8] = [
    needed("BLK_DEV_INITRD", &[], "to start the guest's program"),
    needed("DEVTMPFS", &[], "for the guest's devices"),
    needed("SERIAL_8250_CONSOLE", &[], "for the console"),
    helpful("VIRTIO", &["virtio", "virtio_ring"]),
    // Older kernels have both inside of virtio_pci.
    helpful("VIRTIO_PCI_LIB_LEGACY", &["virtio_pci_legacy_dev"]),
    helpful("VIRTIO_PCI_LIB", &["virtio_pci_modern_dev"]),
    needed("VIRTIO_PCI", &["virtio_pci"], "for the report's device"),
    needed("VIRTIO_CONSOLE", &["virtio_console"], "for the report"),
];

/// What it takes to try MPTCP.
const TESTS: [Driver; 4] = [
    needed("NET_NS", &[], "for a client and a server of their own"),
    needed("VETH", &["veth"], "for links between client and server"),
    needed(
        "NET_SCH_NETEM",
        &["sch_netem"],
        "for links of a certain delay, rate and loss",
    ),
    helpful("IPV6", &["ipv6"]),
];

/// The modules that a smoke boot needs, in the order of loading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drivers {
    /// Before the guest can report.
    pub(crate) machine: Vec<&'static str>,
    /// Before it can try MPTCP.
    pub(crate) tests: Vec<&'static str>,
}

/// Picks the modules that a kernel needs: those that its configuration has as modules. What it has
/// built in needs none. Where a package has no configuration, nothing is checked, and the modules are
/// those that the package has.
///
/// # Errors
///
/// [`Problem::Lacks`] names each symbol that is off, and what it is needed for.
pub(crate) fn drivers(
    kernel: &KernelPackage,
    package: &PackageFile,
) -> Result<Drivers, PackageError> {
    let Some(config) = &kernel.config else {
        let available = |drivers: &[Driver]| {
            let modules = drivers.iter().flat_map(|driver| driver.modules);
            modules
                .copied()
                .filter(|module| kernel.has_module(module))
                .collect()
        };
        return Ok(Drivers {
            machine: available(&MACHINE),
            tests: available(&TESTS),
        });
    };
    let lacking: Vec<_> = MACHINE
        .iter()
        .chain(&TESTS)
        .filter_map(|driver| lacking(driver, config))
        .collect();
    if !lacking.is_empty() {
        return Err(PackageError {
            package: package.name().to_owned(),
            problem: Box::new(Problem::Lacks(lacking)),
        });
    }
    Ok(Drivers {
        machine: modular(&MACHINE, config),
        tests: modular(&TESTS, config),
    })
}

fn value<'a>(config: &'a DotConfig, symbol: &str) -> &'a Value {
    symbol
        .parse()
        .map_or(&Value::No, |symbol| config.get(&symbol))
}

fn lacking(driver: &Driver, config: &DotConfig) -> Option<String> {
    let purpose = driver.purpose?;
    let there = match value(config, driver.symbol) {
        Value::Yes => true,
        Value::Module => !driver.modules.is_empty(),
        Value::No | Value::Text(_) => false,
    };
    (!there).then(|| format!("CONFIG_{} (needed {purpose})", driver.symbol))
}

fn modular(drivers: &[Driver], config: &DotConfig) -> Vec<&'static str> {
    drivers
        .iter()
        .filter(|driver| *value(config, driver.symbol) == Value::Module)
        .flat_map(|driver| driver.modules)
        .copied()
        .collect()
}

#[cfg(test)]
mod tests;
