//! From a route that matched to a plan: where the request goes, and whether the route takes it at all. The router finds
//! the route, the balancer the address.

use gibbon_model::entities::Protocol;
use gibbon_model::entities::Route;
use gibbon_model::entities::Service;
use gibbon_sdk::Cx;
use gibbon_sdk::HostHeader;
use gibbon_sdk::Reply;
use gibbon_sdk::Scheme;
use gibbon_sdk::http::Known;
use gibbon_sdk::http::Version;

use crate::path::Matched;
use crate::path::join_into;

/// Tries after the first, and milliseconds to wait, for a request without a service. Source: Kong 3.10, balancer.
const RETRIES: u32 = 5;
const TIMEOUT_MS: u32 = 60_000;

/// Fills the plan of a request from its route and service; `matched` is how much of the path the route's path matched.
///
/// Returns how much of the path is stripped, if the route strips.
pub(crate) fn plan(cx: &mut Cx<'_>, route: &Route, service: Option<&Service>, matched: Option<usize>) -> Option<usize> {
    let strip = if route.strip_path { Matched::Strip } else { Matched::Keep };
    let plan = &mut *cx.upstream;
    let request = cx.request.as_deref().map(|request| request.path.as_slice()).unwrap_or_default();
    let base = service.and_then(|service| service.path.as_deref());
    join_into(&mut plan.path, base, request, strip, matched);
    plan.host_header = if route.preserve_host { HostHeader::Client } else { HostHeader::Target };
    plan.retries = RETRIES;
    (plan.connect_timeout_ms, plan.write_timeout_ms, plan.read_timeout_ms) = (TIMEOUT_MS, TIMEOUT_MS, TIMEOUT_MS);
    plan.reachable = service.is_some();
    if let Some(service) = service {
        plan.scheme = match service.protocol {
            Protocol::Https | Protocol::Tls => Scheme::Https,
            Protocol::Grpc => Scheme::Grpc,
            Protocol::Grpcs => Scheme::Grpcs,
            _ => Scheme::Http,
        };
        plan.host.push_str(&service.host);
        plan.port = service.port;
        plan.retries = service.retries.map_or(RETRIES, u32::from);
        plan.connect_timeout_ms = service.connect_timeout.unwrap_or(TIMEOUT_MS);
        plan.write_timeout_ms = service.write_timeout.unwrap_or(TIMEOUT_MS);
        plan.read_timeout_ms = service.read_timeout.unwrap_or(TIMEOUT_MS);
    }
    matched.filter(|_| route.strip_path)
}

/// Refuses what the route's protocols do not take: plain HTTP on an HTTPS route, and on a gRPC route all but gRPC.
///
/// Source: Kong 3.10, runloop/handler.lua `access.before`; it comes before any plugin.
pub(crate) fn admit(cx: &mut Cx<'_>, route: &Route) -> Result<(), Box<Reply>> {
    let takes = |protocol| route.protocols.contains(protocol);
    let (trusted, tls) = (cx.client.trusted, cx.listener.tls);
    let head = &cx.request().head;
    let told = head.headers.known(Known::XForwardedProto).filter(|_| trusted);
    let secure = told.map_or(tls, |told| told == b"https");
    if takes(Protocol::Https) && !takes(Protocol::Http) && !secure {
        return Err(Box::new(to_https(cx, route)));
    }
    if !takes(Protocol::Grpc) && !takes(Protocol::Grpcs) {
        return Ok(());
    }
    if !head.headers.known(Known::ContentType).is_some_and(|given| given.starts_with(b"application/grpc")) {
        return Err(Box::new(Reply::error(415, "Non-gRPC request matched gRPC route")));
    }
    if head.version < Version::Http2 {
        let reply = Reply::error(426, "Please use HTTP2 protocol");
        return Err(Box::new(reply.with("Connection", "Upgrade").with("Upgrade", "HTTP/2")));
    }
    if !takes(Protocol::Grpc) && !secure {
        let reply = Reply::empty(200).with("Content-Type", "application/grpc").with("grpc-status", "1");
        return Err(Box::new(reply.with("grpc-message", "gRPC request matched gRPCs route")));
    }
    Ok(())
}

fn to_https(cx: &mut Cx<'_>, route: &Route) -> Reply {
    let status = route.https_redirect_status_code;
    if status == 426 {
        let reply = Reply::error(426, "Please use HTTPS protocol");
        return reply.with("Connection", "Upgrade").with("Upgrade", "TLS/1.2, HTTP/1.1");
    }
    let trusted = cx.client.trusted;
    let head = &cx.request().head;
    let told = head.headers.known(Known::XForwardedHost).filter(|_| trusted);
    let host = crate::forward::headers::own_host(head.host());
    let location = [b"https://", told.unwrap_or(&host), head.target.path_and_query()].concat();
    Reply::empty(status).with("Location", location)
}
