//! The summary of a result, whatever its packages and its guest say.

use std::collections::BTreeMap;
use std::fs;

use model::digest::Sha256;
use model::manifest::{Artifact, Manifest, Phase, Run as BuildRun, SCHEMA};
use model::plan::canonical_json;
use model::smoke::{Carried, Check, Machine, Smoke, Span, Verdict};
use serde_json::json;

use crate::support::{Run, Scratch};

/// What packages and guests may say.
const HOSTILE: &str = "<img src=x onerror=alert(1)>|`a` ``` [x](javascript:y) **b** @root #1 \u{1b}[2J\u{202e}www.example.org";

/// A result of recipe `tiny`, as a build leaves it.
struct Made {
    scratch: Scratch,
    manifest: Manifest,
}

impl Made {
    fn new(package: &str, release: &str) -> Self {
        let bytes = b"a package";
        let plan = json!({ "recipe": "tiny" });
        let artifact = Artifact {
            size: bytes.len() as u64,
            sha256: Sha256::of(bytes),
            control: None,
        };
        let manifest = Manifest {
            schema: SCHEMA,
            plan_id: Sha256::of(canonical_json(&plan)),
            plan,
            for_release: true,
            source_tree: Sha256::of("tree"),
            kernel_release: release.to_owned(),
            artifacts: [(package.to_owned(), artifact)].into(),
            lost: BTreeMap::new(),
            unreproducible: BTreeMap::new(),
        };
        let made = Self {
            scratch: Scratch::small(),
            manifest,
        };
        made.write(package, bytes);
        let text = made.manifest_text();
        made.write("manifest.json", &text);
        made.write(
            "run.json",
            serde_json::to_string(&made.run()).expect("JSON"),
        );
        let sums = [
            (package, Sha256::of(bytes)),
            ("manifest.json", Sha256::of(&text)),
        ];
        let sums: String = sums
            .iter()
            .map(|(name, digest)| format!("{digest}  {name}\n"))
            .collect();
        made.write("SHA256SUMS", sums);
        made
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        self.scratch.write(&format!("out/tiny/{name}"), text);
    }

    fn manifest_text(&self) -> String {
        serde_json::to_string(&self.manifest).expect("JSON")
    }

    fn run(&self) -> BuildRun {
        let phase = Phase {
            name: "compile".to_owned(),
            seconds: 90.0,
            peak_memory: None,
            cpu_seconds: None,
        };
        BuildRun {
            schema: SCHEMA,
            plan_id: self.manifest.plan_id,
            started: 0,
            phases: vec![phase],
            tool: "0".to_owned(),
            engine: BTreeMap::new(),
            tool_peak_memory: None,
            jobs: 1,
            incremental: false,
            compiler_cache: None,
            surroundings: BTreeMap::new(),
        }
    }

    /// A verdict whose every text is `text`.
    fn smoke(&self, verdict: Verdict, text: &str) -> Smoke {
        let text = text.to_owned();
        let smoke = Smoke::not_run(None, BTreeMap::new(), None, 0, text.clone());
        Smoke {
            verdict,
            reason: (verdict != Verdict::Passed).then(|| text.clone()),
            manifest: Some(Sha256::of(self.manifest_text())),
            machine: Some(Machine {
                accelerator: text.clone(),
                cpus: 2,
                memory: 1,
                qemu: text.clone(),
                container: text.clone(),
                guest: Sha256::of("guest"),
                initramfs: 1,
                command_line: text.clone(),
                sabotage: None,
            }),
            phases: vec![Span {
                name: text.clone(),
                start: 0.0,
                end: 1.25,
            }],
            checks: vec![Check {
                group: text.clone(),
                name: text.clone(),
                passed: verdict == Verdict::Passed,
                expected: text.clone(),
                found: text.clone(),
            }],
            links: vec![Carried {
                transfer: text.clone(),
                direction: text,
                payload: 8_388_608,
                links: [5_000_001, 4_000_002],
                microseconds: 1_234_567,
            }],
            ..smoke
        }
    }

    fn booted(&self, smoke: &Smoke) {
        self.write("smoke.json", smoke.render().expect("JSON"));
    }

    fn ask(&self) -> Run {
        self.scratch.xtask(&["ci", "summary", "tiny"])
    }
}

