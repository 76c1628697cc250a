mod altered;
mod content;
mod hostile;

use ::rpm::{Dependency, FileOptions, Scriptlet};

use super::*;
use crate::entry::Kind;
use crate::testing::rpm::{altered, builder, finish, parts, replace};

const ALL: [Compression; 4] = [
    Compression::None,
    Compression::Gzip,
    Compression::Xz,
    Compression::Zstd,
];
const TEXT: &str = "some text of a file\n";

/// A package with something of everything.
fn package(compression: Compression) -> Vec<u8> {
    let mut builder = builder("kernel-test", "x86_64", compression);
    builder
        .epoch(3)
        .url("https://example.org")
        .vendor("A vendor")
        .group("System")
        .build_host("builder")
        .description("Nothing")
        .requires(Dependency::greater_eq("dracut", "049"))
        .requires(Dependency::any("coreutils"))
        .conflicts(Dependency::less("old", "2.0"))
        .obsoletes(Dependency::less_eq("older", "1:1-1"))
        .recommends(Dependency::eq("firmware", "5"))
        .post_install_script(Scriptlet::new("echo post").prog(vec!["/bin/sh", "-e"]))
        .pre_uninstall_script("echo preun")
        .post_trans_script("echo posttrans");
    let file = |text: &str, options| (text.as_bytes().to_vec(), options);
    let files = [
        file(TEXT, FileOptions::new("/usr/share/a").permissions(0o755)),
        file("key=value\n", FileOptions::new("/etc/b").config()),
        file("", FileOptions::new("/usr/share/empty")),
        file("same", FileOptions::new("/usr/share/1").hardlink("x")),
        file("same", FileOptions::new("/usr/share/2").hardlink("x")),
    ];
    for (content, options) in files {
        builder.with_file_contents(content, options).unwrap();
    }
    let link = FileOptions::symlink("/usr/share/link", "a");
    builder.with_symlink(link).unwrap();
    let folder = FileOptions::dir("/usr/share/folder").user("someone");
    builder.with_dir_entry(folder).unwrap();
    builder
        .with_ghost(FileOptions::ghost("/boot/ghost"))
        .unwrap();
    finish(&mut builder)
}

type Seen = (String, Kind, String);

fn entries(package: &[u8], limit: u64) -> Result<Vec<Seen>, RpmError> {
    let mut seen = Vec::new();
    open(package)?.for_each(limit, |entry| {
        let mut content = String::new();
        let read = entry.content.read_to_string(&mut content);
        read.map_err(RpmError::io("an entry"))?;
        assert_eq!(entry.size, content.len() as u64);
        seen.push((entry.path.to_owned(), entry.kind, content));
        Ok::<_, RpmError>(())
    })?;
    Ok(seen)
}

/// Reads a package whose entries nobody looks at.
fn passed_over(package: &[u8]) -> Result<(), RpmError> {
    open(package)?.for_each(1 << 20, |_| Ok::<_, RpmError>(()))
}

fn error_of(package: &[u8]) -> RpmError {
    let error = passed_over(package).unwrap_err();
    assert!(!error.to_string().contains(char::is_control), "{error}");
    error
}

#[test]
fn the_header_tells_all() {
    let package = package(Compression::Zstd);
    let rpm = open(package.as_slice()).unwrap();
    assert_eq!((rpm.name(), rpm.version()), ("kernel-test", "1"));
    assert_eq!((rpm.release(), rpm.epoch()), ("2", Some(3)));
    assert_eq!(rpm.full_version(), "3:1-2");
    assert_eq!((rpm.architecture(), rpm.os()), ("x86_64", "linux"));
    let fields = rpm.fields();
    for (field, expected) in [
        ("Name", "kernel-test"),
        ("Epoch", "3"),
        ("Version", "1"),
        ("Release", "2"),
        ("Architecture", "x86_64"),
        ("Summary", "A test"),
        ("License", "GPL-2.0"),
        ("Vendor", "A vendor"),
        ("URL", "https://example.org"),
        ("Group", "System"),
        ("BuildTime", "1577836800"),
        ("BuildHost", "builder"),
        ("PayloadCompressor", "zstd"),
        ("PayloadFlags", "1"),
        ("Conflicts", "old < 2.0"),
        ("Obsoletes", "older <= 1:1-1"),
        ("Post", "echo post"),
        ("PostInterpreter", "/bin/sh -e"),
        ("Preun", "echo preun"),
        ("Posttrans", "echo posttrans"),
    ] {
        assert_eq!(
            fields.get(field).map(String::as_str),
            Some(expected),
            "{field}"
        );
    }
    for (field, part) in [
        ("Provides", "kernel-test(x86-64) = 3:1-2"),
        ("Requires", "dracut >= 049"),
        ("Requires", "rpmlib(PayloadIsZstd) <= 5.4.18-1"),
        ("Recommends", "firmware = 5"),
    ] {
        let mut all = fields[field].split(", ");
        assert!(all.any(|it| it == part), "{part}: {}", fields[field]);
    }
    assert!(fields["Requires"].split(", ").any(|it| it == "coreutils"));
    assert!(fields.contains_key("SourceRPM") && fields.contains_key("Size"));
    for absent in ["Pre", "Suggests", "PreInterpreter"] {
        assert!(!fields.contains_key(absent), "{absent}");
    }
}

