//! The OpenPGP key: version 4, Ed25519 in the older encoding, which gpgv and rpm take.

use pgp::composed::{
    CleartextSignedMessage, Deserializable, DetachedSignature, KeyType, SignedKeyDetails,
    SignedPublicKey, SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{
    KeyFlags, PubKeyInner, PublicKey, SecretKey as Packet, Signature, SignatureConfig,
    SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::ser::Serialize;
use pgp::types::{
    Duration, KeyDetails, KeyVersion, PacketHeaderVersion, Password, SigningKey, Tag, Timestamp,
};
use rand::rngs::OsRng;

use super::{KeyError, NewKeys, Passphrase};

const WHICH: &str = "OpenPGP";

/// A secret key, ready to sign.
pub(crate) struct SecretKey {
    key: Packet,
    public: SignedPublicKey,
}

impl SecretKey {
    /// A new one, in ASCII armor and protected by the passphrase.
    pub(super) fn generate(new: &NewKeys, passphrase: &Passphrase) -> Result<String, KeyError> {
        generate(new, passphrase).map_err(failed("making the OpenPGP key"))
    }

    pub(super) fn open(armored: &str, passphrase: &Passphrase) -> Result<Self, KeyError> {
        let malformed = |error: pgp::errors::Error| KeyError::Malformed {
            which: WHICH,
            reason: error.to_string(),
        };
        let parsed = SignedSecretKey::from_armor_single(armored.as_bytes());
        let (secret, _) = parsed.map_err(malformed)?;
        secret.verify_bindings().map_err(malformed)?;
        let public = secret.to_public_key();
        let mut key = secret.primary_key;
        let password = Password::from(passphrase.as_str());
        // Once, and not for each signature: that takes a tenth of a second.
        let opened = key.remove_password(&password);
        opened.map_err(|_| KeyError::Passphrase { which: WHICH })?;
        Ok(Self { key, public })
    }

    pub(super) fn facts(&self) -> Facts {
        Facts::of(&self.public)
    }

    /// Signs a text as an `InRelease` file is signed, at `time` in seconds since 1970; the same text and time give the
    /// same bytes.
    pub(crate) fn sign_cleartext(&self, text: &str, time: u64) -> Result<String, KeyError> {
        // The line feed before the signature is not signed.
        let text = text.strip_suffix('\n').unwrap_or(text);
        let message = CleartextSignedMessage::new_many(text, |text| {
            Ok(vec![self.sign(
                SignatureType::Text,
                text.as_bytes(),
                time,
            )?])
        });
        message
            .and_then(|message| message.to_armored_string(None.into()))
            .map_err(failed("signing a text"))
    }

    /// A signature that stands beside `data`, in ASCII armor.
    pub(crate) fn sign_detached(&self, data: &[u8], time: u64) -> Result<String, KeyError> {
        let signature = self.sign(SignatureType::Binary, data, time);
        signature
            .and_then(|signature| DetachedSignature::new(signature).to_armored_string(None.into()))
            .map_err(failed("signing"))
    }

    /// The same in binary form.
    pub(crate) fn sign_binary(&self, data: &[u8], time: u64) -> Result<Vec<u8>, KeyError> {
        let signature = self.sign(SignatureType::Binary, data, time);
        signature
            .and_then(|signature| DetachedSignature::new(signature).to_bytes())
            .map_err(failed("signing"))
    }

    fn sign(&self, kind: SignatureType, data: &[u8], time: u64) -> pgp::errors::Result<Signature> {
        let created = vec![SubpacketData::SignatureCreationTime(timestamp(time))];
        config(kind, &self.key, created)?.sign(&self.key, &Password::empty(), data)
    }
}

/// What a public key tells.
pub(super) struct Facts {
    pub(super) armored: String,
    pub(super) fingerprint: String,
    pub(super) user: String,
    pub(super) created: u64,
    pub(super) stated: u64,
    pub(super) expires: Option<u64>,
}

impl Facts {
    /// Of a key in ASCII armor.
    pub(super) fn read(armored: &str) -> Result<Self, String> {
        let parsed = SignedPublicKey::from_armor_single(armored.as_bytes());
        let (public, _) = parsed.map_err(|error| error.to_string())?;
        Ok(Self {
            armored: armored.to_owned(),
            ..Self::of(&public)
        })
    }

    fn of(public: &SignedPublicKey) -> Self {
        let users = public.details.users.iter();
        let names = users.map(|user| String::from_utf8_lossy(user.id.id()).into_owned());
        let statements = public
            .details
            .users
            .iter()
            .flat_map(|user| &user.signatures);
        // The newest that it says of itself.
        let statement = statements.max_by_key(|signature| signature.created());
        let created = u64::from(public.created_at().as_secs());
        let lifetime = statement.and_then(Signature::key_expiration_time);
        let stated = statement.and_then(Signature::created);
        Self {
            // A key that was read can be written.
            armored: public.to_armored_string(None.into()).unwrap_or_default(),
            fingerprint: format!("{:X}", public.fingerprint()),
            user: names.collect::<Vec<_>>().join(", "),
            created,
            stated: stated.map_or(created, |time| u64::from(time.as_secs())),
            expires: lifetime.map(|lifetime| created + u64::from(lifetime.as_secs())),
        }
    }
}

fn generate(new: &NewKeys, passphrase: &Passphrase) -> pgp::errors::Result<String> {
    let (public, secret) = KeyType::Ed25519Legacy.generate(OsRng)?;
    let algorithm = PublicKeyAlgorithm::EdDSALegacy;
    let created = timestamp(new.now);
    let inner = PubKeyInner::new(KeyVersion::V4, algorithm, created, None, public)?;
    let mut key = Packet::new(PublicKey::from_inner(inner)?, secret)?;
    let user = UserId::from_str(PacketHeaderVersion::default(), &new.user)?;
    let statement = config(SignatureType::CertPositive, &key, statement(new))?;
    let signature = statement.sign_certification(
        &key,
        key.public_key(),
        &Password::empty(),
        Tag::UserId,
        &user,
    )?;
    let details = SignedKeyDetails::new(vec![], vec![], vec![user.into_signed(signature)], vec![]);
    key.set_password(OsRng, &Password::from(passphrase.as_str()))?;
    SignedSecretKey::new(key, details, vec![], vec![]).to_armored_string(None.into())
}

/// What a new key says of itself: that it signs, and for how long.
fn statement(new: &NewKeys) -> Vec<SubpacketData> {
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    let lifetime = Duration::from_secs(new.days.saturating_mul(86_400));
    vec![
        SubpacketData::SignatureCreationTime(timestamp(new.now)),
        SubpacketData::KeyFlags(flags),
        SubpacketData::KeyExpirationTime(lifetime),
    ]
}

fn config(
    kind: SignatureType,
    key: &impl SigningKey,
    data: Vec<SubpacketData>,
) -> pgp::errors::Result<SignatureConfig> {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), HashAlgorithm::Sha512);
    let hashed = data.into_iter().map(Subpacket::regular);
    config.hashed_subpackets = hashed.collect::<Result<_, _>>()?;
    let issuer = SubpacketData::IssuerFingerprint(key.fingerprint());
    config.hashed_subpackets.push(Subpacket::regular(issuer)?);
    let id = SubpacketData::IssuerKeyId(key.legacy_key_id());
    config.unhashed_subpackets = vec![Subpacket::regular(id)?];
    Ok(config)
}

/// OpenPGP's times have 32 bits.
fn timestamp(unix: u64) -> Timestamp {
    Timestamp::from_secs(u32::try_from(unix).unwrap_or(u32::MAX))
}

fn failed(doing: &'static str) -> impl Fn(pgp::errors::Error) -> KeyError {
    move |error| KeyError::Failed {
        doing,
        reason: error.to_string(),
    }
}
