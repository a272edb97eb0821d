//! Looking through short texts eight bytes at a time: single bytes, bytes that must be escaped, names without letter
//! case. Heads are made of pieces of 5 to 50 bytes, for which calling a vectorised search costs more than it saves.

use memchr::memchr;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = ONES * 0x80;

/// Marks the high bit of every byte below `limit` (up to 0x80). The lowest mark is right; those above it may be wrong.
#[inline]
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word & HIGHS
}

#[inline]
fn word(bytes: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*bytes)
}

/// Longer lines are left to the vectorised search.
const NEAR: usize = 128;

/// Returns where the first `byte` is.
#[inline]
pub(crate) fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        if at >= NEAR {
            return memchr(byte, &bytes[at..]).map(|found| at + found);
        }
        let marks = below(word(eight) ^ (ONES * u64::from(byte)), 1);
        if marks != 0 {
            return Some(at + marks.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    bytes[at..].iter().position(|held| *held == byte).map(|found| at + found)
}

/// Tells whether some byte is a control byte (DEL is one) other than a tab.
#[inline]
pub(crate) fn has_control(bytes: &[u8]) -> bool {
    // Tabs are rare enough to look twice.
    looks_odd(bytes) && bytes.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t')
}

/// Tells whether some byte is a control byte.
#[inline]
fn looks_odd(bytes: &[u8]) -> bool {
    let odd = |word: u64| (below(word, b' ') | below(word ^ (ONES * 0x7f), 1)) != 0;
    // The last bytes overlap those before them, which does no harm.
    match (bytes.last_chunk(), bytes.first_chunk(), bytes.last_chunk()) {
        (Some(last), ..) => {
            let mut at = 0;
            while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
                if odd(word(eight)) {
                    return true;
                }
                at += 8;
            }
            odd(word(last))
        }
        (None, Some(first), Some(last)) => {
            odd(u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32)
        }
        _ => bytes.iter().any(u8::is_ascii_control),
    }
}

/// Marks in `word` what differs from `lower`, letter case ignored. `lower` has no upper-case letter, and only letters
/// among its bytes from 0x40 on.
#[inline]
const fn differs(word: u64, lower: u64) -> u64 {
    (word ^ lower) & !((lower & (ONES * 0x40)) >> 1)
}

/// Tells whether `name` is `lower` but for letter case. `lower` may hold lower-case letters, digits and `-`.
#[inline]
pub(crate) fn is_name(name: &[u8], lower: &[u8]) -> bool {
    if name.len() != lower.len() {
        return false;
    }
    match (name.first_chunk(), lower.first_chunk(), name.last_chunk(), lower.last_chunk()) {
        (Some(first), Some(lower_first), Some(last), Some(lower_last)) => {
            let mut found = differs(word(first), word(lower_first)) | differs(word(last), word(lower_last));
            let between = name.chunks_exact(8).zip(lower.chunks_exact(8)).skip(1);
            for (name, lower) in between {
                if let (Some(name), Some(lower)) = (name.first_chunk(), lower.first_chunk()) {
                    found |= differs(word(name), word(lower));
                }
            }
            found == 0
        }
        _ => name.iter().zip(lower).all(|(name, lower)| differs(u64::from(*name), u64::from(*lower)) == 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of many lengths with one odd byte at each place.
    fn texts(odd: u8) -> impl Iterator<Item = (usize, Vec<u8>)> {
        (1..150usize).flat_map(move |length| {
            (0..length).step_by(1 + length / 40).map(move |at| {
                let mut text = vec![b'a'; length];
                text[at] = odd;
                (at, text)
            })
        })
    }

    #[test]
    fn finds_bytes() {
        for odd in (0..=255).filter(|odd| *odd != b'a') {
            for (at, text) in texts(odd) {
                assert_eq!(find(odd, &text), Some(at), "{odd} at {at} of {}", text.len());
                assert_eq!(find(odd.wrapping_add(1), &text[..at]), (odd == b'`' && at > 0).then_some(0));
            }
        }
    }

    #[test]
    fn finds_control_bytes() {
        for odd in 0..=255u8 {
            for (at, text) in texts(odd) {
                let want = odd.is_ascii_control() && odd != b'\t';
                assert_eq!(has_control(&text), want, "{odd} at {at} of {}", text.len());
            }
        }
        assert!(!has_control(b""));
    }

    #[test]
    fn compares_names() {
        for length in 1..30 {
            let lower: Vec<u8> = b"x-forwarded-for-2-accept-langu"[..length].to_vec();
            assert!(is_name(&lower, &lower) && is_name(&lower.to_ascii_uppercase(), &lower));
            for at in 0..length {
                for byte in 0..=255u8 {
                    let mut name = lower.clone();
                    name[at] = byte;
                    assert_eq!(
                        is_name(&name, &lower),
                        byte.eq_ignore_ascii_case(&lower[at]),
                        "{byte} at {at} of {length}"
                    );
                }
            }
            assert!(!is_name(&lower[1..], &lower));
        }
    }
}
