//! What the upstream is told about the client and the way here: X-Forwarded-*, X-Real-IP, Via, the request id; and what
//! of the client's headers does not pass. The client's list is kept for plugins and logs; what is added is written as
//! lines that go out around it.

use std::io::Write;
use std::net::IpAddr;

use gibbon_sdk::Cx;
use gibbon_sdk::HostHeader;
use gibbon_sdk::http::Decimal;
use gibbon_sdk::http::Known;
use gibbon_sdk::http::KnownSet;
use gibbon_sdk::http::Name;
use gibbon_sdk::http::RequestHead;
use gibbon_sdk::http::headers::write_line;
use gibbon_sdk::http::headers::write_safe_line;
use gibbon_sdk::http::host;
use gibbon_sdk::http::name;

use crate::answer::SERVER;
use crate::balancer::Choice;
use crate::settings::Settings;

/// Headers of the client that end here, beside those of the connection and its framing; most are written anew.
pub(crate) const NOT_PASSED: KnownSet = KnownSet::EMPTY
    .with(Known::Host)
    .with(Known::Te)
    .with(Known::Via)
    .with(Known::Expect)
    .with(Known::Proxy)
    .with(Known::XRealIp)
    .with(Known::XForwardedFor)
    .with(Known::XForwardedProto)
    .with(Known::XForwardedHost)
    .with(Known::XForwardedPort)
    .with(Known::XForwardedPath)
    .with(Known::XForwardedPrefix);

/// An address as text, without allocation.
struct AddressText([u8; 48], usize);

