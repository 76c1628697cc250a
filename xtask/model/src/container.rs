//! Container definitions: which packages of which archive make up a build container.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::digest::Sha256;
use crate::names::{ArchivePart, KeyringName, Name, PackageName};
use crate::recipe::Architecture;
use crate::strict::{self, Located, Problem, Problems, SourceFile, Table};

/// A container, as its definition file tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Container {
    /// Its name: that of its file.
    pub name: Name,
    /// One line for people; no part of what the lock belongs to.
    #[serde(skip)]
    pub summary: String,
    /// The architecture of its packages.
    pub architecture: Architecture,
    /// The archives it takes packages from, by name. The name is also how mirrors are found.
    pub archives: BTreeMap<Name, Archive>,
    /// The packages it must have; the distribution's solver adds what they need.
    pub packages: Vec<PackageName>,
}

/// An apt archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Archive {
    /// The keys that sign it, a file below `containers/keys/`.
    pub keyring: Located<KeyringName>,
    /// A service that keeps every past state of the archive, below which a timestamp is appended.
    pub snapshot: Option<String>,
    /// The components used.
    pub components: Vec<ArchivePart>,
    /// The suites that the container itself is made of: settled ones, whose packages stay.
    pub suites: Vec<ArchivePart>,
    /// The suites that recipes take their inputs from (kernel source, stock packages): the newest
    /// version in any of them wins.
    pub input_suites: Vec<ArchivePart>,
}

impl Container {
    /// Reads a definition.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(name: &Name, file: &Arc<SourceFile>) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let container = Self::read(name, file, &mut problems);
        let what = format!("container `{name}`");
        Problems::check(&what, &problems)?;
        container.ok_or_else(|| Problems::new(&what, &problems))
    }

    fn read(name: &Name, file: &Arc<SourceFile>, problems: &mut Vec<Problem>) -> Option<Self> {
        let mut root = strict::parse(file, problems);
        let summary = root.required("summary", problems);
        let architecture = root.required("architecture", problems);
        let packages = root.array("packages", problems);
        let mut archives = BTreeMap::new();
        match root.table("archives", problems) {
            Some(table) => {
                for (key, table) in table.into_tables(problems) {
                    let archive = read_archive(table, problems);
                    match key.value.parse() {
                        Ok(name) => archives.extend(archive.map(|archive| (name, archive))),
                        Err(error) => problems.push(key.problem(format!("{error}"))),
                    }
                }
            }
            None => problems.push(
                root.problem("`archives` is missing: a container takes packages from one at least"),
            ),
        }
        if packages.is_empty() {
            problems.push(root.problem("`packages` is missing or empty"));
        }
        root.finish(problems);
        Some(Self {
            name: name.clone(),
            summary: summary?.value,
            architecture: architecture?.value,
            archives,
            packages: packages.into_iter().map(|package| package.value).collect(),
        })
    }

    /// The digest of all that a lock of this container depends on.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(crate::plan::canonical_json(self))
    }
}

fn read_archive(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Option<Archive> {
    let keyring = table.required("keyring", problems);
    let snapshot = table.optional::<String>("snapshot", problems);
    if let Some(url) = snapshot.as_ref().filter(|url| !is_http(&url.value)) {
        problems.push(url.problem("a snapshot service has an http:// or https:// address"));
    }
    let mut parts = |key| {
        table
            .array(key, problems)
            .into_iter()
            .map(|part| part.value)
            .collect::<Vec<ArchivePart>>()
    };
    let components = parts("components");
    let suites = parts("suites");
    let input_suites = parts("input-suites");
    table.finish(problems);
    Some(Archive {
        keyring: keyring?,
        snapshot: snapshot.map(|url| url.value),
        components,
        suites,
        input_suites,
    })
}

fn is_http(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}
