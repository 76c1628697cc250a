//! Relations between packages, like `libc6 (>= 2.38) | libc6.1`.

use std::fmt;

use super::is_package_name;
use crate::version::{DebVersion, VersionError};

/// How a version has to compare to the one that a relation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`, and the obsolete `<`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`, and the obsolete `>`
    LaterOrEqual,
    /// `>>`
    Later,
}

/// One alternative of a relation field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The name of a real or virtual package.
    pub name: String,
    /// What stands after the colon: `any`, `native` or an architecture.
    pub qualifier: Option<String>,
    /// Which versions will do; all where there is no constraint.
    pub constraint: Option<(Operator, DebVersion)>,
}

/// A virtual package that a package stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// The virtual package's name.
    pub name: String,
    /// The version that it is provided in, where that is said.
    pub version: Option<DebVersion>,
}

/// Why a relation field cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RelationError {
    /// Not of the form `name[:qualifier] [(operator version)] [\[architectures\]] [<profiles>]`.
    #[error("found {0:?}, expected a relation like `name (>= version)`")]
    Malformed(String),
    /// The name breaks Debian policy 5.6.1.
    #[error("found name {0:?}, expected two or more of lower-case letters, digits and `+-.`")]
    Name(String),
    /// The operator is unknown.
    #[error("found operator {0:?}, expected `<<`, `<=`, `=`, `>=` or `>>`")]
    Operator(String),
    /// The version is malformed.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A package can provide one exact version only, and no alternatives.
    #[error("found {0:?}, expected provided packages like `name (= version)`")]
    Provided(String),
}

impl Operator {
    /// Whether `found` compares to `wanted` as the operator says.
    pub fn holds(self, found: &DebVersion, wanted: &DebVersion) -> bool {
        match self {
            Self::Earlier => found < wanted,
            Self::EarlierOrEqual => found <= wanted,
            Self::Equal => found == wanted,
            Self::LaterOrEqual => found >= wanted,
            Self::Later => found > wanted,
        }
    }

    fn parse(text: &str) -> Result<Self, RelationError> {
        match text {
            "<<" => Ok(Self::Earlier),
            "<=" | "<" => Ok(Self::EarlierOrEqual),
            "=" => Ok(Self::Equal),
            ">=" | ">" => Ok(Self::LaterOrEqual),
            ">>" => Ok(Self::Later),
            other => Err(RelationError::Operator(shorten(other))),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        })
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        if let Some(qualifier) = &self.qualifier {
            write!(formatter, ":{qualifier}")?;
        }
        match &self.constraint {
            Some((operator, version)) => write!(formatter, " ({operator} {version})"),
            None => Ok(()),
        }
    }
}

impl Relation {
    /// Whether the real package `name` in `version` satisfies this. The qualifier is the caller's to judge.
    pub fn satisfied_by(&self, name: &str, version: &DebVersion) -> bool {
        let holds = |(operator, wanted): &(Operator, DebVersion)| operator.holds(version, wanted);
        self.name == name && self.constraint.as_ref().is_none_or(holds)
    }

    /// Whether a virtual package satisfies this: an unversioned one satisfies only an unversioned relation.
    pub fn satisfied_by_provided(&self, provided: &Provided) -> bool {
        match &provided.version {
            Some(version) => self.satisfied_by(&provided.name, version),
            None => self.name == provided.name && self.constraint.is_none(),
        }
    }
}

/// Reads the value of a field like `Depends`: all of the groups are needed, one alternative of each.
///
/// # Errors
///
/// See [`RelationError`].
pub fn parse_relations(text: &str) -> Result<Vec<Vec<Relation>>, RelationError> {
    items(text)
        .map(|group| group.split('|').map(parse_relation).collect())
        .collect()
}

/// Reads the value of the field `Provides`.
///
/// # Errors
///
/// See [`RelationError`].
pub fn parse_provides(text: &str) -> Result<Vec<Provided>, RelationError> {
    items(text).map(parse_provided).collect()
}

/// The items between commas; dpkg tolerates a comma at the end.
fn items(text: &str) -> impl Iterator<Item = &str> {
    let text = text.trim();
    text.strip_suffix(',')
        .unwrap_or(text)
        .split(',')
        .map(str::trim)
        .filter(move |_| !text.is_empty())
}

fn parse_provided(text: &str) -> Result<Provided, RelationError> {
    let malformed = || RelationError::Provided(shorten(text));
    let relation = parse_relation(text)?;
    let version = match relation.constraint {
        None => None,
        Some((Operator::Equal, version)) => Some(version),
        Some(_) => return Err(malformed()),
    };
    Ok(Provided {
        name: relation.name,
        version,
    })
}

fn parse_relation(text: &str) -> Result<Relation, RelationError> {
    let text = text.trim();
    let malformed = || RelationError::Malformed(shorten(text));
    let end = text
        .find(|c: char| c.is_ascii_whitespace() || "([<".contains(c))
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let (name, qualifier) = parse_word(word)?;
    let (constraint, rest) = take_group(rest, '(', ')').ok_or_else(malformed)?;
    let (_architectures, mut rest) = take_group(rest, '[', ']').ok_or_else(malformed)?;
    while rest.trim_start().starts_with('<') {
        rest = take_group(rest, '<', '>').ok_or_else(malformed)?.1;
    }
    if !rest.trim().is_empty() {
        return Err(malformed());
    }
    Ok(Relation {
        name,
        qualifier,
        constraint: constraint.map(parse_constraint).transpose()?,
    })
}

fn parse_word(word: &str) -> Result<(String, Option<String>), RelationError> {
    let (name, qualifier) = match word.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (word, None),
    };
    if !is_package_name(name) {
        return Err(RelationError::Name(shorten(name)));
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if qualifier.is_some_and(|qualifier| qualifier.is_empty() || !qualifier.bytes().all(plain)) {
        return Err(RelationError::Malformed(shorten(word)));
    }
    Ok((name.to_owned(), qualifier.map(str::to_owned)))
}

/// Takes a bracketed group off the front, if one is there; `None` where it does not close.
fn take_group(text: &str, open: char, close: char) -> Option<(Option<&str>, &str)> {
    match text.trim_start().strip_prefix(open) {
        None => Some((None, text)),
        Some(rest) => rest
            .split_once(close)
            .map(|(group, rest)| (Some(group), rest)),
    }
}

fn parse_constraint(text: &str) -> Result<(Operator, DebVersion), RelationError> {
    let text = text.trim();
    let end = text
        .find(|c: char| !"<>=".contains(c))
        .unwrap_or(text.len());
    let (operator, version) = text.split_at(end);
    Ok((Operator::parse(operator)?, version.trim().parse()?))
}

fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}
