//! One real build: packages that dpkg reads, and a manifest that tells the truth about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use formats::deb;
use host::environment::var;
use model::digest::Sha256;
use serde_json::Value;

use crate::engine;
use crate::prepared::{Ready, cache, say};

/// How long a build of `mini` may take; it takes seven minutes on two idle cores.
const BUILD: Duration = Duration::from_secs(60 * 60);
/// The most that one package may unpack to.
const MAX_DATA: u64 = 1 << 30;

/// The one build that the tests share, kept in memory so that its folder need not stay.
pub(crate) struct Built {
    pub(crate) report: Value,
    /// Where `out/mini` led to.
    link: PathBuf,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// The project's folder.
    project: String,
}

static BUILT: OnceLock<Built> = OnceLock::new();

pub(crate) fn built(ready: &Ready) -> &'static Built {
    BUILT.get_or_init(|| {
        let scratch = &ready.scratch;
        // It begins without objects, as every build that is kept and reproduced; those that it leaves are for others.
        for volume in engine::all_volumes() {
            if volume.starts_with("mptcp-kernels-objects-mini.") {
                engine::remove_volume(&volume);
            }
        }
        let run = scratch
            .start(&["build", "mini", "--incremental", "--format", "json"])
            .wait(BUILD)
            .expect_code(0);
        let out = scratch.path("out/mini");
        Built {
            report: run.json(),
            link: fs::read_link(&out).expect("out/mini is a link"),
            files: read_all(&out),
            project: scratch
                .path("")
                .to_str()
                .expect("a UTF-8 path")
                .trim_end_matches('/')
                .to_owned(),
        }
    })
}

fn read_all(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder)
        .expect("the result")
        .map(|entry| entry.expect("an entry"));
    let read = |entry: fs::DirEntry| {
        assert!(entry.file_type().expect("a type").is_file(), "{entry:?}");
        (
            entry.file_name().into_string().expect("a UTF-8 name"),
            fs::read(entry.path()).expect("a file"),
        )
    };
    entries.map(read).collect()
}

impl Built {
    pub(crate) fn text(&self, name: &str) -> &str {
        std::str::from_utf8(&self.files[name]).expect("a text")
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(self.text(name)).expect("JSON")
    }

    /// The name of the package that has the kernel.
    pub(crate) fn image_name(&self) -> &str {
        self.packages()
            .find(|name| name.starts_with("linux-image-"))
            .expect("an image")
    }

    fn packages(&self) -> impl Iterator<Item = &String> {
        self.files.keys().filter(|name| name.ends_with(".deb"))
    }
}

/// The files whose bytes are not those that `sums` has, in the form of `sha256sum`.
fn wrong_sums(sums: &str, files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let is_wrong = |line: &&str| match line.split_once("  ") {
        Some((digest, name)) => files
            .get(name)
            .is_none_or(|bytes| Sha256::of(bytes).to_string() != digest),
        None => true,
    };
    sums.lines().filter(is_wrong).map(str::to_owned).collect()
}

#[test]
#[ignore = "needs a container engine"]
fn mini_builds_into_packages_that_dpkg_reads() {
    let ready = Ready::new();
    let built = built(&ready);
    let manifest = built.json("manifest.json");
    let run = built.json("run.json");
    assert_eq!(built.report["manifest"], manifest);
    assert_eq!(built.report["run"], run);
    assert!(built.link.starts_with(".results"), "{:?}", built.link);

    let release = manifest["kernel_release"].as_str().expect("a release");
    assert!(
        release.starts_with("6.12.") && release.ends_with("-mptcp-mini"),
        "{release}"
    );
    check_files(built, &manifest, release);
    check_run(&run, &manifest);
    check_configuration(built, release);
    check_nothing_of_the_host(built);
    check_dpkg(built, &manifest, release);
}

