//! The Host header and its authority: whether nginx takes it, and its name and port. It resolves nothing.

use std::borrow::Cow;

use memchr::memchr;

use crate::scan;

/// Tells whether `value` is a host with or without a port (RFC 9112 §3.2): not empty, no two dots in a row, an IPv6
/// address in brackets or a name of bytes that nobody reads as the end of one. Stricter than nginx, which takes a list, a
/// user name or junk for a port; bytes from 0x80 up are taken as there. `%` is not: decoded it would be another name.
pub fn is_valid(value: &[u8]) -> bool {
    let name = name(value);
    let port = match &value[name.len()..] {
        [] => &[][..],
        [b':', port @ ..] => port,
        _ => return false,
    };
    let is_name = match name {
        b"" | b"." => false,
        [b'[', address @ .., b']'] => {
            std::str::from_utf8(address).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
        }
        name => {
            // No way out of the loop: nearly all names are names.
            let junk = name.iter().fold(false, |junk, byte| junk | !NAME_BYTES[usize::from(*byte)]);
            !junk && !name.windows(2).any(|pair| pair == b"..")
        }
    };
    is_name && (port.is_empty() || port.len() <= 5 && number(port).is_some())
}

/// Bytes that a name may hold.
const NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        table[b] = byte.is_ascii_alphanumeric()
            || byte >= 0x80
            || matches!(
                byte,
                b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b'='
            );
        b += 1;
    }
    table
};

/// Tells whether two hosts are the same, letter case aside; `default` is the port that goes without saying.
pub fn is_same(one: &[u8], other: &[u8], default: u16) -> bool {
    let of = |value| port(value).unwrap_or(default);
    name(one).eq_ignore_ascii_case(name(other)) && of(one) == of(other)
}

/// Returns `value` without its port: `a.test:80` gives `a.test`, `[::1]:80` gives `[::1]`. Letter case stays.
pub fn name(value: &[u8]) -> &[u8] {
    if value.first() == Some(&b'[')
        && let Some(end) = memchr(b']', value)
    {
        return &value[..=end];
    }
    match scan::find(b':', value) {
        Some(end) => &value[..end],
        None => value,
    }
}

/// Returns nginx's `$host` of a Host header: without port, in lower case, without a dot at the end.
pub fn normal(value: &[u8]) -> Cow<'_, [u8]> {
    let name = name(value);
    let name = name.strip_suffix(b".").unwrap_or(name);
    match name.iter().fold(false, |found, byte| found | byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

/// Returns the port of `value` if it has one and it is a number.
pub fn port(value: &[u8]) -> Option<u16> {
    let digits = value[name(value).len()..].strip_prefix(b":")?;
    if digits.is_empty() { None } else { number(digits) }
}

/// Returns the number that digits alone make, if a port can have it.
fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0u16, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        sum.checked_mul(10)?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hosts() {
        for (value, valid, normal_form, port_number) in [
            ("a.test", true, "a.test", None),
            ("A.Test.:80", true, "a.test", Some(80)),
            ("[::1]:8000", true, "[::1]", Some(8000)),
            ("a.test:", true, "a.test", None),
            ("a.test:notaport", false, "a.test", None),
            ("a.test:99999", false, "a.test", None),
            ("a.test:80:90", false, "a.test", None),
            ("b@a.test", false, "b@a.test", None),
            ("a,b", false, "a,b", None),
            ("%61", false, "%61", None),
            ("[a]", false, "[a]", None),
            ("[::1]x", false, "[::1]", None),
            ("ü.test", true, "ü.test", None),
            ("a_b.test", true, "a_b.test", None),
            ("a..test", false, "a..test", None),
            ("", false, "", None),
            (":80", false, "", Some(80)),
            ("a/b", false, "a/b", None),
            ("a b", false, "a b", None),
        ] {
            assert_eq!(is_valid(value.as_bytes()), valid, "{value}");
            assert_eq!(&*normal(value.as_bytes()), normal_form.as_bytes(), "{value}");
            assert_eq!(port(value.as_bytes()), port_number, "{value}");
        }
    }
}
