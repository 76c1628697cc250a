//! Whether the kernel that ran is the one that was packed, and has the MPTCP that it should have.

use protocol::{Implementation, Kernel};

use super::checks::{Group, found, some_of};
use super::{Expected, told};

pub(super) fn checks(expected: &Expected<'_>, kernel: Option<&Kernel>) -> Group {
    let mut checks = Group::new(told::group(protocol::Step::Kernel));
    let release = kernel.map(|kernel| kernel.release.as_str());
    checks.equal("release", expected.kernel_release, release);
    let wanted = expected.line.implementation;
    let implementation = kernel.map(|kernel| {
        let name = kernel.implementation.map_or("none", name);
        let evidence = some_of(&kernel.evidence);
        found(
            kernel.implementation == Some(wanted),
            format!("{name} ({evidence})"),
        )
    });
    checks.check("MPTCP", name(wanted), implementation);
    checks
}

fn name(implementation: Implementation) -> &'static str {
    match implementation {
        Implementation::Upstream => "upstream",
        Implementation::OutOfTree => "out-of-tree",
    }
}
