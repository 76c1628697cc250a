use super::*;
use crate::testing::kernel::tar_of;

type Seen = (String, Kind, String);

fn read(tar: &[u8]) -> Result<Vec<Seen>, TarError> {
    let mut seen = Vec::new();
    for_each(tar, |entry| {
        let mut content = String::new();
        entry.content.read_to_string(&mut content)?;
        assert_eq!(entry.size, content.len() as u64);
        seen.push((entry.path.to_owned(), entry.kind, content));
        Ok::<_, TarError>(())
    })?;
    Ok(seen)
}

fn tar(entries: &[(&str, u8, &str)]) -> Vec<u8> {
    let owned: Vec<_> = entries
        .iter()
        .map(|(path, kind, content)| {
            let kind = EntryType::new(*kind);
            ((*path).to_owned(), kind, content.as_bytes().to_vec())
        })
        .collect();
    tar_of(&owned)
}

#[test]
fn entries_come_with_their_kind() {
    let tar = tar(&[
        ("./", b'5', ""),
        ("./a", b'0', "text"),
        ("./b", b'2', ""),
        ("./c", b'1', ""),
        ("./d", b'3', ""),
        ("./e", b'S', ""),
    ]);
    let found = read(&tar).unwrap();
    let kinds: Vec<_> = found
        .iter()
        .map(|(path, kind, _)| (path.as_str(), *kind))
        .collect();
    assert_eq!(
        kinds,
        [
            ("", Kind::Folder),
            ("a", Kind::File),
            ("b", Kind::Symlink),
            ("c", Kind::HardLink),
            ("d", Kind::Other),
            ("e", Kind::Other),
        ]
    );
    assert_eq!(found[1].2, "text");
}

#[test]
fn long_names_are_understood_and_bounded() {
    let long = format!("./{}/x", "y".repeat(300));
    let found = read(&tar(&[(&long, b'0', "text"), ("z", b'0', "")])).unwrap();
    assert_eq!(found[0].0, long[2..]);
    assert_eq!(found[1].0, "z");
    let too_long = format!("./{}", "y/".repeat(2048));
    assert!(matches!(
        read(&tar(&[(&too_long, b'0', "")])),
        Err(TarError::NameTooLong(4099))
    ));
    let climbing = format!("./{}/../../x", "y".repeat(300));
    assert!(matches!(
        read(&tar(&[(&climbing, b'0', "")])),
        Err(TarError::Path(TarPathError::Parent(_)))
    ));
}

#[test]
fn targets_of_links_are_passed_over() {
    let tar = tar(&[("././@LongLink", b'K', "target"), ("./a", b'2', "")]);
    assert_eq!(
        read(&tar).unwrap(),
        [("a".to_owned(), Kind::Symlink, String::new())]
    );
}

#[test]
fn other_archives_are_refused() {
    for kind in [b'x', b'g'] {
        let tar = tar(&[("pax", kind, "10 path=x\n"), ("./a", b'0', "")]);
        assert!(matches!(read(&tar), Err(TarError::Pax)));
    }
    assert!(matches!(
        read(&tar(&[("/etc/passwd", b'0', "")])),
        Err(TarError::Path(TarPathError::Absolute(_)))
    ));
    assert!(matches!(read(&[b'x'; 512]), Err(TarError::Io(_))));
}

#[test]
fn what_the_visitor_returns_ends_it() {
    let tar = tar(&[("a", b'0', ""), ("b", b'0', "")]);
    let mut count = 0;
    let result = for_each(tar.as_slice(), |_| {
        count += 1;
        Err(TarError::Pax)
    });
    assert!(matches!(result, Err(TarError::Pax)));
    assert_eq!(count, 1);
}
