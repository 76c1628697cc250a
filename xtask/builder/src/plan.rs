//! A recipe together with all that its plan is made of.

use model::container::Container;
use model::lock::{ContainerLock, InputRole, LockError, RecipeLock};
use model::plan::{Identity, Ingredients, Plan, PlannedText};
use model::recipe::{Base, PackageFormat, Recipe};
use model::source::LockedSource;
use model::toolchain::{Fitness, fitness, gcc, newest_gcc};

use crate::error::BuildError;
use crate::project::{Fragment, Project};
use crate::scripts;
use crate::source::OwnSource;

/// How much room a build needs besides what its packages weigh, in bytes: the source tree and the
/// objects of a trimmed kernel.
pub const ROOM: u64 = 6 << 30;
/// The same for a distribution's whole configuration.
pub const ROOM_STOCK: u64 = 24 << 30;

/// A recipe whose locks belong to it, and its plan.
#[derive(Debug)]
pub struct Planned {
    /// The recipe.
    pub recipe: Recipe,
    /// Its container.
    pub container: Container,
    /// The container's lock.
    pub container_lock: ContainerLock,
    /// The recipe's own lock; none where a developer's own source stands for all that it would hold.
    pub lock: Option<RecipeLock>,
    /// A developer's own source, in place of the recipe's.
    pub own_source: Option<OwnSource>,
    /// Version and patch level of its Linux.
    pub kernel: (u16, u16),
    /// Its fragments, then what its `[mptcp]` means, then what it sets itself.
    pub fragments: Vec<Fragment>,
    /// What its packages are called.
    pub identity: Identity,
    /// The plan.
    pub plan: Plan,
}

impl Planned {
    /// Plans recipe `name`, without network or engine.
    ///
    /// # Errors
    /// The recipe, a fragment or a lock is wrong.
    pub fn load(project: &Project, name: &str) -> Result<Self, BuildError> {
        Self::with_source(project, name, None)
    }

    /// Plans recipe `name` with a developer's own source, if there is one, in place of the recipe's.
    ///
    /// # Errors
    /// The recipe, a fragment or a lock is wrong, or the source is not what the recipe is for.
    pub fn with_source(
        project: &Project,
        name: &str,
        own_source: Option<OwnSource>,
    ) -> Result<Self, BuildError> {
        let recipe = project.recipe(name)?;
        let container = project.container(recipe.container.value.as_str())?;
        let container_lock = project.container_lock(&container)?;
        // What the source would need of the lock is not needed.
        let stock_only = matches!(recipe.config.base, Base::Package(_));
        let lock = if own_source.is_none() || stock_only {
            Some(project.recipe_lock(&recipe, &container)?)
        } else {
            None
        };
        project.check_patches(&recipe, lock.as_ref())?;
        let own = own_source.as_ref().map(|own| &own.source);
        let identity = Identity::of(&recipe, lock.as_ref(), own);
        let kernel = kernel(lock.as_ref(), own);
        let (Some(identity), Some(kernel)) = (identity, kernel) else {
            let recipe = recipe.name.clone();
            return Err(BuildError::NoSource { recipe });
        };
        let fragments = project.fragments(&recipe, kernel, &identity.local_version)?;
        let texts: Vec<_> = fragments
            .iter()
            .map(|fragment| PlannedText::of(&fragment.file.name, &fragment.file.text))
            .collect();
        let ingredients = Ingredients {
            container: &container_lock,
            assembly: scripts::assembly(),
            lock: lock.as_ref(),
            own_source: own,
            identity: &identity,
            fragments: &texts,
            steps: &scripts::steps(recipe.target.format),
        };
        let plan = Plan::new(&recipe, ingredients);
        let planned = Self {
            recipe,
            container,
            container_lock,
            lock,
            own_source,
            kernel,
            fragments,
            identity,
            plan,
        };
        check_packager(&planned.recipe, &planned.container_lock)?;
        planned.check_source()?;
        Ok(planned)
    }

    /// Whether it compiles a distribution's whole configuration.
    pub fn is_large(&self) -> bool {
        self.plan.input(InputRole::StockConfiguration).is_some()
    }

    /// How much room a build of it needs besides what its packages weigh, in bytes.
    pub fn room(&self) -> u64 {
        if self.is_large() { ROOM_STOCK } else { ROOM }
    }

    /// Whether the source is what the recipe is for, and the container's compiler can compile it.
    fn check_source(&self) -> Result<(), BuildError> {
        let Some(source) = &self.plan.source else {
            return Ok(());
        };
        if let Some(reason) = self.recipe.mismatch(&source.kernel, source.mptcp) {
            return Err(BuildError::WrongTree {
                recipe: self.recipe.name.clone(),
                reason,
                help: match self.own_source {
                    Some(_) => "name another revision, or a recipe for such a kernel",
                    None => "correct `[mptcp]` or the source in the recipe",
                },
            });
        }
        check_compiler(
            &self.container_lock,
            &self.container,
            source.kernel.series(),
        )
    }
}

