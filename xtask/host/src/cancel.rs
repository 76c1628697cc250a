//! Stopping early: one flag that blocking code polls and asynchronous code awaits.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::category::Category;
use crate::clock::Stopwatch;

/// How long blocking code may take to notice a cancellation.
pub(crate) const TICK: Duration = Duration::from_millis(25);

/// The work was stopped because the user asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl Interrupted {
    /// Always [`Category::Interrupted`].
    pub fn category(&self) -> Category {
        Category::Interrupted
    }
}

/// The handling of SIGINT and SIGTERM could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("installing the handling of SIGINT and SIGTERM")]
pub struct SignalError(#[source] std::io::Error);

impl SignalError {
    /// Always [`Category::Host`].
    pub fn category(&self) -> Category {
        Category::Host
    }
}

/// A request to stop, shared by its clones; it cannot be taken back.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: watch::Sender<bool>,
    children: Mutex<Vec<Weak<Shared>>>,
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

impl Cancel {
    /// A flag that nobody has raised yet.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            state: watch::Sender::new(false),
            children: Mutex::default(),
        }))
    }

    /// A flag that SIGINT and SIGTERM raise, from now on and for the life of the process.
    ///
    /// Further signals are ignored, so that cleaning up is not cut short.
    ///
    /// # Errors
    /// When the host refuses the handlers or the thread that waits for signals.
    pub fn on_signals() -> Result<Self, SignalError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(SignalError)?;
        let (interrupt, terminate) = {
            let _inside = runtime.enter();
            let install = |kind| signal(kind).map_err(SignalError);
            (
                install(SignalKind::interrupt())?,
                install(SignalKind::terminate())?,
            )
        };
        let cancel = Self::new();
        let raised = cancel.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(futures_util::future::join(
                    raised.clone().follow(interrupt),
                    raised.follow(terminate),
                ));
            })
            .map_err(SignalError)?;
        Ok(cancel)
    }

    async fn follow(self, mut signal: Signal) {
        while signal.recv().await.is_some() {
            self.cancel();
        }
    }

    /// A flag that is raised with this one, and can be raised alone.
    #[must_use]
    pub fn child(&self) -> Self {
        let child = Self::new();
        {
            let mut children = self
                .0
                .children
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            children.retain(|other| other.strong_count() > 0);
            children.push(Arc::downgrade(&child.0));
        }
        if self.is_cancelled() {
            child.cancel();
        }
        child
    }

    /// Asks everybody who holds this flag, or a child of it, to stop.
    pub fn cancel(&self) {
        self.0.state.send_replace(true);
        let children = {
            let mut children = self
                .0
                .children
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *children)
        };
        for child in children.iter().filter_map(Weak::upgrade) {
            Self(child).cancel();
        }
    }

    /// Whether somebody asked to stop.
    pub fn is_cancelled(&self) -> bool {
        *self.0.state.borrow()
    }

    /// # Errors
    /// When somebody asked to stop.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.is_cancelled() {
            Err(Interrupted)
        } else {
            Ok(())
        }
    }

    /// Blocks this thread for `duration`.
    ///
    /// # Errors
    /// As soon as somebody asks to stop.
    pub fn sleep(&self, duration: Duration) -> Result<(), Interrupted> {
        let watch = Stopwatch::start();
        loop {
            self.check()?;
            let left = duration.saturating_sub(watch.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(TICK));
        }
    }

    /// Ends when somebody asks to stop, at once when that was before.
    pub async fn cancelled(&self) {
        let mut state = self.0.state.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = state.wait_for(|cancelled| *cancelled).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_follows_its_parent_but_not_the_other_way() {
        let parent = Cancel::new();
        let (first, second) = (parent.child(), parent.child());
        first.cancel();
        assert!(first.check().is_err());
        assert!(parent.check().is_ok() && second.check().is_ok());
        parent.cancel();
        assert!(second.is_cancelled() && parent.child().is_cancelled());
    }

    #[test]
    fn sleep_and_await_end_when_cancelled() {
        let cancel = Cancel::new();
        assert_eq!(cancel.sleep(Duration::from_millis(1)), Ok(()));
        let other = cancel.clone();
        let watch = Stopwatch::start();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            other.cancel();
        });
        assert_eq!(cancel.sleep(Duration::from_secs(20)), Err(Interrupted));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(cancel.cancelled());
        assert!(watch.elapsed() < Duration::from_secs(5));
        thread.join().unwrap();
    }

    #[test]
    fn a_signal_raises_the_flag_and_a_second_one_does_no_harm() {
        let cancel = Cancel::on_signals().unwrap();
        assert!(!cancel.is_cancelled());
        let me = rustix::process::getpid();
        for _ in 0..2 {
            rustix::process::kill_process(me, rustix::process::Signal::TERM).unwrap();
            assert_eq!(cancel.sleep(Duration::from_secs(20)), Err(Interrupted));
        }
    }
}
