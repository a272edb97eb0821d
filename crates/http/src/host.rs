//! The Host header and its authority: whether nginx takes it, and its name and port. It resolves nothing.

use std::borrow::Cow;

use memchr::memchr;

/// Tells whether nginx accepts `value` as a Host: not empty, no slash, space or control byte, no two dots in a row.
/// A port is not looked at.
pub fn is_valid(value: &[u8]) -> bool {
    let refused = |b: &u8| *b <= b' ' || matches!(*b, 0x7f | b'/');
    if value.iter().any(refused) || value.windows(2).any(|pair| pair == b"..") {
        return false;
    }
    let name = name(value);
    !matches!(name, b"" | b".")
}

/// Returns `value` without its port: `a.test:80` gives `a.test`, `[::1]:80` gives `[::1]`. Letter case stays.
pub fn name(value: &[u8]) -> &[u8] {
    if value.first() == Some(&b'[')
        && let Some(end) = memchr(b']', value)
    {
        return &value[..=end];
    }
    match memchr(b':', value) {
        Some(end) => &value[..end],
        None => value,
    }
}

/// Returns nginx's `$host` of a Host header: without port, in lower case, without a dot at the end.
pub fn normal(value: &[u8]) -> Cow<'_, [u8]> {
    let name = name(value);
    let name = name.strip_suffix(b".").unwrap_or(name);
    match name.iter().any(u8::is_ascii_uppercase) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

/// Returns the port of `value` if it has one and it is a number.
pub fn port(value: &[u8]) -> Option<u16> {
    let digits = value[name(value).len()..].strip_prefix(b":")?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hosts_as_nginx_does() {
        for (value, valid, normal_form, port_number) in [
            ("a.test", true, "a.test", None),
            ("A.Test.:80", true, "a.test", Some(80)),
            ("[::1]:8000", true, "[::1]", Some(8000)),
            ("a.test:", true, "a.test", None),
            ("a.test:notaport", true, "a.test", None),
            ("a.test:99999", true, "a.test", None),
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
