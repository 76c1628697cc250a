//! `smoke`: boots what was built.

use std::collections::BTreeMap;
use std::time::Duration;
use std::{fs, io};

use builder::build::{Tools, lock_result};
use builder::finished;
use builder::image;
use builder::project::Project;
use builder::report::Reporter;
use camino::{Utf8Path, Utf8PathBuf};
use host::cancel::Cancel;
use model::digest::Sha256;
use model::manifest::{Manifest, Run};
use model::recipe::{self, Recipe};
use model::smoke::{Smoke, Verdict};
use serde::de::DeserializeOwned;
use smoke::error::SmokeError;
use smoke::kernel::{Kernel, Origin, Subject};
use smoke::run::{self, How, Outcome, Qemu};
use smoke::{Accelerator, Wanted, guest, result};

use crate::arguments::{self, Accel, Global};
use crate::context::{self, Online};
use crate::failure::Failure;
use crate::{output, progress};

/// The container that QEMU is in, and the package that it is from.
const CONTAINER: &str = "qemu";
const PACKAGE: &str = "qemu-system-x86";
/// The processors of a machine, where nobody says.
const CPUS: u32 = 2;

pub(crate) fn run(
    global: &Global,
    command: &arguments::Smoke,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let project = context::project(global)?;
    let how = How {
        accelerator: wanted(command.accel),
        cpus: command.cpus,
        full: command.full,
        kernel_arguments: command.kernel_arguments.clone(),
        sabotage: command.sabotage.map(sabotage),
    };
    let (mut target, _held) = match command.what.as_slice() {
        [name] if !name.contains('/') && !is_package(name) => {
            let recipe = project.recipe(name)?;
            let held = lock_result(&project.out(), &recipe.name)?;
            (Target::result(&project, recipe)?, Some(held))
        }
        files => (Target::files(files)?, None),
    };
    target.subject.modules.clone_from(&command.modules);
    // What cannot be booted is told before anything is started for it.
    let kernel = target.kernel(cancel)?;
    let online = Online::open(global, cancel)?;
    let engine = online.engine()?;
    let tools = online.tools(&project, &engine);
    let reporter = progress::reporter(global);
    let booter = Booter::prepare(tools, &*reporter)?;
    let smoked = target.smoke(tools, &booter, &kernel, &how, &*reporter)?;
    drop(reporter);
    output::result(global, &smoked.smoke, |_| smoked.text())?;
    smoked.check()
}

/// Boots the result that `recipe` was just built into, and which is still held.
pub(crate) fn after_build(
    tools: Tools<'_>,
    booter: &Booter,
    recipe: Recipe,
    accel: Accel,
    reporter: &dyn Reporter,
) -> Result<Smoked, Failure> {
    let how = How::plain(wanted(accel), CPUS);
    let target = Target::result(tools.project, recipe)?;
    let kernel = target.kernel(tools.engine.cancel())?;
    target.smoke(tools, booter, &kernel, &how, reporter)
}

/// The verdict on the result of recipe `name`, if it passed its boot before.
pub(crate) fn before(project: &Project, name: &str, manifest: &Manifest) -> Option<Smoked> {
    let folder = project.out().join(name);
    let text = fs::read_to_string(folder.join(result::JSON)).ok()?;
    let smoke = Smoke::parse(&text).ok()?;
    let same = smoke.packages.iter().all(|(name, digest)| {
        let artifact = manifest.artifacts.get(name);
        artifact.is_some_and(|artifact| artifact.sha256 == *digest)
    });
    let passed = smoke.verdict == Verdict::Passed && same && !smoke.packages.is_empty();
    passed.then(|| Smoked {
        name: name.to_owned(),
        page: folder.join(result::PAGE),
        smoke,
    })
}

/// What boots kernels.
pub(crate) struct Booter {
    pub(crate) qemu: Qemu,
    pub(crate) guest: Utf8PathBuf,
}

impl Booter {
    /// Assembles QEMU's container and compiles the guest, unless both are there.
    pub(crate) fn prepare(tools: Tools<'_>, reporter: &dyn Reporter) -> Result<Self, Failure> {
        Ok(Self {
            qemu: qemu(tools, reporter)?,
            guest: guest(tools, "guest")?,
        })
    }
}

/// What is booted, and where its verdict goes.
pub(crate) struct Target {
    name: String,
    pub(crate) subject: Subject,
    /// The folder of the result, where it is one.
    result: Option<Utf8PathBuf>,
}

