//! Modules that are no part of the kernel's package.

use std::fs;
use std::io::ErrorKind;

use protocol::{Event, Loaded, Module};

use crate::error::{Attempt, Reason, Result};
use crate::machine;
use crate::steps::Context;

/// The modules that are loaded.
const LIST: &str = "/proc/modules";

/// Loads them one after the other, then looks which ones the kernel lists.
pub(crate) fn step(context: &Context) -> Result<Event> {
    let given = &context.instructions.given;
    let tried: Vec<_> = given.iter().map(|module| (module, load(module))).collect();
    let list = match fs::read_to_string(LIST) {
        // A kernel that knows no modules has none, and refused them all above.
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        list => list.attempt(format_args!("read {LIST}"))?,
    };
    let loaded = tried.into_iter().map(|(module, outcome)| Loaded {
        name: module.name.clone(),
        error: outcome.err().map(|error| error.reason()),
        state: state(&list, &module.name),
    });
    Ok(Event::Modules(loaded.collect()))
}

/// Loads a module after what it depends on, which may be there already; a module of its own name may not, for that
/// would be taken for it.
fn load(module: &Module) -> Result<()> {
    let Some((own, others)) = module.files.split_last() else {
        return Ok(());
    };
    for file in others {
        machine::load_module(file)?;
    }
    machine::load_new_module(own)
}

/// The state of a module in a list of the form of [`LIST`]: name, size, users, their names, state, address.
fn state(list: &str, name: &str) -> Option<String> {
    let mut lines = list.lines().map(str::split_ascii_whitespace);
    lines.find_map(|mut words| {
        let is_it = words.next() == Some(name);
        is_it.then(|| words.nth(3)).flatten().map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_module_has_a_state() {
        let list = "veth 36864 0 - Live 0x0000000000000000\n\
                    toy 16384 1 veth, Loading 0x0000000000000000 (OE)\ncut 16384\n";
        let state = |name| state(list, name);
        assert_eq!(state("veth").as_deref(), Some("Live"));
        assert_eq!(state("toy").as_deref(), Some("Loading"));
        for other in ["cut", "vet", "Live", ""] {
            assert_eq!(state(other), None, "{other}");
        }
    }
}
