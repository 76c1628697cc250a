//! The keys of a release: made, kept outside of every checkout, opened with a passphrase, checked.
//!
//! There are two, because users have two kinds of tools: an OpenPGP key, which apt, dnf and gpgv take, and an Ed25519
//! key in minisign's form, which signs provenance and attestations as well. One passphrase protects both.

mod minisign;
mod openpgp;

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use formats::openpgp::Keyring;
use host::category::Category;
use miette::Diagnostic;
use zeroize::Zeroizing;

pub use self::minisign::PublicKey as MinisignPublic;
pub(crate) use self::minisign::SecretKey as MinisignSecret;
use self::openpgp::Facts;
pub(crate) use self::openpgp::SecretKey as OpenPgpSecret;

/// The file of the OpenPGP secret key.
const OPENPGP: &str = "openpgp.key";
/// The file of the minisign secret key.
const MINISIGN: &str = "minisign.key";
/// The OpenPGP public key, as it stands in a release.
pub const OPENPGP_PUBLIC: &str = "mptcp-kernels.asc";
/// The minisign public key, as it stands in a release.
pub const MINISIGN_PUBLIC: &str = "mptcp-kernels.pub";
/// The minisign public key as others read it that know nothing of minisign.
pub const PEM: &str = "mptcp-kernels.pem";
/// The most that a key's file may be, in bytes.
const MAX_KEY: u64 = 1 << 20;
/// How long before its end a key is warned of, in seconds: 60 days.
const WARN: u64 = 60 * 86_400;

/// Why keys cannot be made or used. No text of it has a secret.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum KeyError {
    /// There are none.
    #[error("there are no signing keys in {folder}")]
    #[diagnostic(help("make some with `cargo xtask keys new`, or name their folder with --keys"))]
    None {
        /// Where they were looked for.
        folder: Utf8PathBuf,
    },
    /// There are some already, and nothing writes over a key.
    #[error("there are keys in {folder} already")]
    #[diagnostic(help("name another folder with --keys, or move them away"))]
    There {
        /// Where.
        folder: Utf8PathBuf,
    },
    /// Keys do not belong into a repository.
    #[error("{folder} is inside of the checkout {checkout}: keys are kept outside of it")]
    #[diagnostic(help("name a folder elsewhere with --keys"))]
    InCheckout {
        /// Where they were to be.
        folder: Utf8PathBuf,
        /// The checkout around it.
        checkout: Utf8PathBuf,
    },
    /// Others may read a secret.
    #[error("{path} can be read by others (mode {mode:o})")]
    #[diagnostic(help("run `chmod 600 {path}`, and think about whether somebody has read it"))]
    Readable {
        /// The file.
        path: Utf8PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The passphrase opens one of them not.
    #[error("the passphrase does not open the {which} key")]
    #[diagnostic(help(
        "set MPTCP_KERNELS_PASSPHRASE to the right one, or leave it out to be asked"
    ))]
    Passphrase {
        /// `OpenPGP` or `minisign`.
        which: &'static str,
    },
    /// No passphrase, or none to speak of.
    #[error("a passphrase of {least} characters or more is needed")]
    #[diagnostic(help("set MPTCP_KERNELS_PASSPHRASE, or run this on a terminal to be asked"))]
    NoPassphrase {
        /// The fewest characters.
        least: usize,
    },
    /// A key is none.
    #[error("the {which} key cannot be read: {reason}")]
    Malformed {
        /// `OpenPGP` or `minisign`.
        which: &'static str,
        /// Why.
        reason: String,
    },
    /// A key has ended.
    #[error("the OpenPGP key {fingerprint} expired at {expired}")]
    #[diagnostic(help("make new keys, and tell users their fingerprint"))]
    Expired {
        /// The key.
        fingerprint: String,
        /// Its end.
        expired: String,
    },
    /// The clock is before the key.
    #[error("the OpenPGP key {fingerprint} was made at {created}, and the clock says {now}")]
    #[diagnostic(help("set the clock right, or SOURCE_DATE_EPOCH to a later time"))]
    Young {
        /// The key.
        fingerprint: String,
        /// When it was made.
        created: String,
        /// The time to sign at.
        now: String,
    },
    /// A key was made, or opened, but does not work.
    #[error("{doing} failed: {reason}")]
    Failed {
        /// What was done.
        doing: &'static str,
        /// What the library said.
        reason: String,
    },
    /// A file cannot be handled.
    #[error("{attempt} {path}")]
    File {
        /// What was tried.
        attempt: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl KeyError {
    /// What kind of failure this is.
    pub fn category(&self) -> Category {
        match self {
            Self::File { .. } => Category::Host,
            Self::Failed { .. } => Category::Bug,
            Self::Expired { .. } => Category::Verification,
            _ => Category::Input,
        }
    }
}

/// What opens secret keys. It is wiped from memory when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// The fewest characters of one that protects new keys.
    pub const LEAST: usize = 8;

    /// Takes over what a person typed.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// One that is good enough for new keys.
    ///
    /// # Errors
    /// It is too short.
    pub fn for_new_keys(self) -> Result<Self, KeyError> {
        if self.0.chars().count() < Self::LEAST {
            return Err(KeyError::NoPassphrase { least: Self::LEAST });
        }
        Ok(self)
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Passphrase(..)")
    }
}

