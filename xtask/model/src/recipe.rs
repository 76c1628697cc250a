//! Recipes: what is built, for whom, from which source and with which configuration.
//!
//! A recipe file is one layer. A recipe that extends another is the layers from the extended one
//! down to its own, merged: single values override, fragment lists append, and the tables of
//! symbols merge by symbol.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::kconfig::{Value, reproducible};
use crate::mptcp::{self, Kind, OutOfTree};
use crate::names::{
    ConfigTarget, FragmentName, MalformedName, Name, PackageName, Symbol, SymbolPattern,
    VersionSuffix, nearest,
};
use crate::source::{Patch, Source, SourceLayer};
use crate::strict::{self, Located, Problem, Problems, SourceFile, Table};
use crate::version::{KernelVersion, MptcpRelease};

/// A processor architecture, by Debian's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// 64-bit x86.
    Amd64,
}

impl Architecture {
    /// Debian's name for it.
    pub fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
        }
    }

    /// RPM's name for it.
    pub fn rpm(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
        }
    }

    /// The kernel's name for it (`ARCH`).
    pub fn kernel(self) -> &'static str {
        match self {
            Self::Amd64 => "x86",
        }
    }
}

/// A package format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageFormat {
    /// Debian packages, made by kbuild's `bindeb-pkg`.
    Deb,
    /// RPM packages, made by kbuild's `binrpm-pkg`.
    Rpm,
}

impl PackageFormat {
    /// What a file of it ends in, behind the last dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
        }
    }
}

/// The two implementations of MPTCP in Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// Linux 5.6 and later: `IPPROTO_MPTCP` sockets, sysctls per network namespace.
    Upstream,
    /// `multipath-tcp/mptcp`, v0.94 to v0.96: every TCP socket, sysctls in the initial namespace.
    OutOfTree,
}

/// The distribution and release that packages are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The distribution, such as `debian`.
    pub distribution: Name,
    /// Its release, such as `13`.
    pub release: String,
    /// The format of its packages.
    pub format: PackageFormat,
}

/// The configuration that fragments are put on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// What a kbuild target makes, such as `tinyconfig`.
    Target(ConfigTarget),
    /// `/boot/config-*` of the distribution's own kernel package, by its name or by the name of
    /// the metapackage that depends on it.
    Package(PackageName),
}

/// One symbol that the recipe sets, over all fragments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// As it stands behind the `=` of a fragment; strings with their quotes.
    pub value: Value,
    /// Why.
    pub reason: String,
}

/// The kernel's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What it starts from.
    pub base: Base,
    /// Fragments below `recipes/config/`, the later ones over the earlier.
    pub fragments: Vec<Located<FragmentName>>,
    /// Fragments on top of those, for kernels from a version and patch level on.
    pub since: BTreeMap<(u16, u16), Vec<Located<FragmentName>>>,
    /// Symbols set by the recipe itself, each with its reason.
    pub set: BTreeMap<Symbol, Located<Setting>>,
    /// What may be lost against the stock configuration, each with its reason.
    pub may_lose: BTreeMap<SymbolPattern, Located<String>>,
    /// What may keep two builds from having equal bytes, each with its reason.
    pub unreproducible: BTreeMap<Symbol, Located<String>>,
}

impl Config {
    /// The fragments for a kernel of this version and patch level, in their order.
    pub fn fragments_for(&self, kernel: (u16, u16)) -> impl Iterator<Item = &FragmentName> {
        let since = self.since.range(..=kernel).flat_map(|(_, names)| names);
        self.fragments.iter().chain(since).map(|name| &name.value)
    }
}

/// What the smoke boot must find in the running kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Smoke {
    /// Sysctls and their values.
    pub sysctls: BTreeMap<String, String>,
    /// TCP congestion controls.
    pub congestion_controls: Vec<String>,
    /// MPTCP path managers.
    pub path_managers: Vec<String>,
    /// MPTCP packet schedulers.
    pub schedulers: Vec<String>,
}

