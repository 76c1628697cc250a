use std::collections::BTreeMap;

use super::error::SourceError;
use super::patches::{PatchFile, Patches};
use super::tree::{Tree, TreeWriter};

const MAKEFILE: &str = "VERSION = 4\nPATCHLEVEL = 19\nSUBLEVEL = 234\nEXTRAVERSION =\n";
const BANNER: &str = "\tpr_info(\"MPTCP: Stable release v0.95.2\");\n";

enum Entry<'a> {
    File(&'a str, bool, &'a str),
    Link(&'a str, &'a str),
}
use Entry::{File, Link};

fn kernel<'a>() -> Vec<Entry<'a>> {
    vec![
        File("Makefile", false, MAKEFILE),
        File("net/mptcp/Kconfig", false, "config MPTCP\n"),
        File("net/mptcp/mptcp_ctrl.c", false, BANNER),
        File("scripts/run.sh", true, "#!/bin/sh\n"),
        Link("include/dt-bindings", "../scripts"),
    ]
}

fn write(
    entries: &[Entry<'_>],
    diff: &str,
) -> Result<(Tree, BTreeMap<String, String>), SourceError> {
    let mut bytes = Vec::new();
    let mut patches = Vec::new();
    if !diff.is_empty() {
        let name = "a.patch".to_owned();
        patches.push(PatchFile {
            name,
            bytes: diff.as_bytes().to_vec(),
        });
    }
    let mut writer = TreeWriter::new(&mut bytes, Patches::new(patches)?);
    for entry in entries {
        match entry {
            File(path, executable, text) => {
                writer.file(
                    path,
                    *executable,
                    7,
                    text.len() as u64,
                    &mut text.as_bytes(),
                )?;
            }
            Link(path, target) => writer.link(path, target)?,
        }
    }
    let tree = writer.finish()?;
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(&bytes[..]).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.display().to_string();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text)?;
        let kind = entry.header().entry_type();
        let text = if kind.is_dir() {
            "folder".to_owned()
        } else {
            text
        };
        let before = found.insert(path, format!("{:o} {text}", entry.header().mode()?));
        assert_eq!(before, None, "written twice");
    }
    Ok((tree, found))
}

fn refused(more: Entry<'_>) -> String {
    let mut entries = kernel();
    entries.push(more);
    write(&entries, "").unwrap_err().to_string()
}

#[test]
fn a_tree_is_written_and_told() {
    let (tree, found) = write(&kernel(), "").unwrap();
    assert_eq!(tree.kernel.to_string(), "4.19.234");
    assert_eq!(tree.mptcp.unwrap().to_string(), "0.95.2");
    assert_eq!(tree.newest, 7);
    assert_eq!(found["tree/scripts/run.sh"], "755 #!/bin/sh\n");
    assert_eq!(found["tree/net/mptcp"], "755 folder");
}

#[test]
fn the_digest_is_of_what_is_in_it_and_of_nothing_else() {
    let (tree, _) = write(&kernel(), "").unwrap();
    let mut other = kernel();
    other.reverse();
    assert_eq!(write(&other, "").unwrap().0.digest, tree.digest);
    for changed in [
        File("scripts/run.sh", false, "#!/bin/sh\n"),
        File("scripts/run.sh", true, "#!/bin/sh\n\n"),
        File("scripts/ran.sh", true, "#!/bin/sh\n"),
        Link("scripts/run.sh", "x"),
    ] {
        let mut other = kernel();
        other[3] = changed;
        assert_ne!(write(&other, "").unwrap().0.digest, tree.digest);
    }
}

#[test]
fn a_patch_is_a_part_of_the_tree() {
    let patch = "--- a/Makefile\n+++ b/Makefile\n@@ -1,4 +1,4 @@\n VERSION = 4\n PATCHLEVEL = 19\n-SUBLEVEL = 234\n+SUBLEVEL = 235\n EXTRAVERSION =\n--- /dev/null\n+++ b/new/file\n@@ -0,0 +1 @@\n+text\n";
    let (tree, found) = write(&kernel(), patch).unwrap();
    assert_eq!(tree.kernel.to_string(), "4.19.235");
    assert_eq!(found["tree/new/file"], "644 text\n");
    let mut same = kernel();
    let makefile = MAKEFILE.replace("234", "235");
    same[0] = File("Makefile", false, &makefile);
    same.push(File("new/file", false, "text\n"));
    assert_eq!(write(&same, "").unwrap().0.digest, tree.digest);
}

#[test]
fn what_is_no_kernel_with_mptcp_is_refused() {
    let without = |index: usize| {
        let mut entries = kernel();
        entries.remove(index);
        write(&entries, "")
    };
    assert!(matches!(without(0), Err(SourceError::NotLinux)));
    assert!(matches!(without(1), Err(SourceError::NoMptcp { .. })));
    // Without this file it is upstream MPTCP.
    assert_eq!(without(2).unwrap().0.mptcp, None);
    let mut entries = kernel();
    entries[2] = File("net/mptcp/mptcp_ctrl.c", false, "nothing");
    assert!(matches!(
        write(&entries, ""),
        Err(SourceError::NoBanner { .. })
    ));
    let old = BANNER.replace("0.95.2", "0.89");
    entries[2] = File("net/mptcp/mptcp_ctrl.c", false, &old);
    assert!(matches!(write(&entries, ""), Err(SourceError::Release(_))));
}

#[test]
fn a_date_that_nobody_lives_to_see_is_refused() {
    let mut bytes = Vec::new();
    let mut writer = TreeWriter::new(&mut bytes, Patches::default());
    let last = u64::from(u32::MAX);
    assert!(writer.file("a", false, last, 0, &mut &b""[..]).is_ok());
    let error = writer.file("b", false, last + 1, 0, &mut &b""[..]);
    assert!(error.unwrap_err().to_string().contains("2106"));
}

#[test]
fn hostile_entries_are_refused() {
    for path in ["../x", "/etc/passwd", "a/../../x", "", "a\nb"] {
        let error = refused(File(path, false, ""));
        assert!(error.starts_with("the source holds `"), "{error}");
    }
    for (path, target) in [
        ("a", "/etc"),
        ("a", "../x"),
        ("a/b", "../../x"),
        ("a/b", "c/../../../x"),
        ("a", ""),
    ] {
        let error = refused(Link(path, target));
        assert!(
            error.contains("leaves the source tree"),
            "{path} -> {target}: {error}"
        );
    }
    assert!(refused(File("Makefile", false, "x")).contains("there twice"));
    assert!(
        refused(File("include/dt-bindings/x", false, "x")).contains("other entries are below it")
    );
    for (path, target) in [
        ("a/b", "../c"),
        ("a/b/c", "../../d/e"),
        ("a", "b/../c"),
        ("a", "./b"),
    ] {
        let mut entries = kernel();
        entries.push(Link(path, target));
        assert!(write(&entries, "").is_ok(), "{path} -> {target}");
    }
}
