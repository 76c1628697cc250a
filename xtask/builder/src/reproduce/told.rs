//! What the report beside a result tells, as far as others need it.

use camino::Utf8Path;
use model::digest::Sha256;
use serde::Deserialize;

use super::{REPORT, SCHEMA, Verdict};
use crate::finished::{parse, read};

/// What building a result again showed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Told {
    schema: u32,
    /// The plan of both builds.
    pub plan_id: Sha256,
    /// Whether all bytes were the same.
    pub verdict: Verdict,
    variations: Vec<Variation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Variation {
    applied: bool,
}

impl Told {
    /// Reads the report beside the result in `folder`; `None` where there is none.
    ///
    /// # Errors
    /// It is no report, for people.
    pub fn read(folder: &Utf8Path) -> Result<Option<Self>, String> {
        let path = folder.join(REPORT);
        if !path.exists() {
            return Ok(None);
        }
        let told: Self = parse(REPORT, &read(&path)?)?;
        match told.schema {
            SCHEMA => Ok(Some(told)),
            other => Err(format!(
                "{REPORT} has form {other}, which this version does not read"
            )),
        }
    }

    /// How many things differed between the surroundings of both builds, and how many should have.
    pub fn varied(&self) -> (usize, usize) {
        let applied = self.variations.iter().filter(|variation| variation.applied);
        (applied.count(), self.variations.len())
    }
}
