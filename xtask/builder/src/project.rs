//! The project's files: recipes, containers, fragments and locks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use model::container::Container;
use model::digest::Sha256;
use model::kconfig::{Assignment, Value, parse_fragment, render};
use model::lock::{ContainerLock, Lock, LockError, RecipeLock, recipe_definition};
use model::mptcp::OutOfTree;
use model::names::{KeyringName, MalformedName, Name, PatchName, nearest};
use model::recipe::{Layer, Recipe};
use model::source::{Patch, Source};
use model::strict::{Located, Problem, Problems, SourceFile};

use crate::error::BuildError;

/// How many recipes may extend one another.
const MAX_LAYERS: usize = 8;

/// Where patches are kept.
const PATCHES: &str = "recipes/patches";

/// A checkout of the project.
#[derive(Debug, Clone)]
pub struct Project {
    root: Utf8PathBuf,
}

/// A fragment: its text and what it says.
#[derive(Debug, Clone)]
pub struct Fragment {
    /// The file; that of what the recipe sets itself is made up.
    pub file: Arc<SourceFile>,
    /// What it assigns, located where a person wrote it.
    pub assignments: Vec<Located<Assignment>>,
}

impl Project {
    /// The project around `folder`: the nearest folder above it with recipes and containers.
    ///
    /// # Errors
    /// There is none.
    pub fn find(folder: &Utf8Path) -> Result<Self, BuildError> {
        let is_project = |folder: &&Utf8Path| {
            folder.join("recipes").is_dir() && folder.join("containers").is_dir()
        };
        match folder.ancestors().find(is_project) {
            Some(root) => Ok(Self {
                root: root.to_owned(),
            }),
            None => Err(BuildError::NoProject {
                folder: folder.to_owned(),
            }),
        }
    }

    /// Its top folder.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Where results go.
    pub fn out(&self) -> Utf8PathBuf {
        self.root.join("out")
    }

