//! Trusted keys, and the judgement over signatures.

use std::fmt;

use pgp::composed::{Deserializable, DetachedSignature, SignedPublicKey};
use pgp::packet::{Signature, SignatureType};
use pgp::types::KeyDetails;

use super::certificate::{Candidate, candidates, end_of, is_strong};
use super::frame::Frame;
use super::{MAX_KEYRING, MAX_MESSAGE, MAX_SIGNATURES, OpenPgpError};
use crate::dates::{CLOCK_SKEW, rfc3339};

const BEGIN_KEY: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END_KEY: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// Keys whose signatures are trusted.
#[derive(Clone)]
pub struct Keyring {
    certificates: Vec<SignedPublicKey>,
}

/// A text that a trusted key has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Exactly the signed text, and nothing outside of it: without dash escapes and without blanks at the
    /// ends of lines (neither are signed), lines ended by line feeds.
    pub text: String,
    /// The fingerprints of the keys whose signatures are good, in upper-case hexadecimal digits. Where a
    /// subkey has signed it is the subkey's. Never empty.
    pub signers: Vec<String>,
}

impl Keyring {
    /// Reads public keys: binary, or any number of armored blocks with any text between them.
    ///
    /// Whether a key is expired, revoked or badly bound is judged when it has signed something.
    ///
    /// # Errors
    ///
    /// The input is too large, malformed, holds a secret key or no key.
    pub fn parse(armored_or_binary: &[u8]) -> Result<Self, OpenPgpError> {
        let input = armored_or_binary;
        check_size(input.len(), MAX_KEYRING)?;
        // The first byte of every binary packet has its highest bit set: RFC 9580, section 4.2.
        let certificates = match input.first() {
            Some(first) if first & 0x80 != 0 => collect(SignedPublicKey::from_bytes_many(input))?,
            _ => parse_armored(input)?,
        };
        if certificates.is_empty() {
            Err(OpenPgpError::NoKeys)
        } else {
            Ok(Self { certificates })
        }
    }

    /// The primary keys' fingerprints in upper-case hexadecimal digits, in the order of the input.
    pub fn fingerprints(&self) -> Vec<String> {
        self.certificates
            .iter()
            .map(|certificate| format!("{:X}", certificate.fingerprint()))
            .collect()
    }

    /// The one key of this fingerprint, in upper-case hexadecimal digits, if it is among them.
    #[must_use]
    pub fn only(&self, fingerprint: &str) -> Option<Self> {
        let is_it = |key: &&SignedPublicKey| format!("{:X}", key.fingerprint()) == fingerprint;
        let certificate = self.certificates.iter().find(is_it)?.clone();
        Some(Self {
            certificates: vec![certificate],
        })
    }

    /// Verifies a cleartext-signed message, such as an `InRelease` file, at `now_unix` in Unix seconds.
    ///
    /// One good signature is enough; signatures by keys outside of the keyring are ignored. Good is one by
    /// a key made for signing, properly bound, not revoked and not expired when it signed, with SHA-256 or
    /// stronger, that has not expired and was not made more than ten minutes from now.
    ///
    /// # Errors
    ///
    /// See [`OpenPgpError`]. Where no signature is good, the first by a known key decides which error it is.
    pub fn verify_inrelease(
        &self,
        inrelease: &[u8],
        now_unix: u64,
    ) -> Result<Verified, OpenPgpError> {
        check_size(inrelease.len(), MAX_MESSAGE)?;
        let frame = Frame::parse(utf8(inrelease)?)?;
        let signatures = parse_signatures(frame.armor)?;
        let signed = frame.text.replace('\n', "\r\n");
        let signed = (SignatureType::Text, signed.as_bytes());
        let signers = self.good_signers(&signatures, signed, now_unix)?;
        Ok(Verified {
            text: format!("{}\n", frame.text),
            signers,
        })
    }

