//! Reading TOML strictly: every problem of a file is found, each with the place it stands at.
//!
//! serde stops at the first error. A person who writes a recipe wants all of them, so the outer
//! shape is walked here, and serde reads the values, whose errors carry their span.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::names::nearest;

/// A text file that values were read from.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path as a person would name it, such as `recipes/mini.toml`.
    pub name: String,
    /// What it holds.
    pub text: String,
}

impl SourceFile {
    /// A file of this name and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            text: text.into(),
        })
    }
}

/// A value together with the place it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// The file it stands in.
    pub file: Arc<SourceFile>,
    /// Its bytes in the file.
    pub span: Range<usize>,
}

impl<T: Serialize> Serialize for Located<T> {
    /// Only the value: where it stood decides nothing.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T> Located<T> {
    /// A problem with this value.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            message: message.into(),
            file: Arc::clone(&self.file),
            span: Some(self.span.clone()),
        }
    }
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, and what would be right.
    pub message: String,
    /// The file.
    pub file: Arc<SourceFile>,
    /// The bytes that are wrong; `None` where something is missing from the whole.
    pub span: Option<Range<usize>>,
}

/// All that is wrong with one recipe or definition, shown at the places where it stands.
#[derive(Debug)]
pub struct Problems {
    summary: String,
    file: FileProblems,
    more_files: Vec<FileProblems>,
}

#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("and in {name}{}", lines(unplaced))]
struct FileProblems {
    name: String,
    unplaced: Vec<String>,
    #[source_code]
    text: NamedSource<Arc<String>>,
    #[label(collection)]
    labels: Vec<LabeledSpan>,
}

fn lines(messages: &[String]) -> String {
    messages
        .iter()
        .map(|message| format!("\n{message}"))
        .collect()
}

impl Problems {
    /// `problems` of `what`, such as "recipe `mini`"; of none at all there is nothing to show.
    pub fn new(what: &str, problems: &[Problem]) -> Self {
        let mut files: Vec<Arc<SourceFile>> = Vec::new();
        for problem in problems {
            if !files.contains(&problem.file) {
                files.push(Arc::clone(&problem.file));
            }
        }
        let count = problems.len();
        let errors = if count == 1 { "error" } else { "errors" };
        let mut files = files.iter().map(|file| FileProblems::new(file, problems));
        Self {
            summary: format!("{what} has {count} {errors}"),
            file: files
                .next()
                .unwrap_or_else(|| FileProblems::new(&SourceFile::new("", ""), &[])),
            more_files: files.collect(),
        }
    }

    /// `Ok` where there are none.
    pub fn check(what: &str, problems: &[Problem]) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self::new(what, problems))
        }
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.summary)?;
        if !self.file.unplaced.is_empty() {
            write!(
                formatter,
                ", in {}{}",
                self.file.name,
                lines(&self.file.unplaced)
            )?;
        }
        Ok(())
    }
}

// By hand, because the first file is to be shown as the error's own, and not below a second heading.
impl Diagnostic for Problems {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.file.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.file.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(
            self.more_files.iter().map(|file| file as &dyn Diagnostic),
        ))
    }
}

impl FileProblems {
    fn new(file: &Arc<SourceFile>, problems: &[Problem]) -> Self {
        let of_file = || problems.iter().filter(|problem| problem.file == *file);
        let label = |problem: &Problem| {
            let span = problem.span.clone()?;
            Some(LabeledSpan::new_with_span(
                Some(problem.message.clone()),
                span,
            ))
        };
        Self {
            name: file.name.clone(),
            unplaced: of_file()
                .filter(|p| p.span.is_none())
                .map(|p| p.message.clone())
                .collect(),
            text: NamedSource::new(&file.name, Arc::new(file.text.clone())),
            labels: of_file().filter_map(label).collect(),
        }
    }
}

/// One table of a TOML file, from which keys are taken; what is left over is unknown.
#[derive(Debug)]
pub struct Table<'a> {
    file: &'a Arc<SourceFile>,
    path: String,
    entries: DeTable<'a>,
    span: Range<usize>,
    taken: BTreeSet<&'static str>,
}

/// Parses a whole file. Syntax errors end up in `problems`.
pub fn parse<'a>(file: &'a Arc<SourceFile>, problems: &mut Vec<Problem>) -> Table<'a> {
    let (root, errors) = DeTable::parse_recoverable(&file.text);
    for error in errors {
        let (message, span) = (error.message().to_owned(), error.span());
        problems.push(Problem {
            message,
            file: Arc::clone(file),
            span,
        });
    }
    let span = root.span();
    Table {
        file,
        path: String::new(),
        entries: root.into_inner(),
        span,
        taken: BTreeSet::new(),
    }
}

impl<'a> Table<'a> {
    /// A required value; a missing one is a problem.
    pub fn required<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Located<T>> {
        if !self.has(key) {
            problems.push(self.problem(format!("`{}{key}` is missing", self.path)));
        }
        self.optional(key, problems)
    }

