//! Kconfig values: fragments, `.config` files, and the rules that a finished configuration keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::names::Symbol;
use crate::recipe::{Line, Recipe};
use crate::smoke::drivers;
use crate::strict::{Located, Problem, SourceFile};

pub mod reproducible;

/// The value of a symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Value {
    /// `y`
    Yes,
    /// `m`
    Module,
    /// `n`, `is not set`, or no mention at all.
    No,
    /// A number or a quoted string, as written.
    Text(String),
}

impl Value {
    /// Reads what stands behind the `=`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "y" => Some(Self::Yes),
            "m" => Some(Self::Module),
            "n" => Some(Self::No),
            _ if is_quoted(text) || number(text).is_some() => Some(Self::Text(text.to_owned())),
            _ => None,
        }
    }

    /// Whether both mean the same: numbers may be written differently.
    pub fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => {
                a == b || number(a).is_some_and(|n| number(b) == Some(n))
            }
            _ => self == other,
        }
    }
}

/// A text that is no value of a symbol.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no value: y, m, n, a number and a \"string\" in its quotes are")]
pub struct MalformedValue(String);

impl TryFrom<String> for Value {
    type Error = MalformedValue;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or(MalformedValue(text))
    }
}

impl From<Value> for String {
    fn from(value: Value) -> Self {
        value.to_string()
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Yes => "y",
            Self::Module => "m",
            Self::No => "n",
            Self::Text(text) => text,
        })
    }
}

fn is_quoted(text: &str) -> bool {
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.chars().any(char::is_control))
}

fn number(text: &str) -> Option<i128> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// What one line of a fragment or `.config` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The symbol.
    pub symbol: Symbol,
    /// Its value.
    pub value: Value,
}

/// Reads one line; `None` where it is a comment or empty.
fn parse_line(line: &str) -> Option<Result<Assignment, String>> {
    let line = line.trim_end();
    let (name, value) = if let Some(name) = line
        .strip_prefix("# CONFIG_")
        .and_then(|rest| rest.strip_suffix(" is not set"))
    {
        (name, "n")
    } else if line.is_empty() || line.starts_with('#') {
        return None;
    } else if let Some(pair) = line
        .strip_prefix("CONFIG_")
        .and_then(|rest| rest.split_once('='))
    {
        pair
    } else {
        return Some(Err(
            "neither `CONFIG_X=value` nor `# CONFIG_X is not set`".to_owned()
        ));
    };
    let symbol = match name.parse() {
        Ok(symbol) => symbol,
        Err(error) => return Some(Err(format!("{error}"))),
    };
    let value = Value::try_from(value.to_owned()).map_err(|error| error.to_string());
    Some(value.map(|value| Assignment { symbol, value }))
}

/// Reads a fragment; each assignment knows its line.
pub fn parse_fragment(
    file: &Arc<SourceFile>,
    problems: &mut Vec<Problem>,
) -> Vec<Located<Assignment>> {
    let mut assignments = Vec::new();
    let mut offset = 0;
    for line in file.text.split_inclusive('\n') {
        let span = offset..offset + line.trim_end().len();
        offset += line.len();
        let located = |value| Located {
            value,
            file: Arc::clone(file),
            span: span.clone(),
        };
        match parse_line(line) {
            Some(Ok(assignment)) => assignments.push(located(assignment)),
            Some(Err(message)) => problems.push(Problem {
                message,
                file: Arc::clone(file),
                span: Some(span),
            }),
            None => {}
        }
    }
    assignments
}

/// A finished configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DotConfig(BTreeMap<Symbol, Value>);

/// A `.config` that kconfig did not write.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} of the configuration: {message}")]
pub struct MalformedConfig {
    line: usize,
    message: String,
}