    /// Verifies a signature that stands beside `data`, armored (such as `Release.gpg`) or binary (as in an RPM
    /// package), at `now_unix` in Unix seconds; what is good is the same as for [`Keyring::verify_inrelease`].
    ///
    /// # Errors
    ///
    /// See [`OpenPgpError`].
    pub fn verify_detached(
        &self,
        data: &[u8],
        signature: &[u8],
        now_unix: u64,
    ) -> Result<Vec<String>, OpenPgpError> {
        check_size(signature.len(), MAX_KEYRING)?;
        let signatures = match signature.first() {
            Some(first) if first & 0x80 != 0 => parse_binary_signatures(signature)?,
            _ => parse_signatures(utf8(signature)?)?,
        };
        self.good_signers(&signatures, (SignatureType::Binary, data), now_unix)
    }

    /// The signers whose signatures of this type over these bytes are good.
    fn good_signers(
        &self,
        signatures: &[Signature],
        signed: (SignatureType, &[u8]),
        now: u64,
    ) -> Result<Vec<String>, OpenPgpError> {
        let (mut signers, mut first_error) = (Vec::new(), None);
        for signature in signatures {
            for candidate in self.issuers_of(signature) {
                let key = format!("{:X}", candidate.fingerprint());
                match judge(signature, &candidate, signed, now) {
                    Ok(()) if !signers.contains(&key) => signers.push(key),
                    Ok(()) => {}
                    Err(error) => first_error = first_error.or(Some(error)),
                }
            }
        }
        match first_error {
            _ if !signers.is_empty() => Ok(signers),
            Some(error) => Err(error),
            None => Err(OpenPgpError::UnknownSigners {
                issuers: issuer_names(signatures),
            }),
        }
    }

    fn issuers_of<'a>(&'a self, signature: &'a Signature) -> impl Iterator<Item = Candidate<'a>> {
        self.certificates
            .iter()
            .flat_map(candidates)
            .filter(|candidate| candidate.is_issuer_of(signature))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Keyring")
            .field(&self.fingerprints())
            .finish()
    }
}

fn check_size(size: usize, limit: usize) -> Result<(), OpenPgpError> {
    if size > limit {
        Err(OpenPgpError::TooLarge { size, limit })
    } else {
        Ok(())
    }
}

fn utf8(message: &[u8]) -> Result<&str, OpenPgpError> {
    std::str::from_utf8(message).map_err(|error| {
        let valid = message.get(..error.valid_up_to()).unwrap_or_default();
        let line = valid.split(|&byte| byte == b'\n').count();
        OpenPgpError::MalformedMessage {
            line,
            reason: "expected UTF-8",
        }
    })
}

fn parse_armored(input: &[u8]) -> Result<Vec<SignedPublicKey>, OpenPgpError> {
    let malformed = |reason: &str| OpenPgpError::MalformedKeyring(reason.to_owned());
    let text =
        std::str::from_utf8(input).map_err(|_| malformed("neither binary nor armored text"))?;
    if text.contains("-----BEGIN PGP PRIVATE KEY BLOCK-----") {
        return Err(OpenPgpError::SecretKey);
    }
    let mut certificates = Vec::new();
    for block in text.split(BEGIN_KEY).skip(1) {
        let (body, _) = block
            .split_once(END_KEY)
            .ok_or_else(|| malformed("an armored block does not end"))?;
        let armor = format!("{BEGIN_KEY}{body}{END_KEY}\n");
        let parsed = SignedPublicKey::from_armor_many_buf(armor.as_bytes()).map(|(keys, _)| keys);
        certificates.extend(collect(parsed)?);
    }
    Ok(certificates)
}

fn collect<I>(parsed: pgp::errors::Result<I>) -> Result<Vec<SignedPublicKey>, OpenPgpError>
where
    I: Iterator<Item = pgp::errors::Result<SignedPublicKey>>,
{
    let keys = parsed.and_then(Iterator::collect);
    keys.map_err(|error| OpenPgpError::MalformedKeyring(reason(&error)))
}

