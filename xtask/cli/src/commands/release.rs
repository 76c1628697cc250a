//! `release`: from finished results to signed repositories.

use builder::project::Project;
use host::cancel::Cancel;
use host::clock::now_unix;
use host::environment::var;
use host::http::Http;
use model::release::Kernel;
use release::error::ReleaseError;
use release::keys::Keys;
use release::origin::Origin;
use release::{Order, Place, Previous, Published, publish};
use serde::Serialize;

use super::ci::matrix;
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
    let place = Place::hold(&command.out)?;
    let (_, keys) = keys::open(&command.keys)?;
    let now = now_unix();
    keys::warn(global, &keys.public(), now);
    let previous = previous(global, command, &place, &keys, cancel)?;
    let date = clock(now, previous.as_ref())?;
    let order = Order {
        project: &project,
        revision: &command.commit,
        recipes: &recipes,
        place: &place,
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

/// Every recipe that is locked and for release: what CI builds.
fn releasable(global: &Global, project: &Project) -> Result<Vec<String>, Failure> {
    let matrix = matrix(global, project, &[])?;
    let rows = matrix.include.into_iter();
    Ok(rows.map(|row| row.recipe.to_string()).collect())
}

/// How much later than the clock a release may be, in seconds, to be later than the one before.
const AHEAD: u64 = 60;

/// The clock, but later than the release before, from which a second may not have passed; or what reproducible builds
/// are given. Source: <https://reproducible-builds.org/specs/source-date-epoch/>.
fn clock(now: u64, previous: Option<&Previous>) -> Result<u64, Failure> {
    let after = previous.map_or(0, |previous| previous.release.date + 1);
    match var("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) {
        None if after <= now + AHEAD => Ok(now.max(after)),
        None => Ok(now),
        Some(text) => text.parse().map_err(|_| {
            Failure::Usage(
                format!("SOURCE_DATE_EPOCH is {text:?}, which is no number of seconds"),
                "set it to seconds since 1970, or not at all".to_owned(),
            )
        }),
    }
}

/// The release before: the one that is named, or what the link has.
fn previous(
    global: &Global,
    command: &Release,
    place: &Place,
    keys: &Keys,
    cancel: &Cancel,
) -> Result<Option<Previous>, Failure> {
    let origin = match command.previous.as_deref() {
        Some("") => return Ok(None),
        Some(named) => Origin::parse(named, &Http::new(cancel.clone())),
        None if place.is_there() => Origin::Folder(place.link().to_owned()),
        None if place.is_lost() => {
            let link = place.link();
            let help = "make the link again, or name the release before with --previous";
            let error = format!("{link} leads nowhere, but releases are there that it led to");
            return Err(ReleaseError::Input(error, help).into());
        }
        None => return Ok(None),
    };
    let name = origin.name();
    match Previous::open(origin, keys, now_unix()) {
        // A server that says so, and not one that is out of reach.
        Err(error) if error.is_nothing_there() => {
            output::note(
                global,
                &format!("there is no release at {name} yet: this is the first"),
            );
            Ok(None)
        }
        opened => Ok(Some(opened?)),
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
