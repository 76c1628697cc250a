//! Results that no build made and nobody booted, with all that a real one has: what the bench releases, and what tests
//! spoil. None of them is ever written into a project's own `out/`.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use builder::plan::Planned;
use camino::{Utf8Path, Utf8PathBuf};
use formats::package;
use model::digest::Sha256;
use model::manifest::{self, Artifact, Manifest, Run};
use model::smoke::{Capabilities, Check, Machine, Smoke, Verdict};

use crate::deb::Deb;

/// When it was built and booted, in seconds since 1970.
const STARTED: u64 = 1_700_000_000;

/// A result in the making; whoever wants it spoilt changes it before it is written.
#[derive(Debug)]
pub struct Synthetic {
    /// The recipe.
    pub recipe: String,
    /// Its packages, by file name.
    pub packages: BTreeMap<String, Vec<u8>>,
    /// The configuration.
    pub config: String,
    /// The manifest; its artifacts are put right when it is written.
    pub manifest: Manifest,
    /// The record of the run.
    pub run: Run,
    /// The verdict; what it was taken of is put right when it is written.
    pub smoke: Smoke,
}

impl Synthetic {
    /// A result of this plan with these packages, that passed everything.
    pub fn of(planned: &Planned, packages: BTreeMap<String, Vec<u8>>) -> Self {
        let identity = &planned.identity;
        let plan = serde_json::from_str(&planned.plan.canonical_json());
        let manifest = Manifest {
            schema: manifest::SCHEMA,
            plan_id: planned.plan.id(),
            plan: plan.unwrap_or_default(),
            for_release: planned.recipe.for_release,
            source_tree: Sha256::of("a tree"),
            kernel_release: format!("{}{}", identity.version, identity.local_version),
            artifacts: BTreeMap::new(),
            lost: BTreeMap::new(),
            unreproducible: BTreeMap::new(),
        };
        let run = Run {
            schema: manifest::SCHEMA,
            plan_id: planned.plan.id(),
            started: STARTED,
            phases: Vec::new(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            engine: BTreeMap::new(),
            tool_peak_memory: None,
            jobs: 2,
            incremental: false,
            compiler_cache: None,
            surroundings: BTreeMap::new(),
        };
        Self {
            recipe: planned.recipe.name.to_string(),
            packages,
            config: "CONFIG_MPTCP=y\n".to_owned(),
            manifest,
            run,
            smoke: passed(),
        }
    }

    /// Writes it below `out`, in place of what is there; what follows from the rest is put right.
    ///
    /// # Errors
    /// It cannot be written, or one of the packages is none.
    pub fn write(mut self, out: &Utf8Path) -> io::Result<Utf8PathBuf> {
        let folder = out.join(&self.recipe);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&folder)?,
        }
        let mut files = self.packages;
        let packages = files.iter();
        self.smoke.packages = packages
            .map(|(name, bytes)| (name.clone(), Sha256::of(bytes)))
            .collect();
        files.insert("config".to_owned(), self.config.into_bytes());
        for (name, bytes) in &files {
            let artifact = artifact(name, bytes)?;
            self.manifest.artifacts.insert(name.clone(), artifact);
            fs::write(folder.join(name), bytes)?;
        }
        let manifest = serde_json::to_string_pretty(&self.manifest)?;
        self.smoke.manifest = Some(Sha256::of(&manifest));
        self.smoke.kernel_release = Some(self.manifest.kernel_release.clone());
        let sums = self.manifest.artifacts.iter();
        let sums = sums.map(|(name, artifact)| format!("{}  {name}\n", artifact.sha256));
        let sums: String = sums
            .chain([format!("{}  manifest.json\n", Sha256::of(&manifest))])
            .collect();
        for (name, text) in [
            ("manifest.json", manifest),
            ("run.json", serde_json::to_string(&self.run)?),
            ("smoke.json", self.smoke.render()?),
            (
                "smoke.html",
                "<!DOCTYPE html><title>nothing was booted</title>".to_owned(),
            ),
            ("SHA256SUMS", sums),
        ] {
            fs::write(folder.join(name), text)?;
        }
        Ok(folder)
    }
}

/// A `.deb` of one file.
///
/// # Errors
/// None that memory does not cause.
pub fn deb(name: &str, version: &str, content: &[u8]) -> io::Result<Vec<u8>> {
    let control =
        format!("Package: {name}\nVersion: {version}\nArchitecture: amd64\nDescription: noise\n");
    let deb = Deb {
        control: &control,
        files: &[("usr/share/noise", content)],
        time: STARTED,
    };
    deb.build()
}

/// An `.rpm` of one file.
///
/// # Errors
/// None that memory does not cause.
pub fn rpm(name: &str, version: &str, content: Vec<u8>) -> io::Result<Vec<u8>> {
    let (version, release) = version.split_once('-').unwrap_or((version, "1"));
    let config = rpm::BuildConfig::v4()
        .compression(rpm::CompressionType::None)
        .source_date(u32::try_from(STARTED).unwrap_or(u32::MAX));
    let mut builder = rpm::PackageBuilder::new(name, version, "MIT", "x86_64", "Noise");
    builder.using_config(config).release(release);
    let file = rpm::FileOptions::new("/usr/share/noise");
    let built = builder
        .with_file_contents(content, file)
        .map_err(io::Error::other)?
        .build();
    let mut bytes = Vec::new();
    let built = built.map_err(io::Error::other)?;
    built.write(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

fn artifact(name: &str, bytes: &[u8]) -> io::Result<Artifact> {
    let is_package = name.ends_with(".deb") || name.ends_with(".rpm");
    let read = is_package.then(|| package::open(bytes)).transpose();
    Ok(Artifact {
        size: bytes.len() as u64,
        sha256: Sha256::of(bytes),
        control: read
            .map_err(io::Error::other)?
            .map(|package| package.fields()),
    })
}

/// A verdict of a kernel that can do a little.
fn passed() -> Smoke {
    let nothing = Smoke::not_run(None, BTreeMap::new(), None, STARTED, String::new());
    Smoke {
        verdict: Verdict::Passed,
        reason: None,
        machine: Some(Machine {
            accelerator: "tcg".to_owned(),
            cpus: 2,
            memory: 1 << 29,
            qemu: "10".to_owned(),
            container: "tag".to_owned(),
            guest: Sha256::of("guest"),
            initramfs: 3,
            command_line: "panic=-1".to_owned(),
            sabotage: None,
        }),
        checks: vec![Check {
            group: "boot".to_owned(),
            name: "it boots".to_owned(),
            passed: true,
            expected: "yes".to_owned(),
            found: "yes".to_owned(),
        }],
        capabilities: Capabilities {
            schedulers: vec!["default".to_owned()],
            ..Capabilities::default()
        },
        ..nothing
    }
}
