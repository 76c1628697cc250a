//! `check`: everything that is wrong is told at once, with its place.

use super::{assert_run, each};
use crate::support::Scratch;

#[test]
fn the_projects_own_recipes_are_right() {
    let scratch = Scratch::new();
    let run = scratch.xtask(&["check", "--format", "json"]).expect_code(0);
    let recipes = scratch
        .xtask(&["list", "--format", "json"])
        .expect_code(0)
        .json();
    assert_eq!(
        run.json().as_array().map(Vec::len),
        recipes.as_array().map(Vec::len)
    );
    assert_eq!(run.stderr, "");
    assert!(recipes.as_array().is_some_and(|recipes| recipes.len() >= 4));
}

#[test]
fn a_right_project_is_listed_recipe_by_recipe() {
    let scratch = Scratch::small();
    assert_run!("right", scratch, scratch.xtask(&["check"]), 0);
    assert_run!("right_one", scratch, scratch.xtask(&["check", "tiny"]), 0);
}

#[test]
fn all_errors_of_a_recipe_are_reported_at_once_with_their_places() {
    let scratch = Scratch::small();
    scratch.write(
        "recipes/tiny.toml",
        r#"summary = "A fixture: everything is wrong"
architecture = "sparc"
container = "box"
version-sufix = "-tiny"
revision = "two"

[target]
distribution = "Debian!"
release = 13
format = "deb"
codename = "trixie"

[mptcp]
line = "downstream"

[source.package]
name = "Linux Source"

[config]
base = { target = "tinyconfig", package = "linux-image-amd64" }
fragments = ["base.config", "../../etc/passwd", 7]

[config.set]
CONFIG_DEBUG_INFO_NONE = { value = "y", reason = "with its prefix" }
EXPERT = { value = "y" }
PRINTK = "y"

[config.may-lose]
"*" = "everything"
DEBUG_INFO = 1

[config.unreproducible]
CONFIG_DEBUG_INFO = "with its prefix, too"
GCOV_KERNEL = ""

[smoke]
schedulers = "default"
"#,
    );
    let run = scratch.xtask(&["check", "tiny"]);
    for word in [
        "sparc",
        "version-sufix",
        "two",
        "Debian!",
        "codename",
        "downstream",
        "Linux Source",
        "passwd",
        "with its prefix",
    ] {
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
    assert_run!("all_errors", scratch, run, 1);
}

/// What recipe `tiny` accepts although builds differ by it.
fn accept(scratch: &Scratch, entries: &str) {
    scratch.replace(
        "recipes/tiny.toml",
        "[smoke]",
        &format!("[config.unreproducible]\n{entries}\n[smoke]"),
    );
}

/// One thing that is wrong in the small project, and which snapshot shows the message.
type Row = (&'static str, &'static [&'static str], fn(&Scratch));

const WRONG: &[Row] = &[
    ("value_of_a_set_symbol", &["check", "tiny"], |scratch| {
        scratch.replace("recipes/tiny.toml", r#"value = "y""#, r#"value = "maybe""#);
    }),
    ("unknown_key_in_container", &["check", "tiny"], |scratch| {
        scratch.replace("containers/box.toml", "components =", "component =");
    }),
    (
        "container_without_required_keys",
        &["check", "tiny"],
        |scratch| {
            scratch.write(
                "containers/box.toml",
                "[archives.fixture]\nsnapshot = \"ftp://example.org/\"\n",
            );
        },
    ),
    (
        "recipe_without_required_keys",
        &["check", "tiny"],
        |scratch| {
            scratch.write("recipes/tiny.toml", "");
        },
    ),
    (
        "recipes_extend_in_a_circle",
        &["check", "child"],
        |scratch| {
            scratch.replace(
                "recipes/tiny.toml",
                "architecture =",
                "extends = \"child\"\narchitecture =",
            );
        },
    ),
    ("unknown_parent", &["check", "child"], |scratch| {
        scratch.replace(
            "recipes/child.toml",
            r#"extends = "tiny""#,
            r#"extends = "tinny""#,
        );
    }),
    (
        "parent_outside_of_the_folder",
        &["check", "child"],
        |scratch| {
            scratch.replace(
                "recipes/child.toml",
                r#"extends = "tiny""#,
                r#"extends = "../tiny""#,
            );
        },
    ),
    (
        "an_error_in_the_parent_is_shown_there",
        &["check", "child"],
        |scratch| {
            scratch.replace(
                "recipes/tiny.toml",
                r#"line = "upstream""#,
                r#"line = "up""#,
            );
        },
    ),
    ("missing_fragment", &["check", "tiny"], |scratch| {
        scratch.remove("recipes/config/base.config");
    }),
    ("malformed_fragment_line", &["check", "tiny"], |scratch| {
        scratch.write(
            "recipes/config/base.config",
            "CONFIG_NET=y\nMPTCP=y\nCONFIG_MPTCP=yes\n",
        );
    }),
    ("missing_container", &["check", "tiny"], |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            r#"container = "box""#,
            r#"container = "bx""#,
        );
    }),
    ("no_toml", &["check", "tiny"], |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            "architecture = \"amd64\"",
            "architecture = amd64\ncontainer \"box",
        );
    }),
    ("malformed_hash_in_a_lock", &["check", "tiny"], |scratch| {
        let lock = scratch.read("recipes/tiny.lock");
        let hash = lock
            .rsplit("sha256 = \"")
            .next()
            .expect("a hash")
            .split('"')
            .next()
            .expect("its end");
        scratch.write(
            "recipes/tiny.lock",
            lock.replace(&format!("sha256 = \"{hash}\""), "sha256 = \"123\""),
        );
    }),
    (
        "accepting_what_no_rule_names",
        &["check", "tiny"],
        |scratch| {
            accept(
                scratch,
                "DEBUG_INFO_BFT = \"for BPF\"\nMPTCP = \"it is a test\"\n\"DEBUG_*\" = \"all\"\n",
            );
        },
    ),
    (
        "accepting_without_a_reason",
        &["check", "tiny"],
        |scratch| {
            accept(scratch, "DEBUG_INFO_BTF = \" \"\nKERNEL_LZO = true\n");
        },
    ),
    ("accepting_in_another_form", &["check", "tiny"], |scratch| {
        scratch.replace(
            "recipes/tiny.toml",
            "[config.set]",
            "unreproducible = [\"DEBUG_INFO\"]\n\n[config.set]",
        );
    }),
    (
        "accepting_wrongly_in_the_parent",
        &["check", "child"],
        |scratch| {
            accept(scratch, "GCOV = \"it is a test\"\n");
        },
    ),
    ("several_recipes", &["check"], |scratch| {
        scratch.replace("recipes/tiny.toml", "summary =", "sumary =");
        scratch.replace(
            "recipes/stock.toml",
            r#"format = "deb""#,
            r#"format = "rpn""#,
        );
    }),
];

