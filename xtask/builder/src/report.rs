//! What a build tells whoever watches it.

/// Watches a build. Implementations render; none of these calls may fail.
pub trait Reporter: Sync {
    /// A phase begins; the one before has ended.
    fn phase(&self, name: &str);
    /// How far the phase is: `done` of `expected` (0 where nobody knows) units, such as bytes.
    fn progress(&self, done: u64, expected: u64, unit: Unit);
    /// Something worth a line of its own.
    fn note(&self, text: &str);
}

/// What progress is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Compiled objects.
    Objects,
}
