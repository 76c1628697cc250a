//! Keys and signatures for tests: what a repository's owner has, and what an attacker might make of it.
//! Kernel packages are in [`kernel`], and what is of RPM packages alone in [`rpm`].
//!
//! Behind the feature `testing`; nothing of it is in a release build.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "only tests call this, and they should fail loudly"
)]

pub mod kernel;
pub mod rpm;

use pgp::composed::{
    CleartextSignedMessage, KeyType, SignedKeyDetails, SignedPublicKey, SignedPublicSubKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{
    KeyFlags, PubKeyInner, PublicKey, PublicSubkey, SecretKey, SecretSubkey, Signature,
    SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, KeyVersion, Password, SigningKey, Tag, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// When every test key was created, in Unix seconds: 2020-01-01T00:00:00Z.
pub const CREATED: u64 = 1_577_836_800;

/// What is special about a test key; by default nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct TestKeyOptions {
    /// Seconds from [`CREATED`] until the primary key expires.
    pub lifetime: Option<u32>,
    /// The primary key is revoked.
    pub revoked: bool,
    /// The subkey that signs; where there is none, the primary key does.
    pub subkey: Option<TestSubkey>,
}

/// How a test subkey is bound to its primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestSubkey {
    /// Properly.
    Bound,
    /// Without the signature of the subkey over the primary key.
    WithoutBackSignature,
    /// By another primary key.
    BoundByStranger,
    /// For encryption only.
    NotForSigning,
    /// Properly, and then revoked.
    Revoked,
    /// Properly, but for these seconds from [`CREATED`] on.
    Expiring(u32),
}

/// An Ed25519 key that exists only in a test.
#[derive(Debug)]
pub struct TestKey {
    primary: SecretKey,
    subkey: Option<SecretSubkey>,
    certificate: SignedPublicKey,
}

impl TestKey {
    /// A new key from the system's randomness; its primary key signs.
    pub fn generate() -> Self {
        Self::with_options(rand::random(), TestKeyOptions::default())
    }

    /// The key that belongs to `seed`: the same one in every run.
    pub fn from_seed(seed: u64) -> Self {
        Self::with_options(seed, TestKeyOptions::default())
    }

    /// The key that belongs to `seed` and `options`.
    pub fn with_options(seed: u64, options: TestKeyOptions) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let primary = new_primary(&mut rng);
        let stranger = new_primary(&mut rng);
        let subkey = options.subkey.map(|kind| (kind, new_subkey(&mut rng)));
        let public_subkeys = subkey
            .iter()
            .map(|(kind, key)| bind(&primary, &stranger, key, *kind))
            .collect();
        let details = sign_details(&primary, options);
        let certificate =
            SignedPublicKey::new(primary.public_key().clone(), details, public_subkeys);
        Self {
            primary,
            subkey: subkey.map(|(_, key)| key),
            certificate,
        }
    }

    /// The fingerprint of the key that signs, in upper-case hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        match &self.subkey {
            Some(subkey) => format!("{:X}", subkey.fingerprint()),
            None => format!("{:X}", self.primary.fingerprint()),
        }
    }

    /// The public key in ASCII armor.
    pub fn armored_public(&self) -> String {
        self.certificate
            .to_armored_string(None.into())
            .expect("a key can be armored")
    }

    /// The public key in binary form.
    pub fn binary_public(&self) -> Vec<u8> {
        self.certificate.to_bytes().expect("a key can be written")
    }

    /// Signs `text` as an `InRelease` file is signed, at `created_unix` in Unix seconds.
    pub fn sign_cleartext(&self, text: &str, created_unix: u64) -> String {
        sign_cleartext_by_all(&[self], text, created_unix)
    }

    /// Signs like [`TestKey::sign_cleartext`], but the signature expires `lifetime` seconds after it was made.
    pub fn sign_cleartext_expiring(&self, text: &str, created_unix: u64, lifetime: u32) -> String {
        sign(text, |text| {
            vec![self.signature(text, created_unix, Some(lifetime))]
        })
    }

    fn signature(&self, text: &str, created: u64, lifetime: Option<u32>) -> Signature {
        let mut data = vec![SubpacketData::SignatureCreationTime(timestamp(created))];
        data.extend(
            lifetime.map(|it| SubpacketData::SignatureExpirationTime(Duration::from_secs(it))),
        );
        match &self.subkey {
            Some(key) => sign_text(key, data, text),
            None => sign_text(&self.primary, data, text),
        }
    }
}

/// Signs `text` with several keys at once, at `created_unix` in Unix seconds.
pub fn sign_cleartext_by_all(keys: &[&TestKey], text: &str, created_unix: u64) -> String {
    sign(text, |text| {
        keys.iter()
            .map(|key| key.signature(text, created_unix, None))
            .collect()
    })
}

/// The line break before the signature is not signed, so `text` is taken without its last one.
fn sign(text: &str, signer: impl FnOnce(&str) -> Vec<Signature>) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let message = CleartextSignedMessage::new_many(text, |text| Ok(signer(text)));
    let message = message.expect("a test key can sign");
    message
        .to_armored_string(None.into())
        .expect("a message can be armored")
}

