//! The hosts file: addresses and the names they have.

use std::collections::HashMap;
use std::net::IpAddr;

/// Reads a hosts file; lines that make no sense are passed over. A name that is on several lines has all their
/// addresses of the family that came first, as Kong's client.
pub(super) fn parse(text: &str) -> HashMap<Box<str>, Vec<IpAddr>> {
    let mut hosts: HashMap<Box<str>, Vec<IpAddr>> = HashMap::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else { continue };
        for name in words {
            let addresses = hosts.entry(name.to_ascii_lowercase().into()).or_default();
            let fits = addresses.first().is_none_or(|first| first.is_ipv4() == address.is_ipv4());
            if fits && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    // IPv4 is preferred where a name has both, whatever comes first.
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(Ok(address @ IpAddr::V4(_))) = words.next().map(str::parse::<IpAddr>) else { continue };
        for name in words {
            if let Some(addresses) = hosts.get_mut(name.to_ascii_lowercase().as_str())
                && addresses.iter().all(IpAddr::is_ipv6)
            {
                *addresses = vec![address];
            }
        }
    }
    hosts
}
