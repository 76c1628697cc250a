//! An apt repository: its indexes, the packages it brings itself, and the file that adds it to a machine.
//!
//! One folder `apt` has all distributions; each is a suite of it, `debian-13`. Sources: apt-secure(8), sources.list(5),
//! <https://wiki.debian.org/DebianRepository/Format>.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;

use formats::dates::rfc1123;
use formats::deb;
use model::release::{Kernel, Release};

use crate::deb::Deb;
use crate::error::ReleaseError;
use crate::keys::{Keys, OPENPGP_PUBLIC, PublicKeys};
use crate::text::clean;
use crate::tree::{Draft, Stored, gzip};

/// The folder of all suites.
pub(crate) const FOLDER: &str = "apt";
/// The indexes of a suite, below it.
const INDEXES: &str = "main/binary-amd64";
/// The package that brings the key, also when it changes.
pub(crate) const KEYRING: &str = "mptcp-kernels-keyring";

/// A suite, and what is in it.
#[derive(Debug)]
pub(crate) struct Suite<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    pub(crate) release: &'a Release,
    pub(crate) keys: &'a Keys,
    /// Its kernels.
    pub(crate) kernels: Vec<&'a Kernel>,
    /// The index files of the release before, for those who are reading it: paths and contents.
    pub(crate) before: BTreeMap<String, Vec<u8>>,
}

/// The path of a package of this suite.
pub(crate) fn package_path(suite: &str, file: &str) -> String {
    format!("{FOLDER}/pool/{suite}/{file}")
}

/// What the package is called that depends on a recipe's newest kernel, or on its headers.
pub(crate) fn meta_name(kind: &str, recipe: &str) -> String {
    format!("linux-{kind}-mptcp-{recipe}")
}

/// Writes a suite.
pub(crate) fn write(draft: &mut Draft, suite: &Suite<'_>) -> Result<(), ReleaseError> {
    let mut entries = Vec::new();
    let own = own_packages(suite.release, suite.name, &suite.keys.public())?;
    for (path, bytes) in own {
        let stored = draft.add(&path, bytes)?;
        entries.push(entry(draft, &path, stored)?);
    }
    let packages = suite.kernels.iter().flat_map(|kernel| &kernel.packages);
    for package in packages.filter(|package| package.indexed) {
        entries.push(entry(draft, &package.path, package.into())?);
    }
    entries.sort();
    let index = entries.join("\n");
    let files = write_indexes(draft, suite, index.as_bytes())?;
    let text = suite.release_text(&files);
    let (date, openpgp) = (suite.release.date, &suite.keys.openpgp);
    let folder = format!("{FOLDER}/dists/{}", suite.name);
    draft.add(&format!("{folder}/Release"), &text)?;
    let inline = suite.keys.sign_cleartext(&text, date)?;
    draft.add(&format!("{folder}/InRelease"), inline)?;
    let detached = openpgp.sign_detached(text.as_bytes(), date)?;
    draft.add(&format!("{folder}/Release.gpg"), detached)?;
    let sources = format!("{FOLDER}/{}.sources", suite.name);
    draft.add(&sources, suite.sources())?;
    Ok(())
}

/// Writes the index in the forms that apt takes, each also by its digest, so that one that is replaced while apt reads
/// fits to the `Release` that apt has.
fn write_indexes(
    draft: &mut Draft,
    suite: &Suite<'_>,
    index: &[u8],
) -> Result<BTreeMap<String, Stored>, ReleaseError> {
    let mut files = BTreeMap::new();
    let folder = format!("{FOLDER}/dists/{}", suite.name);
    for (name, bytes) in [("Packages", index.to_vec()), ("Packages.gz", gzip(index))] {
        let path = format!("{INDEXES}/{name}");
        let stored = draft.add(&format!("{folder}/{path}"), &bytes)?;
        draft.add(&by_hash(&folder, &stored), &bytes)?;
        files.insert(path, stored);
    }
    for bytes in suite.before.values() {
        let path = by_hash(&folder, &Stored::of(bytes));
        if !draft.files().contains_key(&path) {
            draft.add(&path, bytes)?;
        }
    }
    Ok(files)
}

/// The index files of a suite that apt may be reading.
pub(crate) fn index_paths(suite: &str) -> Vec<String> {
    let names = ["Packages", "Packages.gz"];
    names
        .map(|name| format!("{FOLDER}/dists/{suite}/{INDEXES}/{name}"))
        .into()
}

fn by_hash(folder: &str, stored: &Stored) -> String {
    format!("{folder}/{INDEXES}/by-hash/SHA256/{}", stored.sha256)
}

