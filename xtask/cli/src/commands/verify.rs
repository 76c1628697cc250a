//! `verify`: a release, looked at by somebody who trusts nothing of it.

use std::fs;

use builder::project::Project;
use camino::{Utf8Path, Utf8PathBuf};
use formats::openpgp::Keyring;
use host::cancel::Cancel;
use host::clock::now_unix;
use host::environment::Directories;
use host::http::Http;
use model::release::Kernel;
use release::keys::MinisignPublic;
use release::origin::Origin;
use release::{Anchor, Look, MAX_ENVELOPE, Rebuild, Seen, Verified, require};
use serde::Serialize;

use super::keys;
use crate::arguments::{Global, Verify};
use crate::context::{self, Online};
use crate::failure::Failure;
use crate::{output, progress};

/// The longest key that is read, in bytes.
const MAX_KEY: u64 = 1 << 20;

#[derive(Serialize)]
struct Report {
    name: String,
    files: usize,
    bytes: u64,
    sums: String,
    release: model::release::Release,
    /// The attestations that were written.
    rebuilt: Vec<String>,
    /// How many witnesses attest to each newest kernel; none where nobody asked.
    witnesses: Option<usize>,
}

pub(crate) fn run(global: &Global, command: &Verify, cancel: &Cancel) -> Result<(), Failure> {
    let anchor = anchor(&command.key)?;
    let witnesses = witnesses(command)?;
    let origin = Origin::parse(&command.what, &Http::new(cancel.clone()));
    let look = Look {
        origin: &origin,
        anchor: &anchor,
        now: now_unix(),
        archived: command.archived,
        cancel,
    };
    let verified = look.verify()?;
    if let Origin::Url(url, _) = &origin
        && *url != verified.release.url
    {
        let own = &verified.release.url;
        output::note(
            global,
            &format!(
                "note: this release is that of {own}; {url} may be a mirror of it, or of something else"
            ),
        );
    }
    check_seen(&origin, command, &verified)?;
    let found = witnesses.map(|(witnesses, attestations)| {
        let needed = command.require.unwrap_or_default() as usize;
        require(&verified.release, needed, &witnesses, &attestations)
    });
    let rebuilt = if command.rebuild {
        rebuild(global, command, &verified, cancel)?
    } else {
        Vec::new()
    };
    let report = Report {
        name: origin.name(),
        files: verified.files.0,
        bytes: verified.files.1,
        sums: verified.sums.to_string(),
        rebuilt,
        witnesses: found.transpose()?,
        release: verified.release,
    };
    output::result(global, &report, text)
}

/// Whom the user trusts: a file, or a fingerprint with or without blanks.
fn anchor(named: &str) -> Result<Anchor, Failure> {
    let path = Utf8Path::new(named);
    if path.is_file() {
        let bytes = read(path, MAX_KEY)?;
        return anchor_of(path, &bytes);
    }
    let digits: String = named.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.len() == 40 && digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(Anchor::Fingerprint(digits.to_uppercase()));
    }
    Err(Failure::Usage(
        format!("--key {named:?} is neither a file nor a fingerprint of 40 hexadecimal digits"),
        "name a file with the publisher's public key, or its whole fingerprint".to_owned(),
    ))
}

fn anchor_of(path: &Utf8Path, bytes: &[u8]) -> Result<Anchor, Failure> {
    if bytes.starts_with(b"untrusted comment:") {
        return Ok(Anchor::Minisign(minisign(path, bytes)?));
    }
    let keyring = Keyring::parse(bytes);
    let keyring = keyring.map_err(|error| no_key(path, &error.to_string()))?;
    Ok(Anchor::OpenPgp(keyring))
}

fn minisign(path: &Utf8Path, bytes: &[u8]) -> Result<MinisignPublic, Failure> {
    let text = String::from_utf8_lossy(bytes);
    MinisignPublic::parse(&text).map_err(|error| no_key(path, &error))
}

fn no_key(path: &Utf8Path, reason: &str) -> Failure {
    Failure::Usage(
        format!("{path} has no public key: {reason}"),
        "name a file with an OpenPGP or minisign public key".to_owned(),
    )
}