#[test]
fn what_is_wrong_is_named_with_its_place() {
    each(
        WRONG,
        |row| row.0.to_owned(),
        |(name, arguments, spoil)| {
            let scratch = Scratch::small();
            spoil(&scratch);
            assert_run!(*name, scratch, scratch.xtask(arguments), 1);
        },
    );
}

#[test]
fn what_a_rule_names_can_be_accepted_here_and_in_the_parent() {
    let scratch = Scratch::small();
    accept(&scratch, "DEBUG_INFO_BTF = \"for BPF\"\n");
    scratch.xtask(&["check", "tiny", "child"]).expect_code(0);
}

#[test]
fn a_wrong_value_is_reported_together_with_other_errors() {
    let scratch = Scratch::small();
    scratch.replace("recipes/tiny.toml", r#"value = "y""#, r#"value = "maybe""#);
    scratch.replace(
        "recipes/tiny.toml",
        r#"line = "upstream""#,
        r#"line = "up""#,
    );
    scratch.replace("recipes/config/base.config", "CONFIG_NET=y", "NET=y");
    let run = scratch.xtask(&["check", "tiny"]).expect_code(1);
    for word in ["maybe", "unknown variant `up`", "neither `CONFIG_X=value`"] {
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
}

#[test]
fn a_missing_keyring_is_an_error_of_the_project() {
    let scratch = Scratch::small();
    scratch.replace("containers/box.toml", "fixture.asc", "fixtura.asc");
    let run = scratch.xtask(&["check", "tiny"]).expect_code(1);
    assert!(run.stderr.contains("fixtura.asc"), "{}", run.stderr);
}

#[test]
fn a_recipe_of_a_malformed_name_is_not_passed_over() {
    let scratch = Scratch::small();
    scratch.write("recipes/My_Recipe.toml", scratch.read("recipes/tiny.toml"));
    let run = scratch.xtask(&["check"]).expect_code(1);
    assert!(run.stderr.contains("My_Recipe"), "{}", run.stderr);
}

#[test]
fn a_container_without_recipe_is_checked_too() {
    let scratch = Scratch::small();
    scratch.write(
        "containers/spare.toml",
        "summary = \"spare\"\narchitecture = \"amd64\"\npackages = []\n[archives]\n",
    );
    scratch.xtask(&["check", "tiny"]).expect_code(0);
    assert_run!("unused_container", scratch, scratch.xtask(&["check"]), 1);
}

#[test]
fn a_container_that_cannot_make_the_packages_is_told() {
    let scratch = Scratch::new();
    let recipe = scratch.read("recipes/mini.toml");
    let recipe = recipe
        .replace("distribution = \"debian\"", "distribution = \"fedora\"")
        .replace("release = \"13\"", "release = \"44\"")
        .replace("format = \"deb\"", "format = \"rpm\"");
    scratch.write("recipes/mini.toml", &recipe);
    scratch.seal_recipe("mini");
    scratch.xtask(&["check", "mini"]).expect_code(0);

    scratch.write(
        "recipes/mini.toml",
        recipe.replace("\"debian-13\"", "\"debian-11\""),
    );
    scratch.seal_recipe("mini");
    let run = scratch.xtask(&["check", "mini"]).expect_code(1);
    let expected = "recipe `mini` asks for .rpm packages, and container `debian-11` has nothing that makes them";
    let said = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(expected), "{}", run.stderr);
}

#[test]
fn outside_of_a_project_the_message_says_so() {
    let scratch = Scratch::small();
    let run = scratch.xtask(&["--project", "/nonexistent/folder", "check"]);
    assert_run!("no_project", scratch, run, 1);
}
