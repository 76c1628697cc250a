//! What the identity of a plan depends on: all that decides bytes, and nothing else.

use std::time::Duration;

use model::lock::{ContainerLock, Lock, RecipeLock};
use serde_json::Value;

use super::each;
use crate::support::scratch::OUT_OF_TREE;
use crate::support::{Golden, Run, Scratch};

pub(crate) fn shown(scratch: &Scratch, recipe: &str) -> Value {
    show(scratch, recipe).expect_code(0).json()
}

fn show(scratch: &Scratch, recipe: &str) -> Run {
    scratch.xtask(&["show", recipe, "--format", "json"])
}

pub(crate) fn plan_id(scratch: &Scratch, recipe: &str) -> String {
    id_of(&shown(scratch, recipe))
}

fn id_of(shown: &Value) -> String {
    let id = shown["plan_id"].as_str().expect("a plan has an id");
    assert_eq!(id.len(), 64);
    id.to_owned()
}

/// What a change of one value does to the plan of `tiny`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It has another id.
    Moves,
    /// It stays: the value decides no byte.
    Stays,
    /// There is no plan; a lock does not belong to its definition, or the value is wrong.
    Refused,
}

use Effect::{Moves, Refused, Stays};

/// The files that make the plan of `tiny`, and what changing a value of each does unless [`OTHERWISE`] says so.
const FILES: [(&str, Effect); 4] = [
    (RECIPE, Moves),
    (RECIPE_LOCK, Moves),
    // A changed definition makes its lock stale.
    (CONTAINER, Refused),
    (CONTAINER_LOCK, Moves),
];
const RECIPE: &str = "recipes/tiny.toml";
const RECIPE_LOCK: &str = "recipes/tiny.lock";
const CONTAINER: &str = "containers/box.toml";
const CONTAINER_LOCK: &str = "containers/box.lock";

/// Values that cannot be any, or do something else than the others of their file: file, value, its replacement where
/// it cannot be any, effect.
const OTHERWISE: &[(&str, &str, Option<&str>, Effect)] = &[
    (RECIPE, "summary", None, Stays),
    (RECIPE, "architecture", Some("arm64"), Refused),
    (RECIPE, "container", Some("other"), Moves),
    (RECIPE, "target.release", Some("14"), Moves),
    (RECIPE, "target.format", Some("rpm"), Moves),
    // It needs more beside it: see `the line` below.
    (RECIPE, "mptcp.line", Some("out-of-tree"), Refused),
    // Its lock has to follow.
    (RECIPE, "source.package.name", None, Refused),
    (RECIPE, "config.base.target", Some("allnoconfig"), Moves),
    (RECIPE, "config.fragments.0", Some("more.config"), Moves),
    (RECIPE, "config.set.DEBUG_INFO_NONE.value", Some("n"), Moves),
    (RECIPE, "config.set.DEBUG_INFO_NONE.reason", None, Stays),
    (RECIPE, "smoke.sysctls.net.mptcp.enabled", Some("0"), Stays),
    (RECIPE, "smoke.congestion-controls.0", Some("cubic"), Stays),
    (RECIPE_LOCK, "schema", None, Refused),
    (RECIPE_LOCK, "definition", None, Refused),
    (RECIPE_LOCK, "content", None, Refused),
    // From where and when it was seen.
    (RECIPE_LOCK, "suites.0.archive", None, Stays),
    (RECIPE_LOCK, "suites.0.suite", None, Stays),
    (RECIPE_LOCK, "suites.0.date", None, Stays),
    (RECIPE_LOCK, "suites.0.inrelease", None, Stays),
    (RECIPE_LOCK, "suites.0.signers.0", None, Stays),
    (
        RECIPE_LOCK,
        "inputs.0.role",
        Some("stock-configuration"),
        Refused,
    ),
    (CONTAINER, "summary", None, Stays),
    (CONTAINER_LOCK, "schema", None, Refused),
    (CONTAINER_LOCK, "definition", None, Refused),
    (CONTAINER_LOCK, "content", None, Refused),
];

/// The small project with what a changed value may lead to: a container of another name, and one that can make
/// packages of the other format.
fn small() -> Scratch {
    let scratch = Scratch::small();
    let lock = scratch.read(CONTAINER_LOCK);
    let (_, package) = lock
        .rsplit_once("[[packages]]")
        .expect("a package of the container");
    let rpm = package.replace("gcc", "rpm");
    scratch.write(CONTAINER_LOCK, format!("{lock}\n[[packages]]{rpm}"));
    scratch.seal_container("box");
    for end in ["toml", "lock"] {
        let text = scratch.read(&format!("containers/box.{end}"));
        scratch.write(&format!("containers/other.{end}"), text);
    }
    scratch.seal_container("other");
    scratch
}

