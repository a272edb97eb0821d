//! The headers that the gateway adds to and takes from the head of a response (`headers` in the configuration), before
//! and after the plugins' header phase.

use gibbon_conf::Block;
use gibbon_conf::Conf;
use gibbon_conf::EnabledHeaders;
use gibbon_sdk::Cx;
use gibbon_sdk::Scheme;
use gibbon_sdk::Source;
use gibbon_sdk::http::Decimal;
use gibbon_sdk::http::Headers;
use gibbon_sdk::http::Known;
use gibbon_sdk::http::KnownSet;
use gibbon_sdk::http::Name;
use gibbon_sdk::http::name;

/// What `Server` and `Via` name.
pub(crate) const SERVER: &str = concat!("gibbon/", env!("CARGO_PKG_VERSION"));

const UPSTREAM_STATUS: Name = name!("X-Kong-Upstream-Status");
const RESPONSE_LATENCY: Name = name!("X-Kong-Response-Latency");
const UPSTREAM_LATENCY: Name = name!("X-Kong-Upstream-Latency");
const PROXY_LATENCY: Name = name!("X-Kong-Proxy-Latency");
const REQUEST_ID: Name = name!("X-Kong-Request-Id");
const VIA: Name = name!("Via");
const SERVER_NAME: Name = name!("Server");
const CONTENT_TYPE: Name = name!("Content-Type");

/// Which of Kong's headers this node sends.
#[derive(Debug)]
pub(crate) struct HeadRules {
    enabled: EnabledHeaders,
    debug: bool,
    /// nginx's `charset`; Kong sets UTF-8.
    charset: Option<String>,
}

impl HeadRules {
    /// Reads `headers` and `allow_debug_header`.
    pub(crate) fn of(conf: &Conf) -> Self {
        let charset = [Block::Location, Block::Proxy, Block::Http]
            .into_iter()
            .find_map(|block| conf.directives.get(block, "charset"))
            .map_or(Some("UTF-8"), |charset| Some(charset).filter(|charset| *charset != "off"));
        Self { enabled: conf.headers, debug: conf.allow_debug_header, charset: charset.map(str::to_owned) }
    }

    /// Cleans what came from the upstream and adds what plugins may already see.
    ///
    /// Source: Kong 3.10, runloop/handler.lua `header_filter.before`, and nginx's list of headers it never passes.
    pub(crate) fn before_plugins(&self, cx: &mut Cx<'_>) {
        let (source, status) = (cx.response.source, cx.response.head.status.code());
        let trailers = self.client_takes_trailers(cx);
        let headers = &mut cx.response.head.headers;
        if source == Some(Source::Upstream) {
            clean_upstream_head(headers, trailers);
        }
        if source != Some(Source::Gateway) && self.enabled.upstream_status {
            headers.set_safe(UPSTREAM_STATUS, &[Decimal::of(u64::from(status)).as_bytes()]);
        }
        if self.debug && cx.request.as_ref().is_some_and(|request| request.head.headers.contains("kong-debug")) {
            debug_headers(cx);
        }
    }

    fn client_takes_trailers(&self, cx: &Cx<'_>) -> bool {
        cx.request.as_ref().is_some_and(|request| request.head.headers.has_token(Known::Te, "trailers"))
    }

    /// Adds the latencies, Via, Server and request id; runs after all plugins.
    pub(crate) fn after_plugins(&self, cx: &mut Cx<'_>, now: u64) {
        let enabled = &self.enabled;
        let timings = cx.timings;
        let grpc = matches!(cx.upstream.scheme, Scheme::Grpc | Scheme::Grpcs);
        let headers = &mut cx.response.head.headers;
        if cx.response.source == Some(Source::Gateway) {
            if enabled.response_latency {
                headers.set_safe(RESPONSE_LATENCY, &[Decimal::of(timings.since_start_ms(now)).as_bytes()]);
            }
            if enabled.server {
                headers.set_safe(SERVER_NAME, &[SERVER.as_bytes()]);
            } else {
                headers.remove_known(Known::Server);
            }
        } else {
            if enabled.upstream_latency {
                let waited = timings.upstream_ms().unwrap_or_default();
                headers.set_safe(UPSTREAM_LATENCY, &[Decimal::of(waited).as_bytes()]);
            }
            if enabled.proxy_latency {
                headers.set_safe(PROXY_LATENCY, &[Decimal::of(timings.proxy_ms()).as_bytes()]);
            }
            if enabled.via {
                add_via(headers, if grpc { b"2 " } else { b"1.1 " });
            }
            if enabled.server && !headers.may_have(KnownSet::EMPTY.with(Known::Server)) {
                headers.append_safe(SERVER_NAME, &[SERVER.as_bytes()]);
            }
        }
        if enabled.request_id {
            headers.set_safe(REQUEST_ID, &[&cx.id]);
        }
        // Redirects of the older kind never get one from nginx.
        let redirects = matches!(cx.response.head.status.code(), 301 | 302);
        let headers = &mut cx.response.head.headers;
        if let Some(charset) = self.charset.as_ref().filter(|_| !redirects) {
            add_charset(headers, charset.as_bytes());
        }
    }
}