/// A recipe without a lock, of which all else is right.
#[derive(Debug)]
pub struct Unlocked {
    /// The recipe.
    pub recipe: Recipe,
    /// What locking it needs.
    pub needs: String,
}

/// A recipe as far as it can be known now.
#[derive(Debug)]
pub enum Known {
    /// It is locked.
    Planned(Box<Planned>),
    /// It is not.
    Unlocked(Box<Unlocked>),
}

impl Known {
    /// Looks at recipe `name`, without network or engine.
    ///
    /// # Errors
    /// Something is wrong with it, apart from a missing lock of its own.
    pub fn load(
        project: &Project,
        name: &str,
        own_source: Option<OwnSource>,
    ) -> Result<Self, BuildError> {
        let own_lock = format!("recipes/{name}.lock");
        match Planned::with_source(project, name, own_source) {
            Ok(planned) => Ok(Self::Planned(Box::new(planned))),
            Err(BuildError::Lock(LockError::Missing {
                path,
                needs: Some(needs),
                ..
            })) if path == own_lock => {
                let recipe = project.recipe(name)?;
                let container = project.container(recipe.container.value.as_str())?;
                let lock = project.container_lock(&container)?;
                check_packager(&recipe, &lock)?;
                if let Some(mptcp) = &recipe.out_of_tree {
                    let kernel = mptcp.release.series.linux();
                    project.fragments(&recipe, kernel, recipe.version_suffix.as_str())?;
                    check_compiler(&lock, &container, kernel)?;
                }
                Ok(Self::Unlocked(Box::new(Unlocked { recipe, needs })))
            }
            Err(error) => Err(error),
        }
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        match self {
            Self::Planned(planned) => &planned.recipe,
            Self::Unlocked(unlocked) => &unlocked.recipe,
        }
    }

    /// What people should know although nothing is wrong.
    ///
    /// # Errors
    /// The kernel is too old for the distribution.
    pub fn warnings(&self) -> Result<Vec<String>, BuildError> {
        let mut warnings = Vec::new();
        if let Self::Unlocked(unlocked) = self {
            warnings.push(format!("not locked: needs {}", unlocked.needs));
        }
        if matches!(self, Self::Planned(planned) if planned.plan.unpinned) {
            warnings.push(
                "not pinned: the source is your own, so the result is never released".to_owned(),
            );
        }
        let recipe = self.recipe();
        let series = recipe.out_of_tree.as_ref();
        let series = series.map(|mptcp| mptcp.release.series.linux());
        let kernel = match self {
            Self::Planned(planned) => Some(planned.kernel),
            Self::Unlocked(_) => series,
        };
        match kernel.map(|kernel| fitness(&recipe.target, kernel)) {
            None | Some(Fitness::Fits) => {}
            Some(Fitness::Gaps(text)) => warnings.push(text),
            Some(Fitness::TooOld(reason)) => {
                let recipe = recipe.name.clone();
                return Err(BuildError::TooOld { recipe, reason });
            }
        }
        Ok(warnings)
    }
}

/// Version and patch level of the Linux in a source; a package's version begins with them.
fn kernel(lock: Option<&RecipeLock>, own: Option<&LockedSource>) -> Option<(u16, u16)> {
    let locked = lock.and_then(|lock| lock.source.as_ref());
    if let Some(source) = own.or(locked) {
        return Some(source.kernel.series());
    }
    let version = &lock?.input(InputRole::Source)?.package.version;
    let mut numbers = version.split(['.', '-', '~', '+']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn check_compiler(
    lock: &ContainerLock,
    container: &Container,
    kernel: (u16, u16),
) -> Result<(), BuildError> {
    match (gcc(lock), newest_gcc(kernel)) {
        (Some(found), Some(newest)) if found > newest => Err(BuildError::Compiler {
            kernel,
            container: container.name.clone(),
            found,
            newest,
        }),
        _ => Ok(()),
    }
}

/// Whether the container can make packages of the recipe's format. Any can make those that it is made of.
fn check_packager(recipe: &Recipe, lock: &ContainerLock) -> Result<(), BuildError> {
    let package = match recipe.target.format {
        PackageFormat::Deb => return Ok(()),
        PackageFormat::Rpm => "rpm",
    };
    let mut packages = lock.packages.iter();
    if packages.any(|installed| installed.name.as_str() == package) {
        return Ok(());
    }
    Err(BuildError::Packager {
        recipe: recipe.name.clone(),
        format: recipe.target.format,
        container: recipe.container.value.clone(),
        package,
    })
}
