//! The container engine: Docker, or Podman's socket, through its API alone.
//!
//! No paths of the host are mounted and no program of the engine is called, so a remote engine
//! works as well: bytes go in and out as tar streams. Everything made is labelled with the
//! session that made it, and what dead sessions left is reaped.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::models::VolumeCreateRequest;
use bollard::query_parameters as query;
use camino::Utf8PathBuf;
use futures_util::StreamExt;

use crate::cancel::{Cancel, Interrupted};
use crate::category::Category;
use crate::environment;
use crate::session::{self, Session};

mod container;
mod stream;
mod terminal;

pub use container::{
    Container, ContainerSpec, Exit, Happening, Mount, Next, OutputStream, Privileges, Surroundings,
};
pub use stream::TarReader;

/// The label that names the session which made a thing.
const SESSION_LABEL: &str = "mptcp-kernels.session";
/// The label that tells people what a container is for.
const PURPOSE_LABEL: &str = "mptcp-kernels.purpose";
/// The label that everything carries which outlives its session on purpose.
const KEPT_LABEL: &str = "mptcp-kernels.kept";
/// How long the engine may take to answer one request. Committing an image or receiving a kernel's
/// source takes a minute; this is for an engine that hangs.
const REQUEST_DEADLINE: Duration = Duration::from_secs(20 * 60);

/// What went wrong with the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is none.
    #[error("cannot reach a container engine at {address}: {reason}")]
    Absent {
        /// Where it was looked for.
        address: String,
        /// What came back.
        reason: String,
    },
    /// It refused or failed.
    #[error("the container engine failed at {attempt}")]
    Failed {
        /// What was asked of it.
        attempt: String,
        /// Its answer.
        source: Box<bollard::errors::Error>,
    },
    /// What was sent to it, or received from it, broke on our side.
    #[error("{attempt} broke off")]
    Stream {
        /// What was going on.
        attempt: String,
        /// Why.
        source: std::io::Error,
    },
    /// A container did not end in time.
    #[error("{what} did not end within {} s and was killed", deadline.as_secs())]
    Deadline {
        /// What ran in it.
        what: String,
        /// How long it was given.
        deadline: Duration,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// A session's file could not be handled.
    #[error(transparent)]
    Session(#[from] session::SessionError),
}

impl EngineError {
    /// What kind of failure this is.
    pub fn category(&self) -> Category {
        match self {
            Self::Interrupted(_) => Category::Interrupted,
            _ => Category::Host,
        }
    }
}

/// The engine's own description.
#[derive(Debug, Clone)]
pub struct EngineInfo {
    /// Names and values worth recording: versions, kernel, storage.
    pub facts: BTreeMap<String, String>,
    /// The processors that containers may use.
    pub cpus: u32,
    /// The memory of its host, in bytes.
    pub memory: u64,
    /// What tells this engine's host, as it runs now, from others: the engine's own identity and the host's kernel.
    pub host: String,
}

/// What containers used, where the engine tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// The most memory that any of them held, in bytes, without the page cache.
    pub peak_memory: Option<u64>,
    /// The processor time of all of them together.
    pub cpu: Option<Duration>,
}

/// A connection to the engine. Its calls block.
#[derive(Debug)]
pub struct Engine {
    docker: Docker,
    runtime: tokio::runtime::Runtime,
    cancel: Cancel,
    session: Session,
    cache: Utf8PathBuf,
    usage: Mutex<Usage>,
}

