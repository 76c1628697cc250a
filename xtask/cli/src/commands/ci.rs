//! `ci`: what CI services ask.

mod freshness;
mod markdown;
mod matrix;
mod summary;

use std::fs::OpenOptions;
use std::io::Write;

use builder::error::BuildError;
use builder::matrix::{LeftOut, Matrix};
use builder::plan::Known;
use builder::project::Project;
use camino::Utf8PathBuf;
use host::cancel::Cancel;
use host::environment::var;

use super::check;
use crate::arguments::{Ci, CiCommand, Global};
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(global: &Global, command: &Ci, cancel: &Cancel) -> Result<(), Failure> {
    match &command.command {
        CiCommand::Matrix(command) => matrix::run(global, command),
        CiCommand::Freshness(command) => freshness::run(global, command, cancel),
        CiCommand::Summary(command) => summary::run(global, command),
    }
}

/// The matrix of the recipes that were named, or of all; which are left out, and why, is told.
pub(super) fn matrix(
    global: &Global,
    project: &Project,
    recipes: &[String],
) -> Result<Matrix, Failure> {
    let (matrix, left_out) = builder::matrix::matrix(&known(project, recipes)?);
    for LeftOut { recipe, reason } in left_out {
        output::note(global, &format!("{recipe} is left out: {reason}"));
    }
    Ok(matrix)
}

/// The recipes that were named, or all, as far as they can be known. All that are wrong are told at once.
fn known(project: &Project, recipes: &[String]) -> Result<Vec<Known>, Failure> {
    let names = check::recipes(project, recipes)?;
    let mut known = Vec::new();
    let mut errors = Vec::new();
    for name in &names {
        match Known::load(project, name, None) {
            Ok(recipe) => known.push(recipe),
            Err(error) => errors.push(error),
        }
    }
    check::fail(errors, names.len())?;
    Ok(known)
}

/// Appends to the file that a CI service names by a variable; there is none on a desk.
fn append(variable: &str, text: &str) -> Result<(), Failure> {
    let Some(path) = var(variable).filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| {
            let (attempt, path) = ("appending to", Utf8PathBuf::from(&path));
            let error = BuildError::File {
                attempt,
                path,
                source,
            };
            error.into()
        })
}
