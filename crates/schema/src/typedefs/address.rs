//! What counts as host, IP address, range, name with port, wildcard host: Kong's rules and texts.
//! Texts only are looked at; nothing is resolved.

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

/// What an address turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// Dotted IPv4.
    Ipv4,
    /// IPv6, in brackets or not.
    Ipv6,
    /// A host name.
    Name,
}

/// A host with an optional port, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// IPv4 without leading zeros, IPv6 in full without brackets, names as they were.
    pub host: String,
    /// The port, where one was given.
    pub port: Option<u16>,
    /// What the host is.
    pub kind: AddressKind,
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The port is beyond 65535.
    #[error("invalid port number")]
    Port,
    /// It looks like IPv4 and is not.
    #[error("invalid ipv4 address: {0}")]
    Ipv4(String),
    /// It looks like IPv6 and is not.
    #[error("invalid ipv6 address: {0}")]
    Ipv6(String),
    /// It has brackets and something behind them that is no port.
    #[error("invalid ipv6 address")]
    Brackets,
    /// It is no host name.
    #[error("invalid hostname: {0}")]
    Name(String),
}

/// Takes `host`, `host:port`, `1.2.3.4:80`, `::1` or `[::1]:80` apart.
///
/// # Errors
/// When it is none of these; the texts are Kong's.
pub fn parse(text: &str) -> Result<Address, AddressError> {
    let colons = text.bytes().filter(|byte| *byte == b':').count();
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b':');
    if colons > 1 {
        parse_ipv6(text)
    } else if numeric && text.bytes().any(|byte| byte != b':') {
        parse_ipv4(text)
    } else {
        parse_name(text)
    }
}

fn parse_ipv4(text: &str) -> Result<Address, AddressError> {
    let invalid = || AddressError::Ipv4(text.to_owned());
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let octets: Vec<u8> = host
        .split('.')
        .map(|octet| if (1..=3).contains(&octet.len()) { octet.parse().ok() } else { None })
        .collect::<Option<_>>()
        .ok_or_else(invalid)?;
    let [a, b, c, d] = octets[..] else { return Err(invalid()) };
    let port = match port {
        None => None,
        Some("") => return Err(invalid()),
        Some(port) => Some(port.parse().map_err(|_| AddressError::Port)?),
    };
    Ok(Address { host: format!("{a}.{b}.{c}.{d}"), port, kind: AddressKind::Ipv4 })
}

fn parse_ipv6(text: &str) -> Result<Address, AddressError> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        None => (text, None),
        Some((host, "")) => (host, None),
        Some((host, rest)) => {
            let digits = rest.strip_prefix(':').ok_or(AddressError::Brackets)?;
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(AddressError::Brackets);
            }
            (host, Some(digits.parse().map_err(|_| AddressError::Port)?))
        }
    };
    // Kong knows no embedded IPv4, so neither do we.
    let address: Ipv6Addr = match host.contains('.') {
        true => None,
        false => host.parse().ok(),
    }
    .ok_or_else(|| AddressError::Ipv6(text.to_owned()))?;
    let full: Vec<_> = address.segments().iter().map(|segment| format!("{segment:04x}")).collect();
    Ok(Address { host: full.join(":"), port, kind: AddressKind::Ipv6 })
}

fn parse_name(text: &str) -> Result<Address, AddressError> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, digits)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            (name, Some(digits.parse().map_err(|_| AddressError::Port)?))
        }
        _ => (text, None),
    };
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    // A name may end in a dot, no label may be empty otherwise or end in a dash.
    let labels: Vec<_> = name.split('.').collect();
    let last = labels.len() - 1;
    let labels_right =
        labels.iter().enumerate().all(|(index, label)| !label.ends_with('-') && (!label.is_empty() || index == last));
    if name.is_empty() || !letters || !labels_right {
        return Err(AddressError::Name(text.to_owned()));
    }
    Ok(Address { host: name.to_owned(), port, kind: AddressKind::Name })
}

fn is_ip(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok() || text.parse::<Ipv6Addr>().is_ok()
}

/// Checks a host name or IP address without port.
///
/// # Errors
/// Kong's message.
pub fn host(text: &str) -> Result<(), String> {
    match parse(text) {
        Ok(Address { port: None, .. }) => Ok(()),
        Ok(_) | Err(AddressError::Port) => Err("must not have a port".to_owned()),
        Err(_) => Err(format!("invalid value: {text}")),
    }
}

/// Checks a host name or IP address with an optional port.
///
/// # Errors
/// Kong's message.
pub fn host_with_optional_port(text: &str) -> Result<(), String> {
    parse(text).map(drop).map_err(|error| error.to_string())
}