    /// The names of all recipes.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn recipes(&self) -> Result<Vec<Name>, BuildError> {
        self.names("recipes")
    }

    /// The names of all containers.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn containers(&self) -> Result<Vec<Name>, BuildError> {
        self.names("containers")
    }

    fn names(&self, folder: &str) -> Result<Vec<Name>, BuildError> {
        let path = self.root.join(folder);
        let unreadable = |source| BuildError::File {
            attempt: "reading",
            path: path.clone(),
            source,
        };
        let mut names = BTreeSet::new();
        for entry in path.read_dir_utf8().map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let Some(name) = entry.file_name().strip_suffix(".toml") else {
                continue;
            };
            match name.parse() {
                Ok(name) => drop(names.insert(name)),
                Err(error) => return Err(malformed_name(folder, entry.file_name(), &error)),
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The whole recipe `name`, with what it extends.
    ///
    /// # Errors
    /// There is no such recipe, or something is wrong with it.
    pub fn recipe(&self, name: &str) -> Result<Recipe, BuildError> {
        let name = known("recipe", name, &self.recipes()?)?;
        let mut problems = Vec::new();
        let mut layers = Vec::new();
        let mut next = Some(name.clone());
        while let Some(current) = next.take() {
            let file = self.read(&format!("recipes/{current}.toml"))?;
            let layer = Layer::parse(&file, &mut problems);
            if let Some(parent) = &layer.extends {
                next = self.parent(parent, layers.len(), &mut problems);
            }
            layers.insert(0, layer);
        }
        for layer in &layers {
            self.check_references(layer, &mut problems)?;
        }
        Ok(Recipe::merge(&name, layers, problems)?)
    }

    /// What a recipe file names must be there, and fragments must be right.
    fn check_references(
        &self,
        layer: &Layer,
        problems: &mut Vec<Problem>,
    ) -> Result<(), BuildError> {
        if let Some(container) = layer.container() {
            self.check_file(
                container,
                &format!("containers/{}.toml", container.value),
                problems,
            );
        }
        for patch in layer.patches() {
            if let Patch::File(name) = &patch.value {
                self.check_file(patch, &format!("{PATCHES}/{name}"), problems);
            }
        }
        for fragment in layer.fragments() {
            let path = format!("recipes/config/{}", fragment.value);
            if self.check_file(fragment, &path, problems) {
                parse_fragment(&self.read(&path)?, problems);
            }
        }
        Ok(())
    }

    /// Whether the file that `value` names is there; else that is a problem.
    fn check_file<T>(&self, value: &Located<T>, path: &str, problems: &mut Vec<Problem>) -> bool {
        let there = self.root.join(path).is_file();
        if !there {
            problems.push(value.problem(format!("there is no {path}")));
        }
        there
    }

    fn parent(
        &self,
        parent: &Located<Name>,
        depth: usize,
        problems: &mut Vec<Problem>,
    ) -> Option<Name> {
        if depth >= MAX_LAYERS {
            problems.push(parent.problem("recipes extend one another in a circle"));
        } else if self
            .root
            .join(format!("recipes/{}.toml", parent.value))
            .is_file()
        {
            return Some(parent.value.clone());
        } else {
            problems.push(parent.problem(format!("there is no recipe `{}`", parent.value)));
        }
        None
    }

    /// The container `name`.
    ///
    /// # Errors
    /// There is no such container, or something is wrong with it.
    pub fn container(&self, name: &str) -> Result<Container, BuildError> {
        let name = known("container", name, &self.containers()?)?;
        let file = self.read(&format!("containers/{name}.toml"))?;
        let container = Container::parse(&name, &file)?;
        let mut problems = Vec::new();
        for archive in container.archives.values() {
            let path = format!("containers/keys/{}", archive.keyring.value);
            self.check_file(&archive.keyring, &path, &mut problems);
        }
        Problems::check(&format!("container `{name}`"), &problems)?;
        Ok(container)
    }

    /// The keyring `name`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn keyring(&self, name: &KeyringName) -> Result<Vec<u8>, BuildError> {
        let path = self.root.join(format!("containers/keys/{name}"));
        fs::read(&path).map_err(|source| BuildError::File {
            attempt: "reading",
            path,
            source,
        })
    }

    /// The fragments of a recipe for a kernel of this version and patch level, in their order; what the recipe sets
    /// itself comes last, `local_version` with it.
    ///
    /// # Errors
    /// One of them is malformed.
    pub fn fragments(
        &self,
        recipe: &Recipe,
        kernel: (u16, u16),
        local_version: &str,
    ) -> Result<Vec<Fragment>, BuildError> {
        let mut problems = Vec::new();
        let mut fragments = Vec::new();
        for name in recipe.config.fragments_for(kernel) {
            let file = self.read(&format!("recipes/config/{name}"))?;
            let assignments = parse_fragment(&file, &mut problems);
            fragments.push(Fragment { file, assignments });
        }
        if let Some(mptcp) = &recipe.out_of_tree {
            let derived = derived_fragment(mptcp);
            check_undisputed(recipe, &derived, &fragments, &mut problems);
            fragments.push(derived);
        }
        fragments.push(recipe_fragment(recipe, local_version, &mut problems));
        Problems::check(
            &format!("configuration of recipe `{}`", recipe.name),
            &problems,
        )?;
        Ok(fragments)
    }

    /// The patch `name` beside the recipes.
    ///
    /// # Errors
    /// It is no name of a patch, or cannot be read.
    pub(crate) fn patch(&self, name: &str) -> Result<Vec<u8>, BuildError> {
        // Locks name patches too.
        let valid: Result<PatchName, _> = name.parse();
        valid.map_err(|error| BuildError::WrongPatch {
            patch: name.chars().take(80).collect(),
            reason: error.to_string(),
        })?;
        let path = self.root.join(PATCHES).join(name);
        fs::read(&path).map_err(|source| BuildError::File {
            attempt: "reading",
            path,
            source,
        })
    }

    /// The patches beside the recipe must be those that were locked.
    ///
    /// # Errors
    /// One was changed, or cannot be read.
    pub fn check_patches(
        &self,
        recipe: &Recipe,
        lock: Option<&RecipeLock>,
    ) -> Result<(), BuildError> {
        let source = lock.and_then(|lock| lock.source.as_ref());
        let locked = source.map(|source| &source.patches[..]).unwrap_or_default();
        for patch in locked.iter().filter(|patch| patch.url.is_none()) {
            let found = Sha256::of(self.patch(&patch.name)?);
            if found != patch.sha256 {
                return Err(LockError::StalePatch {
                    patch: patch.name.clone(),
                    expected: patch.sha256,
                    found,
                    name: recipe.name.clone(),
                }
                .into());
            }
        }
        Ok(())
    }

    /// The lock of a container.
    ///
    /// # Errors
    /// It is missing, malformed, edited or stale.
    pub fn container_lock(&self, container: &Container) -> Result<ContainerLock, LockError> {
        self.lock(
            &format!("containers/{}.lock", container.name),
            "container",
            &container.name,
            container.digest(),
            None,
        )
    }

    /// The lock of a recipe.
    ///
    /// # Errors
    /// It is missing, malformed, edited or stale.
    pub fn recipe_lock(
        &self,
        recipe: &Recipe,
        container: &Container,
    ) -> Result<RecipeLock, LockError> {
        let definition = recipe_definition(recipe, container);
        self.lock(
            &format!("recipes/{}.lock", recipe.name),
            "recipe",
            &recipe.name,
            definition,
            Some(needs(&recipe.source)),
        )
    }

    fn lock<L: Lock>(
        &self,
        path: &str,
        kind: &str,
        name: &Name,
        definition: Sha256,
        needs: Option<String>,
    ) -> Result<L, LockError> {
        let missing = || LockError::Missing {
            path: path.to_owned(),
            what: format!("{kind} `{name}`"),
            needs,
            name: name.clone(),
        };
        let text = fs::read_to_string(self.root.join(path)).map_err(|_| missing())?;
        L::parse(name, &SourceFile::new(path, text), definition)
    }

    fn read(&self, path: &str) -> Result<Arc<SourceFile>, BuildError> {
        let full = self.root.join(path);
        let text = fs::read_to_string(&full).map_err(|source| BuildError::File {
            attempt: "reading",
            path: full,
            source,
        })?;
        Ok(SourceFile::new(path, text))
    }
}

