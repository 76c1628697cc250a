//! What the black-box tests share: a project to break, the binary to run on it, an archive to lie.

#![allow(
    dead_code,
    clippy::expect_used,
    reason = "each test binary uses a part of this, and tests should fail loudly"
)]

pub(crate) mod archive;
pub(crate) mod finished;
pub(crate) mod golden;
pub(crate) mod kernel;
pub(crate) mod run;
pub(crate) mod scratch;

pub(crate) use archive::{Archive, Deb, Package, Release};
pub(crate) use golden::Golden;
pub(crate) use kernel::{Kernel, Served, Tar};
pub(crate) use run::Run;
pub(crate) use scratch::Scratch;
