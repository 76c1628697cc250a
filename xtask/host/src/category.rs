//! What kind of failure an error is: the command line turns it into an exit code.

/// Who or what an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// What the user wrote is wrong: a recipe, a lock, an option, a configuration file.
    Input,
    /// The host or the network lacks something: a program, disk space, a reachable archive.
    Host,
    /// Something is not what was pinned or signed.
    Verification,
    /// The user asked to stop.
    Interrupted,
    /// A defect of this program.
    Bug,
}
