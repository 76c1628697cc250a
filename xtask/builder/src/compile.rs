//! Compilation and packaging, by the kernel's own targets.

use std::collections::BTreeMap;
use std::time::Duration;

use host::engine::Container;
use model::manifest::CompilerCache;
use model::recipe::PackageFormat;

use crate::ccache::Told;
use crate::configure::Workshop;
use crate::error::BuildError;
use crate::log::Log;
use crate::plan::Planned;
use crate::report::{Reporter, Unit};
use crate::scripts;

/// How long a kernel may take to compile. Debian's whole configuration takes hours on two cores.
const DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

/// What kbuild prints while it makes an object: the beginning of each line.
const OBJECT_LINES: [&str; 4] = ["  CC ", "  AS ", "  LD ", "  AR "];

/// What a step of a build left.
pub(crate) struct Done<'a> {
    /// The container, for what is in it.
    pub(crate) container: Container<'a>,
    /// How many objects were made.
    pub(crate) objects: u64,
    /// What the compiler's cache brought, where it was used.
    pub(crate) ccache: Option<CompilerCache>,
}

/// How a step of a build is run.
#[derive(Clone, Copy)]
pub(crate) struct Running<'a> {
    /// How many compiler jobs run side by side.
    pub(crate) jobs: u32,
    /// The most memory that it may use, in bytes.
    pub(crate) memory: u64,
    /// Whom it is reported to.
    pub(crate) reporter: &'a dyn Reporter,
}

/// Compiles the configured kernel.
pub(crate) fn compile<'a>(
    workshop: &'a Workshop<'_>,
    planned: &Planned,
    running: Running<'_>,
    expected_objects: u64,
) -> Result<Done<'a>, BuildError> {
    let step = Step {
        name: "compile",
        what: "compiling the kernel",
        command: scripts::compile(),
        expected_objects,
        cached: true,
    };
    step.run(workshop, &planned.plan.environment, running)
}

/// Makes packages of a format of the compiled kernel, with the environment of a plan for that format.
pub(crate) fn package<'a>(
    workshop: &'a Workshop<'_>,
    environment: &BTreeMap<String, String>,
    format: PackageFormat,
    running: Running<'_>,
) -> Result<Done<'a>, BuildError> {
    let step = Step {
        name: "package",
        what: "packaging the kernel",
        command: scripts::package(format),
        expected_objects: 0,
        cached: false,
    };
    step.run(workshop, environment, running)
}

/// Makes packages by the kernel's own target alone, to compare: none of this project's options, nothing added, nothing
/// put right, and nothing kept.
pub(crate) fn package_plainly<'a>(
    workshop: &'a Workshop<'_>,
    environment: &BTreeMap<String, String>,
    format: PackageFormat,
    running: Running<'_>,
) -> Result<Done<'a>, BuildError> {
    let mut environment = environment.clone();
    environment.remove("KDEB_COMPRESS");
    let step = Step {
        name: "package-plainly",
        what: "packaging the kernel by its own target",
        command: scripts::package_plainly(format),
        expected_objects: 0,
        cached: false,
    };
    step.run(workshop, &environment, running)
}

struct Step {
    name: &'static str,
    what: &'static str,
    command: Vec<String>,
    /// How many objects it makes; 0 where it should make none.
    expected_objects: u64,
    /// Whether the compiler's cache serves it, where there is one.
    cached: bool,
}

impl Step {
    fn run<'a>(
        self,
        workshop: &'a Workshop<'_>,
        planned: &BTreeMap<String, String>,
        running: Running<'_>,
    ) -> Result<Done<'a>, BuildError> {
        let mut environment: Vec<_> = planned.clone().into_iter().collect();
        environment.push(("JOBS".to_owned(), running.jobs.to_string()));
        let (command, environment) = match &workshop.ccache {
            Some(ccache) if self.cached => ccache.run(&self.command, environment),
            _ => (self.command, environment),
        };
        let container =
            workshop.container(self.name, command, environment, running.memory, false)?;
        let path = workshop.logs.join(format!("{}.log", self.name));
        let mut log = Log::create(&path)?;
        let mut watch = Watch {
            reporter: running.reporter,
            expected_objects: self.expected_objects,
            objects: 0,
            ccache: None,
            error: None,
        };
        let exit = container.run(DEADLINE, |_, bytes| {
            log.lines(bytes, |line| watch.line(line));
        })?;
        let lines = log.finish()?;
        if exit.out_of_memory && exit.code != 0 {
            return Err(BuildError::OutOfMemory {
                what: self.what.to_owned(),
                limit: running.memory,
            });
        }
        match watch.error {
            _ if exit.code == 0 => Ok(Done {
                container,
                objects: watch.objects,
                ccache: watch.ccache,
            }),
            Some(first) => Err(BuildError::Compile {
                error: first.text,
                file: first.file,
                log: path,
            }),
            None => Err(BuildError::Script {
                what: self.what.to_owned(),
                code: exit.code,
                lines,
                log: path,
            }),
        }
    }
}

struct Watch<'a> {
    reporter: &'a dyn Reporter,
    expected_objects: u64,
    objects: u64,
    ccache: Option<CompilerCache>,
    error: Option<FirstError>,
}