/// The places of all values in a file, each as the keys that lead there.
fn leaves(value: &toml::Value) -> Vec<Vec<String>> {
    let below = |key: String, value: &toml::Value| {
        let deeper = leaves(value).into_iter();
        let deeper = deeper.map(|rest| [vec![key.clone()], rest].concat());
        deeper.collect::<Vec<_>>()
    };
    match value {
        toml::Value::Table(table) => {
            let rows = table.iter();
            rows.flat_map(|(key, value)| below(key.clone(), value))
                .collect()
        }
        toml::Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .flat_map(|(index, value)| below(index.to_string(), value))
                .collect()
        }
        _ => vec![Vec::new()],
    }
}

fn leaf<'a>(value: &'a mut toml::Value, place: &[String]) -> &'a mut toml::Value {
    place.iter().fold(value, |value, key| match value {
        toml::Value::Array(items) => {
            let index: usize = key.parse().expect("an index");
            &mut items[index]
        }
        value => value.get_mut(key.as_str()).expect("a value"),
    })
}

/// Another value of the same kind.
fn other(value: &toml::Value) -> toml::Value {
    match value {
        toml::Value::Integer(number) => toml::Value::Integer(number + 1),
        toml::Value::Boolean(value) => toml::Value::Boolean(!value),
        toml::Value::String(text) => {
            let is_hex =
                |length| text.len() == length && text.bytes().all(|c| c.is_ascii_hexdigit());
            toml::Value::String(if is_hex(64) || is_hex(40) {
                "c".repeat(text.len())
            } else {
                format!("{text}x")
            })
        }
        other => panic!("no recipe and no lock has {other}"),
    }
}

/// Changes one value of a file. A lock is sealed again, as whoever made it with this value would have.
fn change(scratch: &Scratch, file: &str, place: &[String], replacement: Option<&str>) {
    let mut value: toml::Value = toml::from_str(&scratch.read(file)).expect("TOML");
    let leaf = leaf(&mut value, place);
    let before = leaf.clone();
    *leaf = match replacement {
        Some(text) => toml::Value::String(text.to_owned()),
        None => other(&before),
    };
    assert_ne!(*leaf, before);
    let text = toml::to_string(&value).expect("TOML");
    let is_seal = place == ["content"];
    scratch.write(
        file,
        match file {
            _ if is_seal => text,
            RECIPE_LOCK => sealed::<RecipeLock>(&text),
            CONTAINER_LOCK => sealed::<ContainerLock>(&text),
            _ => text,
        },
    );
}

fn sealed<L: Lock>(text: &str) -> String {
    let lock: L = toml::from_str(text).expect("a lock");
    let name = "any".parse().expect("a name");
    lock.sealed().render(&name).expect("a lock can be written")
}

/// What changing a value did.
fn effect(before: &str, run: &Run) -> Effect {
    match run.code {
        0 if id_of(&run.json()) == before => Stays,
        0 => Moves,
        1 => Refused,
        _ => panic!("{}", run.text()),
    }
}

#[test]
fn every_value_moves_the_plan_unless_it_decides_no_byte() {
    let scratch = small();
    let before = plan_id(&scratch, "tiny");
    let mut rows = Vec::new();
    for (file, usual) in FILES {
        let value = toml::from_str(&scratch.read(file)).expect("TOML");
        rows.extend(leaves(&value).into_iter().map(|place| (file, place, usual)));
    }
    let exception = |file: &str, place: &[String]| {
        let place = place.join(".");
        let mut known = OTHERWISE.iter();
        known.find(|(of, leaf, ..)| *of == file && *leaf == place)
    };
    for (file, leaf, ..) in OTHERWISE {
        let mut rows = rows.iter();
        let is_it =
            |(of, place, _): &&(&str, Vec<String>, _)| of == file && place.join(".") == *leaf;
        assert!(rows.any(|row| is_it(&row)), "{file} has {leaf}");
    }
    // Those of this project's recipe, its container, and the locks of both.
    assert!(rows.len() > 50, "{}", rows.len());
    each(
        &rows,
        |(file, place, _)| format!("{file}: {}", place.join(".")),
        |(file, place, usual)| {
            let scratch = small();
            let exception = exception(file, place);
            let replacement = exception.and_then(|(_, _, replacement, _)| *replacement);
            change(&scratch, file, place, replacement);
            let expected = exception.map_or(*usual, |(.., effect)| *effect);
            let run = show(&scratch, "tiny");
            assert_eq!(effect(&before, &run), expected, "{}", run.text());
        },
    );
}

