//! A recipe together with all that its plan is made of.

use model::container::Container;
use model::lock::{ContainerLock, RecipeLock};
use model::plan::{Ingredients, Plan, PlannedText};
use model::recipe::Recipe;

use crate::error::BuildError;
use crate::project::{Fragment, Project};
use crate::scripts;

/// A recipe whose locks belong to it, and its plan.
#[derive(Debug)]
pub struct Planned {
    /// The recipe.
    pub recipe: Recipe,
    /// Its container.
    pub container: Container,
    /// The container's lock.
    pub container_lock: ContainerLock,
    /// The recipe's own lock.
    pub lock: RecipeLock,
    /// Its fragments, what the recipe sets itself last.
    pub fragments: Vec<Fragment>,
    /// The plan.
    pub plan: Plan,
}

impl Planned {
    /// Plans recipe `name`, without network or engine.
    ///
    /// # Errors
    /// The recipe, a fragment or a lock is wrong.
    pub fn load(project: &Project, name: &str) -> Result<Self, BuildError> {
        let recipe = project.recipe(name)?;
        let container = project.container(recipe.container.value.as_str())?;
        let fragments = project.fragments(&recipe)?;
        let container_lock = project.container_lock(&container)?;
        let lock = project.recipe_lock(&recipe, &container)?;
        let texts: Vec<_> = fragments
            .iter()
            .map(|fragment| PlannedText::of(&fragment.file.name, &fragment.file.text))
            .collect();
        let ingredients = Ingredients {
            container: &container_lock,
            assembly: scripts::assembly(),
            lock: &lock,
            fragments: &texts,
            steps: &scripts::steps(),
        };
        let plan = Plan::new(&recipe, ingredients).ok_or(BuildError::NoSource {
            recipe: recipe.name.clone(),
        })?;
        Ok(Self {
            recipe,
            container,
            container_lock,
            lock,
            fragments,
            plan,
        })
    }
}
