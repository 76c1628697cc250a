//! A toy: a tree that has what this tool asks of a kernel's build, and is none. Nothing is compiled, and nothing of
//! what comes out would boot; it replaces no real kernel.
//!
//! It shows where no kernel of the out-of-tree line can be had that a commit comes from a real git server, is built
//! without it later, and that packages come out the same although a kernel of that age packages them in another way
//! each time. `reproduce` and `reuse` build variants of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use formats::deb;
use model::digest::Sha256;
use model::plan::canonical_json;
use serde_json::Value;

use crate::engine;
use crate::prepared::{Ready, assert_says, cache};
use crate::support::{Kernel, Run, Served};

/// How long a build of it may take: ten seconds, and a minute for the container the first time.
const BUILD: Duration = Duration::from_secs(5 * 60);
/// The most that a package may unpack to.
const MAX_DATA: u64 = 1 << 20;
/// The release that the kernel would report.
const RELEASE: &str = "5.4.230-toy";

/// Modules of both kinds: one that is asked for by another name, and one that Kconfig cannot make the default.
const RECIPE: &str = r#"summary = "A toy: a tree that only looks like a kernel"
architecture = "amd64"
container = "debian-12"
version-suffix = "-toy"

[target]
distribution = "debian"
release = "12"
format = "deb"

[mptcp]
line = "out-of-tree"
release = "0.96"
path-manager = "fullmesh"
scheduler = "blest"
congestion-control = "lia"

[mptcp.schedulers]
roundrobin = "module"
blest = "module"

[config]
base.target = "tinyconfig"
fragments = ["mptcp-out-of-tree.config", "toy.config"]

"#;

/// What the smoke boot of a real kernel would need.
const FRAGMENT: &str = "CONFIG_BLK_DEV_INITRD=y
CONFIG_DEVTMPFS=y
CONFIG_SERIAL_8250_CONSOLE=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_CONSOLE=y
CONFIG_NET_NS=y
CONFIG_VETH=y
CONFIG_NET_SCH_NETEM=y
";

/// The targets that the build calls.
const MAKEFILE: &str = r#"VERSION = 5
PATCHLEVEL = 4
SUBLEVEL = 230
EXTRAVERSION =
RELEASE = $(VERSION).$(PATCHLEVEL).$(SUBLEVEL)$(EXTRAVERSION)$(shell cat localversion* 2>/dev/null)$(shell sed -n 's/^CONFIG_LOCALVERSION="\(.*\)"/\1/p' $(O)/.config)

.PHONY: tinyconfig olddefconfig syncconfig kernelrelease all bindeb-pkg binrpm-pkg
tinyconfig:
	echo CONFIG_TOY=y > $(O)/.config
olddefconfig syncconfig:
	true
kernelrelease:
	@echo $(RELEASE)
all:
	mkdir -p $(O)/include/config $(O)/include/generated $(O)/arch/x86/include/generated $(O)/scripts/mod
	echo $(RELEASE) > $(O)/include/config/kernel.release
	touch $(O)/include/config/auto.conf $(O)/Module.symvers $(O)/vmlinux $(O)/scripts/mod/modpost
	mkdir -p $(O)/modules
	cd $(O)/modules && sh -eu /source/tree/scripts/modules.sh
bindeb-pkg:
	sh scripts/package/builddeb $(O) $(RELEASE)
binrpm-pkg:
	sh scripts/package/mkspec $(RELEASE) > $(O)/binkernel.spec
	cd $(O) && rpmbuild --define "_builddir $(O)" --target x86_64 -bb $(O)/binkernel.spec
"#;

/// Of several settings of a symbol, the last one counts.
const MERGE_CONFIG: &str = r#"#!/bin/sh
# Called as `merge_config.sh -m -O FOLDER FILE...`.
set -eu
shift 3
cat "$@" > merged
sed -n 's/^# \(CONFIG_[A-Za-z0-9_]*\) is not set$/\1 &/p; s/^\(CONFIG_[A-Za-z0-9_]*\)=.*/\1 &/p' merged |
    awk '{ symbol = $1; sub(/^[^ ]* /, ""); lines[symbol] = $0 } END { for (symbol in lines) print lines[symbol] }' |
    sort > .config