/// A package in the index: what it says of itself, where it is and what it has to be.
fn entry(draft: &Draft, path: &str, stored: Stored) -> Result<String, ReleaseError> {
    let place = draft.place(path)?;
    let file = File::open(&place).map_err(ReleaseError::file("reading", &place))?;
    let package = deb::open(BufReader::new(file));
    let package = package.map_err(|error| ReleaseError::untrusted(path, error))?;
    let control = package.control().text().trim_end();
    let below = path.strip_prefix(&format!("{FOLDER}/")).unwrap_or(path);
    let (size, sha256) = (stored.size, stored.sha256);
    Ok(format!(
        "{control}\nFilename: {below}\nSize: {size}\nSHA256: {sha256}\n"
    ))
}

impl Suite<'_> {
    fn release_text(&self, files: &BTreeMap<String, Stored>) -> String {
        let name = self.name;
        let date = rfc1123(self.release.date);
        let until = rfc1123(self.release.valid_until);
        let mut text = format!(
            "Origin: mptcp-kernels\nLabel: mptcp-kernels\nSuite: {name}\nCodename: {name}\nDate: {date}\n\
             Valid-Until: {until}\nAcquire-By-Hash: yes\nArchitectures: amd64\nComponents: main\n\
             Description: Linux kernels with Multipath TCP\nSHA256:\n"
        );
        for (path, stored) in files {
            text.push_str(&format!(" {} {} {path}\n", stored.sha256, stored.size));
        }
        text
    }

    fn sources(&self) -> String {
        let url = &self.release.url;
        format!(
            "Types: deb\nURIs: {url}/{FOLDER}\nSuites: {}\nComponents: main\nArchitectures: amd64\n\
             Signed-By: /usr/share/keyrings/{OPENPGP_PUBLIC}\n",
            self.name
        )
    }
}

/// What a suite brings itself: paths and contents, which follow from the rest of the release, so that its readers can
/// make them, too.
pub(crate) fn own_packages(
    release: &Release,
    suite: &str,
    public: &PublicKeys,
) -> Result<BTreeMap<String, Vec<u8>>, ReleaseError> {
    let mut packages = vec![keyring(public)?];
    let newest = release.newest();
    for kernel in newest.filter(|kernel| kernel.repository() == suite) {
        packages.push(meta(kernel, "image", public)?);
        packages.push(meta(kernel, "headers", public)?);
    }
    let packages = packages.into_iter();
    Ok(packages
        .map(|(file, bytes)| (package_path(suite, &file), bytes))
        .collect())
}

fn keyring(public: &PublicKeys) -> Result<(String, Vec<u8>), ReleaseError> {
    let version = format!("{}", public.stated);
    let path = format!("usr/share/keyrings/{OPENPGP_PUBLIC}");
    let control = format!(
        "Package: {KEYRING}\nVersion: {version}\nArchitecture: all\nMaintainer: {}\nSection: misc\n\
         Priority: optional\nDescription: key of the repository of Linux kernels with Multipath TCP\n \
         apt takes this key, {}, for that repository alone.\n",
        clean(&public.user),
        public.fingerprint
    );
    let files = [(&path[..], public.openpgp.as_bytes())];
    build(public, KEYRING, &version, "all", &control, &files)
}

fn meta(
    kernel: &Kernel,
    kind: &str,
    public: &PublicKeys,
) -> Result<(String, Vec<u8>), ReleaseError> {
    let name = meta_name(kind, kernel.recipe.as_str());
    let version = &kernel.version;
    let needed = format!("linux-{kind}-{}", kernel.kernel_release);
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: {}\nSection: kernel\n\
         Priority: optional\nDepends: {needed} (= {version})\n\
         Description: newest {kind} of recipe {}\n {}\n",
        clean(&public.user),
        kernel.recipe,
        clean(&kernel.summary)
    );
    build(public, &name, version, "amd64", &control, &[])
}

fn build(
    public: &PublicKeys,
    name: &str,
    version: &str,
    architecture: &str,
    control: &str,
    files: &[(&str, &[u8])],
) -> Result<(String, Vec<u8>), ReleaseError> {
    // The same package as long as it says the same.
    let time = public.stated;
    let deb = Deb {
        control,
        files,
        time,
    };
    let bytes = deb.build().map_err(|error| ReleaseError::Render {
        what: "a package",
        reason: error.to_string(),
    })?;
    Ok((format!("{name}_{version}_{architecture}.deb"), bytes))
}