#[test]
fn a_result_is_told_with_its_evidence() {
    let mut made = Made::new("linux-image-6.0.0-tiny_1_amd64.deb", "6.0.0-tiny");
    made.booted(&made.smoke(Verdict::Passed, "transfer-ipv4"));
    let report = json!({
        "schema": 1, "plan_id": made.manifest.plan_id, "verdict": "identical",
        "variations": [{ "applied": true }, { "applied": false }],
    });
    made.write("reproduction.json", report.to_string());
    let file = made.scratch.beside("summary");
    fs::write(&file, "before\n").expect("it can be written");
    made.scratch.set_env("GITHUB_STEP_SUMMARY", file.as_str());
    let run = made.ask().expect_code(0);
    insta::assert_snapshot!("summary", made.scratch.stable(&run.stdout));
    let appended = fs::read_to_string(&file).expect("it can be read");
    assert_eq!(appended, format!("before\n{}\n", run.stdout));
}

#[test]
fn what_is_not_passed_never_reads_as_passed() {
    let made = Made::new("a.deb", "6.0.0");
    let title = |run: Run| {
        let run = run.expect_code(0);
        run.stdout.lines().next().expect("a title").to_owned()
    };
    assert_eq!(title(made.ask()), "### <code>tiny</code>: NO VERDICT");
    made.booted(&made.smoke(Verdict::Failed, "x"));
    assert_eq!(title(made.ask()), "### <code>tiny</code>: FAILED");
    made.booted(&made.smoke(Verdict::NotRun, "x"));
    assert_eq!(title(made.ask()), "### <code>tiny</code>: NOT BOOTED");
    let mut other = made.smoke(Verdict::Passed, "x");
    other.manifest = Some(Sha256::of("another"));
    made.booted(&other);
    assert_eq!(title(made.ask()), "### <code>tiny</code>: NO VERDICT");
    made.write("smoke.json", "{}");
    assert_eq!(title(made.ask()), "### <code>tiny</code>: NO VERDICT");
    for (report, told) in [
        ("{}", "not known"),
        (
            "{\"schema\":1,\"plan_id\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"verdict\":\"identical\",\"variations\":[]}",
            "not tried",
        ),
    ] {
        made.write("reproduction.json", report);
        let run = made.ask().expect_code(0);
        assert!(
            run.stdout.contains(&format!("| built twice | {told}")),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn nothing_that_packages_or_guests_say_is_obeyed() {
    let name = format!("{}.deb", HOSTILE.replace('/', "_"));
    let made = Made::new(&name, HOSTILE);
    made.booted(&made.smoke(Verdict::Failed, HOSTILE));
    made.write("reproduction.json", format!("\"{HOSTILE}\n"));
    let run = made.ask().expect_code(0);
    let text = run.stdout;
    // Only what this tool itself writes is markup.
    let own = text.replace("<code>", "").replace("</code>", "");
    for bad in [
        '<', '>', '`', '[', ']', '@', '\u{1b}', '\u{202e}', '\\', '~',
    ] {
        assert!(!own.contains(bad), "{bad:?} in {own}");
    }
    assert!(
        !text.contains("www.") && !text.contains("javascript:"),
        "{text}"
    );
    assert!(!text.contains("**"), "{text}");
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let columns = line.matches('|').count() - 1;
        assert!([2, 3, 4, 6].contains(&columns), "{line}");
    }
    assert!(
        text.lines().all(|line| {
            line.is_empty()
                || line.starts_with("| ")
                || line.starts_with("### ")
                || line.starts_with("#### ")
        }),
        "{text}"
    );
}

#[test]
fn what_is_no_whole_result_is_told_as_such() {
    let scratch = Scratch::small();
    let run = scratch.xtask(&["ci", "summary", "tiny"]).expect_code(1);
    assert!(
        run.stdout.starts_with("### <code>tiny</code>: no result\n"),
        "{}",
        run.stdout
    );
    scratch.xtask(&["ci", "summary", "../tiny"]).expect_code(1);

    let made = Made::new("a.deb", "6.0.0");
    made.booted(&made.smoke(Verdict::Passed, "x"));
    made.write("a.deb", "another package");
    let run = made.ask().expect_code(4);
    assert!(
        run.stdout
            .starts_with("### <code>tiny</code>: not a result of a build\n"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains("passed"), "{}", run.stdout);
    assert!(run.stderr.contains("a.deb was changed"), "{}", run.stderr);
}
