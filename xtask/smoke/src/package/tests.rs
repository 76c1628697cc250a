use std::cell::Cell;
use std::io::Cursor;
use std::rc::Rc;

use formats::compression::Compression;
use formats::testing::kernel::{TestPackage, compress, image, module, module_with};
use host::category::Category;

use super::*;

const RELEASE: &str = "6.12.1-test";
const CONFIG: &str = "CONFIG_MPTCP=y\nCONFIG_VETH=m\n";

fn package() -> TestPackage {
    TestPackage::with_kernel(RELEASE, CONFIG)
}

fn module_at(path: &str) -> String {
    format!("./lib/modules/{RELEASE}/kernel/{path}")
}

fn file_of(bytes: Vec<u8>) -> PackageFile {
    PackageFile::new("test.deb", Cancel::new(), move || {
        Ok(Cursor::new(bytes.clone()))
    })
}

fn read(package: &TestPackage) -> Result<KernelPackage, PackageError> {
    KernelPackage::read(&file_of(package.build()))
}

fn modules(package: &TestPackage, wanted: &[&str]) -> Result<Modules, PackageError> {
    let file = file_of(package.build());
    KernelPackage::read(&file)?.modules(&file, wanted)
}

/// The message behind the name of the package, of an error of bad input.
fn message<T: std::fmt::Debug>(result: Result<T, PackageError>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.category(), Category::Input);
    let text = error.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    let start = "reading the kernel of package test.deb: ";
    text.strip_prefix(start).unwrap().to_owned()
}

#[test]
fn a_kernel_is_read() {
    for compression in [
        Compression::None,
        Compression::Gzip,
        Compression::Xz,
        Compression::Zstd,
    ] {
        let file = file_of(package().build_with(compression));
        let kernel = KernelPackage::read(&file).unwrap();
        assert_eq!(kernel.release, RELEASE);
        assert_eq!(kernel.image, image(RELEASE));
        assert_eq!(kernel.config, Some(DotConfig::parse(CONFIG).unwrap()));
    }
    let bare = TestPackage::new().file(&format!("boot/vmlinuz-{RELEASE}"), &image(RELEASE));
    assert_eq!(read(&bare).unwrap().config, None);
}

#[test]
fn a_kernel_is_read_from_an_rpm() {
    let package = TestPackage::with_kernel_in_modules(RELEASE, CONFIG);
    let package = package.file(&module_at("a.ko"), &module("a", ""));
    for compression in [
        Compression::None,
        Compression::Gzip,
        Compression::Xz,
        Compression::Zstd,
    ] {
        let file = file_of(package.build_rpm_with(compression));
        let kernel = KernelPackage::read(&file).unwrap();
        assert_eq!(kernel.release, RELEASE);
        assert_eq!(kernel.image, image(RELEASE));
        assert_eq!(kernel.config, Some(DotConfig::parse(CONFIG).unwrap()));
        let modules = kernel.modules(&file, &["a"]).unwrap();
        assert_eq!(modules.files["a"], module("a", ""));
    }
}

#[test]
fn both_formats_may_have_it_in_either_place() {
    let in_modules = TestPackage::with_kernel_in_modules(RELEASE, CONFIG);
    let usr = TestPackage::new()
        .file(
            &format!("./usr/lib/modules/{RELEASE}/vmlinuz"),
            &image(RELEASE),
        )
        .file(&format!("./boot/config-{RELEASE}"), CONFIG.as_bytes());
    for package in [package(), in_modules, usr] {
        for bytes in [package.build(), package.build_rpm()] {
            let kernel = KernelPackage::read(&file_of(bytes)).unwrap();
            assert_eq!(
                (kernel.release.as_str(), kernel.config.is_some()),
                (RELEASE, true)
            );
        }
    }
}

