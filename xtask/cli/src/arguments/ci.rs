//! The command lines of what CI services and newcomers ask.

use clap::{Args, Subcommand};

/// Tell CI services what to build, what is outdated, and what came of it.
#[derive(Debug, Args)]
pub(crate) struct Ci {
    #[command(subcommand)]
    pub(crate) command: CiCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CiCommand {
    /// Print the matrix of recipes that are locked and for release, as one line of JSON; without network or engine.
    /// Appended to the file that GITHUB_OUTPUT names, too, as `matrix`
    Matrix(Recipes),
    /// Tell which recipes fell behind their upstream: exit 1 if one did, 3 if upstream does not answer, 4 if its signature is wrong
    Freshness(Recipes),
    /// Print a summary of a finished result in Markdown. Appended to the file that GITHUB_STEP_SUMMARY names, too
    Summary(Summary),
}

#[derive(Debug, Args)]
pub(crate) struct Recipes {
    /// The recipes; all if none is named
    pub(crate) recipes: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Summary {
    /// The recipe, which was built
    pub(crate) recipe: String,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// How much room the disk of out/ must have, in GB, where a trimmed kernel's is not enough
    #[arg(long, value_name = "GB", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) disk: Option<u64>,
}
