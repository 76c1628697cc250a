//! `show`: a recipe and its plan.

use builder::plan::Planned;
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
    let version = plan
        .environment
        .get("KDEB_PKGVERSION")
        .map_or("", String::as_str);
    let mut lines = vec![
        format!("recipe     {}: {}", plan.recipe, shown.summary),
        format!("plan       {}", shown.plan_id),
        format!(
            "for        {} {}, {}",
            plan.target.distribution,
            plan.target.release,
            plan.architecture.debian()
        ),
        format!(
            "version    {version} (release suffix {})",
            plan.version_suffix
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
    if !shown.for_release {
        lines.push("release    never: the recipe is not for release".to_owned());
    }
    lines.join("\n") + "\n"
}

fn base(base: &model::recipe::Base) -> String {
    match base {
        model::recipe::Base::Target(target) => format!("make {target}"),
        model::recipe::Base::Package(package) => format!("the stock configuration in {package}"),
    }
}
