//! The distribution's own solver: apt, in a container without network, over verified indexes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::time::Duration;

use camino::Utf8PathBuf;
use host::engine::{ContainerSpec, Engine, OutputStream, Privileges, Surroundings};
use host::tar_entry::{append_file, header};
use model::container::Container;
use model::digest::Sha256;
use model::lock::LockedPackage;
use model::names::PackageName;
use model::plan::canonical_json;
use sha2::Digest;

use super::index::{Index, Solved, Suite};
use crate::error::BuildError;
use crate::fetch::Downloads;
use crate::image::{self, Assembly};
use crate::log::Log;
use crate::report::Reporter;
use crate::scripts;

/// How long apt may solve; it takes seconds.
const DEADLINE: Duration = Duration::from_secs(5 * 60);
/// The most that apt's answer may be, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// The packages that apt adds to the bootstrap packages to have all that `container` wants.
pub(super) fn solve(
    engine: &Engine,
    downloads: Downloads<'_>,
    container: &Container,
    index: &Index<'_>,
    bootstrap: &[LockedPackage],
    log_path: &Utf8PathBuf,
    reporter: &dyn Reporter,
) -> Result<BTreeSet<Solved>, BuildError> {
    let names: Vec<PackageName> = bootstrap
        .iter()
        .map(|package| package.name.clone())
        .collect();
    let tag = Sha256::of(format!(
        "solver{}{}",
        canonical_json(&bootstrap),
        scripts::assembly()
    ))
    .to_string();
    let assembly = Assembly {
        container,
        tag: &tag,
        bootstrap: &names,
        packages: bootstrap,
        suites: &index.suites(),
        log: log_path,
    };
    let image = image::ensure(engine, downloads, assembly, reporter)?;
    let wanted: Vec<&str> = container.packages.iter().map(PackageName::as_str).collect();
    let solver = engine.create(&ContainerSpec {
        purpose: "solver".to_owned(),
        image: image.clone(),
        command: scripts::command(scripts::SOLVE, &wanted),
        environment: Vec::new(),
        mounts: Vec::new(),
        privileges: Privileges::Install,
        memory: 0,
        terminal: false,
        surroundings: Surroundings::default(),
    })?;
    let sizes = measure(index)?;
    solver.put("/", |writer| {
        write_repository(writer, container, index, &sizes)
    })?;
    let mut answer = Vec::new();
    let mut log = Log::create(log_path)?;
    let exit = solver.run(DEADLINE, |stream, bytes| match stream {
        OutputStream::Stdout if answer.len() < MAX_ANSWER => answer.extend_from_slice(bytes),
        _ => log.write(bytes),
    })?;
    let lines = log.finish()?;
    drop(solver);
    // Its packages are in the store; the next lock may well have others.
    engine.remove_image(&image)?;
    if exit.code != 0 {
        let what = format!("solving the packages of container `{}`", container.name);
        return Err(BuildError::Script {
            what,
            code: exit.code,
            lines,
            log: log_path.clone(),
        });
    }
    Ok(parse(&String::from_utf8_lossy(&answer)))
}

fn parse(answer: &str) -> BTreeSet<Solved> {
    let solved = answer.lines().filter_map(|line| {
        let mut words = line.split(' ').map(str::to_owned);
        Some((words.next()?, words.next()?, words.next()?))
    });
    solved.collect()
}

/// Size and digest of a decompressed index, for the `Release` file that apt compares it with.
type Measure = (u64, Sha256);

fn measure(index: &Index<'_>) -> Result<Vec<Vec<Measure>>, BuildError> {
    let of_suite = |suite: &Suite| {
        suite
            .components
            .iter()
            .map(|component| {
                let mut reader = index.read(component)?;
                let mut hasher = sha2::Sha256::new();
                let mut buffer = vec![0; 128 * 1024];
                let mut size = 0;
                loop {
                    let count = reader
                        .read(&mut buffer)
                        .map_err(|error| unreadable(suite, &error))?;
                    if count == 0 {
                        return Ok((size, Sha256::finish(hasher)));
                    }
                    hasher.update(&buffer[..count]);
                    size += count as u64;
                }
            })
            .collect()
    };
    index.suites.iter().map(of_suite).collect()
}

fn unreadable(suite: &Suite, error: &io::Error) -> BuildError {
    BuildError::Metadata {
        url: format!(
            "the index of {} {}",
            suite.locked.archive, suite.locked.suite
        ),
        reason: error.to_string(),
    }
}

/// Writes `/repository`: the verified indexes, each with a `Release` that names it. What apt trusts
/// here is the tool's own verification, so the source is marked as trusted.
fn write_repository(
    writer: &mut dyn Write,
    container: &Container,
    index: &Index<'_>,
    sizes: &[Vec<Measure>],
) -> io::Result<()> {
    let mut tar = tar::Builder::new(writer);
    let architecture = container.architecture.debian();
    let mut sources = String::new();
    for (suite, sizes) in index.suites.iter().zip(sizes) {
        let (archive, name) = (&suite.locked.archive, &suite.locked.suite);
        let components: Vec<_> = suite
            .components
            .iter()
            .map(|component| component.name.as_str())
            .collect();
        let components = components.join(" ");
        let mut release = format!(
            "Suite: {name}\nCodename: {name}\nArchitectures: {architecture}\nComponents: {components}\nSHA256:\n"
        );
        for (component, (size, sha256)) in suite.components.iter().zip(sizes) {
            let path = format!("{}/binary-{architecture}/Packages", component.name);
            let mut header = header(tar::EntryType::Regular, 0o644);
            header.set_size(*size);
            let reader = index.read(component).map_err(io::Error::other)?;
            tar.append_data(
                &mut header,
                format!("repository/{archive}/dists/{name}/{path}"),
                reader,
            )?;
            let _ = writeln!(release, " {sha256} {size} {path}");
        }
        append_file(
            &mut tar,
            &format!("repository/{archive}/dists/{name}/Release"),
            release.as_bytes(),
        )?;
        let _ = write!(
            sources,
            "Types: deb\nURIs: file:/repository/{archive}\nSuites: {name}\nComponents: {components}\nArchitectures: {architecture}\nTrusted: yes\n\n"
        );
    }
    append_file(&mut tar, "repository/sources", sources.as_bytes())?;
    tar.finish()
}
