use formats::testing::kernel::{TestPackage, module};
use host::cancel::Cancel;

use super::*;

const BUILT_IN: [&str; 10] = [
    "BLK_DEV_INITRD",
    "DEVTMPFS",
    "SERIAL_8250_CONSOLE",
    "VIRTIO",
    "VIRTIO_PCI",
    "VIRTIO_CONSOLE",
    "NET_NS",
    "VETH",
    "NET_SCH_NETEM",
    "IPV6",
];

fn config(modular: &[&str]) -> String {
    let value = |symbol| if modular.contains(symbol) { "m" } else { "y" };
    BUILT_IN
        .iter()
        .map(|symbol| format!("CONFIG_{symbol}={}\n", value(symbol)))
        .collect()
}

fn found(package: &TestPackage) -> Result<Drivers, PackageError> {
    let bytes = package.build();
    let file = PackageFile::new("test.deb", Cancel::new(), move || {
        Ok(std::io::Cursor::new(bytes.clone()))
    });
    drivers(&KernelPackage::read(&file).unwrap(), &file)
}

fn of_config(config: &str) -> Result<Drivers, PackageError> {
    found(&TestPackage::with_kernel("6.1", config))
}

#[test]
fn what_is_built_in_needs_nothing() {
    let drivers = of_config(&config(&[])).unwrap();
    assert_eq!((drivers.machine, drivers.tests), (vec![], vec![]));
}

#[test]
fn modules_come_in_the_order_of_loading() {
    let text = config(&[
        "VIRTIO",
        "VIRTIO_PCI",
        "VIRTIO_CONSOLE",
        "VETH",
        "NET_SCH_NETEM",
        "IPV6",
    ]) + "CONFIG_VIRTIO_PCI_LIB=m\nCONFIG_VIRTIO_PCI_LIB_LEGACY=m\n";
    let drivers = of_config(&text).unwrap();
    assert_eq!(
        drivers.machine,
        [
            "virtio",
            "virtio_ring",
            "virtio_pci_legacy_dev",
            "virtio_pci_modern_dev",
            "virtio_pci",
            "virtio_console"
        ]
    );
    assert_eq!(drivers.tests, ["veth", "sch_netem", "ipv6"]);
    let drivers = of_config(&config(&["VIRTIO_PCI", "VETH"])).unwrap();
    assert_eq!(drivers.machine, ["virtio_pci"]);
    assert_eq!(drivers.tests, ["veth"]);
}

#[test]
fn what_is_lacking_is_told_with_its_purpose() {
    let without = |symbol: &str| {
        config(&[]).replace(
            &format!("CONFIG_{symbol}=y"),
            &format!("# CONFIG_{symbol} is not set"),
        )
    };
    for symbol in BUILT_IN {
        let optional = matches!(symbol, "VIRTIO" | "IPV6");
        assert_eq!(of_config(&without(symbol)).is_ok(), optional, "{symbol}");
    }
    let error = of_config(&without("VETH")).unwrap_err().to_string();
    assert_eq!(
        error,
        "reading the kernel of package test.deb: its kernel is configured without CONFIG_VETH (needed for links between client and server)"
    );
    let error = of_config("").unwrap_err().to_string();
    assert!(
        error.contains("CONFIG_VIRTIO_CONSOLE (needed for the report), CONFIG_NET_NS (needed"),
        "{error}"
    );
    assert!(
        of_config(&config(&["DEVTMPFS"])).is_err(),
        "it cannot be a module"
    );
}

#[test]
fn without_a_configuration_the_modules_there_are_taken() {
    let package = TestPackage::new().file(
        "./boot/vmlinuz-6.1",
        &formats::testing::kernel::image("6.1"),
    );
    let drivers = found(
        &package
            .clone()
            .file("./lib/modules/6.1/kernel/veth.ko", &module("veth", ""))
            .file(
                "./lib/modules/6.1/kernel/virtio-pci.ko",
                &module("virtio_pci", ""),
            ),
    )
    .unwrap();
    assert_eq!(
        (drivers.machine, drivers.tests),
        (vec!["virtio_pci"], vec!["veth"])
    );
    assert!(found(&package).unwrap().machine.is_empty());
}
