//! The doors to the outside: the clock, the environment, other programs, git, HTTP and the store.
//!
//! Everything here blocks; every wait has a deadline and ends early when its [`cancel::Cancel`] is
//! cancelled. What comes in from outside is hostile until it has been verified.

pub mod cancel;
pub mod category;
pub mod clock;
pub mod disk;
pub mod engine;
pub mod environment;
pub mod git;
pub mod http;
pub mod mirrors;
pub mod process;
pub mod session;
pub mod store;
pub mod tar_entry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
