//! Black-box tests of the real binary with a real container engine and the real archive.
//!
//! They are ignored by default, because they take minutes; `cargo xtask test` runs them.

mod support;
