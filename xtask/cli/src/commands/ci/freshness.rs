//! `ci freshness`: which recipes fell behind.

use builder::error::BuildError;
use builder::freshness::{Freshness, freshness};
use builder::plan::Known;
use builder::project::Project;
use builder::report::Reporter;
use host::cancel::Cancel;
use host::category::Category;
use serde::Serialize;

use super::known;
use crate::arguments::{Global, Recipes};
use crate::context::{self, Online};
use crate::failure::Failure;
use crate::output;
use crate::progress;

/// What is known of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Current,
    Behind,
    /// There is nobody to ask.
    NotAsked,
    NotLocked,
    /// Who is to be asked cannot be reached or believed.
    Unknown,
}

#[derive(Debug, Serialize)]
struct Row {
    recipe: String,
    state: State,
    /// What is newer or gone, or why nothing is known.
    told: Vec<String>,
    #[serde(skip)]
    category: Option<Category>,
}

pub(super) fn run(global: &Global, command: &Recipes, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let known = known(&project, &command.recipes)?;
    let online = Online::open(global, cancel)?;
    let reporter = progress::reporter(global);
    let mut rows = Vec::new();
    for known in &known {
        rows.push(row(&project, &online, known, &*reporter)?);
    }
    drop(reporter);
    output::result(global, &rows, |rows| rows.iter().map(text).collect())?;
    judge(&rows)
}

/// What cannot be found out about one recipe says nothing about the others.
fn row(
    project: &Project,
    online: &Online,
    known: &Known,
    reporter: &dyn Reporter,
) -> Result<Row, Failure> {
    let (state, told, category) = match known {
        Known::Unlocked(unlocked) => (
            State::NotLocked,
            vec![format!("needs {}", unlocked.needs)],
            None,
        ),
        Known::Planned(planned) => {
            match freshness(project, online.downloads(), planned, reporter) {
                Ok(Freshness::Current) => (State::Current, Vec::new(), None),
                Ok(Freshness::Behind(changes)) => (State::Behind, changes, None),
                Ok(Freshness::NotAsked(reason)) => (State::NotAsked, vec![reason.to_owned()], None),
                Err(error) => match error.category() {
                    Category::Interrupted | Category::Bug => return Err(error.into()),
                    category => (State::Unknown, vec![reason(&error)], Some(category)),
                },
            }
        }
    };
    Ok(Row {
        recipe: known.recipe().name.to_string(),
        state,
        told,
        category,
    })
}

/// An error and what caused it, in one line.
fn reason(error: &BuildError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(&format!(": {said}"));
        }
        cause = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn text(row: &Row) -> String {
    let state = match row.state {
        State::Current => "current",
        State::Behind => "BEHIND",
        State::NotAsked => "cannot be asked",
        State::NotLocked => "not locked",
        State::Unknown => "UNKNOWN",
    };
    let told: String = row.told.iter().map(|line| format!("  {line}\n")).collect();
    format!("{}: {state}\n{told}", row.recipe)
}

fn judge(rows: &[Row]) -> Result<(), Failure> {
    let names = |state: State| {
        let rows = rows.iter().filter(|row| row.state == state);
        rows.map(|row| row.recipe.as_str()).collect::<Vec<_>>()
    };
    let (behind, unknown) = (names(State::Behind), names(State::Unknown));
    if !unknown.is_empty() {
        let forged = |row: &Row| row.category == Some(Category::Verification);
        return Err(Failure::Freshness {
            what: format!("nothing is known of the upstream of {}", unknown.join(", ")),
            help: "the reasons stand beside the recipes; where a server cannot be reached, try again later",
            category: if rows.iter().any(forged) {
                Category::Verification
            } else {
                Category::Host
            },
        });
    }
    if behind.is_empty() {
        return Ok(());
    }
    Err(Failure::Freshness {
        what: format!(
            "upstream has something newer than the locks of {}",
            behind.join(", ")
        ),
        help: "name a newer tag in the recipe, or run `cargo xtask lock --update RECIPE`; then build it and commit its lock",
        category: Category::Input,
    })
}
