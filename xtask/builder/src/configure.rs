//! The kernel's configuration: made by kconfig in a container, then checked both ways.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use host::engine::{Container, ContainerSpec, Engine, Privileges};
use host::store::Store;
use host::tar_entry::{append_file, append_folder, header};
use model::kconfig::reproducible::unreproducible;
use model::kconfig::{DotConfig, Loss, Value, losses, mismatches, rule_violations, wanted};
use model::lock::InputRole;
use model::mptcp::OutOfTree;
use model::recipe::{Base, Recipe};
use model::strict::{Problem, Problems};

use crate::ccache::Ccache;
use crate::error::BuildError;
use crate::kconfig::explain;
use crate::log::Log;
use crate::objects::Objects;
use crate::plan::Planned;
use crate::report::Reporter;
use crate::source::SourceTree;
use crate::surroundings::Surroundings;
use crate::{scripts, stock};

/// How long kconfig may take; it takes half a minute.
const DEADLINE: Duration = Duration::from_secs(15 * 60);
/// How much memory kconfig may use, in bytes.
const MEMORY: u64 = 2 << 30;

/// Where a kernel is configured and compiled.
#[derive(Debug)]
pub(crate) struct Workshop<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) image: String,
    pub(crate) source: SourceTree,
    pub(crate) build: Objects<'a>,
    pub(crate) surroundings: Surroundings,
    /// The compiler's cache, where one is used.
    pub(crate) ccache: Option<Ccache>,
    /// The folder of the logs.
    pub(crate) logs: Utf8PathBuf,
}

/// A configuration that passed every check.
#[derive(Debug, Clone)]
pub struct Configured {
    /// The text of the `.config`.
    pub text: String,
    /// What it says.
    pub config: DotConfig,
    /// The release that the kernel will report.
    pub kernel_release: String,
    /// What it lost against the stock configuration, each loss with its reason.
    pub losses: Vec<Loss>,
    /// By which symbols another build of it can differ, with the reasons why the recipe accepts that.
    pub unreproducible: BTreeMap<String, String>,
    /// What it starts from: the stock configuration, or what the base target makes.
    pub base: DotConfig,
    /// Whether that is a stock configuration.
    pub from_stock: bool,
}

impl Workshop<'_> {
    /// A container of the build: no network, an ordinary user, the source read-only.
    pub(crate) fn container(
        &self,
        purpose: &str,
        command: Vec<String>,
        mut environment: Vec<(String, String)>,
        memory: u64,
        terminal: bool,
    ) -> Result<Container<'_>, BuildError> {
        let workshop = self.surroundings.workshop;
        environment.push(("WORKSHOP".to_owned(), workshop.to_owned()));
        let (command, environment) = self.surroundings.run(command, environment);
        let mut mounts = vec![self.source.mount(), self.build.mount(workshop)];
        mounts.extend(self.ccache.as_ref().map(Ccache::mount));
        Ok(self.engine.create(&ContainerSpec {
            purpose: purpose.to_owned(),
            image: self.image.clone(),
            command,
            environment,
            mounts,
            privileges: Privileges::None,
            memory,
            terminal,
            surroundings: self.surroundings.container.clone(),
        })?)
    }

    /// Puts the inputs of the configuration into the build volume, and gives it to the build user.
    fn prepare(&self, planned: &Planned, base: Option<&str>) -> Result<(), BuildError> {
        let surroundings = &self.surroundings;
        let mount = self.build.mount(surroundings.workshop);
        let spec = ContainerSpec::filler("inputs", &self.image, mount);
        let filler = self.engine.create(&spec)?;
        // Names in an archive begin at the root.
        let place = |below: &str| surroundings.path(below).trim_matches('/').to_owned();
        filler.put("/", |writer| {
            let mut tar = tar::Builder::new(writer);
            let mut own = header(tar::EntryType::Directory, 0o755);
            own.set_uid(surroundings.container.user);
            own.set_gid(surroundings.container.user);
            tar.append_data(&mut own, place(""), io::empty())?;
            append_folder(&mut tar, &place("inputs"))?;
            append_folder(&mut tar, &place("inputs/fragments"))?;
            if let Some(base) = base {
                append_file(&mut tar, &place("inputs/base.config"), base.as_bytes())?;
            }
            for (index, fragment) in planned.fragments.iter().enumerate() {
                append_file(
                    &mut tar,
                    &place(&format!("inputs/fragments/{index:02}.config")),
                    fragment.file.text.as_bytes(),
                )?;
            }
            append_folder(&mut tar, &place("inputs/files"))?;
            let files = planned.recipe.out_of_tree.as_ref().map(OutOfTree::files);
            for (folder, text) in files.unwrap_or_default() {
                let path = place(&format!("inputs/files/{folder}.conf"));
                append_file(&mut tar, &path, text.as_bytes())?;
            }
            let texts = [
                ("explain.py", scripts::EXPLAIN_PY),
                ("kernel.spec", scripts::KERNEL_SPEC),
                ("install-extmod-build.sh", scripts::INSTALL_EXTMOD_BUILD),
            ];
            for (name, text) in texts {
                append_file(&mut tar, &place(&format!("inputs/{name}")), text.as_bytes())?;
            }
            tar.finish()
        })?;
        Ok(())
    }
}

