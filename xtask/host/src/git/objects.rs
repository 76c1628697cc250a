//! Reading a repository's objects: by `git cat-file --batch`, and only what their ids stand for.
//!
//! git verifies objects when it fetches them, but not when it reads them later. So each one is
//! hashed here again: damage to the disk, or a meddled cache, never looks like a source.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::time::Duration;

use sha1::{Digest, Sha1};

use super::command;
use super::error::{GitError, said};
use super::repository::Repository;
use crate::process::{Captured, ProcessError};

/// How long reading all files of a tree may take, the visitor's time included.
const DEADLINE: Duration = Duration::from_secs(2 * 3600);
/// The longest line before an object, in bytes.
const MAX_HEADER: u64 = 256;

/// The id of an object: the SHA-1 of its kind, size and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ObjectId(pub(super) [u8; 20]);

impl ObjectId {
    /// The id that 40 hexadecimal digits stand for.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 20];
        if text.len() != 40 || !text.is_ascii() {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// The kinds of objects that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Commit,
    Tree,
    Blob,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
        }
    }
}

/// What gets each object: its place in the list, its size in bytes, its bytes.
pub(super) type Visit<'a> = dyn FnMut(usize, u64, &mut dyn Read) -> Result<(), GitError> + 'a;

/// Reads objects in the order of their ids; an id may come more than once. The end of an object is
/// given only after all of it was hashed.
pub(super) fn read(
    repository: &Repository,
    kind: Kind,
    ids: &[ObjectId],
    visit: &mut Visit<'_>,
) -> Result<(), GitError> {
    let io_error = |doing, source| GitError::Io {
        doing,
        path: repository.folder().to_owned(),
        source,
    };
    let list = write_ids(ids)
        .map_err(|source| io_error("writing a temporary list of the objects of", source))?;
    let process = command::local(repository.git_dir(), DEADLINE, "the objects of a commit")
        .arguments(["cat-file", "--batch", "--buffer"])
        .input(list);
    let (reader, mut writer) =
        io::pipe().map_err(|source| io_error("making a pipe to read", source))?;
    let mut batch = Batch {
        repository,
        kind,
        stream: BufReader::with_capacity(1 << 16, reader),
    };
    std::thread::scope(|scope| {
        // It owns its end of the pipe: the stream ends when git does.
        let thread = std::thread::Builder::new()
            .name("objects".to_owned())
            .spawn_scoped(scope, move || {
                process.pipe(repository.cancel(), &mut writer)
            })
            .map_err(|source| io_error("starting a thread to read", source))?;
        let result = batch.visit_all(ids, visit);
        // Frees the thread from writing what nobody reads any more.
        drop(batch);
        let ended = thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        judge(repository, result, ended)
    })
}

/// Whose error counts: where the stream ended early, git's.
fn judge(
    repository: &Repository,
    result: Result<(), Stop>,
    ended: Result<Captured, ProcessError>,
) -> Result<(), GitError> {
    let early = match result {
        Err(Stop::Error(error)) => return Err(error),
        Err(Stop::End(id)) => Some(id),
        Ok(()) => None,
    };
    let captured = ended?;
    match early {
        Some(id) => Err(repository.damaged(
            id,
            format!("its end was not reached; git said: {}", said(&captured)),
        )),
        None if captured.status.success() => Ok(()),
        None => Err(GitError::Failed {
            doing: "reading objects of",
            folder: repository.folder().to_owned(),
            said: said(&captured),
        }),
    }
}

/// A file with one id a line, which is gone when it is closed.
fn write_ids(ids: &[ObjectId]) -> io::Result<File> {
    let mut list = BufWriter::new(tempfile::tempfile()?);
    for id in ids {
        writeln!(list, "{id}")?;
    }
    list.into_inner().map_err(io::IntoInnerError::into_error)
}

/// Why reading stopped.
enum Stop {
    Error(GitError),
    /// The stream ended before or in this object.
    End(ObjectId),
}

impl From<GitError> for Stop {
    fn from(error: GitError) -> Self {
        Self::Error(error)
    }
}

