//! Whether a build comes out the same, byte for byte: built twice, under as much variation as the host allows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};

use camino::Utf8Path;
use formats::difference::{self, Difference};
use host::clock::now_unix;
use model::digest::Sha256;
use model::manifest::Run;
use model::names::Name;
use serde::{Deserialize, Serialize};

use crate::build::{How, Made, ResultLock, Tools, make};
use crate::error::BuildError;
use crate::finished::{self, Finished};
use crate::plan::Planned;
use crate::report::Reporter;
use crate::surroundings::Surroundings;

mod told;

pub use told::Told;

/// The report, beside the result that it is about.
pub const REPORT: &str = "reproduction.json";
/// Where a second result stays that differs, below `out/`.
pub const FOLDER: &str = "reproduce";
/// The form of the report.
const SCHEMA: u32 = 1;

/// What is varied, by the names that builds tell it under, and how.
const VARIATIONS: [(&str, &str); 12] = [
    ("jobs", "make"),
    ("processors", "cpuset of the container"),
    ("path", "mount point of the volume that is written to"),
    ("file system", "volume in memory"),
    ("directory order", "preloaded library"),
    ("user", "user of the container"),
    ("umask", "around the steps, which set their own"),
    ("host name", "name of the container's host"),
    ("time zone", "around the steps, which set their own"),
    ("locale", "around the steps, which set their own"),
    ("clock", "preloaded library"),
    ("host kernel", "preloaded library"),
];

/// How the second build is done.
#[derive(Debug, Clone, Copy)]
pub struct Again {
    /// How many jobs run side by side; where `None`, one more than the first build had, or as many.
    pub jobs: Option<u32>,
    /// Whether its surroundings are others.
    pub vary: bool,
}

/// What two builds of one plan showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reproduction {
    schema: u32,
    /// The recipe.
    pub recipe: Name,
    /// The plan of both.
    pub plan_id: Sha256,
    /// When it was told, in seconds since 1970.
    pub told: u64,
    /// Whether all bytes are the same.
    pub verdict: Verdict,
    /// The build that was compared with.
    pub first: Side,
    /// The one that was made for this.
    pub second: Side,
    /// What differed between their surroundings, and what should have and did not.
    pub variations: Vec<Variation>,
    /// Every file that `SHA256SUMS` covers, and that file's own.
    pub files: BTreeMap<String, Compared>,
    /// The first difference in the first file that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// Why the file that differs could not be looked into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// Whether two builds came out the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every byte is the same.
    Identical,
    /// Some are not.
    Different,
}

/// One of two builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// When it began, in seconds since 1970.
    pub started: u64,
    /// Whether all its objects were compiled by it.
    pub from_scratch: bool,
    /// The version of this tool.
    pub tool: String,
}

impl Side {
    fn of(run: &Run) -> Self {
        Self {
            started: run.started,
            from_scratch: run.is_from_scratch(),
            tool: run.tool.clone(),
        }
    }
}

/// One thing that no byte may depend on. Only where it was applied do equal bytes tell anything about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variation {
    /// What it is.
    pub name: &'static str,
    /// How it is varied.
    pub how: &'static str,
    /// What the first build saw; nothing where it did not tell.
    pub first: Option<String>,
    /// What the second one saw.
    pub second: Option<String>,
    /// Whether both told, and something else.
    pub applied: bool,
}

/// A file of both results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Its digest in the first one, if it is there.
    pub first: Option<Sha256>,
    /// And in the second one.
    pub second: Option<Sha256>,
}

impl Compared {
    /// Whether it is the same in both.
    pub fn is_same(&self) -> bool {
        self.first == self.second
    }
}

/// Builds `planned` once more, from scratch and without any cache, and compares it with `first`, all of whose bytes
/// were read. Where they differ, the second result stays in `out/reproduce/`, and the cache forgets the first.
///
/// # Errors
/// The build fails, or the report cannot be written. Different bytes are none: they are the verdict.
pub fn reproduce(
    tools: Tools<'_>,
    planned: &Planned,
    first: &Finished,
    again: Again,
    _held: &ResultLock,
    reporter: &dyn Reporter,
) -> Result<Reproduction, BuildError> {
    let large = planned.is_large();
    let surroundings = if again.vary {
        Surroundings::elsewhere(&tools.engine.info()?, large)
    } else {
        Surroundings::usual()
    };
    let jobs = first.run.jobs + u32::from(again.vary);
    let how = How {
        jobs: Some(again.jobs.unwrap_or(jobs)),
        ..How::default()
    };
    let made = make(tools, planned, how, surroundings, reporter)?;
    reporter.phase("compare");
    let reproduction = compare(planned, first, &made)?;
    let place = tools.project.out().join(FOLDER);
    let place = place.join(planned.recipe.name.as_str());
    write(&first.path.join(REPORT), &reproduction)?;
    match reproduction.verdict {
        Verdict::Identical => finished::update(tools.engine.cache(), &first.path)?,
        Verdict::Different => {
            finished::forget(tools.engine.cache(), &reproduction.plan_id)?;
            made.draft.keep_as(&place)?;
            write(&place.join(REPORT), &reproduction)?;
        }
    }
    Ok(reproduction)
}