impl AddressText {
    fn of(address: IpAddr) -> Self {
        let mut text = [0; 48];
        match address {
            // Ten times quicker than the general way, which pads.
            IpAddr::V4(address) => {
                let mut at = 0;
                let mut put = |byte| {
                    text[at & 15] = byte;
                    at += 1;
                };
                for (index, octet) in address.octets().into_iter().enumerate() {
                    if index > 0 {
                        put(b'.');
                    }
                    if octet >= 100 {
                        put(b'0' + octet / 100);
                    }
                    if octet >= 10 {
                        put(b'0' + octet / 10 % 10);
                    }
                    put(b'0' + octet % 10);
                }
                Self(text, at)
            }
            IpAddr::V6(address) => {
                let mut rest = &mut text[..];
                // Cannot fail: the longest IPv6 address has 45 characters.
                let _ = write!(rest, "{address}");
                let left = rest.len();
                Self(text, 48 - left)
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

const HOST: Name = name!("Host");
const FORWARDED_FOR: Name = name!("X-Forwarded-For");
const FORWARDED_PROTO: Name = name!("X-Forwarded-Proto");
const FORWARDED_HOST: Name = name!("X-Forwarded-Host");
const FORWARDED_PORT: Name = name!("X-Forwarded-Port");
const FORWARDED_PATH: Name = name!("X-Forwarded-Path");
const FORWARDED_PREFIX: Name = name!("X-Forwarded-Prefix");
const REAL_IP: Name = name!("X-Real-IP");
const VIA: Name = name!("Via");
const TE: Name = name!("TE");
const REQUEST_ID: Name = name!("X-Kong-Request-Id");

/// Takes out of the client's headers what its Connection header names, and notes in `out` what else of the upstream's
/// head is not the client's.
pub(crate) fn prepare(cx: &mut Cx<'_>, out: &mut RequestHead) {
    let method = cx.upstream.method.take();
    let head = &mut cx.request().head;
    head.headers.remove_listed_in_connection();
    if let Some(method) = method {
        out.method = method;
    }
    // Only who asks as RFC 9110 §7.8 has it, and for nothing else beside it: a plugin may still have taken it away.
    let to = head.headers.only(Known::Upgrade).filter(|_| head.upgrade);
    out.upgrade = to.is_some_and(|to| to.eq_ignore_ascii_case(b"websocket"));
}

/// Writes the Host line for this choice, the client's headers but those that do not pass and those of `skip`, and the
/// lines that the gateway adds.
///
/// `stripped` is how much of the path the route takes away. Forwarded headers of a trusted peer are kept,
/// X-Forwarded-For is always extended by the TCP peer. Of a header given twice Kong sees the first. Source: Kong 3.10,
/// runloop/handler.lua `access`.
pub(crate) fn write(
    cx: &Cx<'_>,
    settings: &Settings,
    choice: &Choice,
    stripped: Option<usize>,
    skip: KnownSet,
    lines: &mut Vec<u8>,
) {
    let Some(request) = cx.request.as_deref() else { return };
    let (client, tls, id) = (cx.client, cx.listener.tls, &cx.id);
    let port = settings.ports.outside(cx.listener.address.port());
    let head = &request.head;
    let headers = &head.headers;
    let trusted = |name: Known| if client.trusted { headers.known(name) } else { None };
    // Nearly always room enough for all that follows.
    lines.reserve(1024);
    write_host(cx, head, choice, lines);
    let ours = if settings.tells_request_id { NOT_PASSED.with(Known::XKongRequestId) } else { NOT_PASSED };
    headers.encode(lines, skip.or(ours));
    let address = AddressText::of(client.address);
    match headers.known(Known::XForwardedFor) {
        Some(earlier) => {
            let peer = AddressText::of(client.peer.ip().to_canonical());
            write_safe_line(lines, FORWARDED_FOR, &[earlier, b", ", peer.as_bytes()]);
        }
        None => write_safe_line(lines, FORWARDED_FOR, &[address.as_bytes()]),
    }
    let scheme: &[u8] = if tls { b"https" } else { b"http" };
    write_safe_line(lines, FORWARDED_PROTO, &[trusted(Known::XForwardedProto).unwrap_or(scheme)]);
    match trusted(Known::XForwardedHost) {
        Some(host) => write_safe_line(lines, FORWARDED_HOST, &[host]),
        None => write_safe_line(lines, FORWARDED_HOST, &[&own_host(head.host())]),
    }
    match trusted(Known::XForwardedPort) {
        Some(port) => write_safe_line(lines, FORWARDED_PORT, &[port]),
        None => write_safe_line(lines, FORWARDED_PORT, &[Decimal::of(u64::from(port)).as_bytes()]),
    }
    write_safe_line(lines, FORWARDED_PATH, &[trusted(Known::XForwardedPath).unwrap_or_else(|| head.target.path())]);
    let prefix = stripped.and_then(|length| request.path.get(..length)).filter(|prefix| !matches!(*prefix, b"" | b"/"));
    if let Some(prefix) = trusted(Known::XForwardedPrefix).or(prefix) {
        // Cut from the decoded path, which may hold any byte.
        write_line(lines, FORWARDED_PREFIX, &[prefix]);
    }
    write_safe_line(lines, REAL_IP, &[address.as_bytes()]);
    let version = head.version.number().as_bytes();
    match headers.known(Known::Via) {
        Some(earlier) => write_safe_line(lines, VIA, &[earlier, b", ", version, b" ", SERVER.as_bytes()]),
        None => write_safe_line(lines, VIA, &[version, b" ", SERVER.as_bytes()]),
    }
    if headers.has_token(Known::Te, "trailers") {
        write_safe_line(lines, TE, &[b"trailers"]);
    }
    if settings.tells_request_id {
        write_safe_line(lines, REQUEST_ID, &[id]);
    }
}

/// Writes the Host header for this choice, which differs from try to try.
///
/// The port is left out where it is the one of the scheme. Source: Kong 3.10, runloop/balancer `set_host_header`.
fn write_host(cx: &Cx<'_>, head: &RequestHead, choice: &Choice, line: &mut Vec<u8>) {
    match &cx.upstream.host_header {
        HostHeader::Client => write_safe_line(line, HOST, &[head.host_header()]),
        HostHeader::Fixed(host) => write_line(line, HOST, &[host.as_bytes()]),
        HostHeader::Target => match (choice.host_header(), choice.address.port()) {
            (Some(host), _) => write_line(line, HOST, &[host.as_bytes()]),
            (None, port) if port == cx.upstream.scheme.default_port() => {
                write_line(line, HOST, &[choice.name().as_bytes()]);
            }
            (None, port) => {
                let port = Decimal::of(u64::from(port));
                write_line(line, HOST, &[choice.name().as_bytes(), b":", port.as_bytes()]);
            }
        },
    }
}

/// nginx's `$host`: the client's host in lower case and without port, else the name of Kong's server block.
pub(crate) fn own_host(host: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    match host {
        b"" => b"kong".into(),
        host => host::normal(host),
    }
}
