//! Recipes and containers as a commit has them, so that what is released can be found again by its id.

use std::fs;
use std::io::{self, Read};

use builder::project::Project;
use camino::{Utf8Path, Utf8PathBuf};
use host::cancel::Cancel;
use host::git::{FileKind, Repository, TreeFile};
use model::names::CommitId;

use crate::error::ReleaseError;
use crate::tree::check_path;

/// What of the project decides plans, besides this program.
const FOLDERS: [&str; 2] = ["recipes/", "containers/"];
/// The longest file among them, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// A commit's recipes and containers, in a folder of their own that goes with this value.
#[derive(Debug)]
pub(crate) struct Checkout {
    #[expect(dead_code, reason = "held, not read")]
    folder: tempfile::TempDir,
    /// The commit.
    pub(crate) commit: CommitId,
    /// The project in that folder.
    pub(crate) project: Project,
}

impl Checkout {
    /// Takes what `revision` means out of the clone that `project` is.
    ///
    /// # Errors
    /// It is no clone, has no such commit, or the disk is full.
    pub(crate) fn of(
        project: &Project,
        revision: &str,
        cancel: &Cancel,
    ) -> Result<Self, ReleaseError> {
        let repository = Repository::local(project.root(), cancel.clone())?;
        let commit = repository.commit(revision)?.id;
        let folder = tempfile::Builder::new().prefix("mptcp-kernels-").tempdir();
        let place = Utf8Path::new("a temporary folder");
        let folder = folder.map_err(ReleaseError::file("creating", place))?;
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned());
        let root = root.map_err(|_| {
            ReleaseError::file("reading the path of", place)(io::ErrorKind::InvalidFilename.into())
        })?;
        for name in FOLDERS {
            let path = root.join(name);
            fs::create_dir_all(&path).map_err(ReleaseError::file("creating", &path))?;
        }
        repository.files(&commit, &mut |file, content| write(&root, file, content))?;
        Ok(Self {
            project: Project::find(&root)?,
            folder,
            commit,
        })
    }
}

fn write(root: &Utf8Path, file: &TreeFile, content: &mut dyn Read) -> io::Result<()> {
    let is_wanted = FOLDERS.iter().any(|folder| file.path.starts_with(folder));
    if !is_wanted {
        return Ok(());
    }
    if check_path(&file.path).is_err() || file.kind == FileKind::Symlink || file.size > MAX_FILE {
        return Err(io::Error::other("this is no plain, small file"));
    }
    let place = root.join(&file.path);
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut to = fs::File::create_new(&place)?;
    io::copy(content, &mut to).map(drop)
}
