//! What a smoke boot needs of a kernel's configuration, and which modules that comes in.

use crate::kconfig::{DotConfig, Value};

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

/// The modules that a smoke boot needs of a kernel with this configuration, in the order of loading. What it has
/// built in needs none.
pub fn modular(config: &DotConfig) -> Vec<&'static str> {
    let modular = |driver: &&Driver| *config.named(driver.symbol) == Value::Module;
    let drivers = MACHINE.iter().chain(&TESTS).filter(modular);
    drivers.flat_map(|driver| driver.modules).copied().collect()
}

/// The modules that a smoke boot may need and that are there, where no configuration is known.
pub fn available(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let modules = MACHINE
        .iter()
        .chain(&TESTS)
        .flat_map(|driver| driver.modules);
    modules.copied().filter(|module| is_there(module)).collect()
}

/// Each symbol that a smoke boot needs and `config` lacks, with its purpose.
pub fn lacking(config: &DotConfig) -> Vec<String> {
    let lacking = |driver: &Driver| {
        let purpose = driver.purpose?;
        let is_there = match config.named(driver.symbol) {
            Value::Yes => true,
            Value::Module => !driver.modules.is_empty(),
            Value::No | Value::Text(_) => false,
        };
        (!is_there).then(|| format!("CONFIG_{} (needed {purpose})", driver.symbol))
    };
    MACHINE.iter().chain(&TESTS).filter_map(lacking).collect()
}

#[cfg(test)]
mod tests;
