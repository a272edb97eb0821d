//! From the gateway to the upstream: what is sent ([`headers`]), where, and how often it is tried before it is given up.

pub(crate) mod headers;

use std::time::Duration;

use gibbon_net::Endpoint;
use gibbon_net::Exchange;
use gibbon_net::Forward;
use gibbon_net::Timeouts;
use gibbon_net::UpstreamError;
use gibbon_net::UpstreamFailure;
use gibbon_sdk::Cx;
use gibbon_sdk::Source;
use gibbon_sdk::Try;
use gibbon_sdk::TryState;
use gibbon_sdk::http::KnownSet;
use gibbon_sdk::http::Method;
use gibbon_sdk::http::RequestHead;
use gibbon_sdk::http::h1;
use gibbon_sdk::http::h1::RequestLine;

use crate::balancer::Choice;
use crate::balancer::NoPeer;
use crate::cell::ExchangeCell;
use crate::serving::Serving;
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::stop::Stop;

/// Sends the request to the upstream that the plan names, again as often as it allows, and makes the head of its answer
/// the response. `stripped` is how much of the path the route took away.
///
/// # Errors
/// When there is nobody to ask, or nobody answered.
#[expect(clippy::await_holding_refcell_ref, reason = "no plugin has its turn while the upstream is asked")]
pub(crate) async fn ask(
    serving: &Serving,
    settings: &Settings,
    snapshot: &Snapshot,
    cell: &ExchangeCell<'_>,
    cx: &mut Cx<'_>,
    stripped: Option<usize>,
) -> Result<(), Stop> {
    cx.timings.balancer = serving.nanos();
    let mut choice = serving.balancer.choose(snapshot, cx).await.map_err(NoPeer::stop)?;
    let mut exchange = cell.turn();
    headers::prepare(cx, &mut exchange.request);
    read_ahead(settings, &mut exchange, cx).await?;
    let mut tries_left = cx.upstream.retries;
    loop {
        let endpoint = Endpoint { address: choice.address, tls: serving.tls.to(snapshot, cx, &choice)? };
        begin_try(serving, cx, &choice);
        // Written when a connection is there, into the worker's buffer: nothing of it is kept.
        let asking = &*cx;
        let head = |out: &mut Vec<u8>, theirs: &RequestHead, skip: KnownSet| {
            h1::begin_request(
                out,
                RequestLine { method: &theirs.method, path: &asking.upstream.path, query: asking.query() },
            );
            headers::write(asking, settings, &choice, stripped, skip, out);
        };
        let to = Forward { endpoint: &endpoint, timeouts: timeouts(asking), head: &head };
        let answered = exchange.forward(&serving.upstreams, to).await;
        cx.timings.answered = serving.nanos();
        let Err(error) = answered else { break };
        let status = failed_status(&error)?;
        fail_try(cx, status);
        tracing::debug!(%error, address = %choice.address, "upstream failed");
        if tries_left == 0 || !settings.next_upstream.allows(&error, &exchange.request.method) {
            return Err(Stop::Failed(status));
        }
        tries_left -= 1;
        choice = serving.balancer.choose(snapshot, cx).await.map_err(|_| Stop::Failed(503))?;
    }
    receive(&mut exchange, cx);
    Ok(())
}

/// Reads the body ahead as far as the route buffers, and puts a plugin's in its place.
async fn read_ahead(settings: &Settings, exchange: &mut Exchange, cx: &mut Cx<'_>) -> Result<(), Stop> {
    if let Some(body) = cx.upstream.body.take() {
        exchange.set_body(body);
    } else if cx.route.is_none_or(|route| route.request_buffering) {
        exchange.buffer_body(settings.request_buffer).await.map_err(|error| Stop::client(&error))?;
    } else {
        // What came together with the head is taken: a chunked body that is over gets a length, as nginx gives it.
        exchange.buffer_body(0).await.map_err(|error| Stop::client(&error))?;
    }
    Ok(())
}

fn timeouts(cx: &Cx<'_>) -> Timeouts {
    let ms = |ms: u32| Duration::from_millis(u64::from(ms));
    let plan = &cx.upstream;
    Timeouts { connect: ms(plan.connect_timeout_ms), write: ms(plan.write_timeout_ms), read: ms(plan.read_timeout_ms) }
}

/// Notes that a try begins.
fn begin_try(serving: &Serving, cx: &mut Cx<'_>, choice: &Choice) {
    cx.timings.sent = serving.nanos();
    cx.tries.push(Try {
        address: choice.address.ip(),
        port: choice.address.port(),
        state: None,
        code: 0,
        started_at_ms: serving.wall_ms(),
        balancer_ns: cx.timings.sent.saturating_sub(cx.timings.balancer),
    });
}

fn fail_try(cx: &mut Cx<'_>, status: u16) {
    if let Some(last) = cx.tries.last_mut() {
        (last.state, last.code) = (Some(TryState::Failed), status);
    }
}

/// Returns nginx's status for a failure; the client's own failures end the request at once.
fn failed_status(error: &UpstreamError) -> Result<u16, Stop> {
    match &error.failure {
        UpstreamFailure::Client(error) => Err(Stop::client(error)),
        failure if failure.is_timeout() => Ok(504),
        _ => Ok(502),
    }
}

/// Makes the upstream's head the response; headers that plugins set before stay beside the upstream's.
fn receive(exchange: &mut Exchange, cx: &mut Cx<'_>) {
    let response = &mut *cx.response;
    std::mem::swap(&mut exchange.response, &mut response.head);
    response.head.headers.append_all(&exchange.response.headers);
    exchange.response.clear();
    response.source = Some(Source::Upstream);
}

/// When a request goes to the next target (nginx's `proxy_next_upstream`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct NextUpstream {
    error: bool,
    timeout: bool,
    invalid_header: bool,
    non_idempotent: bool,
}

impl NextUpstream {
    /// Reads nginx's words; without any it is `error timeout`.
    pub(crate) fn parse(words: Option<&str>) -> Self {
        let given = |word| words.unwrap_or("error timeout").split_whitespace().any(|given| given == word);
        let has = |word| given(word) && !given("off");
        Self {
            error: has("error"),
            timeout: has("timeout"),
            invalid_header: has("invalid_header"),
            non_idempotent: has("non_idempotent"),
        }
    }

    /// Returns whether a request that failed so may be sent to another target.
    ///
    /// nginx repeats POST, LOCK and PATCH only as long as nothing of them was sent.
    fn allows(self, error: &UpstreamError, method: &Method) -> bool {
        let condition = match &error.failure {
            UpstreamFailure::Invalid(_) => self.invalid_header,
            failure if failure.is_timeout() => self.timeout,
            _ => self.error,
        };
        let repeats = self.non_idempotent || !matches!(method.as_str(), "POST" | "LOCK" | "PATCH");
        condition && (!error.sent || repeats && error.can_repeat)
    }
}
