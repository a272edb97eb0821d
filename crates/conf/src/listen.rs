//! Listeners: `ADDRESS:PORT flag flag=value`, as in `proxy_listen`. It opens no socket and resolves no name.

use std::net::IpAddr;
use std::net::SocketAddr;

const HTTP_FORM: &str = "must be of form: [off] | <ip>:<port> [ssl] [http2] [proxy_protocol] [deferred] [bind] [reuseport] [backlog=%d+] \
    [ipv6only=on] [ipv6only=off] [so_keepalive=on] [so_keepalive=off] [so_keepalive=%w*:%w*:%d*], [... next entry ...]";
const STREAM_FORM: &str = "must be of form: [off] | <ip>:<port> [udp] [ssl] [proxy_protocol] [bind] [reuseport] [backlog=%d+] \
    [ipv6only=on] [ipv6only=off] [so_keepalive=on] [so_keepalive=off] [so_keepalive=%w*:%w*:%d*], [... next entry ...]";

/// What a set of listeners speaks; it decides which flags there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subsystem {
    /// HTTP.
    Http,
    /// TCP, TLS and UDP streams.
    Stream,
}

impl Subsystem {
    /// Returns the sentence that tells what an entry must look like, as Kong prints it.
    pub(crate) fn form(self) -> &'static str {
        match self {
            Self::Http => HTTP_FORM,
            Self::Stream => STREAM_FORM,
        }
    }
}

/// An address to listen on, with its flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// An IP address, without brackets, or a host name.
    pub host: String,
    /// The port.
    pub port: u16,
    /// TLS.
    pub ssl: bool,
    /// HTTP/2: by ALPN with TLS, else with prior knowledge.
    pub http2: bool,
    /// A PROXY protocol header comes first on each connection.
    pub proxy_protocol: bool,
    /// Wake up only when data has arrived (`TCP_DEFER_ACCEPT`).
    pub deferred: bool,
    /// A bind call of its own, even when a wildcard covers the address.
    pub bind: bool,
    /// Each worker has its own socket.
    pub reuseport: bool,
    /// The length of the accept queue.
    pub backlog: Option<u32>,
    /// Whether an IPv6 wildcard takes IPv6 only; unset is yes.
    pub ipv6_only: Option<bool>,
    /// TCP keep-alive of accepted connections; unset is the system's.
    pub so_keepalive: Option<KeepAlive>,
    /// UDP instead of TCP (streams only).
    pub udp: bool,
}

/// TCP keep-alive of accepted connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// Not at all.
    Off,
    /// With what is given; seconds, seconds, count.
    On {
        /// Idle time before the first probe.
        idle: Option<u32>,
        /// Time between probes.
        interval: Option<u32>,
        /// Probes before the connection counts as dead.
        count: Option<u32>,
    },
}

impl Listener {
    /// Returns the socket address, or `None` when the host is a name.
    pub fn address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.host.parse().ok()?, self.port))
    }
}

/// Reads the entries of a `*_listen` property. None for `off`; an error when an entry has another form.
pub(crate) fn parse(entries: &[String]) -> Option<Vec<Listener>> {
    if entries.first().is_some_and(|first| first == "off") {
        return Some(Vec::new());
    }
    entries.iter().map(|entry| listener(entry)).collect()
}

/// Returns whether the entries are listeners of `subsystem`.
pub(crate) fn valid(entries: &[String], subsystem: Subsystem) -> bool {
    !entries.is_empty()
        && parse(entries).is_some_and(|listeners| {
            listeners.iter().all(|listener| match subsystem {
                Subsystem::Http => !listener.udp,
                Subsystem::Stream => !listener.http2 && !listener.deferred,
            })
        })
}

fn listener(entry: &str) -> Option<Listener> {
    let mut words = entry.split_whitespace();
    let (host, port) = host_and_port(words.next()?)?;
    let mut listener = Listener {
        host,
        port,
        ssl: false,
        http2: false,
        proxy_protocol: false,
        deferred: false,
        bind: false,
        reuseport: false,
        backlog: None,
        ipv6_only: None,
        so_keepalive: None,
        udp: false,
    };
    for word in words {
        match word.split_once('=') {
            None => *flag(&mut listener, word)? = true,
            Some(("backlog", number)) => listener.backlog = Some(number.parse().ok()?),
            Some(("ipv6only", "on")) => listener.ipv6_only = Some(true),
            Some(("ipv6only", "off")) => listener.ipv6_only = Some(false),
            Some(("so_keepalive", value)) => listener.so_keepalive = Some(keepalive(value)?),
            Some(_) => return None,
        }
    }
    Some(listener)
}

fn flag<'a>(listener: &'a mut Listener, name: &str) -> Option<&'a mut bool> {
    Some(match name {
        "ssl" => &mut listener.ssl,
        "http2" => &mut listener.http2,
        "proxy_protocol" => &mut listener.proxy_protocol,
        "deferred" => &mut listener.deferred,
        "bind" => &mut listener.bind,
        "reuseport" => &mut listener.reuseport,
        "udp" => &mut listener.udp,
        _ => return None,
    })
}

