//! One container: made, filled, run, read, and gone.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use bollard::container::{AttachContainerResults, LogOutput};
use bollard::models::{self, ContainerCreateBody, HostConfig, HostConfigLogConfig, MountType};
use bollard::query_parameters as query;
use futures_util::StreamExt;

use super::{Engine, EngineError, TarReader, Usage, failed, terminal};
use crate::cancel::Interrupted;

/// How long the last sample of what a container used may take; the engine gives one a second.
const SAMPLE: Duration = Duration::from_secs(5);

/// The device that hardware virtualisation needs.
const KVM: &str = "/dev/kvm";

/// A volume in a container.
#[derive(Debug, Clone)]
pub struct Mount {
    /// The volume's name.
    pub volume: String,
    /// Where it appears.
    pub target: String,
    /// Whether the container may only read it.
    pub read_only: bool,
}

/// What a container is made of. None has a network, beyond what it shares with others that have none either.
#[derive(Debug, Clone)]
pub struct ContainerSpec {
    /// What it is for, in a word or two.
    pub purpose: String,
    /// Its image.
    pub image: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// The volumes it sees.
    pub mounts: Vec<Mount>,
    /// Whether it runs as root with the engine's usual capabilities, as installing packages needs;
    /// else it runs as an ordinary user with none, and cannot write to its own root.
    pub privileges: Privileges,
    /// The most memory it may use, in bytes; 0 for no limit.
    pub memory: u64,
    /// Whether it has a terminal.
    pub terminal: bool,
    /// What an ordinary user's container can see of where it runs.
    pub surroundings: Surroundings,
}

/// What a program can see of the container that it runs in, and what no result may depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// The number of the user and group that run it; those of [`Privileges::None`] only.
    pub user: u64,
    /// The name of its host.
    pub host_name: String,
    /// The processors that it may use, such as `0-2`; all where `None`.
    pub cpus: Option<String>,
    /// The running container whose loopback it shares, by its id; its own where `None`. Nothing leads out of either.
    pub beside: Option<String>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            user: Container::USER,
            host_name: "build".to_owned(),
            cpus: None,
            beside: None,
        }
    }
}

impl ContainerSpec {
    /// A container that never runs: volumes are filled, and read, through one.
    pub fn filler(purpose: &str, image: &str, mount: Mount) -> Self {
        Self {
            purpose: purpose.to_owned(),
            image: image.to_owned(),
            command: vec!["true".to_owned()],
            environment: Vec::new(),
            mounts: vec![mount],
            privileges: Privileges::Install,
            memory: 0,
            terminal: false,
            surroundings: Surroundings::default(),
        }
    }
}

/// As whom a container runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privileges {
    /// Root, with the engine's default capabilities, and a root that can be written.
    Install,
    /// An ordinary user ([`Surroundings::user`]), with no capabilities, no way to gain any, and a read-only root.
    None,
    /// The same, but with `/dev/kvm`, and as root (without capabilities): hosts give the device to root, and to a
    /// group whose number differs from host to host and cannot be asked for.
    Kvm,
}

/// One of the two streams a program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The exit status of its program.
    pub code: i64,
    /// Whether it ran into its memory limit.
    pub out_of_memory: bool,
}

/// What happens to a running container.
#[derive(Debug, Clone, Copy)]
pub enum Happening<'a> {
    /// It wrote something.
    Output(OutputStream, &'a [u8]),
    /// The time that was asked for has come.
    Deadline,
}

/// What whoever watches a container wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// To hear of what happens, and at the latest when the container has run for this long.
    Until(Duration),
    /// The end of it.
    Stop,
}

/// A container; it is killed and removed when this value goes.
pub struct Container<'a> {
    engine: &'a Engine,
    id: String,
    purpose: String,
}

impl fmt::Debug for Container<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Container")
            .field("id", &self.id)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

impl<'a> Container<'a> {
    /// The user and group that builds run as, unless their surroundings say otherwise.
    pub const USER: u64 = 1000;