impl Engine {
    /// Connects to the engine that `DOCKER_HOST` names, or to Docker's or Podman's socket, agrees
    /// on an API version, and reaps what dead sessions of this cache left behind.
    ///
    /// # Errors
    /// No engine answers.
    pub fn connect(
        cache: &camino::Utf8Path,
        session: Session,
        cancel: Cancel,
    ) -> Result<Self, EngineError> {
        let absent = |address: &str, reason: String| EngineError::Absent {
            address: address.to_owned(),
            reason,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| absent("this host", format!("starting the I/O threads: {error}")))?;
        let address = environment::var("DOCKER_HOST")
            .unwrap_or_else(|| "Docker's and Podman's sockets".to_owned());
        // Connecting makes timers, which need the runtime around them.
        let docker = {
            let _inside = runtime.enter();
            open().map_err(|error| absent(&address, error.to_string()))?
        };
        let docker = runtime
            .block_on(docker.with_timeout(REQUEST_DEADLINE).negotiate_version())
            .map_err(|error| absent(&address, error.to_string()))?;
        let engine = Self {
            docker,
            runtime,
            cancel,
            session,
            cache: cache.to_owned(),
            usage: Mutex::default(),
        };
        engine.reap()?;
        Ok(engine)
    }

    /// The folder of the cache that this engine was connected with.
    pub fn cache(&self) -> &camino::Utf8Path {
        &self.cache
    }

    /// What containers were seen to use since this was asked last.
    pub fn take_usage(&self) -> Usage {
        std::mem::take(&mut *self.usage.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn saw_usage(&self, seen: Usage) {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.peak_memory = usage.peak_memory.max(seen.peak_memory);
        usage.cpu = usage
            .cpu
            .map_or(seen.cpu, |cpu| Some(cpu + seen.cpu.unwrap_or_default()));
    }

    /// What stops this engine's calls.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The engine's own description.
    ///
    /// # Errors
    /// The engine fails.
    pub fn info(&self) -> Result<EngineInfo, EngineError> {
        let info = self.call("describing itself", self.docker.info())?;
        let host = [info.id.clone(), info.kernel_version.clone()].map(Option::unwrap_or_default);
        let facts = [
            ("engine", info.server_version),
            ("kernel", info.kernel_version),
            ("operating-system", info.operating_system),
            ("storage-driver", info.driver),
            (
                "cgroup-version",
                info.cgroup_version.map(|version| version.to_string()),
            ),
            (
                "api-version",
                Some(self.docker.client_version().to_string()),
            ),
        ];
        Ok(EngineInfo {
            facts: facts
                .into_iter()
                .filter_map(|(name, fact)| Some((name.to_owned(), fact?)))
                .collect(),
            cpus: info
                .ncpu
                .and_then(|cpus| u32::try_from(cpus).ok())
                .unwrap_or(1)
                .max(1),
            memory: info
                .mem_total
                .and_then(|memory| u64::try_from(memory).ok())
                .unwrap_or(0),
            host: host.join(" "),
        })
    }

    /// Whether an image of this name is there.
    ///
    /// # Errors
    /// The engine fails.
    pub fn has_image(&self, image: &str) -> Result<bool, EngineError> {
        self.found(
            &format!("looking for image {image}"),
            self.docker.inspect_image(image),
        )
    }

    /// Makes an image of a tar stream that `write` writes.
    ///
    /// # Errors
    /// The engine fails, or `write` does.
    pub fn import_image(
        &self,
        repository: &str,
        tag: &str,
        write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
    ) -> Result<(), EngineError> {
        let options = query::CreateImageOptionsBuilder::new()
            .from_src("-")
            .repo(repository)
            .tag(tag)
            .build();
        let docker = self.docker.clone();
        self.send(
            &format!("importing image {repository}:{tag}"),
            write,
            move |body| async move {
                let mut answers =
                    docker.create_image(Some(options), Some(bollard::body_try_stream(body)), None);
                while let Some(answer) = answers.next().await {
                    answer?;
                }
                Ok(())
            },
        )
    }

    /// Removes an image; one that is not there is no error.
    ///
    /// # Errors
    /// The engine fails.
    pub fn remove_image(&self, image: &str) -> Result<(), EngineError> {
        let options = query::RemoveImageOptionsBuilder::new().force(true).build();
        let removal = self.docker.remove_image(image, Some(options), None);
        self.cleanup(&format!("removing image {image}"), async {
            removal.await.map(drop)
        })
    }

    /// The names of the images in a repository, as `repository:tag`.
    ///
    /// # Errors
    /// The engine fails.
    pub fn images(&self, repository: &str) -> Result<Vec<String>, EngineError> {
        let filters = HashMap::from([("reference", vec![repository])]);
        let options = query::ListImagesOptionsBuilder::new()
            .filters(&filters)
            .build();
        let images = self.call("listing images", self.docker.list_images(Some(options)))?;
        Ok(images
            .into_iter()
            .flat_map(|image| image.repo_tags)
            .collect())
    }

    /// Whether a volume is there.
    ///
    /// # Errors
    /// The engine fails.
    pub fn has_volume(&self, name: &str) -> Result<bool, EngineError> {
        self.found(
            &format!("looking for volume {name}"),
            self.docker.inspect_volume(name),
        )
    }

    /// Makes a volume that is removed with the value returned, or by whoever reaps this session.
    ///
    /// # Errors
    /// The engine fails.
    pub fn scratch_volume(&self, purpose: &str) -> Result<ScratchVolume<'_>, EngineError> {
        let name = format!("mptcp-kernels-{purpose}-{}", self.session.id());
        self.create_volume(&name, false, HashMap::new())?;
        Ok(ScratchVolume { engine: self, name })
    }

    /// The same in memory. It is there only as long as some running container has it mounted.
    ///
    /// # Errors
    /// The engine fails.
    pub fn scratch_volume_in_memory(
        &self,
        purpose: &str,
    ) -> Result<ScratchVolume<'_>, EngineError> {
        let name = format!("mptcp-kernels-{purpose}-in-memory-{}", self.session.id());
        // What `mount` would be told; the limit is that of the containers which write to it.
        let options = [("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=90%")];
        let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.create_volume(&name, false, options.into())?;
        Ok(ScratchVolume { engine: self, name })
    }

