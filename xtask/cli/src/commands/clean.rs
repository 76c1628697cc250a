//! `clean`: removes results, and on request caches.

use std::fs;
use std::io;

use builder::clean::{clean_engine, clean_results};
use host::cancel::Cancel;
use host::environment::Directories;
use serde::Serialize;

use crate::arguments::{Clean, Global};
use crate::context;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize, Default)]
struct Cleaned {
    removed: Vec<String>,
}

pub(crate) fn run(global: &Global, command: &Clean, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let mut cleaned = Cleaned::default();
    for name in &command.recipes {
        // A typing mistake must not pass for a recipe without results.
        project.recipe(name)?;
    }
    cleaned
        .removed
        .extend(clean_results(&project, &command.recipes)?);
    if command.all {
        clean_caches(&mut cleaned, cancel)?;
    }
    output::result(global, &cleaned, |cleaned| {
        match cleaned.removed.as_slice() {
            [] => "nothing to remove\n".to_owned(),
            removed => removed
                .iter()
                .map(|what| format!("removed {what}\n"))
                .collect(),
        }
    })
}

fn clean_caches(cleaned: &mut Cleaned, cancel: &Cancel) -> Result<(), Failure> {
    let directories = Directories::from_environment()?;
    let engine = context::engine(&directories.cache, cancel)?;
    cleaned.removed.extend(clean_engine(&engine)?);
    drop(engine);
    match fs::remove_dir_all(&directories.cache) {
        Ok(()) => cleaned.removed.push(directories.cache.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => {
            return Err(builder::error::BuildError::File {
                attempt: "removing",
                path: directories.cache,
                source,
            }
            .into());
        }
    }
    Ok(())
}
