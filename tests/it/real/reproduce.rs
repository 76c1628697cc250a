//! Builds twice, under variation: `mini` comes out the same, and has the committed bytes; what is planted into a toy so
//! that it does not is found, and called by its name.

use std::time::Duration;

use host::engine::EngineInfo;
use host::environment::var;
use serde_json::Value;

use crate::packages::built;
use crate::prepared::{Host, Ready, is_relocked, say};
use crate::support::{Golden, Kernel, Run};
use crate::toy_kernel::{Place, toy, with_modules};

/// How long it may take to build `mini` once more, without any cache; it takes ten minutes on two idle cores.
const BUILD: Duration = Duration::from_secs(90 * 60);
/// How many things are varied.
const VARIATIONS: usize = 12;
/// How much memory an engine has whose second builds are in memory, in bytes.
const MEMORY_FOR_OBJECTS: u64 = 12 << 30;

/// Why a variation cannot be applied with this engine, if it cannot.
fn excuse(engine: &EngineInfo, variation: &str) -> Option<&'static str> {
    match variation {
        "processors" if engine.cpus == 1 => Some("the engine has one processor"),
        "file system" if engine.memory < MEMORY_FOR_OBJECTS => {
            Some("the engine has too little memory for objects in it")
        }
        _ => None,
    }
}

fn is_applied(report: &Value, name: &str) -> bool {
    let variations = report["variations"].as_array().expect("variations");
    let mut named = variations
        .iter()
        .filter(|variation| variation["name"] == name);
    named.next().expect("the variation")["applied"] == true
}

/// All bytes are the same, and everything was varied that can be.
#[track_caller]
fn assert_identical(ready: &Ready, recipe: &str, run: &Run) {
    let report = run.json();
    assert_eq!(report["verdict"], "identical", "{report:#}");
    assert!(report["difference"].is_null(), "{report:#}");
    let files = report["files"].as_object().expect("files");
    // Three packages, the configuration, the manifest.
    assert_eq!(files.len(), 5, "{files:?}");
    for (name, compared) in files {
        assert!(compared["first"].is_string(), "{name}: {compared}");
        assert_eq!(compared["first"], compared["second"], "{name}");
    }
    assert_eq!(report["second"]["from_scratch"], true);

    let engine = Host::open(ready).engine.info();
    let engine = engine.expect("what the engine tells of itself");
    let variations = report["variations"].as_array().expect("variations");
    assert_eq!(variations.len(), VARIATIONS, "{variations:#?}");
    for variation in variations {
        let name = variation["name"].as_str().expect("a name");
        match excuse(&engine, name) {
            Some(reason) => say(&format!(
                "skipped: {recipe} under variation of {name} ({reason})"
            )),
            None => assert_eq!(variation["applied"], true, "{variation:#}"),
        }
    }
    let beside = ready
        .scratch
        .read(&format!("out/{recipe}/reproduction.json"));
    let beside: Value = serde_json::from_str(&beside).expect("JSON");
    assert_eq!(beside, report);
}

#[test]
#[ignore = "needs a container engine"]
fn mini_comes_out_the_same() {
    if var("MPTCP_KERNELS_FULL").as_deref() != Some("1") {
        say(
            "skipped: mini_comes_out_the_same (compiles a second time on one processor; `cargo xtask test --full`)",
        );
        return;
    }
    let ready = Ready::new();
    let first = built(&ready);
    let reproduce = ["reproduce", "mini", "--format", "json"];
    let run = ready.scratch.start(&reproduce).wait(BUILD).expect_code(0);
    assert_identical(&ready, "mini", &run);
    let report = run.json();
    assert_eq!(
        report["plan_id"],
        first.json("manifest.json")["plan_id"],
        "{report:#}"
    );
    assert_eq!(
        report["first"]["started"],
        first.json("run.json")["started"],
        "what was built before serves as the first build"
    );
}

#[test]
#[ignore = "needs a container engine"]
fn mini_has_the_bytes_that_are_committed() {
    if is_relocked() {
        say(
            "skipped: mini_has_the_bytes_that_are_committed (the committed locks cannot be built any more)",
        );
        return;
    }
    let ready = Ready::new();
    let built = built(&ready);
    let plan = &built.json("manifest.json")["plan_id"];
    let found = Golden {
        plan: plan.as_str().expect("a plan has an id").to_owned(),
        sums: built.text("SHA256SUMS").to_owned(),
    };
    if var("MPTCP_KERNELS_UPDATE").as_deref() == Some("1") {
        found.commit();
    }
    assert_eq!(Golden::committed().complaint(&found), None);
}

#[test]
fn golden_bytes_complain_of_each_kind_of_change() {
    let golden = |plan: &str, sums: &str| Golden {
        plan: plan.to_owned(),
        sums: sums.to_owned(),
    };
    let committed = golden("a", "1  config\n2  x.deb\n");
    assert_eq!(
        committed.complaint(&golden("a", "1  config\n2  x.deb\n")),
        None
    );
    let moved = committed.complaint(&golden("b", "1  config\n3  x.deb\n"));
    assert!(moved.is_some_and(|text| text.contains("MPTCP_KERNELS_UPDATE=1")));
    let crept = committed.complaint(&golden("a", "1  config\n3  x.deb\n"));
    let crept = crept.expect("a complaint");
    assert!(
        crept.contains("committed: 2  x.deb\nbuilt:     3  x.deb\n"),
        "{crept}"
    );
    assert!(!crept.contains("config"), "{crept}");
}

