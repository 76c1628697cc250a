//! Packages, and what is said of their members.

use ::rpm::FileOptions;
use tar::{EntryType, Header};

use super::*;
use crate::compression::Compression;
use crate::testing::kernel::{TestPackage, compress};
use crate::testing::rpm::{altered, builder, finish, parts, replace};

/// A tar archive of files, each with its header changed.
fn tar_of(files: &[(&str, &str)], change: impl Fn(&str, &mut Header)) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = Header::new_gnu();
        header.set_path(path).unwrap();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_600_000_000);
        header.set_username("root").unwrap();
        change(path, &mut header);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn plain(files: &[(&str, &str)]) -> Vec<u8> {
    tar_of(files, |_, _| ())
}

/// An ar archive of members, each with the rest of its header: time, owner, group, mode.
fn ar(members: &[(&str, &[u8])], said: &str) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let header = format!("{name:<16}{said}{:<10}`\n", content.len());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.extend(std::iter::repeat_n(b'\n', content.len() % 2));
    }
    bytes
}

const SAID: &str = "1600000000  0     0     100644  ";

fn deb_of(control: &[u8], data: &[u8], compression: Compression) -> Vec<u8> {
    let (control, data) = (compress(control, compression), compress(data, compression));
    let extension = match compression {
        Compression::Xz => "xz",
        _ => "gz",
    };
    let names = [
        format!("control.tar.{extension}"),
        format!("data.tar.{extension}"),
    ];
    let members: [(&str, &[u8]); 3] = [
        ("debian-binary", b"2.0\n"),
        (&names[0], &control),
        (&names[1], &data),
    ];
    ar(&members, SAID)
}

fn deb(control: &[(&str, &str)], data: &[u8]) -> Vec<u8> {
    deb_of(&plain(control), data, Compression::Xz)
}

const CONTROL: [(&str, &str); 2] = [("./md5sums", "0  a\n"), ("./control", "Package: x\n")];
const DATA: [(&str, &str); 3] = [
    ("./boot/a", "1\n"),
    ("./boot/b", "2\n"),
    ("./boot/c", "3\n"),
];

#[test]
fn the_first_member_of_a_deb_is_named_and_all_are_counted() {
    let a = deb(&CONTROL, &plain(&DATA));
    let control = [("./md5sums", "1  a\n"), CONTROL[1]];
    let files = [DATA[0], ("./boot/b", "9\n"), ("./boot/c", "8\n")];
    let b = deb(&control, &plain(&files));
    let found = found("x.deb", &a, &b);
    assert_eq!(found.place, ["x.deb", "data.tar", "boot/b", "line 1"]);
    assert_eq!(found.a.unwrap().text(), "2");
    assert_eq!(found.b.unwrap().text(), "9");
    let all = ["data.tar/boot/b", "data.tar/boot/c", "control.tar/md5sums"];
    assert_eq!(
        (found.differing, found.members.as_slice()),
        (3, &all.map(str::to_owned)[..])
    );
}

#[test]
fn digests_of_members_come_last() {
    let control = [("./md5sums", "1  a\n"), ("./control", "Package: y\n")];
    let (a, data) = (deb(&CONTROL, &plain(&DATA)), plain(&DATA));
    let place = told(&a, deb(&control, &data)).0;
    assert_eq!(place, "x > control.tar > control > line 1");
    let place = told(&a, deb(&[control[0], CONTROL[1]], &data)).0;
    assert_eq!(place, "x > control.tar > md5sums > line 1");
}

#[test]
fn what_is_said_of_members_is_told() {
    let a = deb(&CONTROL, &plain(&DATA));
    let tell = |aspect: &str, change: &dyn Fn(&mut Header)| {
        let change = |path: &str, header: &mut Header| {
            if path == "./boot/b" {
                change(header);
            }
        };
        let (place, cause) = told(&a, deb(&CONTROL, &tar_of(&DATA, change)));
        assert_eq!(place, format!("x > data.tar > boot/b > {aspect}"));
        cause
    };
    let user = |header: &mut Header| header.set_username("joe").unwrap();
    assert_eq!(tell("owner", &user), Cause::Ownership);
    assert_eq!(
        tell("owner", &|header| header.set_gid(1000)),
        Cause::Ownership
    );
    assert_eq!(
        tell("mode", &|header| header.set_mode(0o664)),
        Cause::Permissions
    );
    assert_eq!(
        tell("time", &|header| header.set_mtime(1)),
        Cause::ModificationTime
    );
    let kind = |header: &mut Header| header.set_entry_type(EntryType::Char);
    assert_eq!(tell("type", &kind), Cause::Unknown);
    let link = |header: &mut Header| header.set_link_name("/build/x").unwrap();
    assert_eq!(tell("link", &link), Cause::Unknown);
}