    pub(super) fn create(engine: &'a Engine, spec: &ContainerSpec) -> Result<Self, EngineError> {
        let mut labels = engine.labels(false);
        labels.insert(super::PURPOSE_LABEL.to_owned(), spec.purpose.clone());
        let body = create_body(spec, labels);
        let options: Option<query::CreateContainerOptions> = None;
        let attempt = format!("creating the {} container", spec.purpose);
        let answer = engine.call(&attempt, engine.docker.create_container(options, body))?;
        Ok(Self {
            engine,
            id: answer.id,
            purpose: spec.purpose.clone(),
        })
    }

    /// Unpacks a tar stream that `write` writes below `path`.
    ///
    /// # Errors
    /// The engine fails, or `write` does.
    pub fn put(
        &self,
        path: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), EngineError> {
        let options = query::UploadToContainerOptionsBuilder::new()
            .path(path)
            .build();
        let (docker, id) = (self.engine.docker.clone(), self.id.clone());
        self.engine.send(
            &format!("filling {path} of the {} container", self.purpose),
            write,
            |body| async move {
                docker
                    .upload_to_container(&id, Some(options), bollard::body_try_stream(body))
                    .await
            },
        )
    }

    /// Reads a file or folder as a tar stream.
    pub fn get(&self, path: &str) -> TarReader {
        let options = query::DownloadFromContainerOptionsBuilder::new()
            .path(path)
            .build();
        self.engine.receive(
            self.engine
                .docker
                .download_from_container(&self.id, Some(options))
                .boxed(),
        )
    }

    /// What the engine knows it by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Runs the container to its end and hands over what it writes, piece by piece.
    ///
    /// # Errors
    /// The engine fails, the deadline passes, or the user asks to stop; the container is killed
    /// in each case, at the latest when this value goes.
    pub fn run(
        &self,
        deadline: Duration,
        mut output: impl FnMut(OutputStream, &[u8]),
    ) -> Result<Exit, EngineError> {
        let exit = self.watch(Next::Until(deadline), |happening| match happening {
            Happening::Output(stream, bytes) => {
                output(stream, bytes);
                Next::Until(deadline)
            }
            Happening::Deadline => Next::Stop,
        })?;
        exit.ok_or_else(|| EngineError::Deadline {
            what: format!("the {} container", self.purpose),
            deadline,
        })
    }

