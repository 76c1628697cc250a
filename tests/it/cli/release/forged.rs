//! Releases that somebody who has the keys made, and that contradict themselves.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use formats::testing::kernel::TestPackage;
use host::clock::now_unix;
use model::digest::Sha256;

use super::{PASSPHRASE, fingerprint, out, ready, release, tree, verify, write_tree};

/// A release whose files were changed by somebody who has the keys: how, the file that is named, and what is said.
type Contradiction = (fn(&mut Forge), &'static str, &'static str);

struct Forge {
    files: BTreeMap<String, Vec<u8>>,
    keys: ::release::keys::Keys,
}

impl Forge {
    fn path(&self, part: &str) -> String {
        let mut paths = self.files.keys().filter(|path| path.contains(part));
        paths.next().expect("such a file").clone()
    }

    fn json(&mut self, part: &str, change: impl FnOnce(&mut serde_json::Value)) {
        let path = self.path(part);
        let mut value = serde_json::from_slice(&self.files[&path]).expect("JSON");
        change(&mut value);
        self.files.insert(path, value.to_string().into_bytes());
    }

    fn release(&mut self, change: impl FnOnce(&mut serde_json::Value)) {
        self.json("release.json", change);
    }

    /// Signs something else in place of the provenance.
    fn provenance(&mut self, change: impl FnOnce(&mut serde_json::Value)) {
        let path = self.path("kernels/tiny/6.12.1-1+mptcp1/provenance.json");
        let key = self.keys.public().minisign;
        let said = ::release::Statement::verify(&self.files[&path], &key).expect("a statement");
        let mut said = serde_json::to_value(said).expect("JSON");
        change(&mut said);
        let said: ::release::Statement = serde_json::from_value(said).expect("a statement");
        let envelope = said.sign(&self.keys).expect("an envelope");
        self.files.insert(path, envelope.into_bytes());
    }

    /// Changes the index of the suite, and all that follows from it.
    fn index(&mut self, change: impl FnOnce(String) -> String) {
        let folder = "apt/dists/debian-13";
        let path = |name: &str| format!("{folder}/{name}");
        let plain = path("main/binary-amd64/Packages");
        let index = change(String::from_utf8_lossy(&self.files[&plain]).into_owned());
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(index.as_bytes()).expect("memory takes all");
        let packed = gzip.finish().expect("memory takes all");
        self.files.insert(plain, index.into_bytes());
        self.files
            .insert(path("main/binary-amd64/Packages.gz"), packed);
        self.suite();
    }

    /// Signs the suite anew, as its indexes are.
    fn suite(&mut self) {
        let path = |name: &str| format!("apt/dists/debian-13/{name}");
        let release = String::from_utf8_lossy(&self.files[&path("Release")]).into_owned();
        let (head, _) = release.split_once("SHA256:\n").expect("the digests");
        let mut text = format!("{head}SHA256:\n");
        for name in [
            "main/binary-amd64/Packages",
            "main/binary-amd64/Packages.gz",
        ] {
            let bytes = &self.files[&path(name)];
            text.push_str(&format!(" {} {} {name}\n", Sha256::of(bytes), bytes.len()));
        }
        let inline = self
            .keys
            .sign_cleartext(&text, now_unix())
            .expect("a signature");
        let [detached, _] = self
            .keys
            .sign(text.as_bytes(), now_unix(), "")
            .expect("signatures");
        for (name, text) in [
            ("Release", text),
            ("InRelease", inline),
            ("Release.gpg", detached),
        ] {
            self.files.insert(path(name), text.into_bytes());
        }
    }

    /// Signs it all anew, and writes it.
    fn write(mut self, folder: &Path) {
        self.files.retain(|path, _| !path.starts_with("SHA256SUMS"));
        let sums = self.files.iter();
        let sums = sums.map(|(path, bytes)| format!("{}  {path}\n", Sha256::of(bytes)));
        let sums: String = sums.collect();
        let signatures = self.keys.sign(sums.as_bytes(), now_unix(), "a test");
        let [openpgp, minisign] = signatures.expect("signatures");
        for (name, text) in [
            ("SHA256SUMS", sums),
            ("SHA256SUMS.asc", openpgp),
            ("SHA256SUMS.minisig", minisign),
        ] {
            self.files.insert(name.to_owned(), text.into_bytes());
        }
        write_tree(folder, &self.files);
    }
}