impl DotConfig {
    /// Reads a `.config`.
    ///
    /// # Errors
    /// A line that is neither comment nor assignment.
    pub fn parse(text: &str) -> Result<Self, MalformedConfig> {
        let mut values = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            match parse_line(line) {
                Some(Ok(assignment)) => drop(values.insert(assignment.symbol, assignment.value)),
                Some(Err(message)) => {
                    return Err(MalformedConfig {
                        line: index + 1,
                        message,
                    });
                }
                None => {}
            }
        }
        Ok(Self(values))
    }

    /// The value of a symbol; `n` where it is not mentioned.
    pub fn get(&self, symbol: &Symbol) -> &Value {
        self.0.get(symbol).unwrap_or(&Value::No)
    }

    /// Every symbol that is mentioned.
    pub fn iter(&self) -> impl Iterator<Item = (&Symbol, &Value)> {
        self.0.iter()
    }

    /// How many symbols are built, in or as modules.
    pub fn count(&self, value: &Value) -> usize {
        self.0.values().filter(|found| *found == value).count()
    }

    pub(crate) fn named(&self, symbol: &str) -> &Value {
        symbol
            .parse()
            .map_or(&Value::No, |symbol| self.get(&symbol))
    }
}

/// What the fragments want, the last mention of each symbol counting.
pub fn wanted(fragments: &[Vec<Located<Assignment>>]) -> BTreeMap<Symbol, Located<Value>> {
    let mut wanted = BTreeMap::new();
    for assignment in fragments.iter().flatten() {
        let Assignment { symbol, value } = assignment.value.clone();
        let (file, span) = (Arc::clone(&assignment.file), assignment.span.clone());
        wanted.insert(symbol, Located { value, file, span });
    }
    wanted
}

/// A symbol that did not become what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The symbol.
    pub symbol: Symbol,
    /// What was asked for, and where.
    pub wanted: Located<Value>,
    /// What the final configuration has.
    pub found: Value,
}

impl Mismatch {
    /// What happened, for people.
    pub fn problem(&self) -> Problem {
        let Self {
            symbol,
            wanted,
            found,
        } = self;
        let verb = match (&wanted.value, found) {
            (Value::No, _) => "refused, but switched on",
            (_, Value::No) => "wanted, but dropped",
            (Value::Yes, Value::Module) => "wanted built in, but demoted to a module",
            (Value::Module, Value::Yes) => "wanted as a module, but built in",
            _ => "wanted with another value",
        };
        wanted.problem(format!(
            "{symbol} was {verb}: wanted {}, found {found}",
            wanted.value
        ))
    }
}

/// Checks each wanted symbol in the final configuration, both ways.
pub fn mismatches(wanted: &BTreeMap<Symbol, Located<Value>>, config: &DotConfig) -> Vec<Mismatch> {
    wanted
        .iter()
        .filter(|(symbol, wanted)| !wanted.value.same_as(config.get(symbol)))
        .map(|(symbol, wanted)| Mismatch {
            symbol: symbol.clone(),
            wanted: wanted.clone(),
            found: config.get(symbol).clone(),
        })
        .collect()
}

/// Something that the stock configuration has and ours has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The symbol.
    pub symbol: Symbol,
    /// What the stock configuration has.
    pub stock: Value,
    /// What ours has.
    pub ours: Value,
    /// Why that is allowed; `None` where nobody allowed it.
    pub reason: Option<String>,
}

/// What `ours` lost against `stock`: symbols switched off or demoted to modules. Other values that
/// differ are no loss.
pub fn losses(recipe: &Recipe, stock: &DotConfig, ours: &DotConfig) -> Vec<Loss> {
    stock
        .iter()
        .filter(|(symbol, value)| strength(ours.get(symbol)) < strength(value))
        .map(|(symbol, value)| Loss {
            symbol: symbol.clone(),
            stock: value.clone(),
            ours: ours.get(symbol).clone(),
            reason: allowed(recipe, symbol),
        })
        .collect()
}

fn strength(value: &Value) -> u8 {
    match value {
        Value::No => 0,
        Value::Module => 1,
        // Switching a driver from built in to a value makes no sense; both are simply there.
        Value::Yes | Value::Text(_) => 2,
    }
}

fn allowed(recipe: &Recipe, symbol: &Symbol) -> Option<String> {
    let set = recipe
        .config
        .set
        .get(symbol)
        .map(|setting| setting.value.reason.clone());
    let listed = || {
        let mut patterns = recipe.config.may_lose.iter();
        patterns
            .find(|(pattern, _)| pattern.matches(symbol))
            .map(|(_, reason)| reason.value.clone())
    };
    set.or_else(listed)
}

