//! A release of real packages in the hands of apt, dnf and those who check signatures, over HTTP from one container to
//! another; and what they say to one that was altered.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use host::clock::now_unix;
use release::keys::{NewKeys, Passphrase, create};
use release::page::lines;

use super::{Clients, Set, Target, set};
use crate::prepared::{Ready, say};
use crate::support::Scratch;

const ROOT: &str = include_str!("root.sh");
const RPM_ROOT: &str = include_str!("rpm-root.sh");
const RELEASE: &str = include_str!("release.sh");
const RELEASE_APT: &str = include_str!("release-apt.sh");
const RELEASE_DNF: &str = include_str!("release-dnf.sh");
const PASSPHRASE: &str = "a passphrase for tests";
const DAY: u64 = 86_400;

#[test]
#[ignore = "needs a container engine"]
fn real_clients_install_from_a_release_and_refuse_altered_ones() {
    let mut ready = Ready::new();
    let deb = set(&ready, Target::Debian, 1);
    let rpm = set(&ready, Target::Fedora, 1);
    results(&ready.scratch, deb, rpm);
    let now = now_unix();
    keys(&ready.scratch, "keys", now - 100 * DAY);
    keys(&ready.scratch, "other", now - 100 * DAY);
    let scratch = &mut ready.scratch;
    scratch.set_env("MPTCP_KERNELS_PASSPHRASE", PASSPHRASE);
    let expired = publish(scratch, "expired", "keys", now - 40 * DAY);
    let other = publish(scratch, "other-tree", "other", now);
    let good = publish(scratch, "good", "keys", now);
    let text = &good["release.json"];
    let release: model::release::Release = serde_json::from_slice(text).expect("a release");
    let [debian, fedora] = ["deb", "rpm"].map(|format| {
        let mut kernels = release.newest();
        let kernel = kernels.find(|kernel| kernel.format().extension() == format);
        lines(&release, kernel.expect("a kernel")).join("\n")
    });
    say(&format!("the page says:\n{debian}\n{fedora}"));
    let page = String::from_utf8_lossy(&good["index.html"]).into_owned();
    let shown = |line: &str| page.contains(&line.replace('&', "&amp;"));
    assert!(debian.lines().chain(fedora.lines()).all(shown), "{page}");
    let served: Vec<_> = good
        .iter()
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect();
    let mut files = below("tree", &good);
    files.extend(below("expired", &only(&expired, "apt/dists/")));
    files.extend(below("other", &only(&other, "mptcp-kernels.")));
    for (name, text) in [
        ("root.sh", ROOT),
        ("rpm-root.sh", RPM_ROOT),
        ("debian.sh", &debian),
        ("fedora.sh", &fedora),
    ] {
        files.push((name.to_owned(), text.as_bytes().to_vec()));
    }
    let script =
        format!(". /work/root.sh\n. /work/rpm-root.sh\n{RELEASE}\n{RELEASE_APT}\n{RELEASE_DNF}");
    let environment = [("DEB", deb.release.as_str()), ("RPM", rpm.release.as_str())];
    Clients::new(&ready)
        .run_beside(&served, &script, &files, &environment)
        .expect_good();
}

/// `mini` for Debian and for Fedora, with the packages that were built of it, as results that passed.
fn results(scratch: &Scratch, deb: &Set, rpm: &Set) {
    let recipe = scratch.read("recipes/mini.toml");
    let recipe = recipe.replace("for-release = false\n", "");
    scratch.write("recipes/mini.toml", &recipe);
    let fedora = recipe
        .replace("distribution = \"debian\"", "distribution = \"fedora\"")
        .replace("release = \"13\"", "release = \"44\"")
        .replace("format = \"deb\"", "format = \"rpm\"");
    scratch.write("recipes/mini-rpm.toml", fedora);
    scratch.write("recipes/mini-rpm.lock", scratch.read("recipes/mini.lock"));
    scratch.seal_recipe("mini");
    scratch.seal_recipe("mini-rpm");
    scratch.commit();
    for (recipe, set) in [("mini", deb), ("mini-rpm", rpm)] {
        scratch.write_finished(scratch.finished(recipe, set.files.clone()));
    }
}

fn keys(scratch: &Scratch, name: &str, now: u64) {
    let new = NewKeys {
        user: "Example <kernels@example.org>".to_owned(),
        now,
        days: 1000,
    };
    let passphrase = Passphrase::new(PASSPHRASE.to_owned());
    create(&scratch.beside(name), None, &new, &passphrase).expect("keys");
}

fn publish(scratch: &mut Scratch, name: &str, keys: &str, date: u64) -> BTreeMap<String, Vec<u8>> {
    scratch.set_env("SOURCE_DATE_EPOCH", date.to_string());
    let (out, keys) = (scratch.beside(name), scratch.beside(keys));
    let arguments = [
        "release",
        "--url",
        "http://127.0.0.1:8000",
        "--out",
        out.as_str(),
    ];
    let more = ["--keys", keys.as_str(), "mini", "mini-rpm"];
    scratch
        .xtask(&[&arguments[..], &more].concat())
        .expect_code(0);
    let mut files = BTreeMap::new();
    collect(out.as_std_path(), "", &mut files);
    files
}

fn collect(folder: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("UTF-8");
        let path = format!("{below}{name}");
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{path}/"), files);
        } else {
            files.insert(path, fs::read(entry.path()).expect("a file"));
        }
    }
}

fn below(folder: &str, files: &BTreeMap<String, Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    let place = |(path, bytes): (&String, &Vec<u8>)| (format!("{folder}/{path}"), bytes.clone());
    files.iter().map(place).collect()
}

fn only(files: &BTreeMap<String, Vec<u8>>, start: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = files.clone();
    files.retain(|path, _| path.starts_with(start));
    files
}