"#;

/// Packages as builddeb of Linux 5.4 makes them, and worse: the archive of the changelog keeps its time, here one
/// that never comes again, the sums are in an order of chance, and so is the size.
const BUILDDEB: &str = r#"#!/bin/sh
set -eu
objects=$1 release=$2
chance() { od -An -N2 -tu2 /dev/urandom | tr -d ' '; }

# package NAME FILE TEXT FILE TEXT
package() {
    folder=$objects/debian/$1
    mkdir -p "$folder/DEBIAN" "$folder/usr/share/doc/$1"
    for file in "$2" "$4"; do mkdir -p "$folder/${file%/*}"; done
    printf '%s' "$3" > "$folder/$2"
    printf '%s' "$5" > "$folder/$4"
    case $1 in
    linux-image-*)
        mkdir -p "$folder/lib/modules/$release"
        cp -r "$objects/modules/." "$folder/lib/modules/$release"
        ;;
    esac
    changelog=$folder/usr/share/doc/$1/changelog.Debian
    echo "linux ($KDEB_PKGVERSION)  $(date -R)" > "$changelog"
    touch -d "@$(($(date +%s) + $(chance)))" "$changelog"
    gzip "$changelog"
    (cd "$folder" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | sort -R | xargs md5sum > DEBIAN/md5sums)
    cat > "$folder/DEBIAN/control" <<CONTROL
Package: $1
Version: $KDEB_PKGVERSION
Architecture: amd64
Maintainer: $DEBFULLNAME <$DEBEMAIL>
Installed-Size: $(chance)
Section: kernel
Priority: optional
Description: a toy that is no kernel
CONTROL
    dpkg-deb --root-owner-group --build "$folder" "$objects/../$1_${KDEB_PKGVERSION}_amd64.deb"
}

package "linux-image-$release" "boot/vmlinuz-$release" toy "boot/config-$release" "$(cat "$objects/.config")
"
package "linux-headers-$release" "usr/src/linux-headers-$release/Makefile" toy usr/share/toy toy
package linux-libc-dev usr/include/linux/mptcp.h toy usr/include/linux/tcp.h toy
for file in "$objects"/../*.deb; do
    echo "RAW $(sha256sum "$file")"
done
"#;

/// What mkspec of Linux 5.4 writes, cut short: files in /boot, nothing to compile modules against, a script that
/// installs nothing, and a number that is another one each time.
const MKSPEC: &str = r#"#!/bin/sh
set -eu
release=$1
cat <<SPEC
Name: kernel
Summary: a toy
Version: $(echo "$release" | tr - _)
Release: $(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
License: GPL
Obsoletes: kernel-headers
%define __spec_install_post /usr/lib/rpm/brp-compress || :

%description
A toy.

%install
mkdir -p %{buildroot}/boot %{buildroot}/lib/modules/$release %{buildroot}/usr/include/linux
echo toy > %{buildroot}/boot/vmlinuz-$release
cp .config %{buildroot}/boot/config-$release
echo toy > %{buildroot}/boot/System.map-$release
echo toy > %{buildroot}/usr/include/linux/mptcp.h
bzip2 -9 --keep vmlinux
mv vmlinux.bz2 %{buildroot}/boot/vmlinux-$release.bz2

%clean
rm -rf %{buildroot}

%post
false

%files
/boot/*
/lib/modules/$release
SPEC
"#;

/// What the kernel's package has in /lib/modules: nothing, or what a variant's script makes in the current folder.
const MODULES: &str = "scripts/modules.sh";

/// The toy.
pub(crate) fn toy() -> Kernel {
    Kernel::out_of_tree()
        .with(MODULES, ":\n")
        .with("Makefile", MAKEFILE)
        .with("arch/x86/Makefile", "# a toy\n")
        .with("arch/x86/include/asm/toy.h", "/* a toy */\n")
        .with("include/linux/toy.h", "/* a toy */\n")
        .with("scripts/package/mkspec", MKSPEC)
        .entry("scripts/kconfig/merge_config.sh", "100755", MERGE_CONFIG)
        .with("scripts/package/builddeb", BUILDDEB)
}

