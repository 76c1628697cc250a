//! A small HTTP server for tests: it serves files and misbehaves on request.
//!
//! Only with the feature `testing`, and in this crate's own tests.

pub mod git;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a thread may take to notice that the server stops.
const TICK: Duration = Duration::from_millis(20);

/// What the server does for one path instead of serving its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers with this status and an empty body.
    Status(u16),
    /// Answers so many times with this status, then serves the bytes.
    FailTimes {
        /// The status.
        status: u16,
        /// How often; counts down.
        times: u32,
    },
    /// Announces the right length, sends only so many bytes, and closes the connection.
    Truncated(usize),
    /// Announces no length, sends only so many bytes, and closes the connection.
    Short(usize),
    /// Serves these bytes, with their own length.
    Wrong(Vec<u8>),
    /// Serves these bytes without announcing a length.
    WrongUnannounced(Vec<u8>),
    /// Accepts the request and never answers.
    Silent,
    /// Announces the right length, sends so many bytes, and then nothing more.
    Stall(usize),
    /// Sends pieces of so many bytes with a pause after each.
    Slow {
        /// Bytes in a piece.
        piece: usize,
        /// The pause.
        pause: Duration,
    },
    /// Redirects there with status 302.
    Redirect(String),
}

/// A server on a free port of 127.0.0.1; dropping it closes all its connections.
#[derive(Debug)]
pub struct TestServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    behaviours: Mutex<BTreeMap<String, Behaviour>>,
    log: Mutex<Vec<String>>,
}

impl TestServer {
    /// Serves these files, by path without the first slash.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn serve<P: Into<String>, B: Into<Vec<u8>>>(
        files: impl IntoIterator<Item = (P, B)>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let files = files
            .into_iter()
            .map(|(path, bytes)| (path.into(), bytes.into()))
            .collect();
        let shared = Arc::new(Shared {
            files: Mutex::new(files),
            ..Shared::default()
        });
        let for_thread = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || accept(&listener, &for_thread));
        Ok(Self {
            address,
            shared,
            acceptor: Some(acceptor),
        })
    }

    /// Serves the files that are in a folder now.
    ///
    /// # Errors
    /// When they cannot be read, or no port can be bound.
    pub fn serve_folder(folder: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        collect(folder, "", &mut files)?;
        Self::serve(files)
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Adds or replaces a file.
    pub fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        lock(&self.shared.files).insert(path.to_owned(), bytes.into());
    }

    /// From now on does that for a path.
    pub fn behave(&self, path: &str, behaviour: Behaviour) {
        lock(&self.shared.behaviours).insert(path.to_owned(), behaviour);
    }

    /// The paths requested so far, in order.
    pub fn log(&self) -> Vec<String> {
        lock(&self.shared.log).clone()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name, std::fs::read(entry.path())?);
        }
    }
    Ok(())
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut connections = Vec::new();
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::SeqCst) {
            break;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        connections.push(std::thread::spawn(move || {
            // The client may leave at any time.
            let _ = Connection { stream, shared }.answer();
        }));
    }
    for connection in connections {
        let _ = connection.join();
    }
}

struct Connection {
    stream: TcpStream,
    shared: Arc<Shared>,
}

impl Connection {
    fn answer(&mut self) -> io::Result<()> {
        self.stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        self.stream
            .set_write_timeout(Some(Duration::from_secs(2)))?;
        let path = self.read_request()?;
        lock(&self.shared.log).push(path.clone());
        let file = lock(&self.shared.files).get(&path).cloned();
        match (self.behaviour(&path), file) {
            (Some(behaviour), file) => self.misbehave(behaviour, &file.unwrap_or_default()),
            (None, Some(file)) => self.send(200, Some(file.len()), &file),
            (None, None) => self.send(404, Some(0), b""),
        }
    }

    fn read_request(&self) -> io::Result<String> {
        let mut lines = BufReader::new((&self.stream).take(1 << 16)).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        for line in lines {
            if line?.is_empty() {
                break;
            }
        }
        let path = first.split(' ').nth(1).unwrap_or_default();
        Ok(decoded(path.trim_start_matches('/')))
    }

    /// What is to be done for this path now, if anything special.
    fn behaviour(&self, path: &str) -> Option<Behaviour> {
        match lock(&self.shared.behaviours).get_mut(path)? {
            Behaviour::FailTimes { times: 0, .. } => None,
            Behaviour::FailTimes { status, times } => {
                *times -= 1;
                Some(Behaviour::Status(*status))
            }
            other => Some(other.clone()),
        }
    }

    fn misbehave(&mut self, behaviour: Behaviour, file: &[u8]) -> io::Result<()> {
        let first = |count: usize| &file[..count.min(file.len())];
        match behaviour {
            Behaviour::Status(status) | Behaviour::FailTimes { status, .. } => {
                self.send(status, Some(0), b"")
            }
            Behaviour::Truncated(count) => self.send(200, Some(file.len()), first(count)),
            Behaviour::Short(count) => self.send(200, None, first(count)),
            Behaviour::Wrong(bytes) => self.send(200, Some(bytes.len()), &bytes),
            Behaviour::WrongUnannounced(bytes) => self.send(200, None, &bytes),
            Behaviour::Silent => self.hang(),
            Behaviour::Stall(count) => {
                self.send(200, Some(file.len()), first(count))?;
                self.hang()
            }
            Behaviour::Slow { piece, pause } => self.send_slowly(file, piece, pause),
            Behaviour::Redirect(to) => self.head(302, &format!("Location: {to}\r\n"), Some(0)),
        }
    }

    fn head(&mut self, status: u16, headers: &str, length: Option<usize>) -> io::Result<()> {
        let length = length.map(|length| format!("Content-Length: {length}\r\n"));
        let length = length.unwrap_or_default();
        let head = format!("HTTP/1.1 {status} X\r\n{length}{headers}Connection: close\r\n\r\n");
        self.stream.write_all(head.as_bytes())
    }

    fn send(&mut self, status: u16, length: Option<usize>, body: &[u8]) -> io::Result<()> {
        self.head(status, "", length)?;
        self.stream.write_all(body)
    }

    fn send_slowly(&mut self, file: &[u8], piece: usize, pause: Duration) -> io::Result<()> {
        self.head(200, "", Some(file.len()))?;
        for bytes in file.chunks(piece.max(1)) {
            self.stream.write_all(bytes)?;
            self.pause(pause)?;
        }
        Ok(())
    }

    fn hang(&self) -> io::Result<()> {
        self.pause(Duration::from_mins(1))
    }

    fn pause(&self, mut left: Duration) -> io::Result<()> {
        while !left.is_zero() {
            if self.shared.stop.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let step = left.min(TICK);
            std::thread::sleep(step);
            left -= step;
        }
        Ok(())
    }
}

/// A path without the escapes of a URL.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escape = tail.get(..2).filter(|_| *first == b'%');
        let escape = escape.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        let skipped = if byte.is_some() { 2 } else { 0 };
        rest = tail.get(skipped..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
