//! Out-of-tree MPTCP: what a recipe chooses of it, which Kconfig symbols that means, and what Kconfig cannot
//! express.
//!
//! Facts: `net/mptcp/Kconfig`, `net/ipv4/Kconfig` and `mptcp_ctrl.c`, `mptcp_pm.c`, `mptcp_sched.c` of
//! releases 0.94 to 0.96.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kconfig::{Assignment, Value};
use crate::strict::{Located, Problem, Table};
use crate::version::{MptcpRelease, Series};

pub mod names;
#[cfg(test)]
mod tests;

pub use names::{Choice, Kind};

/// How something is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Into the kernel.
    BuiltIn,
    /// As a module.
    Module,
}

/// What a kernel has of one kind of things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// What is used where nobody asks for another.
    pub default: String,
    /// Everything that is built, the default included.
    pub built: BTreeMap<String, Form>,
}

/// What a recipe chooses of out-of-tree MPTCP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutOfTree {
    /// The release, as the recipe names it.
    pub release: MptcpRelease,
    /// The path managers.
    pub path_managers: Selection,
    /// The packet schedulers.
    pub schedulers: Selection,
    /// The congestion controls that are chosen here: the coupled ones and the default.
    pub congestion_controls: Selection,
}

/// The `[mptcp]` table of one recipe file, but for the line.
#[derive(Debug, Default)]
pub struct Layer {
    release: Option<Located<MptcpRelease>>,
    selections: [SelectionLayer; 3],
}

#[derive(Debug, Default)]
struct SelectionLayer {
    default: Option<Located<String>>,
    built: BTreeMap<String, Located<Form>>,
}

impl Layer {
    /// Takes its keys out of the table.
    pub fn read(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Self {
        Self {
            release: table.optional("release", problems),
            selections: Kind::ALL.map(|kind| SelectionLayer::read(kind, table, problems)),
        }
    }

    /// This layer over the one of the recipe that its own extends.
    #[must_use]
    pub fn over(self, parent: Self) -> Self {
        let mut parents = parent.selections.into_iter();
        Self {
            release: self.release.or(parent.release),
            selections: self
                .selections
                .map(|child| child.over(parents.next().unwrap_or_default())),
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        let empty =
            |selection: &SelectionLayer| selection.default.is_none() && selection.built.is_empty();
        self.release.is_none() && self.selections.iter().all(empty)
    }

    /// The names of the keys that are missing.
    pub fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.release.is_none() {
            missing.push("mptcp.release");
        }
        let selections = Kind::ALL.iter().zip(&self.selections);
        let without = selections.filter(|(_, selection)| selection.default.is_none());
        missing.extend(without.map(|(kind, _)| kind.required_key()));
        missing
    }

    /// The whole, checked against what the release has.
    pub fn complete(self, problems: &mut Vec<Problem>) -> Option<OutOfTree> {
        let release = self.release?.value;
        let [path_managers, schedulers, congestion_controls] = self.selections;
        let mut complete =
            |kind: Kind, layer: SelectionLayer| layer.complete(kind, release.series, problems);
        let path_managers = complete(Kind::PathManager, path_managers);
        let schedulers = complete(Kind::Scheduler, schedulers);
        let congestion_controls = complete(Kind::CongestionControl, congestion_controls);
        Some(OutOfTree {
            release,
            path_managers: path_managers?,
            schedulers: schedulers?,
            congestion_controls: congestion_controls?,
        })
    }
}

impl SelectionLayer {
    fn read(kind: Kind, table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Self {
        let default = table.optional(kind.key(), problems);
        let built = table.table(kind.others_key(), problems);
        let built = built.map(|built| built.into_values(problems));
        let located = built.unwrap_or_default().into_iter();
        // The place of an entry is that of its key, which is what an error about it names.
        let located = located.map(|(key, form): (Located<String>, Located<Form>)| {
            let (file, span) = (key.file, key.span);
            let value = form.value;
            (key.value, Located { value, file, span })
        });
        Self {
            default,
            built: located.collect(),
        }
    }

    fn over(self, parent: Self) -> Self {
        Self {
            default: self.default.or(parent.default),
            built: parent.built.into_iter().chain(self.built).collect(),
        }
    }

    fn complete(
        self,
        kind: Kind,
        series: Series,
        problems: &mut Vec<Problem>,
    ) -> Option<Selection> {
        let default = self.default?;
        let mut built = BTreeMap::new();
        for (name, form) in &self.built {
            match Choice::find(kind, name, series) {
                Ok(choice) if choice.symbol.is_none() => problems.push(form.problem(format!(
                    "the {kind} `{name}` is a part of every kernel, in no form of its own"
                ))),
                Ok(_) => drop(built.insert(name.clone(), form.value)),
                Err(message) => problems.push(form.problem(message)),
            }
        }
        match Choice::find(kind, &default.value, series) {
            Ok(_) => {
                built.entry(default.value.clone()).or_insert(Form::BuiltIn);
                let default = default.value;
                Some(Selection { default, built })
            }
            Err(message) => {
                problems.push(default.problem(message));
                None
            }
        }
    }
}

impl OutOfTree {
    fn selections(&self) -> [(Kind, &Selection); 3] {
        [
            (Kind::PathManager, &self.path_managers),
            (Kind::Scheduler, &self.schedulers),
            (Kind::CongestionControl, &self.congestion_controls),
        ]
    }