/// What `release.json` says.
fn of_the_release() -> Vec<Contradiction> {
    vec![
        (|_| {}, "", ""),
        (
            |it| it.release(|release| release["valid_until"] = 1.into()),
            "release.json",
            "expired",
        ),
        (
            |it| it.release(|release| release["keys"]["minisign"] = "0".into()),
            "release.json",
            "other keys",
        ),
        (
            |it| it.release(|release| release["schema"] = 2.into()),
            "release.json",
            "form 2",
        ),
        (
            |it| it.release(|release| release["kernels"][0]["packages"][0]["size"] = 1.into()),
            "linux-image-6.12.0-tiny_1_amd64.deb",
            "says otherwise",
        ),
        (
            |it| {
                it.release(|release| release["kernels"][0]["packages"][1]["indexed"] = true.into());
            },
            "Packages",
            "does not name",
        ),
        (
            |it| it.release(|release| release["kernels"][0]["plan_id"] = "0".repeat(64).into()),
            "manifest.json",
            "another plan",
        ),
        (
            |it| {
                it.release(|release| {
                    drop(
                        release["kernels"][0]["packages"]
                            .as_array_mut()
                            .map(Vec::pop),
                    );
                });
            },
            "manifest.json",
            "other packages",
        ),
        (
            |it| it.release(|release| release["kernels"][0]["commit"] = "0".repeat(40).into()),
            "provenance.json",
            "expected",
        ),
    ]
}

/// Indexes and packages.
fn of_repositories() -> Vec<Contradiction> {
    vec![
        (
            |it| {
                let path = it.path("main/binary-amd64/Packages");
                it.files.insert(path, b"".to_vec());
            },
            "Release",
            "names",
        ),
        (
            |it| {
                let path = it.path("dists/debian-13/Release");
                let text = String::from_utf8_lossy(&it.files[&path]).replace("Suite", "Suit");
                it.files.insert(path, text.into_bytes());
            },
            "InRelease",
            "another Release",
        ),
        (
            |it| {
                let path = it.path("repomd.xml");
                it.files.insert(path, b"<repomd/>".to_vec());
            },
            "repomd.xml.asc",
            "altered",
        ),
        (
            |it| {
                let path = it.path("-primary.xml.gz");
                it.files.insert(path, b"other".to_vec());
            },
            "repomd.xml",
            "names",
        ),
        (
            |it| {
                // As it was built: nobody has signed it.
                let path = it.path("packages/tiny-rpm/kernel-tiny-rpm-1-2");
                let head = formats::rpm::Head::read(&it.files[&path][..]).expect("a package");
                let plain = head.unsigned().expect("a signed one").to_bytes();
                let mut package = it.files[&path].clone();
                package[..plain.len()].copy_from_slice(&plain);
                it.files.insert(path, package);
            },
            "kernel-tiny-rpm-1-2.x86_64.rpm",
            "not signed",
        ),
        (
            |it| {
                let path = it.path("packages/tiny-rpm/kernel-tiny-rpm-1-2");
                *it.files
                    .get_mut(&path)
                    .and_then(|it| it.last_mut())
                    .expect("a byte") ^= 1;
            },
            "kernel-tiny-rpm-1-2.x86_64.rpm",
            "without its signature",
        ),
    ]
}

/// What package managers believe, and nothing else vouches for.
fn of_indexes() -> Vec<Contradiction> {
    vec![
        (|it| it.index(|index| index), "", ""),
        (
            |it| it.index(|index| index.replace("Version: 6.12.1-1+mptcp1\n", "Version: 9\n")),
            "Packages",
            "vouches",
        ),
        (
            |it| {
                let path = it.path("linux-libc-dev");
                let bytes = &it.files[&path];
                let (below, digest) = (path.trim_start_matches("apt/"), Sha256::of(bytes));
                let entry = format!(
                    "\nPackage: linux-libc-dev\nVersion: 9\nArchitecture: amd64\nFilename: {below}\nSize: {}\nSHA256: {digest}\n",
                    bytes.len()
                );
                it.index(|index| index + &entry);
            },
            "Packages",
            "vouches",
        ),
        (
            |it| {
                // A package that the release brings itself, with something else in it.
                let path = it.path("linux-image-mptcp-tiny");
                let before = Sha256::of(&it.files[&path]).to_string();
                let size = it.files[&path].len();
                let other = TestPackage::new().name("linux-image-mptcp-tiny").build();
                let after = Sha256::of(&other).to_string();
                let other_size = other.len();
                it.files.insert(path, other);
                it.index(|index| {
                    let index = index.replace(&before, &after);
                    index.replace(&format!("Size: {size}\n"), &format!("Size: {other_size}\n"))
                });
            },
            "Packages",
            "vouches",
        ),
        (
            |it| {
                let path = it.path("main/binary-amd64/Packages.gz");
                let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
                gzip.write_all(b"Package: other\n")
                    .expect("memory takes all");
                it.files
                    .insert(path, gzip.finish().expect("memory takes all"));
                it.suite();
            },
            "Packages.gz",
            "another Packages",
        ),
        (
            |it| {
                let text = it.files[&it.path("debian-13/InRelease")].clone();
                it.files
                    .insert("apt/dists/other/InRelease".to_owned(), text);
            },
            "other/InRelease",
            "does not name",
        ),
        (
            |it| {
                it.release(|release| {
                    let kernels = release["kernels"].as_array_mut().expect("kernels");
                    kernels.insert(1, kernels[0].clone());
                });
            },
            "release.json",
            "stands behind",
        ),
        (
            |it| {
                it.release(|release| {
                    let kernels = release["kernels"].as_array_mut().expect("kernels");
                    kernels.push(kernels[0].clone());
                });
            },
            "release.json",
            "scattered",
        ),
    ]
}

