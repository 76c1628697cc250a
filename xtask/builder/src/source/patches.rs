//! Patches on a source tree.
//!
//! A hunk fits where every line of its context is there, at its place or a few lines from it. There is no fuzz: a
//! hunk that fits only partly may end up in the wrong function and still compile.

use std::collections::{BTreeMap, BTreeSet};

use diffy::patch_set::{FileMode, FileOperation, FilePatch, ParseOptions, PatchSet};
use diffy::{Hunk, Line};
use formats::tar_path::safe_path;

#[cfg(test)]
mod tests;

/// How many lines a hunk may be from its place.
const MAX_OFFSET: usize = 3;
/// The most that the files together may hold that patches change, in bytes.
const MAX_HELD: u64 = 64 << 20;

/// A file of the tree that is held back until all patches were put on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldFile {
    pub(crate) bytes: Vec<u8>,
    pub(crate) executable: bool,
    /// When it was changed last, in seconds since 1970.
    pub(crate) mtime: u64,
}

/// A patch as it is on disk.
#[derive(Debug, Clone)]
pub(crate) struct PatchFile {
    /// Its name, for people.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// A patch that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("patch {patch}{}: {reason}", Place(file.as_deref(), *hunk))]
pub struct PatchError {
    /// The patch.
    patch: String,
    /// The file in the tree.
    file: Option<String>,
    /// The hunk of that file, from 1.
    hunk: Option<usize>,
    reason: String,
}

struct Place<'a>(Option<&'a str>, Option<usize>);

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(hunk) = self.1 {
            write!(formatter, ", hunk {hunk}")?;
        }
        self.0
            .map_or(Ok(()), |file| write!(formatter, " of {file}"))
    }
}

impl PatchFile {
    fn error(&self, reason: impl Into<String>) -> PatchError {
        let (patch, reason) = (self.name.clone(), reason.into());
        PatchError {
            patch,
            file: None,
            hunk: None,
            reason,
        }
    }

    /// What it changes, file by file.
    fn changes(&self) -> Result<Vec<Change<'_>>, PatchError> {
        let is_line = |beginning: &[u8]| {
            let mut lines = self.bytes.split(|&byte| byte == b'\n');
            lines.any(|line| line.starts_with(beginning))
        };
        let options = if is_line(b"diff --git ") {
            ParseOptions::gitdiff()
        } else {
            ParseOptions::unidiff()
        };
        if !is_line(b"@@ -") && !is_line(b"diff --git ") {
            return Err(self.error("it changes nothing"));
        }
        let parsed: Result<Vec<_>, _> = PatchSet::parse_bytes(&self.bytes, options).collect();
        let parsed = parsed.map_err(|error| self.error(format!("it is malformed: {error}")))?;
        let changes: Result<Vec<_>, _> = parsed.into_iter().map(|file| self.change(file)).collect();
        let changes = changes?;
        self.check_all_understood(&changes)?;
        Ok(changes)
    }

    /// What stands between the files of a patch is passed over as a commit's message; a hunk must not be.
    fn check_all_understood(&self, changes: &[Change<'_>]) -> Result<(), PatchError> {
        let lines = self.bytes.split(|&byte| byte == b'\n');
        let written = lines.filter(|line| line.starts_with(b"@@ -")).count();
        let understood: usize = changes.iter().map(|change| change.hunks().len()).sum();
        if written == understood {
            Ok(())
        } else {
            Err(self.error(format!(
                "it is malformed: it has {written} hunks, and {understood} of them belong to a file"
            )))
        }
    }

    fn change<'a>(&self, file: FilePatch<'a, [u8]>) -> Result<Change<'a>, PatchError> {
        let path = |path: &[u8]| {
            let path = safe_path(path).map_err(|error| self.error(error.to_string()))?;
            // The first folder says which side of a comparison it is: `a/` and `b/`, or the two trees' names.
            match path.split_once('/') {
                Some((_, path)) if !path.is_empty() => Ok(path.to_owned()),
                _ => Err(self.error(format!(
                    "`{path}` has no folder in front that could be taken off, as -p1 does"
                ))),
            }
        };
        let whole = |path: &[u8]| safe_path(path).map_err(|error| self.error(error.to_string()));
        let (from, to, keep) = match file.operation() {
            FileOperation::Create(to) => (None, Some(path(to)?), false),
            FileOperation::Delete(from) => (Some(path(from)?), None, false),
            FileOperation::Modify { original, modified } => {
                // diff names a copy that somebody kept (`x.orig`); patch changes the file itself.
                let (_, path) = (path(original)?, path(modified)?);
                (Some(path.clone()), Some(path), false)
            }
            // `rename from` and `copy from` have no prefix.
            FileOperation::Rename { from, to } => (Some(whole(from)?), Some(whole(to)?), false),
            FileOperation::Copy { from, to } => (Some(whole(from)?), Some(whole(to)?), true),
        };
        let executable = match file.new_mode() {
            None => None,
            Some(FileMode::Regular) => Some(false),
            Some(FileMode::Executable) => Some(true),
            Some(other) => {
                return Err(self.error(format!("it makes a {other:?}; regular files are expected")));
            }
        };
        if file.patch().is_binary() {
            let file = to.or(from);
            return Err(PatchError {
                file,
                ..self.error("a binary change; text is expected")
            });
        }
        Ok(Change {
            from,
            to,
            keep,
            executable,
            file,
        })
    }
}