/// The stream of `git cat-file --batch`.
struct Batch<'a, R> {
    repository: &'a Repository,
    kind: Kind,
    stream: BufReader<R>,
}

impl<R: Read> Batch<'_, R> {
    fn visit_all(&mut self, ids: &[ObjectId], visit: &mut Visit<'_>) -> Result<(), Stop> {
        for (index, id) in ids.iter().enumerate() {
            self.repository.cancel().check().map_err(GitError::from)?;
            let size = self.header(*id)?;
            let mut content = Content::new(&mut self.stream, self.kind, *id, size);
            let visited = visit(index, size, &mut content);
            // What is wrong with the object comes before what the visitor made of that.
            if visited.is_ok() {
                content.skip();
            }
            match content.state {
                State::Wrong => {
                    let found = "its bytes are not those that its id stands for".to_owned();
                    return Err(self.repository.damaged(*id, found).into());
                }
                State::Ended => return Err(Stop::End(*id)),
                State::Verified => visited?,
                State::Reading => {
                    visited?;
                    return Err(Stop::End(*id));
                }
            }
        }
        Ok(())
    }

    /// Reads the line before an object; gives its size.
    fn header(&mut self, id: ObjectId) -> Result<u64, Stop> {
        let mut line = Vec::new();
        let read = (&mut self.stream)
            .take(MAX_HEADER)
            .read_until(b'\n', &mut line);
        if read.is_err() || !line.ends_with(b"\n") {
            return Err(Stop::End(id));
        }
        let line = String::from_utf8_lossy(&line);
        let mut words = line.trim_end().split(' ');
        let echo = words.next().and_then(ObjectId::from_hex);
        let (kind, size) = (words.next(), words.next().map(str::parse::<u64>));
        match (kind, size) {
            (Some(kind), Some(Ok(size))) if echo == Some(id) && kind == self.kind.name() => {
                Ok(size)
            }
            (Some(found), Some(Ok(_))) if echo == Some(id) => Err(GitError::WrongKind {
                folder: self.repository.folder().to_owned(),
                id: id.to_string(),
                expected: self.kind.name(),
                found: found.escape_debug().to_string(),
            }
            .into()),
            (Some("missing"), None) => Err(self
                .repository
                .damaged(id, "it is missing".to_owned())
                .into()),
            _ => {
                let found = format!("git announced it as `{}`", line.trim_end().escape_debug());
                Err(self.repository.damaged(id, found).into())
            }
        }
    }
}

/// How far the reading of one object has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Verified,
    /// It has another id.
    Wrong,
    /// The stream ended in it.
    Ended,
}

/// One object, as the visitor sees it: nothing but its bytes.
struct Content<'a, R> {
    stream: &'a mut R,
    left: u64,
    id: ObjectId,
    hash: Sha1,
    state: State,
}

impl<'a, R: Read> Content<'a, R> {
    fn new(stream: &'a mut R, kind: Kind, id: ObjectId, size: u64) -> Self {
        Self {
            stream,
            left: size,
            id,
            hash: Sha1::new_with_prefix(format!("{} {size}\0", kind.name())),
            state: State::Reading,
        }
    }

    /// Reads what the visitor left.
    fn skip(&mut self) {
        let _ = io::copy(self, &mut io::sink());
    }

    /// Compares the id, and reads the line end after the object.
    fn verify(&mut self) -> State {
        if self.hash.finalize_reset()[..] != self.id.0 {
            return State::Wrong;
        }
        let mut end = [0];
        match self.stream.read_exact(&mut end) {
            Ok(()) if end == *b"\n" => State::Verified,
            _ => State::Ended,
        }
    }
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let mut read = 0;
        if self.state == State::Reading && wanted > 0 {
            read = self.stream.read(&mut buffer[..wanted])?;
            self.hash.update(&buffer[..read]);
            self.left -= read as u64;
            if read == 0 {
                self.state = State::Ended;
            }
        }
        if self.state == State::Reading && self.left == 0 {
            self.state = self.verify();
        }
        match self.state {
            State::Reading | State::Verified => Ok(read),
            State::Wrong => Err(io::Error::other("the object is not what its id stands for")),
            State::Ended => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