/// Appends our name to the `Via` of the upstream. Kong looks at the first of several; so do we.
fn add_via(headers: &mut Headers, version: &[u8]) {
    match headers.known(Known::Via) {
        None => headers.append_safe(VIA, &[version, SERVER.as_bytes()]),
        Some(earlier) => {
            let earlier = earlier.to_vec();
            headers.set_parts(VIA, &[&earlier, b", ", version, SERVER.as_bytes()]);
        }
    }
}

/// Takes out what concerns the connection to the upstream only, and what nginx keeps for itself.
fn clean_upstream_head(headers: &mut Headers, trailers: bool) {
    headers.remove_listed_in_connection();
    const HOP: KnownSet = KnownSet::EMPTY.with(Known::Connection).with(Known::KeepAlive).with(Known::Upgrade);
    headers.remove_all(if trailers { HOP } else { HOP.with(Known::Trailer) });
    if headers.iter().any(|(name, _)| name.len() >= 5 && name[..2].eq_ignore_ascii_case(b"x-")) {
        nginx_control_headers(headers);
    }
}

/// Obeys and removes nginx's control headers: `X-Accel-Charset` names the charset, `X-Accel-*` and `X-Pad` never pass.
fn nginx_control_headers(headers: &mut Headers) {
    let is_control = |name: &[u8]| {
        name.eq_ignore_ascii_case(b"x-pad") || name.len() > 8 && name[..8].eq_ignore_ascii_case(b"x-accel-")
    };
    if !headers.iter().any(|(name, _)| is_control(name)) {
        return;
    }
    if let Some(charset) = headers.get("x-accel-charset").map(<[u8]>::to_vec) {
        let given = headers.known(Known::ContentType).map(<[u8]>::to_vec);
        if let Some(given) = given.filter(|given| !contains_charset(given)) {
            headers.set_parts(CONTENT_TYPE, &[&given, b"; charset=", &charset]);
        }
    }
    headers.retain(|name, _| !is_control(name));
}

/// Types that get a charset from nginx when the upstream named none (`charset` and `charset_types`).
const CHARSET_TYPES: [&[u8]; 6] =
    [b"text/html", b"text/xml", b"text/plain", b"text/vnd.wap.wml", b"application/javascript", b"application/rss+xml"];

fn contains_charset(value: &[u8]) -> bool {
    value.split(|byte| *byte == b';').skip(1).any(|piece| {
        let piece = piece.trim_ascii();
        piece.len() >= 8 && piece[..8].eq_ignore_ascii_case(b"charset=")
    })
}

fn add_charset(headers: &mut Headers, charset: &[u8]) {
    let Some(given) = headers.known(Known::ContentType) else { return };
    if !CHARSET_TYPES.iter().any(|kind| given.eq_ignore_ascii_case(kind)) {
        return;
    }
    let mut kept = [0; 32];
    let length = given.len().min(kept.len());
    kept[..length].copy_from_slice(&given[..length]);
    headers.replace_safe(CONTENT_TYPE, &[&kept[..length], b"; charset=", charset]);
}

/// Names route and service in the response (`allow_debug_header`).
fn debug_headers(cx: &mut Cx<'_>) {
    let headers = &mut cx.response.head.headers;
    if let Some(route) = cx.route {
        headers.set("Kong-Route-Id", route.id.to_string());
        if let Some(name) = &route.name {
            headers.set("Kong-Route-Name", name.as_bytes());
        }
    }
    if let Some(service) = cx.service {
        headers.set("Kong-Service-Id", service.id.to_string());
        if let Some(name) = &service.name {
            headers.set("Kong-Service-Name", name.as_bytes());
        }
    }
}
