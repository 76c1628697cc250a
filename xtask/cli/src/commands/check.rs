//! `check`: everything that can be known without compiling.

use std::collections::BTreeMap;

use builder::build::configure_only;
use builder::error::BuildError;
use builder::plan::{Known, Planned};
use builder::project::Project;
use builder::source::OwnSource;
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
    /// None where the recipe is not locked.
    plan_id: Option<String>,
    /// What people should know although nothing is wrong.
    warnings: Vec<String>,
    /// The release that the kernel will report, where the configuration was made.
    kernel_release: Option<String>,
    /// What the configuration lost against the stock configuration, with the reasons.
    lost: Option<Vec<(String, String)>>,
    /// By what another build can differ, with the reasons why the recipe accepts that, where the configuration was made.
    unreproducible: Option<BTreeMap<String, String>>,
}

pub(crate) fn run(global: &Global, command: &Check, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let names = recipes(&project, &command.recipes)?;
    let mut source = own_source(&names, command.source.as_deref(), cancel)?;
    let mut checked = Vec::new();
    let mut errors = Vec::new();
    for name in &names {
        let known = Known::load(&project, name, source.take());
        let looked_at = known.and_then(|known| Ok((known.warnings()?, known)));
        match looked_at {
            Ok(known) => checked.push(known),
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

/// What `--source` names, for the one recipe that is named.
fn own_source(
    names: &[String],
    source: Option<&str>,
    cancel: &Cancel,
) -> Result<Option<OwnSource>, Failure> {
    if source.is_some() && names.len() != 1 {
        return Err(Failure::Usage(
            "--source is for one recipe".to_owned(),
            "name the recipe: `cargo xtask check RECIPE --source DIR`".to_owned(),
        ));
    }
    context::own_source(source, cancel)
}

type Looked = (Vec<String>, Known);

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

fn unused_containers(project: &Project, looked: &[Looked]) -> Result<Vec<BuildError>, Failure> {
    let names = project.containers()?;
    let unused = names.iter().filter(|name| {
        let mut recipes = looked.iter().map(|(_, known)| known.recipe());
        recipes.all(|recipe| recipe.container.value != **name)
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
    looked: &[Looked],
) -> Result<Vec<Checked>, Failure> {
    let online = Online::open(global, cancel)?;
    let engine = online.engine()?;
    let reporter = progress::reporter(global);
    let mut rows = Vec::new();
    for looked in looked {
        let Known::Planned(planned) = &looked.1 else {
            rows.push(row(looked));
            continue;
        };
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
            unreproducible: Some(configured.unreproducible),
            ..row(looked)
        });
    }
    Ok(rows)
}

fn row((warnings, known): &Looked) -> Checked {
    let plan_id = |planned: &Planned| planned.plan.id().to_string();
    Checked {
        recipe: known.recipe().name.to_string(),
        plan_id: match known {
            Known::Planned(planned) => Some(plan_id(planned)),
            Known::Unlocked(_) => None,
        },
        warnings: warnings.clone(),
        kernel_release: None,
        lost: None,
        unreproducible: None,
    }
}

fn text(row: &Checked) -> String {
    let mut text = match &row.plan_id {
        Some(plan_id) => format!("{}: ok, plan {}", row.recipe, &plan_id[..12]),
        None => format!("{}: ok as far as it goes", row.recipe),
    };
    if let Some(release) = &row.kernel_release {
        text.push_str(&format!(", configures as {release}"));
    }
    text.push('\n');
    for warning in &row.warnings {
        text.push_str(&format!("  warning: {warning}\n"));
    }
    for (symbol, reason) in row.lost.iter().flatten() {
        text.push_str(&format!("  loses {symbol}: {reason}\n"));
    }
    for (symbol, reason) in row.unreproducible.iter().flatten() {
        text.push_str(&format!("  can differ by {symbol}: {reason}\n"));
    }
    text
}