#[test]
fn an_rpm_has_exactly_one_kernel_for_x86_64() {
    let read = |package: &TestPackage| KernelPackage::read(&file_of(package.build_rpm()));
    let good = TestPackage::with_kernel_in_modules(RELEASE, CONFIG);
    let twice = package().file(&format!("./lib/modules/{RELEASE}/vmlinuz"), &image(RELEASE));
    let error = message(read(&twice));
    assert!(error.ends_with("expected one kernel"), "{error}");
    let config = good.clone().file(&format!("./boot/config-{RELEASE}"), b"");
    let error = message(read(&config));
    assert!(error.ends_with("expected one configuration"), "{error}");
    assert_eq!(
        message(read(&good.clone().architecture("aarch64"))),
        "found architecture \"aarch64\", expected \"x86_64\""
    );
    let none = TestPackage::new().file("./lib/modules/6.1/kernel/vmlinuz", b"x");
    assert!(message(read(&none)).starts_with("it has no kernel"));
    let renamed = TestPackage::new().file("./lib/modules/6.2/vmlinuz", &image("6.1"));
    assert!(message(read(&renamed)).ends_with("says release \"6.1\""));
    let link = TestPackage::new().entry("./lib/modules/6.2/vmlinuz", b'2', b"x");
    assert!(message(read(&link)).contains("to be a symbolic link"));
}

#[test]
fn an_altered_rpm_is_refused() {
    let package = TestPackage::with_kernel_in_modules(RELEASE, CONFIG);
    let whole = package.build_rpm_with(Compression::None);
    let (header, payload) = formats::testing::rpm::parts(&whole);
    for at in [header + 20, payload + 200, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        message(KernelPackage::read(&file_of(bytes)));
    }
    for length in (0..whole.len()).step_by(64) {
        message(KernelPackage::read(&file_of(whole[..length].to_vec())));
    }
    let file = file_of(package.build_rpm());
    file.unpacked.set(100);
    let error = message(KernelPackage::read(&file));
    assert!(
        error.contains("all readings of the package have more than"),
        "{error}"
    );
    let cancel = Cancel::new();
    let file = PackageFile::new("test.rpm", cancel.clone(), move || {
        Ok(Cursor::new(whole.clone()))
    });
    cancel.cancel();
    let error = KernelPackage::read(&file).unwrap_err();
    assert_eq!(error.category(), Category::Interrupted, "{error}");
}

#[test]
fn it_is_exactly_one_kernel() {
    assert_eq!(
        message(read(&TestPackage::new())),
        "it has no kernel: neither boot/vmlinuz-* nor lib/modules/*/vmlinuz"
    );
    let two = package().file("./boot/vmlinuz-6.2", &image("6.2"));
    assert_eq!(
        message(read(&two)),
        "found both \"boot/vmlinuz-6.12.1-test\" and \"boot/vmlinuz-6.2\", expected one kernel"
    );
    let same = package().file(&format!("boot//vmlinuz-{RELEASE}"), &image(RELEASE));
    assert!(message(read(&same)).ends_with("expected one kernel"));
    let config = package().file("./boot/config-6.2", b"");
    assert!(message(read(&config)).ends_with("expected one configuration"));
}

#[test]
fn the_kernel_is_a_regular_file() {
    for (kind, name) in [
        (b'1', "hard link"),
        (b'2', "symbolic link"),
        (b'3', "special file"),
        (b'5', "folder"),
    ] {
        let package = TestPackage::new().entry(&format!("./boot/vmlinuz-{RELEASE}"), kind, b"");
        assert_eq!(
            message(read(&package)),
            format!("found \"boot/vmlinuz-{RELEASE}\" to be a {name}, expected a regular file")
        );
    }
    let config = TestPackage::new().entry(&format!("./boot/config-{RELEASE}"), b'2', b"");
    assert!(message(read(&config)).contains("symbolic link"));
}

#[test]
fn releases_agree() {
    let renamed = TestPackage::new().file("./boot/vmlinuz-6.2", &image("6.1"));
    assert_eq!(
        message(read(&renamed)),
        "found \"boot/vmlinuz-6.2\" with a kernel whose boot header says release \"6.1\""
    );
    let deeper = TestPackage::new().file("./boot/vmlinuz-6.1/x", &image("6.1"));
    assert!(message(read(&deeper)).contains("says release \"6.1\""));
    let kernel = TestPackage::new().file("./boot/vmlinuz-6.1", &image("6.1"));
    for path in ["./boot/config-6.2", "./lib/modules/6.2/modules.builtin"] {
        let package = kernel.clone().file(path, b"");
        assert!(
            message(read(&package)).contains("says release \"6.1\""),
            "{path}"
        );
    }
}

