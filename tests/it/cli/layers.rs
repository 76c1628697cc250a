//! Recipes that extend others.

use serde_json::{Value, json};

use super::plan::{plan_id, shown};
use crate::support::Scratch;

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
