//! A request's whole life, the same for HTTP/1, HTTP/2 and TLS.
//!
//! ```text
//! rewrite (global plugins) → route → access (chain) → balancer, tries → header → body → log
//!        └──────────── Err(stop): becomes a response in one place, and goes on at header ┘
//! ```

use gibbon_net::Exchange;
use gibbon_sdk::Cx;
use gibbon_sdk::Phases;
use gibbon_sdk::Reply;
use gibbon_sdk::Request;
use gibbon_sdk::Scheme;
use gibbon_sdk::http::path;
use smallvec::SmallVec;

use crate::cell::ClientBody;
use crate::cell::ExchangeCell;
use crate::chain::Chain;
use crate::deliver::deliver;
use crate::forward;
use crate::lease::Lease;
use crate::route;
use crate::router::Key;
use crate::router::Transport;
use crate::serving::Serving;
use crate::settings::Settings;
use crate::snapshot::Match;
use crate::snapshot::Snapshot;
use crate::stop::Stop;
use crate::stop::Stopped;
use crate::walk::Walk;

/// Lives one request from its head to its log.
pub(crate) async fn life(serving: &Serving, exchange: &mut Exchange, lease: &mut Lease) {
    let (settings, snapshot) = (serving.settings(), serving.snapshot());
    let Lease { request, response, plan, slots } = lease;
    let refused = exchange.refused.map(|refused| (refused, exchange.request.headers.clone()));
    if refused.is_none() {
        take_head(exchange, request);
    }
    let (client, listener) = serving.ends(&settings, exchange, &request.head.headers);
    let shed = exchange.shed;
    if shed && exchange.request_number() == 1 {
        // Who comes new may find another node; for others a new connection would only be more work.
        exchange.close_after();
    }
    let cell = ExchangeCell::new(exchange);
    let mut body = ClientBody(&cell);
    let mut cx = Cx {
        env: &serving.env,
        directory: &**snapshot,
        client,
        listener,
        id: serving.ids.request_id(),
        request: refused.is_none().then_some(request),
        route: None,
        service: None,
        consumer: None,
        credential: None,
        authenticated_groups: None,
        captures: SmallVec::new(),
        upstream: plan,
        response,
        body: &mut body,
        body_read: None,
        tail: Vec::new(),
        tries: SmallVec::new(),
        timings: serving.begin(),
        buffer_response: false,
        bytes_in: 0,
        bytes_out: 0,
        slots,
    };
    let mut walk = Walk::new(snapshot.global_chain());

    let asked = match &refused {
        None if shed => Err(too_much(&settings)),
        None => ask(serving, &settings, &snapshot, &cell, &mut walk, &mut cx).await,
        Some((refused, _)) => Err(Stop::Page(refused.status())),
    };
    let heard = refused.as_ref().map(|(_, headers)| headers);
    let stopped = asked.err().map(|stop| settings.answers.stop(&mut cx, stop, heard));
    if stopped != Some(Stopped::Gone) {
        deliver(serving, &settings, &cell, &mut walk, &mut cx, stopped).await;
    }
    cx.timings.ended = serving.nanos();
    let (received, sent, body_sent) = cell.counts();
    (cx.bytes_in, cx.bytes_out) = (received, sent);
    walk.log(&mut cx);
    serving.access_log.write(&cx, body_sent);
}

/// Turns a request away because the node has too much to do. Only header and log plugins see it.
fn too_much(settings: &Settings) -> Stop {
    Reply::error(503, "The gateway is overloaded").with("Retry-After", settings.retry_after.to_string()).into()
}

/// Moves the request's head to where plugins see it. What decides how the connection is read and answered stays behind,
/// in the head that later becomes the upstream's.
fn take_head(exchange: &mut Exchange, request: &mut Request) {
    std::mem::swap(&mut exchange.request, &mut request.head);
    let (theirs, head) = (&mut exchange.request, &request.head);
    theirs.method.clone_from(&head.method);
    (theirs.version, theirs.framing) = (head.version, head.framing);
    (theirs.persistent, theirs.expects_continue, theirs.upgrade) =
        (head.persistent, head.expects_continue, head.upgrade);
    theirs.headers.clear();
    request.scheme = if exchange.peer().tls.is_some() { Scheme::Https } else { Scheme::Http };
    request.sni = exchange.peer().tls.as_ref().and_then(|tls| tls.sni.as_deref().map(Into::into));
}

/// Takes a request from its head to the upstream's answer; every early end is an error.
async fn ask<'s>(
    serving: &Serving,
    settings: &Settings,
    snapshot: &'s Snapshot,
    cell: &ExchangeCell<'_>,
    walk: &mut Walk<'s>,
    cx: &mut Cx<'s>,
) -> Result<(), Stop> {
    if settings.refuses_body(cx.request().head.framing) {
        return Err(Stop::Page(413));
    }
    walk.rewrite(cx).await?;
    let mut stripped = None;
    let chain = find_route(settings, snapshot, cx, &mut stripped)?;
    walk.access(chain, cx).await?;
    if !cx.upstream.reachable {
        return Err(Reply::error(503, "no Service found with those values").into());
    }
    cx.buffer_response |= walk.has(Phases::RESPONSE);
    forward::ask(serving, settings, snapshot, cell, cx, stripped).await
}

/// Finds the route of a request and fills the plan from it; returns the chain of its plugins.
fn find_route<'s>(
    settings: &Settings,
    snapshot: &'s Snapshot,
    cx: &mut Cx<'s>,
    stripped: &mut Option<usize>,
) -> Result<Chain<'s>, Stop> {
    let port = settings.ports.outside(cx.listener.address.port());
    let transport = if cx.listener.tls { Transport::Tls } else { Transport::Plain };
    let request = cx.request();
    let path = path::normalize(request.head.target.path());
    request.path.clear();
    request.path.extend_from_slice(&path);
    let key = Key {
        method: &request.head.method,
        host: request.head.host_header(),
        port,
        path: &request.path,
        headers: &request.head.headers,
        transport,
        sni: request.sni.as_deref(),
    };
    let Some(Match { found, service }) = snapshot.find(&key) else {
        return Err(Reply::error(404, "no Route matched with those values").into());
    };
    if let Some(other) = path::decoded(&request.path)
        && snapshot.find(&Key { path: &other, ..key }).is_some_and(|other| other.found.route.id != found.route.id)
    {
        // The server behind may read the path so, past the route that guards what it then finds.
        return Err(Stop::Page(400));
    }
    let (route, service) = (&**found.route, service.map(|service| &**service));
    let captures = found.captures(&request.path);
    (cx.captures, cx.route, cx.service) = (captures, Some(route), service);
    *stripped = route::plan(cx, route, service, found.matched);
    route::admit(cx, route)?;
    Ok(snapshot.chain(route))
}
