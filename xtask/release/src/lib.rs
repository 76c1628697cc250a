//! Releases: finished results made into signed repositories, and the checks of such a tree by somebody who trusts
//! nothing of it.

mod apt;
mod attestation;
mod candidate;
mod changes;
mod checkout;
mod deb;
mod dnf;
pub mod error;
pub mod keys;
pub mod origin;
pub mod page;
mod previous;
mod provenance;
mod publish;
mod rebuild;
mod sbom;
mod seen;
mod succession;
mod sums;
pub mod synthetic;
#[cfg(test)]
mod testing;
mod text;
mod tree;
mod verify;
mod version;

pub use attestation::{MAX_ENVELOPE, Resource, Statement};
pub use previous::Previous;
pub use publish::{Order, Published, publish};
pub use rebuild::{Attestation, Rebuild, require};
pub use seen::Seen;
pub use sums::Anchor;
pub use tree::Place;
pub use verify::{Look, Verified};
