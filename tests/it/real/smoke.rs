//! Real kernels in real QEMU, and everything that must not pass.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use formats::testing::kernel::{TestPackage, image};
use rustix::process::Signal;
use serde_json::Value;

use crate::engine;
use crate::interruption::{Session, wait};
use crate::packages::{Built, built};
use crate::prepared::{Ready, say};
use crate::support::Run;
use crate::support::run::Running;

/// How long one boot may take, deadlines of the tool's own included; it takes half a minute.
const SMOKE: Duration = Duration::from_secs(10 * 60);
/// What the least configuration has that a kernel can be booted with.
const BOOTABLE: &str = "CONFIG_BLK_DEV_INITRD=y\nCONFIG_DEVTMPFS=y\nCONFIG_SERIAL_8250_CONSOLE=y\n\
    CONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_CONSOLE=y\nCONFIG_NET_NS=y\nCONFIG_VETH=y\nCONFIG_NET_SCH_NETEM=y\n";

/// The image package of the one `mini` that was built, in this project's folder.
fn image_package(ready: &Ready) -> PathBuf {
    let built = built(ready);
    let name = built.image_name();
    let path = ready.scratch.path(name);
    fs::write(&path, &built.files[name]).expect("a package can be written");
    path
}

/// Boots a package file.
pub(crate) fn smoke(ready: &Ready, package: &Path, arguments: &[&str]) -> Run {
    let package = package.to_str().expect("a UTF-8 path");
    let words = [&["--format", "json", "smoke", package], arguments].concat();
    ready.scratch.start(&words).wait(SMOKE)
}

/// What the run left beside its verdict: the same verdict, and the page.
fn left(ready: &Ready, package: &Path) -> (Value, String) {
    let stem = package
        .file_stem()
        .expect("a name")
        .to_str()
        .expect("UTF-8");
    let folder = ready.scratch.path("out/smoke").join(stem);
    let json = fs::read_to_string(folder.join("smoke.json")).expect("a verdict");
    let page = fs::read_to_string(folder.join("smoke.html")).expect("a page");
    (serde_json::from_str(&json).expect("JSON"), page)
}

/// Fails unless the run failed as a kernel fails, with this reason in the first line of the error.
#[track_caller]
pub(crate) fn assert_fails(run: &Run, reason: &str) {
    assert_eq!(run.code, 5, "{}", run.text());
    assert_eq!(run.json()["verdict"], "failed", "{}", run.text());
    let error = run.stderr.lines().find(|line| line.starts_with("error: "));
    assert!(
        error.is_some_and(|line| line.contains(reason)),
        "no `{reason}` in:\n{}",
        run.stderr
    );
}

pub(crate) fn failed_groups(smoke: &Value) -> Vec<&str> {
    let checks = smoke["checks"].as_array().expect("checks");
    let failed = checks.iter().filter(|check| check["passed"] == false);
    let mut groups: Vec<_> = failed.filter_map(|check| check["group"].as_str()).collect();
    groups.dedup();
    groups
}