#[test]
fn other_packages_are_refused() {
    assert_eq!(
        message(read(&package().architecture("arm64"))),
        "found architecture \"arm64\", expected \"amd64\""
    );
    let refused = |bytes: &[u8]| message(KernelPackage::read(&file_of(bytes.to_vec())));
    assert_eq!(
        refused(b"\xed\xab\xee\xdb\x03\0\0\0"),
        "reading the lead failed: failed to fill whole buffer"
    );
    assert_eq!(
        refused(b"!<arch>"),
        "reading ar magic failed: failed to fill whole buffer"
    );
    let unknown = "expected a .deb or an .rpm";
    for (bytes, start) in [(b"#!/bin/sh\n".as_slice(), "#!/bin/s"), (b"", "")] {
        let expected = format!("found a file that begins with {start:?}, {unknown}");
        assert_eq!(refused(bytes), expected);
    }
}

#[test]
fn broken_kernels_are_refused() {
    let with = |bytes: &[u8]| TestPackage::new().file("./boot/vmlinuz-6.1", bytes);
    let error = message(read(&with(&[0; 0x1000])));
    assert!(
        error.starts_with("\"boot/vmlinuz-6.1\": found boot flag 0x0000"),
        "{error}"
    );
    let error = message(read(&with(b"")));
    assert!(error.contains("a kernel image of 0 bytes"), "{error}");
    let error = message(read(
        &package().file(&format!("./lib/modules/{RELEASE}/modules.builtin"), b"\xff"),
    ));
    assert!(error.ends_with("not to be UTF-8"), "{error}");
    let config = TestPackage::with_kernel("6.1", "CONFIG_A=y\nwhat?\n");
    let error = message(read(&config));
    assert!(
        error.starts_with("\"boot/config-6.1\": line 2 of the configuration"),
        "{error}"
    );
}

#[test]
fn hostile_names_are_refused() {
    for path in ["../boot/x", "/boot/x", "boot/../../x"] {
        assert!(
            matches!(
                *read(&package().file(path, b"")).unwrap_err().problem,
                Problem::Package(package::PackageError::Tar(_))
            ),
            "{path}"
        );
    }
    let newline = TestPackage::new().file("./boot/vmlinuz-a\nb\x1b[31m", &image("6.1"));
    assert!(message(read(&newline)).contains("\"boot/vmlinuz-a\\nb\\u{1b}[31m\""));
}

#[test]
fn large_files_are_refused_before_they_are_read() {
    let mut bytes = package().build_with(Compression::None);
    let name = format!("./boot/vmlinuz-{RELEASE}");
    let header = bytes
        .windows(name.len())
        .position(|window| window == name.as_bytes())
        .unwrap();
    let claim = |header: &mut [u8], size: u64| {
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    };
    claim(&mut bytes[header..header + 512], MAX_IMAGE + 1);
    let error = message(KernelPackage::read(&file_of(bytes.clone())));
    assert_eq!(
        error,
        format!(
            "found \"boot/vmlinuz-{RELEASE}\" to be too large, expected 50331648 bytes at most"
        )
    );
    claim(&mut bytes[header..header + 512], MAX_IMAGE);
    let error = message(KernelPackage::read(&file_of(bytes)));
    assert!(error.starts_with("reading \"boot/vmlinuz-"), "{error}");
}

#[test]
fn modules_are_found_however_they_are_stored() {
    let package = package()
        .file(&module_at("plain.ko"), &module("plain", ""))
        .file(
            &module_at("net/with-dash.ko.xz"),
            &compress(&module("with_dash", ""), Compression::Xz),
        )
        .file(
            &format!("./usr/lib/modules/{RELEASE}/updates/packed.ko.zst"),
            &compress(&module("packed", ""), Compression::Zstd),
        )
        .file(
            &module_at("zipped.ko.gz"),
            &compress(&module("zipped", ""), Compression::Gzip),
        )
        .file("./lib/modules/6.2/kernel/other.ko", &module("other", ""));
    let found = modules(
        &package,
        &["zipped", "with-dash", "packed", "plain", "plain"],
    )
    .unwrap();
    let names: Vec<_> = found.wanted.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["zipped", "with_dash", "packed", "plain", "plain"]);
    assert!(found.wanted.iter().all(|it| it.order == [it.name.as_str()]));
    assert_eq!(found.files.len(), 4);
    assert_eq!(found.files["with_dash"], module("with_dash", ""));
    assert!(message(modules(&package, &["other"])).contains("module `other` is neither"));
    let kernel = read(&package).unwrap();
    assert!(kernel.has_module("with-dash") && !kernel.has_module("other"));
}

