//! Real git repositories for tests, and a real git server on a loopback address.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use model::names::CommitId;

use crate::cancel::Cancel;
use crate::process::Process;

/// The date of all commits, in seconds since 1970.
pub const COMMITTED: u64 = 1_500_000_000;
/// How long each git may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// A git without the user's configuration, but as trusting as any other.
fn git(folder: &Utf8Path) -> Process {
    Process::new("git", folder, DEADLINE, "a test's git")
        .environment("GIT_CONFIG_NOSYSTEM", "1")
        .environment("GIT_CONFIG_GLOBAL", "/dev/null")
}

/// A repository with a working tree, which stays empty until something is checked out.
#[derive(Debug, Clone)]
pub struct TestRepository {
    folder: Utf8PathBuf,
}

impl TestRepository {
    /// Makes one in a folder that need not exist; its branch is `main`.
    ///
    /// # Errors
    /// When git fails.
    pub fn create(folder: impl Into<Utf8PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder)?;
        let this = Self { folder };
        this.git(&["init", "--quiet"], b"")?;
        this.git(&["symbolic-ref", "HEAD", "refs/heads/main"], b"")?;
        Ok(this)
    }

    /// The folder of its working tree, which holds `.git`.
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Commits files, each a path, a mode such as `100644`, and a content (a commit's id for the
    /// mode `160000`), on top of a branch. The same files on the same history give the same id
    /// everywhere. The working tree stays as it is.
    ///
    /// # Errors
    /// When git fails.
    pub fn commit(&self, branch: &str, files: &[(&str, &str, &str)]) -> io::Result<CommitId> {
        let branch = format!("refs/heads/{branch}");
        let mut stream = format!(
            "commit {branch}\ncommitter Test <test@example.org> {COMMITTED} +0000\ndata 4\ntest\n"
        );
        if self.git(&["rev-parse", "--verify", &branch], b"").is_ok() {
            stream += &format!("from {branch}^0\ndeleteall\n");
        }
        for (path, mode, content) in files {
            let path = path.replace('\\', "\\\\").replace('"', "\\\"");
            let path = path.replace('\n', "\\n");
            stream += &match *mode {
                "160000" => format!("M {mode} {content} \"{path}\"\n"),
                _ => format!(
                    "M {mode} inline \"{path}\"\ndata {}\n{content}\n",
                    content.len()
                ),
            };
        }
        self.git(&["fast-import", "--quiet", "--force"], stream.as_bytes())?;
        let id = self.git(&["rev-parse", "--verify", &branch], b"")?;
        id.parse().map_err(io::Error::other)
    }

    /// Runs git in this repository with some input; gives its output without the last line end.
    ///
    /// # Errors
    /// When git fails.
    pub fn git(&self, arguments: &[&str], input: &[u8]) -> io::Result<String> {
        let date = format!("{COMMITTED} +0000");
        let mut process = git(&self.folder)
            .arguments(arguments.iter().copied())
            .input(file(input)?);
        for role in ["AUTHOR", "COMMITTER"] {
            process = process
                .environment(format!("GIT_{role}_NAME"), "Test")
                .environment(format!("GIT_{role}_EMAIL"), "test@example.org")
                .environment(format!("GIT_{role}_DATE"), &date);
        }
        let captured = process.capture(&Cancel::new()).map_err(io::Error::other)?;
        let text = captured.text().map_err(io::Error::other)?;
        Ok(text.trim_end_matches('\n').to_owned())
    }
}

/// A temporary file that holds `bytes`.
fn file(bytes: &[u8]) -> io::Result<std::fs::File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    Ok(file)
}

/// How a [`GitServer`] answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitBehaviour {
    /// As git does.
    Normal,
    /// As one does that knows only the first version of the protocol.
    WithoutVersion2,
    /// With only so many bytes of each body, as if the connection broke.
    Cut(usize),
    /// With a redirect to the same path there.
    Redirect(String),
    /// Not at all.
    Silent,
}

/// A server of all repositories in a folder, by `git http-backend`, on a free port of 127.0.0.1.
#[derive(Debug)]
pub struct GitServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    root: Utf8PathBuf,
    behaviour: Mutex<GitBehaviour>,
    requests: Mutex<Vec<String>>,
    stop: Cancel,
}