#[test]
#[ignore = "needs a container engine"]
fn mini_passes_and_moves_data_over_both_links() {
    let ready = Ready::new();
    let built = built(&ready);
    let smoke = built.json("smoke.json");
    assert_eq!(smoke["verdict"], "passed", "{}", smoke["reason"]);
    assert_eq!(built.report["smoke"], smoke);
    assert_eq!(smoke["incremental"], false, "it began without objects");
    let manifest = model::digest::Sha256::of(&built.files["manifest.json"]).to_string();
    assert_eq!(smoke["manifest"], manifest);
    assert!(smoke["sabotage"].is_null());
    let accelerator = smoke["accelerator"].as_str().expect("an accelerator");
    assert!(["kvm", "tcg"].contains(&accelerator), "{accelerator}");
    if accelerator == "tcg" {
        assert!(
            !smoke["retries"][0]["reason"]
                .as_str()
                .unwrap_or_default()
                .is_empty(),
            "{smoke}"
        );
    }
    assert!(smoke["initramfs"].as_u64().expect("a size") > 100_000);

    let carried = smoke["links"].as_array().expect("what links carried");
    for transfer in ["transfer-ipv4", "transfer-ipv6"] {
        for direction in ["up", "down"] {
            let way = carried
                .iter()
                .find(|way| way["transfer"] == transfer && way["direction"] == direction)
                .unwrap_or_else(|| panic!("no {transfer} {direction} in {smoke}"));
            let payload = way["payload"].as_u64().expect("a size");
            assert!(payload >= 8 << 20, "{way}");
            for link in way["links"].as_array().expect("two links") {
                assert!(link.as_u64().expect("a size") >= payload / 4, "{way}");
            }
        }
        let joins = &smoke["counters"][transfer]["server"]["MPJoinAckRx"];
        assert!(joins.as_u64().expect("a counter") >= 1, "{smoke}");
    }
    check_files(built, &smoke);
}

/// The page and the checks for CI services say the same.
fn check_files(built: &Built, smoke: &Value) {
    let page = built.text("smoke.html");
    let release = smoke["kernel_release"].as_str().expect("a release");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains(release));
    assert!(
        !page.contains("<script") && !page.contains("src=\"http"),
        "the page stands alone"
    );
    let junit = built.text("smoke.xml");
    let checks = smoke["checks"].as_array().expect("checks").len();
    assert!(checks > 50, "{checks}");
    assert_eq!(junit.matches("<testcase ").count(), checks);
    assert_eq!(junit.matches("<failure").count(), 0);
    let mut console = String::new();
    flate2::read::GzDecoder::new(built.files["smoke-console.log.gz"].as_slice())
        .read_to_string(&mut console)
        .expect("the console of mini is a text");
    assert!(console.contains("Linux version") && console.contains(release));
}

#[test]
#[ignore = "needs a container engine"]
fn joins_that_cannot_be_made_fail() {
    let ready = Ready::new();
    let package = image_package(&ready);
    let run = smoke(&ready, &package, &["--sabotage", "block-joins"]);
    assert_fails(&run, "transfer-ipv4: ");
    let (verdict, page) = left(&ready, &package);
    assert_eq!(verdict, run.json());
    let groups = failed_groups(&verdict);
    for group in ["transfer-ipv4", "link-loss", "link-down", "transfer-ipv6"] {
        assert!(groups.contains(&group), "{groups:?}");
    }
    assert!(
        !groups.contains(&"kernel-log") && !groups.contains(&"tcp-server"),
        "{groups:?}"
    );
    assert!(
        page.contains("block-joins"),
        "the page says what was broken"
    );
}

#[test]
#[ignore = "needs a container engine"]
fn two_dead_links_fail() {
    let ready = Ready::new();
    let package = image_package(&ready);
    let run = smoke(&ready, &package, &["--sabotage", "cut-both-links"]);
    assert_fails(&run, "link-loss: ");
    assert_eq!(failed_groups(&run.json()), ["link-loss", "link-down"]);
}

#[test]
#[ignore = "needs a container engine"]
fn one_wrong_byte_fails() {
    let ready = Ready::new();
    let package = image_package(&ready);
    let run = smoke(&ready, &package, &["--sabotage", "flip-byte"]);
    assert_fails(&run, "transfer-ipv4: ");
    assert!(!failed_groups(&run.json()).contains(&"routing"));
}

#[test]
#[ignore = "needs a container engine"]
fn mptcp_that_is_off_at_boot_fails() {
    let ready = Ready::new();
    let package = image_package(&ready);
    let run = smoke(
        &ready,
        &package,
        &["--kernel-argument", "sysctl.net.mptcp.enabled=0"],
    );
    assert_fails(&run, "net.mptcp.enabled");
    assert!(failed_groups(&run.json()).contains(&"sysctls"));
}