/// There are the files that should be, and they are what manifest and checksums say.
fn check_files(built: &Built, manifest: &Value, release: &str) {
    let version = manifest["plan"]["environment"]["KDEB_PKGVERSION"]
        .as_str()
        .expect("a version");
    let expected: BTreeSet<_> = [
        &format!("linux-image-{release}_{version}_amd64.deb"),
        &format!("linux-headers-{release}_{version}_amd64.deb"),
        &format!("linux-libc-dev_{version}_amd64.deb"),
        "config",
        "build.log.gz",
        "manifest.json",
        "run.json",
        "smoke.json",
        "smoke.html",
        "smoke.xml",
        "smoke-console.log.gz",
        "SHA256SUMS",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(
        built.files.keys().cloned().collect::<BTreeSet<_>>(),
        expected
    );

    let varying = [
        "build.log.gz",
        "manifest.json",
        "run.json",
        "SHA256SUMS",
        "smoke",
    ];
    let artifacts = manifest["artifacts"].as_object().expect("artifacts");
    let lasting = || {
        built
            .files
            .iter()
            .filter(|(name, _)| !varying.iter().any(|varying| name.starts_with(varying)))
    };
    assert!(
        lasting().map(|(name, _)| name).eq(artifacts.keys()),
        "{artifacts:?}"
    );
    for (name, bytes) in lasting() {
        assert_eq!(artifacts[name]["size"], bytes.len(), "{name}");
        assert_eq!(
            artifacts[name]["sha256"],
            Sha256::of(bytes).to_string(),
            "{name}"
        );
    }

    let sums = built.text("SHA256SUMS");
    assert_eq!(sums.lines().count(), artifacts.len() + 1, "{sums}");
    assert_eq!(wrong_sums(sums, &built.files), Vec::<String>::new());
    // One changed byte is noticed.
    let mut files = built.files.clone();
    files.get_mut("manifest.json").expect("it is there")[0] ^= 1;
    assert_eq!(wrong_sums(sums, &files).len(), 1);
}

fn check_run(run: &Value, manifest: &Value) {
    assert_eq!(run["plan_id"], manifest["plan_id"]);
    assert_eq!(run["incremental"], false, "it began without objects");
    let told = |fact: &str| run["compiler_cache"][fact].as_u64().expect("a number");
    assert!(told("hits") + told("misses") > 500, "{run}");
    let surroundings = run["surroundings"].as_object().expect("surroundings");
    assert_eq!(surroundings.len(), 12, "{surroundings:?}");
    assert_eq!(surroundings["path"], "/build");
    let phases = run["phases"].as_array().expect("phases");
    let names: Vec<_> = phases
        .iter()
        .filter_map(|phase| phase["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "container",
            "inputs",
            "source",
            "configure",
            "compile",
            "package",
            "collect"
        ]
    );
    for phase in phases {
        let seconds = phase["seconds"].as_f64().expect("seconds");
        let least = if phase["name"] == "compile" { 1.0 } else { 0.0 };
        assert!((least..BUILD.as_secs_f64()).contains(&seconds), "{phase}");
    }
    let compile = phases.iter().find(|phase| phase["name"] == "compile");
    let peak = compile.and_then(|compile| compile["peak_memory"].as_u64());
    let peak = peak.expect("the peak memory of the compilation");
    assert!((50 << 20..64 << 30).contains(&peak), "{peak}");
}

/// The configuration in the image package is the one beside it, and has MPTCP.
fn check_configuration(built: &Built, release: &str) {
    let package = deb::open(built.files[built.image_name()].as_slice()).expect("a package");
    let data = package.data(MAX_DATA).expect("the package's data");
    let mut config = None;
    for entry in tar::Archive::new(data).entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        if entry
            .path()
            .expect("a path")
            .ends_with(format!("boot/config-{release}"))
        {
            config = Some(std::io::read_to_string(&mut entry).expect("a text"));
        }
    }
    let config = config.expect("the image has its configuration");
    assert_eq!(config, built.text("config"));
    for line in ["CONFIG_MPTCP=y", "CONFIG_MPTCP_IPV6=y"] {
        assert!(config.lines().any(|found| found == line), "{line}");
    }
}

