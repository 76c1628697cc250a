//! `lock`: pins what recipes and containers take from archives.

use std::fs;

use builder::error::BuildError;
use builder::lock;
use builder::project::Project;
use builder::report::Reporter;
use host::cancel::Cancel;
use host::category::Category;
use model::lock::{Lock as _, LockError};
use model::source::LockedSource;
use serde::Serialize;

use super::check::fail;
use crate::arguments::{Global, Lock};
use crate::context::{self, Online};
use crate::failure::Failure;
use crate::output;
use crate::progress;

/// A recipe or a container.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Container(String),
    Recipe(String),
}

#[derive(Serialize)]
struct Row {
    name: String,
    lock: String,
    state: &'static str,
    /// Packages in the lock.
    packages: usize,
    /// Their bytes.
    bytes: u64,
    /// A source that is no package as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<LockedSource>,
}

pub(crate) fn run(global: &Global, command: &Lock, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let subjects = subjects(&project, &command.names)?;
    if command.check {
        return check(global, &project, &subjects);
    }
    let online = Online::open(global, cancel)?;
    let reporter = progress::reporter(global);
    let rows = if command.outdated {
        outdated(&project, &online, &subjects, &*reporter)?
    } else {
        write(&project, &online, &subjects, command.update, &*reporter)?
    };
    drop(reporter);
    output::result(global, &rows, |rows| rows.iter().map(text).collect())
}

fn text(row: &Row) -> String {
    let packages = if row.packages == 1 {
        "package"
    } else {
        "packages"
    };
    let size = indicatif::DecimalBytes(row.bytes);
    let mut holds: Vec<_> = row.source.iter().map(describe).collect();
    if row.packages > 0 || holds.is_empty() {
        holds.push(format!("{} {packages}, {size}", row.packages));
    }
    format!(
        "{}: {} ({}), {}\n",
        row.name,
        row.lock,
        holds.join("; "),
        row.state
    )
}

fn describe(source: &LockedSource) -> String {
    let mut text = format!("Linux {}", source.kernel);
    if let Some(release) = source.mptcp {
        text.push_str(&format!(", MPTCP {release}"));
    }
    if let Some(git) = &source.git {
        text.push_str(&format!(", commit {}", git.commit.short()));
    }
    match source.patches.len() {
        0 => {}
        1 => text.push_str(", 1 patch"),
        count => text.push_str(&format!(", {count} patches")),
    }
    text
}

/// The named recipes and containers, or all. A name that both have means both.
fn subjects(project: &Project, names: &[String]) -> Result<Vec<Subject>, Failure> {
    let containers: Vec<_> = project
        .containers()?
        .iter()
        .map(ToString::to_string)
        .collect();
    let recipes: Vec<_> = project.recipes()?.iter().map(ToString::to_string).collect();
    let wanted = |name: &String| names.is_empty() || names.contains(name);
    for name in names {
        if !containers.contains(name) && !recipes.contains(name) {
            return Err(unknown(name, &containers, &recipes).into());
        }
    }
    let containers = containers
        .iter()
        .filter(|name| wanted(name))
        .cloned()
        .map(Subject::Container);
    let recipes = recipes
        .iter()
        .filter(|name| wanted(name))
        .cloned()
        .map(Subject::Recipe);
    Ok(containers.chain(recipes).collect())
}

fn unknown(name: &str, containers: &[String], recipes: &[String]) -> BuildError {
    let known: Vec<_> = recipes.iter().chain(containers).cloned().collect();
    let near = model::names::nearest(name, known.iter().map(String::as_str));
    let near = near.into_iter().map(str::to_owned).collect();
    BuildError::Unknown {
        kind: "recipe or container",
        name: name.to_owned(),
        near,
        known,
    }
}

fn check(global: &Global, project: &Project, subjects: &[Subject]) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut errors = Vec::new();
    for subject in subjects {
        match check_one(project, subject) {
            Ok(row) => rows.push(row),
            Err(error) => errors.push(error),
        }
    }
    fail(errors, subjects.len())?;
    output::result(global, &rows, |rows| rows.iter().map(text).collect())
}

fn check_one(project: &Project, subject: &Subject) -> Result<Row, BuildError> {
    let state = "belongs to its definition";
    match subject {
        Subject::Container(name) => {
            let lock = project.container_lock(&project.container(name)?)?;
            Ok(container_row(name, &lock, state))
        }
        Subject::Recipe(name) => {
            let recipe = project.recipe(name)?;
            let container = project.container(recipe.container.value.as_str())?;
            let lock = project.recipe_lock(&recipe, &container)?;
            project.check_patches(&recipe, Some(&lock))?;
            Ok(recipe_row(name, &lock, state))
        }
    }
}

