//! `ci summary`: a finished result in Markdown.

use std::fs;

use builder::finished::{Finished, Origin};
use builder::reproduce::{Told, Verdict as Reproduced};
use camino::Utf8Path;
use model::digest::Sha256;
use model::manifest::Manifest;
use model::smoke::{Machine, Smoke, Verdict};
use smoke::result;

use super::append;
use super::markdown::{code, table};
use crate::arguments::{Global, Summary};
use crate::context;
use crate::failure::Failure;
use crate::output;

/// The file that summaries of a step go to.
const SUMMARIES: &str = "GITHUB_STEP_SUMMARY";

pub(super) fn run(global: &Global, command: &Summary) -> Result<(), Failure> {
    let project = context::project(global)?;
    let recipe = project.recipe(&command.recipe)?;
    let name = recipe.name.as_str();
    let folder = project.out().join(name);
    if !folder.exists() {
        tell(&format!(
            "### {}: no result\n\nThe build failed or was stopped; what it said is in its logs.\n",
            code(name)
        ))?;
        let recipe = name.to_owned();
        return Err(Failure::NotBuilt { recipe });
    }
    match Finished::open(&folder, Origin::There) {
        Ok(finished) => tell(&render(name, &finished, &evidence(&folder))),
        Err(reason) => {
            tell(&format!(
                "### {}: not a result of a build\n\n{}\n",
                code(name),
                code(&reason)
            ))?;
            let path = folder;
            Err(Failure::Changed { path, reason })
        }
    }
}

fn tell(text: &str) -> Result<(), Failure> {
    append(SUMMARIES, &format!("{text}\n"))?;
    output::plain(text)
}

/// What was learnt of a result, or why it cannot be read.
struct Evidence {
    smoke: Result<Smoke, String>,
    reproduced: Result<Option<Told>, String>,
}

fn evidence(folder: &Utf8Path) -> Evidence {
    let smoke = fs::read_to_string(folder.join(result::JSON)).map_err(|error| error.to_string());
    let smoke = smoke.and_then(|text| Smoke::parse(&text).map_err(|error| error.to_string()));
    Evidence {
        smoke: smoke.and_then(|smoke| belongs(folder, smoke)),
        reproduced: Told::read(folder),
    }
}

/// A verdict on other packages says nothing about these.
fn belongs(folder: &Utf8Path, smoke: Smoke) -> Result<Smoke, String> {
    let manifest = fs::read(folder.join("manifest.json")).map_err(|error| error.to_string())?;
    if smoke.manifest == Some(Sha256::of(&manifest)) {
        Ok(smoke)
    } else {
        Err("the verdict is one on other packages".to_owned())
    }
}

fn render(name: &str, finished: &Finished, evidence: &Evidence) -> String {
    let manifest = &finished.manifest;
    let verdict = match &evidence.smoke {
        Ok(smoke) => verdict(smoke.verdict),
        Err(_) => "NO VERDICT",
    };
    let mut text = format!("### {}: {verdict}\n\n", code(name));
    text.push_str(&table(&["", ""], &facts(finished, evidence)));
    text.push_str("#### Packages\n\n");
    text.push_str(&table(&["file", "bytes", "SHA-256"], &packages(manifest)));
    if let Ok(smoke) = &evidence.smoke {
        text.push_str(&booted(smoke));
    }
    text
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "FAILED",
        Verdict::NotRun => "NOT BOOTED",
    }
}

fn fact(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}

fn facts(finished: &Finished, evidence: &Evidence) -> Vec<Vec<String>> {
    let (manifest, run) = (&finished.manifest, &finished.run);
    let for_release = match (manifest.for_release, run.incremental) {
        (true, false) => "yes",
        (true, true) => "no: it started from objects of an earlier build",
        (false, _) => "no: its recipe or its source is not for release",
    };
    let mut facts = vec![
        fact("kernel", code(&manifest.kernel_release)),
        fact("plan", code(&manifest.plan_id.to_string())),
        fact("for release", for_release.to_owned()),
        fact("built twice", reproduced(manifest, &evidence.reproduced)),
    ];
    match &evidence.smoke {
        Ok(smoke) => facts.extend(boot(smoke)),
        Err(reason) => facts.push(fact("verdict", format!("none: {}", code(reason)))),
    }
    let seconds: f64 = run.phases.iter().map(|phase| phase.seconds).sum();
    facts.push(fact(
        "time of the build",
        format!("{:.1} min", seconds / 60.0),
    ));
    facts
}