/// The manifest holds nothing of the machine, the user or the run.
fn check_nothing_of_the_host(built: &Built) {
    let manifest = built.text("manifest.json");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let names = [Some(host.trim().to_owned()), var("USER"), var("LOGNAME")];
    // A machine called `debian` is no leak: the recipe says that too.
    let ready = Ready::new();
    let said = [
        "recipes/mini.toml",
        "recipes/mini.lock",
        "containers/debian-13.toml",
    ]
    .map(|path| ready.scratch.read(path))
    .concat();
    for name in names
        .into_iter()
        .flatten()
        .filter(|name| !name.is_empty() && !has_word(&said, name))
    {
        assert!(!has_word(manifest, &name), "the manifest names {name}");
    }
    let home = var("HOME").unwrap_or_default();
    let cache = cache();
    for path in [
        built.project.as_str(),
        &home,
        cache.to_str().expect("a UTF-8 path"),
        env!("CARGO_MANIFEST_DIR"),
    ] {
        assert!(
            path.len() < 2 || !manifest.contains(path),
            "the manifest names {path}"
        );
    }
    assert!(
        !manifest.contains("started") && !manifest.contains("\"jobs\""),
        "{manifest}"
    );
    assert!(
        has_word("by user@host-1:", "user")
            && has_word("x host-1", "host-1")
            && !has_word("users", "user")
    );
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.match_indices(word).any(|(start, _)| {
        let (before, after) = (&text[..start], &text[start + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// The distribution's own tool sees what the manifest says.
fn check_dpkg(built: &Built, manifest: &Value, release: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in built.packages() {
        let path = folder.path().join(name);
        fs::write(&path, &built.files[name]).expect("a package can be written");
        let Some(info) = dpkg_deb("--info", &path) else {
            assert!(var("CI").is_none(), "dpkg-deb must be there in CI");
            say("skipped: reading packages with dpkg-deb (this host has none)");
            return;
        };
        let control = manifest["artifacts"][name]["control"]
            .as_object()
            .expect("control fields");
        assert!(control.len() >= 5, "{control:?}");
        for (field, value) in control {
            let first = value
                .as_str()
                .expect("a text")
                .lines()
                .next()
                .unwrap_or_default();
            let line = format!(" {field}: {first}");
            assert!(
                info.lines()
                    .any(|found| found.trim_end() == line.trim_end()),
                "{line} is missing in:\n{info}"
            );
        }
        let contents = dpkg_deb("--contents", &path).expect("dpkg-deb was there before");
        let paths: Vec<_> = contents
            .lines()
            .filter_map(|line| line.split_whitespace().nth(5))
            .collect();
        let wanted = if name.starts_with("linux-image-") {
            vec![
                format!("./boot/vmlinuz-{release}"),
                format!("./boot/config-{release}"),
                format!("./lib/modules/{release}/"),
            ]
        } else if name.starts_with("linux-headers-") {
            vec![format!("./usr/src/linux-headers-{release}/Makefile")]
        } else {
            vec!["./usr/include/linux/mptcp.h".to_owned()]
        };
        for path in wanted {
            assert!(
                paths.contains(&path.as_str()),
                "{path} is not in {name}:\n{contents}"
            );
        }
        assert!(
            contents.lines().all(|line| line.contains(" root/root ")),
            "{name} has other owners than root:\n{contents}"
        );
    }
}

/// What dpkg-deb says of a package; `None` where there is no dpkg-deb.
fn dpkg_deb(action: &str, package: &Path) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the distribution's tool is asked from outside"
    )]
    let mut command = std::process::Command::new("dpkg-deb");
    let output = command
        .arg(action)
        .arg(package)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("dpkg-deb writes UTF-8");
    assert!(
        output.status.success(),
        "dpkg-deb {action}: {}",
        text(output.stderr)
    );
    Some(text(output.stdout))
}
