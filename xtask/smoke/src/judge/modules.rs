//! Whether the modules that somebody gave to the boot are loaded.

use protocol::{Loaded, Step};

use super::Expected;
use super::checks::{Found, Group, found};
use super::told;

/// What `/proc/modules` says of a module that is at work.
const LIVE: &str = "Live";

pub(super) fn checks(expected: &Expected<'_>, modules: Option<&[Loaded]>) -> Group {
    let mut checks = Group::new(told::group(Step::Modules));
    for module in expected.modules {
        let name = &module.name;
        let loaded = modules.map(|all| {
            let mut all = all.iter();
            all.find(|loaded| loaded.name == *name)
                .map_or_else(|| found(false, "not tried"), judge)
        });
        let name = format!("module {name} is loaded");
        checks.check(name, "loaded, and listed as live", loaded);
    }
    checks
}

fn judge(loaded: &Loaded) -> Found {
    match (&loaded.error, &loaded.state) {
        (Some(error), _) => found(false, error),
        (None, None) => found(false, "loaded, but not listed"),
        (None, Some(state)) if state == LIVE => found(true, "loaded, and listed as live"),
        (None, Some(state)) => found(false, format!("loaded, but listed as {state}")),
    }
}