fn sign_text(key: &impl SigningKey, data: Vec<SubpacketData>, text: &str) -> Signature {
    let signature =
        config(SignatureType::Text, key, data).sign(key, &Password::empty(), text.as_bytes());
    signature.expect("a test key can sign")
}

fn timestamp(unix: u64) -> Timestamp {
    Timestamp::from_secs(u32::try_from(unix).expect("OpenPGP times have 32 bits"))
}

fn new_public(rng: &mut StdRng) -> (PubKeyInner, pgp::types::SecretParams) {
    let (public, secret) = KeyType::Ed25519Legacy
        .generate(rng)
        .expect("a key can be generated");
    let algorithm = PublicKeyAlgorithm::EdDSALegacy;
    let inner = PubKeyInner::new(KeyVersion::V4, algorithm, timestamp(CREATED), None, public)
        .expect("a key can be packed");
    (inner, secret)
}

fn new_primary(rng: &mut StdRng) -> SecretKey {
    let (inner, secret) = new_public(rng);
    let public = PublicKey::from_inner(inner).expect("a key can be packed");
    SecretKey::new(public, secret).expect("a key can be packed")
}

fn new_subkey(rng: &mut StdRng) -> SecretSubkey {
    let (inner, secret) = new_public(rng);
    let public = PublicSubkey::from_inner(inner).expect("a key can be packed");
    SecretSubkey::new(public, secret).expect("a key can be packed")
}

fn sign_details(primary: &SecretKey, options: TestKeyOptions) -> SignedKeyDetails {
    let user = UserId::from_str(
        pgp::types::PacketHeaderVersion::default(),
        "Test <test@example.org>",
    )
    .expect("a user id can be packed");
    let data = statement(true, options.lifetime);
    let signature = config(SignatureType::CertPositive, primary, data)
        .sign_certification(
            primary,
            primary.public_key(),
            &Password::empty(),
            Tag::UserId,
            &user,
        )
        .expect("a test key can sign");
    let revocation = config(
        SignatureType::KeyRevocation,
        primary,
        vec![created_at_first()],
    );
    let revocation = revocation.sign_key(primary, &Password::empty(), primary.public_key());
    let revocations = if options.revoked {
        vec![revocation.expect("a test key can sign")]
    } else {
        vec![]
    };
    SignedKeyDetails::new(
        revocations,
        vec![],
        vec![user.into_signed(signature)],
        vec![],
    )
}

fn bind(
    primary: &SecretKey,
    stranger: &SecretKey,
    key: &SecretSubkey,
    kind: TestSubkey,
) -> SignedPublicSubKey {
    let lifetime = if let TestSubkey::Expiring(lifetime) = kind {
        Some(lifetime)
    } else {
        None
    };
    let mut data = statement(kind != TestSubkey::NotForSigning, lifetime);
    if kind != TestSubkey::WithoutBackSignature {
        let back = config(SignatureType::KeyBinding, key, vec![created_at_first()])
            .sign_primary_key_binding(
                key,
                key.public_key(),
                &Password::empty(),
                primary.public_key(),
            )
            .expect("a test key can sign");
        data.push(SubpacketData::EmbeddedSignature(Box::new(back)));
    }
    let binder = if kind == TestSubkey::BoundByStranger {
        stranger
    } else {
        primary
    };
    let mut signatures = vec![sign_binding(
        binder,
        key,
        SignatureType::SubkeyBinding,
        data,
    )];
    if kind == TestSubkey::Revoked {
        signatures.push(sign_binding(
            primary,
            key,
            SignatureType::SubkeyRevocation,
            vec![created_at_first()],
        ));
    }
    SignedPublicSubKey::new(key.public_key().clone(), signatures)
}

fn sign_binding(
    primary: &SecretKey,
    key: &SecretSubkey,
    kind: SignatureType,
    data: Vec<SubpacketData>,
) -> Signature {
    config(kind, primary, data)
        .sign_subkey_binding(
            primary,
            primary.public_key(),
            &Password::empty(),
            key.public_key(),
        )
        .expect("a test key can sign")
}

fn created_at_first() -> SubpacketData {
    SubpacketData::SignatureCreationTime(timestamp(CREATED))
}

/// What a self-signature says of a key.
fn statement(signs: bool, lifetime: Option<u32>) -> Vec<SubpacketData> {
    let mut flags = KeyFlags::default();
    flags.set_sign(signs);
    let mut data = vec![created_at_first(), SubpacketData::KeyFlags(flags)];
    data.extend(lifetime.map(|it| SubpacketData::KeyExpirationTime(Duration::from_secs(it))));
    data
}

fn config(kind: SignatureType, key: &impl SigningKey, data: Vec<SubpacketData>) -> SignatureConfig {
    let packet = |data| Subpacket::regular(data).expect("a subpacket can be packed");
    let mut config = SignatureConfig::v4(kind, key.algorithm(), HashAlgorithm::Sha512);
    config.hashed_subpackets = data.into_iter().map(packet).collect();
    config
        .hashed_subpackets
        .push(packet(SubpacketData::IssuerFingerprint(key.fingerprint())));
    config.unhashed_subpackets = vec![packet(SubpacketData::IssuerKeyId(key.legacy_key_id()))];
    config
}
