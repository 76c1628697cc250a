use std::io::Write;

use flate2::Crc;
use flate2::write::GzEncoder;
use liblzma::write::XzEncoder;

use super::*;

const ALL: [Compression; 4] = [
    Compression::None,
    Compression::Gzip,
    Compression::Xz,
    Compression::Zstd,
];

fn compress(bytes: &[u8], compression: Compression) -> Vec<u8> {
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Xz => {
            let mut encoder = XzEncoder::new(Vec::new(), 0);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
    }
}

fn decompress(bytes: &[u8], compression: Compression, limit: u64) -> io::Result<Vec<u8>> {
    let mut found = Vec::new();
    Decoder::new(bytes, compression, limit)?.read_to_end(&mut found)?;
    Ok(found)
}

fn is_too_long(error: &io::Error, limit: u64) -> bool {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<OutputTooLong>());
    inner == Some(&OutputTooLong { limit })
}

#[test]
fn extensions_name_compressions() {
    let found = ["", "gz", "xz", "zst"].map(Compression::from_extension);
    assert_eq!(found, ALL.map(Some));
    for other in ["bz2", "lzma", ".xz", "XZ", "zstd"] {
        assert_eq!(Compression::from_extension(other), None);
    }
}

#[test]
fn streams_are_decompressed_up_to_the_limit() {
    let text = b"some text, some text, some text".repeat(1000);
    for compression in ALL {
        let packed = compress(&text, compression);
        assert_eq!(
            decompress(&packed, compression, text.len() as u64).unwrap(),
            text,
            "{compression:?}"
        );
        let error = decompress(&packed, compression, text.len() as u64 - 1).unwrap_err();
        assert!(
            is_too_long(&error, text.len() as u64 - 1),
            "{compression:?}: {error}"
        );
    }
}

#[test]
fn concatenated_streams_are_one() {
    for compression in ALL {
        let packed = [
            compress(b"one ", compression),
            compress(b"two", compression),
        ]
        .concat();
        assert_eq!(
            decompress(&packed, compression, 100).unwrap(),
            b"one two",
            "{compression:?}"
        );
    }
}

#[test]
fn nothing_compressed_is_nothing() {
    for compression in ALL {
        assert_eq!(
            decompress(&compress(b"", compression), compression, 0).unwrap(),
            b"",
            "{compression:?}"
        );
    }
}

#[test]
fn truncated_streams_are_errors() {
    let text = b"some text".repeat(1000);
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
        let packed = compress(&text, compression);
        for length in (1..packed.len()).chain([packed.len() - 1]) {
            assert!(
                decompress(&packed[..length], compression, 1 << 20).is_err(),
                "{compression:?} {length}"
            );
        }
    }
}

#[test]
fn altered_streams_are_errors() {
    let text: Vec<u8> = (0..5000u32)
        .flat_map(|number| (number * number).to_le_bytes())
        .collect();
    for compression in [Compression::Gzip, Compression::Xz] {
        let mut packed = compress(&text, compression);
        let middle = packed.len() / 2;
        packed[middle] ^= 1;
        assert!(
            decompress(&packed, compression, 1 << 20).is_err(),
            "{compression:?}"
        );
    }
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
        assert!(
            decompress(b"plain text", compression, 1 << 20).is_err(),
            "{compression:?}"
        );
    }
}

#[test]
fn bombs_are_given_up_at_the_limit() {
    let zeros = vec![0; 64 << 20];
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
        let packed = compress(&zeros, compression);
        assert!(packed.len() < 1 << 20, "a bomb is small");
        let mut decoder = Decoder::new(packed.as_slice(), compression, 1 << 20).unwrap();
        let mut found = Vec::new();
        let error = decoder.read_to_end(&mut found).unwrap_err();
        assert!(is_too_long(&error, 1 << 20), "{compression:?}: {error}");
        assert_eq!(found.len(), 1 << 20);
        assert!(decoder.read(&mut [0]).is_err(), "stays failed");
    }
}

/// Rewrites the dictionary size in the first block header: `.xz` file format, section 3.1.
fn claim_xz_dictionary(packed: &mut [u8], code: u8) {
    assert_eq!(
        packed[12..16],
        [2, 0, 0x21, 1],
        "block header with one LZMA2 filter"
    );
    packed[16] = code;
    let mut crc = Crc::new();
    crc.update(&packed[12..20]);
    packed[20..24].copy_from_slice(&crc.sum().to_le_bytes());
}

#[test]
fn memory_that_a_stream_asks_for_is_bounded() {
    let mut xz = compress(b"text", Compression::Xz);
    claim_xz_dictionary(&mut xz, 28);
    assert_eq!(
        decompress(&xz, Compression::Xz, 100).unwrap(),
        b"text",
        "64 MiB are fine"
    );
    claim_xz_dictionary(&mut xz, 30);
    assert!(
        decompress(&xz, Compression::Xz, 100).is_err(),
        "128 MiB are too much"
    );

    let mut zstd = compress(&b"text".repeat(100), Compression::Zstd);
    assert_eq!(
        zstd[4] & 0x20,
        0,
        "frame with a window descriptor: RFC 8878, section 3.1.1.1"
    );
    zstd[5] = (26 - 10) << 3;
    assert_eq!(
        decompress(&zstd, Compression::Zstd, 1000).unwrap().len(),
        400,
        "64 MiB are fine"
    );
    zstd[5] = (27 - 10) << 3;
    assert!(
        decompress(&zstd, Compression::Zstd, 1000).is_err(),
        "128 MiB are too much"
    );
}
