use formats::testing::kernel::{TestPackage, image, module};

use super::*;

fn found(package: &TestPackage) -> Result<Vec<&'static str>, PackageError> {
    let bytes = package.build();
    let file = PackageFile::new("test.deb", Cancel::new(), move || {
        Ok(std::io::Cursor::new(bytes.clone()))
    });
    drivers(&KernelPackage::read(&file).unwrap(), &file)
}

#[test]
fn what_is_lacking_is_told_with_its_purpose() {
    let error = found(&TestPackage::with_kernel("6.1", "")).unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("reading the kernel of package test.deb: its kernel is configured without CONFIG_BLK_DEV_INITRD (needed"),
        "{error}"
    );
    assert!(
        error.contains("CONFIG_VIRTIO_CONSOLE (needed for the report), CONFIG_NET_NS (needed"),
        "{error}"
    );
}

#[test]
fn without_a_configuration_the_modules_there_are_taken() {
    let package = TestPackage::new().file("./boot/vmlinuz-6.1", &image("6.1"));
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
    assert_eq!(drivers, ["virtio_pci", "veth"]);
    assert!(found(&package).unwrap().is_empty());
}
