//! What a certificate says of its keys: which may sign, and from when to when. RFC 9580, section 10.1.
//!
//! Only what the certificate's own primary key has signed counts. A revocation counts whenever and why ever
//! it was made; those by other keys are not looked at: whoever edits the keyring is the judge of those.

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType, SubpacketData};
use pgp::types::{Fingerprint, KeyDetails, KeyId, Tag, VerifyingKey};

use super::OpenPgpError;
use crate::dates::rfc3339;

/// A key that may have made a signature, with the certificate it is part of.
pub(super) struct Candidate<'a> {
    certificate: &'a SignedPublicKey,
    /// The subkey, or nothing for the primary key.
    subkey: Option<&'a SignedPublicSubKey>,
}

/// All keys of a certificate.
pub(super) fn candidates(certificate: &SignedPublicKey) -> impl Iterator<Item = Candidate<'_>> {
    let subkeys = certificate.public_subkeys.iter().map(Some);
    std::iter::once(None)
        .chain(subkeys)
        .map(move |subkey| Candidate {
            certificate,
            subkey,
        })
}

/// Whether a hash withstands collisions: SHA-2 and SHA-3 of 256 bits and more.
pub(super) fn is_strong(hash: HashAlgorithm) -> bool {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha256, Sha384, Sha512};
    matches!(hash, Sha256 | Sha384 | Sha512 | Sha3_256 | Sha3_512)
}

impl Candidate<'_> {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        match self.subkey {
            Some(subkey) => subkey.key.fingerprint(),
            None => self.certificate.primary_key.fingerprint(),
        }
    }

    fn key_id(&self) -> KeyId {
        match self.subkey {
            Some(subkey) => subkey.key.legacy_key_id(),
            None => self.certificate.primary_key.legacy_key_id(),
        }
    }

    fn name(&self) -> String {
        format!("{:X}", self.fingerprint())
    }

    /// Whether `signature` names this key as its issuer: by fingerprint where it has one, else by key id.
    pub(super) fn is_issuer_of(&self, signature: &Signature) -> bool {
        let fingerprints = signature.issuer_fingerprint();
        if fingerprints.is_empty() {
            let own = self.key_id();
            return signature.issuer_key_id().into_iter().any(|id| *id == own);
        }
        let own = self.fingerprint();
        fingerprints
            .into_iter()
            .any(|fingerprint| *fingerprint == own)
    }

    /// Whether `signature` is this key's over `text`.
    pub(super) fn has_signed(&self, signature: &Signature, text: &[u8]) -> bool {
        match self.subkey {
            Some(subkey) => signature.verify(&subkey.key, text).is_ok(),
            None => signature
                .verify(&self.certificate.primary_key, text)
                .is_ok(),
        }
    }

    /// Whether this key was entitled to sign at `signed`, in Unix seconds.
    pub(super) fn check_entitled(&self, signed: u64) -> Result<(), OpenPgpError> {
        self.check_primary(signed)?;
        self.subkey
            .map_or(Ok(()), |subkey| self.check_subkey(subkey, signed))
    }

    fn check_primary(&self, signed: u64) -> Result<(), OpenPgpError> {
        let primary = &self.certificate.primary_key;
        let revocations = &self.certificate.details.revocation_signatures;
        if revocations.iter().any(|it| it.verify_key(primary).is_ok()) {
            return Err(OpenPgpError::KeyRevoked { key: self.name() });
        }
        let newest = newest(self_signatures(self.certificate), signed);
        let newest =
            newest.ok_or_else(|| self.unusable("its primary key has no valid self-signature"))?;
        self.check_lifetime(primary.created_at().as_secs(), newest, signed)?;
        if self.subkey.is_none() && !newest.key_flags().sign() {
            return Err(self.unusable("it is not made for signing"));
        }
        Ok(())
    }

    fn check_subkey(&self, subkey: &SignedPublicSubKey, signed: u64) -> Result<(), OpenPgpError> {
        let primary = &self.certificate.primary_key;
        let is_own = |it: &Signature| it.verify_subkey_binding(primary, &subkey.key);
        if of_kind(subkey, SignatureType::SubkeyRevocation).any(|it| is_own(it).is_ok()) {
            return Err(OpenPgpError::KeyRevoked { key: self.name() });
        }
        let bindings =
            of_kind(subkey, SignatureType::SubkeyBinding).filter(|it| is_valid(it, is_own));
        let newest = newest(bindings, signed);
        let newest = newest.ok_or_else(|| self.unusable("its primary key has not signed it"))?;
        self.check_lifetime(subkey.key.created_at().as_secs(), newest, signed)?;
        if !newest.key_flags().sign() {
            return Err(self.unusable("it is not made for signing"));
        }
        if !is_back_signed(newest, subkey, primary) {
            return Err(self.unusable("it has not signed its primary key in return"));
        }
        Ok(())
    }

    /// Judges a key's lifetime, which `statement` gives in seconds from its creation; 0 means for ever.
    fn check_lifetime(
        &self,
        created: u32,
        statement: &Signature,
        signed: u64,
    ) -> Result<(), OpenPgpError> {
        let created = u64::from(created);
        if signed < created {
            return Err(self.unusable("it was created after the signature"));
        }
        let lifetime = statement
            .key_expiration_time()
            .map_or(0, |lifetime| u64::from(lifetime.as_secs()));
        let expired = created + lifetime;
        if lifetime > 0 && expired <= signed {
            let (expired, signed) = (rfc3339(expired), rfc3339(signed));
            return Err(OpenPgpError::KeyExpired {
                key: self.name(),
                expired,
                signed,
            });
        }
        Ok(())
    }

    fn unusable(&self, reason: &'static str) -> OpenPgpError {
        OpenPgpError::UnusableKey {
            key: self.name(),
            reason,
        }
    }
}