#[test]
fn files_are_listed() {
    let package = package(Compression::Zstd);
    let rpm = open(package.as_slice()).unwrap();
    let file = |path: &str| {
        let mut files = rpm.files().iter();
        files.find(|file| file.path == path).unwrap()
    };
    assert_eq!(rpm.files().len(), 8);
    let plain = file("usr/share/a");
    assert_eq!((plain.kind(), plain.mode), (Kind::File, 0o100_755));
    assert_eq!((plain.size, plain.digest), (20, Some(Sha256::of(TEXT))));
    assert_eq!(
        (plain.user.as_str(), plain.group.as_str()),
        ("root", "root")
    );
    assert_eq!((plain.mtime, plain.link_to.as_ref()), (1_577_836_800, None));
    assert!(!plain.is_ghost() && !plain.is_config() && file("etc/b").is_config());
    let ghost = file("boot/ghost");
    assert!(ghost.is_ghost() && ghost.digest.is_none());
    let link = file("usr/share/link");
    assert_eq!(
        (link.kind(), link.link_to.as_deref()),
        (Kind::Symlink, Some("a"))
    );
    assert_eq!(file("usr/share/folder").kind(), Kind::Folder);
    assert_eq!(file("usr/share/folder").user, "someone");
}

#[test]
fn entries_come_however_they_are_compressed() {
    for compression in ALL {
        let mut seen = entries(&package(compression), 1 << 20).unwrap();
        seen.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [
            ("etc/b", Kind::File, "key=value\n"),
            ("usr/share/1", Kind::HardLink, ""),
            ("usr/share/2", Kind::File, "same"),
            ("usr/share/a", Kind::File, TEXT),
            ("usr/share/empty", Kind::File, ""),
            ("usr/share/folder", Kind::Folder, ""),
            ("usr/share/link", Kind::Symlink, ""),
        ];
        let expected = expected.map(|(path, kind, text)| (path.to_owned(), kind, text.to_owned()));
        assert_eq!(seen, expected, "{compression:?}");
        passed_over(&package(compression)).unwrap();
    }
}

#[test]
fn a_package_may_be_empty() {
    let empty = finish(&mut builder("kernel", "noarch", Compression::Zstd));
    assert_eq!(entries(&empty, 1 << 10).unwrap(), []);
    assert_eq!(open(empty.as_slice()).unwrap().full_version(), "1-2");
    assert_eq!(open(empty.as_slice()).unwrap().files(), []);
}

#[test]
fn what_the_visitor_or_the_meter_returns_ends_it() {
    let package = package(Compression::None);
    let mut count = 0;
    let result = open(package.as_slice()).unwrap().for_each(1 << 20, |_| {
        count += 1;
        Err(RpmError::Trailing)
    });
    assert!(matches!(result, Err(RpmError::Trailing)));
    assert_eq!(count, 1);
    let mut total = 0;
    let meter = |read| {
        total += read;
        if total > 200 {
            return Err(io::Error::other("enough"));
        }
        Ok(())
    };
    let rpm = open(package.as_slice()).unwrap();
    let result = rpm.for_each_metered(1 << 20, meter, |_| Ok::<_, RpmError>(()));
    assert!(matches!(result, Err(RpmError::Io { source, .. }) if source.to_string() == "enough"));
}
