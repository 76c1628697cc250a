//! What commands work with, opened as they need it.

use builder::build::Tools;
use builder::error::BuildError;
use builder::fetch::Downloads;
use builder::project::Project;
use builder::source::OwnSource;
use camino::{Utf8Path, Utf8PathBuf};
use host::cancel::Cancel;
use host::engine::Engine;
use host::environment::Directories;
use host::git::Repositories;
use host::http::Http;
use host::mirrors::{Mirrors, parse_assignment};
use host::session::Session;
use host::store::Store;

use crate::arguments::Global;
use crate::failure::Failure;

/// The project around the current folder, or the one that was named.
pub(crate) fn project(global: &Global) -> Result<Project, Failure> {
    let folder = global
        .project
        .clone()
        .unwrap_or_else(|| Utf8PathBuf::from("."));
    let folder = folder.canonicalize_utf8().unwrap_or(folder);
    Ok(Project::find(&folder)?)
}

/// Network and store.
#[derive(Debug)]
pub(crate) struct Online {
    pub(crate) directories: Directories,
    pub(crate) cancel: Cancel,
    http: Http,
    mirrors: Mirrors,
    store: Store,
    repositories: Repositories,
}

impl Online {
    pub(crate) fn open(global: &Global, cancel: &Cancel) -> Result<Self, Failure> {
        let directories = Directories::from_environment()?;
        let named = global
            .mirrors
            .iter()
            .map(|text| parse_assignment(text))
            .collect::<Result<Vec<_>, _>>()?;
        let mirrors = Mirrors::resolve(&named, &directories)?;
        let store = Store::open(&directories.cache)?;
        Ok(Self {
            http: Http::new(cancel.clone()),
            mirrors,
            store,
            repositories: Repositories::new(&directories.cache, cancel.clone()),
            directories,
            cancel: cancel.clone(),
        })
    }

    pub(crate) fn downloads(&self) -> Downloads<'_> {
        Downloads {
            http: &self.http,
            mirrors: &self.mirrors,
            store: &self.store,
            repositories: &self.repositories,
        }
    }

    pub(crate) fn engine(&self) -> Result<Engine, Failure> {
        engine(&self.directories.cache, &self.cancel)
    }

    pub(crate) fn tools<'a>(&'a self, project: &'a Project, engine: &'a Engine) -> Tools<'a> {
        Tools {
            project,
            engine,
            downloads: self.downloads(),
        }
    }
}

/// The container engine, for a session of this process.
pub(crate) fn engine(cache: &Utf8Path, cancel: &Cancel) -> Result<Engine, Failure> {
    let session = Session::start(cache)?;
    Ok(Engine::connect(cache, session, cancel.clone())?)
}

/// A developer's own source, where one is named.
pub(crate) fn own_source(
    named: Option<&str>,
    cancel: &Cancel,
) -> Result<Option<OwnSource>, Failure> {
    let open = |named: &str| {
        OwnSource::open(named, cancel).map_err(|source| BuildError::OwnSource {
            named: named.to_owned(),
            source,
        })
    };
    Ok(named.map(open).transpose()?)
}
