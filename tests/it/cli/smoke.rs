//! What cannot be booted is refused before anything is started: bad packages, results that were
//! changed, verdicts that are none.

use std::fs;

use formats::compression::Compression;
use formats::testing::kernel::{TestPackage, compress, image, module_for, module_with};
use formats::testing::rpm::{parts, replace};
use model::digest::Sha256;
use model::smoke::{Capabilities, Check, Machine, Smoke, Verdict};

use super::{assert_run, each};
use crate::support::Scratch;

const BOOTABLE: &str = "CONFIG_BLK_DEV_INITRD=y\nCONFIG_DEVTMPFS=y\nCONFIG_SERIAL_8250_CONSOLE=y\n\
    CONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_CONSOLE=y\nCONFIG_NET_NS=y\nCONFIG_VETH=y\nCONFIG_NET_SCH_NETEM=y\n";

fn kernel() -> TestPackage {
    TestPackage::with_kernel("6.0.0", BOOTABLE)
}

/// Every way for a package to be none, and what is said of it.
fn bad_packages() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let whole = kernel().build();
    let lacking = BOOTABLE.replace("CONFIG_VETH=y", "# CONFIG_VETH is not set");
    vec![
        (
            "no-kernel",
            TestPackage::new().file("./usr/share/doc/x", b"x").build(),
            "it has no kernel: neither boot/vmlinuz-* nor lib/modules/*/vmlinuz",
        ),
        (
            "truncated",
            whole[..whole.len() - 100].to_vec(),
            "archive ends inside of a member",
        ),
        (
            "cut-short",
            whole[..70].to_vec(),
            "archive ends inside of a member",
        ),
        (
            "arm64",
            kernel().architecture("arm64").build(),
            "found architecture \"arm64\", expected \"amd64\"",
        ),
        (
            "rpm",
            [&[0xed, 0xab, 0xee, 0xdb], [0; 100].as_slice()].concat(),
            "found a lead that begins with edabeedb00",
        ),
        (
            "rpm-altered",
            {
                let mut rpm = kernel().build_rpm();
                *rpm.last_mut().expect("a byte") ^= 1;
                rpm
            },
            "the payload",
        ),
        (
            "rpm-truncated",
            {
                let rpm = kernel().build_rpm();
                rpm[..rpm.len() - 100].to_vec()
            },
            "the payload",
        ),
        (
            "rpm-digest",
            {
                // The header names the package; its digest among the signatures is of other bytes.
                let mut rpm = kernel().build_rpm();
                let (header, payload) = parts(&rpm);
                replace(&mut rpm[header..payload], "A test", "A tost");
                rpm
            },
            "found a header with SHA-256",
        ),
        (
            "rpm-arm64",
            kernel().architecture("aarch64").build_rpm(),
            "found architecture \"aarch64\", expected \"x86_64\"",
        ),
        (
            "text",
            b"this is no package".to_vec(),
            "expected a .deb or an .rpm",
        ),
        ("empty", Vec::new(), "expected a .deb or an .rpm"),
        (
            "link",
            TestPackage::new()
                .entry("./boot/vmlinuz-6.0.0", b'2', b"")
                .build(),
            "expected a regular file",
        ),
        (
            "no-image",
            TestPackage::new()
                .file("./boot/vmlinuz-6.0.0", &[0; 4096])
                .build(),
            "boot/vmlinuz-6.0.0",
        ),
        (
            "other-release",
            TestPackage::new()
                .file("./boot/vmlinuz-6.0.1", &image("6.0.0"))
                .build(),
            "boot header says release \"6.0.0\"",
        ),
        (
            "lacking",
            TestPackage::with_kernel("6.0.0", &lacking).build(),
            "CONFIG_VETH (needed for links between client and server)",
        ),
        (
            "no-module",
            TestPackage::with_kernel("6.0.0", &BOOTABLE.replace("VETH=y", "VETH=m")).build(),
            "module `veth` is neither in it nor built into its kernel",
        ),
        (
            "escape",
            TestPackage::new()
                .file("./boot/vmlinuz-\u{1b}[2J", b"x")
                .build(),
            "boot/vmlinuz-",
        ),
    ]
}