impl Target {
    /// What `recipe` was built into.
    pub(crate) fn result(project: &Project, recipe: Recipe) -> Result<Self, Failure> {
        let name = recipe.name.to_string();
        let link = project.out().join(&name);
        // The folder itself, whatever the link says later.
        let folder = link.canonicalize_utf8().map_err(|_| Failure::NotBuilt {
            recipe: name.clone(),
        })?;
        let text = read(&folder.join("manifest.json"))?;
        let manifest: Manifest = parse(&folder.join("manifest.json"), &text)?;
        let run = folder.join("run.json");
        let run: Run = parse(&run, &read(&run)?)?;
        let packages: BTreeMap<_, _> = manifest
            .artifacts
            .iter()
            .filter(|(name, _)| is_package(name))
            .map(|(name, artifact)| (name.clone(), artifact.sha256))
            .collect();
        Ok(Self {
            name,
            subject: Subject {
                packages: packages.keys().map(|name| folder.join(name)).collect(),
                origin: Some(Origin {
                    manifest: Sha256::of(&text),
                    kernel: manifest.kernel_rpm().map(str::to_owned),
                    kernel_release: manifest.kernel_release,
                    packages,
                    incremental: run.incremental,
                }),
                line: Some(recipe.line),
                expected: recipe.smoke,
                modules: Vec::new(),
            },
            result: Some(folder),
        })
    }

    fn files(files: &[String]) -> Result<Self, Failure> {
        if let Some(other) = files.iter().find(|file| !is_package(file)) {
            return Err(Failure::Usage(
                format!("`{other}` is no package"),
                "name one recipe, or package files (.deb, .rpm)".to_owned(),
            ));
        }
        let packages: Vec<_> = files.iter().map(Utf8PathBuf::from).collect();
        let mut stems = packages.iter().filter_map(|path| path.file_stem());
        // The folder of the verdict: below out/smoke, whatever the file is called.
        let name = stems.find(|stem| stem.starts_with(|c: char| c.is_alphanumeric()));
        Ok(Self {
            name: name.unwrap_or("package").to_owned(),
            subject: Subject {
                packages,
                origin: None,
                line: None,
                expected: recipe::Smoke::default(),
                modules: Vec::new(),
            },
            result: None,
        })
    }

    /// The kernel in the packages.
    pub(crate) fn kernel(&self, cancel: &Cancel) -> Result<Kernel, Failure> {
        Ok(Kernel::read(self.subject.clone(), cancel)?)
    }

    fn smoke(
        self,
        tools: Tools<'_>,
        booter: &Booter,
        kernel: &Kernel,
        how: &How,
        reporter: &dyn Reporter,
    ) -> Result<Smoked, Failure> {
        reporter.phase("smoke");
        let note = |text: &str| reporter.note(text);
        let outcome = run::run(
            tools.engine,
            &booter.qemu,
            &booter.guest,
            kernel,
            how,
            &note,
        )?;
        let Outcome { mut smoke, console } = outcome;
        let out = tools.project.out();
        let is_plain = how.kernel_arguments.is_empty()
            && how.sabotage.is_none()
            && self.subject.modules.is_empty();
        let is_result = self.result.is_some() && is_plain;
        let (folder, shown) = if let Some(folder) = self.result.filter(|_| is_plain) {
            remember_failures(&mut smoke, &folder)?;
            (folder, out.join(&self.name))
        } else {
            let folder = out.join("smoke").join(&self.name);
            fs::create_dir_all(&folder).map_err(|source| SmokeError::File {
                attempt: "creating",
                path: folder.clone(),
                source,
            })?;
            (folder.clone(), folder)
        };
        result::write(&folder, &smoke, &console)?;
        if is_result {
            finished::update(tools.engine.cache(), &folder)?;
        }
        Ok(Smoked {
            name: self.name,
            page: shown.join(result::PAGE),
            smoke,
        })
    }
}

/// A kernel that failed once and passed later has both in its verdict.
fn remember_failures(smoke: &mut Smoke, folder: &Utf8Path) -> Result<(), Failure> {
    let path = folder.join(result::JSON);
    let before = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(&path, error)),
    };
    match Smoke::parse(&before) {
        Ok(before) => {
            smoke.remember(&before);
            Ok(())
        }
        Err(error) => Err(Failure::NoVerdict {
            path,
            reason: error.to_string(),
        }),
    }
}

fn read(path: &Utf8Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|source| unreadable(path, source))
}

fn parse<T: DeserializeOwned>(path: &Utf8Path, text: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(text).map_err(|error| unreadable(path, error.into()))
}

fn is_package(name: &str) -> bool {
    [".deb", ".rpm"].iter().any(|end| name.ends_with(end))
}

fn unreadable(path: &Utf8Path, source: std::io::Error) -> Failure {
    SmokeError::File {
        attempt: "reading",
        path: path.to_owned(),
        source,
    }
    .into()
}