fn parse_signatures(armor: &str) -> Result<Vec<Signature>, OpenPgpError> {
    let malformed = |error| OpenPgpError::MalformedSignature(reason(&error));
    let (parsed, _) =
        DetachedSignature::from_armor_many_buf(armor.as_bytes()).map_err(malformed)?;
    bounded(parsed)
}

fn parse_binary_signatures(bytes: &[u8]) -> Result<Vec<Signature>, OpenPgpError> {
    let malformed = |error| OpenPgpError::MalformedSignature(reason(&error));
    bounded(DetachedSignature::from_bytes_many(bytes).map_err(malformed)?)
}

fn bounded(
    parsed: impl Iterator<Item = pgp::errors::Result<DetachedSignature>>,
) -> Result<Vec<Signature>, OpenPgpError> {
    let malformed = |error| OpenPgpError::MalformedSignature(reason(&error));
    let mut signatures = Vec::new();
    for signature in parsed {
        signatures.push(signature.map_err(malformed)?.signature);
        if signatures.len() > MAX_SIGNATURES {
            return Err(OpenPgpError::MalformedSignature(format!(
                "more than {MAX_SIGNATURES} signatures"
            )));
        }
    }
    Ok(signatures)
}

/// rPGP's words, in one short line.
fn reason(error: &pgp::errors::Error) -> String {
    let text: String = error.to_string().chars().take(200).collect();
    text.escape_debug().to_string()
}

/// Whether `signature`, which names `key` as its issuer, makes bytes trusted that are signed by this type.
fn judge(
    signature: &Signature,
    key: &Candidate<'_>,
    (kind, signed): (SignatureType, &[u8]),
    now: u64,
) -> Result<(), OpenPgpError> {
    let name = || format!("{:X}", key.fingerprint());
    let unusable = |reason| OpenPgpError::UnusableSignature {
        key: name(),
        reason,
    };
    if signature.typ() != Some(kind) {
        return Err(unusable(match kind {
            SignatureType::Text => "expected a signature of a text",
            _ => "expected a signature of bytes",
        }));
    }
    let hash = signature
        .hash_alg()
        .ok_or_else(|| unusable("expected a known version"))?;
    if !is_strong(hash) {
        return Err(OpenPgpError::WeakHash {
            key: name(),
            hash: hash.to_string(),
        });
    }
    if !key.has_signed(signature, signed) {
        return Err(OpenPgpError::BadSignature { key: name() });
    }
    let created = signature
        .created()
        .ok_or_else(|| unusable("expected a creation time"))?;
    let created = u64::from(created.as_secs());
    check_dates(signature, created, now, &name)?;
    key.check_entitled(created)
}

fn check_dates(
    signature: &Signature,
    created: u64,
    now: u64,
    name: &dyn Fn() -> String,
) -> Result<(), OpenPgpError> {
    if created > now.saturating_add(CLOCK_SKEW) {
        let (created, now) = (rfc3339(created), rfc3339(now));
        return Err(OpenPgpError::SignatureFromFuture {
            key: name(),
            created,
            now,
        });
    }
    if let Some(end) = end_of(signature).filter(|&end| end <= now) {
        let (expired, now) = (rfc3339(end), rfc3339(now));
        return Err(OpenPgpError::SignatureExpired {
            key: name(),
            expired,
            now,
        });
    }
    Ok(())
}

/// Fingerprints of the issuers, or key ids where there is no more.
fn issuer_names(signatures: &[Signature]) -> Vec<String> {
    signatures
        .iter()
        .map(|signature| {
            let fingerprint = signature
                .issuer_fingerprint()
                .first()
                .map(|it| format!("{it:X}"));
            let key_id = || {
                signature
                    .issuer_key_id()
                    .first()
                    .map(|it| it.to_string().to_uppercase())
            };
            fingerprint
                .or_else(key_id)
                .unwrap_or_else(|| "an unnamed key".to_owned())
        })
        .collect()
}
