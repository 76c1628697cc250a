//! This process's terminal, lent to a container.

use std::io::{self, Read, Write};

use bollard::container::AttachContainerResults;
use futures_util::StreamExt;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

/// The terminal in raw mode: keys go to the container as they are. It gets its mode back when this
/// value goes.
pub(super) struct Raw(Termios);

impl Raw {
    pub(super) fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(io::stdin(), OptionalActions::Now, &self.0) {
            tracing::warn!("the terminal keeps its raw mode ({error}); `reset` mends it");
        }
    }
}

/// Columns and rows of the terminal.
pub(super) fn size() -> (i32, i32) {
    tcgetwinsize(io::stdout()).map_or((80, 24), |size| (size.ws_col.into(), size.ws_row.into()))
}

/// Carries keys in and characters out until the container has no more to say.
pub(super) async fn connect(mut attached: AttachContainerResults) -> io::Result<()> {
    let (sender, mut keys) = mpsc::channel::<Vec<u8>>(16);
    // Reading a terminal cannot be interrupted; the thread ends with the process.
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = io::stdin().read(&mut buffer) {
            if sender.blocking_send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    loop {
        tokio::select! {
            piece = attached.output.next() => match piece {
                Some(piece) => {
                    let mut stdout = io::stdout();
                    stdout.write_all(&piece.map_err(io::Error::other)?.into_bytes())?;
                    stdout.flush()?;
                }
                None => return Ok(()),
            },
            Some(keys) = keys.recv() => {
                attached.input.write_all(&keys).await?;
                attached.input.flush().await?;
            }
        }
    }
}
