//! What the project is about, as values: recipes, containers, locks, plans and kconfig rules.
//!
//! Nothing here does I/O: functions take text and values, and return values or errors. Files are
//! read and written by the crates above.

pub mod container;
pub mod digest;
pub mod distribution;
pub mod kconfig;
pub mod lock;
pub mod manifest;
pub mod mptcp;
pub mod names;
pub mod plan;
pub mod recipe;
pub mod release;
pub mod smoke;
pub mod source;
pub mod strict;
pub mod toolchain;
pub mod version;
