//! `show`: a recipe and its plan.

use builder::plan::Planned;
use model::mptcp::{Form, OutOfTree, Selection};
use model::source::{LockedFile, LockedSource};
use serde::Serialize;

use crate::arguments::{Global, Recipe};
use crate::context;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Shown<'a> {
    plan_id: String,
    summary: &'a str,
    for_release: bool,
    plan: &'a model::plan::Plan,
    smoke: &'a model::recipe::Smoke,
}

pub(crate) fn run(global: &Global, command: &Recipe) -> Result<(), Failure> {
    let project = context::project(global)?;
    let planned = Planned::load(&project, &command.recipe)?;
    let shown = Shown {
        plan_id: planned.plan.id().to_string(),
        summary: &planned.recipe.summary,
        for_release: planned.recipe.for_release,
        plan: &planned.plan,
        smoke: &planned.recipe.smoke,
    };
    output::result(global, &shown, |shown| text(&planned, shown))
}

fn text(planned: &Planned, shown: &Shown<'_>) -> String {
    let plan = shown.plan;
    let version = planned.identity.full();
    let mut lines = vec![
        format!("recipe     {}: {}", plan.recipe, shown.summary),
        format!("plan       {}", shown.plan_id),
        format!(
            "for        {} {}, {}, .{} packages",
            plan.target.distribution,
            plan.target.release,
            plan.architecture.debian(),
            plan.target.format.extension()
        ),
        format!(
            "version    {version} (uname -r ends in {})",
            planned.identity.local_version
        ),
        format!(
            "container  {}, {} packages, lock {}",
            plan.container.name,
            planned.container_lock.packages.len(),
            plan.container.lock.short()
        ),
    ];
    for input in &plan.inputs {
        let package = &input.package;
        lines.push(format!(
            "input      {} {} ({} bytes)\n           sha256 {}",
            package.name, package.version, package.size, package.sha256
        ));
    }
    lines.extend(plan.source.iter().flat_map(source));
    lines.extend(plan.out_of_tree.iter().flat_map(mptcp));
    lines.push(format!("base       {}", base(&plan.base)));
    lines.extend(
        plan.fragments
            .iter()
            .map(|fragment| format!("fragment   {} {}", fragment.name, fragment.sha256.short())),
    );
    for (symbol, setting) in &planned.recipe.config.set {
        lines.push(format!(
            "sets       {symbol}={}: {}",
            setting.value.value, setting.value.reason
        ));
    }
    lines.extend(plan.files.iter().map(|file| {
        format!(
            "adds       a file to /usr/lib/{} {}",
            file.name,
            file.sha256.short()
        )
    }));
    if !shown.for_release {
        lines.push("release    never: the recipe is not for release".to_owned());
    }
    lines.join("\n") + "\n"
}

fn source(source: &LockedSource) -> Vec<String> {
    let mut lines = vec![format!(
        "source     Linux {}, tree {}",
        source.kernel,
        source.tree.short()
    )];
    lines.extend(
        source
            .git
            .iter()
            .map(|git| format!("commit     {} of {}", git.commit, git.url)),
    );
    let file = |kind: &str, file: &LockedFile| {
        format!(
            "{kind:10} {} ({} bytes)\n           sha256 {}",
            file.name, file.size, file.sha256
        )
    };
    lines.extend(
        source
            .tarball
            .iter()
            .map(|tarball| file("archive", tarball)),
    );
    lines.extend(source.patches.iter().map(|patch| file("patch", patch)));
    lines
}

fn mptcp(mptcp: &OutOfTree) -> Vec<String> {
    let selection = |selection: &Selection| {
        let others = selection
            .built
            .iter()
            .filter(|(name, _)| **name != selection.default);
        let others: Vec<_> = others
            .map(|(name, form)| match form {
                Form::BuiltIn => name.clone(),
                Form::Module => format!("{name} (module)"),
            })
            .collect();
        match &others[..] {
            [] => selection.default.clone(),
            others => format!("{}; also {}", selection.default, others.join(", ")),
        }
    };
    vec![
        format!("MPTCP      release {}", mptcp.release),
        format!("path manager {}", selection(&mptcp.path_managers)),
        format!("scheduler  {}", selection(&mptcp.schedulers)),
        format!(
            "congestion control {}",
            selection(&mptcp.congestion_controls)
        ),
    ]
}

fn base(base: &model::recipe::Base) -> String {
    match base {
        model::recipe::Base::Target(target) => format!("make {target}"),
        model::recipe::Base::Package(package) => format!("the stock configuration in {package}"),
    }
}