#[test]
#[ignore = "needs a container engine"]
fn a_guest_that_breaks_off_fails_at_once() {
    let ready = Ready::new();
    let package = image_package(&ready);
    for (sabotage, reason) in [
        ("die", "Kernel panic - not syncing: Attempted to kill init!"),
        ("hang", "the guest fell silent"),
        ("cut-line", "the report breaks off in the middle of a line"),
        ("newer-protocol", "version 3 of the protocol"),
    ] {
        let run = smoke(
            &ready,
            &package,
            &["--accel", "tcg", "--sabotage", sabotage],
        );
        assert_fails(&run, reason);
        let phases = run.json()["phases"].clone();
        let end = phases
            .as_array()
            .and_then(|phases| phases.last())
            .map(|last| last["end"].clone());
        let end = end
            .and_then(|end| end.as_f64())
            .expect("the end of the run");
        assert!(end < 60.0, "{sabotage}: {phases}");
    }
}

#[test]
#[ignore = "needs a container engine"]
fn a_hostile_kernel_log_fails_and_reaches_nobody_raw() {
    let ready = Ready::new();
    let package = image_package(&ready);
    let run = smoke(&ready, &package, &["--sabotage", "hostile-log"]);
    assert_fails(&run, "kernel-log: ");
    let words = [
        "smoke",
        package.to_str().expect("UTF-8"),
        "--sabotage",
        "hostile-log",
    ];
    let text = ready.scratch.start(&words).wait(SMOKE).expect_code(5);
    let (_, page) = left(&ready, &package);
    let junit = fs::read_to_string(
        ready
            .scratch
            .path("out/smoke")
            .join(package.file_stem().expect("a name"))
            .join("smoke.xml"),
    );
    let junit = junit.expect("the checks for CI services");
    assert!(
        !page.contains("<script") && !junit.contains("<script"),
        "{junit}"
    );
    assert!(page.contains("alert(1)"), "the page shows what was said");
    for shown in [
        &page,
        &junit,
        &text.stdout,
        &text.stderr,
        &run.stdout,
        &run.stderr,
    ] {
        assert!(
            !shown.contains(['\u{1b}', '\u{7}', '\u{9b}', '\0']),
            "{shown:?}"
        );
    }
}

/// A bzImage whose real-mode code is `code`.
fn fake_kernel(release: &str, code: &[u8]) -> Vec<u8> {
    let mut image = image(release);
    // Loaded high, with an initramfs anywhere in the first 2 GiB.
    image[0x211] = 1;
    image[0x22c..0x230].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    // Over the rest of the header, to where there is room.
    image[0x200..0x202].copy_from_slice(&[0xeb, 0x6e]);
    image[0x270..0x270 + code.len()].copy_from_slice(code);
    image
}

fn fake_package(ready: &Ready, name: &str, code: &[u8]) -> PathBuf {
    let package = TestPackage::new()
        .file("./boot/config-6.0.0", BOOTABLE.as_bytes())
        .file("./boot/vmlinuz-6.0.0", &fake_kernel("6.0.0", code));
    let path = ready.scratch.path(name);
    fs::write(&path, package.build()).expect("a package can be written");
    path
}

/// cli; hlt; again.
const HANG: &[u8] = &[0xfa, 0xf4, 0xeb, 0xfd];
/// Pulses the reset line of the keyboard controller.
const REBOOT: &[u8] = &[0xb0, 0xfe, 0xe6, 0x64, 0xf4, 0xeb, 0xfd];

#[test]
#[ignore = "needs a container engine"]
fn kernels_that_hang_reboot_or_panic_fail() {
    let ready = Ready::new();
    let hanging = fake_package(&ready, "hangs.deb", HANG);
    assert_fails(
        &smoke(&ready, &hanging, &["--accel", "tcg"]),
        "the kernel gave no sign of life",
    );
    let rebooting = fake_package(&ready, "reboots.deb", REBOOT);
    let run = smoke(&ready, &rebooting, &["--accel", "tcg"]);
    assert_fails(&run, "reset or powered itself off before the guest ran");
    let package = image_package(&ready);
    let run = smoke(
        &ready,
        &package,
        &["--accel", "tcg", "--kernel-argument", "rdinit=/nowhere"],
    );
    assert_fails(&run, "Kernel panic - not syncing");
}