/// The primary key's valid statements on itself: on a user id, or on the key directly. Direct signatures
/// without flags only name revokers, and say nothing of use or lifetime.
fn self_signatures(certificate: &SignedPublicKey) -> impl Iterator<Item = &Signature> {
    let primary = &certificate.primary_key;
    let details = &certificate.details;
    let on_users = details.users.iter().flat_map(move |user| {
        let is_own = |it: &&Signature| {
            is_valid(it, |it| {
                it.verify_certification(primary, Tag::UserId, &user.id)
            })
        };
        let is_statement = |it: &&Signature| it.typ() != Some(SignatureType::CertRevocation);
        user.signatures.iter().filter(is_statement).filter(is_own)
    });
    let on_key = details.direct_signatures.iter();
    let on_key = on_key.filter(|it| it.typ() == Some(SignatureType::Key) && has_flags(it));
    on_users.chain(on_key.filter(move |it| is_valid(it, |it| it.verify_key(primary))))
}

fn has_flags(signature: &Signature) -> bool {
    let is_flags = |data: &SubpacketData| matches!(data, SubpacketData::KeyFlags(_));
    signature.config().is_some_and(|config| {
        config
            .hashed_subpackets()
            .any(|packet| is_flags(&packet.data))
    })
}

/// Strong enough, and confirmed by `verify`.
fn is_valid(signature: &Signature, verify: impl Fn(&Signature) -> pgp::errors::Result<()>) -> bool {
    signature.hash_alg().is_some_and(is_strong) && verify(signature).is_ok()
}

fn of_kind(subkey: &SignedPublicSubKey, kind: SignatureType) -> impl Iterator<Item = &Signature> {
    subkey
        .signatures
        .iter()
        .filter(move |it| it.typ() == Some(kind))
}

/// The newest statement that had not expired itself at `signed`.
fn newest<'a>(
    statements: impl Iterator<Item = &'a Signature>,
    signed: u64,
) -> Option<&'a Signature> {
    statements
        .filter(|it| end_of(it).is_none_or(|end| end > signed))
        .max_by_key(|it| it.created())
}

/// When a signature expires in Unix seconds; nothing where it does not.
pub(super) fn end_of(signature: &Signature) -> Option<u64> {
    let lifetime = u64::from(signature.signature_expiration_time()?.as_secs());
    let created = u64::from(signature.created()?.as_secs());
    (lifetime > 0).then_some(created + lifetime)
}

fn is_back_signed(
    binding: &Signature,
    subkey: &SignedPublicSubKey,
    primary: &(impl VerifyingKey + pgp::ser::Serialize),
) -> bool {
    binding.embedded_signature().is_some_and(|back| {
        is_valid(back, |back| {
            back.verify_primary_key_binding(&subkey.key, primary)
        })
    })
}
