//! What the packages ask of their distribution. Each target's list is committed: a new line is a question to whoever
//! changes the packages, and `MPTCP_KERNELS_UPDATE=1` writes what was found.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use host::environment::var;

use super::{Clients, Target, set};
use crate::prepared::Ready;

/// Lines `PACKAGE KIND WHAT` of what rpm packages ask for, and `PACKAGE provides WHAT`.
const OF_RPM: &str = r#"for file in /work/1/*.rpm; do
    name=$(rpm -qp --qf '%{NAME}' "$file")
    for kind in requires recommends suggests supplements enhances conflicts obsoletes provides; do
        rpm -qp "--$kind" "$file" | sed "s|^|$name $kind |"
    done
done"#;
/// The same of deb packages.
const OF_DEB: &str = r#"for file in /work/1/*.deb; do
    name=$(dpkg-deb -f "$file" Package)
    for kind in Pre-Depends Depends Recommends Suggests Conflicts Breaks Replaces Provides; do
        dpkg-deb -f "$file" "$kind" | grep . | tr ',' '\n' | sed "s|^ *|$name $kind |" | tr A-Z a-z
    done
done"#;

#[test]
#[ignore = "needs a container engine"]
fn packages_ask_for_nothing_new() {
    let ready = Ready::new();
    let clients = Clients::new(&ready);
    for target in [
        Target::Fedora,
        Target::Rocky,
        Target::Opensuse,
        Target::Debian,
    ] {
        let set = set(&ready, target, 1);
        let script = if target == Target::Debian {
            OF_DEB
        } else {
            OF_RPM
        };
        let outcome = clients.run(script, &set.below("1"), &[]).expect_good();
        let found = outside(&outcome.said, &set.release);
        let (distribution, release) = target.words();
        compare(&format!("{distribution}-{release}"), &found);
    }
}

/// The lines that ask for something outside the set, with the release's name out of them.
fn outside(said: &str, release: &str) -> String {
    let words = |line: &str| {
        let mut words = line.splitn(3, ' ').map(str::to_owned);
        Some((words.next()?, words.next()?, words.next()?))
    };
    let all: Vec<_> = said.lines().filter_map(words).collect();
    let provided: BTreeSet<_> = all
        .iter()
        .filter(|(_, kind, _)| kind == "provides")
        .map(|(_, _, what)| what.split(' ').next().unwrap_or_default())
        .chain(all.iter().map(|(name, _, _)| name.as_str()))
        .collect();
    let is_outside = |kind: &str, what: &str| {
        let name = what.split(' ').next().unwrap_or_default();
        let clashes = matches!(kind, "conflicts" | "breaks" | "replaces" | "obsoletes");
        kind != "provides" && !name.starts_with("rpmlib(") && (clashes || !provided.contains(name))
    };
    let lines: BTreeSet<_> = all
        .iter()
        .filter(|(_, kind, what)| is_outside(kind, what))
        .map(|(name, kind, what)| format!("{name} {kind} {what}\n").replace(release, "[release]"))
        .collect();
    lines.into_iter().collect()
}

#[track_caller]
fn compare(target: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/requirements")
        .join(format!("{target}.txt"));
    if var("MPTCP_KERNELS_UPDATE").as_deref() == Some("1") {
        fs::write(&path, found).expect("the list can be written");
        return;
    }
    let committed = fs::read_to_string(&path).expect("the committed list");
    assert_eq!(
        found,
        committed,
        "{target}: other requirements than {}",
        path.display()
    );
}

#[test]
fn what_the_set_provides_is_not_outside() {
    let said = "a requires /bin/sh\na requires rpmlib(X) <= 1\nb requires a = 1\nc requires p\n\
        a provides p = 1\nc conflicts p\nb recommends x-6.0-y\n";
    let expected = "a requires /bin/sh\nb recommends x-[release]-y\nc conflicts p\n";
    assert_eq!(outside(said, "6.0"), expected);
}