#[test]
fn a_bad_package_is_refused_with_what_was_found() {
    let scratch = Scratch::small();
    each(
        &bad_packages(),
        |(name, ..)| (*name).to_owned(),
        |(name, bytes, reason)| {
            let path = scratch.path(&format!("{name}.deb"));
            fs::write(&path, bytes).expect("a package can be written");
            let run = scratch
                .xtask(&["smoke", path.to_str().expect("UTF-8")])
                .expect_code(1);
            let first = run.stderr.lines().next().unwrap_or_default();
            assert!(
                first.starts_with("error: ") && run.stderr.contains(reason),
                "{name}: {}",
                run.stderr
            );
            assert!(
                !run.stderr.contains('\u{1b}') && run.stdout.is_empty(),
                "{name}: {}",
                run.text()
            );
        },
    );
    assert!(!scratch.path("out").exists(), "nothing is left");
}

#[test]
fn a_foreign_package_among_good_ones_is_named() {
    let scratch = Scratch::small();
    let good = TestPackage::with_kernel_in_modules("6.0.0", BOOTABLE).build_rpm();
    scratch.write("good.rpm", good);
    let other = TestPackage::new().file("./usr/include/x.h", b"x");
    let cut = other.build_rpm();
    for (name, bytes, reason) in [
        (
            "arm64.rpm",
            other.architecture("aarch64").build_rpm(),
            "found architecture \"aarch64\", expected \"x86_64\"",
        ),
        ("cut.rpm", cut[..cut.len() - 8].to_vec(), "the payload"),
        (
            "text.rpm",
            b"this is no package".to_vec(),
            "expected a .deb or an .rpm",
        ),
    ] {
        scratch.write(name, bytes);
        let paths = ["good.rpm", name].map(|name| scratch.path(name));
        let paths = paths.map(|path| path.to_str().expect("UTF-8").to_owned());
        let run = scratch
            .xtask(&["smoke", &paths[0], &paths[1]])
            .expect_code(1);
        let first = run.stderr.lines().next().unwrap_or_default();
        assert!(
            first.contains(name) && run.stderr.contains(reason),
            "{}",
            run.stderr
        );
    }
    assert!(!scratch.path("out").exists(), "nothing is left");
}

/// Every way for a file to be no module for the kernel, and what is said of it.
fn bad_modules() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let toy = module_for("6.0.0", "toy", "");
    let depends = b"depends=\0".as_slice();
    vec![
        (
            "empty",
            Vec::new(),
            "begins with \"\", expected an ELF file",
        ),
        (
            "escape",
            b"\x1b[2J\x1b[31m".to_vec(),
            r#"begins with "\u{1b}[2J\u{1b}[31", expected an ELF file"#,
        ),
        (
            "compressed",
            compress(&toy, Compression::Xz),
            "expected an ELF file",
        ),
        ("cut", toy[..toy.len() - 100].to_vec(), "malformed ELF file"),
        (
            "program",
            module_with(62, &[(".text", b"x")]),
            "found 0 sections .modinfo, expected one",
        ),
        (
            "arm64",
            module_with(183, &[(".modinfo", depends)]),
            "found a module for ELF machine 183, expected 62, which is x86-64",
        ),
        (
            "other-release",
            module_for("6.0.1-\u{1b}[2J", "toy", ""),
            "expected \"6.0.0\", the release in the package",
        ),
        (
            "no-release",
            module_with(62, &[(".modinfo", depends)]),
            "found it compiled for no release that it tells",
        ),
        (
            "name",
            module_for("6.0.0", "../../init", ""),
            "\"../../init\" is no name of a module",
        ),
        (
            "dependency",
            module_for("6.0.0", "toy", "nowhere"),
            "found a dependency on `nowhere`",
        ),
        (
            "large",
            [toy, vec![0; 32 << 20]].concat(),
            "found it to be too large, expected 33554432 bytes at most",
        ),
    ]
}

