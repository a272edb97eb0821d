//! HTTP/2 towards clients: a connection is a task that accepts streams, each stream an exchange that lives the same life
//! as one of HTTP/1. The frames are crate `h2`'s business.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use bytes::Buf;
use bytes::Bytes;
use gibbon_http::Framing;
use gibbon_http::Known;
use gibbon_http::Method;
use gibbon_http::RequestHead;
use gibbon_http::ResponseHead;
use gibbon_http::Version;
use gibbon_http::h1::BadRequest;
use gibbon_http::h1::Limits;
use h2::RecvStream;
use h2::SendStream;
use h2::server::SendResponse;

use crate::ClientError;
use crate::Peer;
use crate::clock::Deadline;
use crate::exchange::Link;
use crate::flood::Allowed;
use crate::flood::Counted;
use crate::flood::Flood;
use crate::gather::Gathered;
use crate::places::Place;
use crate::relay::NOT_IN_H2;
use crate::upstream::within;
use crate::worker::Shared;

/// One stream: its body as it comes, its response as it goes.
pub(crate) struct H2Stream {
    body: RecvStream,
    respond: SendResponse<Bytes>,
    send: Option<SendStream<Bytes>>,
    /// Data that flow control has not let out yet.
    waiting: Bytes,
    /// Whether the stream ends behind `waiting`.
    ends: bool,
}

impl H2Stream {
    /// Gives the next data of the request to `sink` and returns its length; `None` at the end.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Poll<Result<Option<usize>, ClientError>> {
        match self.body.poll_data(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(Ok(None)),
            Poll::Ready(Some(Err(_))) => Poll::Ready(Err(ClientError::Gone)),
            Poll::Ready(Some(Ok(data))) => {
                sink(&data);
                // Fails only for a stream that is over, which the next read will say.
                let _ = self.body.flow_control().release_capacity(data.len());
                Poll::Ready(Ok(Some(data.len())))
            }
        }
    }

    /// Returns how many bytes flow control has not let out yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Sends the response's head.
    pub(crate) fn send_head(&mut self, head: &ResponseHead, told: Framing, ends: bool) -> Result<(), ClientError> {
        let mut response = http::Response::new(());
        *response.status_mut() = http::StatusCode::from_u16(head.status.code()).unwrap_or_default();
        *response.headers_mut() = header_map(head);
        let headers = response.headers_mut();
        if let Framing::Length(length) = told {
            headers.insert(http::header::CONTENT_LENGTH, length.into());
        }
        self.send = Some(self.respond.send_response(response, ends).map_err(|_| ClientError::Gone)?);
        Ok(())
    }

    /// Lets data wait to be sent; what waited before must have gone out.
    pub(crate) fn queue(&mut self, data: &[u8], ends: bool) {
        debug_assert!(self.waiting.is_empty(), "one piece at a time");
        self.waiting = Bytes::copy_from_slice(data);
        self.ends = ends;
    }

    /// Sends what waits as far as flow control lets it.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        let Some(send) = &mut self.send else { return Poll::Ready(Ok(())) };
        while self.waiting.has_remaining() {
            send.reserve_capacity(self.waiting.len());
            let room = match send.poll_capacity(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(room))) => room.min(self.waiting.len()),
                Poll::Ready(_) => return Poll::Ready(Err(ClientError::Gone)),
            };
            let piece = self.waiting.split_to(room);
            let ends = self.ends && self.waiting.is_empty();
            if send.send_data(piece, ends).is_err() {
                return Poll::Ready(Err(ClientError::Gone));
            }
            self.ends &= !ends;
        }
        if std::mem::take(&mut self.ends) {
            // Fails when the client reset the stream meanwhile, which harms nobody.
            let _ = send.send_data(Bytes::new(), true);
        }
        Poll::Ready(Ok(()))
    }

    /// Tells whether the client has reset the stream.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.send {
            Some(send) => send.poll_reset(cx).is_ready(),
            None => self.respond.poll_reset(cx).is_ready(),
        }
    }

    /// Cuts the response short.
    pub(crate) fn reset(&mut self) {
        match &mut self.send {
            Some(send) => send.send_reset(h2::Reason::INTERNAL_ERROR),
            None => self.respond.send_reset(h2::Reason::INTERNAL_ERROR),
        }
    }
}