/// What the installation instructions of MPTCP ask of every kernel, and what the smoke boot does, in words of
/// their own.
pub fn rule_violations(line: Line, config: &DotConfig) -> Vec<String> {
    let on = |symbol: &str| *config.named(symbol) == Value::Yes;
    let mut violations = Vec::new();
    if !on("MPTCP") {
        violations.push(format!(
            "MPTCP is {}: a kernel without it is not what this project builds",
            config.named("MPTCP")
        ));
    }
    for symbol in ["IP_ADVANCED_ROUTER", "IP_MULTIPLE_TABLES"] {
        if !on(symbol) {
            violations.push(format!(
                "{symbol} is {}: without policy routing, packets of the second subflow leave by the first link",
                config.named(symbol)
            ));
        }
    }
    if on("IPV6") && !on("IPV6_MULTIPLE_TABLES") {
        violations.push("IPV6_MULTIPLE_TABLES is n: without policy routing for IPv6, its second subflow leaves by the first link".to_owned());
    }
    match line {
        Line::OutOfTree if *config.named("IPV6") == Value::Module => {
            violations.push("IPV6 is a module: out-of-tree MPTCP then vanishes without a word; build it in, or switch it off".to_owned());
        }
        Line::OutOfTree if *config.named("MPTCP_FULLMESH") == Value::No => {
            violations.push("MPTCP_FULLMESH is n: the smoke boot lacks the path manager that makes second subflows".to_owned());
        }
        Line::Upstream if on("IPV6") && !on("MPTCP_IPV6") => {
            violations.push(
                "MPTCP_IPV6 is n although IPv6 is built in: connections over IPv6 stay plain TCP"
                    .to_owned(),
            );
        }
        Line::Upstream if *config.named("IPV6") == Value::Module => {
            violations.push("IPV6 is a module: MPTCP over IPv6 needs it built in".to_owned());
        }
        _ => {}
    }
    let lacking = drivers::lacking(config).into_iter();
    violations.extend(lacking.map(|what| format!("the smoke boot lacks {what}")));
    violations
}

/// What turns `before` into `after`, as the lines of a fragment. What kconfig sets by itself, such as
/// the compiler's version, is part of it where it differs.
pub fn render_difference(before: &DotConfig, after: &DotConfig) -> String {
    let symbols: BTreeSet<_> = before.0.keys().chain(after.0.keys()).collect();
    let changed = symbols
        .into_iter()
        .filter(|symbol| !before.get(symbol).same_as(after.get(symbol)));
    changed
        .map(|symbol| render(symbol, after.get(symbol)))
        .collect()
}

