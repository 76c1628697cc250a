//! `config`: a recipe's configuration in menuconfig, or what it changes in its base.

use std::io::{self, IsTerminal};

use builder::menuconfig::{difference, edit, save};
use builder::plan::Planned;
use host::cancel::Cancel;
use serde::Serialize;

use crate::arguments::{Config, Global};
use crate::context::{self, Online};
use crate::failure::Failure;
use crate::output;
use crate::progress;

#[derive(Serialize)]
struct Difference {
    /// The lines of a fragment.
    fragment: String,
    /// Where it was saved.
    saved: Option<String>,
}

pub(crate) fn run(global: &Global, command: &Config, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let source = context::own_source(command.source.as_deref(), cancel)?;
    let planned = Planned::with_source(&project, &command.recipe, source)?;
    let on_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    if !command.diff && !on_terminal {
        let help = format!(
            "run it on a terminal, or `cargo xtask config {} --diff`",
            command.recipe
        );
        return Err(Failure::Usage(
            "menuconfig needs a terminal".to_owned(),
            help,
        ));
    }
    let name = command
        .save
        .clone()
        .unwrap_or_else(|| format!("{}-local.config", command.recipe));
    let name = name.parse().map_err(|error| {
        Failure::Usage(
            format!("{error}"),
            "name a fragment such as `local.config`".to_owned(),
        )
    })?;
    let online = Online::open(global, cancel)?;
    let engine = online.engine()?;
    let reporter = progress::reporter(global);
    let tools = online.tools(&project, &engine);
    if command.diff {
        let fragment = difference(tools, &planned, &*reporter)?;
        drop(reporter);
        return output::result(
            global,
            &Difference {
                fragment,
                saved: None,
            },
            |difference| difference.fragment.clone(),
        );
    }
    let fragment = edit(tools, &planned, reporter)?;
    if fragment.is_empty() {
        output::note(global, "nothing was changed");
        return Ok(());
    }
    let path = save(&project, &name, &fragment)?;
    let saved = path
        .strip_prefix(project.root())
        .unwrap_or(&path)
        .to_string();
    let difference = Difference {
        fragment,
        saved: Some(saved),
    };
    output::result(global, &difference, |difference| {
        difference.fragment.clone()
    })?;
    output::note(
        global,
        &format!(
            "saved to recipes/config/{name}; add \"{name}\" to the fragments of recipes/{}.toml to keep it",
            command.recipe
        ),
    );
    Ok(())
}