fn read(path: &Utf8Path, limit: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    let fail = |error: std::io::Error| {
        let help = "name a file that can be read".to_owned();
        Failure::Usage(format!("reading {path}: {error}"), help)
    };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(fail)?;
    file.take(limit).read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}

type Witnesses = (Vec<MinisignPublic>, Vec<(String, Vec<u8>)>);

fn witnesses(command: &Verify) -> Result<Option<Witnesses>, Failure> {
    if command.require.is_none() {
        return Ok(None);
    }
    let keys = command.witnesses.iter();
    let keys = keys.map(|path| minisign(path, &read(path, MAX_KEY)?));
    let attestations = command.attestations.iter();
    let attestations = attestations.map(|path| Ok((path.to_string(), read(path, MAX_ENVELOPE)?)));
    let (keys, attestations): (Result<_, _>, Result<_, Failure>) =
        (keys.collect(), attestations.collect());
    Ok(Some((keys?, attestations?)))
}

/// A server may hold back what is new; a folder is whatever its owner put there.
fn check_seen(origin: &Origin, command: &Verify, verified: &Verified) -> Result<(), Failure> {
    if command.archived || matches!(origin, Origin::Folder(_)) {
        return Ok(());
    }
    let mut seen = Seen::open(&Directories::from_environment()?.state)?;
    let url = origin.name();
    seen.check(&url, verified)?;
    Ok(seen.remember(&url, verified)?)
}

/// Builds the newest kernels again; gives the files of the attestations.
fn rebuild(
    global: &Global,
    command: &Verify,
    verified: &Verified,
    cancel: &Cancel,
) -> Result<Vec<String>, Failure> {
    let project = context::project(global)?;
    let (_, keys) = keys::open(&command.keys)?;
    let wanted = |kernel: &&Kernel| {
        let recipes = &command.recipes;
        recipes.is_empty() || recipes.iter().any(|name| kernel.recipe.as_str() == name)
    };
    let kernels: Vec<_> = verified.release.newest().filter(wanted).collect();
    if kernels.is_empty() {
        let help = "name a recipe that the release has".to_owned();
        return Err(Failure::Usage(
            "there is nothing to build again".to_owned(),
            help,
        ));
    }
    // What cannot be built is told before hours are spent on the rest.
    let prepared = kernels
        .into_iter()
        .map(|kernel| Rebuild::prepare(&project, kernel, cancel));
    let prepared: Vec<_> = prepared.collect::<Result<_, _>>()?;
    let online = Online::open(global, cancel)?;
    let engine = online.engine()?;
    let mut files = Vec::new();
    for rebuild in &prepared {
        let reporter = progress::reporter(global);
        let tools = online.tools(rebuild.project(), &engine);
        let attestation = rebuild.run(tools, &keys, &*reporter)?;
        files.push(write(&project, &attestation)?.into_string());
    }
    Ok(files)
}

fn write(project: &Project, attestation: &release::Attestation) -> Result<Utf8PathBuf, Failure> {
    let folder = project.out().join("attestations");
    let path = folder.join(&attestation.file);
    let written =
        fs::create_dir_all(&folder).and_then(|()| fs::write(&path, &attestation.envelope));
    written.map_err(|source| builder::error::BuildError::File {
        attempt: "writing",
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

fn text(report: &Report) -> String {
    let release = &report.release;
    let mut text = format!(
        "{}: good, {} files, {} bytes\n  signed by {} at {}, good until {}\n",
        report.name,
        report.files,
        report.bytes,
        release.keys.openpgp,
        formats::dates::rfc3339(release.date),
        formats::dates::rfc3339(release.valid_until)
    );
    for kernel in &release.kernels {
        text.push_str(&format!(
            "  {} {} for {}, plan {}\n",
            kernel.recipe,
            kernel.version,
            kernel.repository(),
            kernel.plan_id
        ));
    }
    if let Some(witnesses) = report.witnesses {
        text.push_str(&format!(
            "  witnesses who built each newest kernel as well: {witnesses}\n"
        ));
    }
    for file in &report.rebuilt {
        text.push_str(&format!("  built again, every package the same: {file}\n"));
    }
    text
}