/// The toy with modules that this script makes.
pub(crate) fn with_modules(script: &str) -> Kernel {
    toy().with(MODULES, script)
}

/// A project with recipe `toy` besides its own; what it makes in the engine and in the cache goes with it.
pub(crate) struct Place {
    pub(crate) ready: Ready,
    pub(crate) served: Served,
    /// The plans that it built.
    plans: BTreeSet<String>,
    /// The volumes of the sources that it built from.
    sources: BTreeSet<String>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let ready = Ready::new();
        let served = Served::new(&ready.scratch);
        toy().commit(&served.repository, "main", 0);
        let url = served.url();
        let scratch = &ready.scratch;
        let source = format!("[source.git]\nurl = \"{url}\"\nbranch = \"main\"\n");
        scratch.write("recipes/toy.toml", RECIPE.to_owned() + &source);
        scratch.write("recipes/config/toy.config", FRAGMENT);
        Self {
            ready,
            served,
            plans: BTreeSet::new(),
            sources: BTreeSet::new(),
        }
    }

    /// Runs the binary, which writes JSON, and remembers the plan that it tells of.
    pub(crate) fn run(&mut self, arguments: &[&str]) -> Run {
        let arguments = [&["--format", "json"], arguments].concat();
        let run = self.ready.scratch.start(&arguments).wait(BUILD);
        let told: Value = serde_json::from_str(&run.stdout).unwrap_or_default();
        let plan = told["plan_id"].as_str();
        let plan = plan.or_else(|| told["manifest"]["plan_id"].as_str());
        if let Some(plan) = plan {
            self.remember(plan);
        }
        let source = &told["manifest"]["plan"]["source"];
        self.sources
            .extend(source.is_object().then(|| source_volume(source)));
        run
    }

    /// What the cache keeps of this plan goes with this value.
    pub(crate) fn remember(&mut self, plan: &str) {
        self.plans.insert(plan.to_owned());
    }

    pub(crate) fn json(&mut self, arguments: &[&str]) -> Value {
        self.run(arguments).expect_code(0).json()
    }

    /// What `build` tells, of the packages alone.
    pub(crate) fn report(&mut self, more: &[&str]) -> Value {
        self.json(&[&["build", "toy", "--no-smoke"], more].concat())
    }

    /// The value of `--source` for a commit of this variant, on a branch of its own.
    pub(crate) fn source(&self, branch: &str, kernel: &Kernel) -> String {
        kernel.commit(&self.served.repository, branch, 0);
        format!("{}@{branch}", self.served.repository.folder())
    }

    /// Compiles it, and gives the manifest, the packages, and the lines that tell of the packages before they were put
    /// together again.
    fn build(&mut self, more: &[&str]) -> (Value, BTreeMap<String, Vec<u8>>, Vec<String>) {
        let report = self.report(&[&["--no-cache"], more].concat());
        let packages = packages(&self.ready.scratch.path("out/toy"));
        let log = self.ready.scratch.read("out/logs/toy/package.log");
        let raw = log.lines().filter(|line| line.starts_with("RAW "));
        (
            report["manifest"].clone(),
            packages,
            raw.map(str::to_owned).collect(),
        )
    }
}

/// The packages of a result.
pub(crate) fn packages(result: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut packages = BTreeMap::new();
    for entry in fs::read_dir(result).expect("the result").flatten() {
        let name = entry.file_name().into_string().expect("a UTF-8 name");
        if name.ends_with(".deb") || name.ends_with(".rpm") {
            packages.insert(name, fs::read(entry.path()).expect("a package"));
        }
    }
    packages
}

/// The volume of a locked source.
fn source_volume(source: &Value) -> String {
    let digest = Sha256::of(canonical_json(source));
    format!("mptcp-kernels-source-{digest}")
}

/// Where the cache keeps the result of a plan.
pub(crate) fn cached(plan: &str) -> PathBuf {
    cache().join("results").join(plan)
}

impl Drop for Place {
    fn drop(&mut self) {
        for plan in &self.plans {
            // What was never kept, or is forgotten, is not there.
            let _ = fs::remove_dir_all(cached(plan));
        }
        for volume in &self.sources {
            engine::remove_volume(volume);
        }
        for volume in engine::all_volumes() {
            if volume.starts_with("mptcp-kernels-source-own-toy.") {
                engine::remove_volume(&volume);
            }
        }
    }
}

