//! The result on disk: complete, by one rename, or not there at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use flate2::Compression;
use flate2::write::GzEncoder;
use model::digest::Sha256;
use model::manifest::{Artifact, Manifest, Run};
use model::names::Name;
use model::plan::canonical_json;
use model::smoke::Smoke;

use crate::error::BuildError;

/// The file that every result has: the digests of all that its plan decides.
pub(crate) const CHECKSUMS: &str = "SHA256SUMS";
/// Where results are kept, below `out/`; `out/<recipe>` links to the newest.
const RESULTS: &str = ".results";

/// A result in the making; it goes with this value unless it is put in place.
#[derive(Debug)]
pub(crate) struct Draft {
    folder: tempfile::TempDir,
    out: Utf8PathBuf,
    recipe: Name,
}

fn fail<'a>(
    attempt: &'static str,
    path: &'a Utf8Path,
) -> impl FnOnce(io::Error) -> BuildError + 'a {
    move |source| BuildError::File {
        attempt,
        path: path.to_owned(),
        source,
    }
}

impl Draft {
    /// An empty draft for `recipe` below `out`.
    pub(crate) fn create(out: &Utf8Path, recipe: &Name) -> Result<Self, BuildError> {
        let results = out.join(RESULTS);
        fs::create_dir_all(&results).map_err(fail("creating", &results))?;
        let prefix = format!("{recipe}.draft-");
        let folder = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(&results)
            .map_err(fail("creating", &results))?;
        Ok(Self {
            folder,
            out: out.to_owned(),
            recipe: recipe.clone(),
        })
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> Result<&Utf8Path, BuildError> {
        let path = self.folder.path();
        Utf8Path::from_path(path).ok_or_else(|| {
            BuildError::Unexpected(format!("the path {} is not UTF-8", path.display()))
        })
    }

    /// Adds the logs, one after the other, compressed.
    pub(crate) fn add_logs(&self, logs: &[Utf8PathBuf]) -> Result<(), BuildError> {
        let path = self.folder()?.join("build.log.gz");
        let to = File::create_new(&path).map_err(fail("creating", &path))?;
        let mut encoder = GzEncoder::new(to, Compression::default());
        for log in logs {
            let mut from = File::open(log).map_err(fail("reading", log))?;
            io::copy(&mut from, &mut encoder).map_err(fail("writing", &path))?;
        }
        encoder.finish().map_err(fail("writing", &path))?;
        Ok(())
    }

    /// Writes the manifest, the record of the run and the checksums: the result is complete.
    pub(crate) fn complete(&self, manifest: &Manifest, run: &Run) -> Result<(), BuildError> {
        let folder = self.folder()?.to_owned();
        let manifest_text = pretty(&canonical_json(manifest))?;
        write(&folder.join("manifest.json"), &manifest_text)?;
        write(&folder.join("run.json"), &pretty(&canonical_json(run))?)?;
        // Until somebody boots it, it says so itself.
        write(
            &folder.join("smoke.json"),
            &not_booted(manifest, &manifest_text, run)?,
        )?;
        let mut files = manifest.artifacts.clone();
        files.insert(
            "manifest.json".to_owned(),
            Artifact {
                size: manifest_text.len() as u64,
                sha256: Sha256::of(&manifest_text),
                control: None,
            },
        );
        write(&folder.join(CHECKSUMS), &checksums(&files))
    }

    /// Puts a complete result of this plan in place of the recipe's last one: gives it its name and turns the link to
    /// it, each by one rename.
    pub(crate) fn publish(self, plan: &Sha256) -> Result<Utf8PathBuf, BuildError> {
        let folder = self.folder()?.to_owned();
        let plan = plan.short();
        let results = self.out.join(RESULTS);
        let suffix = folder
            .file_name()
            .and_then(|name| name.rsplit('-').next())
            .unwrap_or_default();
        let name = format!("{}.{plan}-{suffix}", self.recipe);
        let place = results.join(&name);
        set_mode(&folder, 0o755)?;
        fs::rename(&folder, &place).map_err(fail("renaming", &folder))?;
        // Renamed away: there is nothing left for the draft to remove.
        let _ = self.folder.keep();
        let link = self.out.join(self.recipe.as_str());
        let fresh = results.join(format!("{}.link-{suffix}", self.recipe));
        symlink(format!("{RESULTS}/{name}"), &fresh).map_err(fail("linking", &fresh))?;
        fs::rename(&fresh, &link).map_err(fail("replacing", &link))?;
        remove_older(&results, &self.recipe, &name)?;
        Ok(link)
    }

    /// Keeps a complete result beside the recipe's own, in place of what is at `place`.
    pub(crate) fn keep_as(self, place: &Utf8Path) -> Result<(), BuildError> {
        let folder = self.folder()?.to_owned();
        match fs::remove_dir_all(place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(fail("removing", place)(error));
            }
            _ => {}
        }
        let parent = place.parent().unwrap_or(place);
        fs::create_dir_all(parent).map_err(fail("creating", parent))?;
        set_mode(&folder, 0o755)?;
        fs::rename(&folder, place).map_err(fail("renaming", &folder))?;
        // Renamed away: there is nothing left for the draft to remove.
        let _ = self.folder.keep();
        Ok(())
    }
}

/// Removes all results and drafts of `recipe` but the one called `keep`. Only the holder of the
/// recipe's lock calls this, so nobody else is writing one.
fn remove_older(results: &Utf8Path, recipe: &Name, keep: &str) -> Result<(), BuildError> {
    for entry in results.read_dir_utf8().map_err(fail("reading", results))? {
        let entry = entry.map_err(fail("reading", results))?;
        let of_recipe = entry
            .file_name()
            .rsplit_once('.')
            .is_some_and(|(name, _)| name == recipe.as_str());
        if of_recipe && entry.file_name() != keep {
            let removed = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                fs::remove_dir_all(entry.path())
            } else {
                fs::remove_file(entry.path())
            };
            removed.map_err(fail("removing", entry.path()))?;
        }
    }
    Ok(())
}

fn not_booted(manifest: &Manifest, text: &str, run: &Run) -> Result<String, BuildError> {
    let packages = manifest.artifacts.iter();
    let packages = packages.filter(|(_, artifact)| artifact.control.is_some());
    let smoke = Smoke::not_run(
        Some(Sha256::of(text)),
        packages
            .map(|(name, package)| (name.clone(), package.sha256))
            .collect(),
        Some(manifest.kernel_release.clone()),
        run.started,
        "the kernel was not booted".to_owned(),
    );
    smoke.render().map_err(|error| BuildError::Render {
        what: "smoke.json".to_owned(),
        reason: error.to_string(),
    })
}

fn checksums(files: &BTreeMap<String, Artifact>) -> String {
    // The form that `sha256sum --check` reads.
    files
        .iter()
        .map(|(name, file)| format!("{}  {name}\n", file.sha256))
        .collect()
}

fn pretty(json: &str) -> Result<String, BuildError> {
    let render = |error: serde_json::Error| BuildError::Render {
        what: "JSON".to_owned(),
        reason: error.to_string(),
    };
    let value: serde_json::Value = serde_json::from_str(json).map_err(render)?;
    Ok(serde_json::to_string_pretty(&value).map_err(render)? + "\n")
}

fn write(path: &Utf8Path, text: &str) -> Result<(), BuildError> {
    let mut file = File::create_new(path).map_err(fail("creating", path))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(fail("writing", path))
}

fn set_mode(path: &Utf8Path, mode: u32) -> Result<(), BuildError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(fail("opening up", path))
}
