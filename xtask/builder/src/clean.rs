//! Removing what builds leave: results, and what the engine keeps for later builds.

use std::fs;

use host::engine::Engine;

use crate::error::BuildError;
use crate::image::REPOSITORY;
use crate::project::Project;
use crate::{ccache, objects, reproduce, source};

/// Removes the results of `recipes`, or everything in `out/` where none is named. Returns what went.
///
/// # Errors
/// Something cannot be removed.
pub fn clean_results(project: &Project, recipes: &[String]) -> Result<Vec<String>, BuildError> {
    let out = project.out();
    if recipes.is_empty() {
        return if out.is_dir() {
            remove_tree(&out).map(|path| vec![path])
        } else {
            Ok(Vec::new())
        };
    }
    let mut removed = Vec::new();
    for recipe in recipes {
        let link = out.join(recipe);
        let Ok(target) = link.read_link_utf8() else {
            continue;
        };
        let fail = |source| BuildError::File {
            attempt: "removing",
            path: link.clone(),
            source,
        };
        fs::remove_file(&link).map_err(fail)?;
        removed.push(remove_tree(&out.join(target))?);
        let second = out.join(reproduce::FOLDER).join(recipe);
        if second.is_dir() {
            removed.push(remove_tree(&second)?);
        }
    }
    Ok(removed)
}

fn remove_tree(path: &camino::Utf8Path) -> Result<String, BuildError> {
    let fail = |source| BuildError::File {
        attempt: "removing",
        path: path.to_owned(),
        source,
    };
    fs::remove_dir_all(path).map_err(fail)?;
    Ok(path.to_string())
}

/// Removes the images, and the volumes of sources, objects and the compiler's caches, of this tool from the engine. Returns what went.
///
/// # Errors
/// The engine fails.
pub fn clean_engine(engine: &Engine) -> Result<Vec<String>, BuildError> {
    let mut removed = Vec::new();
    for image in engine.images(&format!("{REPOSITORY}/*"))? {
        engine.remove_image(&image)?;
        removed.push(format!("image {image}"));
    }
    for volume in engine.kept_volumes()?.into_iter().filter(|name| {
        let prefixes = [
            source::VOLUME_PREFIX,
            objects::VOLUME_PREFIX,
            ccache::VOLUME_PREFIX,
        ];
        prefixes.iter().any(|prefix| name.starts_with(prefix))
    }) {
        engine.remove_volume(&volume)?;
        removed.push(format!("volume {volume}"));
    }
    Ok(removed)
}