/// Something that makes a toy come out in another way each time.
struct Plant {
    branch: &'static str,
    /// What makes the module, in the folder that goes into the package.
    script: &'static str,
    /// What it is called by.
    cause: &'static str,
    /// Where it is found, from the package's archive on.
    place: &'static [&'static str],
    /// What has to vary for it to show; it always does where there is nothing.
    needs: Option<&'static str>,
}

/// The section of a module that a plant is in.
const SECTION: &str = "section .rodata.plant";

const PLANTS: [Plant; 5] = [
    Plant {
        branch: "date",
        // gcc's own __DATE__ obeys SOURCE_DATE_EPOCH.
        script: r##"echo "#define BUILT \"$(date)\"" > ../built.h
echo '__attribute__((section(".rodata.plant"))) const char plant[] = BUILT;' > ../toy.c
gcc -include ../built.h -c -o toy.ko ../toy.c
"##,
        cause: "embedded-date",
        place: &["toy.ko", SECTION],
        needs: None,
    },
    Plant {
        branch: "path",
        // gcc's own __FILE__ is mapped.
        script: r#"echo "__attribute__((section(\".rodata.plant\"))) const char plant[] = \"$(pwd)/toy.c\";" > ../toy.c
gcc -c -o toy.ko ../toy.c
"#,
        cause: "path",
        place: &["toy.ko", SECTION],
        needs: Some("path"),
    },
    Plant {
        branch: "random",
        script: r#"head -c 4096 /dev/urandom > ../random
echo '__asm__(".section .rodata.plant; .incbin \"../random\"");' > ../toy.c
gcc -c -o toy.ko ../toy.c
"#,
        cause: "random-bytes",
        place: &["toy.ko", SECTION],
        needs: None,
    },
    Plant {
        branch: "order",
        script: r#"mkdir ../many
for number in $(seq 100); do echo toy > "../many/$number"; done
(cd ../many && find . -type f | tar --owner=0 --group=0 --mtime="@$SOURCE_DATE_EPOCH" -cf ../modules/many.tar -T -)
"#,
        cause: "file-order",
        place: &["many.tar"],
        needs: Some("directory order"),
    },
    Plant {
        branch: "owner",
        script: r#"echo toy > ../file
tar --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C .. -cf owned.tar file
"#,
        cause: "ownership",
        place: &["owned.tar", "file", "owner"],
        needs: Some("user"),
    },
];

fn reproduce(place: &mut Place, branch: &str, kernel: &Kernel) -> Run {
    let source = place.source(branch, kernel);
    place.run(&["reproduce", "toy", "--source", &source])
}

#[test]
#[ignore = "needs a container engine"]
fn planted_differences_are_named() {
    let mut place = Place::new();
    let run = reproduce(&mut place, "main", &toy()).expect_code(0);
    assert_identical(&place.ready, "toy", &run);
    assert!(
        !place.ready.scratch.path("out/reproduce").exists(),
        "of two equal results, one stays"
    );
    for plant in &PLANTS {
        let run = reproduce(&mut place, plant.branch, &with_modules(plant.script));
        let report = run.json();
        let needed = plant.needs.filter(|needed| !is_applied(&report, needed));
        if let Some(needed) = needed {
            let branch = plant.branch;
            say(&format!(
                "skipped: planted {branch} ({needed} cannot be varied here)"
            ));
            continue;
        }
        check_found(&place, plant, &run.expect_code(4), &report);
    }
}

fn check_found(place: &Place, plant: &Plant, run: &Run, report: &Value) {
    let branch = plant.branch;
    assert_eq!(report["verdict"], "different", "{branch}: {report:#}");
    let difference = &report["difference"];
    assert_eq!(difference["cause"], plant.cause, "{branch}: {report:#}");
    let found = difference["place"].as_array().expect("a place");
    let found: Vec<_> = found.iter().filter_map(Value::as_str).collect();
    let (package, inside) = found.split_first().expect("a package");
    assert!(
        package.starts_with("linux-image-") && report["files"][*package].is_object(),
        "{branch}: {found:?}"
    );
    assert_eq!(inside.first(), Some(&"data.tar"), "{branch}: {found:?}");
    let mut rest = inside.iter();
    for expected in plant.place {
        let is_it = |found: &&str| found == expected || found.ends_with(&format!("/{expected}"));
        assert!(
            rest.any(is_it),
            "{branch}: no {expected} in its turn: {found:?}"
        );
    }
    assert!(
        run.stderr
            .contains("recipe `toy` does not come out the same"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("out/reproduce/toy"),
        "it is told where the second result is: {}",
        run.stderr
    );
    let scratch = &place.ready.scratch;
    for folder in ["out/toy", "out/reproduce/toy"] {
        let kept: Value =
            serde_json::from_str(&scratch.read(&format!("{folder}/reproduction.json")))
                .expect("JSON");
        assert_eq!(&kept, report, "{branch}: {folder}");
    }
}