#[test]
#[ignore = "needs a container engine"]
fn kvm_that_hangs_is_given_up() {
    let ready = Ready::new();
    let hanging = fake_package(&ready, "hangs.deb", HANG);
    let run = smoke(&ready, &hanging, &["--accel", "kvm"]);
    if run.code == 3 {
        assert!(run.stderr.contains("/dev/kvm"), "{}", run.text());
        say("skipped: a kernel that hangs under KVM (the engine's host has no /dev/kvm)");
        return;
    }
    // Some hosts' KVM does not even get that far.
    let reason = if run.stderr.contains("QEMU said: ") {
        "the smoke boot of hangs failed: QEMU "
    } else {
        "the kernel gave no sign of life within 5 s"
    };
    assert_fails(&run, reason);
    let retries = run.json()["retries"].clone();
    let again = usize::from(run.stderr.contains("QEMU crashed"));
    assert_eq!(retries.as_array().map(Vec::len), Some(again), "{retries}");
    // A kernel that hangs on both is no reason to distrust KVM, and is not taken for its failure.
    let run = smoke(&ready, &hanging, &["--accel", "auto"]);
    assert_fails(&run, "the kernel gave no sign of life within 20 s");
    assert_eq!(run.json()["retries"][0]["accelerator"], "kvm");
}

/// The container that runs QEMU, once it does.
fn qemu_of(session: &Session, running: &mut Running) -> Value {
    let container = wait(SMOKE, || {
        if !running.is_running() {
            return Some(None);
        }
        let mut containers = engine::containers(&session.id).into_iter();
        containers.find(engine::runs_qemu).map(Some)
    });
    container.flatten().expect("a container that runs QEMU")
}

#[test]
#[ignore = "needs a container engine"]
fn qemu_that_is_killed_fails() {
    let ready = Ready::new();
    let package = image_package(&ready);
    let words = [
        "--format",
        "json",
        "smoke",
        package.to_str().expect("UTF-8"),
        "--accel",
        "tcg",
    ];
    let mut running = ready.scratch.start(&words);
    let session = Session::of(running.id());
    let container = qemu_of(&session, &mut running);
    std::thread::sleep(Duration::from_secs(4));
    engine::kill(container["Id"].as_str().expect("an id"));
    assert_fails(&running.wait(SMOKE), "QEMU was killed by signal 9");
}

#[test]
#[ignore = "needs a container engine"]
fn ctrl_c_ends_a_boot_within_five_seconds() {
    let ready = Ready::new();
    let package = image_package(&ready);
    let words = ["smoke", package.to_str().expect("UTF-8"), "--accel", "tcg"];
    let mut running = ready.scratch.start(&words);
    let session = Session::of(running.id());
    qemu_of(&session, &mut running);
    let start = Instant::now();
    session.send(Signal::INT);
    let run = running.wait(SMOKE).expect_code(130);
    assert!(
        start.elapsed() <= Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert!(
        run.stderr.contains("stopped; containers are gone"),
        "{}",
        run.stderr
    );
    assert_eq!(session.left(), Vec::<String>::new());
    assert!(
        !ready.scratch.path("out/smoke").exists(),
        "there is no verdict"
    );
}

#[test]
#[ignore = "needs a container engine"]
fn a_container_without_qemu_fails() {
    let ready = Ready::new();
    let package = image_package(&ready);
    ready
        .scratch
        .without_packages("qemu", |name| name.starts_with("qemu-"));
    let run = smoke(&ready, &package, &[]);
    assert_fails(&run, "there is no QEMU in the container");
    assert_eq!(run.json()["qemu"], "none");
}