fn container_row(name: &str, lock: &model::lock::ContainerLock, state: &'static str) -> Row {
    let bytes = lock.packages.iter().map(|package| package.size).sum();
    Row {
        name: name.to_owned(),
        lock: format!("containers/{name}.lock"),
        state,
        packages: lock.packages.len(),
        bytes,
        source: None,
    }
}

fn recipe_row(name: &str, lock: &model::lock::RecipeLock, state: &'static str) -> Row {
    let bytes = lock.inputs.iter().map(|input| input.package.size).sum();
    Row {
        name: name.to_owned(),
        lock: format!("recipes/{name}.lock"),
        state,
        packages: lock.inputs.len(),
        bytes,
        source: lock.source.clone(),
    }
}

fn write(
    project: &Project,
    online: &Online,
    subjects: &[Subject],
    update: bool,
    reporter: &dyn Reporter,
) -> Result<Vec<Row>, Failure> {
    let needs_engine = subjects
        .iter()
        .any(|subject| matches!(subject, Subject::Container(_)));
    let engine = if needs_engine {
        Some(online.engine()?)
    } else {
        None
    };
    let mut rows = Vec::new();
    for subject in subjects {
        rows.push(match (subject, &engine) {
            (Subject::Container(name), Some(engine)) => {
                let container = project.container(name)?;
                let lock = lock::lock_container(
                    project,
                    engine,
                    online.downloads(),
                    &container,
                    reporter,
                )?;
                if let Some(before) = before(project.container_lock(&container)) {
                    lock::check_not_older(&before.suites, &lock.suites)?;
                }
                save(
                    project,
                    &format!("containers/{name}.lock"),
                    lock.render(&container.name),
                )?;
                container_row(name, &lock, "written")
            }
            (Subject::Container(_), None) => continue,
            (Subject::Recipe(name), _) => {
                let recipe = project.recipe(name)?;
                let container = project.container(recipe.container.value.as_str())?;
                let before = before(project.recipe_lock(&recipe, &container));
                let lock = lock::lock_recipe(
                    project,
                    online.downloads(),
                    &recipe,
                    &container,
                    before.as_ref(),
                    update,
                    reporter,
                )?;
                if let Some(before) = before {
                    lock::check_not_older(&before.suites, &lock.suites)?;
                }
                save(
                    project,
                    &format!("recipes/{name}.lock"),
                    lock.render(&recipe.name),
                )?;
                recipe_row(name, &lock, "written")
            }
        });
    }
    Ok(rows)
}

/// The lock that a new one replaces; one that does not belong to the definition says nothing.
fn before<T>(lock: Result<T, LockError>) -> Option<T> {
    lock.ok()
}

fn save(
    project: &Project,
    path: &str,
    text: Result<String, toml::ser::Error>,
) -> Result<(), BuildError> {
    let text = text.map_err(|error| BuildError::Render {
        what: path.to_owned(),
        reason: error.to_string(),
    })?;
    let full = project.root().join(path);
    let fresh = project.root().join(format!("{path}.new"));
    let fail = |source| BuildError::File {
        attempt: "writing",
        path: full.clone(),
        source,
    };
    fs::write(&fresh, text).map_err(fail)?;
    fs::rename(&fresh, &full).map_err(fail)
}

fn outdated(
    project: &Project,
    online: &Online,
    subjects: &[Subject],
    reporter: &dyn Reporter,
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut errors = Vec::new();
    for subject in subjects {
        match outdated_one(project, online, subject, reporter) {
            Ok(row) => rows.push(row),
            // One that is outdated, or wrong in itself, says nothing about the others.
            Err(error) if error.category() == Category::Input => errors.push(error),
            Err(error) => return Err(error.into()),
        }
    }
    fail(errors, subjects.len())?;
    Ok(rows)
}

fn outdated_one(
    project: &Project,
    online: &Online,
    subject: &Subject,
    reporter: &dyn Reporter,
) -> Result<Row, BuildError> {
    let state = "as new as the archive";
    let (name, changes, row) = match subject {
        Subject::Container(name) => {
            let container = project.container(name)?;
            let lock = project.container_lock(&container)?;
            let changes =
                lock::outdated_container(project, online.downloads(), &container, &lock, reporter)?;
            (container.name, changes, container_row(name, &lock, state))
        }
        Subject::Recipe(name) => {
            let recipe = project.recipe(name)?;
            let container = project.container(recipe.container.value.as_str())?;
            let lock = project.recipe_lock(&recipe, &container)?;
            let changes = lock::outdated_recipe(
                project,
                online.downloads(),
                &recipe,
                &container,
                &lock,
                reporter,
            )?;
            (recipe.name, changes, recipe_row(name, &lock, state))
        }
    };
    if changes.is_empty() {
        Ok(row)
    } else {
        Err(BuildError::Outdated { name, changes })
    }
}
