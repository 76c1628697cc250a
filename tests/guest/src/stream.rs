//! The content of a stream: a function of its seed and of the position, so that whatever is swapped,
//! lost or repeated on the way is noticed where it happened.

/// Words of [`mix`] are eight bytes.
const WORD: u64 = 8;

/// splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): the word at an
/// index of the stream of a seed.
fn mix(seed: u64, index: u64) -> u64 {
    let mut word = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Fills a buffer with the content from a position on.
pub(crate) fn fill(seed: u64, position: u64, buffer: &mut [u8]) {
    let within = usize::try_from(position % WORD).unwrap_or(0);
    let mut index = position / WORD;
    let first = mix(seed, index).to_le_bytes();
    let (head, rest) = buffer.split_at_mut(buffer.len().min(first.len() - within));
    head.copy_from_slice(&first[within..within + head.len()]);
    for chunk in rest.chunks_mut(first.len()) {
        index += 1;
        let word = mix(seed, index).to_le_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
}

/// Compares what arrives with what should.
#[derive(Debug)]
pub(crate) struct Comparison {
    seed: u64,
    /// How many bytes were compared.
    pub(crate) position: u64,
    /// The position of the first byte that was not what it should be.
    pub(crate) first_wrong: Option<u64>,
    /// The position of a byte that is changed before it is compared.
    flip: Option<u64>,
    expected: Vec<u8>,
}

impl Comparison {
    /// Begins with the first byte of the stream of a seed.
    pub(crate) fn new(seed: u64, flip: Option<u64>) -> Self {
        Self {
            seed,
            position: 0,
            first_wrong: None,
            flip,
            expected: Vec::new(),
        }
    }

    /// Compares the next bytes.
    pub(crate) fn take(&mut self, bytes: &mut [u8]) {
        self.sabotage(bytes);
        self.expected.resize(bytes.len(), 0);
        fill(self.seed, self.position, &mut self.expected);
        if self.first_wrong.is_none() && self.expected != bytes {
            let same = bytes
                .iter()
                .zip(&self.expected)
                .take_while(|(a, b)| a == b)
                .count();
            self.first_wrong = Some(self.position + same as u64);
        }
        self.position += bytes.len() as u64;
    }

    fn sabotage(&mut self, bytes: &mut [u8]) {
        let offset = self.flip.and_then(|flip| flip.checked_sub(self.position));
        let byte = offset.and_then(|offset| bytes.get_mut(usize::try_from(offset).ok()?));
        if let Some(byte) = byte {
            *byte ^= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Vec<u8> {
        let mut content = vec![0; 1000];
        fill(7, 0, &mut content);
        content
    }

    /// Compares in pieces whose borders are no multiples of eight.
    fn first_wrong(content: &mut [u8], flip: Option<u64>) -> Option<u64> {
        let mut comparison = Comparison::new(7, flip);
        for piece in content.chunks_mut(13) {
            comparison.take(piece);
        }
        assert_eq!(comparison.position, content.len() as u64);
        comparison.first_wrong
    }

    #[test]
    fn content_depends_on_the_position_alone() {
        assert_eq!(first_wrong(&mut content(), None), None);
        let mut other = vec![0; 1000];
        fill(8, 0, &mut other);
        assert_ne!(other, content());
    }

    #[test]
    fn what_happened_on_the_way_is_found_where_it_happened() {
        let mut swapped = content();
        swapped.swap(500, 501);
        let mut lost = content();
        lost.remove(300);
        let mut repeated = content();
        let again = repeated[696..704].to_vec();
        repeated.splice(704..704, again);
        let mut words = content();
        let (left, right) = words.split_at_mut(808);
        left[800..].swap_with_slice(&mut right[..8]);
        assert_eq!(first_wrong(&mut swapped, None), Some(500));
        assert_eq!(first_wrong(&mut lost, None), Some(300));
        assert_eq!(first_wrong(&mut repeated, None), Some(704));
        assert_eq!(first_wrong(&mut words, None), Some(800));
        assert_eq!(first_wrong(&mut content(), Some(997)), Some(997));
    }
}
