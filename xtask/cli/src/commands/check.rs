//! `check`: everything that can be known without compiling.

use builder::build::configure_only;
use builder::error::BuildError;
use builder::plan::Planned;
use builder::project::Project;
use host::cancel::Cancel;
use serde::Serialize;

use crate::arguments::{Check, Global};
use crate::context::{self, Online};
use crate::failure::Failure;
use crate::output;
use crate::progress;

#[derive(Serialize)]
struct Checked {
    recipe: String,
    plan_id: String,
    /// The release that the kernel will report, where the configuration was made.
    kernel_release: Option<String>,
    /// What the configuration lost against the stock configuration, with the reasons.
    lost: Option<Vec<(String, String)>>,
}

pub(crate) fn run(global: &Global, command: &Check, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let names = recipes(&project, &command.recipes)?;
    let mut checked = Vec::new();
    let mut errors = Vec::new();
    for name in &names {
        match Planned::load(&project, name) {
            Ok(planned) => checked.push(planned),
            Err(error) => errors.push(error),
        }
    }
    // A container without a recipe is checked too.
    if command.recipes.is_empty() {
        errors.extend(unused_containers(&project, &checked)?);
    }
    fail(errors, names.len())?;
    let rows = if command.configure {
        configure(global, cancel, &project, &checked)?
    } else {
        checked.iter().map(row).collect()
    };
    output::result(global, &rows, |rows| rows.iter().map(text).collect())
}

/// The recipes that were named, or all.
pub(crate) fn recipes(project: &Project, named: &[String]) -> Result<Vec<String>, Failure> {
    if named.is_empty() {
        return Ok(project.recipes()?.iter().map(ToString::to_string).collect());
    }
    Ok(named.to_vec())
}

/// One error as it is, several as a list.
pub(crate) fn fail(mut errors: Vec<BuildError>, total: usize) -> Result<(), Failure> {
    match errors.len() {
        0 => Ok(()),
        1 => Err(errors.remove(0).into()),
        count => Err(Failure::Several {
            count,
            total: total.max(count),
            errors,
        }),
    }
}

fn unused_containers(project: &Project, planned: &[Planned]) -> Result<Vec<BuildError>, Failure> {
    let names = project.containers()?;
    let unused = names.iter().filter(|name| {
        planned
            .iter()
            .all(|planned| planned.container.name != **name)
    });
    let check = |name: &model::names::Name| {
        project
            .container(name.as_str())
            .and_then(|container| Ok(project.container_lock(&container)?))
    };
    Ok(unused.filter_map(|name| check(name).err()).collect())
}

fn configure(
    global: &Global,
    cancel: &Cancel,
    project: &Project,
    planned: &[Planned],
) -> Result<Vec<Checked>, Failure> {
    let online = Online::open(global, cancel)?;
    let engine = online.engine()?;
    let reporter = progress::reporter(global);
    let mut rows = Vec::new();
    for planned in planned {
        let configured = configure_only(online.tools(project, &engine), planned, &*reporter)?;
        let lost = configured.losses.iter().map(|loss| {
            (
                loss.symbol.to_string(),
                loss.reason.clone().unwrap_or_default(),
            )
        });
        let lost = configured.from_stock.then(|| lost.collect());
        rows.push(Checked {
            kernel_release: Some(configured.kernel_release),
            lost,
            ..row(planned)
        });
    }
    Ok(rows)
}

fn row(planned: &Planned) -> Checked {
    Checked {
        recipe: planned.recipe.name.to_string(),
        plan_id: planned.plan.id().to_string(),
        kernel_release: None,
        lost: None,
    }
}

fn text(row: &Checked) -> String {
    let mut text = format!("{}: ok, plan {}", row.recipe, &row.plan_id[..12]);
    if let Some(release) = &row.kernel_release {
        text.push_str(&format!(", configures as {release}"));
    }
    text.push('\n');
    for (symbol, reason) in row.lost.iter().flatten() {
        text.push_str(&format!("  loses {symbol}: {reason}\n"));
    }
    text
}