/// Checks a host name, neither IP address nor port.
///
/// # Errors
/// Kong's message.
pub fn sni(text: &str) -> Result<(), String> {
    match parse(text) {
        Ok(Address { kind: AddressKind::Ipv4 | AddressKind::Ipv6, .. }) => Err("must not be an IP".to_owned()),
        Ok(Address { port: None, .. }) => Ok(()),
        Ok(_) | Err(AddressError::Port) => Err("must not have a port".to_owned()),
        Err(_) => Err(format!("invalid value: {text}")),
    }
}

/// Checks a host name with at most one `*`, first or last.
///
/// # Errors
/// Kong's message.
pub fn wildcard_host(text: &str) -> Result<(), String> {
    let Some(at) = text.find('*') else { return sni(text) };
    if at != 0 && at != text.len() - 1 {
        return Err("wildcard must be leftmost or rightmost character".to_owned());
    }
    if text.matches('*').count() > 1 {
        return Err("only one wildcard must be specified".to_owned());
    }
    sni(&text.replace('*', "wildcard"))
}

/// Checks a route's host: any `*` stands for letters, then a host with an optional port.
///
/// # Errors
/// Kong's message, naming the host with the wildcard replaced.
pub fn host_with_wildcards(text: &str) -> Result<(), String> {
    host_with_optional_port(&text.replace('*', "abc"))
}

/// Checks an IPv4 or IPv6 address.
///
/// # Errors
/// Kong's message.
pub fn ip(text: &str) -> Result<(), String> {
    if is_ip(text) { Ok(()) } else { Err(format!("not an ip address: {text}")) }
}

/// Checks an IPv4 or IPv6 address or range.
///
/// # Errors
/// Kong's message.
pub fn ip_or_cidr(text: &str) -> Result<(), String> {
    let right = match text.split_once('/') {
        None => is_ip(text),
        Some((ip, prefix)) => {
            let limit =
                if ip.parse::<Ipv4Addr>().is_ok() { Some(32) } else { ip.parse::<Ipv6Addr>().is_ok().then_some(128) };
            limit.is_some_and(|limit| is_prefix(prefix, limit))
        }
    };
    if right { Ok(()) } else { Err(format!("invalid ip or cidr range: '{text}'")) }
}

/// Checks an IPv4 address or range.
///
/// # Errors
/// Kong's message.
pub fn ip_or_cidr_v4(text: &str) -> Result<(), String> {
    let right = match text.split_once('/') {
        None => text.parse::<Ipv4Addr>().is_ok(),
        Some((ip, prefix)) => ip.parse::<Ipv4Addr>().is_ok() && is_prefix(prefix, 32),
    };
    if right { Ok(()) } else { Err(format!("invalid ipv4 cidr range: '{text}'")) }
}

/// A prefix length is written without sign or leading zero.
fn is_prefix(text: &str, limit: u8) -> bool {
    text.parse::<u8>().is_ok_and(|bits| bits <= limit && bits.to_string() == text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn judges_hosts() {
        for (text, want) in [
            ("example.com", Ok(())),
            ("example.com.", Ok(())),
            ("a_b.c", Ok(())),
            ("::1", Ok(())),
            ("10.0.0.1", Ok(())),
            ("example.com:80", Err("must not have a port")),
            ("example.com:99999", Err("must not have a port")),
            ("1.2.3", Err("invalid value: 1.2.3")),
            ("a..b", Err("invalid value: a..b")),
            ("a-.b", Err("invalid value: a-.b")),
            ("a b", Err("invalid value: a b")),
            ("", Err("invalid value: ")),
        ] {
            assert_eq!(host(text), want.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn takes_addresses_apart() {
        for (text, host, port, kind) in [
            ("001.2.3.4:080", "1.2.3.4", Some(80), AddressKind::Ipv4),
            ("[::1]:443", "0000:0000:0000:0000:0000:0000:0000:0001", Some(443), AddressKind::Ipv6),
            ("a.test:1", "a.test", Some(1), AddressKind::Name),
        ] {
            assert_eq!(parse(text).unwrap(), Address { host: host.to_owned(), port, kind }, "{text}");
        }
        assert_eq!(parse("a.test:65536"), Err(AddressError::Port));
        assert_eq!(parse("[::1]x"), Err(AddressError::Brackets));
    }

    #[test]
    fn judges_ranges_and_wildcards() {
        for (text, right) in
            [("10.0.0.0/8", true), ("10.0.0.0/33", false), ("10.0.0.0/08", false), ("::/0", true), ("a/8", false)]
        {
            assert_eq!(ip_or_cidr(text).is_ok(), right, "{text}");
        }
        for (text, right) in [("*.a", true), ("a.*", true), ("a*b", false), ("**", false), ("*.1.2", true)] {
            assert_eq!(wildcard_host(text).is_ok(), right, "{text}");
        }
    }
}
