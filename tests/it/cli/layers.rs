//! Recipes that extend others, and what the identity of a plan depends on.

use serde_json::{Value, json};

use super::each;
use crate::support::Scratch;
use crate::support::scratch::OUT_OF_TREE;

fn shown(scratch: &Scratch, recipe: &str) -> Value {
    scratch
        .xtask(&["show", recipe, "--format", "json"])
        .expect_code(0)
        .json()
}

fn plan_id(scratch: &Scratch, recipe: &str) -> String {
    let id = shown(scratch, recipe)["plan_id"]
        .as_str()
        .expect("a plan has an id")
        .to_owned();
    assert_eq!(id.len(), 64);
    id
}

fn fragments(shown: &Value) -> Vec<&str> {
    let fragments = shown["plan"]["fragments"]
        .as_array()
        .expect("a plan has fragments");
    fragments
        .iter()
        .filter_map(|fragment| fragment["name"].as_str())
        .collect()
}

#[test]
fn single_values_override_and_fragments_append() {
    let scratch = Scratch::small();
    let (parent, child) = (shown(&scratch, "tiny"), shown(&scratch, "child"));
    assert_eq!(child["summary"], "A fixture: a recipe that extends another");
    assert_eq!(parent["plan"]["version_suffix"], "-tiny");
    assert_eq!(child["plan"]["version_suffix"], "-child");
    for inherited in ["target", "line", "container", "base", "architecture"] {
        assert_eq!(
            child["plan"][inherited], parent["plan"][inherited],
            "{inherited}"
        );
        assert!(!child["plan"][inherited].is_null(), "{inherited}");
    }
    assert_eq!(
        fragments(&parent),
        ["recipes/config/base.config", "recipe.config"]
    );
    assert_eq!(
        fragments(&child),
        [
            "recipes/config/base.config",
            "recipes/config/more.config",
            "recipe.config"
        ]
    );
    assert_eq!(child["smoke"], parent["smoke"]);
    assert_eq!(child["smoke"]["congestion_controls"], json!(["reno"]));
}

#[test]
fn symbols_merge_by_symbol_and_the_child_has_the_last_word() {
    let scratch = Scratch::small();
    let text = scratch.xtask(&["show", "child"]).expect_code(0).stdout;
    assert!(
        text.contains("DEBUG_INFO_NONE=y: a fixture needs none"),
        "{text}"
    );
    assert!(
        text.contains("IKCONFIG=y: a fixture shows its configuration"),
        "{text}"
    );
    scratch.replace(
        "recipes/child.toml",
        "IKCONFIG = {",
        "DEBUG_INFO_NONE = { value = \"n\", reason = \"the child does\" }\nIKCONFIG = {",
    );
    let text = scratch.xtask(&["show", "child"]).expect_code(0).stdout;
    assert!(text.contains("DEBUG_INFO_NONE=n: the child does"), "{text}");
    assert!(!text.contains("a fixture needs none"), "{text}");
}

#[test]
fn sysctls_merge_and_lists_of_the_child_replace() {
    let scratch = Scratch::small();
    scratch.write(
        "recipes/child.toml",
        scratch.read("recipes/child.toml") + "\n[smoke]\nsysctls = { \"net.mptcp.pm_type\" = \"0\" }\ncongestion-controls = [\"cubic\"]\n",
    );
    let smoke = &shown(&scratch, "child")["smoke"];
    assert_eq!(
        smoke["sysctls"],
        json!({ "net.mptcp.enabled": "1", "net.mptcp.pm_type": "0" })
    );
    assert_eq!(smoke["congestion_controls"], json!(["cubic"]));
}

#[test]
fn a_recipe_may_extend_one_that_extends_another() {
    let scratch = Scratch::small();
    scratch.write(
        "recipes/grandchild.toml",
        "extends = \"child\"\nversion-suffix = \"-grandchild\"\n",
    );
    scratch.write(
        "recipes/grandchild.lock",
        scratch.read("recipes/child.lock"),
    );
    scratch.seal_recipe("grandchild");
    let shown = shown(&scratch, "grandchild");
    assert_eq!(shown["summary"], "A fixture: a recipe that extends another");
    assert_eq!(shown["plan"]["version_suffix"], "-grandchild");
    assert_eq!(fragments(&shown).len(), 3);
}

