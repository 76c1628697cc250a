//! A thread that writes down what the links carry while something else goes on.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use protocol::Sample;

use crate::error::{Attempt, Result};
use crate::network::{self, Network};

const PAUSE: Duration = Duration::from_millis(50);
/// The most samples of a step.
const SAMPLES: usize = 2000;

/// The thread.
#[derive(Debug)]
pub(crate) struct Sampler {
    /// Dropped to end it.
    alive: Sender<()>,
    thread: JoinHandle<Vec<Sample>>,
}

impl Sampler {
    /// Begins with a first sample.
    pub(crate) fn start(network: &Network) -> Result<Self> {
        let devices = network.client.devices()?;
        let (alive, ended) = mpsc::channel();
        let work = move || {
            let mut samples = Vec::from_iter(network::sample(&devices).ok());
            while samples.len() < SAMPLES {
                let outcome = ended.recv_timeout(PAUSE);
                samples.extend(network::sample(&devices).ok());
                if outcome == Err(RecvTimeoutError::Disconnected) {
                    break;
                }
            }
            samples
        };
        let thread = thread::Builder::new()
            .spawn(work)
            .attempt("start a thread")?;
        Ok(Self { alive, thread })
    }

    /// Ends with a last sample.
    pub(crate) fn finish(self) -> Vec<Sample> {
        drop(self.alive);
        self.thread.join().unwrap_or_default()
    }
}