#[test]
fn dependencies_come_first_and_once() {
    let package = package()
        .file(&module_at("a.ko"), &module("a", "c,b"))
        .file(&module_at("b.ko"), &module("b", "c-c"))
        .file(&module_at("c.ko"), &module("c", "c_c,base"))
        .file(&module_at("c_c.ko"), &module("c_c", ""))
        .file(
            &format!("./lib/modules/{RELEASE}/modules.builtin"),
            b"kernel/base.ko\nkernel/lib/built-in.ko\n",
        );
    let found = modules(&package, &["b", "a", "built_in"]).unwrap();
    let orders: Vec<_> = found.wanted.iter().map(|it| it.order.clone()).collect();
    assert_eq!(orders[0], ["c_c", "b"]);
    assert_eq!(orders[1], ["c_c", "c", "b", "a"]);
    assert_eq!(orders[2], [""; 0], "what is built in needs no file");
    assert_eq!(found.files.len(), 4);
    assert_eq!(modules(&package, &[]).unwrap(), Modules::default());
}

#[test]
fn a_package_is_read_as_often_as_needed() {
    // Each is stored before what depends on it, so that one reading finds one.
    let chain = |length: usize| {
        let name = |number: usize| format!("m{number}");
        (0..length).fold(package(), |package, number| {
            let depends = if number == 0 {
                String::new()
            } else {
                name(number - 1)
            };
            package.file(
                &module_at(&format!("{}.ko", name(number))),
                &module(&name(number), &depends),
            )
        })
    };
    let count = Rc::new(Cell::new(0));
    let bytes = chain(5).build();
    let counter = Rc::clone(&count);
    let file = PackageFile::new("test.deb", Cancel::new(), move || {
        counter.set(counter.get() + 1);
        Ok(Cursor::new(bytes.clone()))
    });
    let kernel = KernelPackage::read(&file).unwrap();
    assert_eq!(count.get(), 1);
    let found = kernel.modules(&file, &["m4"]).unwrap();
    assert_eq!(found.wanted[0].order, ["m0", "m1", "m2", "m3", "m4"]);
    assert_eq!(count.get(), 6);
    kernel
        .modules(&file, &["m0", "m1", "m2", "m3", "m4"])
        .unwrap();
    assert_eq!(count.get(), 7);
    assert!(modules(&chain(16), &["m15"]).is_ok());
    assert_eq!(
        message(modules(&chain(18), &["m17"])),
        "modules are still missing after it was read 16 times: m1"
    );
}

#[test]
fn missing_modules_are_told_with_who_needs_them() {
    let package = package().file(&module_at("a.ko"), &module("a", "gone"));
    assert_eq!(
        message(modules(&package, &["veth"])),
        "module `veth` is neither in it nor built into its kernel, and the smoke boot needs it"
    );
    assert_eq!(
        message(modules(&package, &["a"])),
        "module `gone` is neither in it nor built into its kernel, and `a` depends on it"
    );
    assert!(message(modules(&package, &["../a\n"])).starts_with("module `../a\\n` is neither"));
}

#[test]
fn circles_are_refused() {
    let package = package()
        .file(&module_at("a.ko"), &module("a", "b"))
        .file(&module_at("b.ko"), &module("b", "c"))
        .file(&module_at("c.ko"), &module("c", "b"))
        .file(&module_at("self.ko"), &module("self", "self"));
    let circle = "modules depend on each other in a circle: ";
    assert_eq!(
        message(modules(&package, &["a"])),
        format!("{circle}b -> c -> b")
    );
    assert_eq!(
        message(modules(&package, &["self"])),
        format!("{circle}self -> self")
    );
}

