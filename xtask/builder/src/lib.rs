//! From a recipe to packages: locks, containers, source, configuration, compilation, result.
//!
//! Everything reads the same [`plan::Planned`]; each stage is a file of its own, and
//! [`build::build`] is their order.

pub mod bench;
pub mod build;
pub mod ccache;
pub mod clean;
mod collect;
mod compile;
mod configure;
pub mod error;
pub mod fetch;
pub mod finished;
pub mod freshness;
pub mod image;
mod inspect;
pub mod kconfig;
pub mod lock;
pub mod lockfile;
mod log;
pub mod matrix;
pub mod menuconfig;
mod objects;
pub mod plan;
pub mod project;
pub mod report;
pub mod reproduce;
mod result;
mod scripts;
pub mod source;
mod stock;
mod surroundings;
