//! Bridges between blocking readers and writers and the engine's asynchronous bodies.

use std::future::Future;
use std::io::{self, Read, Write};
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

use super::{Engine, EngineError, failed};
use crate::cancel::Interrupted;

/// How many bytes travel in one piece.
const CHUNK: usize = 256 * 1024;
/// How many pieces may wait.
const DEPTH: usize = 8;

/// What a request sends.
pub(super) type Body = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

impl Engine {
    /// Runs `request` with a body that `write` writes at the same time.
    pub(super) fn send<F>(
        &self,
        attempt: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
        request: impl FnOnce(Body) -> F,
    ) -> Result<(), EngineError>
    where
        F: Future<Output = Result<(), bollard::errors::Error>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(DEPTH);
        let request = request(Box::pin(receiver_stream(receiver)));
        let cancel = self.cancel.clone();
        let task = self.runtime.spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => Err(None),
                answer = request => answer.map_err(Some),
            }
        });
        let mut writer = ChannelWriter {
            sender,
            buffer: Vec::with_capacity(CHUNK),
            refused: false,
        };
        let written = write(&mut writer).and_then(|()| writer.flush());
        if written.is_err() {
            // The engine must not take what was sent so far for the whole.
            let broken = io::Error::other("the sender broke off");
            drop(writer.sender.blocking_send(Err(broken)));
        }
        let refused = writer.refused;
        drop(writer);
        let answer = self.runtime.block_on(task);
        let stream = |source| EngineError::Stream {
            attempt: attempt.to_owned(),
            source,
        };
        match (answer, written) {
            (Ok(Err(None)), _) => Err(Interrupted.into()),
            (Ok(Ok(())), Ok(())) => Ok(()),
            // Where both sides failed, one of them only echoes the other.
            (_, Err(error)) if !refused => Err(stream(error)),
            (Ok(Err(Some(source))), _) => Err(failed(attempt, source)),
            (_, Err(error)) => Err(stream(error)),
            (Err(error), Ok(())) => Err(stream(io::Error::other(error))),
        }
    }

    /// Reads a body that the engine sends.
    pub(super) fn receive(
        &self,
        body: impl Stream<Item = Result<Bytes, bollard::errors::Error>> + Send + 'static,
    ) -> TarReader {
        let (sender, receiver) = mpsc::channel(DEPTH);
        let cancel = self.cancel.clone();
        self.runtime.spawn(async move {
            let mut body = Box::pin(body);
            loop {
                let piece = tokio::select! {
                    () = cancel.cancelled() => Some(Err(io::Error::other(Interrupted))),
                    piece = body.next() => piece.map(|piece| piece.map_err(io::Error::other)),
                };
                let Some(piece) = piece else { break };
                let last = piece.is_err();
                // The reader may have seen enough.
                if sender.send(piece).await.is_err() || last {
                    break;
                }
            }
        });
        TarReader {
            receiver,
            current: Bytes::new(),
        }
    }
}

fn receiver_stream(
    receiver: mpsc::Receiver<io::Result<Bytes>>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    })
}

struct ChannelWriter {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
    /// Whether the engine stopped listening.
    refused: bool,
}

impl Write for ChannelWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        let sent = self.sender.blocking_send(Ok(Bytes::from(piece)));
        self.refused |= sent.is_err();
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

/// A tar stream that the engine sends. What is in it is as trustworthy as what ran in the container.
#[derive(Debug)]
pub struct TarReader {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Read for TarReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.current = piece?,
                None => return Ok(0),
            }
        }
        let count = self.current.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}
