//! The signature in an RPM package: put in, found, and taken out again.
//!
//! A package that was built has room for signatures in its first header (`RESERVEDSPACE`). A signature of the main
//! header goes there, as `rpmsign` does it, so that no byte behind moves; taken out, the package is what it was. The
//! main header has the digest of the payload, so that nothing is left unsigned. Source: `sign/rpmgensig.c` of rpm 4.18.

use std::collections::BTreeMap;
use std::io::Read;

use super::header::{BIN, ENTRY, Header, INT16, INT32, INT64, INTRO, MAGIC, Section};
use super::{LEAD, RpmError, read_lead, skip_padding, tag};

/// Why a package cannot be signed, or its signature not be taken out.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The package is malformed.
    #[error(transparent)]
    Rpm(#[from] RpmError),
    /// It has a signature already.
    #[error("the package is signed already")]
    Signed,
    /// It has none.
    #[error("the package is not signed")]
    NotSigned,
    /// Its first header is written in another way than rpm does, so that it could not be restored.
    #[error("the signature header is not in the form that rpm writes")]
    Form,
    /// There is not enough room.
    #[error("the signature header has no room for a signature of {needed} bytes")]
    NoRoom {
        /// The size of the signature and its entry.
        needed: usize,
    },
}

/// The beginning of a package, up to its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    lead: Vec<u8>,
    signatures: Values,
    /// The size of the signature header, without what pads it to eight bytes.
    size: usize,
    header: Vec<u8>,
}

/// The values of a header: of each tag its type, how many, and its bytes.
type Values = BTreeMap<u32, (u32, usize, Vec<u8>)>;

impl Head {
    /// Reads a package up to its payload, and checks the digest of the main header. Whether a signature is good is not
    /// looked at.
    ///
    /// # Errors
    /// The package is malformed, or its signature header is of no form that could be restored.
    pub fn read<R: Read>(reader: R) -> Result<Self, SignatureError> {
        let mut reader = Recorder {
            inner: reader,
            seen: Vec::new(),
        };
        read_lead(&mut reader)?;
        let lead = std::mem::take(&mut reader.seen);
        let signatures = Header::read(&mut reader, Section::Signature)?;
        let written = std::mem::take(&mut reader.seen);
        skip_padding(&mut reader, signatures.size)?;
        reader.seen.clear();
        let header = Header::read(&mut reader, Section::Main)?;
        super::verify(&signatures, &header)?;
        let values = signatures.typed_values().into_iter();
        let values: Values = values
            .map(|(tag, (kind, count, bytes))| (tag, (kind, count, bytes.to_vec())))
            .collect();
        if render(&values) != written {
            return Err(SignatureError::Form);
        }
        Ok(Self {
            lead,
            signatures: values,
            size: written.len(),
            header: reader.seen,
        })
    }

    /// The bytes of the main header, which is what is signed.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// The signature of the main header, in binary form.
    pub fn signature(&self) -> Option<&[u8]> {
        let value = self.signatures.get(&tag::HEADER_SIGNATURE.number);
        value.map(|(_, _, bytes)| &bytes[..])
    }

    /// The same package with this signature of its main header by an Ed25519 key. The payload stays where it is.
    ///
    /// # Errors
    /// It has a signature, or no room for one.
    pub fn signed(&self, signature: &[u8]) -> Result<Self, SignatureError> {
        if self.signature().is_some() {
            return Err(SignatureError::Signed);
        }
        let mut signed = self.clone();
        let value = (BIN, signature.len(), signature.to_vec());
        signed
            .signatures
            .insert(tag::HEADER_SIGNATURE.number, value);
        signed.refit(signature.len() + ENTRY)?;
        Ok(signed)
    }

    /// The same package as it was before it was signed.
    ///
    /// # Errors
    /// It is not signed.
    pub fn unsigned(&self) -> Result<Self, SignatureError> {
        let mut unsigned = self.clone();
        let removed = unsigned.signatures.remove(&tag::HEADER_SIGNATURE.number);
        removed.ok_or(SignatureError::NotSigned)?;
        unsigned.refit(0)?;
        Ok(unsigned)
    }

    /// How many bytes there are before the payload.
    pub fn length(&self) -> usize {
        self.lead.len() + self.size.next_multiple_of(8) + self.header.len()
    }