    /// Makes a volume that outlives this session.
    ///
    /// # Errors
    /// The engine fails.
    pub fn kept_volume(&self, name: &str) -> Result<(), EngineError> {
        self.create_volume(name, true, HashMap::new())
    }

    fn create_volume(
        &self,
        name: &str,
        kept: bool,
        options: HashMap<String, String>,
    ) -> Result<(), EngineError> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(self.labels(kept)),
            driver_opts: Some(options),
            ..VolumeCreateRequest::default()
        };
        self.call(
            &format!("creating volume {name}"),
            self.docker.create_volume(request),
        )
        .map(drop)
    }

    /// Removes a volume; one that is not there is no error.
    ///
    /// # Errors
    /// The engine fails.
    pub fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let options = query::RemoveVolumeOptionsBuilder::new().force(true).build();
        let removal = self.docker.remove_volume(name, Some(options));
        self.cleanup(&format!("removing volume {name}"), removal)
    }

    /// The names of all volumes that outlive their session.
    ///
    /// # Errors
    /// The engine fails.
    pub fn kept_volumes(&self) -> Result<Vec<String>, EngineError> {
        let volumes = self.volumes(KEPT_LABEL)?;
        Ok(volumes.into_iter().map(|(name, _)| name).collect())
    }

    /// Makes a container; it is removed with the value returned.
    ///
    /// # Errors
    /// The engine fails.
    pub fn create(&self, spec: &ContainerSpec) -> Result<Container<'_>, EngineError> {
        Container::create(self, spec)
    }

    fn labels(&self, kept: bool) -> HashMap<String, String> {
        let label = if kept { KEPT_LABEL } else { SESSION_LABEL };
        HashMap::from([(label.to_owned(), self.session.id().to_owned())])
    }

    /// Removes the containers and volumes of sessions whose process is gone.
    fn reap(&self) -> Result<(), EngineError> {
        let filters = HashMap::from([("label", vec![SESSION_LABEL])]);
        let options = query::ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let containers = self.call(
            "listing containers",
            self.docker.list_containers(Some(options)),
        )?;
        let mut dead = BTreeSet::new();
        for container in containers {
            let owner = container
                .labels
                .and_then(|mut labels| labels.remove(SESSION_LABEL));
            let (Some(owner), Some(id)) = (owner, container.id) else {
                continue;
            };
            if Session::is_dead(&self.cache, &owner) {
                tracing::info!("removing container {id}, left behind by a process that is gone");
                self.remove_container(&id)?;
                dead.insert(owner);
            }
        }
        for (name, owner) in self.volumes(SESSION_LABEL)? {
            if Session::is_dead(&self.cache, &owner) {
                tracing::info!("removing volume {name}, left behind by a process that is gone");
                self.remove_volume(&name)?;
                dead.insert(owner);
            }
        }
        for owner in dead {
            Session::forget(&self.cache, &owner)?;
        }
        Ok(())
    }

    fn volumes(&self, label: &str) -> Result<Vec<(String, String)>, EngineError> {
        let filters = HashMap::from([("label", vec![label])]);
        let options = query::ListVolumesOptionsBuilder::new()
            .filters(&filters)
            .build();
        let volumes = self.call("listing volumes", self.docker.list_volumes(Some(options)))?;
        let named = volumes.volumes.unwrap_or_default().into_iter();
        Ok(named
            .map(|mut volume| (volume.name, volume.labels.remove(label).unwrap_or_default()))
            .collect())
    }

    fn remove_container(&self, id: &str) -> Result<(), EngineError> {
        let options = query::RemoveContainerOptionsBuilder::new()
            .force(true)
            .v(true)
            .build();
        self.cleanup(
            &format!("removing container {id}"),
            self.docker.remove_container(id, Some(options)),
        )
    }

    /// One request; it ends early when the user asks to stop.
    fn call<T>(
        &self,
        attempt: &str,
        request: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, EngineError> {
        self.runtime.block_on(async {
            tokio::select! {
                () = self.cancel.cancelled() => Err(Interrupted.into()),
                answer = request => answer.map_err(|source| failed(attempt, source)),
            }
        })
    }

    /// One request that may answer that the thing is not there.
    fn found<T>(
        &self,
        attempt: &str,
        request: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<bool, EngineError> {
        match self.call(attempt, request) {
            Ok(_) => Ok(true),
            Err(error) if is_not_found(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One request that cleans up: it is made even after the user asked to stop.
    fn cleanup(
        &self,
        attempt: &str,
        request: impl Future<Output = Result<(), bollard::errors::Error>>,
    ) -> Result<(), EngineError> {
        match self
            .runtime
            .block_on(request)
            .map_err(|source| failed(attempt, source))
        {
            Err(error) if !is_not_found(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

/// A volume that goes when this value goes.
#[derive(Debug)]
pub struct ScratchVolume<'a> {
    engine: &'a Engine,
    name: String,
}

impl ScratchVolume<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for ScratchVolume<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.engine.remove_volume(&self.name) {
            tracing::warn!("{error}; a later run reaps it");
        }
    }
}

fn open() -> Result<Docker, bollard::errors::Error> {
    match environment::var("DOCKER_HOST") {
        Some(address) => Docker::connect_with_host(&address),
        None => Docker::connect_with_unix_defaults()
            .or_else(|docker| Docker::connect_with_podman_defaults().map_err(|_| docker)),
    }
}

fn failed(attempt: &str, source: bollard::errors::Error) -> EngineError {
    EngineError::Failed {
        attempt: attempt.to_owned(),
        source: Box::new(source),
    }
}

fn is_not_found(error: &EngineError) -> bool {
    use bollard::errors::Error::DockerResponseServerError;
    matches!(error, EngineError::Failed { source, .. }
        if matches!(**source, DockerResponseServerError { status_code: 404, .. }))
}
