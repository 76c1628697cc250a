//! Projects with results that are fit for a release.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use builder::plan::Planned;
use builder::project::Project;
use camino::Utf8PathBuf;
use host::testing::git::TestRepository;
use model::digest::Sha256;
use model::manifest::Manifest;
use release::synthetic::Synthetic;

use super::Scratch;

impl Scratch {
    /// Commits recipes and containers as they are; gives the commit.
    pub(crate) fn commit(&self) -> String {
        let root = self.root();
        let repository = TestRepository::create(&root).expect("a repository");
        let mut files = Vec::new();
        for folder in ["recipes", "recipes/config", "containers", "containers/keys"] {
            for entry in root.join(folder).read_dir_utf8().expect("a folder") {
                let entry = entry.expect("an entry");
                if entry.file_type().expect("a type").is_file() {
                    let path = format!("{folder}/{}", entry.file_name());
                    let text = fs::read_to_string(entry.path()).expect("a text");
                    files.push((path, text));
                }
            }
        }
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (path.as_str(), "100644", text.as_str()))
            .collect();
        let commit = repository.commit("main", &files).expect("a commit");
        commit.to_string()
    }

    fn root(&self) -> Utf8PathBuf {
        let root = self.path("").canonicalize().expect("the project");
        Utf8PathBuf::from_path_buf(root).expect("a UTF-8 path")
    }

    /// Adds recipe `name`: `tiny` for Fedora, as RPM packages.
    pub(crate) fn add_rpm_recipe(&self, name: &str) {
        let lock = self.read("containers/box.lock");
        let (_, gcc) = lock.rsplit_once("[[packages]]").expect("a package");
        let package = gcc.replace("\"gcc\"", "\"rpm\"").replace("gcc_", "rpm_");
        self.write(
            "containers/box.lock",
            format!("{lock}\n[[packages]]{package}"),
        );
        self.seal_container("box");
        for recipe in ["tiny", "child", "stock"] {
            self.seal_recipe(recipe);
        }
        self.write(
            &format!("recipes/{name}.toml"),
            format!(
                "summary = \"A fixture for Fedora\"\nextends = \"tiny\"\nversion-suffix = \"-{name}\"\n\n[target]\n\
                 distribution = \"fedora\"\nrelease = \"44\"\nformat = \"rpm\"\n"
            ),
        );
        self.write(
            &format!("recipes/{name}.lock"),
            self.read("recipes/tiny.lock"),
        );
        self.seal_recipe(name);
    }

    /// A result of `recipe` with these packages, by file name, that passed everything.
    pub(crate) fn finished(&self, recipe: &str, packages: BTreeMap<String, Vec<u8>>) -> Synthetic {
        Synthetic::of(&self.planned(recipe), packages)
    }

    /// The version that packages of `recipe` have.
    pub(crate) fn version_of(&self, recipe: &str) -> String {
        self.planned(recipe).identity.full()
    }

    fn planned(&self, recipe: &str) -> Planned {
        let project = Project::find(&self.root()).expect("a project");
        Planned::load(&project, recipe).expect("a plan")
    }

    /// Says of a result in `out/` that its kernel was booted and passed.
    pub(crate) fn pass(&self, recipe: &str) {
        let folder = format!("out/{recipe}");
        let text = self.read(&format!("{folder}/manifest.json"));
        let manifest: Manifest = serde_json::from_str(&text).expect("a manifest");
        let mut smoke = self.finished(recipe, BTreeMap::new()).smoke;
        smoke.manifest = Some(Sha256::of(&text));
        let packages = manifest.artifacts.iter();
        let packages = packages.filter(|(_, artifact)| artifact.control.is_some());
        smoke.packages = packages
            .map(|(name, artifact)| (name.clone(), artifact.sha256))
            .collect();
        let smoke = smoke.render().expect("a verdict");
        self.write(&format!("{folder}/smoke.json"), smoke);
        self.write(&format!("{folder}/smoke.html"), "<!DOCTYPE html>");
    }

    /// Writes a result into `out/`.
    pub(crate) fn write_finished(&self, finished: Synthetic) -> PathBuf {
        let folder = finished.write(&self.root().join("out"));
        folder.expect("a result can be written").into_std_path_buf()
    }
}
