//! `list`: the recipes.

use builder::plan::Planned;
use builder::project::Project;
use serde::Serialize;

use crate::arguments::Global;
use crate::context;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Row {
    recipe: String,
    summary: String,
    target: String,
    for_release: bool,
    /// `locked`, or what stands in the way.
    state: String,
}

pub(crate) fn run(global: &Global) -> Result<(), Failure> {
    let project = context::project(global)?;
    let names = project.recipes()?;
    let rows: Vec<_> = names
        .iter()
        .map(|name| row(&project, name.as_str()))
        .collect();
    output::result(global, &rows, |rows| {
        let width = rows.iter().map(|row| row.recipe.len()).max().unwrap_or(0);
        let states = rows.iter().map(|row| row.state.len()).max().unwrap_or(0);
        rows.iter()
            .map(|row| {
                format!(
                    "{:width$}  {:states$}  {}\n",
                    row.recipe, row.state, row.summary
                )
            })
            .collect()
    })
}

fn row(project: &Project, name: &str) -> Row {
    let recipe = project.recipe(name);
    let state = match Planned::load(project, name) {
        Ok(_) => "locked".to_owned(),
        Err(builder::error::BuildError::Lock(_)) => "not locked".to_owned(),
        Err(_) => "wrong".to_owned(),
    };
    match recipe {
        Ok(recipe) => Row {
            recipe: name.to_owned(),
            summary: recipe.summary,
            target: format!("{} {}", recipe.target.distribution, recipe.target.release),
            for_release: recipe.for_release,
            state,
        },
        Err(error) => {
            let summary = format!("{error}; see `cargo xtask check {name}`");
            Row {
                recipe: name.to_owned(),
                summary,
                target: String::new(),
                for_release: false,
                state,
            }
        }
    }
}