#[test]
fn broken_modules_are_refused() {
    let with = |bytes: &[u8]| modules(&package().file(&module_at("a.ko"), bytes), &["a"]);
    let at = format!("\"lib/modules/{RELEASE}/kernel/a.ko\": ");
    let foreign = module_with(183, &[(".modinfo", b"name=a\0depends=\0")]);
    for (bytes, expected) in [
        (
            b"text".to_vec(),
            "found a file that begins with \"text\", expected an ELF file",
        ),
        (module("b", ""), "found a module that calls itself `b`"),
        (
            foreign,
            "found a module for ELF machine 183, expected 62, which is x86-64",
        ),
    ] {
        assert_eq!(message(with(&bytes)), format!("{at}{expected}"));
    }
    let link = package().entry(&module_at("a.ko"), b'2', b"");
    assert!(message(modules(&link, &["a"])).contains("to be a symbolic link"));
    let damaged = package().file(&module_at("a.ko.xz"), b"text");
    assert!(message(modules(&damaged, &["a"])).starts_with("reading \"lib/modules"));
    let twice = package()
        .file(&module_at("a.ko"), &module("a", ""))
        .file(&module_at("new/a.ko"), &module("a", ""));
    assert!(message(modules(&twice, &["a"])).ends_with("expected one module of this name"));
}

#[test]
fn module_bombs_are_given_up() {
    let zeros = vec![0; usize::try_from(MAX_MODULE).unwrap() + 1];
    let xz = compress(&zeros, Compression::Xz);
    let package = package().file(&module_at("a.ko.xz"), &xz);
    assert_eq!(
        message(modules(&package, &["a"])),
        format!(
            "found \"lib/modules/{RELEASE}/kernel/a.ko.xz\" to be too large, expected 33554432 bytes at most"
        )
    );
}

#[test]
fn modules_are_bounded_together() {
    let padding = vec![0; 7 << 20];
    let large = |name: &str| {
        let modinfo = format!("name={name}\0depends=\0");
        let sections: [(&str, &[u8]); 2] = [(".modinfo", modinfo.as_bytes()), (".data", &padding)];
        compress(&module_with(62, &sections), Compression::Zstd)
    };
    let names = ["a", "b", "c", "d", "e"];
    let package = names.iter().fold(package(), |package, name| {
        package.file(&module_at(&format!("{name}.ko.zst")), &large(name))
    });
    assert_eq!(modules(&package, &names[..4]).unwrap().files.len(), 4);
    assert_eq!(
        message(modules(&package, &names)),
        "the modules that are needed have more than 33554432 bytes together"
    );
}

#[test]
fn a_package_may_not_change_meanwhile() {
    let first = Cell::new(true);
    let whole = package().file(&module_at("a.ko"), &module("a", "")).build();
    let empty = package().build();
    let file = PackageFile::new("test.deb", Cancel::new(), move || {
        let bytes = if first.replace(false) { &whole } else { &empty };
        Ok(Cursor::new(bytes.clone()))
    });
    let kernel = KernelPackage::read(&file).unwrap();
    assert_eq!(
        message(kernel.modules(&file, &["a"])),
        "it changed while it was being read: there is no more a"
    );
}

#[test]
fn truncation_anywhere_is_an_error() {
    let package = package().file(&module_at("a.ko"), &module("a", ""));
    for compression in [Compression::None, Compression::Gzip, Compression::Xz] {
        let bytes = package.build_with(compression);
        for length in (0..bytes.len() - 1).step_by(64) {
            let file = file_of(bytes[..length].to_vec());
            let error = KernelPackage::read(&file).unwrap_err();
            assert_eq!(error.category(), Category::Input, "{length}: {error}");
        }
    }
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(5))
    }
}

#[test]
fn failures_of_the_host_are_told_apart() {
    let absent = PackageFile::at("/no/such/package.deb".into(), Cancel::new());
    let error = KernelPackage::read(&absent).unwrap_err();
    assert_eq!(error.category(), Category::Host);
    assert_eq!(
        error.to_string(),
        "reading the kernel of package /no/such/package.deb: opening it failed: No such file or directory (os error 2)"
    );
    let folder = KernelPackage::read(&PackageFile::at("/".into(), Cancel::new())).unwrap_err();
    assert_eq!(folder.category(), Category::Host);

    let bytes = package().build();
    for length in [10, 100, 300, bytes.len() - 100] {
        let bytes = bytes[..length].to_vec();
        let file = PackageFile::new("test.deb", Cancel::new(), move || {
            Ok(Cursor::new(bytes.clone()).chain(Failing))
        });
        let error = KernelPackage::read(&file).unwrap_err();
        assert_eq!(error.category(), Category::Host, "{length}: {error}");
        assert!(error.to_string().contains("(os error 5)"), "{error}");
    }
}