/// A change to the small project.
type Change = (&'static str, fn(&Scratch));

/// What decides bytes besides the values that are there: texts, and what may be added.
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
            RECIPE,
            r#"["base.config"]"#,
            r#"["base.config", "more.config"]"#,
        );
    }),
    ("the revision", |scratch| {
        scratch.replace(
            RECIPE,
            "container = \"box\"",
            "container = \"box\"\nrevision = 2",
        );
    }),
    ("the line", |scratch| {
        scratch.replace(RECIPE, r#"line = "upstream""#, OUT_OF_TREE);
    }),
    ("the scheduler", |scratch| {
        let other = OUT_OF_TREE.replace(r#"scheduler = "default""#, r#"scheduler = "redundant""#);
        scratch.replace(RECIPE, r#"line = "upstream""#, &other);
    }),
    ("a package of the bootstrap more", |scratch| {
        scratch.replace(
            CONTAINER_LOCK,
            r#"bootstrap = ["dpkg"]"#,
            r#"bootstrap = ["dpkg", "gcc"]"#,
        );
        scratch.seal_container("box");
    }),
    ("whether it is for release", |scratch| {
        scratch.replace(
            RECIPE,
            "container = \"box\"",
            "container = \"box\"\nfor-release = false",
        );
    }),
    ("what else may be lost", |scratch| {
        scratch.replace(
            RECIPE,
            "DEBUG_INFO = \"a fixture",
            "DEBUG_INFO_BTF = \"x\"\nDEBUG_INFO = \"a fixture",
        );
    }),
    ("what is accepted although builds differ by it", |scratch| {
        scratch.replace(
            RECIPE,
            "[smoke]",
            "[config.unreproducible]\nDEBUG_INFO_BTF = \"x\"\n\n[smoke]",
        );
    }),
];

/// What decides none.
const DECIDES_NOT: &[Change] = &[
    ("a comment in the recipe", |scratch| {
        scratch.replace(RECIPE, "[mptcp]", "# Which one.\n[mptcp]");
    }),
    ("a fragment that is not used", |scratch| {
        scratch.write("recipes/config/more.config", "CONFIG_SWAP=y\n");
    }),
    ("another recipe", |scratch| {
        scratch.remove("recipes/child.toml");
    }),
];

#[test]
fn what_is_added_moves_the_plan() {
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
    let of_line = |index: usize| {
        let scratch = Scratch::small();
        let (what, change) = &DECIDES[index];
        change(&scratch);
        (*what, plan_id(&scratch, "tiny"))
    };
    let ((line, one), (scheduler, other)) = (of_line(3), of_line(4));
    assert_eq!((line, scheduler), ("the line", "the scheduler"));
    assert_ne!(one, other, "the scheduler by itself");
}

#[test]
fn what_decides_no_byte_moves_nothing() {
    let before = plan_id(&Scratch::small(), "tiny");
    each(
        DECIDES_NOT,
        |row| row.0.to_owned(),
        |(what, change)| {
            let scratch = Scratch::small();
            change(&scratch);
            assert_eq!(plan_id(&scratch, "tiny"), before, "{what}");
        },
    );
}

#[test]
fn the_plan_is_the_same_wherever_whenever_and_however_it_is_made() {
    let scratch = Scratch::small();
    let before = plan_id(&scratch, "tiny");
    assert_eq!(plan_id(&Scratch::small(), "tiny"), before, "elsewhere");
    let show = ["show", "tiny", "--format", "json"];
    let folder = scratch.run_in(&scratch.path("recipes/config"), &show);
    assert_eq!(id_of(&folder.expect_code(0).json()), before, "a folder");
    for umask in ["000", "077"] {
        let run = scratch.with_umask(umask, &show).expect_code(0);
        assert_eq!(id_of(&run.json()), before, "umask {umask}");
    }
    for (name, value) in [
        ("TZ", "Pacific/Kiritimati"),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("LANG", "de_DE.UTF-8"),
        ("USER", "somebody"),
        ("HOSTNAME", "elsewhere"),
        ("HOME", "/nonexistent"),
        ("SOURCE_DATE_EPOCH", "1"),
        ("KBUILD_BUILD_TIMESTAMP", "yesterday"),
        ("MAKEFLAGS", "-j7"),
        ("CI", ""),
    ] {
        let scratch = Scratch::small().env(name, value);
        assert_eq!(plan_id(&scratch, "tiny"), before, "{name}");
    }
    // Later, by the only clock that there is.
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(plan_id(&scratch, "tiny"), before, "later");
}

#[test]
fn the_golden_bytes_are_of_the_plan_that_mini_has() {
    let plan = plan_id(&Scratch::new(), "mini");
    let golden = Golden::committed().plan;
    assert_eq!(
        plan,
        golden,
        "the plan of `mini` moved, and its bytes have to be renewed: {}",
        crate::support::golden::RENEW
    );
}
