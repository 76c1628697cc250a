//! The minisign key.
//!
//! Keys are made, kept and read by the library, and so are signatures checked. It puts random bytes into each
//! signature that it makes; ours have none, so that one release comes out the same each time: Ed25519 as RFC 8032 has
//! it. Source of the form: <https://jedisct1.github.io/minisign/>.

use base64::prelude::{BASE64_STANDARD, Engine};
use blake2::{Blake2b512, Digest};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use minisign::{KeyPair, PublicKeyBox, SecretKeyBox, SignatureBox};
use zeroize::Zeroizing;

use super::{KeyError, Passphrase};

const WHICH: &str = "minisign";
/// Where the key's id stands in the library's bytes of a secret key: behind three names of algorithms, the salt and the
/// two limits of the key derivation.
const ID: usize = 6 + 32 + 16;
/// Where the secret itself does.
const SECRET: usize = ID + 8;
/// How an Ed25519 public key begins in DER. Source: RFC 8410.
const DER: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// A secret key, ready to sign.
pub(crate) struct SecretKey {
    id: [u8; 8],
    key: SigningKey,
}

impl SecretKey {
    /// A new one, in minisign's text form and protected by the passphrase.
    pub(super) fn generate(passphrase: &Passphrase) -> Result<String, KeyError> {
        let failed = |error: minisign::PError| KeyError::Failed {
            doing: "making the minisign key",
            reason: error.to_string(),
        };
        let pair = KeyPair::generate_encrypted_keypair(Some(passphrase.as_str().to_owned()));
        let text = pair.and_then(|pair| pair.sk.to_box(None)).map_err(failed)?;
        Ok(text.into_string())
    }

    pub(super) fn open(text: &str, passphrase: &Passphrase) -> Result<Self, KeyError> {
        let malformed = |reason: String| KeyError::Malformed {
            which: WHICH,
            reason,
        };
        let text = SecretKeyBox::from_string(text).map_err(|error| malformed(error.to_string()))?;
        let secret = text
            .into_secret_key(Some(passphrase.as_str().to_owned()))
            .map_err(|_| KeyError::Passphrase { which: WHICH })?;
        let bytes = Zeroizing::new(secret.to_bytes());
        let part = |from: usize, size: usize| bytes.get(from..from + size);
        let id = part(ID, 8).and_then(|id| id.try_into().ok());
        let seed = part(SECRET, 32).and_then(|seed| <[u8; 32]>::try_from(seed).ok());
        let (Some(id), Some(seed)) = (id, seed.map(Zeroizing::new)) else {
            return Err(malformed("it is too short".to_owned()));
        };
        Ok(Self {
            id,
            key: SigningKey::from_bytes(&seed),
        })
    }

    pub(super) fn public(&self) -> PublicKey {
        PublicKey {
            id: self.id,
            key: self.key.verifying_key(),
        }
    }

    /// Signs `data`; the same data and comment, of one line, give the same bytes.
    pub(crate) fn sign(&self, data: &[u8], comment: &str) -> String {
        let signature = self.key.sign(&Blake2b512::digest(data)).to_bytes();
        let mut named = b"ED".to_vec();
        named.extend(self.id);
        named.extend(signature);
        let mut commented = signature.to_vec();
        commented.extend(comment.as_bytes());
        let global = self.key.sign(&commented).to_bytes();
        format!(
            "untrusted comment: signature by minisign key {}\n{}\ntrusted comment: {comment}\n{}\n",
            self.public().id(),
            BASE64_STANDARD.encode(named),
            BASE64_STANDARD.encode(global)
        )
    }

    /// The bare signature of `message`. What is signed so begins with words that tell it from all else.
    pub(crate) fn sign_raw(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: [u8; 8],
    key: VerifyingKey,
}

impl PublicKey {
    /// Reads the text form.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed = PublicKeyBox::from_string(text).and_then(PublicKeyBox::into_public_key);
        let bytes = parsed.map_err(|error| error.to_string())?.to_bytes();
        let id = bytes.get(2..10).and_then(|id| id.try_into().ok());
        let key = bytes.get(10..42).and_then(|key| key.try_into().ok());
        let key = key.and_then(|key| VerifyingKey::from_bytes(&key).ok());
        match (id, key) {
            (Some(id), Some(key)) => Ok(Self { id, key }),
            _ => Err("it is no Ed25519 key".to_owned()),
        }
    }

    /// Its id: 16 upper-case hexadecimal digits, as minisign prints it.
    pub fn id(&self) -> String {
        format!("{:016X}", u64::from_le_bytes(self.id))
    }

    /// The text form, as `minisign -p` reads it.
    pub fn text(&self) -> String {
        format!(
            "untrusted comment: minisign public key {}\n{}\n",
            self.id(),
            self.base64()
        )
    }

    /// The same without a comment, as `minisign -P` reads it.
    pub fn base64(&self) -> String {
        let mut bytes = b"Ed".to_vec();
        bytes.extend(self.id);
        bytes.extend(self.key.as_bytes());
        BASE64_STANDARD.encode(bytes)
    }

    /// The form that most other tools read, such as `openssl pkeyutl`.
    pub fn pem(&self) -> String {
        let mut bytes = DER.to_vec();
        bytes.extend(self.key.as_bytes());
        let text = BASE64_STANDARD.encode(bytes);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    /// Whether `signature` is of this key and of `data`; gives its trusted comment.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn verify(&self, data: &[u8], signature: &str) -> Result<String, String> {
        let say = |error: minisign::PError| error.to_string();
        let key = minisign::PublicKey::from_base64(&self.base64()).map_err(say)?;
        let signature = SignatureBox::from_string(signature).map_err(say)?;
        let data = std::io::Cursor::new(data);
        minisign::verify(&key, &signature, data, true, false, false).map_err(say)?;
        signature.trusted_comment().map_err(say)
    }

    /// Whether this is the bare signature of `message`.
    pub fn verify_raw(&self, message: &[u8], signature: &[u8]) -> bool {
        let signature = ed25519_dalek::Signature::from_slice(signature);
        signature.is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}