/// What locking a source needs from outside.
fn needs(source: &Source) -> String {
    match source {
        Source::Package(name) => format!("package {name} of the distribution's archive"),
        Source::Git(git) => format!("{} of {}", git.reference, git.url),
        Source::Tarball(tarball) => tarball.url.to_string(),
    }
}

/// What `[mptcp]` means, as a fragment.
fn derived_fragment(mptcp: &OutOfTree) -> Fragment {
    let lines = mptcp.assignments().into_iter();
    let text: String = lines
        .map(|assignment| render(&assignment.symbol, &assignment.value))
        .collect();
    let file = SourceFile::new("[mptcp] of the recipe", text);
    // What was rendered just now is no problem.
    let assignments = parse_fragment(&file, &mut Vec::new());
    Fragment { file, assignments }
}

/// What `[mptcp]` decides, nothing else may decide otherwise.
fn check_undisputed(
    recipe: &Recipe,
    derived: &Fragment,
    fragments: &[Fragment],
    problems: &mut Vec<Problem>,
) {
    let decided: BTreeMap<_, _> = derived
        .assignments
        .iter()
        .map(|decided| (&decided.value.symbol, &decided.value.value))
        .collect();
    let mut dispute = |symbol, value: &Value, at: &dyn Fn(String) -> Problem| {
        if let Some(decided) = decided
            .get(symbol)
            .filter(|decided| !decided.same_as(value))
        {
            problems.push(at(format!(
                "{symbol} is decided by the recipe's `[mptcp]`, which makes it {decided}"
            )));
        }
    };
    for assignment in fragments.iter().flat_map(|fragment| &fragment.assignments) {
        let Assignment { symbol, value } = &assignment.value;
        dispute(symbol, value, &|message| assignment.problem(message));
    }
    for (symbol, setting) in &recipe.config.set {
        dispute(symbol, &setting.value.value, &|message| {
            setting.problem(message)
        });
    }
}

fn malformed_name(folder: &str, file: &str, error: &MalformedName) -> BuildError {
    let path = format!("{folder}/{file}");
    let problem = Problem {
        message: error.to_string(),
        file: SourceFile::new(path.as_str(), ""),
        span: None,
    };
    Problems::new("the name of a file", &[problem]).into()
}

/// The name that was asked for, if there is one.
fn known(kind: &'static str, name: &str, known: &[Name]) -> Result<Name, BuildError> {
    match known.iter().find(|known| known.as_str() == name) {
        Some(known) => Ok(known.clone()),
        None => Err(BuildError::Unknown {
            kind,
            name: name.chars().take(80).collect(),
            near: nearest(name, known.iter().map(Name::as_str))
                .into_iter()
                .map(str::to_owned)
                .collect(),
            known: known.iter().map(Name::to_string).collect(),
        }),
    }
}

/// What the recipe sets itself, as a fragment whose lines are located in the recipe.
fn recipe_fragment(recipe: &Recipe, local_version: &str, problems: &mut Vec<Problem>) -> Fragment {
    let suffix =
        format!("CONFIG_LOCALVERSION=\"{local_version}\"\n# CONFIG_LOCALVERSION_AUTO is not set\n");
    let mut assignments = parse_fragment(
        &SourceFile::new("version-suffix of the recipe", suffix.as_str()),
        problems,
    );
    let mut text = suffix;
    for (symbol, setting) in &recipe.config.set {
        let value = setting.value.value.clone();
        text.push_str(&render(symbol, &value));
        let assignment = Assignment {
            symbol: symbol.clone(),
            value,
        };
        assignments.push(Located {
            value: assignment,
            file: Arc::clone(&setting.file),
            span: setting.span.clone(),
        });
    }
    Fragment {
        file: SourceFile::new("recipe.config", text),
        assignments,
    }
}
