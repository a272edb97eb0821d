//! The lines of a head, found 64 bytes at a time: one pass tells where lines end, where their colons are, and whether a
//! control byte stands among them. It judges nothing; requests, responses and trailers differ in what they tolerate.

use wide::u8x16;

/// Bytes looked at together: one bit each in a word.
const WINDOW: usize = 64;

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

/// Goes through received bytes line by line. Places count from the beginning of the bytes.
pub(super) struct Lines<'a> {
    buf: &'a [u8],
    /// Where the window begins.
    base: usize,
    /// Control bytes in the window, tabs aside, that have not been passed.
    stops: u64,
    /// Colons in the window that have not been passed.
    colons: u64,
    /// Whether a control byte was passed where none may stand (RFC 9110 §5.5).
    pub(super) has_control: bool,
}

impl<'a> Lines<'a> {
    /// Returns the lines of `buf`.
    #[inline]
    pub(super) fn new(buf: &'a [u8]) -> Self {
        let mut lines = Self { buf, base: 0, stops: 0, colons: 0, has_control: false };
        lines.look(0);
        lines
    }

    /// Finds the end of the next line, and the first colon in it. After anything but an end there is no next line.
    #[inline]
    pub(super) fn next(&mut self) -> (LineEnd, Option<usize>) {
        let stop = self.stops.trailing_zeros() as usize;
        let at = self.base + stop;
        // Nearly all lines end so, and within the window in which they begin.
        if stop < WINDOW - 2 && self.buf.get(at..at + 2) == Some(b"\r\n") {
            let found = self.colons.trailing_zeros() as usize;
            let colon = (found < stop).then_some(self.base + found);
            self.stops &= u64::MAX << (stop + 2);
            self.colons &= u64::MAX << (stop + 2);
            return (LineEnd::At { at, next: at + 2, bare_lf: false }, colon);
        }
        self.next_of_any_kind()
    }

    /// As [`next`](Self::next), whatever the end is and wherever it lies.
    fn next_of_any_kind(&mut self) -> (LineEnd, Option<usize>) {
        let mut colon = None;
        loop {
            let stop = self.stops.trailing_zeros();
            let found = self.colons.trailing_zeros();
            if colon.is_none() && found < stop {
                colon = Some(self.base + found as usize);
            }
            if stop == u64::BITS {
                if self.buf.len() <= self.base + WINDOW {
                    return (LineEnd::Missing, colon);
                }
                self.look(self.base + WINDOW);
                continue;
            }
            let at = self.base + stop as usize;
            let end = match (self.buf[at], self.buf.get(at + 1)) {
                (b'\r', Some(b'\n')) => LineEnd::At { at, next: at + 2, bare_lf: false },
                (b'\r', Some(_)) => LineEnd::BareCr,
                (b'\r', None) => LineEnd::Missing,
                (b'\n', _) => LineEnd::At { at, next: at + 1, bare_lf: true },
                (0, _) => LineEnd::Nul,
                _ => {
                    self.has_control = true;
                    self.stops &= self.stops - 1;
                    continue;
                }
            };
            if let LineEnd::At { next, .. } = end {
                self.pass(next);
            }
            return (end, colon);
        }
    }

    /// Forgets what lies before `next`.
    #[inline]
    fn pass(&mut self, next: usize) {
        match next - self.base {
            within @ 0..WINDOW => {
                self.stops &= u64::MAX << within;
                self.colons &= u64::MAX << within;
            }
            _ => self.look(next),
        }
    }

    /// Moves the window to `base`.
    #[inline]
    fn look(&mut self, base: usize) {
        self.base = base;
        let rest = &self.buf[base..];
        (self.stops, self.colons) = match rest.first_chunk() {
            Some(window) => marks(window),
            None => {
                let mut window = [b' '; WINDOW];
                window[..rest.len()].copy_from_slice(rest);
                marks(&window)
            }
        };
    }
}

/// Marks the control bytes of a window but tabs, and its colons.
fn marks(window: &[u8; WINDOW]) -> (u64, u64) {
    let (mut stops, mut colons) = (0, 0);
    let (pieces, _) = window.as_chunks();
    for (at, piece) in pieces.iter().enumerate() {
        let bytes = u8x16::new(*piece);
        let low = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes) & !bytes.simd_eq(u8x16::splat(b'\t'));
        let del = bytes.simd_eq(u8x16::splat(0x7f));
        let colon = bytes.simd_eq(u8x16::splat(b':'));
        stops |= u64::from((low | del).to_bitmask()) << (16 * at);
        colons |= u64::from(colon.to_bitmask()) << (16 * at);
    }
    (stops, colons)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Byte by byte, as it is meant.
    fn plainly(buf: &[u8], mut start: usize) -> (Vec<(LineEnd, Option<usize>)>, bool) {
        let (mut found, mut has_control) = (Vec::new(), false);
        loop {
            let end = (start..buf.len()).find(|at| matches!(buf[*at], b'\r' | b'\n' | 0));
            let line = start..end.unwrap_or(buf.len());
            has_control |= buf[line.clone()].iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
            let colon = line.clone().find(|at| buf[*at] == b':');
            let end = match end.map(|at| (at, buf[at], buf.get(at + 1))) {
                None | Some((_, b'\r', None)) => LineEnd::Missing,
                Some((at, b'\r', Some(b'\n'))) => LineEnd::At { at, next: at + 2, bare_lf: false },
                Some((_, b'\r', _)) => LineEnd::BareCr,
                Some((at, b'\n', _)) => LineEnd::At { at, next: at + 1, bare_lf: true },
                Some(_) => LineEnd::Nul,
            };
            found.push((end, colon));
            let LineEnd::At { next, .. } = end else { return (found, has_control) };
            start = next;
        }
    }

    #[test]
    fn finds_the_same_as_byte_by_byte() {
        // Few bytes that matter, mixed with many that do not, at all places of several windows.
        let mut random = 1u64;
        for round in 0..4000 {
            let length = round % 200;
            let buf: Vec<u8> = (0..length)
                .flat_map(|_| {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    match random >> 57 {
                        0..4 => b"\r\n".to_vec(),
                        pick @ 4..12 => vec![b":\t\n\r\0\x1f\x7f\x80"[pick as usize - 4]],
                        pick => vec![b'a' + (pick % 26) as u8],
                    }
                })
                .collect();
            let mut lines = Lines::new(&buf);
            let mut found = Vec::new();
            loop {
                found.push(lines.next());
                if !matches!(found.last(), Some((LineEnd::At { .. }, _))) {
                    break;
                }
            }
            assert_eq!((found, lines.has_control), plainly(&buf, 0), "{:?}", buf.escape_ascii().to_string());
        }
    }
}