/// A whole recipe, its layers merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Its name: that of its file.
    pub name: Name,
    /// One line for people.
    pub summary: String,
    /// The architecture it is built for.
    pub architecture: Architecture,
    /// Whether its packages may be released.
    pub for_release: bool,
    /// The distribution it is for.
    pub target: Target,
    /// The MPTCP implementation it carries.
    pub line: Line,
    /// What it chooses of out-of-tree MPTCP, where it carries that.
    pub out_of_tree: Option<OutOfTree>,
    /// Where the kernel comes from.
    pub source: Source,
    /// What is changed in it, in order.
    pub patches: Vec<Patch>,
    /// The container it is built in, below `containers/`.
    pub container: Located<Name>,
    /// The kernel's configuration.
    pub config: Config,
    /// Appended to the kernel release.
    pub version_suffix: VersionSuffix,
    /// Counts the builds of one kernel version that users are to see as newer packages.
    pub revision: u32,
    /// What the smoke boot must find.
    pub smoke: Smoke,
    /// The files that make it up, its own last.
    pub files: Vec<Arc<SourceFile>>,
}

/// One recipe file, not yet merged with what it extends.
#[derive(Debug, Default)]
pub struct Layer {
    /// The recipe that this one extends.
    pub extends: Option<Located<Name>>,
    file: Option<Arc<SourceFile>>,
    summary: Option<String>,
    architecture: Option<Architecture>,
    for_release: Option<bool>,
    container: Option<Located<Name>>,
    version_suffix: Option<VersionSuffix>,
    revision: Option<u32>,
    distribution: Option<Name>,
    release: Option<String>,
    format: Option<PackageFormat>,
    line: Option<Line>,
    mptcp: mptcp::Layer,
    source: SourceLayer,
    base: Option<Base>,
    fragments: Vec<Located<FragmentName>>,
    since: BTreeMap<(u16, u16), Vec<Located<FragmentName>>>,
    set: BTreeMap<Symbol, Located<Setting>>,
    may_lose: BTreeMap<SymbolPattern, Located<String>>,
    unreproducible: BTreeMap<Symbol, Located<String>>,
    smoke: SmokeLayer,
}

#[derive(Debug, Default)]
struct SmokeLayer {
    sysctls: BTreeMap<String, String>,
    congestion_controls: Option<Vec<String>>,
    path_managers: Option<Vec<String>>,
    schedulers: Option<Vec<String>>,
}

fn value<T>(located: Option<Located<T>>) -> Option<T> {
    located.map(|located| located.value)
}

impl Layer {
    /// Reads one recipe file; what is wrong in it is added to `problems`.
    pub fn parse(file: &Arc<SourceFile>, problems: &mut Vec<Problem>) -> Self {
        let mut root = strict::parse(file, problems);
        let mut layer = Self {
            extends: root.optional("extends", problems),
            file: Some(Arc::clone(file)),
            summary: value(root.optional("summary", problems)),
            architecture: value(root.optional("architecture", problems)),
            for_release: value(root.optional("for-release", problems)),
            container: root.optional("container", problems),
            version_suffix: value(root.optional("version-suffix", problems)),
            revision: value(root.optional("revision", problems)),
            ..Self::default()
        };
        if let Some(target) = root.table("target", problems) {
            layer.read_target(target, problems);
        }
        if let Some(mut mptcp) = root.table("mptcp", problems) {
            layer.line = value(mptcp.optional("line", problems));
            layer.mptcp = mptcp::Layer::read(&mut mptcp, problems);
            mptcp.finish(problems);
        }
        if let Some(source) = root.table("source", problems) {
            layer.source = SourceLayer::read(source, problems);
        }
        if let Some(config) = root.table("config", problems) {
            layer.read_config(config, problems);
        }
        if let Some(smoke) = root.table("smoke", problems) {
            layer.smoke = SmokeLayer::read(smoke, problems);
        }
        root.finish(problems);
        layer
    }

    /// The fragments that this file names, for whichever kernel.
    pub fn fragments(&self) -> impl Iterator<Item = &Located<FragmentName>> {
        self.fragments.iter().chain(self.since.values().flatten())
    }

    /// The container that this file names.
    pub fn container(&self) -> Option<&Located<Name>> {
        self.container.as_ref()
    }

    /// The patches that this file names.
    pub fn patches(&self) -> &[Located<Patch>] {
        self.source.patches()
    }

    fn read_target(&mut self, mut table: Table<'_>, problems: &mut Vec<Problem>) {
        self.distribution = value(table.optional("distribution", problems));
        self.release = value(table.optional("release", problems));
        self.format = value(table.optional("format", problems));
        table.finish(problems);
    }