fn keepalive(value: &str) -> Option<KeepAlive> {
    if value == "off" {
        return Some(KeepAlive::Off);
    }
    if value == "on" {
        return Some(KeepAlive::On { idle: None, interval: None, count: None });
    }
    let mut parts = value.split(':');
    let mut next = |unit: fn(&str) -> Option<u32>| match parts.next()? {
        "" => Some(None),
        text => unit(text).map(Some),
    };
    let seconds = |text: &str| u32::try_from(crate::units::duration(text)?.as_secs()).ok();
    let on = KeepAlive::On { idle: next(seconds)?, interval: next(seconds)?, count: next(|text| text.parse().ok())? };
    parts.next().is_none().then_some(on)
}

/// Splits `HOST:PORT`; an IPv6 host stands in brackets, which fall away.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok()?;
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().ok().map(|_| (inner.to_owned(), port));
    }
    let plain = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_*".contains(&byte));
    plain.then(|| (host.to_owned(), port))
}

/// Reads a name server, `ADDRESS` or `ADDRESS:PORT`; the port is 53 unless given.
pub(crate) fn name_server(text: &str) -> Option<SocketAddr> {
    let address = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    text.parse().ok().or_else(|| address(text).map(|ip| SocketAddr::new(ip, 53)))
}

/// Returns every flag that a listener may have with whether it has it, as `GET /` shows them.
pub(crate) fn flags(listener: &Listener, stream: bool, always_ssl: bool) -> Vec<(String, bool)> {
    let keepalive = match &listener.so_keepalive {
        None => None,
        Some(KeepAlive::Off) => Some("off".to_owned()),
        Some(KeepAlive::On { idle: None, interval: None, count: None }) => Some("on".to_owned()),
        Some(KeepAlive::On { idle, interval, count }) => {
            let part = |n: &Option<u32>, unit| n.map(|n| format!("{n}{unit}")).unwrap_or_default();
            Some(format!("{}:{}:{}", part(idle, "s"), part(interval, "s"), part(count, "")))
        }
    };
    let times = keepalive.as_deref().filter(|value| !matches!(*value, "on" | "off"));
    let of_kind = if stream {
        vec![("udp", listener.udp)]
    } else {
        vec![("http2", listener.http2), ("deferred", listener.deferred)]
    };
    let mut flags = vec![("ssl".to_owned(), listener.ssl || always_ssl)];
    flags.extend(of_kind.into_iter().map(|(flag, on)| (flag.to_owned(), on)));
    flags.extend([
        ("proxy_protocol".to_owned(), listener.proxy_protocol),
        ("bind".to_owned(), listener.bind),
        ("reuseport".to_owned(), listener.reuseport),
        (listener.backlog.map_or("backlog=%d+".to_owned(), |n| format!("backlog={n}")), listener.backlog.is_some()),
        ("ipv6only=on".to_owned(), listener.ipv6_only == Some(true)),
        ("ipv6only=off".to_owned(), listener.ipv6_only == Some(false)),
        ("so_keepalive=on".to_owned(), keepalive.as_deref() == Some("on")),
        ("so_keepalive=off".to_owned(), keepalive.as_deref() == Some("off")),
        (times.map_or("so_keepalive=%w*:%w*:%d*".to_owned(), |times| format!("so_keepalive={times}")), times.is_some()),
    ]);
    flags
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_flags() {
        let entries =
            ["0.0.0.0:8443 http2 ssl reuseport backlog=16384".to_owned(), "[::1]:80 so_keepalive=30m::10".to_owned()];
        let [first, second] = &parse(&entries).unwrap()[..] else { panic!("two listeners") };
        assert!(first.ssl && first.http2 && first.reuseport && !first.deferred);
        assert_eq!((first.port, first.backlog), (8443, Some(16384)));
        assert_eq!(second.address(), Some("[::1]:80".parse().unwrap()));
        assert_eq!(second.so_keepalive, Some(KeepAlive::On { idle: Some(1800), interval: None, count: Some(10) }));
    }

    #[test]
    fn tells_good_entries_from_bad() {
        for (entry, http, stream) in [
            ("off", true, true),
            ("localhost:80", true, true),
            ("127.0.0.1", false, false),
            ("127.0.0.1:80 http2", true, false),
            ("127.0.0.1:80 udp", false, true),
            ("127.0.0.1:80 fast", false, false),
            ("127.0.0.1:99999", false, false),
            ("::1:80", false, false),
        ] {
            let entries = [entry.to_owned()];
            assert_eq!(
                (valid(&entries, Subsystem::Http), valid(&entries, Subsystem::Stream)),
                (http, stream),
                "{entry}"
            );
        }
        assert!(!valid(&[], Subsystem::Http));
    }

    #[test]
    fn reads_name_servers() {
        for (text, want) in [
            ("8.8.8.8", Some("8.8.8.8:53")),
            ("8.8.8.8:54", Some("8.8.8.8:54")),
            ("[::1]", Some("[::1]:53")),
            ("dns.test", None),
        ] {
            assert_eq!(name_server(text), want.map(|want| want.parse().unwrap()), "{text}");
        }
    }
}
