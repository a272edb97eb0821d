//! Request ids: 32 lower-case hex digits, unlike any other of the node. They name requests and protect nothing.

use std::cell::Cell;

/// Makes request ids on one worker.
pub(crate) struct Ids {
    state: Cell<(u64, u64)>,
}

impl Ids {
    /// Returns a source of ids that starts from these random bytes.
    pub(crate) fn seeded(seed: [u8; 16]) -> Self {
        let seed = u128::from_le_bytes(seed) | 1;
        Self { state: Cell::new((seed as u64 | 1, (seed >> 64) as u64)) }
    }

    /// Returns the next 64 pseudo-random bits (xoroshiro128++).
    fn next(&self) -> u64 {
        let (a, mut b) = self.state.get();
        let out = a.wrapping_add(b).rotate_left(17).wrapping_add(a);
        b ^= a;
        self.state.set((a.rotate_left(49) ^ b ^ (b << 21), b.rotate_left(28)));
        out
    }

    /// Returns a new id.
    pub(crate) fn request_id(&self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut id = [0; 32];
        for half in id.chunks_exact_mut(16) {
            let mut bits = self.next();
            for digit in half {
                *digit = DIGITS[(bits & 15) as usize];
                bits >>= 4;
            }
        }
        id
    }

    /// Returns a number below `bound`, which is not 0.
    pub(crate) fn below(&self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hex_and_differ() {
        let ids = Ids::seeded([7; 16]);
        let mut seen: Vec<_> = (0..1000).map(|_| ids.request_id()).collect();
        assert!(seen.iter().flatten().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit)));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 1000);
    }
}