/// The two secret keys, as they are kept: protected by the passphrase.
pub struct Protected {
    openpgp: Zeroizing<String>,
    minisign: Zeroizing<String>,
}

impl std::fmt::Debug for Protected {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Protected(..)")
    }
}

impl Protected {
    /// Takes over the texts of both.
    pub fn new(openpgp: String, minisign: String) -> Self {
        Self {
            openpgp: Zeroizing::new(openpgp),
            minisign: Zeroizing::new(minisign),
        }
    }

    /// Reads them from a folder.
    ///
    /// # Errors
    /// There are none, or others may read them.
    pub fn read(folder: &Utf8Path) -> Result<Self, KeyError> {
        let read = |name: &str| read_secret(folder, name);
        Ok(Self {
            openpgp: read(OPENPGP)?,
            minisign: read(MINISIGN)?,
        })
    }

    /// Opens them.
    ///
    /// # Errors
    /// The passphrase is wrong, or they are no keys.
    pub fn open(&self, passphrase: &Passphrase) -> Result<Keys, KeyError> {
        Ok(Keys {
            openpgp: OpenPgpSecret::open(&self.openpgp, passphrase)?,
            minisign: MinisignSecret::open(&self.minisign, passphrase)?,
        })
    }
}

/// The two secret keys, ready to sign.
pub struct Keys {
    pub(crate) openpgp: OpenPgpSecret,
    pub(crate) minisign: MinisignSecret,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let public = self.public();
        formatter.debug_tuple("Keys").field(&public).finish()
    }
}

impl Keys {
    /// What the world may know of them.
    pub fn public(&self) -> PublicKeys {
        PublicKeys::of(self.openpgp.facts(), self.minisign.public())
    }

    /// The signatures of both that stand beside `data`, OpenPGP's first, made at `time` in seconds since 1970; the
    /// comment, of one line, is the minisign key's. The same each time.
    ///
    /// # Errors
    /// None that a key causes which was opened.
    pub fn sign(&self, data: &[u8], time: u64, comment: &str) -> Result<[String; 2], KeyError> {
        Ok([
            self.openpgp.sign_detached(data, time)?,
            self.minisign.sign(data, comment),
        ])
    }

    /// A text with the OpenPGP key's signature, as an `InRelease` file has it, made at `time` in seconds since 1970.
    ///
    /// # Errors
    /// None that a key causes which was opened.
    pub fn sign_cleartext(&self, text: &str, time: u64) -> Result<String, KeyError> {
        self.openpgp.sign_cleartext(text, time)
    }

    /// Signs something at `now` with both, and checks the signatures as a stranger does.
    ///
    /// # Errors
    /// The OpenPGP key has expired, or something does not work.
    pub fn check(&self, now: u64) -> Result<(), KeyError> {
        let public = self.public();
        if let Some(expires) = public.expires.filter(|expires| *expires <= now) {
            return Err(KeyError::Expired {
                fingerprint: public.fingerprint,
                expired: formats::dates::rfc3339(expires),
            });
        }
        if public.created > now {
            return Err(KeyError::Young {
                fingerprint: public.fingerprint,
                created: formats::dates::rfc3339(public.created),
                now: formats::dates::rfc3339(now),
            });
        }
        let data = b"a test of the keys";
        let failed = |reason: String| KeyError::Failed {
            doing: "checking a signature",
            reason,
        };
        let keyring = Keyring::parse(public.openpgp.as_bytes());
        let keyring = keyring.map_err(|error| failed(error.to_string()))?;
        let signature = self.openpgp.sign_detached(data, now)?;
        let verified = keyring.verify_detached(data, signature.as_bytes(), now);
        verified.map_err(|error| failed(error.to_string()))?;
        let signature = self.minisign.sign(data, "a test");
        let verified = public.minisign.verify(data, &signature);
        verified.map(drop).map_err(failed)
    }
}