/// Serves one HTTP/2 connection until it ends, is idle for too long, sends too much of nothing, or the worker drains.
pub(crate) async fn serve(stream: Gathered, peer: Rc<Peer>, shared: Rc<Shared>, place: Place) {
    let settings = shared.settings();
    let deadline = Deadline::default();
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(settings.h2_streams)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_header_list_size(settings.limits.most() as u32);
    let flood = Flood::new(Allowed { resets: settings.h2_resets, control: settings.h2_control_frames });
    let handshake = builder.handshake::<_, Bytes>(Counted::new(stream.clone(), Rc::clone(&flood)));
    let Some(Ok(mut connection)) = within(&deadline, settings.header_timeout, handshake).await else { return };
    stream.gather();
    let streams = Rc::new(Streams::default());
    let mut ending = Ending::No;
    let mut requests = 0;
    loop {
        let mut accept = |cx: &mut Context<'_>| {
            let mut accepted = connection.poll_accept(cx);
            if accepted.is_ready() {
                return accepted;
            }
            if flood.is_over() && ending != Ending::AtOnce {
                ending = Ending::AtOnce;
                tracing::debug!(client = %peer.remote, "http/2 flood");
                deadline.disarm();
                connection.abrupt_shutdown(h2::Reason::ENHANCE_YOUR_CALM);
                accepted = connection.poll_accept(cx);
            } else if ending == Ending::No {
                let idle = streams.count.get() == 0;
                if place.is_draining(cx)
                    || requests >= u64::from(settings.keepalive_requests)
                    || idle && place.is_unwanted()
                    || is_idle(cx, &deadline, idle, settings.keepalive_timeout)
                {
                    ending = Ending::WhenAnswered;
                    deadline.disarm();
                    connection.graceful_shutdown();
                    accepted = connection.poll_accept(cx);
                }
            }
            // A client that does not take our last words is not waited for.
            let is_last = ending == Ending::AtOnce || ending == Ending::WhenAnswered && streams.count.get() == 0;
            if accepted.is_pending()
                && ending != Ending::No
                && is_idle(cx, &deadline, is_last, settings.lingering_timeout)
            {
                return Poll::Ready(None);
            }
            streams.watch(cx);
            accepted
        };
        let accepted = poll_fn(|cx| {
            let accepted = accept(cx);
            if matches!(accepted, Poll::Ready(Some(Ok(_)))) {
                return accepted;
            }
            match stream.poll_send(cx) {
                Poll::Ready(Err(_)) => Poll::Ready(None),
                _ => accepted,
            }
        });
        let Some(Ok((request, mut respond))) = accepted.await else { return };
        deadline.disarm();
        // What the client has reset does not count as open for it, but may still be busy here.
        if streams.count.get() >= 2 * settings.h2_streams as usize {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
            continue;
        }
        let open = OpenStream::new(&streams);
        let (shared, peer) = (Rc::clone(&shared), Rc::clone(&peer));
        requests += 1;
        tokio::task::spawn_local(async move {
            live(request, respond, requests, peer, shared).await;
            drop(open);
        });
    }
}

/// Whether a connection comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    No,
    /// No new stream is taken.
    WhenAnswered,
    /// Nothing is waited for but that the client hears why.
    AtOnce,
}

/// Bytes of answers that wait for a slow client, on one stream.
const SEND_BUFFER: usize = 64 * 1024;
/// Bytes a client may send on one stream before we have read them.
const WINDOW: u32 = 64 * 1024;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Tells whether a connection has been idle for too long.
fn is_idle(cx: &Context<'_>, deadline: &Deadline, idle: bool, limit: Duration) -> bool {
    if !idle {
        deadline.disarm();
    } else if !deadline.is_armed() {
        deadline.arm(limit, cx.waker());
    }
    deadline.has_passed()
}

/// How many streams of a connection live, and what to wake when none does any more.
#[derive(Default)]
struct Streams {
    count: Cell<usize>,
    connection: Cell<Option<Waker>>,
}

impl Streams {
    fn watch(&self, cx: &Context<'_>) {
        let waker = self.connection.take().filter(|waker| waker.will_wake(cx.waker()));
        self.connection.set(Some(waker.unwrap_or_else(|| cx.waker().clone())));
    }
}

/// Counts a stream while it lives.
struct OpenStream(Rc<Streams>);

impl OpenStream {
    fn new(streams: &Rc<Streams>) -> Self {
        streams.count.set(streams.count.get() + 1);
        Self(Rc::clone(streams))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get() - 1);
        if self.0.count.get() == 0
            && let Some(connection) = self.0.connection.take()
        {
            connection.wake();
        }
    }
}

