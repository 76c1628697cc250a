//! A kernel without MPTCP, made of the objects of the one that has it: the verdict has to notice.

use std::fs;
use std::io::Read;
use std::time::Duration;

use camino::Utf8Path;
use formats::testing::kernel::TestPackage;
use host::cancel::Cancel;
use host::engine::{ContainerSpec, Engine, Mount, Privileges, Surroundings};
use host::session::Session;

use crate::packages::{Built, built};
use crate::prepared::{Ready, cache};
use crate::smoke::{assert_fails, failed_groups, smoke};

/// How long it may take to compile what MPTCP touches; it takes a minute or two.
const COMPILE: Duration = Duration::from_secs(20 * 60);
/// Switches MPTCP off in the configuration of the last build, and compiles the kernel again.
const REBUILD: &str = "set -eu
cd /build/kernel
# The last build may have been for another distribution, and have another name.
/source/tree/scripts/config --file .config --disable MPTCP --set-str LOCALVERSION \"$SUFFIX\"
make -C /source/tree O=/build/kernel olddefconfig
! grep -q '^CONFIG_MPTCP=' .config
make -C /source/tree O=/build/kernel -j\"$(nproc)\" bzImage
mkdir -p /build/without-mptcp
cp .config /build/without-mptcp/config
cp arch/x86/boot/bzImage /build/without-mptcp/vmlinuz";

#[test]
#[ignore = "needs a container engine"]
fn a_kernel_without_mptcp_fails() {
    let ready = Ready::new();
    let built = built(&ready);
    let (image, config) = rebuild(built);
    let release = built.json("manifest.json")["kernel_release"]
        .as_str()
        .expect("a release")
        .to_owned();
    let package = TestPackage::new()
        .file(&format!("./boot/vmlinuz-{release}"), &image)
        .file(&format!("./boot/config-{release}"), &config);
    let path = ready.scratch.path("without-mptcp.deb");
    fs::write(&path, package.build()).expect("a package can be written");

    let run = smoke(&ready, &path, &[]);
    assert_fails(&run, "kernel: ");
    let verdict = run.json();
    let groups = failed_groups(&verdict);
    for group in [
        "kernel",
        "sysctls",
        "transfer-ipv4",
        "link-loss",
        "link-down",
        "transfer-ipv6",
    ] {
        assert!(groups.contains(&group), "{group} did not fail: {groups:?}");
    }
    // What has nothing to do with MPTCP works.
    assert!(
        !groups.contains(&"routing") && !groups.contains(&"kernel-log"),
        "{groups:?}"
    );

    let with = ready.scratch.path("with.json");
    fs::write(&with, built.text("smoke.json")).expect("a verdict can be written");
    let without = ready.scratch.path("out/smoke/without-mptcp/smoke.json");
    let paths = [&with, &without].map(|path| path.to_str().expect("a UTF-8 path"));
    let compared = ready
        .scratch
        .xtask(&["capabilities", paths[0], paths[1]])
        .expect_code(0)
        .stdout;
    assert!(
        compared.contains("net.mptcp.enabled: A 1, B absent"),
        "{compared}"
    );
    let same = ready
        .scratch
        .xtask(&["capabilities", paths[0], paths[0]])
        .expect_code(0)
        .stdout;
    assert!(same.contains("both can do the same"), "{same}");
}

/// What the kernel's name has behind its version.
fn suffix(built: &Built) -> &str {
    let mut lines = built.text("config").lines();
    lines
        .find_map(|line| line.strip_prefix("CONFIG_LOCALVERSION=\""))
        .and_then(|rest| rest.strip_suffix('"'))
        .expect("the suffix")
}

/// The kernel image and its configuration, compiled in the volume that the incremental build kept.
fn rebuild(built: &Built) -> (Vec<u8>, Vec<u8>) {
    let cache = cache();
    let cache = Utf8Path::from_path(&cache).expect("a UTF-8 path");
    let session = Session::start(cache).expect("a session");
    let engine = Engine::connect(cache, session, Cancel::new()).expect("an engine");
    let volumes = engine.kept_volumes().expect("the engine's volumes");
    let volume = |prefix: &str| {
        let mut found = volumes.iter().filter(|name| name.starts_with(prefix));
        found
            .next()
            .unwrap_or_else(|| panic!("no {prefix}* in {volumes:?}"))
            .clone()
    };
    let mount = |volume: String, target: &str, read_only| Mount {
        volume,
        target: target.to_owned(),
        read_only,
    };
    let source = &built.json("manifest.json")["plan"]["inputs"][0]["package"]["sha256"];
    let source = format!(
        "mptcp-kernels-source-{}",
        source.as_str().expect("a digest")
    );
    let images = engine
        .images("mptcp-kernels/debian-13")
        .expect("the engine's images");
    let container = engine
        .create(&ContainerSpec {
            purpose: "without-mptcp".to_owned(),
            image: images.first().expect("the build container's image").clone(),
            command: ["sh", "-c", REBUILD].map(str::to_owned).to_vec(),
            environment: built.json("manifest.json")["plan"]["environment"]
                .as_object()
                .expect("an environment")
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
                .chain([("SUFFIX".to_owned(), suffix(built).to_owned())])
                .collect(),
            mounts: vec![
                mount(volume(&source), "/source", true),
                mount(volume("mptcp-kernels-objects-mini."), "/build", false),
            ],
            privileges: Privileges::None,
            memory: 0,
            terminal: false,
            surroundings: Surroundings::default(),
        })
        .expect("a container");
    let mut log = Vec::new();
    let exit = container
        .run(COMPILE, |_, bytes| log.extend_from_slice(bytes))
        .expect("an end");
    assert_eq!(exit.code, 0, "{}", String::from_utf8_lossy(&log));
    let file = |name: &str| {
        let mut archive = tar::Archive::new(container.get(&format!("/build/without-mptcp/{name}")));
        let mut entry = archive
            .entries()
            .expect("a tar")
            .next()
            .expect("a file")
            .expect("an entry");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("a file");
        bytes
    };
    (file("vmlinuz"), file("config"))
}
