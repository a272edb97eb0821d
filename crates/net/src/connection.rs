//! An HTTP/1 connection with a client: a hand-written task, small while it is idle. It reads heads, lends an exchange for
//! each request, and sees to what is left of a body when the answer is out.
//!
//! ```text
//! Idle ←→ Reading ─head→ Living ─answered→ Reading
//!                           └─request not read→ Discarding ─all read→ Reading, or gone if the answer closes
//! ```

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use gibbon_http::Framing;
use gibbon_http::Status;
use gibbon_http::h1;
use gibbon_http::h1::BadRequest;
use gibbon_http::h1::BodyReader;
use gibbon_http::h1::Progress;

use crate::Exchange;
use crate::Peer;
use crate::clock::Deadline;
use crate::exchange::Answer;
use crate::exchange::Link;
use crate::gather::Gathered;
use crate::life::Life;
use crate::places::Place;
use crate::stream::Stream;
use crate::worker::Shared;

/// How long an idle connection may still bring a request when the worker drains: to close it at once would lose those
/// that are on their way.
const DRAIN: Duration = Duration::from_secs(1);

/// Whether a plain connection may turn out to be HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sniff {
    /// An HTTP/2 preface begins an HTTP/2 connection.
    Http2,
    /// It is a bad request.
    Http1Only,
}

/// One connection.
pub(crate) struct Connection {
    shared: Rc<Shared>,
    peer: Rc<Peer>,
    /// Gone once the connection is HTTP/2's.
    place: Option<Place>,
    state: State,
    deadline: Deadline,
    /// Bytes of a head that is not whole.
    early: Vec<u8>,
    progress: Progress,
    requests: u32,
    sniff: Sniff,
    /// Whether the deadline is that of a head.
    in_head: bool,
}

enum State {
    /// Waits for a head, without an exchange.
    Idle(Stream),
    /// Looks for a head.
    Reading(Box<Exchange>),
    /// The handler has the exchange.
    Living(Life),
    /// Drops what is left of a request that was answered.
    Discarding(Box<Exchange>),
    /// Waits until the last answer is out.
    Closing(Box<Exchange>),
    /// Over.
    Gone,
}

/// What became of looking for a head.
enum Head {
    Waits,
    Whole(Box<Exchange>),
    /// There is none, but an answer that is not out.
    Unsent(Box<Exchange>),
    Closed,
}

impl Connection {
    pub(crate) fn new(stream: Stream, peer: Rc<Peer>, shared: Rc<Shared>, place: Place, sniff: Sniff) -> Self {
        Self {
            place: Some(place),
            shared,
            peer,
            state: State::Idle(stream),
            deadline: Deadline::default(),
            early: Vec::new(),
            progress: Progress::default(),
            requests: 0,
            sniff,
            in_head: false,
        }
    }

    /// Looks for a head, with an exchange to read it into.
    fn poll_head(&mut self, cx: &mut Context<'_>, mut exchange: Box<Exchange>) -> Head {
        loop {
            if !exchange.down.is_empty() {
                let Exchange { down, request, settings, .. } = &mut *exchange;
                let parsed = down.look(|bytes| h1::parse_request(bytes, &settings.limits, &mut self.progress, request));
                match parsed {
                    Ok(None) => {}
                    Ok(Some(length)) => {
                        exchange.down.consume(length);
                        exchange.refused = None;
                        self.begin(cx, &mut exchange, length);
                        return Head::Whole(exchange);
                    }
                    Err(BadRequest::Preface) if self.sniff == Sniff::Http2 && self.requests == 0 => {
                        self.become_h2(exchange);
                        return Head::Closed;
                    }
                    Err(error) => {
                        exchange.refused = Some(error);
                        let length = exchange.down.len();
                        self.begin(cx, &mut exchange, length);
                        exchange.request.persistent = false;
                        return Head::Whole(exchange);
                    }
                }
            }
            let Link::H1(stream) = &mut exchange.link else { return Head::Closed };
            match exchange.down.poll_fill(cx, stream) {
                Poll::Ready(Ok(0) | Err(_)) => return self.close(exchange),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return self.rest(cx, exchange),
            }
        }
    }