/// What a patch does to one file.
struct Change<'a> {
    /// The file before; `None` where it is new.
    from: Option<String>,
    /// The file after; `None` where it goes.
    to: Option<String>,
    /// Whether the file before stays besides.
    keep: bool,
    executable: Option<bool>,
    file: FilePatch<'a, [u8]>,
}

impl Change<'_> {
    fn hunks(&self) -> &[Hunk<'_, [u8]>] {
        let text = self.file.patch().as_text();
        text.map(diffy::Patch::hunks).unwrap_or_default()
    }
}

/// The patches of a recipe, and the files of its tree that they change.
#[derive(Debug, Default)]
pub(crate) struct Patches {
    files: Vec<PatchFile>,
    touched: BTreeSet<String>,
    held: BTreeMap<String, HeldFile>,
    size: u64,
}

impl Patches {
    /// These patches, in their order.
    pub(crate) fn new(files: Vec<PatchFile>) -> Result<Self, PatchError> {
        let mut touched = BTreeSet::new();
        for patch in &files {
            let changes = patch.changes()?;
            touched.extend(
                changes
                    .into_iter()
                    .flat_map(|change| [change.from, change.to])
                    .flatten(),
            );
        }
        Ok(Self {
            files,
            touched,
            ..Self::default()
        })
    }

    /// Whether the file at `path` must be held back.
    pub(crate) fn touch(&self, path: &str) -> bool {
        self.touched.contains(path)
    }

    /// Whether there is room to hold `size` bytes more.
    pub(crate) fn has_room(&mut self, size: u64) -> bool {
        self.size = self.size.saturating_add(size);
        self.size <= MAX_HELD
    }

    /// Holds a file back.
    pub(crate) fn hold(&mut self, path: &str, file: HeldFile) {
        self.held.insert(path.to_owned(), file);
    }

    /// The files that were held back, with all patches on them, by path. A file that a patch makes is as old as
    /// `timestamp` says.
    pub(crate) fn apply(
        mut self,
        timestamp: u64,
    ) -> Result<BTreeMap<String, HeldFile>, PatchError> {
        for patch in &self.files {
            for change in patch.changes()? {
                apply_change(&mut self.held, &change, timestamp).map_err(|refusal| PatchError {
                    file: change.to.clone().or_else(|| change.from.clone()),
                    hunk: refusal.hunk,
                    ..patch.error(refusal.reason)
                })?;
            }
        }
        Ok(self.held)
    }
}

/// Why a change does not fit.
struct Refusal {
    hunk: Option<usize>,
    reason: String,
}

impl Refusal {
    fn whole(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { hunk: None, reason }
    }
}

