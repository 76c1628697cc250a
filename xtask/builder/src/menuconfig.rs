//! Configurations as people change them: menuconfig in the container, and differences as fragments.

use std::fs;

use camino::Utf8PathBuf;
use model::kconfig::{DotConfig, render_difference};
use model::names::FragmentName;

use crate::build::{Phases, Tools, open_workshop};
use crate::configure::{Workshop, make, parse, read_file};
use crate::error::BuildError;
use crate::plan::Planned;
use crate::project::Project;
use crate::report::Reporter;
use crate::scripts;
use crate::stock::MAX_CONFIG;
use crate::surroundings::Surroundings;

/// How much memory menuconfig may use, in bytes.
const MEMORY: u64 = 2 << 30;

/// What the recipe changes in its base configuration, as a fragment.
///
/// # Errors
/// Whatever making the configuration meets.
pub fn difference(
    tools: Tools<'_>,
    planned: &Planned,
    reporter: &dyn Reporter,
) -> Result<String, BuildError> {
    let workshop = open_workshop(
        tools,
        planned,
        false,
        Surroundings::usual(),
        &mut Phases::new(tools.engine, reporter),
    )?;
    reporter.phase("configure");
    let made = make(&workshop, tools.downloads.store, planned)?;
    Ok(render_difference(&made.base, &made.config))
}

/// Opens menuconfig on the recipe's configuration, on this process's terminal. Returns what the
/// user changed, as a fragment. The reporter is dropped before the terminal changes hands.
///
/// # Errors
/// Whatever making the configuration meets, or the terminal fails.
pub fn edit(
    tools: Tools<'_>,
    planned: &Planned,
    reporter: Box<dyn Reporter + '_>,
) -> Result<String, BuildError> {
    let workshop = open_workshop(
        tools,
        planned,
        false,
        Surroundings::usual(),
        &mut Phases::new(tools.engine, &*reporter),
    )?;
    reporter.phase("configure");
    let before = make(&workshop, tools.downloads.store, planned)?.config;
    drop(reporter);
    let after = menuconfig(&workshop, planned)?;
    Ok(render_difference(&before, &after))
}

fn menuconfig(workshop: &Workshop<'_>, planned: &Planned) -> Result<DotConfig, BuildError> {
    let mut environment: Vec<_> = planned.plan.environment.clone().into_iter().collect();
    // Lines and boxes are drawn with more than ASCII.
    environment.retain(|(name, _)| name != "LC_ALL");
    environment.push(("LC_ALL".to_owned(), "C.UTF-8".to_owned()));
    environment.push((
        "TERM".to_owned(),
        host::environment::var("TERM").unwrap_or_else(|| "xterm".to_owned()),
    ));
    let container = workshop.container(
        "menuconfig",
        scripts::command(scripts::MENUCONFIG, &[]),
        environment,
        MEMORY,
        true,
    )?;
    let exit = container.run_on_terminal()?;
    if exit.code != 0 {
        return Err(BuildError::Script {
            what: "menuconfig".to_owned(),
            code: exit.code,
            lines: Vec::new(),
            log: workshop.logs.join("configure.log"),
        });
    }
    let path = workshop.surroundings.path("kernel/.config");
    parse(&read_file(&container, &path, MAX_CONFIG)?)
}

/// Saves a fragment below `recipes/config/`. An existing one is continued: what was saved before
/// stays, and the later lines win.
///
/// # Errors
/// The file cannot be written.
pub fn save(
    project: &Project,
    name: &FragmentName,
    fragment: &str,
) -> Result<Utf8PathBuf, BuildError> {
    let path = project.root().join(format!("recipes/config/{name}"));
    let fail = |source| BuildError::File {
        attempt: "writing",
        path: path.clone(),
        source,
    };
    let before = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(fail(source)),
    };
    fs::write(&path, before + fragment).map_err(fail)?;
    Ok(path)
}
