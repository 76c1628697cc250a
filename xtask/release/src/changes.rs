//! What is new in a kernel.

use std::collections::BTreeSet;

use model::kconfig::{DotConfig, render};
use model::release::Changes;
use model::smoke::Smoke;
use model::smoke::capabilities::{Difference, compare};

/// A kernel's verdict and configuration, as texts.
#[derive(Debug)]
pub(crate) struct Papers {
    pub(crate) smoke: String,
    pub(crate) config: String,
}

/// What `now` has and `before`, of version `since`, had not, and the other way round.
///
/// # Errors
/// One of the texts is malformed.
pub(crate) fn changes(since: &str, before: &Papers, now: &Papers) -> Result<Changes, String> {
    let smoke = |text: &str| Smoke::parse(text).map_err(|error| error.to_string());
    let (old, new) = (smoke(&before.smoke)?, smoke(&now.smoke)?);
    let capabilities = compare(&old.capabilities, &new.capabilities);
    Ok(Changes {
        since: since.to_owned(),
        capabilities: capabilities.iter().flat_map(lines).collect(),
        configuration: configuration(&before.config, &now.config)?,
    })
}

fn lines(difference: &Difference) -> Vec<String> {
    let name = format!("{} {}", difference.kind.name(), difference.name);
    let line = |sign: char, value: &Option<String>| {
        let value = value.as_ref()?;
        let value = if *value == difference.name {
            String::new()
        } else {
            format!(" = {value}")
        };
        Some(format!("{sign} {name}{value}"))
    };
    let lines = [line('-', &difference.a), line('+', &difference.b)];
    lines.into_iter().flatten().collect()
}

fn configuration(before: &str, now: &str) -> Result<Vec<String>, String> {
    let parse = |text: &str| DotConfig::parse(text).map_err(|error| error.to_string());
    let (before, now) = (parse(before)?, parse(now)?);
    let symbols: BTreeSet<_> = before.iter().chain(now.iter()).map(|(it, _)| it).collect();
    let changed = symbols
        .into_iter()
        .filter(|symbol| !before.get(symbol).same_as(now.get(symbol)));
    let line = |sign: char, symbol, config: &DotConfig| {
        format!("{sign} {}", render(symbol, config.get(symbol)).trim_end())
    };
    Ok(changed
        .flat_map(|symbol| [line('-', symbol, &before), line('+', symbol, &now)])
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_told_both_ways() {
        let before = "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\n";
        let now = "CONFIG_A=y\nCONFIG_C=y\n";
        let lines = configuration(before, now).unwrap();
        let expected = [
            "- CONFIG_B=m",
            "+ # CONFIG_B is not set",
            "- # CONFIG_C is not set",
            "+ CONFIG_C=y",
        ];
        assert_eq!(lines, expected);
        assert_eq!(configuration(now, now).unwrap(), [""; 0]);
    }
}