    fn read_config(&mut self, mut table: Table<'_>, problems: &mut Vec<Problem>) {
        self.fragments = table.array("fragments", problems);
        if let Some(since) = table.table("since", problems) {
            self.since = read_since(since, problems);
        }
        if let Some(base) = table.table("base", problems) {
            self.base = read_base(base, problems);
        }
        if let Some(set) = table.table("set", problems) {
            self.set = keyed(set.into_values(problems), problems);
        }
        if let Some(may_lose) = table.table("may-lose", problems) {
            self.may_lose = keyed(may_lose.into_values(problems), problems);
        }
        if let Some(accepted) = table.table("unreproducible", problems) {
            self.unreproducible = read_unreproducible(accepted, problems);
        }
        table.finish(problems);
    }

    fn over(mut self, parent: Self) -> Self {
        let fragments = parent.fragments.into_iter().chain(self.fragments).collect();
        let mut since = parent.since;
        for (kernel, fragments) in self.since {
            since.entry(kernel).or_default().extend(fragments);
        }
        self.smoke.sysctls = merge(parent.smoke.sysctls, self.smoke.sysctls);
        Self {
            extends: self.extends,
            file: self.file,
            summary: self.summary.or(parent.summary),
            architecture: self.architecture.or(parent.architecture),
            for_release: self.for_release.or(parent.for_release),
            container: self.container.or(parent.container),
            version_suffix: self.version_suffix.or(parent.version_suffix),
            revision: self.revision.or(parent.revision),
            distribution: self.distribution.or(parent.distribution),
            release: self.release.or(parent.release),
            format: self.format.or(parent.format),
            line: self.line.or(parent.line),
            mptcp: self.mptcp.over(parent.mptcp),
            source: self.source.over(parent.source),
            base: self.base.or(parent.base),
            fragments,
            since,
            set: merge(parent.set, self.set),
            may_lose: merge(parent.may_lose, self.may_lose),
            unreproducible: merge(parent.unreproducible, self.unreproducible),
            smoke: SmokeLayer {
                sysctls: self.smoke.sysctls,
                congestion_controls: self
                    .smoke
                    .congestion_controls
                    .or(parent.smoke.congestion_controls),
                path_managers: self.smoke.path_managers.or(parent.smoke.path_managers),
                schedulers: self.smoke.schedulers.or(parent.smoke.schedulers),
            },
        }
    }
}

