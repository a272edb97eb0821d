//! HTTP/2 towards clients: a connection is a task that accepts streams, each stream an exchange that lives the same life
//! as one of HTTP/1. The frames are crate `h2`'s business.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
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
use h2::RecvStream;
use h2::SendStream;
use h2::server::SendResponse;

use crate::ClientError;
use crate::Peer;
use crate::clock;
use crate::clock::Deadline;
use crate::exchange::Link;
use crate::relay::NOT_IN_H2;
use crate::stream::Prefixed;
use crate::upstream::within;
use crate::worker::Place;
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

    /// Sends the response's head.
    pub(crate) fn send_head(&mut self, head: &ResponseHead, told: Framing, ends: bool) -> Result<(), ClientError> {
        let mut response = http::Response::new(());
        *response.status_mut() = http::StatusCode::from_u16(head.status.code()).unwrap_or_default();
        let headers = response.headers_mut();
        for (known, name, value) in head.headers.iter_known() {
            if NOT_IN_H2.contains(known) {
                continue;
            }
            let name = http::HeaderName::from_bytes(name);
            if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        }
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

/// Serves one HTTP/2 connection until it ends, is idle for too long, or the worker drains.
pub(crate) async fn serve(stream: Prefixed, peer: Rc<Peer>, shared: Rc<Shared>) {
    let settings = shared.settings();
    let deadline = Deadline::default();
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(settings.h2_streams)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(settings.limits.most() as u32);
    let place = Place::new(&shared);
    let handshake = builder.handshake::<_, Bytes>(stream);
    let Some(Ok(mut connection)) = within(&deadline, settings.header_timeout, handshake).await else { return };
    let streams = Rc::new(Cell::new(0));
    let mut is_over = false;
    let mut requests = 0;
    loop {
        let accepted = poll_fn(|cx| {
            let accepted = connection.poll_accept(cx);
            if accepted.is_pending() && !is_over {
                is_over = place.is_draining(cx) || is_idle(cx, &deadline, streams.get(), settings.keepalive_timeout);
                if is_over {
                    connection.graceful_shutdown();
                    return connection.poll_accept(cx);
                }
            }
            accepted
        });
        let Some(Ok((request, respond))) = accepted.await else { return };
        deadline.disarm();
        let stream = Counted::new(&streams);
        let (shared, peer) = (Rc::clone(&shared), Rc::clone(&peer));
        requests += 1;
        tokio::task::spawn_local(async move {
            live(request, respond, requests, peer, shared).await;
            drop(stream);
        });
    }
}

/// Bytes a client may send on one stream before we have read them.
const WINDOW: u32 = 64 * 1024;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Tells whether a connection without streams has been so for too long.
fn is_idle(cx: &Context<'_>, deadline: &Deadline, streams: usize, limit: Duration) -> bool {
    if streams > 0 {
        deadline.disarm();
    } else if !deadline.is_armed() {
        clock::now();
        deadline.arm(limit, cx.waker());
    }
    deadline.has_passed()
}

/// Counts a stream while it lives.
struct Counted(Rc<Cell<usize>>);

impl Counted {
    fn new(streams: &Rc<Cell<usize>>) -> Self {
        streams.set(streams.get() + 1);
        Self(Rc::clone(streams))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
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
    exchange.refused = receive(&parts, body.is_end_stream(), &mut exchange.request).err();
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

/// Fills a request head from an HTTP/2 one.
fn receive(parts: &http::request::Parts, ended: bool, head: &mut RequestHead) -> Result<(), BadRequest> {
    head.clear();
    head.version = Version::Http2;
    head.persistent = true;
    head.method = Method::parse(parts.method.as_str().as_bytes()).ok_or(BadRequest::Method)?;
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let target = head.target.receive(target.as_bytes(), &head.method);
    if let Some(authority) = parts.uri.authority() {
        head.headers.append("Host", authority.as_str());
    }
    let mut hosts = head.headers.len();
    let mut length = None;
    let mut cookies: Vec<u8> = Vec::new();
    for (name, value) in &parts.headers {
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
                length = Some(told.and_then(|text| text.parse().ok()).ok_or(BadRequest::Length)?);
            }
            _ => {}
        }
        head.headers.append_bytes(name.as_str().as_bytes(), value.as_bytes());
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
    match head.headers.known(Known::Host) {
        None => Err(BadRequest::NoHost),
        Some(host) if !gibbon_http::host::is_valid(host) => Err(BadRequest::Host),
        Some(_) if matches!(head.method, Method::Connect | Method::Trace) => Err(BadRequest::MethodRefused),
        Some(_) => Ok(()),
    }
}
