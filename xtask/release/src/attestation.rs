//! Signed statements: in-toto statements in DSSE envelopes.
//!
//! Sources: <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>,
//! <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>. The signature is a bare Ed25519 one by the key
//! that minisign has too, so that whoever reads PEM can check it.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine};
use model::digest::Sha256;
use serde::{Deserialize, Serialize};

use crate::error::ReleaseError;
use crate::keys::{Keys, MinisignPublic};

/// The type of every payload.
const PAYLOAD: &str = "application/vnd.in-toto+json";
/// The type of every statement.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// The longest envelope that is read, in bytes.
pub const MAX_ENVELOPE: u64 = 16 << 20;

/// Something said of files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    /// The files.
    pub subject: Vec<Resource>,
    /// What kind of thing is said.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is said.
    pub predicate: serde_json::Value,
}

/// A file, or something else that digests tell from others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests, by algorithm.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// What else is to be known of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, serde_json::Value>,
}

impl Resource {
    /// A file of this name and digest.
    pub fn file(name: impl Into<String>, sha256: &Sha256) -> Self {
        Self {
            name: Some(name.into()),
            digest: BTreeMap::from([("sha256".to_owned(), sha256.to_string())]),
            ..Self::default()
        }
    }

    /// Its SHA-256, where it has one that is well formed.
    pub fn sha256(&self) -> Option<Sha256> {
        self.digest.get("sha256")?.parse().ok()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Envelope {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Signature {
    /// Only a hint: the id of the minisign key.
    #[serde(default)]
    keyid: String,
    sig: String,
}

impl Statement {
    /// Says `predicate` of these files.
    pub fn new(subject: Vec<Resource>, predicate_type: &str, predicate: serde_json::Value) -> Self {
        Self {
            kind: STATEMENT.to_owned(),
            subject,
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// The envelope, signed by the minisign key; the same each time.
    ///
    /// # Errors
    /// None that a value of this type causes.
    pub fn sign(&self, keys: &Keys) -> Result<String, ReleaseError> {
        let render = ReleaseError::render("a statement");
        let payload = serde_json::to_vec(self).map_err(&render)?;
        let signature = keys.minisign.sign_raw(&authenticated(PAYLOAD, &payload));
        let envelope = Envelope {
            payload_type: PAYLOAD.to_owned(),
            payload: BASE64_STANDARD.encode(&payload),
            signatures: vec![Signature {
                keyid: keys.public().minisign.id(),
                sig: BASE64_STANDARD.encode(signature),
            }],
        };
        Ok(serde_json::to_string(&envelope).map_err(&render)? + "\n")
    }

    /// The statement of an envelope that `key` has signed. Nothing of it is looked at before the signature.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn verify(envelope: &[u8], key: &MinisignPublic) -> Result<Self, String> {
        let envelope: Envelope = serde_json::from_slice(envelope)
            .map_err(|error| format!("this is no DSSE envelope: {error}"))?;
        let decode = |text: &str| {
            let decoded = BASE64_STANDARD.decode(text);
            decoded.map_err(|error| format!("the envelope is damaged: {error}"))
        };
        let payload = decode(&envelope.payload)?;
        let signed = authenticated(&envelope.payload_type, &payload);
        let is_good = |signature: &Signature| {
            decode(&signature.sig).is_ok_and(|bytes| key.verify_raw(&signed, &bytes))
        };
        if !envelope.signatures.iter().any(is_good) {
            return Err(format!("key {} has not signed it", key.id()));
        }
        let statement: Self = serde_json::from_slice(&payload)
            .map_err(|error| format!("the statement is malformed: {error}"))?;
        if envelope.payload_type != PAYLOAD || statement.kind != STATEMENT {
            return Err("it is no in-toto statement of version 1".to_owned());
        }
        Ok(statement)
    }
}

/// What is signed of a payload and its type: DSSE's pre-authentication encoding.
fn authenticated(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    bytes.extend(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::keys;

    #[test]
    fn the_encoding_is_the_one_of_the_specification() {
        let found = authenticated("http://example.com/HelloWorld", b"hello world");
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(found, expected);
    }

    #[test]
    fn a_statement_is_believed_only_as_it_was_signed() {
        let keys = keys();
        let public = keys.public().minisign;
        let subject = vec![Resource::file("a", &Sha256::of("a"))];
        let statement = Statement::new(
            subject,
            "https://example.org/said",
            serde_json::json!({"b": 1}),
        );
        let envelope = statement.sign(&keys).unwrap();
        let read = Statement::verify(envelope.as_bytes(), &public).unwrap();
        assert_eq!(read, statement);
        let mut altered: serde_json::Value = serde_json::from_str(&envelope).unwrap();
        let payload = serde_json::to_vec(&Statement {
            subject: vec![],
            ..statement
        })
        .unwrap();
        altered["payload"] = BASE64_STANDARD.encode(payload).into();
        let error = Statement::verify(altered.to_string().as_bytes(), &public).unwrap_err();
        assert!(error.contains("has not signed"), "{error}");
        let other = crate::testing::other_keys().public().minisign;
        Statement::verify(envelope.as_bytes(), &other).unwrap_err();
        let mut unsigned: serde_json::Value = serde_json::from_str(&envelope).unwrap();
        unsigned["signatures"] = serde_json::json!([]);
        Statement::verify(unsigned.to_string().as_bytes(), &public).unwrap_err();
        Statement::verify(b"{}", &public).unwrap_err();
    }
}
