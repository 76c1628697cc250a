//! Which kernel this is and which MPTCP it has.

use std::path::Path;

use nix::sys::utsname::uname;
use nix::unistd::{SysconfVar, sysconf};
use protocol::{Family, Implementation, Kernel};
use socket2::Protocol;

use crate::error::{Attempt, Reason, Result};
use crate::{line, sysctls};

/// Looks at the kernel. The implementation is told by what it does: versions say little about kernels
/// with patches.
pub(crate) fn look() -> Result<Kernel> {
    let names = uname().attempt("ask for the kernel's name")?;
    let cpus = sysconf(SysconfVar::_NPROCESSORS_ONLN)
        .ok()
        .flatten()
        .unwrap_or(1);
    let mut evidence = Vec::new();
    let implementation = implementation(&mut evidence);
    Ok(Kernel {
        release: names.release().to_string_lossy().into_owned(),
        version: names.version().to_string_lossy().into_owned(),
        machine: names.machine().to_string_lossy().into_owned(),
        cpus: u32::try_from(cpus).unwrap_or(1),
        implementation,
        evidence,
    })
}

/// The out-of-tree line comes first, because from 0.96 on it opens `IPPROTO_MPTCP` sockets too
/// (`net/socket.c` there).
fn implementation(evidence: &mut Vec<String>) -> Option<Implementation> {
    let mut exists = |path: &str| {
        let exists = Path::new(path).exists();
        evidence.push(format!(
            "{path}: {}",
            if exists { "exists" } else { "does not exist" }
        ));
        exists
    };
    let out_of_tree = [
        exists(&format!("{}/mptcp_enabled", sysctls::FOLDER)),
        exists("/proc/thread-self/net/mptcp_net"),
    ];
    let upstream = [
        exists(&format!("{}/enabled", sysctls::FOLDER)),
        opens(evidence),
    ];
    if out_of_tree.contains(&true) {
        Some(Implementation::OutOfTree)
    } else if upstream.contains(&true) {
        Some(Implementation::Upstream)
    } else {
        None
    }
}

fn opens(evidence: &mut Vec<String>) -> bool {
    let outcome = line::stream_socket(Family::Ipv4, Protocol::MPTCP);
    evidence.push(match &outcome {
        Ok(_) => format!(
            "open a stream socket of protocol {}: done",
            i32::from(Protocol::MPTCP)
        ),
        Err(error) => error.reason(),
    });
    outcome.is_ok()
}
