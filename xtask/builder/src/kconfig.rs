//! What kconfig knows of symbols, asked in the container with kconfiglib.

use std::collections::BTreeMap;
use std::time::Duration;

use host::engine::OutputStream;
use serde::Deserialize;

use crate::configure::Workshop;
use crate::error::BuildError;
use crate::log::{Log, printable};
use crate::plan::Planned;
use crate::scripts;

/// How long the explanation may take; parsing all Kconfig files takes some seconds.
const DEADLINE: Duration = Duration::from_secs(5 * 60);
/// How much memory it may use, in bytes.
const MEMORY: u64 = 2 << 30;
/// Expressions longer than this are cut: some symbols are selected by hundreds of drivers.
const MAX_EXPRESSION: usize = 1200;

/// One line of `explain.py`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Explanation {
    symbol: String,
    known: bool,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    prompt: bool,
    #[serde(default)]
    defined: Vec<String>,
    depends: Option<String>,
    selected: Option<String>,
    choice: Option<Vec<String>>,
}

/// What kconfig knows of each of `symbols` in the workshop's configuration, for people.
pub(crate) fn explain(
    workshop: &Workshop<'_>,
    planned: &Planned,
    symbols: &[&str],
) -> Result<BTreeMap<String, String>, BuildError> {
    let command = scripts::command(scripts::EXPLAIN, symbols);
    let container = workshop.container(
        "explain",
        command,
        planned.plan.environment.clone().into_iter().collect(),
        MEMORY,
        false,
    )?;
    let path = workshop.logs.join("explain.log");
    let mut log = Log::create(&path)?;
    let mut explanations = BTreeMap::new();
    let mut output = Vec::new();
    let exit = container.run(DEADLINE, |stream, bytes| match stream {
        OutputStream::Stdout => output.extend_from_slice(bytes),
        OutputStream::Stderr => log.write(bytes),
    })?;
    let lines = log.finish()?;
    if exit.code != 0 {
        return Err(BuildError::Script {
            what: "kconfiglib".to_owned(),
            code: exit.code,
            lines,
            log: path,
        });
    }
    for line in output
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let explanation: Explanation = serde_json::from_slice(line)
            .map_err(|error| BuildError::Unexpected(format!("kconfiglib's answer: {error}")))?;
        explanations.insert(explanation.symbol.clone(), render(&explanation));
    }
    Ok(explanations)
}

fn render(explanation: &Explanation) -> String {
    if !explanation.known {
        return "unknown symbol: no Kconfig file of this kernel defines it".to_owned();
    }
    let short = |text: &str| {
        let text = printable(text.as_bytes());
        match text.char_indices().nth(MAX_EXPRESSION) {
            Some((end, _)) => format!("{} ...", &text[..end]),
            None => text,
        }
    };
    let mut lines = vec![format!(
        "defined as {} at {}",
        explanation.r#type,
        explanation.defined.join(", ")
    )];
    lines.push(format!("value {}", explanation.value));
    if !explanation.prompt {
        lines.push("has no prompt: only its defaults and other symbols set it".to_owned());
    }
    let facts = [
        ("depends on", &explanation.depends),
        ("selected by", &explanation.selected),
    ];
    lines.extend(
        facts
            .iter()
            .filter_map(|(name, fact)| Some(format!("{name} {}", short(fact.as_ref()?)))),
    );
    if let Some(choice) = &explanation.choice {
        lines.push(format!("one of the choice {}", short(&choice.join(", "))));
    }
    lines.join("\n")
}
