//! Sending a request to an upstream and reading the head of its answer. It chooses no upstream and retries nothing but
//! a kept connection that proved stale.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use gibbon_http::Framing;
use gibbon_http::Known;
use gibbon_http::KnownSet;
use gibbon_http::h1;
use gibbon_http::h1::BodyReader;
use gibbon_http::h1::Progress;
use gibbon_http::h1::ResponseContext;

use crate::ClientError;
use crate::Exchange;
use crate::Forward;
use crate::UpstreamError;
use crate::UpstreamFailure;
use crate::Upstreams;
use crate::body::Source;
use crate::buffers;
use crate::exchange::Link;
use crate::upstream::Care;
use crate::upstream::Upstream;

/// Interim answers before the final one; more are no answer.
const INTERIM: u8 = 32;

/// Bodies up to this size are copied behind their head rather than sent on their own.
const JOINED: usize = 16 * 1024;

/// How far the request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upload {
    /// All of it was handed to the socket or its outbox.
    Done,
    /// The client is still sending.
    Going,
    /// The upstream takes no more; its answer may still come.
    Refused,
}

/// Where an attempt stands.
struct Attempt {
    upload: Upload,
    progress: Progress,
    /// Interim answers that came so far.
    interim: u8,
    broken: Option<io::Error>,
}

impl Exchange {
    /// Sends the request on and reads the answer's head into `response`. A kept connection that proves stale is
    /// replaced by a new one, once, where that is safe. Interim answers are dropped.
    ///
    /// # Errors
    /// No answer; nothing was sent to the client, so another endpoint may be tried (see [`UpstreamError`]).
    pub async fn forward(&mut self, upstreams: &Rc<Upstreams>, to: Forward<'_>) -> Result<(), UpstreamError> {
        self.timeouts = to.timeouts;
        self.moved();
        if !self.pool.as_ref().is_some_and(|pool| Rc::ptr_eq(pool, upstreams)) {
            self.pool = Some(Rc::clone(upstreams));
        }
        let care = if self.request.method.is_idempotent() { Care::Usual } else { Care::Great };
        if let Some(kept) = poll_fn(|cx| Poll::Ready(upstreams.idle(cx, to.endpoint, care))).await {
            match self.attempt(kept, to).await {
                Ok(()) => return Ok(()),
                Err(error) if !self.is_stale(&error) => return Err(error),
                Err(_) => {}
            }
        }
        let fresh = upstreams.connect(to.endpoint, to.timeouts.connect, &self.deadline).await;
        let fresh = fresh.map_err(|failure| self.failed(failure, false))?;
        self.attempt(fresh, to).await
    }

    /// Tells whether a request that failed on a kept connection may be sent again: the connection ended without a byte
    /// of an answer, and a repeat does no harm.
    fn is_stale(&self, error: &UpstreamError) -> bool {
        let ended = matches!(error.failure, UpstreamFailure::Closed | UpstreamFailure::Broken(_));
        ended && error.can_repeat && self.up.is_empty() && self.request.method.is_idempotent()
    }

    fn failed(&self, failure: UpstreamFailure, sent: bool) -> UpstreamError {
        UpstreamError { failure, sent, can_repeat: self.body.can_repeat(self.request.framing) }
    }

    async fn attempt(&mut self, mut upstream: Upstream, to: Forward<'_>) -> Result<(), UpstreamError> {
        self.up.clear();
        let mut attempt = Attempt { upload: Upload::Going, progress: Progress::default(), interim: 0, broken: None };
        let mut begun = false;
        let result = poll_fn(|cx| {
            if !begun {
                begun = true;
                let written = self.write_request(cx, &mut upstream, to);
                attempt.upload = match (&written, self.body.source) {
                    (Err(_), _) => Upload::Refused,
                    (Ok(()), Source::Client) if !self.request.framing.is_empty() => Upload::Going,
                    (Ok(()), _) => Upload::Done,
                };
                attempt.broken = written.err();
            }
            self.poll_answer(cx, &mut upstream, &mut attempt)
        })
        .await;
        self.moved();
        match result {
            Ok(()) => {
                self.take_inbox_body();
                self.reader = BodyReader::new(self.response.framing);
                self.stays = self.response.persistent;
                self.upload = attempt.upload;
                self.upstream = Some(upstream);
                Ok(())
            }
            Err(failure) => Err(self.failed(failure, true)),
        }
    }

    /// Writes the head and what there is of the body, in one piece if that can be.
    fn write_request(&mut self, cx: &mut Context<'_>, upstream: &mut Upstream, to: Forward<'_>) -> io::Result<()> {
        let framing = self.body.framing(self.request.framing);
        let (skip, connection) = match self.request.upgrade {
            true => (SKIPPED.without(Known::Upgrade), "keep-alive, Upgrade"),
            false => (SKIPPED, "keep-alive"),
        };
        let Upstream { stream, outbox, .. } = upstream;
        buffers::with_out(|out| {
            (to.head)(out, &self.request, skip);
            h1::end_head(out, framing, connection);
            match self.body.source {
                Source::Inbox(length) => self.down.edit(|buffer, range| {
                    let end = range.start + length;
                    match range.start.checked_sub(out.len()) {
                        Some(start) => {
                            buffer[start..range.start].copy_from_slice(out);
                            outbox.send(cx, stream, &buffer[start..end])
                        }
                        None => {
                            outbox.push(out);
                            outbox.push(&buffer[range.start..end]);
                            Ok(())
                        }
                    }
                }),
                _ => {
                    let ahead = &self.body.ahead;
                    if ahead.is_empty() {
                        return outbox.send(cx, stream, out);
                    }
                    let chunked = framing == Framing::Chunked;
                    if chunked {
                        push_chunk_header(out, ahead.len());
                    }
                    if ahead.len() <= JOINED {
                        out.extend_from_slice(ahead);
                        if chunked {
                            out.extend_from_slice(b"\r\n");
                        }
                        return outbox.send(cx, stream, out);
                    }
                    outbox.send(cx, stream, out)?;
                    outbox.send(cx, stream, ahead)?;
                    if chunked { outbox.send(cx, stream, b"\r\n") } else { Ok(()) }
                }
            }
        })
    }

    fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        upstream: &mut Upstream,
        attempt: &mut Attempt,
    ) -> Poll<Result<(), UpstreamFailure>> {
        let is_writing = self.poll_upload(cx, upstream, &mut attempt.upload, &mut attempt.broken)?;
        loop {
            let begins = self.up.is_empty();
            match self.up.poll_fill(cx, &mut upstream.stream) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.ended(attempt.broken.take()))),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(UpstreamFailure::Broken(error))),
                Poll::Ready(Ok(_)) => {
                    // From its first byte a head has the time between two reads to be whole, whatever trickles in.
                    if begins {
                        self.moved();
                    }
                    if self.read_head(attempt)? {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Pending => break,
            }
        }
        if attempt.upload != Upload::Going && self.is_client_gone(cx) {
            return Poll::Ready(Err(UpstreamFailure::Client(ClientError::Gone)));
        }
        let (limit, timeout) = match is_writing {
            true => (self.timeouts.write, UpstreamFailure::WriteTimeout),
            false => (self.timeouts.read, UpstreamFailure::ReadTimeout),
        };
        match self.wait(cx, limit) {
            true => Poll::Ready(Err(timeout)),
            false => Poll::Pending,
        }
    }

    fn ended(&self, broken: Option<io::Error>) -> UpstreamFailure {
        match broken {
            Some(error) => UpstreamFailure::Broken(error),
            None => UpstreamFailure::Closed,
        }
    }

    /// Parses the answer's head; `false` while it is not whole or was an interim one.
    fn read_head(&mut self, attempt: &mut Attempt) -> Result<bool, UpstreamFailure> {
        let context = ResponseContext {
            to_head: self.request.method == gibbon_http::Method::Head,
            upgrade: self.request.upgrade,
            limit: self.settings.answer_head,
        };
        loop {
            let head = &mut self.response;
            let length = self.up.look(|bytes| h1::parse_response(bytes, context, &mut attempt.progress, head));
            let Some(length) = length.map_err(UpstreamFailure::Invalid)? else { return Ok(false) };
            self.up.consume(length);
            if !self.response.status.is_interim() {
                return Ok(true);
            }
            attempt.progress = Progress::default();
            attempt.interim += 1;
            if attempt.interim > INTERIM {
                return Err(UpstreamFailure::Invalid(h1::BadResponse::Interim));
            }
            self.moved();
            if self.up.is_empty() {
                return Ok(false);
            }
        }
    }

    /// Sends what waits and what the client has sent meanwhile. Tells whether the upstream is what we wait for.
    pub(crate) fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        upstream: &mut Upstream,
        upload: &mut Upload,
        broken: &mut Option<io::Error>,
    ) -> Result<bool, UpstreamFailure> {
        let Upstream { stream, outbox, .. } = upstream;
        while *upload != Upload::Refused {
            match outbox.poll_flush(cx, stream) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    // The answer may lie there already: an upstream may say no before it has heard all.
                    *upload = Upload::Refused;
                    *broken = Some(error);
                    return Ok(false);
                }
                Poll::Pending => return Ok(true),
            }
            if *upload == Upload::Done {
                return Ok(false);
            }
            let chunked = self.request.framing == Framing::Chunked;
            let piece = self.poll_piece(cx, &mut |data| {
                if chunked && !data.is_empty() {
                    let mut header = [0; 18];
                    let length = h1::chunk_header(data.len(), &mut header);
                    outbox.push(&header[..length]);
                }
                outbox.push(data);
                if chunked && !data.is_empty() {
                    outbox.push(b"\r\n");
                }
            });
            match piece {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => {
                    // What was told must be what was sent, or the upstream takes the next request for the rest.
                    if matches!(self.request.framing, Framing::Length(told) if told != self.body.taken) {
                        return Err(UpstreamFailure::Client(ClientError::Body(h1::BadBody::End)));
                    }
                    *upload = Upload::Done;
                    if chunked {
                        outbox.push(b"0\r\n\r\n");
                    }
                }
                Poll::Ready(Err(error)) => return Err(UpstreamFailure::Client(error)),
            }
        }
        Ok(false)
    }

    /// Looks whether the client has gone away while it waits.
    pub(crate) fn is_client_gone(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.link {
            Link::H1(stream) => stream.poll_gone(cx),
            Link::H2(stream) => stream.poll_gone(cx),
            Link::None => true,
        }
    }
}

/// Never sent on to an upstream: hop-by-hop headers, and an expectation that was met here.
const SKIPPED: KnownSet = KnownSet::HOP_BY_HOP.with(Known::Expect);

fn push_chunk_header(out: &mut Vec<u8>, length: usize) {
    let mut header = [0; 18];
    let written = h1::chunk_header(length, &mut header);
    out.extend_from_slice(&header[..written]);
}
