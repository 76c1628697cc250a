//! `capabilities`: what two kernels can do.

use std::fs;

use camino::Utf8PathBuf;
use model::smoke::capabilities::{Difference, compare};
use model::smoke::{Smoke, Verdict};
use serde::Serialize;
use smoke::result;

use crate::arguments::{Capabilities, Global};
use crate::context;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Compared {
    a: Side,
    b: Side,
    differences: Vec<Difference>,
}

#[derive(Serialize)]
struct Side {
    name: String,
    kernel_release: Option<String>,
    verdict: Verdict,
}

pub(crate) fn run(global: &Global, command: &Capabilities) -> Result<(), Failure> {
    let (a, b) = (load(global, &command.a)?, load(global, &command.b)?);
    let compared = Compared {
        differences: compare(&a.capabilities, &b.capabilities),
        a: side(&command.a, &a),
        b: side(&command.b, &b),
    };
    output::result(global, &compared, text)
}

fn side(name: &str, smoke: &Smoke) -> Side {
    Side {
        name: name.to_owned(),
        kernel_release: smoke.kernel_release.clone(),
        verdict: smoke.verdict,
    }
}

/// The verdict of a recipe's result, or that in a file.
fn load(global: &Global, name: &str) -> Result<Smoke, Failure> {
    let is_file = name.contains('/') || name.ends_with(".json");
    let path = if is_file {
        Utf8PathBuf::from(name)
    } else {
        let project = context::project(global)?;
        project.recipe(name)?;
        project.out().join(name).join(result::JSON)
    };
    let text = fs::read_to_string(&path).map_err(|source| Failure::NoVerdict {
        path: path.clone(),
        reason: source.to_string(),
    })?;
    let smoke = Smoke::parse(&text).map_err(|error| Failure::NoVerdict {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    if smoke.verdict == Verdict::NotRun {
        return Err(Failure::NoVerdict {
            path,
            reason: "the kernel was not booted".to_owned(),
        });
    }
    Ok(smoke)
}

fn text(compared: &Compared) -> String {
    let mut text = String::new();
    for (letter, side) in [("A", &compared.a), ("B", &compared.b)] {
        let release = side
            .kernel_release
            .as_deref()
            .unwrap_or("an unknown kernel");
        let warning = match side.verdict {
            Verdict::Passed => "",
            Verdict::Failed | Verdict::NotRun => {
                ", whose smoke boot FAILED: it may lack more than it says"
            }
        };
        text.push_str(&format!("{letter}  {}: {release}{warning}\n", side.name));
    }
    if compared.differences.is_empty() {
        text.push_str("both can do the same\n");
    }
    for difference in &compared.differences {
        let absent = "absent".to_owned();
        text.push_str(&format!(
            "{} {}: A {}, B {}\n",
            difference.kind.name(),
            difference.name,
            difference.a.as_ref().unwrap_or(&absent),
            difference.b.as_ref().unwrap_or(&absent)
        ));
    }
    text
}
