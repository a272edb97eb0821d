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
        let mut id = [0; 32];
        for digits in id.chunks_exact_mut(16) {
            let bits = self.next();
            digits[..8].copy_from_slice(&hex(bits as u32));
            digits[8..].copy_from_slice(&hex((bits >> 32) as u32));
        }
        id
    }

    /// Returns a number below `bound`, which is not 0.
    pub(crate) fn below(&self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Writes the eight digits of a number, the lowest first, all at once: each byte of a word becomes a digit.
const fn hex(bits: u32) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let bits = bits as u64;
    let pairs = (bits | bits << 16) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (bytes | bytes << 4) & (ONES * 0x0f);
    // 1 where the digit is a letter.
    let letters = ((nibbles + ONES * 6) >> 4) & ONES;
    (nibbles + ONES * b'0' as u64 + letters * (b'a' - b'0' - 10) as u64).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_number() {
        for bits in [0, 0x0123_4567, 0x89ab_cdef, u32::MAX, 0xf00f_0a90] {
            let mut digits = hex(bits);
            digits.reverse();
            assert_eq!(digits, format!("{bits:08x}").as_bytes());
        }
    }

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
