//! One header line: where it ends, its name and its value. Shared by requests, responses and trailers, which differ in
//! what they tolerate.

use crate::Known;
use crate::scan;

/// What a line ends with, or why it cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// The line is `..at`, and the next begins at `next`.
    At { at: usize, next: usize, bare_lf: bool },
    /// No line feed yet.
    Missing,
    /// A CR without LF behind it.
    BareCr,
    /// A NUL.
    Nul,
}

/// Finds the end of the first line of `buf`, looking at nothing but CR, LF and NUL.
#[inline]
pub(super) fn end(buf: &[u8]) -> LineEnd {
    match scan::line_end(buf) {
        None => LineEnd::Missing,
        Some(at) => match buf[at] {
            b'\r' => match buf.get(at + 1) {
                Some(b'\n') => LineEnd::At { at, next: at + 2, bare_lf: false },
                Some(_) => LineEnd::BareCr,
                None => LineEnd::Missing,
            },
            b'\n' => LineEnd::At { at, next: at + 1, bare_lf: true },
            _ => LineEnd::Nul,
        },
    }
}

/// Tells whether whole lines hold a control byte where none may stand (RFC 9110 §5.5); CR and LF are their ends.
pub(super) fn has_control(lines: &[u8]) -> bool {
    // No way out of the loop: so it becomes a few vector instructions.
    lines.iter().fold(false, |found, b| found | ((*b < b' ') & !matches!(*b, b'\t' | b'\r' | b'\n')) | (*b == 0x7f))
}

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

/// Splits a line (without its end). A line without colon is all name, with an empty value.
#[inline]
pub(super) fn split(line: &[u8]) -> Line {
    let name_len = scan::find(b':', line).unwrap_or(line.len());
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
