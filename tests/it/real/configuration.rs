//! The configuration is what the fragments say, and a kernel that does not compile tells where.

use std::fs;
use std::os::unix::fs::symlink;

use crate::prepared::{Ready, assert_says, squeezed};
use crate::support::Scratch;
use crate::toy_kernel::{Place, toy};

/// Each line is wrong in another way; the empty lines keep their explanations apart.
const WRONG: &str = "
CONFIG_USB_STORAGE=y



# CONFIG_SKB_EXTENSIONS is not set



CONFIG_NR_CPUS=99999



CONFIG_CMDLINE=\"quiet\"



CONFIG_NO_SUCH_SYMBOL=y
";

/// The number and text of the line of a file that holds `text`.
fn shown(scratch: &Scratch, path: &str, text: &str) -> String {
    let file = scratch.read(path);
    // Of several, the last one counts.
    let (index, line) = file
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains(text))
        .last()
        .expect("the line");
    format!("{} │ {line}", index + 1)
}

#[test]
#[ignore = "needs a container engine"]
fn configuration_is_checked_both_ways() {
    let ready = Ready::new();
    let scratch = &ready.scratch;
    let fragment = "recipes/config/mini.config";
    scratch.write(fragment, scratch.read(fragment) + WRONG);
    let table =
        "[config.set]\nNO_SUCH_SETTING = { value = \"y\", reason = \"it is a test\" }\n\n[smoke]\n";
    scratch.replace("recipes/mini.toml", "[smoke]\n", table);
    let run = scratch
        .xtask(&["check", "--configure", "mini"])
        .expect_code(1);
    for expected in [
        "USB_STORAGE was wanted, but dropped: wanted y, found n",
        "SKB_EXTENSIONS was refused, but switched on: wanted n, found y",
        "NR_CPUS was wanted with another value: wanted 99999, found ",
        "CMDLINE was wanted, but dropped: wanted \"quiet\", found n",
        "NO_SUCH_SYMBOL was wanted, but dropped: wanted y, found n",
        "NO_SUCH_SETTING was wanted, but dropped: wanted y, found n",
        // Why: what each depends on or is selected by, with the values now.
        "USB_SUPPORT (=n)",
        "MPTCP (=y)",
        "has no prompt",
        "CMDLINE_BOOL (=n)",
        // Where.
        "[recipes/config/mini.config:",
        "[recipes/mini.toml:",
    ] {
        assert_says(&run.stderr, expected);
    }
    let unknown = "unknown symbol: no Kconfig file of this kernel defines it";
    assert_eq!(
        squeezed(&run.stderr).matches(&squeezed(unknown)).count(),
        2,
        "{}",
        run.stderr
    );
    for symbol in [
        "CONFIG_USB_STORAGE=",
        "CONFIG_SKB_EXTENSIONS",
        "CONFIG_NR_CPUS=99999",
        "CONFIG_CMDLINE=",
        "CONFIG_NO_SUCH_SYMBOL=",
    ] {
        let line = shown(scratch, fragment, symbol);
        assert_says(&run.stderr, &line);
    }
    let line = shown(scratch, "recipes/mini.toml", "NO_SUCH_SETTING");
    assert_says(&run.stderr, &line);
    // What became as it was wanted is not mentioned.
    assert!(
        !squeezed(&run.stderr).contains("VIRTIO_NETwas"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.is_empty(), "{}", run.stdout);
}

/// Kconfig as Linux 6 writes it: older kconfiglibs know `modules` by another name.
const KCONFIG: &str = "mainmenu \"A toy\"

config MODULES
\tbool \"Modules\"
\tmodules

config DRIVER
\ttristate \"A driver\"
\tdepends on MODULES
";

#[test]
#[ignore = "needs a container engine"]
fn what_older_containers_refuse_of_linux_6_is_explained() {
    let mut place = Place::new();
    let fragment = "recipes/config/toy.config";
    let scratch = &place.ready.scratch;
    scratch.write(fragment, scratch.read(fragment) + "CONFIG_DRIVER=m\n");
    let without_driver =
        "#!/bin/sh\nset -eu\nshift 3\ngrep -hv DRIVER \"$@\" > merged\nmv merged .config\n";
    let kernel = toy().with("Kconfig", KCONFIG);
    let kernel = kernel.entry("scripts/kconfig/merge_config.sh", "100755", without_driver);
    let source = place.source("kconfig", &kernel);
    let run = place.run(&["check", "--configure", "toy", "--source", &source]);
    let run = run.expect_code(1);
    assert_says(
        &run.stderr,
        "DRIVER was wanted, but dropped: wanted m, found n",
    );
    assert_says(&run.stderr, "defined as tristate at Kconfig:7");
    assert_says(&run.stderr, "depends on MODULES (=n)");
}

#[test]
#[ignore = "needs a container engine"]
fn a_kernel_without_mptcp_is_refused() {
    let ready = Ready::new();
    let scratch = &ready.scratch;
    for fragment in ["recipes/config/mptcp.config", "recipes/config/mini.config"] {
        let text = scratch.read(fragment);
        let others = text.lines().filter(|line| !line.contains("MPTCP"));
        scratch.write(
            fragment,
            others.collect::<Vec<_>>().join("\n") + "\n# CONFIG_MPTCP is not set\n",
        );
    }
    let run = scratch
        .xtask(&["check", "--configure", "mini"])
        .expect_code(1);
    for expected in [
        "makes no working MPTCP kernel",
        "MPTCP is n:",
        "cargo xtask config mini",
    ] {
        assert_says(&run.stderr, expected);
    }
}

#[test]
#[ignore = "needs a container engine"]
fn what_cannot_be_built_again_is_refused_unless_accepted() {
    let ready = Ready::new();
    let scratch = &ready.scratch;
    scratch.replace(
        "recipes/config/mini.config",
        "CONFIG_KERNEL_GZIP=y",
        "CONFIG_KERNEL_LZO=y",
    );
    let run = scratch
        .xtask(&["check", "--configure", "mini"])
        .expect_code(1);
    for expected in [
        "could not be built again with equal bytes",
        "KERNEL_LZO=y: lzop writes the time",
        "[config.unreproducible]",
    ] {
        assert_says(&run.stderr, expected);
    }
    let table = "[config.unreproducible]\nKERNEL_LZO = \"it is a test\"\n\n[smoke]\n";
    scratch.replace("recipes/mini.toml", "[smoke]\n", table);
    let run = scratch
        .xtask(&["check", "--configure", "mini"])
        .expect_code(0);
    assert_says(&run.stdout, "can differ by KERNEL_LZO: it is a test");
}

#[test]
#[ignore = "needs a container engine"]
fn a_compile_error_names_the_file() {
    let ready = Ready::new();
    let scratch = &ready.scratch;
    // The first function with any variables is too much for this compiler.
    let fragment = "recipes/config/mini.config";
    let text = scratch.read(fragment) + "\nCONFIG_WERROR=y\nCONFIG_FRAME_WARN=8\n";
    scratch.write(fragment, text);
    scratch.write(
        "out/.results/mini.before/manifest.json",
        "the result before",
    );
    symlink(".results/mini.before", scratch.path("out/mini")).expect("a link can be made");

    let run = scratch
        .xtask(&["build", "mini", "--no-smoke"])
        .expect_code(1);
    let log = scratch.path("out/logs/mini/compile.log");
    for expected in [
        "the kernel does not compile: the frame size of ",
        "is larger than 8 bytes",
        "the error is in ",
        "the whole log is in ",
        "out/logs/mini/",
    ] {
        assert_says(&run.stderr, expected);
    }
    let text = squeezed(&run.stderr);
    let place = text.split_once("theerrorisin");
    let place = place.and_then(|(_, rest)| rest.split_once(';'));
    let place = place.map(|(place, _)| place).expect("a place");
    let (file, line) = place.split_once(':').expect("a file and a line");
    assert!(file.ends_with(".c") && !file.starts_with('/'), "{place}");
    assert!(line.starts_with(|c: char| c.is_ascii_digit()), "{place}");
    let log = fs::read_to_string(&log).expect("the log that the message names");
    assert!(log.contains(&format!("{place}: error: ")), "{place}");
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    assert_eq!(scratch.read("out/mini/manifest.json"), "the result before");
    let results = fs::read_dir(scratch.path("out/.results"))
        .expect("the results")
        .count();
    assert_eq!(results, 1, "a failed build leaves no draft");
}
