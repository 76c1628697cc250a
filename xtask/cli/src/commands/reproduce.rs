//! `reproduce`: builds twice and compares, byte for byte.

use builder::build::{How, ResultLock, Tools, build, lock_result};
use builder::finished::Finished;
use builder::plan::Planned;
use builder::report::Reporter;
use builder::reproduce::{self, Again, REPORT, Reproduction, Verdict, reproduce};
use formats::difference::Difference;
use host::cancel::Cancel;

use crate::arguments::{Global, Reproduce};
use crate::context::{self, Online};
use crate::failure::Failure;
use crate::{output, progress};

pub(crate) fn run(global: &Global, command: &Reproduce, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let source = context::own_source(command.source.as_deref(), cancel)?;
    let planned = Planned::with_source(&project, &command.recipe, source)?;
    let online = Online::open(global, cancel)?;
    let engine = online.engine()?;
    let tools = online.tools(&project, &engine);
    let held = lock_result(&project.out(), &planned.recipe.name)?;
    let reporter = progress::reporter(global);
    let how = How {
        reuse: true,
        ..How::default()
    };
    let first = build(tools, &planned, how, &held, &*reporter)?;
    let again = Again {
        jobs: command.jobs,
        vary: true,
    };
    let reproduction = reproduce(tools, &planned, &first, again, &held, &*reporter)?;
    drop(reporter);
    output::result(global, &reproduction, text)?;
    check(&reproduction)
}

/// Builds what is finished once more, in the same surroundings, and compares.
pub(crate) fn audit(
    tools: Tools<'_>,
    planned: &Planned,
    finished: &Finished,
    jobs: Option<u32>,
    held: &ResultLock,
    reporter: &dyn Reporter,
) -> Result<Reproduction, Failure> {
    let again = Again { jobs, vary: false };
    Ok(reproduce(tools, planned, finished, again, held, reporter)?)
}

/// What a person wants to see of it.
pub(crate) fn text(reproduction: &Reproduction) -> String {
    let files = &reproduction.files;
    let same = files.values().filter(|compared| compared.is_same()).count();
    let verdict = match reproduction.verdict {
        Verdict::Identical => "identical",
        Verdict::Different => "DIFFERENT",
    };
    let (recipe, plan) = (&reproduction.recipe, &reproduction.plan_id);
    let mut text = format!(
        "{recipe}: {verdict}, {same} of {} files are the same, plan {plan}\n",
        files.len()
    );
    for (name, compared) in files {
        match (compared.first, compared.second) {
            (Some(first), _) if compared.is_same() => text.push_str(&format!("  {first} {name}\n")),
            (first, second) => {
                let told = |digest: Option<_>| {
                    digest.map_or_else(|| "not there".to_owned(), |digest| format!("{digest}"))
                };
                text.push_str(&format!("  DIFFERENT {name}\n"));
                text.push_str(&format!("    {}\n    {}\n", told(first), told(second)));
            }
        }
    }
    text.push_str(&varied(reproduction));
    if let Some(difference) = &reproduction.difference {
        text.push_str(&shown(difference));
    }
    if let Some(reason) = &reproduction.unreadable {
        text.push_str(&format!("  cannot be looked into: {reason}\n"));
    }
    text
}

fn varied(reproduction: &Reproduction) -> String {
    let all = &reproduction.variations;
    let applied = all.iter().filter(|variation| variation.applied).count();
    let mut text = format!("  varied: {applied} of {}\n", all.len());
    for variation in all {
        let told = |value: &Option<String>| value.clone().unwrap_or_else(|| "not told".to_owned());
        let (first, second) = (told(&variation.first), told(&variation.second));
        let line = if variation.applied {
            format!("{first} -> {second} ({})", variation.how)
        } else {
            format!("NOT APPLIED, so nothing is told about it: {first} -> {second}")
        };
        text.push_str(&format!("    {:<16} {line}\n", variation.name));
    }
    text
}

fn shown(difference: &Difference) -> String {
    let cause = difference.cause;
    let mut text = format!("  first difference: {}\n", difference.place.join(" / "));
    for (side, bytes) in [("first", &difference.a), ("second", &difference.b)] {
        match bytes {
            None => text.push_str(&format!("    {side}: not there\n")),
            Some(bytes) => {
                text.push_str(&format!("    {side}:\n"));
                for line in bytes.hexdump().lines() {
                    text.push_str(&format!("      {line}\n"));
                }
            }
        }
    }
    text.push_str(&format!(
        "    cause: {}: {}\n    remedy: {}\n",
        cause.name(),
        cause.explanation(),
        cause.remedy()
    ));
    let (count, members) = (difference.differing, &difference.members);
    text.push_str(&format!("  {count} members differ: {}", members.join(", ")));
    let rest = count.saturating_sub(members.len() as u64);
    if rest > 0 {
        text.push_str(&format!(" and {rest} more"));
    }
    text + "\n"
}

/// Bytes that differ are a failure of the command.
pub(crate) fn check(reproduction: &Reproduction) -> Result<(), Failure> {
    if reproduction.verdict == Verdict::Identical {
        return Ok(());
    }
    let differing = reproduction.files.iter();
    let differing = differing.filter(|(_, compared)| !compared.is_same());
    let names: Vec<_> = differing.map(|(name, _)| name.as_str()).collect();
    let recipe = reproduction.recipe.to_string();
    let help = match &reproduction.difference {
        Some(difference) => difference.cause.remedy().to_owned(),
        None => "compare both results with diffoscope".to_owned(),
    };
    let second = format!("out/{}/{recipe}", reproduce::FOLDER);
    Err(Failure::Different {
        what: format!("the builds have other bytes of {}", names.join(", ")),
        help: format!("{help}; the second result is in {second}, all of this in its {REPORT}"),
        recipe,
    })
}