#[test]
fn every_reading_can_be_stopped() {
    struct Stopping<R> {
        reader: R,
        left: usize,
        cancel: Cancel,
    }
    impl<R: Read> Read for Stopping<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert!(!self.cancel.is_cancelled(), "nothing is read any more");
            let read = self.reader.read(buffer)?;
            self.left = self.left.saturating_sub(read);
            if self.left == 0 {
                self.cancel.cancel();
            }
            Ok(read)
        }
    }
    let padding: Vec<u8> = (0..1_u32 << 18)
        .flat_map(|number| number.wrapping_mul(0x9e37_79b9).to_le_bytes())
        .collect();
    let package = package()
        .file(&module_at("a.ko"), &module("a", ""))
        .file(&module_at("z.bin"), &padding);
    for compression in [
        Compression::None,
        Compression::Gzip,
        Compression::Xz,
        Compression::Zstd,
    ] {
        let bytes = package.build_with(compression);
        for left in [1, 300, bytes.len() / 2] {
            let cancel = Cancel::new();
            let (raised, bytes) = (cancel.clone(), bytes.clone());
            let file = PackageFile::new("test.deb", cancel, move || {
                Ok(Stopping {
                    reader: Cursor::new(bytes.clone()),
                    left,
                    cancel: raised.clone(),
                })
            });
            let error = KernelPackage::read(&file).unwrap_err();
            assert_eq!(error.category(), Category::Interrupted, "{left}: {error}");
            assert!(error.to_string().ends_with(": interrupted"), "{error}");
        }
    }
    let cancel = Cancel::new();
    let bytes = package.build();
    let file = PackageFile::new("test.deb", cancel.clone(), move || {
        Ok(Cursor::new(bytes.clone()))
    });
    let kernel = KernelPackage::read(&file).unwrap();
    cancel.cancel();
    let error = kernel.modules(&file, &["a"]).unwrap_err();
    assert_eq!(error.category(), Category::Interrupted, "{error}");
}

#[test]
fn a_module_can_be_stopped_inside() {
    let cancel = Cancel::new();
    let bytes = package()
        .file(
            &module_at("a.ko.xz"),
            &compress(&module("a", ""), Compression::Xz),
        )
        .build();
    let file = PackageFile::new("test.deb", cancel.clone(), move || {
        Ok(Cursor::new(bytes.clone()))
    });
    let problem = file
        .walk(|entry| {
            cancel.cancel();
            let path = entry.path.to_owned();
            let mut decoder =
                formats::compression::Decoder::new(entry.content, Compression::Xz, MAX_MODULE);
            let read = decoder.as_mut().unwrap().read_to_end(&mut Vec::new());
            let error = read.unwrap_err();
            Err(Problem::File { path, error })
        })
        .unwrap_err();
    let error = file.failed(problem);
    assert_eq!(error.category(), Category::Interrupted, "{error}");
}

#[test]
fn all_readings_together_are_bounded() {
    // Zeros are little to read and much to unpack.
    let package = package().file(&module_at("a.ko"), &module("a", ""));
    let package = package.file(&module_at("z.bin"), &vec![0; 1 << 20]);
    let expected = "all readings of the package have more than 17179869184 bytes together";
    let file = file_of(package.build_with(Compression::Xz));
    file.unpacked.set(3 << 20);
    let kernel = KernelPackage::read(&file).unwrap();
    assert!((1 << 20..2 << 20).contains(&file.unpacked.get()));
    assert!(file.packed.get() < MAX_WORK && file.packed.get() > MAX_WORK - (1 << 20));
    kernel.modules(&file, &["a"]).unwrap();
    let error = message(kernel.modules(&file, &["a"]));
    assert!(error.ends_with(expected), "{error}");

    let bytes = package.build_with(Compression::None);
    for whole in 0..2 {
        let file = file_of(bytes.clone());
        file.packed.set(whole * bytes.len() as u64 + 100);
        let result = KernelPackage::read(&file).and_then(|kernel| kernel.modules(&file, &["a"]));
        let error = message(result);
        assert!(error.ends_with(expected), "{error}");
    }
    let file = file_of(bytes);
    file.packed.set(0);
    assert_eq!(
        message(KernelPackage::read(&file)),
        format!("reading its first bytes failed: {expected}")
    );
}