/// The text files of a package.
fn files(package: &[u8]) -> BTreeMap<String, String> {
    let package = deb::open(package).expect("a package");
    let data = package.data(MAX_DATA).expect("the package's data");
    let mut archive = tar::Archive::new(data);
    let entries = archive.entries().expect("a tar");
    let mut files = BTreeMap::new();
    for entry in entries {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        if let Ok(text) = std::io::read_to_string(&mut entry) {
            files.insert(path, text);
        }
    }
    files
}

#[test]
#[ignore = "needs a container engine"]
fn a_toy_kernel_is_fetched_once_and_packaged_the_same_each_time() {
    let mut place = Place::new();
    place.json(&["lock", "toy"]);
    assert!(!place.served.server.log().is_empty(), "it was fetched");
    let (manifest, packages, raw) = place.build(&[]);
    check_manifest(&manifest, &packages);
    check_image(&packages);

    // Without the server and without the tree.
    let volume = source_volume(&manifest["plan"]["source"]);
    assert!(engine::all_volumes().contains(&volume), "{volume} is there");
    engine::remove_volume(&volume);
    assert!(!engine::all_volumes().contains(&volume), "{volume} is gone");
    let elsewhere = place.ready.scratch.beside("elsewhere");
    place.served = Served::at(&elsewhere);
    let (again, packages_again, raw_again) = place.build(&[]);
    assert_eq!(again, manifest);
    assert!(packages == packages_again, "other packages");
    // As the tree makes them, no package is like its other self.
    assert_eq!((raw.len(), raw_again.len()), (3, 3));
    for (line, line_again) in raw.iter().zip(&raw_again) {
        let name = |line: &str| line.rsplit('/').next().map(str::to_owned);
        assert_eq!(name(line), name(line_again));
        assert_ne!(line, line_again);
    }
    assert_eq!(place.served.server.log(), [""; 0]);
}

fn check_manifest(manifest: &Value, packages: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(manifest["kernel_release"], RELEASE);
    assert_eq!(manifest["for_release"], true);
    assert_eq!(manifest["source_tree"], manifest["plan"]["source"]["tree"]);
    let version = &manifest["plan"]["environment"]["KDEB_PKGVERSION"];
    assert_eq!(version, "5.4.230+mptcp0.96-1");
    assert_eq!(packages.len(), 3);
    for (name, bytes) in packages {
        let artifact = &manifest["artifacts"][name];
        assert_eq!(artifact["sha256"], Sha256::of(bytes).to_string(), "{name}");
    }
}

