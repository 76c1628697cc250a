//! `ci matrix`: what there is to build, in the form that workflows take.

use std::io;

use super::append;
use crate::arguments::{Global, Recipes};
use crate::context;
use crate::failure::Failure;
use crate::output;

/// The file that outputs of a step go to.
const OUTPUTS: &str = "GITHUB_OUTPUT";

pub(super) fn run(global: &Global, command: &Recipes) -> Result<(), Failure> {
    let project = context::project(global)?;
    let matrix = super::matrix(global, &project, &command.recipes)?;
    let line = serde_json::to_string(&matrix).map_err(io::Error::other)?;
    append(OUTPUTS, &format!("matrix={line}\n"))?;
    output::plain(&(line + "\n"))
}
