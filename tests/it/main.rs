//! Black-box tests of the real binary, without engine or network.

mod cli;
mod support;