#[test]
fn targets_of_links_are_looked_at() {
    let link = |target: &str| {
        let set = |_: &str, header: &mut Header| {
            header.set_entry_type(EntryType::Symlink);
            header.set_link_name(target).unwrap();
        };
        deb(&CONTROL, &tar_of(&[("./lib/build", "")], set))
    };
    let place = "x > data.tar > lib/build > link".to_owned();
    assert_eq!(
        told(link("/home/a/linux"), link("/home/b/linux")),
        (place, Cause::Path)
    );
}

#[test]
fn order_and_absence_are_told() {
    let a = deb(&CONTROL, &plain(&DATA));
    let tell = |files: &[(&str, &str)]| {
        let found = found("x", &a, &deb(&CONTROL, &plain(files)));
        (found.place.join(" > "), found.cause, found.differing)
    };
    let place = |name: &str| format!("x > data.tar > boot/{name}");
    let turned = tell(&[DATA[0], DATA[2], DATA[1]]);
    assert_eq!(turned, (place("b"), Cause::FileOrder, 1));
    assert_eq!(tell(&[DATA[0], DATA[2]]), (place("b"), Cause::Missing, 1));
    assert_eq!(tell(&DATA[..2]), (place("c"), Cause::Missing, 1));
    let more = [
        DATA[0],
        ("./boot/aa", ""),
        DATA[1],
        DATA[2],
        ("./boot/d", ""),
    ];
    assert_eq!(tell(&more), (place("aa"), Cause::Missing, 2));
    let turned = [DATA[2], ("./boot/b", "9\n"), DATA[0]];
    assert_eq!(tell(&turned), (place("a"), Cause::FileOrder, 2));
}

#[test]
fn only_the_first_of_many_are_named() {
    let files = |content: &str| {
        let names: Vec<_> = (0..50).map(|n| format!("./{n}")).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), content)).collect();
        deb(&CONTROL, &plain(&files))
    };
    let found = found("x", &files("1"), &files("2"));
    assert_eq!((found.differing, found.members.len()), (50, MAX_NAMED));
}

#[test]
fn a_deb_packed_otherwise_is_told() {
    let (control, data) = (plain(&CONTROL), plain(&DATA));
    let xz = deb_of(&control, &data, Compression::Xz);
    let gz = deb_of(&control, &data, Compression::Gzip);
    assert_eq!(
        told(&xz, gz),
        ("x > data.tar".to_owned(), Cause::Compression)
    );
    // A difference in the content is more, although it comes later.
    let other = plain(&[CONTROL[0], ("./control", "Package: y\n")]);
    let gz = deb_of(&other, &data, Compression::Gzip);
    assert_eq!(told(&xz, gz).0, "x > control.tar > control > line 1");
}

#[test]
fn headers_of_ar_are_told() {
    let members: [(&str, &[u8]); 2] = [("debian-binary", b"2.0\n"), ("other", b"x")];
    let a = ar(&members, SAID);
    let tell = |said: &str| told(&a, ar(&members, said));
    let place = |aspect: &str| format!("x > debian-binary > {aspect}");
    let time = tell("1600000001  0     0     100644  ");
    assert_eq!(time, (place("time"), Cause::ModificationTime));
    let owner = tell("1600000000  1000  0     100644  ");
    assert_eq!(owner, (place("owner"), Cause::Ownership));
    let mode = tell("1600000000  0     0     100664  ");
    assert_eq!(mode, (place("mode"), Cause::Permissions));
    let other = [members[0], ("more", b"x")];
    let missing = told(&a, ar(&other, SAID));
    assert_eq!(missing, ("x > other".to_owned(), Cause::Missing));
}

#[test]
fn long_names_are_whole() {
    let path = format!("./{}/x", "a".repeat(150));
    let package = |content: &[u8]| TestPackage::new().file(&path, content).build();
    let found = found("x", &package(b"1\n"), &package(b"2\n"));
    assert_eq!(found.place[2], path.trim_start_matches("./"));
}

