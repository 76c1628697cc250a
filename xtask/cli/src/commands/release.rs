//! `release`: from finished results to signed repositories.

use builder::plan::Known;
use builder::project::Project;
use host::cancel::Cancel;
use host::clock::now_unix;
use host::environment::var;
use host::http::Http;
use model::release::Kernel;
use release::keys::Keys;
use release::origin::Origin;
use release::{Order, Previous, Published, publish};
use serde::Serialize;

use super::keys;
use crate::arguments::{Global, Release};
use crate::context;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Report<'a> {
    out: &'a str,
    files: usize,
    bytes: u64,
    /// The most memory that it used, in bytes, where the host tells.
    tool_peak_memory: Option<u64>,
    release: &'a model::release::Release,
}

pub(crate) fn run(global: &Global, command: &Release, cancel: &Cancel) -> Result<(), Failure> {
    let project = context::project(global)?;
    let recipes = if command.all {
        releasable(global, &project)?
    } else {
        command.recipes.clone()
    };
    let date = clock()?;
    let (_, keys) = keys::open(&command.keys)?;
    keys::warn(global, &keys.public(), date);
    let previous = previous(command, &keys, date, cancel)?;
    let order = Order {
        project: &project,
        revision: &command.commit,
        recipes: &recipes,
        out: &command.out,
        url: &command.url,
        keep: command.keep.map(|keep| keep as usize),
        valid_days: command.valid,
        date,
    };
    let published = publish(&order, previous.as_ref(), &keys, cancel)?;
    let report = Report {
        out: command.out.as_str(),
        files: published.files.0,
        bytes: published.files.1,
        tool_peak_memory: host::process::own_peak_memory(),
        release: &published.release,
    };
    output::result(global, &report, |_| text(command.out.as_str(), &published))
}

/// Every recipe that is locked and for release.
fn releasable(global: &Global, project: &Project) -> Result<Vec<String>, Failure> {
    let mut recipes = Vec::new();
    for name in project.recipes()? {
        match Known::load(project, name.as_str(), None)? {
            Known::Planned(planned) if planned.recipe.for_release => recipes.push(name.to_string()),
            Known::Unlocked(_) => {
                output::note(global, &format!("{name} is left out: it is not locked"));
            }
            Known::Planned(_) => {}
        }
    }
    Ok(recipes)
}

/// The clock, or the one that reproducible builds are given.
/// Source: <https://reproducible-builds.org/specs/source-date-epoch/>.
fn clock() -> Result<u64, Failure> {
    match var("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) {
        None => Ok(now_unix()),
        Some(text) => text.parse().map_err(|_| {
            Failure::Usage(
                format!("SOURCE_DATE_EPOCH is {text:?}, which is no number of seconds"),
                "set it to seconds since 1970, or not at all".to_owned(),
            )
        }),
    }
}

fn previous(
    command: &Release,
    keys: &Keys,
    date: u64,
    cancel: &Cancel,
) -> Result<Option<Previous>, Failure> {
    let origin = match command.previous.as_deref() {
        Some("") => None,
        Some(named) => Some(Origin::parse(named, &Http::new(cancel.clone()))),
        None => command
            .out
            .exists()
            .then(|| Origin::Folder(command.out.clone())),
    };
    // An empty folder is no release.
    let is_empty = |folder: &camino::Utf8Path| {
        let entries = folder.read_dir_utf8();
        entries.is_ok_and(|mut entries| entries.next().is_none())
    };
    match origin {
        Some(Origin::Folder(folder)) if command.previous.is_none() && is_empty(&folder) => Ok(None),
        Some(origin) => Ok(Some(Previous::open(origin, keys, date)?)),
        None => Ok(None),
    }
}

fn text(out: &str, published: &Published) -> String {
    let release = &published.release;
    let (files, bytes) = published.files;
    let mut text = format!(
        "{out}: {files} files, {bytes} bytes, signed by {} at {}, good until {}\n",
        release.keys.openpgp,
        formats::dates::rfc3339(release.date),
        formats::dates::rfc3339(release.valid_until)
    );
    for kernel in &release.kernels {
        let is_new = published.added.contains(&kernel.folder);
        text.push_str(&line(kernel, is_new));
    }
    text
}

fn line(kernel: &Kernel, is_new: bool) -> String {
    let state = if is_new { "new" } else { "kept" };
    format!(
        "  {state:<4}  {} {}  for {}: {}\n",
        kernel.recipe,
        kernel.version,
        kernel.repository(),
        kernel.kernel_release
    )
}