/// The public halves of both keys.
#[derive(Debug, Clone)]
pub struct PublicKeys {
    /// The OpenPGP key in ASCII armor.
    pub openpgp: String,
    /// Its fingerprint, 40 upper-case hexadecimal digits.
    pub fingerprint: String,
    /// Whose it says to be.
    pub user: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When its owner last said something of it, in seconds since 1970.
    pub stated: u64,
    /// When it ends, in seconds since 1970; `None` for never.
    pub expires: Option<u64>,
    /// The minisign key.
    pub minisign: MinisignPublic,
}

impl PublicKeys {
    fn of(facts: Facts, minisign: MinisignPublic) -> Self {
        Self {
            openpgp: facts.armored,
            fingerprint: facts.fingerprint,
            user: facts.user,
            created: facts.created,
            stated: facts.stated,
            expires: facts.expires,
            minisign,
        }
    }

    /// Those of a release, which are trusted already.
    pub(crate) fn read(openpgp: &str, minisign: MinisignPublic) -> Result<Self, String> {
        Ok(Self::of(Facts::read(openpgp)?, minisign))
    }

    /// How many days are left of it, where that is little enough to be warned of.
    pub fn days_left(&self, now: u64) -> Option<u64> {
        let left = self.expires?.saturating_sub(now);
        (left < WARN).then_some(left / 86_400)
    }
}

/// What new keys are like.
#[derive(Debug, Clone)]
pub struct NewKeys {
    /// Whose they are: `Example kernels <kernels@example.org>`.
    pub user: String,
    /// When they are made, in seconds since 1970.
    pub now: u64,
    /// How many days the OpenPGP key lives.
    pub days: u32,
}

/// Makes keys, and keeps them in `folder` where only its owner can read them.
///
/// # Errors
/// There are some already, the folder is in `checkout`, or it cannot be written.
pub fn create(
    folder: &Utf8Path,
    checkout: Option<&Utf8Path>,
    new: &NewKeys,
    passphrase: &Passphrase,
) -> Result<Keys, KeyError> {
    make_folder(folder)?;
    outside(folder, checkout)?;
    if folder.join(OPENPGP).exists() || folder.join(MINISIGN).exists() {
        return Err(KeyError::There {
            folder: folder.to_owned(),
        });
    }
    let openpgp = OpenPgpSecret::generate(new, passphrase)?;
    let minisign = MinisignSecret::generate(passphrase)?;
    let keys = Protected::new(openpgp.clone(), minisign.clone()).open(passphrase)?;
    keys.check(new.now)?;
    let public = keys.public();
    write(folder, OPENPGP, &openpgp, 0o600)?;
    write(folder, MINISIGN, &minisign, 0o600)?;
    write(folder, OPENPGP_PUBLIC, &public.openpgp, 0o644)?;
    write(folder, MINISIGN_PUBLIC, &public.minisign.text(), 0o644)?;
    Ok(keys)
}

fn make_folder(folder: &Utf8Path) -> Result<(), KeyError> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.map_err(file_error("creating", folder))
}

/// A key that is committed by accident is lost, so none is kept where that can happen.
fn outside(folder: &Utf8Path, checkout: Option<&Utf8Path>) -> Result<(), KeyError> {
    let real = folder.canonicalize_utf8();
    let real = real.map_err(file_error("looking for", folder))?;
    let real_checkout = checkout.and_then(|checkout| checkout.canonicalize_utf8().ok());
    match real_checkout {
        Some(checkout) if real.starts_with(&checkout) => Err(KeyError::InCheckout {
            folder: real,
            checkout,
        }),
        _ => Ok(()),
    }
}

fn write(folder: &Utf8Path, name: &str, text: &str, mode: u32) -> Result<(), KeyError> {
    let path = folder.join(name);
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(file_error("writing", &path))
}

fn read_secret(folder: &Utf8Path, name: &str) -> Result<Zeroizing<String>, KeyError> {
    let path = folder.join(name);
    let metadata = match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(KeyError::None {
                folder: folder.to_owned(),
            });
        }
        found => found.map_err(file_error("reading", &path))?,
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Readable { path, mode });
    }
    if metadata.len() > MAX_KEY {
        return Err(file_error("reading", &path)(
            io::ErrorKind::FileTooLarge.into(),
        ));
    }
    let text = fs::read_to_string(&path).map_err(file_error("reading", &path))?;
    Ok(Zeroizing::new(text))
}

fn file_error(attempt: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| KeyError::File {
        attempt,
        path,
        source,
    }
}

#[cfg(test)]
mod tests;