    /// Runs the container while `watcher`, which hears of everything that happens, wants it to.
    /// `None` is a container that the watcher stopped; it is killed when this value goes.
    ///
    /// # Errors
    /// The engine fails, or the user asks to stop.
    pub fn watch(
        &self,
        first: Next,
        mut watcher: impl FnMut(Happening<'_>) -> Next,
    ) -> Result<Option<Exit>, EngineError> {
        let attempt = format!("running the {} container", self.purpose);
        let fail = |source| failed(&attempt, source);
        let run = async {
            let options = query::AttachContainerOptionsBuilder::new()
                .stdout(true)
                .stderr(true)
                .stream(true)
                .build();
            let mut attached = self.attach_and_start(options).await.map_err(fail)?;
            let started = tokio::time::Instant::now();
            let docker = &self.engine.docker;
            let sampler = self
                .engine
                .runtime
                .spawn(watch_usage(docker.clone(), self.id.clone()));
            let mut next = first;
            while let Next::Until(deadline) = next {
                let piece = tokio::time::timeout_at(started + deadline, attached.output.next());
                next = match piece.await {
                    Err(_) => watcher(Happening::Deadline),
                    Ok(Some(piece)) => match output(&piece.map_err(fail)?) {
                        Some(happening) => watcher(happening),
                        None => next,
                    },
                    Ok(None) => break,
                };
            }
            // It may close its output and run on: that has to end in time as well.
            let mut exit = std::pin::pin!(self.exit());
            while let Next::Until(deadline) = next {
                match tokio::time::timeout_at(started + deadline, &mut exit).await {
                    Err(_) => next = watcher(Happening::Deadline),
                    Ok(exit) => {
                        let used = tokio::time::timeout(SAMPLE, sampler).await;
                        self.engine
                            .saw_usage(used.ok().and_then(Result::ok).unwrap_or_default());
                        return exit.map(Some).map_err(fail);
                    }
                }
            }
            sampler.abort();
            Ok(None)
        };
        self.engine.runtime.block_on(async {
            tokio::select! {
                () = self.engine.cancel.cancelled() => Err(Interrupted.into()),
                exit = run => exit,
            }
        })
    }

    /// Lets the container run, without waiting for its end.
    ///
    /// # Errors
    /// The engine fails.
    pub fn start(&self) -> Result<(), EngineError> {
        let options: Option<query::StartContainerOptions> = None;
        let docker = &self.engine.docker;
        self.engine.call(
            &format!("starting the {} container", self.purpose),
            docker.start_container(&self.id, options),
        )
    }

    /// Runs the container with this process's terminal as its own, to its end.
    ///
    /// # Errors
    /// The engine or the terminal fails.
    pub fn run_on_terminal(&self) -> Result<Exit, EngineError> {
        let attempt = format!("running the {} container", self.purpose);
        let fail = |source| failed(&attempt, source);
        let broken = |source| EngineError::Stream {
            attempt: attempt.clone(),
            source,
        };
        let _raw = terminal::Raw::enter().map_err(broken)?;
        self.engine.runtime.block_on(async {
            let options = query::AttachContainerOptionsBuilder::new()
                .stdin(true)
                .stdout(true)
                .stderr(true)
                .stream(true)
                .build();
            let attached = self.attach_and_start(options).await.map_err(fail)?;
            let (columns, rows) = terminal::size();
            let size = query::ResizeContainerTTYOptionsBuilder::new()
                .w(columns)
                .h(rows)
                .build();
            let docker = &self.engine.docker;
            docker
                .resize_container_tty(&self.id, size)
                .await
                .map_err(fail)?;
            terminal::connect(attached).await.map_err(broken)?;
            self.exit().await.map_err(fail)
        })
    }

    /// Nothing of the output is lost, because it is attached to before anything runs.
    async fn attach_and_start(
        &self,
        options: query::AttachContainerOptions,
    ) -> Result<AttachContainerResults, bollard::errors::Error> {
        let docker = &self.engine.docker;
        let attached = docker.attach_container(&self.id, Some(options)).await?;
        docker
            .start_container(&self.id, None::<query::StartContainerOptions>)
            .await?;
        Ok(attached)
    }

    async fn exit(&self) -> Result<Exit, bollard::errors::Error> {
        let code = self.exit_code().await?;
        let state = self
            .engine
            .docker
            .inspect_container(&self.id, None::<query::InspectContainerOptions>)
            .await?
            .state;
        Ok(Exit {
            code,
            out_of_memory: state.and_then(|state| state.oom_killed).unwrap_or(false),
        })
    }

    async fn exit_code(&self) -> Result<i64, bollard::errors::Error> {
        let mut ends = self
            .engine
            .docker
            .wait_container(&self.id, None::<query::WaitContainerOptions>);
        match ends.next().await {
            Some(Ok(end)) => Ok(end.status_code),
            // bollard makes an error of every exit status but 0.
            Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(error),
            None => Ok(-1),
        }
    }

    /// Makes an image of the container as it is now.
    ///
    /// # Errors
    /// The engine fails.
    pub fn commit(&self, repository: &str, tag: &str) -> Result<(), EngineError> {
        let options = query::CommitContainerOptionsBuilder::new()
            .container(&self.id)
            .repo(repository)
            .tag(tag)
            .build();
        let attempt = format!("committing image {repository}:{tag}");
        let commit = self
            .engine
            .docker
            .commit_container(options, models::ContainerConfig::default());
        self.engine.call(&attempt, commit).map(drop)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.engine.remove_container(&self.id) {
            tracing::warn!("{error}; a later run reaps it");
        }
    }
}

/// What a piece of output is, if it is one.
fn output(piece: &LogOutput) -> Option<Happening<'_>> {
    match piece {
        LogOutput::StdErr { message } => Some(Happening::Output(OutputStream::Stderr, message)),
        LogOutput::StdOut { message } | LogOutput::Console { message } => {
            Some(Happening::Output(OutputStream::Stdout, message))
        }
        LogOutput::StdIn { .. } => None,
    }
}