fn compare(planned: &Planned, first: &Finished, made: &Made) -> Result<Reproduction, BuildError> {
    let folder = made.draft.folder()?;
    let second = Finished::open(folder, finished::Origin::Built).map_err(BuildError::Unexpected)?;
    let files = compared(&first.files()?, &second.files()?);
    let (mut difference, mut unreadable) = (None, None);
    match differing(&files) {
        None => {}
        Some(name) => match look_into(name, &first.path, folder) {
            Ok(found) => difference = found,
            Err(reason) => unreadable = Some(reason),
        },
    }
    let same = files.values().all(Compared::is_same);
    Ok(Reproduction {
        schema: SCHEMA,
        recipe: planned.recipe.name.clone(),
        plan_id: planned.plan.id(),
        told: now_unix(),
        verdict: if same {
            Verdict::Identical
        } else {
            Verdict::Different
        },
        first: Side::of(&first.run),
        second: Side::of(&made.run),
        variations: variations(&first.run.surroundings, &made.run.surroundings),
        files,
        difference,
        unreadable,
    })
}

/// The files of two results, side by side.
pub(crate) fn compared(
    first: &BTreeMap<String, Sha256>,
    second: &BTreeMap<String, Sha256>,
) -> BTreeMap<String, Compared> {
    let names: BTreeSet<_> = first.keys().chain(second.keys()).collect();
    let both = |name: &String| Compared {
        first: first.get(name).copied(),
        second: second.get(name).copied(),
    };
    names
        .into_iter()
        .map(|name| (name.clone(), both(name)))
        .collect()
}

/// The file to look into: packages follow the configuration, and the manifest follows all.
fn differing(files: &BTreeMap<String, Compared>) -> Option<&str> {
    let rank = |name: &str| match name {
        "config" => 0,
        "manifest.json" => 2,
        _ => 1,
    };
    let names = files.iter().filter(|(_, compared)| !compared.is_same());
    names
        .map(|(name, _)| name.as_str())
        .min_by_key(|name| rank(name))
}

fn look_into(
    name: &str,
    first: &Utf8Path,
    second: &Utf8Path,
) -> Result<Option<Difference>, String> {
    let open = |folder: &Utf8Path| {
        let path = folder.join(name);
        File::open(&path).map_err(|error| format!("{path}: {error}"))
    };
    difference::first(name, open(first)?, open(second)?).map_err(|error| format!("{name}: {error}"))
}

fn variations(
    first: &BTreeMap<String, String>,
    second: &BTreeMap<String, String>,
) -> Vec<Variation> {
    let one = |(name, how)| {
        let (first, second) = (first.get(name).cloned(), second.get(name).cloned());
        Variation {
            name,
            how,
            applied: first.is_some() && second.is_some() && first != second,
            first,
            second,
        }
    };
    VARIATIONS.into_iter().map(one).collect()
}

fn write(path: &Utf8Path, reproduction: &Reproduction) -> Result<(), BuildError> {
    let text = serde_json::to_string_pretty(reproduction).map_err(|error| BuildError::Render {
        what: REPORT.to_owned(),
        reason: error.to_string(),
    })?;
    fs::write(path, text + "\n").map_err(|source| BuildError::File {
        attempt: "writing",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(facts: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = facts.iter();
        owned
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn applied(first: &[(&str, &str)], second: &[(&str, &str)]) -> Vec<&'static str> {
        let all = variations(&facts(first), &facts(second));
        assert_eq!(all.len(), VARIATIONS.len());
        let applied = all.iter().filter(|variation| variation.applied);
        applied.map(|variation| variation.name).collect()
    }

    #[test]
    fn what_was_not_seen_to_vary_is_not_applied() {
        let first = [("jobs", "2"), ("user", "1000"), ("path", "/a")];
        assert_eq!(applied(&first, &first), Vec::<&str>::new());
        let second = [("jobs", "3"), ("user", "1000"), ("clock", "1 s ahead")];
        assert_eq!(applied(&first, &second), ["jobs"]);
        assert_eq!(applied(&[], &second), Vec::<&str>::new());
    }

    #[test]
    fn what_follows_from_others_is_looked_into_last() {
        let digest = |text: &str| Some(Sha256::of(text));
        let mut files = BTreeMap::new();
        assert_eq!(differing(&files), None);
        let differs = Compared {
            first: digest("a"),
            second: digest("b"),
        };
        files.insert("manifest.json".to_owned(), differs);
        assert_eq!(differing(&files), Some("manifest.json"));
        files.insert("z.deb".to_owned(), differs);
        assert_eq!(differing(&files), Some("z.deb"));
        files.insert("config".to_owned(), differs);
        assert_eq!(differing(&files), Some("config"));
    }

    #[test]
    fn a_file_of_one_result_alone_differs() {
        let sums = |names: &[&str]| -> BTreeMap<String, Sha256> {
            names
                .iter()
                .map(|name| ((*name).to_owned(), Sha256::of(name)))
                .collect()
        };
        let files = compared(&sums(&["a", "b"]), &sums(&["b", "c"]));
        let same: Vec<_> = files.values().map(Compared::is_same).collect();
        assert_eq!(same, [false, true, false]);
    }
}
