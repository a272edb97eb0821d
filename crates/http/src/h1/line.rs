//! One header line: its name and its value. Shared by requests, responses and trailers, which differ in what they
//! tolerate; where lines end is told by [`super::lines`].

use crate::Known;

/// What kind of name a line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// Letters, digits, `-` and `_` only: nginx takes it.
    Plain,
    /// Other bytes too: nginx drops the line without a word.
    Odd,
    /// Empty, or with a space or control byte in it.
    Bad,
}

/// No name may be longer, whatever buffers the limits allow; spans count in 16 bits.
const LONGEST_NAME: usize = 16 * 1024;

const PLAIN: u8 = 0;
const ODD: u8 = 1;
const BAD: u8 = 2;

/// What kind of name a byte makes.
const NAME_BYTES: [u8; 256] = {
    let mut table = [ODD; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            table[b] = PLAIN;
        } else if byte <= b' ' || byte == 0x7f {
            table[b] = BAD;
        }
        b += 1;
    }
    table
};

/// What a line is made of.
pub(super) struct Line {
    pub(super) kind: Name,
    pub(super) known: Known,
    pub(super) name_len: usize,
    /// Where the value lies, spaces and tabs around it taken off.
    pub(super) value: (usize, usize),
}

/// Splits a line (without its end) at its first colon. A line without colon is all name, with an empty value.
#[inline]
pub(super) fn split(line: &[u8], colon: Option<usize>) -> Line {
    let name_len = colon.unwrap_or(line.len());
    let known = Known::classify(&line[..name_len]);
    // Known names have plain bytes only.
    let kind = if known == Known::Other { kind(&line[..name_len]) } else { Name::Plain };
    let (mut start, mut end) = ((name_len + 1).min(line.len()), line.len());
    while start < end && matches!(line[start], b' ' | b'\t') {
        start += 1;
    }
    while end > start && matches!(line[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    Line { kind, known, name_len, value: (start, end) }
}

fn kind(name: &[u8]) -> Name {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Name::Bad;
    }
    // No way out of the loop: nearly all names are plain to their end.
    match name.iter().fold(PLAIN, |kinds, byte| kinds | NAME_BYTES[usize::from(*byte)]) {
        PLAIN => Name::Plain,
        ODD => Name::Odd,
        _ => Name::Bad,
    }
}

/// Returns the number a Content-Length value means: digits only, at most 18 of them.
pub(super) fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 18 {
        return None;
    }
    value.iter().try_fold(0u64, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u64::from(b - b'0')))
}
