//! The command line of releases and their keys.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};

/// Make signed apt and dnf repositories, with checksums, provenance and a page, out of finished results.
///
/// Only results of a commit are taken: pinned, complete, and of a kernel that passed its smoke boot. Either all of the
/// recipes are released or none; what was released before stays in the repositories. Without recipes, a release is
/// signed anew. The passphrase of the keys comes from MPTCP_KERNELS_PASSPHRASE, or is asked for on a terminal; the keys
/// from a folder, or from MPTCP_KERNELS_OPENPGP_KEY and MPTCP_KERNELS_MINISIGN_KEY. SOURCE_DATE_EPOCH sets the clock.
#[derive(Debug, Args)]
pub(crate) struct Release {
    /// The recipes
    pub(crate) recipes: Vec<String>,
    /// All recipes that are locked and for release
    #[arg(long, conflicts_with = "recipes")]
    pub(crate) all: bool,
    /// The link that the finished tree gets; the trees themselves are kept beside it
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Utf8PathBuf,
    /// Where it will be served, such as https://kernels.example.org
    #[arg(long, value_parser = served)]
    pub(crate) url: String,
    /// The release before, where it is not what --out links to; none if this is empty, or if the server has no such
    /// release
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) previous: Option<String>,
    /// How many versions of each recipe stay; all if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep: Option<u32>,
    /// For how many days its indexes may be believed; sign anew before that
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) valid: u32,
    /// The commit of this project that the results are of
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    pub(crate) commit: String,
    #[command(flatten)]
    pub(crate) keys: KeysFolder,
}

/// Where keys are.
#[derive(Debug, Args)]
pub(crate) struct KeysFolder {
    /// The folder of the keys; `keys` in the user's configuration if not given
    #[arg(long = "keys", value_name = "DIR")]
    pub(crate) folder: Option<Utf8PathBuf>,
}

/// Where a release is served: what stands in shells, in files of apt and dnf, and in links.
fn served(url: &str) -> Result<String, String> {
    let url = url.trim_end_matches('/');
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or("a URL of https or http is expected")?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:[]%".contains(c);
    if rest.is_empty() || rest.starts_with('/') || !rest.chars().all(is_plain) {
        return Err("a URL of a host and a path in plain characters is expected".to_owned());
    }
    Ok(url.to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make an OpenPGP and a minisign key, both protected by one passphrase
    New(NewKeys),
    /// Show the public keys
    Show(KeysFolder),
    /// Try the keys, and warn before they expire
    Check(KeysFolder),
}

#[derive(Debug, Args)]
pub(crate) struct NewKeys {
    /// Whose they are, such as `Example kernels <kernels@example.org>`
    #[arg(long, value_name = "NAME <ADDRESS>", value_parser = user)]
    pub(crate) user: String,
    /// For how many days the OpenPGP key is good
    #[arg(long, value_name = "DAYS", default_value_t = 730, value_parser = clap::value_parser!(u32).range(1..=7300))]
    pub(crate) days: u32,
    #[command(flatten)]
    pub(crate) keys: KeysFolder,
}

/// What becomes a line of a package.
fn user(text: &str) -> Result<String, String> {
    let has_address = text.ends_with('>') && text.contains(" <") && text.contains('@');
    if !has_address || text.chars().any(char::is_control) {
        return Err("`NAME <ADDRESS>` is expected".to_owned());
    }
    Ok(text.to_owned())
}

/// Check a release: signatures, digests, indexes, and provenance against plan.
///
/// Whom you trust has to come from you, not from the release. Of a URL the newest release is remembered, and an older
/// one refused. --rebuild builds the newest kernel of each recipe from the recipes and containers of this clone, at the
/// commit that the release names, compares every package, and writes what it found as a signed attestation into
/// out/attestations.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The release
    #[arg(value_name = "DIR|URL")]
    pub(crate) what: String,
    /// Whom you trust: a file with an OpenPGP or minisign public key, or the fingerprint of the OpenPGP key
    #[arg(long, value_name = "FILE|FINGERPRINT")]
    pub(crate) key: String,
    /// Check a release that was kept: it may have expired, and newer ones have been seen
    #[arg(long)]
    pub(crate) archived: bool,
    /// Build it again and compare
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// Build only these recipes again
    #[arg(long = "recipe", value_name = "RECIPE", requires = "rebuild")]
    pub(crate) recipes: Vec<String>,
    /// How many witnesses must have built every newest kernel as well
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) require: Option<u32>,
    /// A witness' minisign public key
    #[arg(long = "witness", value_name = "FILE", requires = "require")]
    pub(crate) witnesses: Vec<Utf8PathBuf>,
    /// What a witness wrote by --rebuild
    #[arg(long = "attestation", value_name = "FILE", requires = "require")]
    pub(crate) attestations: Vec<Utf8PathBuf>,
    #[command(flatten)]
    pub(crate) keys: KeysFolder,
}