    /// The Kconfig symbols that the choices mean: what is not built is switched off.
    pub fn assignments(&self) -> Vec<Assignment> {
        let fixed = [
            "MPTCP",
            "MPTCP_PM_ADVANCED",
            "MPTCP_SCHED_ADVANCED",
            "TCP_CONG_ADVANCED",
        ];
        let mut wanted: Vec<(&str, Value)> =
            fixed.iter().map(|symbol| (*symbol, Value::Yes)).collect();
        for (kind, selection) in self.selections() {
            for choice in Choice::all(kind, self.release.series) {
                let value = match selection.built.get(choice.name) {
                    Some(Form::BuiltIn) => Value::Yes,
                    Some(Form::Module) => Value::Module,
                    // These are other kernels' too; fragments decide about them.
                    None if choice.general => continue,
                    None => Value::No,
                };
                wanted.extend(choice.symbol.map(|symbol| (symbol, value)));
            }
            let default = self.kconfig_default(kind, selection);
            wanted.push((default.default_symbol, Value::Yes));
        }
        let assignment = |(symbol, value): (&str, Value)| {
            let symbol = symbol.parse().ok()?;
            Some(Assignment { symbol, value })
        };
        wanted.into_iter().filter_map(assignment).collect()
    }

    /// What Kconfig makes the default: the recipe's, or one that is always there where Kconfig cannot.
    fn kconfig_default(&self, kind: Kind, selection: &Selection) -> &'static Choice {
        let chosen = Choice::find(kind, &selection.default, self.release.series);
        match chosen {
            Ok(choice) if self.kconfig_can(choice, selection) => choice,
            _ => kind.fallback(),
        }
    }

    fn kconfig_can(&self, choice: &Choice, selection: &Selection) -> bool {
        let built_in = selection.built.get(choice.name) == Some(&Form::BuiltIn);
        built_in && choice.default_takes_effect(self.release.series)
    }

    /// What a kernel has of a kind: what is built, and what every kernel has.
    pub fn names(&self, kind: Kind) -> Vec<String> {
        let of_kind = |(of, _): &(Kind, &Selection)| *of == kind;
        let built = self.selections().into_iter().find(of_kind);
        let is_there = |choice: &&Choice| {
            choice.symbol.is_none()
                || built.is_some_and(|(_, selection)| selection.built.contains_key(choice.name))
        };
        let names = Choice::all(kind, self.release.series).filter(is_there);
        names.map(|choice| choice.name.to_owned()).collect()
    }

    /// MPTCP's sysctls that the kernel itself sets at boot, by name.
    pub fn boots_with(&self) -> BTreeMap<String, String> {
        let kinds = [
            (Kind::PathManager, &self.path_managers),
            (Kind::Scheduler, &self.schedulers),
        ];
        let set = |(kind, selection): (Kind, &Selection)| {
            let default = self.kconfig_default(kind, selection);
            (kind.sysctl().to_owned(), default.name.to_owned())
        };
        kinds.into_iter().map(set).collect()
    }

    /// The files that a package with this kernel needs for what Kconfig cannot express, by folder below
    /// `/usr/lib`.
    pub fn files(&self) -> BTreeMap<&'static str, String> {
        let mut lines: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for (kind, selection) in self.selections() {
            for choice in Choice::all(kind, self.release.series) {
                let form = selection.built.get(choice.name);
                let alias = kind.requested(choice.name);
                if form == Some(&Form::Module) && alias != choice.module {
                    let alias = format!("alias {alias} {}", choice.module);
                    lines.entry("modprobe.d").or_default().push(alias);
                }
                if choice.name != selection.default || self.kconfig_can(choice, selection) {
                    continue;
                }
                if form == Some(&Form::Module) {
                    let module = choice.module.to_owned();
                    lines.entry("modules-load.d").or_default().push(module);
                }
                // The dash: not an error where another kernel without this setting runs.
                let setting = format!("-{} = {}", kind.sysctl(), choice.name);
                lines.entry("sysctl.d").or_default().push(setting);
            }
        }
        let text = |lines: Vec<String>| format!("# {HEADER}\n{}\n", lines.join("\n"));
        lines
            .into_iter()
            .map(|(folder, lines)| (folder, text(lines)))
            .collect()
    }
}

/// The first line of each of those files.
const HEADER: &str = "What the kernel's configuration cannot express of out-of-tree MPTCP.";