/// Makes the configuration of `planned` in the workshop, without judging it.
pub(crate) fn make(
    workshop: &Workshop<'_>,
    store: &Store,
    planned: &Planned,
) -> Result<Configured, BuildError> {
    let stock_text = match planned.plan.input(InputRole::StockConfiguration) {
        Some(input) => Some(stock::configuration(store, &input.package)?),
        None => None,
    };
    workshop.prepare(planned, stock_text.as_deref())?;
    let mut environment: Vec<_> = planned.plan.environment.clone().into_iter().collect();
    if let Base::Target(target) = &planned.recipe.config.base {
        environment.push(("CONFIG_TARGET".to_owned(), target.to_string()));
    }
    let container = workshop.container(
        "configure",
        scripts::command(scripts::CONFIGURE, &[]),
        environment,
        MEMORY,
        false,
    )?;
    let path = workshop.logs.join("configure.log");
    let mut log = Log::create(&path)?;
    let exit = container.run(DEADLINE, |_, bytes| log.write(bytes))?;
    let lines = log.finish()?;
    if exit.code != 0 {
        return Err(BuildError::Script {
            what: "kconfig".to_owned(),
            code: exit.code,
            lines,
            log: path,
        });
    }
    let place = |below| workshop.surroundings.path(below);
    let text = read_file(&container, &place("kernel/.config"), stock::MAX_CONFIG)?;
    let kernel_release = read_file(&container, &place("kernel-release"), 256)?
        .trim()
        .to_owned();
    check_release(planned, &kernel_release)?;
    let config = parse(&text)?;
    let base = parse(&read_file(
        &container,
        &place("base.config"),
        stock::MAX_CONFIG,
    )?)?;
    let from_stock = stock_text.is_some();
    let losses = if from_stock {
        losses(&planned.recipe, &base, &config)
    } else {
        Vec::new()
    };
    Ok(Configured {
        unreproducible: accepted(&planned.recipe, &config),
        text,
        config,
        kernel_release,
        losses,
        base,
        from_stock,
    })
}

/// The release is the version of the source and what the recipe makes follow it, and nothing that kbuild finds to add.
fn check_release(planned: &Planned, found: &str) -> Result<(), BuildError> {
    let local = &planned.identity.local_version;
    let source = planned.plan.source.as_ref();
    let expected = source.map(|source| format!("{}{local}", source.kernel));
    match expected.filter(|expected| expected != found) {
        None => Ok(()),
        Some(expected) => Err(BuildError::WrongTree {
            recipe: planned.recipe.name.clone(),
            reason: format!("it calls itself {found:?}, and {expected} is expected"),
            help: "look for files called localversion* in the source, which add to the release",
        }),
    }
}

