//! Every line that a workflow runs is one command of this tool, which its own parser takes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::Parser;
use yaml_rust2::{Yaml, YamlLoader};

use super::Arguments;

/// What a variable of a workflow may hold, by its name.
const SAMPLES: [(&str, &str); 4] = [
    ("DISK", "10"),
    ("RECIPE", "debian-vm"),
    (
        "RELEASE_FINGERPRINT",
        "0123456789abcdef0123456789abcdef01234567",
    ),
    ("RELEASE_URL", "https://example.org/kernels"),
];

/// A line that a step runs, and where.
struct Line {
    place: String,
    text: String,
    /// The variables that the workflow, the job or the step sets.
    variables: BTreeSet<String>,
}

/// Every line that is run in a workflow.
fn lines(file: &str, text: &str) -> Result<Vec<Line>, String> {
    let documents = YamlLoader::load_from_str(text).map_err(|error| format!("{file}: {error}"))?;
    let [workflow] = &documents[..] else {
        return Err(format!("{file}: one document is expected"));
    };
    let jobs = workflow["jobs"]
        .as_hash()
        .ok_or(format!("{file}: no jobs"))?;
    let mut lines = Vec::new();
    for (name, job) in jobs {
        let steps = job["steps"].as_vec().map_or(&[][..], Vec::as_slice);
        for (number, step) in steps.iter().enumerate() {
            let place = format!("{file}: job {name:?}, step {number}");
            let text = match &step["run"] {
                Yaml::BadValue => continue,
                Yaml::String(text) => text.clone(),
                other => return Err(format!("{place}: {other:?} is no text")),
            };
            let levels = [&workflow["env"], &job["env"], &step["env"]];
            let variables = levels.into_iter().flat_map(names).collect();
            lines.push(Line {
                place,
                text,
                variables,
            });
        }
    }
    Ok(lines)
}

fn names(variables: &Yaml) -> Vec<String> {
    let names = variables.as_hash().into_iter().flat_map(|hash| hash.keys());
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

/// The words of a line that is one command of this tool, its variables replaced by samples. What a shell would take
/// for more than words is refused, and so is a variable without quotes.
fn words(line: &Line) -> Result<Vec<String>, String> {
    if line.text.contains("${{") {
        return Err("a value is put into the command itself; pass it in `env`".to_owned());
    }
    let text = line.text.trim();
    if text.contains('\n') {
        return Err("several lines; one command is expected".to_owned());
    }
    let words = text
        .split(' ')
        .map(|word| self::word(word, &line.variables));
    let words = words.collect::<Result<Vec<_>, _>>()?;
    match words.strip_prefix(&["cargo".to_owned(), "xtask".to_owned()]) {
        Some(rest) => Ok(rest.to_vec()),
        None => Err("no `cargo xtask`".to_owned()),
    }
}

fn word(word: &str, variables: &BTreeSet<String>) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/=:".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Ok(word.to_owned());
    }
    let name = word
        .strip_prefix("\"$")
        .and_then(|rest| rest.strip_suffix('"'));
    let is_name =
        |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let Some(name) = name.filter(is_name) else {
        return Err(format!(
            "{word:?} is neither a plain word nor \"$VARIABLE\""
        ));
    };
    if !variables.contains(name) {
        return Err(format!("{name} is not set by `env`"));
    }
    let sample = SAMPLES.iter().find(|(known, _)| *known == name);
    let sample = sample.ok_or(format!("{name} has no sample in this test"))?;
    Ok(sample.1.to_owned())
}

/// Whether this tool takes the line.
fn accepted(line: &Line) -> Result<(), String> {
    let words = words(line)?;
    let parsed = Arguments::try_parse_from([&["cargo xtask".to_owned()], &words[..]].concat());
    parsed.map(drop).map_err(|error| error.to_string())
}

#[test]
fn every_line_of_every_workflow_is_a_command_of_this_tool() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.github/workflows");
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let file = entry.file_name().into_string().unwrap();
        let text = fs::read_to_string(entry.path()).unwrap();
        for line in lines(&file, &text).unwrap() {
            if let Err(reason) = accepted(&line) {
                wrong.push(format!("{}: `{}`: {reason}", line.place, line.text));
            }
            seen.insert((file.clone(), line.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // That they were looked at at all.
    for (file, line) in [
        ("build.yml", "cargo xtask build \"$RECIPE\" --no-cache"),
        ("build.yml", "cargo xtask ci matrix"),
        ("ci.yml", "cargo xtask test"),
        (
            "release.yml",
            "cargo xtask verify public --key \"$RELEASE_FINGERPRINT\"",
        ),
        ("freshness.yml", "cargo xtask ci freshness"),
    ] {
        let line = (file.to_owned(), line.to_owned());
        assert!(seen.contains(&line), "{line:?} in {seen:?}");
    }
}

/// A step that runs `run`, which is YAML.
fn workflow(run: &str) -> String {
    format!(
        "on: push\njobs:\n  a:\n    env:\n      RECIPE: x\n    steps:\n      - uses: a/b@c\n      - run: {run}\n"
    )
}

#[test]
fn what_is_no_single_command_of_this_tool_is_refused() {
    for (run, reason) in [
        ("make", "no `cargo xtask`"),
        ("cargo build", "no `cargo xtask`"),
        ("cargo xtask nonsense", "unrecognized subcommand"),
        ("cargo xtask build", "required arguments"),
        ("cargo xtask build mini --fast", "unexpected argument"),
        ("cargo xtask doctor --disk none", "invalid value"),
        (
            "cargo xtask list && cargo xtask check",
            "neither a plain word",
        ),
        ("cargo xtask list; true", "neither a plain word"),
        ("cargo xtask list | tee x", "neither a plain word"),
        ("cargo xtask list > x", "neither a plain word"),
        ("cargo xtask build $(id)", "neither a plain word"),
        ("cargo xtask build $RECIPE", "neither a plain word"),
        ("cargo xtask build '$RECIPE'", "neither a plain word"),
        ("cargo xtask build \"a$RECIPE\"", "neither a plain word"),
        ("cargo  xtask list", "neither a plain word"),
        (
            "|\n          cargo xtask list\n          cargo xtask check",
            "several lines",
        ),
        ("cargo xtask build ${{ matrix.recipe }}", "pass it in `env`"),
        (
            "cargo xtask build \"${{ github.event.issue.title }}\"",
            "pass it in `env`",
        ),
        ("cargo xtask doctor --disk \"$DISK\"", "not set by `env`"),
        ("RUSTFLAGS=x cargo xtask list", "no `cargo xtask`"),
        ("'# cargo xtask list'", "neither a plain word"),
    ] {
        let lines = lines("x.yml", &workflow(run)).unwrap();
        assert_eq!(lines.len(), 1, "{run}");
        let found = accepted(&lines[0]).unwrap_err();
        assert!(found.contains(reason), "{run}: {found}");
    }
    for run in ["7", "[cargo, xtask]"] {
        assert!(lines("x.yml", &workflow(run)).is_err(), "{run}");
    }
    let lines = lines("x.yml", &workflow("cargo xtask build \"$RECIPE\"")).unwrap();
    accepted(&lines[0]).unwrap();
}