    /// The bytes before the payload.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.lead.clone();
        bytes.extend(render(&self.signatures));
        bytes.resize(LEAD + self.size.next_multiple_of(8), 0);
        bytes.extend(&self.header);
        bytes
    }

    /// Makes the reserved space such that the header is as long as it was. It is the last value, so each of its bytes
    /// is one of the header's.
    fn refit(&mut self, needed: usize) -> Result<(), SignatureError> {
        let no_room = SignatureError::NoRoom { needed };
        let last = self.signatures.last_entry();
        let Some(mut last) = last.filter(|last| *last.key() == tag::RESERVED_SPACE.number) else {
            return Err(no_room);
        };
        let (_, count, bytes) = last.get_mut();
        (*count, *bytes) = (0, Vec::new());
        let room = self.size.checked_sub(render(&self.signatures).len());
        // rpm takes no value without bytes.
        let room = room.filter(|room| *room > 0).ok_or(no_room)?;
        let space = (BIN, room, vec![0; room]);
        self.signatures.insert(tag::RESERVED_SPACE.number, space);
        Ok(())
    }
}

/// A signature header as rpm writes it: its region first, then the values by tag, each where its type may stand, and
/// at the end the trailer of the region.
fn render(values: &Values) -> Vec<u8> {
    let mut store = Vec::new();
    let mut index = Vec::new();
    for (tag, (kind, count, bytes)) in values {
        let alignment = match *kind {
            INT16 => 2,
            INT32 => 4,
            INT64 => 8,
            _ => 1,
        };
        store.resize(store.len().next_multiple_of(alignment), 0);
        index.extend(entry([*tag, *kind, number(store.len()), number(*count)]));
        store.extend(bytes);
    }
    let region = tag::SIGNATURES.number;
    let first = entry([region, BIN, number(store.len()), number(ENTRY)]);
    let size = number(index.len() + ENTRY);
    store.extend(entry([region, BIN, size.wrapping_neg(), number(ENTRY)]));
    let mut bytes = Vec::with_capacity(INTRO + first.len() + index.len() + store.len());
    bytes.extend(MAGIC);
    bytes.extend(number(values.len() + 1).to_be_bytes());
    bytes.extend(number(store.len()).to_be_bytes());
    bytes.extend(first);
    bytes.extend(index);
    bytes.extend(store);
    bytes
}

fn entry(numbers: [u32; 4]) -> Vec<u8> {
    numbers.into_iter().flat_map(u32::to_be_bytes).collect()
}

/// What was read has sizes of 32 bit.
fn number(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// Remembers what was read.
struct Recorder<R> {
    inner: R,
    seen: Vec<u8>,
}

impl<R: Read> Read for Recorder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.seen.extend(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::kernel::TestPackage;

    fn package() -> Vec<u8> {
        TestPackage::with_kernel("6.12.1", "CONFIG_MPTCP=y\n").build_rpm()
    }

    fn head(package: &[u8]) -> Head {
        Head::read(package).unwrap()
    }

    #[test]
    fn a_head_is_written_as_it_was_read() {
        let package = package();
        let head = head(&package);
        assert_eq!(head.to_bytes(), package[..head.length()]);
        assert_eq!(head.signature(), None);
    }

    #[test]
    fn a_signature_goes_in_and_out_again() {
        let package = package();
        let plain = head(&package);
        for size in [1, 2, 3, 4, 119] {
            let signature = vec![0x88; size];
            let signed = plain.signed(&signature).unwrap();
            assert_eq!(signed.length(), plain.length());
            let read = Head::read(&signed.to_bytes()[..]).unwrap();
            assert_eq!(read.signature(), Some(&signature[..]));
            assert_eq!(read.header(), plain.header());
            assert_eq!(read.unsigned().unwrap().to_bytes(), plain.to_bytes());
            assert!(matches!(
                read.signed(&signature),
                Err(SignatureError::Signed)
            ));
        }
        assert!(matches!(plain.unsigned(), Err(SignatureError::NotSigned)));
        let large = vec![0x88; 5000];
        assert!(matches!(
            plain.signed(&large),
            Err(SignatureError::NoRoom { .. })
        ));
    }

    #[test]
    fn others_read_the_signed_package() {
        let package = package();
        let plain = head(&package);
        let mut signed = plain.signed(&[0x88; 119]).unwrap().to_bytes();
        signed.extend(&package[plain.length()..]);
        let read = rpm::PackageMetadata::parse(&mut &signed[..]).unwrap();
        let tag = rpm::IndexSignatureTag::RPMSIGTAG_DSA;
        let found = read.signature.get_entry_data_as_binary(tag).unwrap();
        assert_eq!(found, [0x88; 119]);
    }
}