/// The line of a fragment that gives `symbol` this value.
pub fn render(symbol: &Symbol, value: &Value) -> String {
    match value {
        Value::No => format!("# CONFIG_{symbol} is not set\n"),
        value => format!("CONFIG_{symbol}={value}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(text: &str) -> Vec<Located<Assignment>> {
        let mut problems = Vec::new();
        let parsed = parse_fragment(&SourceFile::new("test.config", text), &mut problems);
        assert_eq!(problems, []);
        parsed
    }

    fn found(wanted_text: &str, config: &str) -> Vec<String> {
        let wanted = wanted(&[fragment(wanted_text)]);
        let config = DotConfig::parse(config).unwrap();
        mismatches(&wanted, &config)
            .iter()
            .map(|mismatch| mismatch.problem().message)
            .collect()
    }

    #[test]
    fn every_kind_of_value_is_checked_both_ways() {
        let cases = [
            ("CONFIG_A=y", "CONFIG_A=y", None),
            (
                "CONFIG_A=y",
                "",
                Some("wanted, but dropped: wanted y, found n"),
            ),
            (
                "CONFIG_A=y",
                "# CONFIG_A is not set",
                Some("wanted, but dropped: wanted y, found n"),
            ),
            (
                "CONFIG_A=y",
                "CONFIG_A=m",
                Some("wanted built in, but demoted to a module: wanted y, found m"),
            ),
            (
                "CONFIG_A=m",
                "CONFIG_A=y",
                Some("wanted as a module, but built in: wanted m, found y"),
            ),
            ("# CONFIG_A is not set", "", None),
            ("CONFIG_A=n", "# CONFIG_A is not set", None),
            (
                "# CONFIG_A is not set",
                "CONFIG_A=m",
                Some("refused, but switched on: wanted n, found m"),
            ),
            ("CONFIG_A=100", "CONFIG_A=100", None),
            ("CONFIG_A=0x10", "CONFIG_A=0x010", None),
            (
                "CONFIG_A=100",
                "CONFIG_A=250",
                Some("wanted with another value: wanted 100, found 250"),
            ),
            (
                "CONFIG_A=100",
                "",
                Some("wanted, but dropped: wanted 100, found n"),
            ),
            (
                "CONFIG_A=\"x\"",
                "CONFIG_A=\"y\"",
                Some("wanted with another value: wanted \"x\", found \"y\""),
            ),
            ("CONFIG_A=\"\"", "CONFIG_A=\"\"", None),
            ("CONFIG_A=y\nCONFIG_A=m", "CONFIG_A=m", None),
        ];
        for (wanted, config, expected) in cases {
            let expected: Vec<_> = expected
                .map(|text| format!("A was {text}"))
                .into_iter()
                .collect();
            assert_eq!(found(wanted, config), expected, "{wanted:?} in {config:?}");
        }
    }

    #[test]
    fn malformed_lines_are_problems_with_their_place() {
        let file = SourceFile::new("bad.config", "CONFIG_A=y\nCONFIG_B=maybe\nMPTCP=y\n");
        let mut problems = Vec::new();
        assert_eq!(parse_fragment(&file, &mut problems).len(), 1);
        let spans: Vec<_> = problems
            .iter()
            .map(|problem| problem.span.clone().unwrap())
            .collect();
        assert_eq!(spans, [11..25, 26..33]);
    }

    #[test]
    fn a_difference_is_a_fragment() {
        let before = DotConfig::parse("CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=1\n").unwrap();
        let after = DotConfig::parse("CONFIG_A=y\nCONFIG_C=2\nCONFIG_D=\"x\"\n").unwrap();
        let text = "# CONFIG_B is not set\nCONFIG_C=2\nCONFIG_D=\"x\"\n";
        assert_eq!(render_difference(&before, &after), text);
        assert_eq!(render_difference(&after, &after), "");
    }

    #[test]
    fn rules_hold_for_their_line() {
        let good = "CONFIG_MPTCP=y\nCONFIG_MPTCP_IPV6=y\nCONFIG_IPV6=y\nCONFIG_IP_ADVANCED_ROUTER=y\n\
                    CONFIG_IP_MULTIPLE_TABLES=y\nCONFIG_IPV6_MULTIPLE_TABLES=y\n";
        let boots: String = drivers::lacking(&DotConfig::default())
            .iter()
            .filter_map(|lacking| Some(format!("{}=y\n", lacking.split(' ').next()?)))
            .collect();
        let good = &format!("{good}{boots}CONFIG_MPTCP_FULLMESH=m\n");
        let violations = |line, text: &str| rule_violations(line, &DotConfig::parse(text).unwrap());
        assert_eq!(violations(Line::Upstream, good), [""; 0]);
        assert_eq!(violations(Line::OutOfTree, good), [""; 0]);
        for symbol in [
            "MPTCP",
            "MPTCP_IPV6",
            "IP_ADVANCED_ROUTER",
            "IP_MULTIPLE_TABLES",
            "IPV6_MULTIPLE_TABLES",
            "VETH",
        ] {
            let broken = good.replace(
                &format!("CONFIG_{symbol}=y"),
                &format!("# CONFIG_{symbol} is not set"),
            );
            assert_eq!(violations(Line::Upstream, &broken).len(), 1, "{symbol}");
        }
        let alone = good.replace("CONFIG_MPTCP_FULLMESH=m\n", "");
        assert_eq!(violations(Line::Upstream, &alone), [""; 0]);
        assert!(violations(Line::OutOfTree, &alone)[0].starts_with("MPTCP_FULLMESH is n"));
        let module = good.replace("CONFIG_IPV6=y", "CONFIG_IPV6=m");
        assert!(violations(Line::OutOfTree, &module)[0].starts_with("IPV6 is a module"));
        assert!(violations(Line::Upstream, &module)[0].starts_with("IPV6 is a module"));
    }
}
