//! `OpenPGP` signatures over apt metadata: the keys that are trusted, and `InRelease` files signed by them.
//!
//! Source: RFC 9580, section 7 for cleartext signatures. The arithmetic is rPGP's; which signatures and
//! keys are good enough is decided here.

mod certificate;
mod frame;
mod keyring;

pub use keyring::{Keyring, Verified};

/// Longest accepted signed message in bytes; Debian's longest `InRelease` has 250 kB.
pub const MAX_MESSAGE: usize = 16 << 20;
/// Longest accepted keyring in bytes; all of Debian's keys together have 90 kB.
pub const MAX_KEYRING: usize = 4 << 20;
/// Most signatures on one message that are looked at.
pub const MAX_SIGNATURES: usize = 32;

/// Why a keyring cannot be used, or a message is not trusted. Keys are named by their fingerprints in
/// upper-case hexadecimal digits, times in RFC 3339.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OpenPgpError {
    /// The input is longer than any real one.
    #[error("found {size} bytes, expected at most {limit}")]
    TooLarge {
        /// Bytes found.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The keyring cannot be parsed.
    #[error("keyring is malformed: {0}")]
    MalformedKeyring(String),
    /// The keyring contains a secret key, which has no business there.
    #[error("keyring contains a secret key, expected public keys only")]
    SecretKey,
    /// The keyring contains no key.
    #[error("keyring contains no public key")]
    NoKeys,
    /// The message is not signed at all, or not by a cleartext signature.
    #[error("message is not signed: found no line `-----BEGIN PGP SIGNED MESSAGE-----`")]
    NotSigned,
    /// There is text before or after the signed message.
    #[error("line {0}: text outside of the signed message")]
    TextOutside(usize),
    /// The message breaks the cleartext signature framework.
    #[error("line {line}: malformed signed message, {reason}")]
    MalformedMessage {
        /// The line, from 1.
        line: usize,
        /// What was expected.
        reason: &'static str,
    },
    /// The signature's armor or packets cannot be parsed.
    #[error("signature is malformed: {0}")]
    MalformedSignature(String),
    /// Nobody known has signed.
    #[error("no signature by a known key, found only signatures by {}", list(.issuers))]
    UnknownSigners {
        /// Fingerprints, or key ids where a signature has no more.
        issuers: Vec<String>,
    },
    /// The signature does not belong to this text.
    #[error("bad signature by {key}: the text or the signature was altered")]
    BadSignature {
        /// The key that is named as its issuer.
        key: String,
    },
    /// The signature is of a kind that says nothing about a text, or lacks its creation time.
    #[error("unusable signature by {key}: {reason}")]
    UnusableSignature {
        /// The key that is named as its issuer.
        key: String,
        /// What was expected.
        reason: &'static str,
    },
    /// The signature's hash is too weak to trust.
    #[error("signature by {key} uses the weak hash {hash}, expected SHA-256 or stronger")]
    WeakHash {
        /// The key that is named as its issuer.
        key: String,
        /// The hash's name.
        hash: String,
    },
    /// The signature is dated later than now: this clock is wrong, or the signature is.
    #[error("signature by {key} was created at {created}, but now is {now}")]
    SignatureFromFuture {
        /// The key that is named as its issuer.
        key: String,
        /// The signature's creation.
        created: String,
        /// The current time.
        now: String,
    },
    /// The signature has expired.
    #[error("signature by {key} expired at {expired}, and now is {now}")]
    SignatureExpired {
        /// The key that is named as its issuer.
        key: String,
        /// The signature's end.
        expired: String,
        /// The current time.
        now: String,
    },
    /// The key had expired when it signed.
    #[error("key {key} expired at {expired}, before it signed at {signed}")]
    KeyExpired {
        /// The key.
        key: String,
        /// Its end.
        expired: String,
        /// The signature's creation.
        signed: String,
    },
    /// The key, or the primary key it belongs to, is revoked.
    #[error("key {key} is revoked")]
    KeyRevoked {
        /// The key.
        key: String,
    },
    /// The key is not properly bound to its certificate, or not made for signing.
    #[error("key {key} is unusable: {reason}")]
    UnusableKey {
        /// The key.
        key: String,
        /// What was expected.
        reason: &'static str,
    },
}

fn list(issuers: &[String]) -> String {
    if issuers.is_empty() {
        "nobody".to_owned()
    } else {
        issuers.join(", ")
    }
}

#[cfg(test)]
mod tests;