impl Watch<'_> {
    fn line(&mut self, line: &str) {
        if OBJECT_LINES
            .iter()
            .any(|beginning| line.starts_with(beginning))
        {
            self.objects += 1;
            if self.expected_objects > 0 {
                self.reporter
                    .progress(self.objects, self.expected_objects, Unit::Objects);
            }
        }
        match Told::parse(line) {
            Some(Told::Counts(counts)) => self.ccache = Some(counts),
            Some(Told::Unusable) => self.reporter.note(
                "warning: the compiler's cache is not used: its disk is full or cannot be written to",
            ),
            None => {}
        }
        match &mut self.error {
            Some(error) => error.expanded_in(line),
            None => self.error = first_error(line),
        }
    }
}

/// An error of the compiler, the assembler or the linker.
#[derive(Debug, PartialEq, Eq)]
struct FirstError {
    text: String,
    file: Option<String>,
}

impl FirstError {
    /// A macro of the configuration is to blame where it is used, which gcc tells a line later.
    fn expanded_in(&mut self, line: &str) {
        let generated = self
            .file
            .as_deref()
            .is_some_and(|file| file.contains("include/generated/"));
        if let Some((place, _)) = line
            .split_once(": note: in expansion of macro")
            .filter(|_| generated)
        {
            self.file = Some(in_tree(place).to_owned());
        }
    }
}

/// A place as the compiler tells it, relative to the source tree.
fn in_tree(place: &str) -> &str {
    place
        .trim()
        .trim_start_matches("/source/tree/")
        .trim_start_matches("./")
}

/// The error that a line of the log tells, if it does.
fn first_error(line: &str) -> Option<FirstError> {
    let line = line.trim();
    // It only says that something before it failed.
    if line.starts_with("dpkg-buildpackage: error:") {
        return None;
    }
    let marks = [": error: ", ": fatal error: ", ": Error: "];
    for mark in marks {
        if let Some((place, text)) = line.split_once(mark) {
            let place = in_tree(place);
            // A compiler tells file and line, another program its own name.
            let names_line = place.ends_with(|c: char| c.is_ascii_digit()) && place.contains(':');
            let (text, file) = if names_line {
                (text, Some(place.to_owned()))
            } else {
                (line, None)
            };
            return Some(FirstError {
                text: text.to_owned(),
                file,
            });
        }
    }
    if let Some((place, text)) = line.split_once(": undefined reference to ") {
        return Some(FirstError {
            text: format!("undefined reference to {text}"),
            file: Some(place.to_owned()),
        });
    }
    let modpost = line.strip_prefix("ERROR: modpost: ");
    modpost.map(|text| FirstError {
        text: format!("modpost: {text}"),
        file: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> (String, Option<String>) {
        let error = first_error(line).unwrap();
        (error.text, error.file)
    }

    fn expected(text: &str, file: Option<&str>) -> (String, Option<String>) {
        (text.to_owned(), file.map(str::to_owned))
    }

    #[test]
    fn errors_are_told_from_other_lines() {
        let undeclared = "/source/tree/net/mptcp/ctrl.c:12:5: error: 'x' undeclared (first use in this function)";
        let text = "'x' undeclared (first use in this function)";
        assert_eq!(
            found(undeclared),
            expected(text, Some("net/mptcp/ctrl.c:12:5"))
        );
        let header = "../init/main.c:1:10: fatal error: nothing.h: No such file or directory";
        let text = "nothing.h: No such file or directory";
        assert_eq!(found(header), expected(text, Some("../init/main.c:1:10")));
        let linker =
            "ld: net/mptcp/ctrl.o: in function `f': ctrl.c:(.text+0x1): undefined reference to `g'";
        assert_eq!(found(linker).0, "undefined reference to `g'");
        let program = "dpkg-checkbuilddeps: error: unmet build dependencies: bc";
        assert_eq!(found(program), expected(program, None));
        let modpost = "ERROR: modpost: \"f\" [drivers/net/dummy.ko] undefined!";
        assert_eq!(
            found(modpost),
            expected("modpost: \"f\" [drivers/net/dummy.ko] undefined!", None)
        );
        let innocent = [
            "  CC      lib/error.o",
            "make[1]: *** [Makefile:1: x] Error 2",
            "x.c:1:2: warning: unused",
            "",
        ];
        let wrapper = "dpkg-buildpackage: error: make -f debian/rules binary subprocess returned exit status 2";
        assert_eq!(first_error(wrapper), None);
        for line in innocent {
            assert_eq!(first_error(line), None, "{line}");
        }
    }

    #[test]
    fn an_error_in_a_macro_is_where_the_macro_is_used() {
        let line =
            "./include/generated/autoconf.h:459:30: error: 'x' undeclared here (not in a function)";
        let mut error = first_error(line).unwrap();
        error.expanded_in(
            "/source/tree/kernel/panic.c:60:5: note: in expansion of macro 'CONFIG_PANIC_TIMEOUT'",
        );
        assert_eq!(error.file.as_deref(), Some("kernel/panic.c:60:5"));
        error.expanded_in("/source/tree/other.c:1:1: note: in expansion of macro 'Y'");
        assert_eq!(error.file.as_deref(), Some("kernel/panic.c:60:5"));
    }
}
