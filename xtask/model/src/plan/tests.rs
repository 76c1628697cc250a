use super::*;
use crate::recipe::Layer;
use crate::strict::SourceFile;

const RECIPE: &str = r#"
summary = "x"
architecture = "amd64"
container = "box"
version-suffix = "-test"
target = { distribution = "debian", release = "13", format = "deb" }
mptcp.line = "upstream"
source.package.name = "linux-source-6.12"

[config]
base.target = "tinyconfig"
"#;
const LOCK: &str = r#"
schema = 1
definition = "0000000000000000000000000000000000000000000000000000000000000000"
content = "0000000000000000000000000000000000000000000000000000000000000000"
suites = []

[[inputs]]
role = "source"
timestamp = 1748649600

[inputs.package]
name = "linux-source-6.12"
version = "6.12.1-1"
architecture = "all"
archive = "fixture"
path = "pool/x.deb"
size = 1
sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
"#;
const CONTAINER_LOCK: &str = r#"
schema = 1
definition = "0000000000000000000000000000000000000000000000000000000000000000"
content = "0000000000000000000000000000000000000000000000000000000000000000"
bootstrap = ["dpkg"]
suites = []
packages = []
"#;

/// Ingredients that can be changed.
struct Kitchen {
    recipe: Recipe,
    container: ContainerLock,
    assembly: Sha256,
    lock: RecipeLock,
    identity: Identity,
    fragments: Vec<PlannedText>,
    steps: Vec<PlannedText>,
}

impl Kitchen {
    fn new() -> Self {
        let mut problems = Vec::new();
        let layer = Layer::parse(&SourceFile::new("recipes/test.toml", RECIPE), &mut problems);
        let name = "test".parse().unwrap();
        let recipe = Recipe::merge(&name, vec![layer], problems).unwrap();
        let lock: RecipeLock = toml::from_str(LOCK).unwrap();
        Self {
            identity: Identity::of(&recipe, Some(&lock), None).unwrap(),
            recipe,
            container: toml::from_str(CONTAINER_LOCK).unwrap(),
            assembly: Sha256::of("unpack"),
            lock,
            fragments: ["a", "b"].map(|name| PlannedText::of(name, name)).into(),
            steps: ["configure", "compile"]
                .map(|name| PlannedText::of(name, name))
                .into(),
        }
    }

    fn plan(&self) -> Plan {
        let ingredients = Ingredients {
            container: &self.container,
            assembly: self.assembly,
            lock: Some(&self.lock),
            own_source: None,
            identity: &self.identity,
            fragments: &self.fragments,
            steps: &self.steps,
        };
        Plan::new(&self.recipe, ingredients)
    }
}

type Change = (&'static str, fn(&mut Kitchen));

const DECIDE: &[Change] = &[
    ("the recipe's name", |it| {
        it.recipe.name = "other".parse().unwrap();
    }),
    ("the container's name", |it| {
        it.recipe.container.value = "other".parse().unwrap();
    }),
    ("the container's lock", |it| {
        it.container.content = Sha256::of("other");
    }),
    ("the scripts that assemble it", |it| {
        it.assembly = Sha256::of("other");
    }),
    ("the digest of an input", |it| {
        it.lock.inputs[0].package.sha256 = Sha256::of("other");
    }),
    ("the upstream version", |it| {
        it.identity.version.push('x');
    }),
    ("the revision", |it| it.identity.revision.push('x')),
    ("the clock", |it| it.identity.timestamp += 1),
    ("the text of a fragment", |it| {
        it.fragments[0] = PlannedText::of("a", "other");
    }),
    ("the name of a fragment", |it| {
        it.fragments[0] = PlannedText::of("other", "a");
    }),
    ("the order of the fragments", |it| it.fragments.reverse()),
    ("the text of a script", |it| {
        it.steps[1] = PlannedText::of("compile", "other");
    }),
    ("the order of the scripts", |it| it.steps.reverse()),
    ("a script less", |it| it.steps.truncate(1)),
    ("the distribution's release", |it| {
        it.recipe.target.release = "14".to_owned();
    }),
    ("the format", |it| {
        it.recipe.target.format = PackageFormat::Rpm;
    }),
];

#[test]
fn every_ingredient_moves_the_plan() {
    let before = Kitchen::new().plan().id();
    assert_eq!(Kitchen::new().plan().id(), before);
    let mut ids = vec![before];
    for (what, change) in DECIDE {
        let mut kitchen = Kitchen::new();
        change(&mut kitchen);
        let id = kitchen.plan().id();
        assert!(!ids.contains(&id), "{what}");
        ids.push(id);
    }
}

#[test]
fn every_field_of_a_plan_moves_it() {
    let plan = Kitchen::new().plan();
    let changes: [fn(&mut Plan); 7] = [
        |it| it.schema += 1,
        |it| it.pipeline += 1,
        |it| it.unpinned = true,
        |it| it.for_release = false,
        |it| drop(it.may_lose.insert("A".to_owned(), "x".to_owned())),
        |it| drop(it.unreproducible.insert("A".to_owned(), "x".to_owned())),
        |it| it.files.push(PlannedText::of("sysctl.d", "x")),
    ];
    let mut ids = vec![plan.id()];
    for change in changes {
        let mut plan = plan.clone();
        change(&mut plan);
        assert!(!ids.contains(&plan.id()), "{plan:?}");
        ids.push(plan.id());
    }
    for name in plan.environment.keys() {
        let (mut other, mut none) = (plan.clone(), plan.clone());
        other.environment.get_mut(name).unwrap().push('x');
        none.environment.remove(name);
        assert_ne!(other.id(), plan.id(), "{name}");
        assert_ne!(none.id(), plan.id(), "{name}");
    }
}

#[test]
fn what_decides_no_byte_moves_no_plan() {
    let before = Kitchen::new().plan().id();
    let mut kitchen = Kitchen::new();
    kitchen.recipe.summary = "another".to_owned();
    kitchen.lock.content = Sha256::of("another");
    kitchen.lock.definition = Sha256::of("another");
    kitchen.container.definition = Sha256::of("another");
    assert_eq!(kitchen.plan().id(), before);
}

#[test]
fn the_id_is_that_of_the_canonical_text() {
    let plan = Kitchen::new().plan();
    let text = plan.canonical_json();
    assert_eq!(plan.id(), Sha256::of(&text));
    assert!(
        text.starts_with(r#"{"architecture":"amd64","base":"#),
        "{text}"
    );
    // As a manifest keeps it, and as it is checked when that is read.
    let kept: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(canonical_json(&kept), text);
}
