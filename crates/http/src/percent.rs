//! Percent encoding, byte by byte. Which bytes are escaped is the caller's choice.

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends `byte` as `%XX`, upper case.
pub fn push_escaped(out: &mut Vec<u8>, byte: u8) {
    out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

/// Returns the byte that two hexadecimal digits mean; `None` for anything else.
pub fn hex_pair(digits: &[u8]) -> Option<u8> {
    let &[high, low] = digits else { return None };
    Some(hex(high)? << 4 | hex(low)?)
}

/// Returns the value of one hexadecimal digit.
pub const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Returns `text` with every valid escape decoded; broken ones stay as they are (`ngx.unescape_uri`, with `+` a space
/// when `plus` says so).
pub fn decode(text: &[u8], plus: Plus) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let byte = match text[at] {
            b'+' if plus == Plus::IsSpace => b' ',
            b'%' => match text.get(at + 1..at + 3).and_then(hex_pair) {
                Some(byte) => {
                    at += 2;
                    byte
                }
                None => b'%',
            },
            byte => byte,
        };
        out.push(byte);
        at += 1;
    }
    out
}

/// What a `+` means when decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plus {
    /// A space, as in forms and query strings.
    IsSpace,
    /// Itself, as in paths.
    IsPlus,
}

/// Appends `text` escaped as `ngx.escape_uri` does: all but letters, digits and `-._~!'()*` become `%XX`.
pub fn encode_component(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(*byte),
            b'!' | b'\'' | b'(' | b')' | b'*' => out.push(*byte),
            _ => push_escaped(out, *byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_and_encodes() {
        for (text, want) in [("a%20b", "a b"), ("a+b", "a b"), ("%zz%4", "%zz%4"), ("%e2%82%AC", "€"), ("%", "%")] {
            assert_eq!(decode(text.as_bytes(), Plus::IsSpace), want.as_bytes(), "{text}");
        }
        assert_eq!(decode(b"a+b", Plus::IsPlus), b"a+b");
        let mut out = Vec::new();
        encode_component(&mut out, "a b/€~".as_bytes());
        assert_eq!(out, b"a%20b%2F%E2%82%AC~");
    }
}