impl GitServer {
    /// Serves the repositories in `root`, an absolute path.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn serve(root: &Utf8Path) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            behaviour: Mutex::new(GitBehaviour::Normal),
            requests: Mutex::default(),
            stop: Cancel::new(),
        });
        let for_thread = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || accept(&listener, &for_thread));
        Ok(Self {
            address,
            shared,
            acceptor: Some(acceptor),
        })
    }

    /// The address of the repository at a path below the folder.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// From now on answers like that.
    pub fn behave(&self, behaviour: GitBehaviour) {
        *self
            .shared
            .behaviour
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    /// The paths requested so far, with what follows them, in order.
    pub fn log(&self) -> Vec<String> {
        let requests = self.shared.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut connections = Vec::new();
    for stream in listener.incoming() {
        if shared.stop.is_cancelled() {
            break;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        connections.push(std::thread::spawn(move || {
            // The client may leave at any time.
            let _ = answer(&stream, &shared);
        }));
    }
    for connection in connections {
        let _ = connection.join();
    }
}

/// A request for a program.
struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut reader = BufReader::new(stream);
        let first = line(&mut reader)?;
        let mut words = first.split(' ').map(str::to_owned);
        let mut request = Self {
            method: words.next().unwrap_or_default(),
            target: words.next().unwrap_or_default(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        loop {
            let line = line(&mut reader)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            let name = name.to_ascii_lowercase();
            request.headers.push((name, value.trim().to_owned()));
        }
        if request.header("transfer-encoding") == "chunked" {
            while let Ok(size @ 1..) = u64::from_str_radix(&line(&mut reader)?, 16) {
                (&mut reader).take(size).read_to_end(&mut request.body)?;
                line(&mut reader)?;
            }
        } else if let Ok(length) = request.header("content-length").parse() {
            reader.take(length).read_to_end(&mut request.body)?;
        }
        Ok(request)
    }

    /// A header's value, empty where there is none.
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The program that answers this.
    fn program(&self, root: &Utf8Path, version_2: bool) -> io::Result<Process> {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let process = git(root)
            .argument("http-backend")
            .environment("GIT_PROJECT_ROOT", root.as_str())
            .environment("GIT_HTTP_EXPORT_ALL", "1")
            .environment("REMOTE_ADDR", "127.0.0.1")
            .environment("PATH_INFO", path)
            .environment("QUERY_STRING", query)
            .environment("REQUEST_METHOD", &self.method)
            .environment("CONTENT_TYPE", self.header("content-type"))
            .environment("CONTENT_LENGTH", self.body.len().to_string())
            .environment("HTTP_CONTENT_ENCODING", self.header("content-encoding"))
            .input(file(&self.body)?);
        Ok(if version_2 {
            process.environment("GIT_PROTOCOL", self.header("git-protocol"))
        } else {
            process
        })
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.take(1 << 16).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn answer(mut stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let request = Request::read(stream)?;
    let log = shared.requests.lock();
    log.unwrap_or_else(PoisonError::into_inner)
        .push(request.target.clone());
    let behaviour = shared.behaviour.lock();
    let behaviour = behaviour.unwrap_or_else(PoisonError::into_inner).clone();
    let version_2 = behaviour != GitBehaviour::WithoutVersion2;
    let cut = match behaviour {
        GitBehaviour::Normal | GitBehaviour::WithoutVersion2 => usize::MAX,
        GitBehaviour::Cut(length) => length,
        GitBehaviour::Redirect(to) => {
            let head = format!(
                "HTTP/1.1 302 X\r\nLocation: {to}{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                request.target
            );
            return stream.write_all(head.as_bytes());
        }
        GitBehaviour::Silent => {
            let slept = shared.stop.sleep(Duration::from_mins(1));
            return slept.map_err(io::Error::other);
        }
    };
    let mut output = Vec::new();
    request
        .program(&shared.root, version_2)?
        .pipe(&shared.stop, &mut output)
        .map_err(io::Error::other)?;
    let (head, body) = from_cgi(&output)?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body[..cut.min(body.len())])
}

/// The head of the HTTP answer, and its body, from what a CGI program gave.
fn from_cgi(output: &[u8]) -> io::Result<(String, &[u8])> {
    let end = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or(io::ErrorKind::InvalidData)?;
    let (headers, body) = (&output[..end], &output[end + 4..]);
    let mut status = "200 OK".to_owned();
    let mut head = String::new();
    for line in String::from_utf8_lossy(headers).lines() {
        match line.strip_prefix("Status: ") {
            Some(found) => found.clone_into(&mut status),
            None => head += &format!("{line}\r\n"),
        }
    }
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\n{head}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    Ok((head, body))
}