    /// Closes the connection, but not before its answers are out.
    fn close(&self, mut exchange: Box<Exchange>) -> Head {
        if matches!(&exchange.link, Link::H1(stream) if !stream.is_clear()) {
            (exchange.answer, exchange.request.persistent) = (Answer::Done, false);
            return Head::Unsent(exchange);
        }
        self.shared.take_back(exchange);
        Head::Closed
    }

    /// Goes idle: keeps the stream and an unfinished head, gives the exchange back, arms the deadline.
    fn rest(&mut self, cx: &mut Context<'_>, mut exchange: Box<Exchange>) -> Head {
        let settings = self.shared.settings();
        let nothing_came = exchange.down.is_empty();
        let between = nothing_came && self.requests > 0;
        if nothing_came
            && let Some(place) = &self.place
            && (between && settings.keepalive_timeout.is_zero() || place.is_unwanted())
        {
            return self.close(exchange);
        }
        self.early = exchange.down.take();
        let Link::H1(stream) = std::mem::replace(&mut exchange.link, Link::None) else { return Head::Closed };
        self.shared.take_back(exchange);
        if nothing_came
            && let Some(place) = &self.place
            && place.is_draining(cx)
        {
            // A request may be on its way; its answer will say that the connection closes.
            self.deadline.arm(settings.keepalive_timeout.min(DRAIN), cx.waker());
            self.state = State::Idle(stream);
            return Head::Waits;
        }
        if between {
            self.deadline.arm(settings.keepalive_timeout, cx.waker());
        } else if !self.in_head {
            // The time for a head runs from its first byte, or from the connection's beginning, whatever trickles in.
            self.in_head = true;
            self.deadline.arm(settings.header_timeout, cx.waker());
        }
        self.state = State::Idle(stream);
        Head::Waits
    }

    /// Prepares the exchange for its life.
    fn begin(&mut self, cx: &mut Context<'_>, exchange: &mut Exchange, length: usize) {
        self.progress = Progress::default();
        self.in_head = false;
        self.deadline.disarm();
        self.requests += 1;
        exchange.begin(length);
        exchange.number = u64::from(self.requests);
        let settings = &exchange.settings;
        let last = self.requests >= settings.keepalive_requests
            || settings.keepalive_timeout.is_zero()
            || self.shared.is_draining();
        exchange.request.persistent &= !last;
        let too_large = match exchange.request.framing {
            Framing::Length(length) => settings.max_body > 0 && length > settings.max_body,
            _ => false,
        };
        let expects = exchange.request.expects_continue && !exchange.request.framing.is_empty();
        if expects && !too_large && exchange.refused.is_none() {
            // nginx answers an expectation before it knows what the answer will be, and also when the body came along; an
            // error shows soon enough.
            if let Link::H1(stream) = &mut exchange.link {
                let _ = exchange.out.send(cx, stream, b"HTTP/1.1 100 Continue\r\n\r\n");
            }
        }
    }

    fn become_h2(&mut self, mut exchange: Box<Exchange>) {
        let Some(place) = self.place.take() else { return };
        let Link::H1(stream) = std::mem::replace(&mut exchange.link, Link::None) else { return };
        let stream = Gathered::new(exchange.down.take(), stream);
        self.shared.take_back(exchange);
        let serve = crate::h2::serve(stream, Rc::clone(&self.peer), Rc::clone(&self.shared), place);
        tokio::task::spawn_local(serve);
    }