fn create_body(spec: &ContainerSpec, labels: HashMap<String, String>) -> ContainerCreateBody {
    let unprivileged = spec.privileges != Privileges::Install;
    let kvm = (spec.privileges == Privileges::Kvm).then(|| {
        vec![models::DeviceMapping {
            path_on_host: Some(KVM.to_owned()),
            path_in_container: Some(KVM.to_owned()),
            cgroup_permissions: Some("rw".to_owned()),
        }]
    });
    let mount = |mount: &Mount| models::Mount {
        target: Some(mount.target.clone()),
        source: Some(mount.volume.clone()),
        typ: Some(MountType::VOLUME),
        read_only: Some(mount.read_only),
        ..models::Mount::default()
    };
    let host = HostConfig {
        network_mode: Some(match &spec.surroundings.beside {
            Some(id) => format!("container:{id}"),
            None => "none".to_owned(),
        }),
        mounts: Some(spec.mounts.iter().map(mount).collect()),
        memory: (spec.memory > 0).then(|| i64::try_from(spec.memory).unwrap_or(i64::MAX)),
        cpuset_cpus: spec.surroundings.cpus.clone(),
        pids_limit: Some(4096),
        devices: kvm,
        cap_drop: unprivileged.then(|| vec!["ALL".to_owned()]),
        security_opt: unprivileged.then(|| vec!["no-new-privileges".to_owned()]),
        readonly_rootfs: Some(unprivileged),
        tmpfs: unprivileged.then(|| {
            HashMap::from([("/tmp".to_owned(), "rw,exec,nosuid,nodev,size=1g".to_owned())])
        }),
        // Output is read as it comes; the engine need not keep a copy.
        log_config: Some(HostConfigLogConfig {
            typ: Some("none".to_owned()),
            config: None,
        }),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        // Who shares a network shares the host's name, too.
        hostname: match spec.surroundings.beside {
            Some(_) => None,
            None => Some(spec.surroundings.host_name.clone()),
        },
        user: Some(match spec.privileges {
            Privileges::None => format!("{0}:{0}", spec.surroundings.user),
            Privileges::Install | Privileges::Kvm => "0:0".to_owned(),
        }),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(spec.terminal),
        open_stdin: Some(spec.terminal),
        stdin_once: Some(spec.terminal),
        attach_stdin: Some(spec.terminal),
        env: Some(
            spec.environment
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        ),
        cmd: Some(spec.command.clone()),
        image: Some(spec.image.clone()),
        working_dir: Some("/".to_owned()),
        labels: Some(labels),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    }
}

/// Watches what a container uses until it ends.
async fn watch_usage(docker: bollard::Docker, id: String) -> Usage {
    let options = query::StatsOptionsBuilder::new().stream(true).build();
    let mut samples = std::pin::pin!(docker.stats(&id, Some(options)));
    let mut seen = Usage::default();
    while let Some(Ok(sample)) = samples.next().await {
        let used = sample
            .memory_stats
            .as_ref()
            .and_then(used_memory)
            .unwrap_or(0);
        if used == 0 && seen.peak_memory.is_some() {
            break;
        }
        seen.peak_memory = seen.peak_memory.max(Some(used));
        let cpu = sample.cpu_stats.and_then(|cpu| cpu.cpu_usage?.total_usage);
        seen.cpu = seen.cpu.max(cpu.map(Duration::from_nanos));
    }
    seen
}

/// What the page cache holds is not what a build needs.
fn used_memory(memory: &models::ContainerMemoryStats) -> Option<u64> {
    let cached = memory.stats.as_ref().and_then(|stats| {
        let names = ["inactive_file", "total_inactive_file"];
        names.iter().find_map(|name| stats.get(*name).copied())
    });
    Some(memory.usage?.saturating_sub(cached.unwrap_or(0)))
}
