//! `keys`: the keys that sign releases, and how a command gets at them.

use std::io::{self, IsTerminal};

use builder::project::Project;
use camino::Utf8PathBuf;
use formats::dates::rfc3339;
use host::clock::now_unix;
use host::environment::{Directories, var};
use release::keys::{self, KeyError, Passphrase, Protected, PublicKeys};
use serde::Serialize;

use crate::arguments::{Global, Keys, KeysFolder, NewKeys};
use crate::context;
use crate::failure::Failure;
use crate::output;

/// The variable with the passphrase.
const PASSPHRASE: &str = "MPTCP_KERNELS_PASSPHRASE";
/// Those with the keys themselves, where no file has them.
const OPENPGP: &str = "MPTCP_KERNELS_OPENPGP_KEY";
const MINISIGN: &str = "MPTCP_KERNELS_MINISIGN_KEY";

#[derive(Serialize)]
struct Shown {
    folder: Option<Utf8PathBuf>,
    user: String,
    openpgp: String,
    minisign: String,
    created: String,
    expires: Option<String>,
    #[serde(skip)]
    armored: String,
    #[serde(skip)]
    line: String,
}

pub(crate) fn run(global: &Global, command: &Keys) -> Result<(), Failure> {
    match command {
        Keys::New(command) => new(global, command),
        Keys::Show(command) => show(global, command),
        Keys::Check(command) => check(global, command),
    }
}

fn new(global: &Global, command: &NewKeys) -> Result<(), Failure> {
    let folder = folder(&command.keys)?;
    let passphrase = new_passphrase()?;
    let new = keys::NewKeys {
        user: command.user.clone(),
        now: now_unix(),
        days: command.days,
    };
    let project = context::project(global).ok();
    let checkout = project.as_ref().map(Project::root);
    let made = keys::create(&folder, checkout, &new, &passphrase)?;
    let shown = shown(Some(folder.clone()), &made.public());
    output::result(global, &shown, text)?;
    output::note(
        global,
        &format!(
            "the keys are in {folder}; keep a copy where no disk failure reaches it, and tell users the fingerprint by \
             another way than the release"
        ),
    );
    Ok(())
}

fn show(global: &Global, command: &KeysFolder) -> Result<(), Failure> {
    let (folder, keys) = open(command)?;
    let shown = shown(folder, &keys.public());
    output::result(global, &shown, |shown| {
        format!("{}\n{}\n{}", text(shown), shown.armored, shown.line)
    })
}

fn check(global: &Global, command: &KeysFolder) -> Result<(), Failure> {
    let (folder, keys) = open(command)?;
    let now = now_unix();
    keys.check(now)?;
    let public = keys.public();
    output::result(global, &shown(folder, &public), |shown| {
        format!("{}both sign, and their signatures are good\n", text(shown))
    })?;
    warn(global, &public, now);
    Ok(())
}

/// Tells when the end of a key is near.
pub(crate) fn warn(global: &Global, public: &PublicKeys, now: u64) {
    if let Some(days) = public.days_left(now) {
        let fingerprint = &public.fingerprint;
        output::note(
            global,
            &format!(
                "warning: OpenPGP key {fingerprint} expires in {days} days; extend it, for instance with GnuPG, while \
                 those who have it can still be told"
            ),
        );
    }
}

/// The keys that a command signs with, and the folder that they are from.
pub(crate) fn open(named: &KeysFolder) -> Result<(Option<Utf8PathBuf>, keys::Keys), Failure> {
    let given = |name: &str| var(name).filter(|text| !text.trim().is_empty());
    let (folder, protected) = match (given(OPENPGP), given(MINISIGN)) {
        (Some(openpgp), Some(minisign)) if named.folder.is_none() => {
            (None, Protected::new(openpgp, minisign))
        }
        _ => {
            let folder = folder(named)?;
            (Some(folder.clone()), Protected::read(&folder)?)
        }
    };
    let keys = protected.open(&passphrase("Passphrase of the signing keys: ")?)?;
    Ok((folder, keys))
}

fn folder(named: &KeysFolder) -> Result<Utf8PathBuf, Failure> {
    match &named.folder {
        Some(folder) => Ok(folder.clone()),
        None => Ok(Directories::from_environment()?.config.join("keys")),
    }
}

fn passphrase(prompt: &str) -> Result<Passphrase, Failure> {
    if let Some(text) = var(PASSPHRASE).filter(|text| !text.is_empty()) {
        return Ok(Passphrase::new(text));
    }
    if !io::stdin().is_terminal() {
        let least = Passphrase::LEAST;
        return Err(KeyError::NoPassphrase { least }.into());
    }
    Ok(Passphrase::new(rpassword::prompt_password(prompt)?))
}

fn new_passphrase() -> Result<Passphrase, Failure> {
    let first = passphrase("Passphrase for the new keys: ")?.for_new_keys()?;
    if var(PASSPHRASE).is_some_and(|text| !text.is_empty()) {
        return Ok(first);
    }
    let again = passphrase("The same once more: ")?;
    if first != again {
        let help = "type the same passphrase twice".to_owned();
        return Err(Failure::Usage("the two are not the same".to_owned(), help));
    }
    Ok(first)
}

fn shown(folder: Option<Utf8PathBuf>, public: &PublicKeys) -> Shown {
    Shown {
        folder,
        user: public.user.clone(),
        openpgp: public.fingerprint.clone(),
        minisign: public.minisign.id(),
        created: rfc3339(public.created),
        expires: public.expires.map(rfc3339),
        armored: public.openpgp.clone(),
        line: public.minisign.text(),
    }
}

fn text(shown: &Shown) -> String {
    let expires = shown.expires.as_deref().unwrap_or("never");
    format!(
        "user      {}\nOpenPGP   {}, made {}, expires {expires}\nminisign  {}\n",
        shown.user, shown.openpgp, shown.created, shown.minisign
    )
}