    /// Decides how the connection goes on after an answer.
    fn after(&mut self, cx: &mut Context<'_>, mut exchange: Box<Exchange>) -> State {
        exchange.end();
        let is_cut = exchange.answer != Answer::Done || !exchange.out.is_empty();
        if is_cut || exchange.response.status == Status::SWITCHING_PROTOCOLS {
            return State::Gone;
        }
        exchange.take_inbox_body();
        let has_read_all = exchange.refused.is_none() && exchange.body.reader.is_done();
        if exchange.request.persistent {
            if has_read_all {
                return State::Reading(exchange);
            }
            self.deadline.arm(exchange.settings.lingering_time, cx.waker());
            return State::Discarding(exchange);
        }
        if has_read_all && exchange.down.is_empty() {
            return State::Gone;
        }
        // What the client still sends must be read, or the reset it causes takes the answer away from it.
        exchange.down.clear();
        exchange.body.reader = BodyReader::UntilClose;
        if let Link::H1(stream) = &mut exchange.link {
            let _ = stream.poll_shutdown(cx);
        }
        self.deadline.arm(exchange.settings.lingering_timeout, cx.waker());
        State::Discarding(exchange)
    }

    /// Reads and drops what is left of a body; `None` once there is nothing to wait for.
    fn poll_discard(&self, cx: &mut Context<'_>, mut exchange: Box<Exchange>) -> Option<State> {
        while !self.deadline.has_passed() {
            if let (BodyReader::UntilClose, Link::H1(stream)) = (&exchange.body.reader, &mut exchange.link) {
                exchange.down.clear();
                match exchange.down.poll_fill(cx, stream) {
                    Poll::Pending => return Some(State::Discarding(exchange)),
                    Poll::Ready(Ok(0) | Err(_)) => return None,
                    Poll::Ready(Ok(_)) => continue,
                }
            }
            match exchange.poll_piece(cx, &mut |_| {}) {
                Poll::Pending => return Some(State::Discarding(exchange)),
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Some(State::Reading(exchange)),
                Poll::Ready(Err(_)) => return None,
            }
        }
        None
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match std::mem::replace(&mut this.state, State::Gone) {
                State::Gone => return Poll::Ready(()),
                State::Idle(_) if this.deadline.has_passed() => return Poll::Ready(()),
                State::Idle(stream) => {
                    let mut exchange = this.shared.lend(&this.peer);
                    exchange.link = Link::H1(stream);
                    if !this.early.is_empty() {
                        exchange.down.restore(std::mem::take(&mut this.early));
                    }
                    this.state = State::Reading(exchange);
                }
                // The client has taken only a part of the last answer.
                State::Reading(mut exchange) if exchange.has_left() => match exchange.poll_flush_down(cx) {
                    Ok(Poll::Ready(())) => this.state = State::Reading(exchange),
                    Ok(Poll::Pending) => {
                        this.state = State::Reading(exchange);
                        return Poll::Pending;
                    }
                    Err(_) => return Poll::Ready(()),
                },
                State::Reading(exchange) => match this.poll_head(cx, exchange) {
                    Head::Whole(exchange) => this.state = State::Living(this.shared.begin(exchange)),
                    Head::Waits => return Poll::Pending,
                    Head::Unsent(exchange) => this.state = State::Closing(exchange),
                    Head::Closed => return Poll::Ready(()),
                },
                State::Closing(mut exchange) => match exchange.poll_flush_down(cx) {
                    Ok(Poll::Pending) => {
                        this.state = State::Closing(exchange);
                        return Poll::Pending;
                    }
                    Ok(Poll::Ready(())) | Err(_) => return Poll::Ready(()),
                },
                State::Living(mut life) => match life.poll(cx) {
                    Poll::Pending => {
                        this.state = State::Living(life);
                        return Poll::Pending;
                    }
                    Poll::Ready(exchange) => {
                        this.shared.ended(life, &exchange);
                        this.state = this.after(cx, exchange);
                    }
                },
                State::Discarding(exchange) => match this.poll_discard(cx, exchange) {
                    Some(state @ State::Discarding(_)) => {
                        this.state = state;
                        return Poll::Pending;
                    }
                    Some(state) => this.state = state,
                    None => return Poll::Ready(()),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_small() {
        // The task adds about 100 bytes, the peer and the deadline about 200.
        assert!(size_of::<Connection>() <= 256, "{} bytes", size_of::<Connection>());
    }
}
