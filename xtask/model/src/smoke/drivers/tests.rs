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

fn of(text: &str) -> (Vec<&'static str>, Vec<String>) {
    let config = DotConfig::parse(text).unwrap();
    (modular(&config), lacking(&config))
}

#[test]
fn what_is_built_in_needs_nothing() {
    let (drivers, lacking) = of(&config(&[]));
    assert!(drivers.is_empty(), "{drivers:?}");
    assert!(lacking.is_empty(), "{lacking:?}");
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
    let (drivers, lacking) = of(&text);
    assert!(lacking.is_empty(), "{lacking:?}");
    assert_eq!(
        drivers,
        [
            "virtio",
            "virtio_ring",
            "virtio_pci_legacy_dev",
            "virtio_pci_modern_dev",
            "virtio_pci",
            "virtio_console",
            "veth",
            "sch_netem",
            "ipv6"
        ]
    );
    let (drivers, _) = of(&config(&["VIRTIO_PCI", "VETH"]));
    assert_eq!(drivers, ["virtio_pci", "veth"]);
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
        assert_eq!(of(&without(symbol)).1.is_empty(), optional, "{symbol}");
    }
    assert_eq!(
        of(&without("VETH")).1,
        ["CONFIG_VETH (needed for links between client and server)"]
    );
    assert_eq!(of("").1.len(), 8);
    assert_eq!(
        of(&config(&["DEVTMPFS"])).1,
        ["CONFIG_DEVTMPFS (needed for the guest's devices)"],
        "it cannot be a module"
    );
}
