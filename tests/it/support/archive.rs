//! A small apt archive: signed by a real key, served over loopback, and dishonest on request.

use std::collections::BTreeMap;
use std::io::Write as _;

use formats::testing::TestKey;
use host::testing::TestServer;
use model::digest::Sha256;

use super::Scratch;

/// When the archive's metadata says it was made: Sun, 01 Jun 2025 00:00:00 UTC.
const DATE: u64 = 1_748_736_000;
/// The modification time in every package: Sat, 31 May 2025 00:00:00 UTC.
pub(crate) const BUILT: u64 = 1_748_649_600;

/// A package file with what an index says of it.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    name: String,
    version: String,
    architecture: String,
    depends: String,
    bytes: Vec<u8>,
}

/// The content of a package.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deb {
    files: Vec<(String, Vec<u8>)>,
}

impl Deb {
    /// Adds a file.
    pub(crate) fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((format!("./{path}"), content.into()));
        self
    }

    fn build(&self, control: &str) -> Vec<u8> {
        let control = gzip(&tar(&[("./control".to_owned(), control.into())]));
        let members = [
            ("debian-binary", b"2.0\n".to_vec()),
            ("control.tar.gz", control),
            ("data.tar.gz", gzip(&tar(&self.files))),
        ];
        let mut bytes = b"!<arch>\n".to_vec();
        for (name, content) in members {
            let header = format!(
                "{name:<16}{BUILT:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                0,
                0,
                "100644",
                content.len()
            );
            bytes.extend(header.as_bytes());
            bytes.extend(&content);
            if content.len() % 2 == 1 {
                bytes.push(b'\n');
            }
        }
        bytes
    }
}

impl Package {
    /// A package of this name and version.
    pub(crate) fn new(name: &str, version: &str) -> Self {
        Self::with(
            name,
            version,
            "amd64",
            "",
            &Deb::default().file("usr/share/doc/x", format!("{name} {version}\n")),
        )
    }

    /// A package that holds nothing and depends on another.
    pub(crate) fn meta(name: &str, version: &str, depends: &str) -> Self {
        Self::with(name, version, "amd64", depends, &Deb::default())
    }

    /// A package with everything said.
    pub(crate) fn with(
        name: &str,
        version: &str,
        architecture: &str,
        depends: &str,
        content: &Deb,
    ) -> Self {
        let depends_line = if depends.is_empty() {
            String::new()
        } else {
            format!("Depends: {depends}\n")
        };
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n{depends_line}Description: a fixture\n"
        );
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: architecture.to_owned(),
            depends: depends_line,
            bytes: content.build(&control),
        }
    }

    /// A file that is no package, although an index says so.
    pub(crate) fn broken(name: &str, version: &str) -> Self {
        Self {
            bytes: b"this is no package\n".to_vec(),
            ..Self::new(name, version)
        }
    }

    /// Its path below the archive's root.
    pub(crate) fn path(&self) -> String {
        format!(
            "pool/main/{}_{}_{}.deb",
            self.name, self.version, self.architecture
        )
    }

    /// The digest of its bytes.
    pub(crate) fn sha256(&self) -> Sha256 {
        Sha256::of(&self.bytes)
    }

    /// Its bytes with one of them changed, and as many as before.
    pub(crate) fn altered(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        bytes
    }

    fn stanza(&self) -> String {
        let Self {
            name,
            version,
            architecture,
            depends,
            bytes,
        } = self;
        let (path, size, sha256) = (self.path(), bytes.len(), self.sha256());
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n{depends}Filename: {path}\nSize: {size}\nSHA256: {sha256}\nDescription: a fixture\n\n"
        )
    }
}

/// A suite's `Release` file before it is signed.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    /// The suite's folder below `dists/`.
    pub(crate) suite: String,
    /// What the file says it is, where that differs.
    pub(crate) codename: Option<String>,
    /// When it was made, in Unix seconds.
    pub(crate) date: u64,
    /// Until when it is valid, in Unix seconds.
    pub(crate) valid_until: Option<u64>,
    /// The packages of component `main`.
    pub(crate) packages: Vec<Package>,
    /// Whether the index is `Packages.gz`; otherwise it is `Packages.xz`.
    pub(crate) gzip: bool,
    /// Whether the index is also there by its hash.
    pub(crate) by_hash: bool,
}

