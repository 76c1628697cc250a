//! rpm and dnf.

use super::{Clients, Outcome, Set, Target, set};
use crate::prepared::Ready;

const ROOT: &str = include_str!("root.sh");
const RPM_ROOT: &str = include_str!("rpm-root.sh");
const RPM: &str = include_str!("rpm.sh");
const DNF: &str = include_str!("dnf.sh");
const SUSE: &str = include_str!("suse.sh");

/// Runs a script that starts from a root of rpm packages, with one or two versions.
fn run(ready: &Ready, script: &str, sets: &[&Set]) -> Outcome {
    let mut files = vec![
        ("root.sh".to_owned(), ROOT.as_bytes().to_vec()),
        ("rpm-root.sh".to_owned(), RPM_ROOT.as_bytes().to_vec()),
    ];
    let mut environment = Vec::new();
    for (set, (folder, variable)) in sets.iter().zip([("1", "R1"), ("2", "R2")]) {
        files.extend(set.below(folder));
        environment.push((variable, set.release.as_str()));
    }
    let script = format!(". /work/root.sh\n. /work/rpm-root.sh\n{script}");
    Clients::new(ready).run(&script, &files, &environment)
}

#[test]
#[ignore = "needs a container engine"]
fn rpm_installs_upgrades_and_removes() {
    let ready = Ready::new();
    let sets = [1, 2].map(|revision| set(&ready, Target::Fedora, revision));
    assert_ne!(sets[0].release, sets[1].release);
    run(&ready, RPM, &sets).expect_good();
}

#[test]
#[ignore = "needs a container engine"]
fn dnf_keeps_kernels_side_by_side() {
    let ready = Ready::new();
    let sets = [1, 2].map(|revision| set(&ready, Target::Fedora, revision));
    run(&ready, DNF, &sets).expect_good();
}

#[test]
#[ignore = "needs a container engine"]
fn opensuses_scripts_are_called() {
    let ready = Ready::new();
    run(&ready, SUSE, &[set(&ready, Target::Opensuse, 1)]).expect_good();
}
