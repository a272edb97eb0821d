//! What the upstream is told about the client and the way here: X-Forwarded-*, X-Real-IP, Via, the request id; and what
//! of the client's headers does not pass. The client's list is kept for plugins and logs, the additions are a list of
//! their own.

use std::io::Write;
use std::net::IpAddr;

use gibbon_sdk::Cx;
use gibbon_sdk::http::Known;
use gibbon_sdk::http::KnownSet;
use gibbon_sdk::http::RequestHead;
use gibbon_sdk::http::host;

use crate::answer::Decimal;
use crate::answer::SERVER;

/// Headers of the client that end here, beside those of the connection and its framing; most are written anew.
const NOT_PASSED: [Known; 10] = [
    Known::Te,
    Known::Via,
    Known::Expect,
    Known::Proxy,
    Known::XRealIp,
    Known::XForwardedFor,
    Known::XForwardedProto,
    Known::XForwardedHost,
    Known::XForwardedPort,
    Known::XForwardedPath,
];

/// An address as text, without allocation.
struct AddressText([u8; 48], usize);

impl AddressText {
    fn of(address: IpAddr) -> Self {
        let mut text = [0; 48];
        let mut rest = &mut text[..];
        // Cannot fail: the longest IPv6 address has 45 characters.
        let _ = match address {
            // Four times quicker than the general way, which pads.
            IpAddr::V4(address) => address.octets().iter().enumerate().try_for_each(|(at, octet)| {
                rest.write_all(if at == 0 { b"" } else { b"." })?;
                rest.write_all(Decimal::of(u64::from(*octet)).as_bytes())
            }),
            IpAddr::V6(address) => write!(rest, "{address}"),
        };
        let left = rest.len();
        Self(text, 48 - left)
    }

    fn as_bytes(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

/// Makes `out` the head that the upstream gets: the client's headers as plugins left them, less what its Connection
/// header names, and the gateway's own. Its other facts are the client's already.
///
/// `port` is the one the client connected to, as the outside knows it; `stripped` how much of the path the route takes
/// away. Forwarded headers of a trusted peer are kept, X-Forwarded-For is always extended by the TCP peer. Of a header
/// given twice Kong sees the first. Source: Kong 3.10, runloop/handler.lua `access`.
pub(crate) fn prepare(cx: &mut Cx<'_>, port: u16, stripped: Option<usize>, out: &mut RequestHead) {
    let (client, tls) = (cx.client, cx.listener.tls);
    let method = cx.upstream.method.take();
    let request = cx.request();
    request.head.headers.remove_listed_in_connection();
    let head = &request.head;
    let headers = &head.headers;
    let trusted = |name: Known| if client.trusted { headers.known(name) } else { None };
    out.headers.clone_from(headers);
    if let Some(method) = method {
        out.method = method;
    }
    // Only who asks as RFC 9110 §7.8 has it, and for nothing else beside it: a plugin may still have taken it away.
    let to = headers.only(Known::Upgrade).filter(|_| head.upgrade);
    out.upgrade = to.is_some_and(|to| to.eq_ignore_ascii_case(b"websocket"));
    let extra = &mut out.headers;
    if extra.may_have(NOT_PASSED.into_iter().fold(KnownSet::EMPTY, KnownSet::with)) {
        for name in NOT_PASSED {
            extra.remove_known(name);
        }
    }

    let address = AddressText::of(client.address);
    match headers.known(Known::XForwardedFor) {
        Some(earlier) => {
            let peer = AddressText::of(client.peer.ip().to_canonical());
            extra.append_parts("X-Forwarded-For", &[earlier, b", ", peer.as_bytes()]);
        }
        None => extra.append("X-Forwarded-For", address.as_bytes()),
    }
    let scheme: &[u8] = if tls { b"https" } else { b"http" };
    extra.append("X-Forwarded-Proto", trusted(Known::XForwardedProto).unwrap_or(scheme));
    match trusted(Known::XForwardedHost) {
        Some(host) => extra.append("X-Forwarded-Host", host),
        None => extra.append("X-Forwarded-Host", own_host(head.host())),
    }
    match trusted(Known::XForwardedPort) {
        Some(port) => extra.append("X-Forwarded-Port", port),
        None => extra.append("X-Forwarded-Port", Decimal::of(u64::from(port)).as_bytes()),
    }
    let forwarded_prefix = trusted(Known::XForwardedPrefix);
    extra.append("X-Forwarded-Path", trusted(Known::XForwardedPath).unwrap_or_else(|| head.target.path()));
    let prefix = stripped.and_then(|length| request.path.get(..length)).filter(|prefix| !matches!(*prefix, b"" | b"/"));
    match forwarded_prefix.or(prefix) {
        Some(prefix) => extra.set("X-Forwarded-Prefix", prefix),
        None => {
            extra.remove_known(Known::XForwardedPrefix);
        }
    }
    extra.append("X-Real-IP", address.as_bytes());
    let version = head.version.number().as_bytes();
    match headers.known(Known::Via) {
        Some(earlier) => extra.append_parts("Via", &[earlier, b", ", version, b" ", SERVER.as_bytes()]),
        None => extra.append_parts("Via", &[version, b" ", SERVER.as_bytes()]),
    }
    if headers.has_token(Known::Te, "trailers") {
        extra.append("TE", "trailers");
    }
}

/// nginx's `$host`: the client's host in lower case and without port, else the name of Kong's server block.
pub(crate) fn own_host(host: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    match host {
        b"" => b"kong".into(),
        host => host::normal(host),
    }
}
