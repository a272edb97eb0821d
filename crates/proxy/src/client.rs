//! Who the client is: the TCP peer, or whom a trusted peer says it speaks for (`trusted_ips`, `real_ip_header`,
//! `real_ip_recursive`). The PROXY protocol is read by the listener.

use std::net::IpAddr;
use std::net::SocketAddr;

use gibbon_conf::Conf;
use gibbon_conf::RealIpHeader;
use gibbon_conf::TrustedIps;
use gibbon_sdk::Client;
use gibbon_sdk::http::Headers;

/// How the client's address is found.
#[derive(Debug)]
pub(crate) struct ClientRules {
    trusted: TrustedIps,
    header: Option<String>,
    recursive: bool,
}

impl ClientRules {
    /// Reads `trusted_ips`, `real_ip_header` and `real_ip_recursive`.
    pub(crate) fn of(conf: &Conf) -> Self {
        let header = match &conf.real_ip_header {
            RealIpHeader::Header(name) => Some(name.clone()),
            RealIpHeader::ProxyProtocol => None,
        };
        Self { trusted: conf.trusted_ips.clone(), header, recursive: conf.real_ip_recursive }
    }

    /// Returns the client of a request; `itself` is it as the connection shows it, `told` is the address in a PROXY protocol header.
    ///
    /// An address that cannot be read leaves the peer in its place, as nginx's realip module does.
    pub(crate) fn client(&self, itself: Client, told: Option<SocketAddr>, headers: &Headers) -> Client {
        let peer = itself.peer;
        if self.trusted.networks.is_empty() || !self.trusted.contains(peer.ip()) {
            return itself;
        }
        let trusted = Client { trusted: true, ..itself };
        let found = match &self.header {
            None => told,
            Some(name) => {
                let last = headers.get_all(name).last().and_then(|value| std::str::from_utf8(value).ok());
                last.and_then(|value| self.walk(value))
            }
        };
        found.map_or(trusted, |found| Client { address: found.ip().to_canonical(), port: found.port(), ..trusted })
    }

    /// Takes the last address of a list; recursive, goes on to the left while the address found is trusted itself.
    fn walk(&self, list: &str) -> Option<SocketAddr> {
        let mut found = None;
        for item in list.rsplit(',') {
            let Some(address) = address(item.trim()) else { break };
            found = Some(address);
            if !self.recursive || !self.trusted.contains(address.ip()) {
                break;
            }
        }
        found
    }
}

/// Reads `1.2.3.4`, `1.2.3.4:5`, `::1` or `[::1]:5`; without a port it is 0.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0)).ok().or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn believes_trusted_peers_only() {
        let trusted = TrustedIps {
            networks: ["127.0.0.1/32", "10.0.0.0/8"].iter().map(|net| net.parse().unwrap()).collect(),
            unix: false,
        };
        for (peer, value, recursive, want) in [
            ("127.0.0.1:9", "1.1.1.1, 2.2.2.2, 10.0.0.1", true, "2.2.2.2"),
            ("127.0.0.1:9", "10.0.0.2, 10.0.0.1", true, "10.0.0.2"),
            ("127.0.0.1:9", "1.1.1.1, 2.2.2.2, 10.0.0.1", false, "10.0.0.1"),
            ("127.0.0.1:9", "1.1.1.1:555", false, "1.1.1.1"),
            ("127.0.0.1:9", "unknown", false, "127.0.0.1"),
            ("127.0.0.1:9", "[::2]:5", false, "::2"),
            ("127.0.0.2:9", "1.1.1.1", true, "127.0.0.2"),
        ] {
            let rules = ClientRules { trusted: trusted.clone(), header: Some("X-Forwarded-For".into()), recursive };
            let headers: Headers = [("X-Forwarded-For", value)].into_iter().collect();
            let peer: SocketAddr = peer.parse().unwrap();
            let (connection, connection_requests) = (1, 1);
            let itself =
                Client { peer, address: peer.ip(), port: peer.port(), trusted: false, connection, connection_requests };
            let client = rules.client(itself, None, &headers);
            assert_eq!(client.address.to_string(), want, "{peer} {value} {recursive}");
        }
    }
}