/// Makes the configuration of `planned` in the workshop and judges it.
pub(crate) fn configure(
    workshop: &Workshop<'_>,
    store: &Store,
    planned: &Planned,
    reporter: &dyn Reporter,
) -> Result<Configured, BuildError> {
    let configured = make(workshop, store, planned)?;
    check(planned, &configured.config, |symbols| {
        explain(workshop, planned, symbols)
    })?;
    let recipe = &planned.recipe;
    let lost: Vec<_> = configured
        .losses
        .iter()
        .filter(|loss| loss.reason.is_none())
        .collect();
    if !lost.is_empty() {
        let losses = lost
            .iter()
            .map(|loss| format!("{}: {} is now {}", loss.symbol, loss.stock, loss.ours))
            .collect();
        return Err(BuildError::Losses {
            recipe: recipe.name.clone(),
            losses,
        });
    }
    if configured.from_stock {
        let stock = configured.base.count(&Value::Yes) + configured.base.count(&Value::Module);
        let lost = configured.losses.len();
        reporter.note(&format!("configuration: of {stock} stock symbols that are on, {lost} are lost, all of them allowed"));
    }
    if !configured.unreproducible.is_empty() {
        let symbols: Vec<_> = configured.unreproducible.keys().cloned().collect();
        reporter.note(&format!(
            "configuration: another build can differ by {}, which the recipe accepts",
            symbols.join(", ")
        ));
    }
    Ok(configured)
}

/// Checks a configuration against the recipe: every symbol asked for, the rules of MPTCP, and that it can be built
/// again.
/// `explain` tells what kconfig knows of symbols; it is asked only about those that went wrong.
pub(crate) fn check(
    planned: &Planned,
    config: &DotConfig,
    explain: impl FnOnce(&[&str]) -> Result<BTreeMap<String, String>, BuildError>,
) -> Result<(), BuildError> {
    let assignments: Vec<_> = planned
        .fragments
        .iter()
        .map(|fragment| fragment.assignments.clone())
        .collect();
    let mismatches = mismatches(&wanted(&assignments), config);
    if !mismatches.is_empty() {
        let symbols: Vec<_> = mismatches
            .iter()
            .map(|mismatch| mismatch.symbol.as_str())
            .collect();
        let explanations = explain(&symbols)?;
        let mut problems: Vec<_> = mismatches
            .iter()
            .map(|mismatch| {
                let mut problem = mismatch.problem();
                if let Some(explanation) = explanations.get(mismatch.symbol.as_str()) {
                    problem.message = format!("{}\n{explanation}", problem.message);
                }
                problem
            })
            .collect();
        problems.extend(broken_rules(planned, config));
        return Err(Problems::new(
            &format!("configuration of recipe `{}`", planned.recipe.name),
            &problems,
        )
        .into());
    }
    let violations = rule_violations(planned.recipe.line, config);
    if !violations.is_empty() {
        return Err(BuildError::Rules {
            recipe: planned.recipe.name.clone(),
            violations,
        });
    }
    check_reproducible(&planned.recipe, config)
}

/// Refuses what makes two builds of one plan differ and the recipe does not accept.
fn check_reproducible(recipe: &Recipe, config: &DotConfig) -> Result<(), BuildError> {
    let accepted = &recipe.config.unreproducible;
    let findings = unreproducible(config).into_iter();
    let findings: Vec<_> = findings
        .filter(|finding| !accepted.contains_key(&finding.symbol))
        .map(|finding| finding.to_string())
        .collect();
    if findings.is_empty() {
        return Ok(());
    }
    Err(BuildError::Unreproducible {
        recipe: recipe.name.clone(),
        findings,
    })
}