/// Manifest, configuration, verdict and provenance.
fn of_papers() -> Vec<Contradiction> {
    vec![
        (
            |it| {
                it.json("kernels/tiny/6.12.1-1+mptcp1/manifest.json", |it| {
                    it["plan"]["recipe"] = "x".into();
                });
            },
            "manifest.json",
            "not the one of its id",
        ),
        (
            |it| {
                let path = it.path("kernels/tiny/6.12.1-1+mptcp1/config");
                it.files.insert(path, b"CONFIG_MPTCP=n\n".to_vec());
            },
            "config",
            "another configuration",
        ),
        (
            |it| {
                it.json("kernels/tiny/6.12.1-1+mptcp1/smoke.json", |it| {
                    it["verdict"] = "failed".into();
                    it["reason"] = "it hangs".into();
                });
            },
            "smoke.json",
            "not `passed`",
        ),
        (
            |it| {
                it.json("kernels/tiny/6.12.1-1+mptcp1/smoke.json", |it| {
                    it["manifest"] = "0".repeat(64).into();
                });
            },
            "smoke.json",
            "another manifest",
        ),
        (
            |it| {
                it.json("kernels/tiny/6.12.1-1+mptcp1/smoke.json", |it| {
                    it["machine"] = "x".into();
                    it["sabotage"] = "hang".into();
                });
            },
            "smoke.json",
            "does not count",
        ),
        (
            |it| {
                it.provenance(|it| {
                    it["predicate"]["buildDefinition"]["internalParameters"]["plan"] = 1.into();
                });
            },
            "provenance.json",
            "another plan",
        ),
        (
            |it| it.provenance(|it| it["subject"] = serde_json::json!([])),
            "provenance.json",
            "all packages",
        ),
        (
            |it| it.provenance(|it| it["predicateType"] = "https://example.org".into()),
            "provenance.json",
            "no SLSA",
        ),
        (
            |it| {
                it.provenance(|it| {
                    it["predicate"]["runDetails"]["byproducts"] = serde_json::json!([]);
                });
            },
            "provenance.json",
            "another verdict",
        ),
        (
            |it| {
                let path = it.path("kernels/tiny/6.12.1-1+mptcp1/provenance.json");
                it.files.insert(
                    path,
                    b"{\"payloadType\":\"\",\"payload\":\"\",\"signatures\":[]}".to_vec(),
                );
            },
            "provenance.json",
            "has not signed",
        ),
    ]
}

#[test]
fn a_release_that_contradicts_itself_is_refused_although_it_is_signed() {
    let scratch = ready();
    release(&scratch, &["tiny", "tiny-rpm"]).expect_code(0);
    let files = tree(&out(&scratch));
    let key = fingerprint(&scratch);
    let secret = scratch.beside("config").join("mptcp-kernels/keys");
    let open = || {
        let protected = ::release::keys::Protected::read(&secret).expect("keys");
        let passphrase = ::release::keys::Passphrase::new(PASSPHRASE.to_owned());
        protected.open(&passphrase).expect("keys")
    };
    for (number, (change, file, reason)) in [
        of_the_release(),
        of_repositories(),
        of_indexes(),
        of_papers(),
    ]
    .concat()
    .into_iter()
    .enumerate()
    {
        let mut forge = Forge {
            files: files.clone(),
            keys: open(),
        };
        change(&mut forge);
        let folder = scratch.beside(&format!("forged-{number}"));
        forge.write(folder.as_std_path());
        let run = verify(&scratch, folder.as_str(), &["--key", &key]);
        let code = if reason.is_empty() { 0 } else { 4 };
        assert_eq!(run.code, code, "{number}, {file}, {reason}: {}", run.text());
        let first = run.stderr.lines().next().unwrap_or_default();
        let named = first.split(": ").nth(1).unwrap_or_default();
        assert!(named.ends_with(file), "{number}, {file}: {}", run.text());
        assert!(
            run.stderr.replace('\n', " ").contains(reason),
            "{reason}: {}",
            run.text()
        );
    }
}