/// The image package has the files that stand for what Kconfig cannot express, and says so.
fn check_image(packages: &BTreeMap<String, Vec<u8>>) {
    let name = format!("linux-image-{RELEASE}_5.4.230+mptcp0.96-1_amd64.deb");
    let image = files(&packages[&name]);
    for (folder, line) in [
        ("modprobe.d", "alias mptcp_roundrobin mptcp_rr"),
        ("modules-load.d", "mptcp_blest"),
        ("sysctl.d", "-net.mptcp.mptcp_scheduler = blest"),
    ] {
        let path = format!("./usr/lib/{folder}/linux-image-{RELEASE}.conf");
        let text = image.get(&path);
        let text = text.unwrap_or_else(|| panic!("no {path} in {:?}", image.keys()));
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    for (name, package) in packages {
        let added = |path: &String| path.contains("/usr/lib/");
        let count = files(package).keys().filter(|path| added(path)).count();
        assert_eq!(count > 0, name.starts_with("linux-image-"), "{name}");
    }
}

#[test]
#[ignore = "needs a container engine"]
fn a_developers_toy_kernel_is_built_and_not_for_release() {
    let mut place = Place::new();
    let folder = place.served.repository.folder().to_owned();
    let source = format!("{folder}@main");
    let (manifest, packages, _) = place.build(&["--source", &source]);
    assert_eq!(manifest["for_release"], false);
    assert_eq!(manifest["plan"]["unpinned"], true);
    assert_eq!(manifest["source_tree"], manifest["plan"]["source"]["tree"]);
    let version = manifest["plan"]["environment"]["KDEB_PKGVERSION"].as_str();
    let version = version.expect("a version");
    let local = version.strip_prefix("5.4.230+mptcp0.96+local.");
    assert!(local.is_some(), "{version}");
    assert!(packages.keys().all(|name| name.contains(version)));
    assert!(!place.ready.scratch.path("recipes/toy.lock").exists());

    // Such a file is what some trees carry, and would be in the release.
    let marked = toy().with("localversion-x", "-marked");
    marked.commit(&place.served.repository, "marked", 60);
    let source = format!("{folder}@marked");
    let build = ["build", "toy", "--no-smoke", "--source", &source];
    let run = place.ready.scratch.start(&build).wait(BUILD).expect_code(1);
    for expected in [
        "it calls itself \"5.4.230-marked-toy\", and 5.4.230-toy is expected",
        "look for files called localversion*",
    ] {
        assert_says(&run.stderr, expected);
    }
    let kept: Value = serde_json::from_str(&place.ready.scratch.read("out/toy/manifest.json"))
        .expect("a manifest");
    assert_eq!(kept, manifest, "the result before stays");
}

#[test]
#[ignore = "needs a container engine"]
fn an_old_kernels_rpm_packages_have_what_new_ones_have() {
    let mut place = Place::new();
    let recipe = place.ready.scratch.read("recipes/toy.toml");
    let target = "distribution = \"debian\"\nrelease = \"12\"\nformat = \"deb\"";
    assert!(recipe.contains(target));
    let rocky = "distribution = \"rocky\"\nrelease = \"9\"\nformat = \"rpm\"";
    let recipe = recipe.replace(target, rocky);
    place.ready.scratch.write("recipes/toy.toml", recipe);
    let source = format!("{}@main", place.served.repository.folder());
    let (manifest, packages, _) = place.build(&["--source", &source]);
    let tree = manifest["source_tree"].as_str().expect("a digest");
    let local = format!("local.{}", &tree[..12]);
    let uname_r = format!("5.4.230-{local}.1.toy");
    assert_eq!(manifest["kernel_release"], uname_r);

    let listed = |kind: &str| {
        let name = format!("kernel-toy{kind}-5.4.230-{local}^1.x86_64.rpm");
        let package = formats::rpm::open(&packages[&name][..]).expect("a package");
        let paths = package.files().iter().map(|file| file.path.clone());
        let paths: Vec<_> = paths.collect();
        (package.fields().clone(), paths)
    };
    let modules = format!("lib/modules/{uname_r}");
    let (fields, paths) = listed("");
    for file in ["vmlinuz", "config"] {
        assert!(paths.contains(&format!("{modules}/{file}")), "{paths:?}");
    }
    for folder in ["modprobe.d", "modules-load.d", "sysctl.d"] {
        let path = format!("usr/lib/{folder}/kernel-toy-5.4.230-{local}^1.conf");
        assert!(paths.contains(&path), "{path}: {paths:?}");
    }
    assert!(
        !paths.iter().any(|path| path.contains("vmlinux")),
        "{paths:?}"
    );
    assert!(
        fields["Posttrans"].contains("kernel-install add"),
        "{fields:?}"
    );
    assert!(
        !fields.contains_key("Post") && !fields.contains_key("Obsoletes"),
        "{fields:?}"
    );
    let (_, paths) = listed("-devel");
    let headers = format!("usr/src/kernels/{uname_r}");
    for path in [
        format!("{modules}/build"),
        format!("{headers}/Makefile"),
        format!("{headers}/Module.symvers"),
        format!("{headers}/include/linux/toy.h"),
    ] {
        assert!(paths.contains(&path), "{path}: {paths:?}");
    }
    let (fields, paths) = listed("-headers");
    assert!(
        paths.contains(&"usr/include/linux/mptcp.h".to_owned()),
        "{paths:?}"
    );
    assert!(!fields.contains_key("Obsoletes"), "{fields:?}");

    let (again, packages_again, _) = place.build(&["--source", &source]);
    assert_eq!(again, manifest);
    assert!(packages == packages_again, "other packages");
}
