//! Logs of what runs in containers.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};

use camino::Utf8PathBuf;

use crate::error::BuildError;

/// A log on disk whose last lines are remembered for error messages.
#[derive(Debug)]
pub(crate) struct Log {
    file: io::BufWriter<File>,
    path: Utf8PathBuf,
    tail: VecDeque<String>,
    partial: Vec<u8>,
    failed: Option<io::Error>,
}

impl Log {
    /// How many lines an error shows.
    const TAIL: usize = 12;
    /// Longer lines are cut where they are remembered or looked at.
    const MAX_LINE: usize = 4096;

    pub(crate) fn create(path: &Utf8PathBuf) -> Result<Self, BuildError> {
        let fail = |source| BuildError::File {
            attempt: "creating",
            path: path.clone(),
            source,
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(fail)?;
        }
        let file = io::BufWriter::new(File::create(path).map_err(fail)?);
        Ok(Self {
            file,
            path: path.clone(),
            tail: VecDeque::new(),
            partial: Vec::new(),
            failed: None,
        })
    }

    /// Takes bytes as they come; a failure is told by [`Log::finish`].
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.lines(bytes, |_| {});
    }

    /// Takes bytes as they come, and hands over each line that they complete.
    pub(crate) fn lines(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        if let Err(error) = self.file.write_all(bytes) {
            self.failed.get_or_insert(error);
        }
        for &byte in bytes {
            if byte == b'\n' {
                let text = printable(&self.partial);
                self.partial.clear();
                line(&text);
                self.tail.push_back(text);
                if self.tail.len() > Self::TAIL {
                    self.tail.pop_front();
                }
            } else if self.partial.len() < Self::MAX_LINE {
                self.partial.push(byte);
            }
        }
    }

    /// The last lines, once everything is on disk.
    pub(crate) fn finish(mut self) -> Result<Vec<String>, BuildError> {
        let flushed = self.file.flush();
        if let Some(source) = self.failed.or(flushed.err()) {
            return Err(BuildError::File {
                attempt: "writing",
                path: self.path,
                source,
            });
        }
        if !self.partial.is_empty() {
            self.tail.push_back(printable(&self.partial));
        }
        Ok(self.tail.into())
    }
}

/// Text out of a container, made safe for a terminal.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_whatever_the_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join("a/b.log")).unwrap();
        let mut log = Log::create(&path).unwrap();
        let mut seen = Vec::new();
        for piece in ["on", "e\ntwo\nth", "ree\n\u{1b}[2J\nrest"] {
            log.lines(piece.as_bytes(), |line| seen.push(line.to_owned()));
        }
        assert_eq!(seen, ["one", "two", "three", "\u{fffd}[2J"]);
        assert_eq!(
            log.finish().unwrap(),
            ["one", "two", "three", "\u{fffd}[2J", "rest"]
        );
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "one\ntwo\nthree\n\u{1b}[2J\nrest"
        );
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join("log")).unwrap();
        let mut log = Log::create(&path).unwrap();
        (0..100).for_each(|number| log.write(format!("{number}\n").as_bytes()));
        let lines = log.finish().unwrap();
        assert_eq!((lines.len(), lines[0].as_str()), (Log::TAIL, "88"));
    }
}