#[test]
fn members_in_members_are_opened() {
    let inner = |date: &str| compress(format!("built {date}\n").as_bytes(), Compression::Xz);
    let outer = |date: &str| {
        let package = TestPackage::new().file("./x.ko.xz", &inner(date));
        package.build_with(Compression::Zstd)
    };
    let expected = "x > data.tar > x.ko.xz > line 1".to_owned();
    let told = told(outer("2026-11-23"), outer("2026-11-24"));
    assert_eq!(told, (expected, Cause::EmbeddedDate));
}

/// An `.rpm` of two files, by a content and a mode of the second.
fn rpm_of(content: &str, mode: u16, compression: Compression) -> Vec<u8> {
    let mut builder = builder("kernel", "x86_64", compression);
    builder.build_host("builder").cookie("one 2");
    let files = [("/boot/a", "1\n", 0o644), ("/boot/b", content, mode)];
    for (path, content, mode) in files {
        let options = FileOptions::new(path).permissions(mode);
        let added = builder.with_file_contents(content.as_bytes().to_vec(), options);
        added.unwrap();
    }
    finish(&mut builder)
}

fn rpm() -> Vec<u8> {
    rpm_of("2\n", 0o644, Compression::None)
}

#[test]
fn files_of_an_rpm_come_first() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let a = rpm_of("2\n", 0o644, compression);
        let b = rpm_of("9\n", 0o644, compression);
        let found = found("x.rpm", &a, &b);
        assert_eq!(found.place, ["x.rpm", "payload", "boot/b", "line 1"]);
        assert_eq!(found.members, ["payload/boot/b"]);
        let b = rpm_of("2\n", 0o664, compression);
        let expected = "x > payload > boot/b > mode".to_owned();
        assert_eq!(told(&a, b), (expected, Cause::Permissions));
    }
}

#[test]
fn tags_of_an_rpm_are_told() {
    let a = rpm();
    let (header, payload) = parts(&a);
    let tell = |from: &str, to: &str| {
        told(
            &a,
            altered(&a, |it| replace(&mut it[header..payload], from, to)),
        )
    };
    let place = |tag: &str| format!("x > header > {tag}");
    assert_eq!(
        tell("builder", "rebuild"),
        (place("BUILDHOST"), Cause::HostName)
    );
    assert_eq!(tell("one 2", "two 2"), (place("COOKIE"), Cause::HostName));
    assert_eq!(
        tell("root", "toor"),
        (place("FILEUSERNAME"), Cause::Ownership)
    );
    assert_eq!(
        tell("a\0b\0", "b\0a\0"),
        (place("BASENAMES"), Cause::FileOrder)
    );
    let (place, cause) = tell("A test", "B test");
    assert_eq!(
        (place.as_str(), cause),
        ("x > header > tag 1004", Cause::Unknown)
    );
}

#[test]
fn the_time_of_an_rpm_is_told() {
    let a = rpm();
    let (header, payload) = parts(&a);
    let time = 1_577_836_800_u32.to_be_bytes();
    let b = altered(&a, |it| {
        let mut windows = it[header..payload].windows(4);
        let at = windows.position(|window| window == time).unwrap();
        it[header + at + 3] ^= 1;
    });
    let (place, cause) = told(&a, b);
    assert_eq!(
        (place.as_str(), cause),
        ("x > header > BUILDTIME", Cause::EmbeddedDate)
    );
}

#[test]
fn an_rpm_packed_otherwise_is_told() {
    let gz = rpm_of("2\n", 0o644, Compression::Gzip);
    let zst = rpm_of("2\n", 0o644, Compression::Zstd);
    let (_, cause) = told(&gz, zst);
    assert_eq!(cause, Cause::Compression);
}

#[test]
fn what_follows_in_an_rpm_comes_last() {
    let a = rpm();
    let (header, payload) = parts(&a);
    let digest = model::digest::Sha256::of(b"1\n").to_string();
    let other = model::digest::Sha256::of(b"9\n").to_string();
    let both = |host: &str| {
        altered(&a, |it| {
            replace(&mut it[header..payload], &digest, &other);
            replace(&mut it[header..payload], "builder", host);
        })
    };
    assert_eq!(told(&a, both("rebuild")).0, "x > header > BUILDHOST");
    assert_eq!(told(&a, both("builder")).0, "x > header > FILEDIGESTS");
}
