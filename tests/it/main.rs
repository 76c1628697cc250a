//! Black-box tests of the real binary, without engine or network.

mod support;
