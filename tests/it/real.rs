//! Black-box tests of the real binary with a real container engine and the real archive.
//!
//! They are ignored by default, because they take minutes; `cargo xtask test` runs them. They share
//! the user's cache and one compilation of recipe `mini`. `MPTCP_KERNELS_FULL=1` adds what takes a
//! second one.

#![expect(clippy::expect_used, reason = "tests should fail loudly")]

#[allow(unused_imports, reason = "each test binary uses a part of it")]
mod support;

#[path = "real/clients.rs"]
mod clients;
#[path = "real/configuration.rs"]
mod configuration;
#[path = "real/deadlines.rs"]
mod deadlines;
#[path = "real/engine.rs"]
mod engine;
#[path = "real/inputs.rs"]
mod inputs;
#[path = "real/interruption.rs"]
mod interruption;
#[path = "real/mptcp_off.rs"]
mod mptcp_off;
#[path = "real/packages.rs"]
mod packages;
#[path = "real/prepared.rs"]
mod prepared;
#[path = "real/reproduce.rs"]
mod reproduce;
#[path = "real/reuse.rs"]
mod reuse;
#[path = "real/smoke.rs"]
mod smoke;
#[path = "real/toy_kernel.rs"]
mod toy_kernel;
#[path = "real/witness.rs"]
mod witness;
#[path = "real/workflows.rs"]
mod workflows;
