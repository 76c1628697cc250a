//! Boots the kernel out of a finished package in QEMU, and judges what it does.
//!
//! `package` takes the kernel out, `given` reads modules that are no part of it, `initramfs` makes what it boots into, `boot` runs QEMU in a container
//! and `watch` decides when it has to end; `judge` makes checks of what was `observed`, with what `line`
//! knows of the kernel line; `page` and `junit` show them. `run` is their order.

mod accelerator;
mod alarms;
pub mod bench;
mod boot;
pub mod error;
pub mod given;
pub mod guest;
pub mod initramfs;
pub mod judge;
mod junit;
pub mod kernel;
pub mod line;
pub mod observed;
pub mod package;
mod page;
mod qemu;
pub mod result;
pub mod run;
mod text;
mod watch;

#[cfg(test)]
mod testing;

pub use accelerator::Wanted;
pub use watch::Accelerator;