fn reproduced(manifest: &Manifest, told: &Result<Option<Told>, String>) -> String {
    match told {
        Ok(None) => "not tried".to_owned(),
        Ok(Some(told)) if told.plan_id != manifest.plan_id => {
            "not tried: the report is one on another plan".to_owned()
        }
        Ok(Some(told)) => {
            let (applied, all) = told.varied();
            let verdict = match told.verdict {
                Reproduced::Identical => "identical",
                Reproduced::Different => "DIFFERENT",
            };
            format!("{verdict}, {applied} of {all} things were varied")
        }
        Err(reason) => format!("not known: {}", code(reason)),
    }
}

fn boot(smoke: &Smoke) -> Vec<Vec<String>> {
    let mut facts: Vec<_> = smoke
        .machine
        .iter()
        .map(|machine| fact("booted", machine_text(machine)))
        .collect();
    if let Some(reason) = &smoke.reason {
        facts.push(fact("reason", code(reason)));
    }
    let passed = smoke.checks.iter().filter(|check| check.passed).count();
    facts.push(fact(
        "checks",
        format!("{passed} of {} hold", smoke.checks.len()),
    ));
    let (retries, earlier) = (smoke.retries.len(), smoke.earlier_failures.len());
    if retries + earlier > 0 {
        facts.push(fact(
            "before that",
            format!("{retries} attempts were given up, {earlier} boots failed"),
        ));
    }
    facts
}

fn machine_text(machine: &Machine) -> String {
    let mut text = format!(
        "{}, {} processors, QEMU {}",
        code(&machine.accelerator),
        machine.cpus,
        code(&machine.qemu)
    );
    if let Some(sabotage) = &machine.sabotage {
        text.push_str(&format!(", BROKEN ON PURPOSE: {}", code(sabotage)));
    }
    text
}

fn packages(manifest: &Manifest) -> Vec<Vec<String>> {
    let files = manifest.artifacts.iter();
    files
        .map(|(name, file)| {
            vec![
                code(name),
                file.size.to_string(),
                code(&file.sha256.to_string()),
            ]
        })
        .collect()
}

/// What was seen of the booted kernel.
fn booted(smoke: &Smoke) -> String {
    let mut text = String::new();
    let mut section = |title: &str, head: &[&str], rows: Vec<Vec<String>>| {
        let table = table(head, &rows);
        if !table.is_empty() {
            text.push_str(&format!("#### {title}\n\n{table}"));
        }
    };
    section(
        "Checks that failed",
        &["of", "check", "expected", "found"],
        failed(smoke),
    );
    section(
        "Phases of the boot",
        &["phase", "from", "to"],
        phases(smoke),
    );
    section(
        "Transfers",
        &[
            "transfer",
            "direction",
            "payload",
            "link 1",
            "link 2",
            "time",
        ],
        transfers(smoke),
    );
    text
}

fn failed(smoke: &Smoke) -> Vec<Vec<String>> {
    let failed = smoke.checks.iter().filter(|check| !check.passed);
    failed
        .map(|check| {
            let cells = [&check.group, &check.name, &check.expected, &check.found];
            cells.map(|cell| code(cell)).to_vec()
        })
        .collect()
}

fn phases(smoke: &Smoke) -> Vec<Vec<String>> {
    let seconds = |time: f64| format!("{time:.2} s");
    let phases = smoke.phases.iter();
    phases
        .map(|phase| vec![code(&phase.name), seconds(phase.start), seconds(phase.end)])
        .collect()
}

/// Bytes of payload, bytes of frames on each link.
fn transfers(smoke: &Smoke) -> Vec<Vec<String>> {
    let carried = smoke.links.iter();
    carried
        .map(|carried| {
            let [first, second] = carried.links;
            vec![
                code(&carried.transfer),
                code(&carried.direction),
                carried.payload.to_string(),
                first.to_string(),
                second.to_string(),
                format!("{} ms", carried.microseconds / 1000),
            ]
        })
        .collect()
}