impl Release {
    /// An honest suite with these packages.
    pub(crate) fn new(suite: &str, packages: &[Package]) -> Self {
        Self {
            suite: suite.to_owned(),
            codename: None,
            date: DATE,
            valid_until: None,
            packages: packages.to_vec(),
            gzip: false,
            by_hash: false,
        }
    }

    /// This suite, so many days later.
    pub(crate) fn later(mut self, days: u64) -> Self {
        self.date = DATE + days * 86_400;
        self
    }

    /// The index of component `main`: its path below the suite's folder, and its bytes.
    pub(crate) fn index(&self) -> (String, Vec<u8>) {
        let text: String = self.packages.iter().map(Package::stanza).collect();
        let (name, bytes) = if self.gzip {
            ("Packages.gz", gzip(text.as_bytes()))
        } else {
            ("Packages.xz", xz(text.as_bytes()))
        };
        (format!("main/binary-amd64/{name}"), bytes)
    }

    /// The text that is signed.
    pub(crate) fn text(&self) -> String {
        let name = self.codename.as_ref().unwrap_or(&self.suite);
        let (path, index) = self.index();
        let valid_until = self
            .valid_until
            .map(|end| format!("Valid-Until: {}\n", rfc1123(end)))
            .unwrap_or_default();
        let by_hash = if self.by_hash {
            "Acquire-By-Hash: yes\n"
        } else {
            ""
        };
        format!(
            "Origin: Fixture\nLabel: Fixture\nSuite: {name}\nCodename: {name}\nDate: {}\n{valid_until}{by_hash}Architectures: amd64\nComponents: main\nSHA256:\n {} {} {path}\n",
            rfc1123(self.date),
            Sha256::of(&index),
            index.len(),
        )
    }
}

/// The archive, served under `fixture/`.
#[derive(Debug)]
pub(crate) struct Archive {
    /// The server, to misbehave.
    pub(crate) server: TestServer,
    /// The key that the project trusts.
    pub(crate) key: TestKey,
}

impl Archive {
    /// An honest archive of these suites. The project trusts its key from now on.
    pub(crate) fn serve(scratch: &Scratch, releases: &[Release]) -> Self {
        let server = TestServer::serve(BTreeMap::<String, Vec<u8>>::new()).expect("a free port");
        let archive = Self {
            server,
            key: TestKey::from_seed(1),
        };
        scratch.write("containers/keys/fixture.asc", archive.key.armored_public());
        for release in releases {
            archive.publish(release);
        }
        archive
    }

    /// Publishes a suite, signed by the archive's key, with its index and packages.
    pub(crate) fn publish(&self, release: &Release) {
        let text = self.sign(release);
        self.put_release(&release.suite, text);
        let (path, index) = release.index();
        if release.by_hash {
            let digest = Sha256::of(&index);
            self.put(
                &format!(
                    "dists/{}/main/binary-amd64/by-hash/SHA256/{digest}",
                    release.suite
                ),
                index.clone(),
            );
        }
        self.put(&format!("dists/{}/{path}", release.suite), index);
        for package in &release.packages {
            self.put(&package.path(), package.bytes.clone());
        }
    }

    /// A suite's `InRelease`, signed by the archive's key.
    pub(crate) fn sign(&self, release: &Release) -> String {
        self.key.sign_cleartext(&release.text(), DATE)
    }

    /// Serves this text as a suite's `InRelease`.
    pub(crate) fn put_release(&self, suite: &str, text: impl Into<Vec<u8>>) {
        self.put(&format!("dists/{suite}/InRelease"), text);
    }

    /// Serves these bytes.
    pub(crate) fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.server.put(&format!("fixture/{path}"), bytes);
    }

    /// Its base address.
    pub(crate) fn url(&self) -> String {
        self.server.url("fixture")
    }

    /// The value of `--mirror` that leads here.
    pub(crate) fn mirror(&self) -> String {
        format!("fixture={}", self.url())
    }
}

/// A date as apt writes it.
fn rfc1123(unix: u64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (days, seconds) = (unix / 86_400, unix % 86_400);
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (mut year, mut day) = (1970, days);
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 0;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    let weekday = WEEKDAYS[usize::try_from(days % 7).expect("small")];
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        "{weekday}, {:02} {} {year} {hour:02}:{minute:02}:{second:02} UTC",
        day + 1,
        MONTHS[month]
    )
}

fn tar(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(BUILT);
        builder
            .append_data(&mut header, path, &content[..])
            .expect("writing to memory");
    }
    builder.into_inner().expect("writing to memory")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}
