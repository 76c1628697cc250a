//! Witnesses build a release again from their own clone. The kernel is the toy, which is built in seconds.

use std::fs;

use camino::Utf8PathBuf;
use host::clock::now_unix;
use release::keys::{NewKeys, Passphrase, create};

use crate::prepared::assert_says;
use crate::support::Run;
use crate::toy_kernel::{Place, packages};

const PASSPHRASE: &str = "a passphrase for tests";

struct Witnessed {
    place: Place,
    public: Utf8PathBuf,
}

impl Witnessed {
    /// A toy that was built and, as if it could, booted.
    fn new() -> Self {
        let mut place = Place::new();
        place.json(&["lock", "toy"]);
        place.ready.scratch.commit();
        place.report(&[]);
        let scratch = &mut place.ready.scratch;
        scratch.set_env("MPTCP_KERNELS_PASSPHRASE", PASSPHRASE);
        scratch.pass("toy");
        let public = scratch.beside("public");
        let this = Self { place, public };
        for name in ["publisher", "alice", "bob"] {
            this.make_keys(name);
        }
        this
    }

    fn make_keys(&self, name: &str) {
        let new = NewKeys {
            user: format!("{name} <{name}@example.org>"),
            now: now_unix(),
            days: 10,
        };
        let passphrase = Passphrase::new(PASSPHRASE.to_owned());
        create(&self.keys(name), None, &new, &passphrase).expect("keys");
    }

    fn keys(&self, name: &str) -> Utf8PathBuf {
        self.place.ready.scratch.beside(name)
    }

    fn public_key(&self, name: &str) -> String {
        self.keys(name).join("mptcp-kernels.pub").into_string()
    }

    fn release(&mut self) {
        let keys = self.keys("publisher");
        let arguments = ["release", "toy", "--url", "https://kernels.example.org"];
        let more = [
            "--out",
            self.public.as_str(),
            "--previous",
            "",
            "--keys",
            keys.as_str(),
        ];
        let run = self.place.run(&[&arguments[..], &more].concat());
        run.expect_code(0);
    }

    fn verify(&mut self, more: &[&str]) -> Run {
        let (public, key) = (self.public.clone(), self.public_key("publisher"));
        let common = ["verify", public.as_str(), "--key", &key];
        self.place.run(&[&common, more].concat())
    }

    /// What a witness who builds it again wrote.
    fn rebuild(&mut self, witness: &str) -> String {
        let keys = self.keys(witness);
        let run = self.verify(&["--rebuild", "--keys", keys.as_str()]);
        let report = run.expect_code(0).json();
        let files = report["rebuilt"].as_array().expect("attestations");
        assert_eq!(files.len(), 1, "{report}");
        files[0].as_str().expect("a file").to_owned()
    }
}

#[test]
#[ignore = "needs a container engine"]
fn witnesses_build_a_release_again_and_notice_other_bytes() {
    let mut it = Witnessed::new();
    it.release();
    // What a clone has since does not count, but the commit that the release names.
    let fragment = it.place.ready.scratch.read("recipes/config/toy.config");
    let scratch = &it.place.ready.scratch;
    scratch.write("recipes/config/toy.config", "CONFIG_OTHER=y\n");
    let alice = it.rebuild("alice");
    let (key_a, key_b) = (it.public_key("alice"), it.public_key("bob"));
    let one = [
        "--witness",
        &key_a,
        "--witness",
        &key_b,
        "--attestation",
        &alice,
    ];
    it.verify(&[&["--require", "1"], &one[..]].concat())
        .expect_code(0);
    let run = it
        .verify(&[&["--require", "2"], &one[..]].concat())
        .expect_code(4);
    assert_says(&run.stderr, "1 of the 2 witnesses");
    // Nobody counts twice, and nobody counts whom the reader does not name.
    let copy = it.place.ready.scratch.beside("copy.json").into_string();
    fs::copy(&alice, &copy).expect("a copy");
    let twice = [&one[..], &["--attestation", &copy]].concat();
    it.verify(&[&["--require", "2"], &twice[..]].concat())
        .expect_code(4);
    let bob = it.rebuild("bob");
    let stranger = [
        "--witness",
        &key_a,
        "--attestation",
        &alice,
        "--attestation",
        &bob,
    ];
    let run = it
        .verify(&[&["--require", "2"], &stranger[..]].concat())
        .expect_code(4);
    assert_says(&run.stderr, "none of the witnesses has signed it");
    let both = [&one[..], &["--attestation", &bob]].concat();
    let run = it
        .verify(&[&["--require", "2"], &both[..]].concat())
        .expect_code(0);
    assert_eq!(run.json()["witnesses"], 2);

    // A publisher whose packages are others than the recipe makes.
    let scratch = &it.place.ready.scratch;
    scratch.write("recipes/config/toy.config", fragment);
    let mut packages = packages(&scratch.path("out/toy"));
    let (name, bytes) = packages.iter_mut().next().expect("a package");
    let name = name.clone();
    *bytes.last_mut().expect("a byte") ^= 1;
    scratch.write_finished(scratch.finished("toy", packages));
    it.release();
    it.verify(&[]).expect_code(0);
    let keys = it.keys("alice");
    let run = it
        .verify(&["--rebuild", "--keys", keys.as_str()])
        .expect_code(4);
    assert_says(&run.stderr, "toy does not come out the same");
    assert_says(&run.stderr, &name);
    // What was attested does not stand for it.
    it.verify(&[&["--require", "1"], &one[..]].concat())
        .expect_code(4);
}