async fn live(
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
    number: u64,
    peer: Rc<Peer>,
    shared: Rc<Shared>,
) {
    let (parts, body) = request.into_parts();
    let mut exchange = shared.lend(&peer);
    exchange.number = number;
    let limits = exchange.settings.limits;
    exchange.refused = receive(&parts, body.is_end_stream(), &limits, &mut exchange.request).err();
    exchange.begin(0);
    exchange.link = Link::H2(Box::new(H2Stream { body, respond, send: None, waiting: Bytes::new(), ends: false }));
    let mut exchange = shared.live(exchange).await;
    if let Link::H2(stream) = &mut exchange.link
        && exchange.answer != crate::exchange::Answer::Done
    {
        stream.reset();
    }
    shared.take_back(exchange);
}

/// Returns the headers of a response that HTTP/2 may have. All values share one allocation, known names need none.
fn header_map(head: &ResponseHead) -> http::HeaderMap {
    let sent = || head.headers.iter_known().filter(|(known, ..)| !NOT_IN_H2.contains(*known));
    let mut values = Vec::with_capacity(sent().map(|(.., value)| value.len()).sum());
    sent().for_each(|(.., value)| values.extend_from_slice(value));
    let mut values = Bytes::from(values);
    // One more for the length, and room to be added to.
    let mut headers = http::HeaderMap::with_capacity(head.headers.len() + 1);
    for (known, name, value) in sent() {
        let value = http::HeaderValue::from_maybe_shared(values.split_to(value.len()));
        let name = match known {
            Known::Other => http::HeaderName::from_bytes(name),
            known => Ok(http::HeaderName::from_static(known.text())),
        };
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// Fills a request head from an HTTP/2 one.
fn receive(
    parts: &http::request::Parts,
    ended: bool,
    limits: &Limits,
    head: &mut RequestHead,
) -> Result<(), BadRequest> {
    head.clear();
    head.version = Version::Http2;
    head.persistent = true;
    head.method = Method::parse(parts.method.as_str().as_bytes()).ok_or(BadRequest::Method)?;
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    // As in HTTP/1, where the lines of the head must fit into buffers; how large all of it may be was told to the client.
    if parts.method.as_str().len() + target.len() > limits.buffer {
        return Err(BadRequest::TargetTooLong);
    }
    let is_long =
        |(name, value): (&http::HeaderName, &http::HeaderValue)| name.as_str().len() + value.len() > limits.buffer;
    let too_large = parts.headers.len() > limits.fields || parts.headers.iter().any(is_long);
    let target = head.target.receive(target.as_bytes(), &head.method);
    if let Some(authority) = parts.uri.authority() {
        head.headers.append("Host", authority.as_str());
    }
    let mut hosts = head.headers.len();
    let mut length = None;
    let mut cookies: Vec<u8> = Vec::new();
    for (name, value) in &parts.headers {
        // As over HTTP/1: a name that servers behind may drop or mangle does not pass.
        if !name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            continue;
        }
        match Known::classify(name.as_str().as_bytes()) {
            // The same host may be said twice; another one may not (RFC 9113 §8.3.1).
            Known::Host if hosts > 0 => {
                if head.headers.known(Known::Host) != Some(value.as_bytes()) {
                    return Err(BadRequest::ManyHosts);
                }
                continue;
            }
            Known::Host => hosts += 1,
            // Cookies may come in crumbs, which HTTP/1 does not know (RFC 9113 §8.2.3).
            Known::Cookie => {
                if !cookies.is_empty() {
                    cookies.extend_from_slice(b"; ");
                }
                cookies.extend_from_slice(value.as_bytes());
                continue;
            }
            Known::ContentLength => {
                let told = value.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
                let told = told.and_then(|text| text.parse().ok()).ok_or(BadRequest::Length)?;
                if length.replace(told).is_some() {
                    return Err(BadRequest::ManyLengths);
                }
            }
            _ => {}
        }
        head.headers.append(name.as_str(), value.as_bytes());
    }
    if !cookies.is_empty() {
        head.headers.append("cookie", &cookies);
    }
    head.framing = match (length, ended) {
        (Some(length), _) => Framing::Length(length),
        (None, true) => Framing::None,
        (None, false) => Framing::Chunked,
    };
    target.map_err(BadRequest::Target)?;
    if too_large {
        return Err(BadRequest::HeadTooLarge);
    }
    match head.headers.known(Known::Host) {
        None => Err(BadRequest::NoHost),
        Some(host) if !gibbon_http::host::is_valid(host) => Err(BadRequest::Host),
        Some(_) if matches!(head.method, Method::Connect | Method::Trace) => Err(BadRequest::MethodRefused),
        Some(_) => Ok(()),
    }
}