/// A change to the small project.
type Change = (&'static str, fn(&Scratch));

/// What decides bytes.
const DECIDES: &[Change] = &[
    ("a fragment", |scratch| {
        scratch.replace(
            "recipes/config/base.config",
            "CONFIG_NET=y",
            "CONFIG_NET=y\nCONFIG_INET=y",
        );
    }),
    ("a fragment more", |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            r#"["base.config"]"#,
            r#"["base.config", "more.config"]"#,
        );
    }),
    ("the version suffix", |scratch| {
        scratch.replace("recipes/tiny.toml", r#""-tiny""#, r#""-other""#);
    }),
    ("the revision", |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            "container = \"box\"",
            "container = \"box\"\nrevision = 2",
        );
    }),
    ("the target's release", |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            r#"release = "13""#,
            r#"release = "14""#,
        );
    }),
    ("the target's distribution", |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            r#"distribution = "debian""#,
            r#"distribution = "other""#,
        );
    }),
    ("the line", |scratch| {
        scratch.replace("recipes/tiny.toml", r#"line = "upstream""#, OUT_OF_TREE);
    }),
    ("the scheduler", |scratch| {
        let other = OUT_OF_TREE.replace(r#"scheduler = "default""#, r#"scheduler = "redundant""#);
        scratch.replace("recipes/tiny.toml", r#"line = "upstream""#, &other);
    }),
    ("the base", |scratch| {
        scratch.replace("recipes/tiny.toml", r#""tinyconfig""#, r#""allnoconfig""#);
    }),
    ("a symbol of the recipe", |scratch| {
        scratch.replace("recipes/tiny.toml", r#"value = "y""#, r#"value = "n""#);
    }),
    ("the hash of an input", |scratch| {
        let line = |digit: &str| format!("size = 3000000\nsha256 = \"{}\"", digit.repeat(64));
        scratch.replace("recipes/tiny.lock", &line("a"), &line("c"));
        scratch.seal_recipe("tiny");
    }),
    ("the version of an input", |scratch| {
        scratch.replace(
            "recipes/tiny.lock",
            r#"version = "6.12.1-1""#,
            r#"version = "6.12.2-1""#,
        );
        scratch.seal_recipe("tiny");
    }),
    ("the time of an input", |scratch| {
        scratch.replace(
            "recipes/tiny.lock",
            "timestamp = 1748649600",
            "timestamp = 1748649601",
        );
        scratch.seal_recipe("tiny");
    }),
    ("a package of the container", |scratch| {
        scratch.replace("containers/box.lock", &"b".repeat(64), &"c".repeat(64));
        scratch.seal_container("box");
    }),
    ("the bootstrap of the container", |scratch| {
        scratch.replace(
            "containers/box.lock",
            r#"bootstrap = ["dpkg"]"#,
            r#"bootstrap = ["dpkg", "gcc"]"#,
        );
        scratch.seal_container("box");
    }),
    ("whether it is for release", |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            "container = \"box\"",
            "container = \"box\"\nfor-release = false",
        );
    }),
    ("what may be lost", |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            "DEBUG_INFO = \"a fixture",
            "DEBUG_INFO_BTF = \"x\"\nDEBUG_INFO = \"a fixture",
        );
    }),
    ("what is accepted although builds differ by it", |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            "[smoke]",
            "[config.unreproducible]\nDEBUG_INFO_BTF = \"x\"\n\n[smoke]",
        );
    }),
    ("the reason of what may be lost", |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            "DEBUG_INFO = \"a fixture",
            "DEBUG_INFO = \"another",
        );
    }),
];

/// What decides none.
const DECIDES_NOT: &[Change] = &[
    ("the summary", |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            "the smallest recipe",
            "another summary",
        );
    }),
    ("the container's summary", |scratch| {
        scratch.replace("containers/box.toml", "a container", "another summary");
    }),
    ("what the smoke boot finds", |scratch| {
        scratch.replace("recipes/tiny.toml", r#"["reno"]"#, r#"["reno", "cubic"]"#);
    }),
    ("sysctls of the smoke boot", |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            r#""net.mptcp.enabled" = "1""#,
            r#""net.mptcp.enabled" = "0""#,
        );
    }),
    ("a reason", |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            r#"reason = "a fixture needs none""#,
            r#"reason = "because""#,
        );
    }),
    ("a comment in the recipe", |scratch| {
        scratch.replace("recipes/tiny.toml", "[mptcp]", "# Which one.\n[mptcp]");
    }),
    ("when the recipe's suites were seen", |scratch| {
        scratch.replace(
            "recipes/tiny.lock",
            "date = 1748736000",
            "date = 1748736001",
        );
        scratch.seal_recipe("tiny");
    }),
    ("a fragment that is not used", |scratch| {
        scratch.write("recipes/config/more.config", "CONFIG_SWAP=y\n");
    }),
];

#[test]
fn the_plans_identity_changes_with_all_that_decides_bytes() {
    let before = plan_id(&Scratch::small(), "tiny");
    each(
        DECIDES,
        |row| row.0.to_owned(),
        |(what, change)| {
            let scratch = Scratch::small();
            change(&scratch);
            assert_ne!(plan_id(&scratch, "tiny"), before, "{what}");
        },
    );
}

#[test]
fn the_plans_identity_stays_with_what_decides_no_bytes() {
    let before = plan_id(&Scratch::small(), "tiny");
    each(
        DECIDES_NOT,
        |row| row.0.to_owned(),
        |(what, change)| {
            let scratch = Scratch::small();
            let files = [
                "recipes/tiny.toml",
                "containers/box.toml",
                "recipes/tiny.lock",
                "recipes/config/more.config",
            ];
            let old = files.map(|file| scratch.read(file));
            change(&scratch);
            assert_ne!(
                old,
                files.map(|file| scratch.read(file)),
                "{what} was changed"
            );
            assert_eq!(plan_id(&scratch, "tiny"), before, "{what}");
        },
    );
}

#[test]
fn a_parent_decides_for_its_children_and_they_not_for_it() {
    let scratch = Scratch::small();
    let (tiny, child) = (plan_id(&scratch, "tiny"), plan_id(&scratch, "child"));
    assert_ne!(tiny, child);
    scratch.replace(
        "recipes/child.toml",
        r#"IKCONFIG = { value = "y""#,
        r#"IKCONFIG = { value = "n""#,
    );
    let changed = plan_id(&scratch, "child");
    assert_eq!(plan_id(&scratch, "tiny"), tiny);
    assert_ne!(changed, child);
    scratch.replace("recipes/tiny.toml", r#"value = "y""#, r#"value = "n""#);
    assert_ne!(plan_id(&scratch, "child"), changed);
}

#[test]
fn the_plans_identity_is_the_same_wherever_the_project_lies() {
    assert_eq!(
        plan_id(&Scratch::small(), "tiny"),
        plan_id(&Scratch::small(), "tiny")
    );
}