    /// A value, if it is there and right; a wrong one is a problem.
    pub fn optional<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Located<T>> {
        let (_, value) = self.take(key)?;
        self.read(value, problems)
    }

    /// The values of an array, each with its place.
    pub fn array<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Vec<Located<T>> {
        let Some((_, value)) = self.take(key) else {
            return Vec::new();
        };
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(items) => items
                .into_iter()
                .filter_map(|item| self.read(item, problems))
                .collect(),
            other => {
                self.wrong_type(key, "array", &other, span, problems);
                Vec::new()
            }
        }
    }

    /// A table below this one, if it is there.
    pub fn table(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Option<Table<'a>> {
        let (_, value) = self.take(key)?;
        let path = format!("{}{key}.", self.path);
        self.below(key, path, value, problems)
    }

    /// All entries as tables, keyed by names of any kind: a table whose keys are not known beforehand.
    pub fn into_tables(mut self, problems: &mut Vec<Problem>) -> Vec<(Located<String>, Table<'a>)> {
        let entries = std::mem::take(&mut self.entries);
        let mut tables = Vec::new();
        for (key, value) in entries {
            let path = format!("{}{}.", self.path, key.get_ref());
            let key = self.located(key.span(), key.into_inner().into_owned());
            tables.extend(
                self.below(&key.value, path, value, problems)
                    .map(|table| (key.clone(), table)),
            );
        }
        tables
    }

    /// All entries as values, keyed by names of any kind.
    pub fn into_values<T: DeserializeOwned>(
        mut self,
        problems: &mut Vec<Problem>,
    ) -> Vec<(Located<String>, Located<T>)> {
        let entries = std::mem::take(&mut self.entries);
        let mut values = Vec::new();
        for (key, value) in entries {
            let key = self.located(key.span(), key.into_inner().into_owned());
            values.extend(self.read(value, problems).map(|value| (key.clone(), value)));
        }
        values
    }

    /// Ends the reading: keys that nobody took are problems.
    pub fn finish(self, problems: &mut Vec<Problem>) {
        for key in self.entries.keys() {
            let near = nearest(key.get_ref(), self.taken.iter().copied());
            let advice = if near.is_empty() {
                let known: Vec<_> = self.taken.iter().copied().collect();
                format!("there are {}", known.join(", "))
            } else {
                format!("did you mean {}?", near.join(", "))
            };
            let message = format!("unknown key `{}{}`; {advice}", self.path, key.get_ref());
            problems.push(Problem {
                message,
                file: Arc::clone(self.file),
                span: Some(key.span()),
            });
        }
    }

    /// A problem with this table as a whole.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        // The root table spans the whole file, which no label shows well.
        let span = (!self.path.is_empty()).then(|| self.span.clone());
        Problem {
            message: message.into(),
            file: Arc::clone(self.file),
            span,
        }
    }

    /// A value located at this table.
    pub fn locate<T>(&self, value: T) -> Located<T> {
        self.located(self.span.clone(), value)
    }

    /// Whether a key is there.
    pub fn has(&self, key: &str) -> bool {
        self.entries.keys().any(|known| known.get_ref() == key)
    }

    fn take(&mut self, key: &'static str) -> Option<(Range<usize>, Spanned<DeValue<'a>>)> {
        self.taken.insert(key);
        let (key, value) = self.entries.remove_entry(key)?;
        Some((key.span(), value))
    }

    fn located<T>(&self, span: Range<usize>, value: T) -> Located<T> {
        Located {
            value,
            file: Arc::clone(self.file),
            span,
        }
    }

    fn read<T: DeserializeOwned>(
        &self,
        value: Spanned<DeValue<'a>>,
        problems: &mut Vec<Problem>,
    ) -> Option<Located<T>> {
        let span = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Some(self.located(span, value)),
            Err(error) => {
                let span = Some(error.span().unwrap_or(span));
                problems.push(Problem {
                    message: error.message().to_owned(),
                    file: Arc::clone(self.file),
                    span,
                });
                None
            }
        }
    }

    fn below(
        &self,
        key: &str,
        path: String,
        value: Spanned<DeValue<'a>>,
        problems: &mut Vec<Problem>,
    ) -> Option<Table<'a>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(entries) => Some(Table {
                file: self.file,
                path,
                entries,
                span,
                taken: BTreeSet::new(),
            }),
            other => {
                self.wrong_type(key, "table", &other, span, problems);
                None
            }
        }
    }

    fn wrong_type(
        &self,
        key: &str,
        wanted: &str,
        found: &DeValue<'_>,
        span: Range<usize>,
        problems: &mut Vec<Problem>,
    ) {
        let message = format!(
            "`{}{key}` is a {}, a {wanted} is expected",
            self.path,
            found.type_str()
        );
        problems.push(Problem {
            message,
            file: Arc::clone(self.file),
            span: Some(span),
        });
    }
}