fn apply_change(
    held: &mut BTreeMap<String, HeldFile>,
    change: &Change<'_>,
    timestamp: u64,
) -> Result<(), Refusal> {
    let before = match &change.from {
        Some(from) => held.get(from).cloned().ok_or_else(|| match &change.to {
            Some(_) => Refusal::whole(format!("there is no {from} to change")),
            None => {
                Refusal::whole("the file to remove is not there: is the patch applied already?")
            }
        })?,
        None => HeldFile {
            bytes: Vec::new(),
            executable: false,
            mtime: timestamp,
        },
    };
    let bytes = apply_hunks(&before.bytes, change.hunks())?;
    if let Some(from) = change.from.as_ref().filter(|_| !change.keep) {
        held.remove(from);
    }
    let Some(to) = &change.to else {
        return if bytes.is_empty() {
            Ok(())
        } else {
            Err(Refusal::whole("the file to remove has other lines too"))
        };
    };
    let executable = change.executable.unwrap_or(before.executable);
    let after = HeldFile {
        bytes,
        executable,
        mtime: before.mtime,
    };
    match held.get(to) {
        Some(there) if there.bytes == after.bytes => Err(Refusal::whole(
            "the file to make is there already: is the patch applied already?",
        )),
        Some(_) => Err(Refusal::whole(
            "the file to make is there already, with another content",
        )),
        None => {
            held.insert(to.clone(), after);
            Ok(())
        }
    }
}

fn apply_hunks(before: &[u8], hunks: &[Hunk<'_, [u8]>]) -> Result<Vec<u8>, Refusal> {
    let mut lines: Vec<&[u8]> = before.split_inclusive(|&byte| byte == b'\n').collect();
    // What is above was changed already.
    let mut done = 0;
    for (index, hunk) in hunks.iter().enumerate() {
        let old = side(hunk, |line| !matches!(line, Line::Insert(_)));
        let new = side(hunk, |line| !matches!(line, Line::Delete(_)));
        let place = hunk.new_range().start().saturating_sub(1);
        // Such a hunk fits anywhere, and only the right place is right.
        let reach = if old.is_empty() { 0 } else { MAX_OFFSET };
        let found = nearest(&lines, &old, place, done, reach);
        let position = found.ok_or_else(|| Refusal {
            hunk: Some(index + 1),
            reason: misfit(&lines, &old, &new, place, done),
        })?;
        lines.splice(position..position + old.len(), new.iter().copied());
        done = position + new.len();
    }
    Ok(lines.concat())
}

/// The lines of a hunk that one side has.
fn side<'a>(hunk: &Hunk<'a, [u8]>, has: impl Fn(&Line<'a, [u8]>) -> bool) -> Vec<&'a [u8]> {
    let lines = hunk.lines().iter().filter(|line| has(line));
    lines
        .map(|line| match line {
            Line::Context(text) | Line::Delete(text) | Line::Insert(text) => *text,
        })
        .collect()
}

/// The position of `wanted` in `lines` that is nearest to `place`, at most `reach` from it and not before `first`.
fn nearest(
    lines: &[&[u8]],
    wanted: &[&[u8]],
    place: usize,
    first: usize,
    reach: usize,
) -> Option<usize> {
    let fits = |position: &usize| {
        *position >= first
            && position
                .checked_add(wanted.len())
                .and_then(|end| lines.get(*position..end))
                .is_some_and(|there| there == wanted)
    };
    let reach = reach.min(lines.len());
    let offsets =
        (0..=reach).flat_map(|offset| [place.checked_sub(offset), place.checked_add(offset)]);
    offsets.flatten().find(fits)
}

/// Why a hunk fits nowhere near its place.
fn misfit(lines: &[&[u8]], old: &[&[u8]], new: &[&[u8]], place: usize, first: usize) -> String {
    if new != old && !new.is_empty() && nearest(lines, new, place, first, MAX_OFFSET).is_some() {
        return "it is applied already".to_owned();
    }
    match nearest(lines, old, place, first, usize::MAX) {
        Some(position) if !old.is_empty() => format!(
            "it is for line {}, and fits only at line {}; at most {MAX_OFFSET} lines between them are taken",
            place + 1,
            position + 1
        ),
        _ => format!(
            "the lines that it changes, at line {}, are not there",
            place + 1
        ),
    }
}
