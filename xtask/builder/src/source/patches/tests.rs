use super::*;

const FILE: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";
const CHANGE: &str = "--- a/net/x.c\n+++ b/net/x.c\n@@ -4,3 +4,4 @@\n 4\n-5\n+five\n+more\n 6\n";

fn patched(files: &[(&str, &str)], patches: &[&str]) -> Result<BTreeMap<String, String>, String> {
    let patches = patches.iter().enumerate().map(|(index, text)| PatchFile {
        name: format!("{index}.patch"),
        bytes: text.as_bytes().to_vec(),
    });
    let mut patches = Patches::new(patches.collect()).map_err(|error| error.to_string())?;
    for (path, text) in files {
        if patches.touch(path) {
            let file = HeldFile {
                bytes: text.as_bytes().to_vec(),
                executable: false,
                mtime: 1,
            };
            patches.hold(path, file);
        }
    }
    let applied = patches.apply(2).map_err(|error| error.to_string())?;
    let text = |(path, file): (String, HeldFile)| (path, String::from_utf8(file.bytes).unwrap());
    Ok(applied.into_iter().map(text).collect())
}

fn refused(files: &[(&str, &str)], patches: &[&str]) -> String {
    patched(files, patches).unwrap_err()
}

#[test]
fn a_patch_changes_its_file() {
    let after = patched(&[("net/x.c", FILE), ("net/y.c", FILE)], &[CHANGE]).unwrap();
    assert_eq!(after.len(), 1);
    assert_eq!(after["net/x.c"], "1\n2\n3\n4\nfive\nmore\n6\n7\n8\n9\n10\n");
}

#[test]
fn patches_come_in_order() {
    let second = "--- a/net/x.c\n+++ b/net/x.c\n@@ -5,2 +5,1 @@\n five\n-more\n";
    let after = patched(&[("net/x.c", FILE)], &[CHANGE, second]).unwrap();
    assert_eq!(after["net/x.c"], FILE.replace('5', "five"));
    let error = refused(&[("net/x.c", FILE)], &[second, CHANGE]);
    assert_eq!(
        error,
        "patch 0.patch, hunk 1 of net/x.c: the lines that it changes, at line 5, are not there"
    );
}

#[test]
fn few_lines_away_is_near_enough_and_more_is_not() {
    let moved = |lines: usize| format!("{}{FILE}", "0\n".repeat(lines));
    for lines in 0..=MAX_OFFSET {
        assert!(
            patched(&[("net/x.c", &moved(lines))], &[CHANGE]).is_ok(),
            "{lines}"
        );
    }
    assert_eq!(
        refused(&[("net/x.c", &moved(4))], &[CHANGE]),
        "patch 0.patch, hunk 1 of net/x.c: it is for line 4, and fits only at line 8; at most 3 lines between them are taken"
    );
}

#[test]
fn there_is_no_fuzz() {
    let error = refused(&[("net/x.c", &FILE.replace('6', "six"))], &[CHANGE]);
    assert_eq!(
        error,
        "patch 0.patch, hunk 1 of net/x.c: the lines that it changes, at line 4, are not there"
    );
}

#[test]
fn what_is_applied_is_not_applied_again() {
    let after = patched(&[("net/x.c", FILE)], &[CHANGE]).unwrap();
    let error = refused(&[("net/x.c", &after["net/x.c"])], &[CHANGE]);
    assert_eq!(
        error,
        "patch 0.patch, hunk 1 of net/x.c: it is applied already"
    );
    let new = "--- /dev/null\n+++ b/net/new.c\n@@ -0,0 +1,1 @@\n+text\n";
    let error = refused(&[("net/new.c", "text\n")], &[new]);
    assert_eq!(
        error,
        "patch 0.patch of net/new.c: the file to make is there already: is the patch applied already?"
    );
    let gone = "--- a/net/old.c\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-text\n";
    let error = refused(&[], &[gone]);
    assert_eq!(
        error,
        "patch 0.patch of net/old.c: the file to remove is not there: is the patch applied already?"
    );
}

#[test]
fn files_come_go_and_move() {
    let patch = "From 0123456789 Mon Sep 17 00:00:00 2001\nSubject: x\n\ntext\n---\n 3 files changed\n\n\
        diff --git a/n b/n\nnew file mode 100755\nindex 0000000..1111111\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+new\n\
        diff --git a/o b/o\ndeleted file mode 100644\nindex 1111111..0000000\n--- a/o\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n\
        diff --git a/d/p b/d/q\nsimilarity index 100%\nrename from d/p\nrename to d/q\n-- \n2.39\n";
    let after = patched(&[("o", "old\n"), ("d/p", "moved\n")], &[patch]).unwrap();
    let expected = [("d/q", "moved\n"), ("n", "new\n")];
    let expected = expected.map(|(path, text)| (path.to_owned(), text.to_owned()));
    assert_eq!(after, BTreeMap::from(expected));
    let error = refused(&[("o", "old\nand more\n"), ("d/p", "moved\n")], &[patch]);
    assert_eq!(
        error,
        "patch 0.patch of o: the file to remove has other lines too"
    );
}

#[test]
fn what_is_no_patch_is_refused() {
    for nothing in ["", "\n", "Subject: nothing\n\ntext\n", "--- a/x\n+++ b/x\n"] {
        assert_eq!(
            refused(&[], &[nothing]),
            "patch 0.patch: it changes nothing",
            "{nothing}"
        );
    }
    // A cut hunk, and one that no file belongs to.
    let cut = CHANGE.replace(" 6\n", "");
    assert!(refused(&[("net/x.c", FILE)], &[&cut]).contains("malformed"));
    let stray =
        format!("diff --git a/net/x.c b/net/x.c\n{CHANGE}\nnote\n@@ -8,1 +9,1 @@\n-8\n+eight\n");
    let error = refused(&[("net/x.c", FILE)], &[&stray]);
    assert!(error.contains("2 hunks, and 1 of them"), "{error}");
    let binary =
        "diff --git a/x b/x\nindex 1111111..2222222 100644\nBinary files a/x and b/x differ\n";
    assert!(refused(&[("x", "")], &[binary]).contains("a binary change"));
    let link = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n\\ No newline at end of file\n";
    assert!(refused(&[], &[link]).contains("Symlink"));
}

#[test]
fn patches_stay_in_the_tree() {
    for path in ["../../etc/passwd", "/etc/passwd", "a/../../x"] {
        let patch = format!("--- {path}\n+++ {path}\n@@ -1 +1 @@\n-a\n+b\n");
        let error = refused(&[], &[&patch]);
        assert!(
            error.contains("climbs") || error.contains("absolute"),
            "{error}"
        );
    }
    let bare = "--- x\n+++ x\n@@ -1 +1 @@\n-a\n+b\n";
    assert!(refused(&[("x", "a\n")], &[bare]).contains("-p1"));
}

#[test]
fn ends_without_a_newline_are_kept() {
    let patch = "--- a/d/x\n+++ b/d/x\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n\\ No newline at end of file\n";
    let after = patched(&[("d/x", "a\nb")], &[patch]).unwrap();
    assert_eq!(after["d/x"], "A\nb");
    assert!(patched(&[("d/x", "a\nb\n")], &[patch]).is_err());
}