/// What makes two builds of one plan differ and the recipe accepts, with its reasons.
fn accepted(recipe: &Recipe, config: &DotConfig) -> BTreeMap<String, String> {
    let findings = unreproducible(config).into_iter();
    let accepted = findings.filter_map(|finding| {
        let reason = recipe.config.unreproducible.get(&finding.symbol)?;
        Some((finding.symbol.to_string(), reason.value.clone()))
    });
    accepted.collect()
}

/// The rules that a configuration breaks; they often tell why a symbol is not there.
fn broken_rules(planned: &Planned, config: &DotConfig) -> Vec<Problem> {
    let Some(file) = planned.recipe.files.last() else {
        return Vec::new();
    };
    let problem = |message| Problem {
        message,
        file: Arc::clone(file),
        span: None,
    };
    let violations = rule_violations(planned.recipe.line, config).into_iter();
    violations.map(problem).collect()
}

pub(crate) fn parse(text: &str) -> Result<DotConfig, BuildError> {
    DotConfig::parse(text).map_err(|error| BuildError::Unexpected(error.to_string()))
}

/// Reads one small file out of a container.
pub(crate) fn read_file(
    container: &Container<'_>,
    path: &str,
    limit: u64,
) -> Result<String, BuildError> {
    let unexpected = |reason: String| BuildError::Unexpected(format!("{path}: {reason}"));
    let mut archive = tar::Archive::new(container.get(path));
    let mut entries = archive
        .entries()
        .map_err(|error| unexpected(error.to_string()))?;
    let entry = entries
        .next()
        .ok_or_else(|| unexpected("it is not there".to_owned()))?;
    let entry = entry.map_err(|error| unexpected(error.to_string()))?;
    if !entry.header().entry_type().is_file() || entry.size() > limit {
        return Err(unexpected(format!(
            "a file of at most {limit} bytes is expected"
        )));
    }
    let mut text = String::new();
    entry
        .take(limit)
        .read_to_string(&mut text)
        .map_err(|error| unexpected(error.to_string()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use host::category::Category;
    use model::recipe::Layer;
    use model::strict::SourceFile;

    use super::*;

    const RECIPE: &str = r#"
summary = "a test"
architecture = "amd64"
container = "box"
version-suffix = "-test"
target = { distribution = "debian", release = "13", format = "deb" }
mptcp.line = "upstream"
source.package.name = "linux-source-6.12"

[config]
base.target = "tinyconfig"

[config.unreproducible]
DEBUG_INFO = "for a debugger"
GCOV_KERNEL = "not in this configuration"
"#;

    fn recipe(text: &str) -> Recipe {
        let mut problems = Vec::new();
        let layer = Layer::parse(&SourceFile::new("recipes/test.toml", text), &mut problems);
        Recipe::merge(&"test".parse().unwrap(), vec![layer], problems).unwrap()
    }

    #[test]
    fn what_cannot_be_reproduced_needs_a_reason() {
        let recipe = recipe(RECIPE);
        let debug = "CONFIG_DEBUG_INFO=y\n";
        let config = |more: &str| parse(&format!("{debug}{more}")).unwrap();
        assert!(check_reproducible(&recipe, &config("")).is_ok());
        let expected = [("DEBUG_INFO".to_owned(), "for a debugger".to_owned())];
        assert_eq!(accepted(&recipe, &config("")), expected.into());
        assert_eq!(accepted(&recipe, &parse("").unwrap()), BTreeMap::new());

        let more = "CONFIG_DEBUG_INFO_BTF=y\nCONFIG_KERNEL_LZO=y\n";
        let error = check_reproducible(&recipe, &config(more)).unwrap_err();
        assert_eq!(error.category(), Category::Input);
        let text = error.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].contains("recipe `test`"), "{text}");
        assert!(
            lines[1].starts_with("  DEBUG_INFO_BTF=y: pahole "),
            "{text}"
        );
        assert!(lines[2].starts_with("  KERNEL_LZO=y: lzop "), "{text}");
    }
}