/// QEMU, assembled now unless the engine has it.
fn qemu(tools: Tools<'_>, reporter: &dyn Reporter) -> Result<Qemu, Failure> {
    let container = image::of_container(tools, CONTAINER, reporter)?;
    let package = container
        .lock
        .packages
        .iter()
        .find(|package| package.name.as_str() == PACKAGE);
    Ok(Qemu {
        image: container.image,
        tag: container.tag,
        version: package.map_or_else(|| "none".to_owned(), |package| package.version.clone()),
    })
}

/// A program of package `guest`, compiled now unless it is up to date.
pub(crate) fn guest(tools: Tools<'_>, program: &str) -> Result<Utf8PathBuf, Failure> {
    // The sources that this tool was compiled with, whatever project it works on.
    let workspace = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = guest::compile(&workspace, program, tools.engine.cancel());
    Ok(program.map_err(SmokeError::Guest)?)
}

fn wanted(accel: Accel) -> Wanted {
    match accel {
        Accel::Auto => Wanted::Auto,
        Accel::Kvm => Wanted::Only(Accelerator::Kvm),
        Accel::Tcg => Wanted::Only(Accelerator::Tcg),
    }
}

fn sabotage(named: arguments::Sabotage) -> protocol::Sabotage {
    use arguments::Sabotage as Named;
    use protocol::Sabotage;
    match named {
        Named::BlockJoins => Sabotage::BlockJoins,
        Named::CutBothLinks => Sabotage::CutBothLinks,
        Named::FlipByte => Sabotage::FlipByte,
        Named::Die => Sabotage::Die,
        Named::Hang => Sabotage::Hang,
        Named::CutLine => Sabotage::CutLine,
        Named::NewerProtocol => Sabotage::NewerProtocol,
        Named::HostileLog => Sabotage::HostileLog,
    }
}

/// A verdict that was written.
pub(crate) struct Smoked {
    name: String,
    page: Utf8PathBuf,
    pub(crate) smoke: Smoke,
}

impl Smoked {
    /// What a person wants to see of it.
    pub(crate) fn text(&self) -> String {
        let smoke = &self.smoke;
        let mut text = match (&smoke.verdict, &smoke.reason) {
            (Verdict::Passed, _) => "smoke: passed".to_owned(),
            (_, reason) => format!(
                "smoke: failed: {}",
                reason.as_deref().unwrap_or("no reason known")
            ),
        };
        if let Some(machine) = &smoke.machine {
            text.push_str(&format!(
                "\n  {} under {} with {} processors, QEMU {}\n",
                smoke
                    .kernel_release
                    .as_deref()
                    .unwrap_or("an unknown kernel"),
                machine.accelerator,
                machine.cpus,
                machine.qemu
            ));
        }
        for span in &smoke.phases {
            let of_group = || smoke.checks.iter().filter(|check| check.group == span.name);
            let (all, failed) = (
                of_group().count(),
                of_group().filter(|check| !check.passed).count(),
            );
            let checks = match (all, failed) {
                (0, _) => String::new(),
                (all, 0) => format!(", {all} checks"),
                (all, failed) => format!(", {failed} of {all} checks FAILED"),
            };
            text.push_str(&format!(
                "  {:>8.1} s  {}{checks}\n",
                span.end - span.start,
                span.name
            ));
        }
        for failure in &smoke.earlier_failures {
            text.push_str(&format!(
                "  this kernel failed before: {}\n",
                failure.reason
            ));
        }
        for carried in &smoke.links {
            text.push_str(&format!(
                "  {} {}: {} bytes in {:.2} s, links {} + {}\n",
                carried.transfer,
                carried.direction,
                carried.payload,
                Duration::from_micros(carried.microseconds).as_secs_f64(),
                carried.links[0],
                carried.links[1]
            ));
        }
        for choice in &smoke.choices {
            text.push_str(&format!(
                "  {} {}: {} bytes in {:.2} s, {} subflows, links {} + {}\n",
                choice.group,
                choice.name,
                choice.payload,
                Duration::from_micros(choice.microseconds).as_secs_f64(),
                choice
                    .subflows
                    .map_or_else(|| "unknown".to_owned(), |count| count.to_string()),
                choice.links[0],
                choice.links[1]
            ));
        }
        for check in smoke.checks.iter().filter(|check| !check.passed) {
            text.push_str(&format!(
                "  FAILED {}: {}: expected {}, found {}\n",
                check.group, check.name, check.expected, check.found
            ));
        }
        text.push_str(&format!("  {}\n", self.page));
        text
    }

    /// A verdict that is not `passed` is a failure of the command.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.smoke.verdict {
            Verdict::Passed => Ok(()),
            Verdict::Failed | Verdict::NotRun => Err(Failure::Smoke {
                what: self.name.clone(),
                reason: self.smoke.reason.clone().unwrap_or_default(),
                page: self.page.clone(),
            }),
        }
    }
}