#[test]
fn a_bad_module_is_refused_with_what_was_found() {
    let scratch = Scratch::small();
    scratch.write("good.deb", kernel().build());
    let package = scratch.path("good.deb");
    each(
        &bad_modules(),
        |(name, ..)| (*name).to_owned(),
        |(name, bytes, reason)| {
            let path = scratch.path(&format!("{name}.ko"));
            fs::write(&path, bytes).expect("a module can be written");
            let [package, path] = [&package, &path].map(|path| path.to_str().expect("UTF-8"));
            let run = scratch
                .xtask(&["smoke", package, "--module", path])
                .expect_code(1);
            // Long lines are wrapped.
            let text: Vec<_> = run.stderr.split_whitespace().collect();
            let text = text.join(" ");
            assert!(
                text.starts_with(&format!("error: module {path}: ")) && text.contains(reason),
                "{name}: {}",
                run.stderr
            );
            assert!(
                !run.stderr.contains('\u{1b}') && run.stdout.is_empty(),
                "{name}: {}",
                run.text()
            );
        },
    );
    assert!(!scratch.path("out").exists(), "nothing is left");
}

#[test]
fn modules_are_looked_at_before_an_engine() {
    let scratch = Scratch::small();
    scratch.write("good.deb", kernel().build());
    for (file, release) in [("toy", "6.0.0"), ("copy", "6.0.0"), ("other", "6.0.1")] {
        scratch.write(&format!("{file}.ko"), module_for(release, "toy", ""));
    }
    let smoke = |modules: &[&str]| {
        let path = |file: &str| scratch.path(file).to_str().expect("UTF-8").to_owned();
        let mut words = vec!["smoke".to_owned(), path("good.deb")];
        for file in modules {
            words.extend(["--module".to_owned(), path(file)]);
        }
        scratch.xtask(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_run!("smoke_module_missing", scratch, smoke(&["nowhere.ko"]), 1);
    assert_run!("smoke_module_folder", scratch, smoke(&["recipes"]), 1);
    assert_run!("smoke_module_release", scratch, smoke(&["other.ko"]), 1);
    let twice = smoke(&["toy.ko", "copy.ko"]);
    assert_run!("smoke_module_twice", scratch, twice, 1);
    let hostile = smoke(&["\u{1b}[2J.ko"]).expect_code(1);
    assert!(
        hostile.stderr.starts_with("error: module ") && !hostile.stderr.contains('\u{1b}'),
        "{}",
        hostile.stderr
    );
    let run = smoke(&["toy.ko"]).expect_code(3);
    assert!(
        run.stderr.contains("install Docker or Podman"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_good_package_needs_an_engine() {
    let scratch = Scratch::small();
    for compression in [
        Compression::None,
        Compression::Gzip,
        Compression::Xz,
        Compression::Zstd,
    ] {
        let path = scratch.path("good.deb");
        fs::write(&path, kernel().build_with(compression)).expect("a package can be written");
        let run = scratch
            .xtask(&["smoke", path.to_str().expect("UTF-8")])
            .expect_code(3);
        assert!(
            run.stderr.contains("install Docker or Podman"),
            "{compression:?}: {}",
            run.stderr
        );
    }
}

#[test]
fn an_rpm_needs_an_engine_too() {
    let scratch = Scratch::small();
    let package = TestPackage::with_kernel_in_modules("6.0.0", BOOTABLE);
    let path = scratch.path("good.rpm");
    fs::write(&path, package.build_rpm()).expect("a package can be written");
    let run = scratch
        .xtask(&["smoke", path.to_str().expect("UTF-8")])
        .expect_code(3);
    assert!(
        run.stderr.contains("install Docker or Podman"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_kernel_of_a_result_is_told_by_its_name() {
    let scratch = Scratch::small();
    let kernel = TestPackage::with_kernel_in_modules("6.0.0", BOOTABLE).build_rpm();
    // One that nobody would look at, even though it has a kernel too.
    let headers = TestPackage::with_kernel_in_modules("6.0.0", BOOTABLE)
        .name("kernel-devel")
        .build_rpm();
    result(&scratch, &kernel, &kernel);
    let artifact = |bytes: &[u8], name: &str| {
        serde_json::json!({
            "size": bytes.len(), "sha256": Sha256::of(bytes), "control": { "Name": name },
        })
    };
    let manifest = scratch.path("out/tiny/manifest.json");
    let mut told: serde_json::Value =
        serde_json::from_slice(&fs::read(&manifest).expect("a manifest")).expect("JSON");
    told["artifacts"] = serde_json::json!({
        "kernel-6.0.0-1.x86_64.rpm": artifact(&kernel, "kernel"),
        "kernel-devel-6.0.0-1.x86_64.rpm": artifact(&headers, "kernel-devel"),
    });
    scratch.write("out/tiny/kernel-6.0.0-1.x86_64.rpm", &kernel);
    scratch.write("out/tiny/kernel-devel-6.0.0-1.x86_64.rpm", &headers);
    for (format, expected) in [("rpm", "install Docker or Podman"), ("deb", "both")] {
        told["plan"] = serde_json::json!({ "target": { "format": format } });
        scratch.write("out/tiny/manifest.json", told.to_string());
        let run = scratch.xtask(&["smoke", "tiny"]);
        assert!(run.stderr.contains(expected), "{format}: {}", run.stderr);
    }
}

#[test]
fn what_is_no_result_or_no_package_is_told() {
    let scratch = Scratch::small();
    assert_run!(
        "smoke_not_built",
        scratch,
        scratch.xtask(&["smoke", "tiny"]),
        1
    );
    assert_run!(
        "smoke_unknown",
        scratch,
        scratch.xtask(&["smoke", "tinny"]),
        1
    );
    assert_run!(
        "smoke_no_package",
        scratch,
        scratch.xtask(&["smoke", "a.tar", "b.deb"]),
        2
    );
    assert_run!(
        "smoke_missing",
        scratch,
        scratch.xtask(&["smoke", "./nowhere.deb"]),
        1
    );
    let both = ["a.deb", "b.deb"].map(|name| {
        let path = scratch.path(name);
        fs::write(&path, kernel().build()).expect("a package can be written");
        path.to_str().expect("UTF-8").to_owned()
    });
    let run = scratch.xtask(&["smoke", &both[0], &both[1]]);
    assert_run!("smoke_two_kernels", scratch, run, 1);
    for word in ["two words", "--", "", "\u{1b}[2J"] {
        let argument = format!("--kernel-argument={word}");
        let run = scratch.xtask(&["smoke", "tiny", &argument]).expect_code(2);
        assert!(
            run.stderr.contains("one word of visible ASCII"),
            "{}",
            run.stderr
        );
    }
}

/// A result of recipe `tiny` as a build leaves it.
fn result(scratch: &Scratch, package: &[u8], recorded: &[u8]) {
    let name = "linux-image-6.0.0_1_amd64.deb";
    let manifest = serde_json::json!({
        "schema": 1, "plan_id": Sha256::of(""), "plan": {}, "for_release": false,
        "source_tree": Sha256::of(""), "kernel_release": "6.0.0", "lost": {},
        "artifacts": { name: { "size": recorded.len(), "sha256": Sha256::of(recorded), "control": {} } },
    });
    scratch.write("out/tiny/manifest.json", manifest.to_string());
    let run = serde_json::json!({
        "schema": 1, "plan_id": Sha256::of(""), "started": 0, "phases": [], "tool": "1",
        "engine": {}, "tool_peak_memory": null, "jobs": 1, "incremental": false,
    });
    scratch.write("out/tiny/run.json", run.to_string());
    scratch.write(&format!("out/tiny/{name}"), package);
}

#[test]
fn a_result_that_was_changed_is_not_booted() {
    let scratch = Scratch::small();
    let package = kernel().build();
    let mut changed = package.clone();
    *changed.last_mut().expect("a byte") ^= 1;
    result(&scratch, &changed, &package);
    assert_run!(
        "smoke_changed",
        scratch,
        scratch.xtask(&["smoke", "tiny"]),
        4
    );
    result(&scratch, &package, &package);
    let run = scratch.xtask(&["smoke", "tiny"]).expect_code(3);
    assert!(
        run.stderr.contains("install Docker or Podman"),
        "{}",
        run.stderr
    );
    scratch.write("out/tiny/manifest.json", "{}");
    scratch.xtask(&["smoke", "tiny"]).expect_code(3);
}

/// The text of a verdict on a kernel that can do this.
fn verdict(passed: bool, capabilities: Capabilities) -> String {
    let smoke = Smoke::not_run(None, [].into(), Some("6.0.0".to_owned()), 0, String::new());
    let smoke = Smoke {
        verdict: if passed {
            Verdict::Passed
        } else {
            Verdict::Failed
        },
        reason: (!passed).then(|| "it is a test".to_owned()),
        machine: Some(Machine {
            accelerator: "tcg".to_owned(),
            cpus: 2,
            memory: 1 << 29,
            qemu: "10".to_owned(),
            container: "tag".to_owned(),
            guest: Sha256::of("guest"),
            initramfs: 1,
            command_line: "panic=-1".to_owned(),
            sabotage: None,
        }),
        checks: vec![Check {
            group: "boot".to_owned(),
            name: "hello".to_owned(),
            passed,
            expected: "a word".to_owned(),
            found: "one".to_owned(),
        }],
        capabilities,
        ..smoke
    };
    smoke.render().expect("JSON")
}

#[test]
fn capabilities_are_compared() {
    let scratch = Scratch::small();
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>()
    };
    let sysctls = |text: &[(&str, &str)]| {
        text.iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    let a = Capabilities {
        sysctls: sysctls(&[
            ("net.mptcp.enabled", "1"),
            ("net.mptcp.stale_loss_cnt", "4"),
        ]),
        congestion_controls: names(&["reno", "cubic"]),
        path_managers: names(&["kernel"]),
        schedulers: names(&["default"]),
        counters: names(&["MPJoinSynRx"]),
    };
    let b = Capabilities {
        sysctls: sysctls(&[
            ("net.mptcp.enabled", "0"),
            ("net.mptcp.scheduler", "default"),
        ]),
        congestion_controls: names(&["cubic", "bbr"]),
        path_managers: names(&["kernel", "userspace"]),
        ..a.clone()
    };
    scratch.write("a.json", verdict(true, a));
    scratch.write("b.json", verdict(false, b));
    let compare = |a: &str, b: &str| {
        let paths = [a, b].map(|name| scratch.path(name).to_str().expect("UTF-8").to_owned());
        scratch.xtask(&["capabilities", &paths[0], &paths[1]])
    };
    assert_run!("capabilities", scratch, compare("a.json", "b.json"), 0);
    assert_run!("capabilities_same", scratch, compare("a.json", "a.json"), 0);

    let not_run = Smoke::not_run(None, [].into(), None, 0, "a test".to_owned());
    scratch.write("not-run.json", not_run.render().expect("JSON"));
    scratch.write(
        "newer.json",
        not_run
            .render()
            .expect("JSON")
            .replace("\"schema\": 1", "\"schema\": 2"),
    );
    assert_run!(
        "capabilities_not_run",
        scratch,
        compare("a.json", "not-run.json"),
        1
    );
    assert_run!(
        "capabilities_newer",
        scratch,
        compare("newer.json", "a.json"),
        1
    );
    assert_run!(
        "capabilities_not_built",
        scratch,
        scratch.xtask(&["capabilities", "tiny", "child"]),
        1
    );
}
