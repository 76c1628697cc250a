//! dpkg and apt.

use super::{Clients, Target, set};
use crate::prepared::Ready;

const ROOT: &str = include_str!("root.sh");
const DEB_ROOT: &str = include_str!("deb-root.sh");
const DEB: &str = include_str!("deb.sh");
const APT: &str = include_str!("apt.sh");

#[test]
#[ignore = "needs a container engine"]
fn dpkg_and_apt_install_upgrade_and_remove() {
    let ready = Ready::new();
    let sets = [1, 2].map(|revision| set(&ready, Target::Debian, revision));
    assert_eq!(
        sets[0].release, sets[1].release,
        "one is put in place of the other"
    );
    let files = [sets[0].below("1"), sets[1].below("2")].concat();
    let script = [ROOT, DEB_ROOT, DEB, APT].concat();
    let environment = [("R1", sets[0].release.as_str())];
    Clients::new(&ready)
        .run(&script, &files, &environment)
        .expect_good();
}