impl SmokeLayer {
    fn read(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Self {
        let smoke = Self {
            sysctls: table
                .table("sysctls", problems)
                .map(|sysctls| read_sysctls(sysctls, problems))
                .unwrap_or_default(),
            congestion_controls: value(table.optional("congestion-controls", problems)),
            path_managers: value(table.optional("path-managers", problems)),
            schedulers: value(table.optional("schedulers", problems)),
        };
        table.finish(problems);
        smoke
    }

    /// What was chosen of out-of-tree MPTCP need not be said again.
    fn complete(self, out_of_tree: Option<&OutOfTree>) -> Smoke {
        let all = |listed: Option<Vec<String>>, kind: Kind| {
            let mut names = listed.unwrap_or_default();
            let chosen = out_of_tree.map(|mptcp| mptcp.names(kind));
            for name in chosen.unwrap_or_default() {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            names
        };
        let sysctls = out_of_tree.map(OutOfTree::boots_with);
        Smoke {
            sysctls: merge(sysctls.unwrap_or_default(), self.sysctls),
            congestion_controls: all(self.congestion_controls, Kind::CongestionControl),
            path_managers: all(self.path_managers, Kind::PathManager),
            schedulers: all(self.schedulers, Kind::Scheduler),
        }
    }
}

impl Recipe {
    /// Merges the layers of recipe `name`, from the most basic to its own.
    ///
    /// # Errors
    /// All of `problems`, which the reading of the layers found, and what the whole still misses.
    pub fn merge(
        name: &Name,
        layers: Vec<Layer>,
        mut problems: Vec<Problem>,
    ) -> Result<Self, Problems> {
        let files: Vec<_> = layers
            .iter()
            .filter_map(|layer| layer.file.clone())
            .collect();
        let layer = layers
            .into_iter()
            .reduce(|parent, child| child.over(parent))
            .unwrap_or_default();
        let what = format!("recipe `{name}`");
        // A value that is there but wrong must not be reported as missing too.
        if problems.is_empty() {
            problems = layer.missing();
        }
        let recipe = Self::complete(name, layer, files, &mut problems);
        match recipe {
            Some(recipe) if problems.is_empty() => Ok(recipe),
            _ => Err(Problems::new(&what, &problems)),
        }
    }

    fn complete(
        name: &Name,
        layer: Layer,
        files: Vec<Arc<SourceFile>>,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let out_of_tree = match layer.line? {
            Line::Upstream => None,
            Line::OutOfTree => Some(layer.mptcp.complete(problems)?),
        };
        let (source, patches) = layer.source.complete()?;
        let smoke = layer.smoke.complete(out_of_tree.as_ref());
        Some(Self {
            name: name.clone(),
            summary: layer.summary?,
            architecture: layer.architecture?,
            for_release: layer.for_release.unwrap_or(true),
            target: Target {
                distribution: layer.distribution?,
                release: layer.release?,
                format: layer.format?,
            },
            line: layer.line?,
            out_of_tree,
            source,
            patches,
            container: layer.container?,
            config: Config {
                base: layer.base?,
                fragments: layer.fragments,
                since: layer.since,
                set: layer.set,
                may_lose: layer.may_lose,
                unreproducible: layer.unreproducible,
            },
            version_suffix: layer.version_suffix?,
            revision: layer.revision.unwrap_or(1),
            smoke,
            files,
        })
    }
}

impl Recipe {
    /// Why a source tree is not what this recipe is for, if so: `kernel` is its Linux, `mptcp` its release of
    /// out-of-tree MPTCP.
    pub fn mismatch(&self, kernel: &KernelVersion, mptcp: Option<MptcpRelease>) -> Option<String> {
        const FIRST_UPSTREAM: (u16, u16) = (5, 6);
        match (&self.out_of_tree, mptcp) {
            (None, None) if kernel.series() < FIRST_UPSTREAM => Some(format!(
                "it is Linux {kernel}, and upstream MPTCP began with Linux 5.6"
            )),
            (None, None) => None,
            (None, Some(found)) => Some(format!(
                "it has out-of-tree MPTCP {found}, and the recipe is for the upstream line"
            )),
            (Some(_), None) => Some(format!(
                "it is Linux {kernel} with upstream MPTCP, and the recipe is for the out-of-tree line"
            )),
            (Some(wanted), Some(found)) if !wanted.release.means(found) => Some(format!(
                "it has MPTCP {found}, and the recipe is for release {}",
                wanted.release
            )),
            (Some(_), Some(found)) => {
                let (version, patch) = found.series.linux();
                let is_base = kernel.series() == (version, patch);
                (!is_base).then(|| format!(
                    "it has MPTCP {found} on Linux {kernel}, and that release is on Linux {version}.{patch}"
                ))
            }
        }
    }
}

impl Layer {
    fn missing(&self) -> Vec<Problem> {
        let Some(file) = &self.file else {
            return Vec::new();
        };
        let keys = [
            ("summary", self.summary.is_none()),
            ("architecture", self.architecture.is_none()),
            ("container", self.container.is_none()),
            ("version-suffix", self.version_suffix.is_none()),
            ("target.distribution", self.distribution.is_none()),
            ("target.release", self.release.is_none()),
            ("target.format", self.format.is_none()),
            ("mptcp.line", self.line.is_none()),
            ("config.base", self.base.is_none()),
        ];
        let missing = keys.iter().filter(|(_, missing)| *missing);
        let mut messages: Vec<_> = missing
            .map(|(key, _)| *key)
            .chain(self.source.missing())
            .chain(match self.line {
                Some(Line::OutOfTree) => self.mptcp.missing(),
                _ => Vec::new(),
            })
            .map(|key| format!("`{key}` is missing"))
            .collect();
        if self.line == Some(Line::Upstream) && !self.mptcp.is_empty() {
            messages.push("`mptcp` has keys that are the out-of-tree line's alone: upstream MPTCP is chosen by CONFIG_MPTCP and at run time".to_owned());
        }
        let problem = |message| Problem {
            message,
            file: Arc::clone(file),
            span: None,
        };
        messages.into_iter().map(problem).collect()
    }
}

fn read_base(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Option<Base> {
    let whole = table.problem("`config.base` names either a `target` or a `package`");
    let target = value(table.optional("target", problems));
    let package = value(table.optional("package", problems));
    table.finish(problems);
    match (target, package) {
        (Some(target), None) => Some(Base::Target(target)),
        (None, Some(package)) => Some(Base::Package(package)),
        _ => {
            problems.push(whole);
            None
        }
    }
}

/// Fragments by the version and patch level of the first kernel that they are for.
fn read_since(
    table: Table<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<(u16, u16), Vec<Located<FragmentName>>> {
    let mut since = BTreeMap::new();
    for (key, names) in table.into_values::<Vec<FragmentName>>(problems) {
        let numbers = key.value.split_once('.');
        let series =
            numbers.and_then(|(version, patch)| Some((version.parse().ok()?, patch.parse().ok()?)));
        let Some(series) = series else {
            let message = format!(
                "`{}` is no kernel: version and patch level such as \"5.4\" are expected",
                key.value
            );
            problems.push(key.problem(message));
            continue;
        };
        let located = names.value.into_iter().map(|value| Located {
            value,
            file: Arc::clone(&names.file),
            span: names.span.clone(),
        });
        since.insert(series, located.collect());
    }
    since
}

/// Only symbols that a rule names can be accepted: any other is a mistake that would go unnoticed.
fn read_unreproducible(
    table: Table<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<Symbol, Located<String>> {
    let mut accepted = keyed(table.into_values::<String>(problems), problems);
    accepted.retain(|symbol, reason| {
        let wrong = refused_acceptance(symbol, &reason.value);
        problems.extend(wrong.iter().map(|message| reason.problem(message)));
        wrong.is_none()
    });
    accepted
}

fn refused_acceptance(symbol: &Symbol, reason: &str) -> Option<String> {
    let known = || reproducible::symbols();
    if !known().any(|known| known == symbol.as_str()) {
        let near = nearest(symbol.as_str(), known());
        let advice = if near.is_empty() {
            format!("there are {}", known().collect::<Vec<_>>().join(", "))
        } else {
            format!("did you mean {}?", near.join(", "))
        };
        return Some(format!(
            "no rule says that builds differ by {symbol}; {advice}"
        ));
    }
    let lacking = reason.trim().is_empty();
    lacking.then(|| format!("{symbol} is accepted without a reason"))
}

/// The smoke boot looks at MPTCP's sysctls and at no others.
fn read_sysctls(table: Table<'_>, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    const BEGINNING: &str = "net.mptcp.";
    let mut sysctls = BTreeMap::new();
    for (key, value) in table.into_values(problems) {
        let name = key.value.strip_prefix(BEGINNING);
        if name.is_some_and(|name| !name.is_empty()) {
            sysctls.insert(key.value, value.value);
        } else {
            let message = format!("`{}` is none of MPTCP's sysctls, `{BEGINNING}*`", key.value);
            problems.push(key.problem(message));
        }
    }
    sysctls
}

fn keyed<K, V>(
    entries: Vec<(Located<String>, Located<V>)>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<K, Located<V>>
where
    K: FromStr<Err = MalformedName> + Ord,
{
    let mut map = BTreeMap::new();
    for (key, value) in entries {
        match K::from_str(&key.value) {
            // The place of an entry is that of its key, which is what an error about it names.
            Ok(parsed) => {
                map.insert(
                    parsed,
                    Located {
                        value: value.value,
                        file: key.file,
                        span: key.span,
                    },
                );
            }
            Err(error) => problems.push(key.problem(error.to_string())),
        }
    }
    map
}

fn merge<K: Ord, V>(parent: BTreeMap<K, V>, child: BTreeMap<K, V>) -> BTreeMap<K, V> {
    parent.into_iter().chain(child).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_can_be_for_newer_kernels_only() {
        let text = "[config]\nfragments = [\"a.config\"]\nsince.\"5.4\" = [\"b.config\"]\nsince.\"4.19\" = [\"c.config\"]\nsince.new = [\"d.config\"]\n";
        let file = SourceFile::new("recipes/mini.toml", text);
        let mut problems = Vec::new();
        let layer = Layer::parse(&file, &mut problems);
        let messages: Vec<_> = problems
            .iter()
            .map(|problem| &problem.message[..])
            .collect();
        assert_eq!(
            messages,
            ["`new` is no kernel: version and patch level such as \"5.4\" are expected"]
        );
        assert_eq!(layer.fragments().count(), 3);
        let base = Base::Target("tinyconfig".parse().unwrap());
        let config = Config {
            base,
            fragments: layer.fragments,
            since: layer.since,
            set: BTreeMap::new(),
            may_lose: BTreeMap::new(),
            unreproducible: BTreeMap::new(),
        };
        let names = |kernel| {
            let names = config.fragments_for(kernel).map(FragmentName::as_str);
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names((4, 14)), "a.config");
        assert_eq!(names((4, 19)), "a.config c.config");
        assert_eq!(names((5, 4)), "a.config c.config b.config");
    }

    #[test]
    fn only_what_a_rule_names_is_accepted_and_with_a_reason() {
        let text = "[config.unreproducible]\nDEBUG_INFO_BTF = \"for BPF\"\nDEBUG_INFO_BFT = \"x\"\n\
                    GCOV_KERNEL = \" \"\nCONFIG_DEBUG_INFO = \"x\"\nKERNEL_LZO = true\n";
        let file = SourceFile::new("recipes/mini.toml", text);
        let mut problems = Vec::new();
        let layer = Layer::parse(&file, &mut problems);
        let accepted: Vec<_> = layer.unreproducible.keys().map(Symbol::as_str).collect();
        assert_eq!(accepted, ["DEBUG_INFO_BTF"]);
        let mut places: Vec<_> = problems
            .iter()
            .map(|problem| (&text[problem.span.clone().unwrap()], &problem.message[..]))
            .collect();
        places.sort_unstable();
        let expected = [
            ("CONFIG_DEBUG_INFO", "it is written without `CONFIG_`"),
            ("DEBUG_INFO_BFT", "did you mean DEBUG_INFO_BTF"),
            ("GCOV_KERNEL", "GCOV_KERNEL is accepted without a reason"),
            ("true", "expected a string"),
        ];
        assert_eq!(places.len(), expected.len(), "{places:?}");
        for ((place, message), (symbol, part)) in places.into_iter().zip(expected) {
            assert!(
                place == symbol && message.contains(part),
                "{place}: {message}"
            );
        }
    }

    #[test]
    fn what_is_accepted_merges_by_symbol() {
        let mut problems = Vec::new();
        let mut layer = |text: &str| {
            let text = format!("[config.unreproducible]\n{text}");
            Layer::parse(&SourceFile::new("recipes/mini.toml", text), &mut problems)
        };
        let parent = layer("DEBUG_INFO = \"parent\"\nDEBUG_INFO_BTF = \"parent\"\n");
        let child = layer("DEBUG_INFO = \"child\"\nKERNEL_LZO = \"child\"\n");
        let merged = child.over(parent).unreproducible;
        let reasons = merged
            .iter()
            .map(|(symbol, reason)| (symbol.as_str(), &reason.value[..]));
        let expected = [
            ("DEBUG_INFO", "child"),
            ("DEBUG_INFO_BTF", "parent"),
            ("KERNEL_LZO", "child"),
        ];
        assert_eq!(reasons.collect::<Vec<_>>(), expected);
        assert_eq!(problems, []);
    }

    #[test]
    fn only_sysctls_of_mptcp_are_taken() {
        let text = "[smoke]\nsysctls = { \"net.mptcp.enabled\" = \"1\", \"net.ipv4.ip_forward\" = \"1\", \"net.mptcp.\" = \"1\" }\n";
        let file = SourceFile::new("recipes/mini.toml", text);
        let mut problems = Vec::new();
        let layer = Layer::parse(&file, &mut problems);
        let taken: Vec<_> = layer.smoke.sysctls.keys().collect();
        assert_eq!(taken, ["net.mptcp.enabled"]);
        let places = problems.iter().map(|problem| {
            assert!(problem.message.contains("none of MPTCP's sysctls"));
            text.get(problem.span.clone()?)
        });
        let places: Vec<_> = places.collect();
        let quoted = ["\"net.ipv4.ip_forward\"", "\"net.mptcp.\""];
        assert_eq!(places, quoted.map(Some));
    }
}
