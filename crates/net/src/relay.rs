//! The upstream's answer on its way to the client: head and body in one piece where that can be, framed anew, never
//! copied while it lies in the scratch buffer.
//!
//! ```text
//! scratch:  … room … [head][chunk size][data that was read …][CRLF][0 CRLF CRLF]
//!                     └────────────────── one send ────────────────────────────┘
//! ```

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::task::Context;
use std::task::Poll;

use gibbon_http::Framing;
use gibbon_http::Known;
use gibbon_http::KnownSet;
use gibbon_http::Method;
use gibbon_http::Part;
use gibbon_http::Status;
use gibbon_http::Version;
use gibbon_http::h1;
use gibbon_http::h1::BadBody;
use gibbon_http::h1::BodyReader;

use crate::ClientError;
use crate::Exchange;
use crate::RelayError;
use crate::UpstreamFailure;
use crate::buffers;
use crate::exchange::Answer;
use crate::exchange::Link;
use crate::forward::Upload;
use crate::upstream::Upstream;

/// How a response is framed towards the client: what its head tells, and how its body goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) head: Framing,
    pub(crate) body: Framing,
}

impl Exchange {
    /// Sends `response` and the upstream's body to the client as they come; gives the connection back. Handles answers
    /// without body, HTTP/1.0 clients, switched protocols (101: relays both ways until either side is done).
    ///
    /// # Errors
    /// The response was cut; it cannot be replaced.
    pub async fn relay(&mut self) -> Result<(), RelayError> {
        let Some(mut upstream) = self.upstream.take() else { return Err(RelayError::Closed) };
        if self.response.status == Status::SWITCHING_PROTOCOLS {
            return self.tunnel(upstream).await;
        }
        let mut begun = false;
        let result = poll_fn(|cx| {
            if !begun {
                begun = true;
                self.begin_relay(cx)?;
            }
            self.poll_relay(cx, &mut upstream)
        })
        .await;
        self.moved();
        result?;
        self.give_back(upstream);
        Ok(())
    }

    /// Reads the next part of the upstream's body, for filters.
    ///
    /// # Errors
    /// As [`relay`](Self::relay).
    pub async fn read_response(&mut self) -> Result<Part, RelayError> {
        let Some(mut upstream) = self.upstream.take() else { return Ok(Part::END) };
        let mut data = Vec::new();
        let result = poll_fn(|cx| self.poll_part(cx, &mut upstream, &mut data)).await;
        self.moved();
        match result? {
            true => {
                self.upstream = Some(upstream);
                Ok(Part::Data(data))
            }
            false => {
                let trailers = self.reader.trailers().map(Box::new);
                self.give_back(upstream);
                Ok(Part::End(trailers))
            }
        }
    }

    /// Gives up the upstream's answer, read or not: it will not be sent. Then [`reply`](Self::reply) may be.
    ///
    /// A connection whose answer had no body is kept; any other is closed.
    pub fn drop_upstream(&mut self) {
        if let Some(upstream) = self.upstream.take()
            && self.reader.is_done()
        {
            self.give_back(upstream);
        }
    }

    /// Keeps the connection if its answer was read to the end and nothing else came.
    fn give_back(&mut self, upstream: Upstream) {
        let reusable = self.stays && self.reader.is_done() && self.up.is_empty();
        if let Some(pool) = &self.pool
            && reusable
            && self.upload == Upload::Done
        {
            pool.keep(upstream);
        }
    }

    /// Decides the framing of a response whose body has `length` bytes, or an unknown number.
    pub(crate) fn told(&mut self, length: Option<u64>) -> Told {
        let status = self.response.status;
        if self.request.method == Method::Head || status.is_bodiless() {
            let head = match length {
                Some(length) if status.code() >= 200 && status != Status::NO_CONTENT => Framing::Length(length),
                _ => Framing::None,
            };
            return Told { head, body: Framing::None };
        }
        let framing = match length {
            Some(length) => Framing::Length(length),
            None if self.request.version == Version::Http10 => {
                self.request.persistent = false;
                Framing::UntilClose
            }
            None => Framing::Chunked,
        };
        Told { head: framing, body: framing }
    }

    /// Writes the response's head for HTTP/1.
    ///
    /// What the handler set of `Connection` and `Upgrade` goes out beside our own `Connection`, as Kong's does (426).
    pub(crate) fn encode_head(&mut self, out: &mut Vec<u8>, told: Framing) {
        self.request.persistent &= !self.is_draining.get();
        let connection = if self.request.persistent { "keep-alive" } else { "close" };
        let skip = KnownSet::HOP_BY_HOP.without(Known::Connection).without(Known::Upgrade);
        h1::response_head(out, &self.response, skip, told, connection);
        self.head_bytes_sent = out.len() as u64;
    }

    fn begin_relay(&mut self, cx: &mut Context<'_>) -> Result<(), RelayError> {
        let length = match self.response.framing {
            Framing::Length(length) => Some(length),
            Framing::None => self.response.length,
            Framing::Chunked | Framing::UntilClose => None,
        };
        let told = self.told(length);
        self.answer = Answer::Begun(told.body);
        if told.body == Framing::None {
            self.reader = BodyReader::Length(0);
        }
        match &mut self.link {
            Link::H2(stream) => {
                stream.send_head(&self.response, told.head, told.body.is_empty())?;
                if told.body.is_empty() {
                    self.answer = Answer::Done;
                    return Ok(());
                }
                self.emit(cx, &[])
            }
            _ => buffers::with_out(|out| {
                self.encode_head(out, told.head);
                self.emit(cx, out)
            }),
        }
    }

    fn poll_relay(&mut self, cx: &mut Context<'_>, upstream: &mut Upstream) -> Poll<Result<(), RelayError>> {
        loop {
            match self.poll_flush_down(cx)? {
                Poll::Ready(()) if self.answer == Answer::Done => return Poll::Ready(Ok(())),
                Poll::Ready(()) => {}
                Poll::Pending => return Poll::Pending,
            }
            match self.poll_read_upstream(cx, upstream)? {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => self.emit(cx, &[])?,
            }
        }
    }

    /// Reads more of the answer, sending the rest of the request meanwhile.
    fn poll_read_upstream(&mut self, cx: &mut Context<'_>, upstream: &mut Upstream) -> Result<Poll<()>, RelayError> {
        if self.upload == Upload::Going {
            let (mut upload, mut broken) = (self.upload, None);
            let result = self.poll_upload(cx, upstream, &mut upload, &mut broken);
            self.upload = upload;
            if let Err(UpstreamFailure::Client(error)) = result {
                return Err(RelayError::Client(error));
            }
        }
        match self.up.poll_fill(cx, &mut upstream.stream) {
            Poll::Ready(Ok(0)) if matches!(self.reader, BodyReader::UntilClose) => {
                self.reader = BodyReader::Length(0);
                Ok(Poll::Ready(()))
            }
            Poll::Ready(Ok(0)) => Err(RelayError::Closed),
            Poll::Ready(Ok(_)) => {
                self.moved();
                Ok(Poll::Ready(()))
            }
            Poll::Ready(Err(error)) => Err(RelayError::Broken(error)),
            Poll::Pending => match self.wait(cx, self.timeouts.read) {
                true => Err(RelayError::Timeout),
                false => Ok(Poll::Pending),
            },
        }
    }

    /// Sends what was received of the body, framed for the client, with `head` in front. What the client does not take
    /// waits in the outbox.
    fn emit(&mut self, cx: &mut Context<'_>, head: &[u8]) -> Result<(), RelayError> {
        let Answer::Begun(framing) = self.answer else { return Ok(()) };
        let reader = &mut self.reader;
        let Self { up, link, out, .. } = self;
        let mut ended = false;
        let (sent, consumed) = up.edit(|buffer, waiting| {
            let (data, at) = compact(reader, buffer, waiting.clone())?;
            ended = reader.is_done();
            let sent = match link {
                Link::H1(stream) => {
                    let frame = Frame { head, data, chunked: framing == Framing::Chunked, ended };
                    frame.place(buffer, |pieces| {
                        let total = pieces.iter().map(|piece| piece.len()).sum::<usize>();
                        for piece in pieces {
                            out.send(cx, stream, piece)?;
                        }
                        Ok::<_, io::Error>(total)
                    })
                }
                Link::H2(stream) => {
                    let length = data.len();
                    stream.queue(&buffer[data], ended);
                    Ok(length)
                }
                Link::None => Ok(0),
            };
            Ok::<_, BadBody>((sent, at - waiting.start))
        })?;
        up.consume(consumed);
        self.bytes_sent += sent.map_err(|_| ClientError::Gone)? as u64;
        if ended {
            self.answer = Answer::Done;
        }
        Ok(())
    }

    /// Sends what waits for the client.
    pub(crate) fn poll_flush_down(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, ClientError> {
        let waited = self.is_waiting_for_client();
        let before = if waited { self.taken_by_client() } else { 0 };
        let flushed = match &mut self.link {
            Link::H1(stream) => match self.out.poll_flush(cx, stream) {
                // Who closes waits until all is out; others leave it to the end of the turn.
                Poll::Ready(Ok(())) if self.answer == Answer::Done && !self.request.persistent => stream.poll_sent(cx),
                flushed => flushed,
            }
            .map_err(|_| ClientError::Gone),
            Link::H2(stream) => stream.poll_flush(cx),
            Link::None => Poll::Ready(Err(ClientError::Gone)),
        };
        match flushed {
            Poll::Ready(result) => {
                result?;
                if waited {
                    self.moved();
                }
                Ok(Poll::Ready(()))
            }
            Poll::Pending if waited && self.taken_by_client() > before => {
                self.moved();
                self.wait_for_client(cx, self.settings.send_timeout, self.taken_by_client());
                Ok(Poll::Pending)
            }
            Poll::Pending => match self.wait_for_client(cx, self.settings.send_timeout, self.taken_by_client()) {
                true => Err(ClientError::SendTimeout),
                false => Ok(Poll::Pending),
            },
        }
    }

    /// Returns how many bytes of the answer the client's socket has taken.
    fn taken_by_client(&self) -> u64 {
        let waiting = match &self.link {
            Link::H1(stream) => self.out.len() + stream.left(),
            Link::H2(stream) => stream.waiting(),
            Link::None => 0,
        };
        self.bytes_sent.saturating_sub(waiting as u64)
    }

    fn poll_part(
        &mut self,
        cx: &mut Context<'_>,
        upstream: &mut Upstream,
        into: &mut Vec<u8>,
    ) -> Poll<Result<bool, RelayError>> {
        loop {
            while !self.up.is_empty() && !self.reader.is_done() {
                let reader = &mut self.reader;
                let consumed = self.up.look(|bytes| {
                    reader.next(bytes).map(|piece| {
                        into.extend_from_slice(&bytes[piece.data]);
                        piece.consumed
                    })
                })?;
                self.up.consume(consumed);
            }
            if !into.is_empty() || self.reader.is_done() {
                return Poll::Ready(Ok(!into.is_empty()));
            }
            if self.poll_read_upstream(cx, upstream)?.is_pending() {
                return Poll::Pending;
            }
        }
    }
}

/// Brings all data in `buffer[waiting]` together, without moving the first piece. Returns where it lies, and up to where
/// bytes were consumed.
fn compact(
    reader: &mut BodyReader,
    buffer: &mut [u8],
    waiting: Range<usize>,
) -> Result<(Range<usize>, usize), BadBody> {
    let mut at = waiting.start;
    let mut data = at..at;
    while at < waiting.end && !reader.is_done() {
        let piece = reader.next(&buffer[at..waiting.end])?;
        if !piece.data.is_empty() {
            let found = at + piece.data.start..at + piece.data.end;
            if data.is_empty() {
                data = found;
            } else {
                let length = found.len();
                if found.start != data.end {
                    buffer.copy_within(found, data.end);
                }
                data.end += length;
            }
        }
        at += piece.consumed;
    }
    Ok((data, at))
}

/// Data with what goes around it.
struct Frame<'a> {
    head: &'a [u8],
    data: Range<usize>,
    chunked: bool,
    ended: bool,
}

impl Frame<'_> {
    /// Lays head, chunk size, data and end in a row in `buffer` if there is room around the data, and gives them to
    /// `send`; in pieces otherwise.
    fn place<R>(self, buffer: &mut [u8], send: impl FnOnce(&[&[u8]]) -> R) -> R {
        let mut size = [0; 18];
        let (size, end) = match (self.chunked, self.data.is_empty(), self.ended) {
            (false, ..) => (&[][..], &[][..]),
            (true, true, false) => (&[][..], &[][..]),
            (true, true, true) => (&[][..], &b"0\r\n\r\n"[..]),
            (true, false, ended) => {
                let length = h1::chunk_header(self.data.len(), &mut size);
                (&size[..length], if ended { &b"\r\n0\r\n\r\n"[..] } else { &b"\r\n"[..] })
            }
        };
        let before = self.head.len() + size.len();
        let until = self.data.end + end.len();
        match self.data.start.checked_sub(before) {
            Some(start) if until <= buffer.len() => {
                let data = start + before;
                buffer[start..start + self.head.len()].copy_from_slice(self.head);
                buffer[start + self.head.len()..data].copy_from_slice(size);
                buffer[self.data.end..until].copy_from_slice(end);
                send(&[&buffer[start..until]])
            }
            _ => send(&[self.head, size, &buffer[self.data], end]),
        }
    }
}

/// Headers that an HTTP/2 response may not have (RFC 9113 §8.2.2).
pub(crate) const NOT_IN_H2: KnownSet = KnownSet::HOP_BY_HOP.with(Known::Te);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compacts_and_frames_in_place() {
        let wire = b"3\r\nabc\r\n4;x\r\ndefg\r\n0\r\n\r\n";
        let mut buffer = vec![b'.'; 64];
        buffer[32..32 + wire.len()].copy_from_slice(wire);
        let mut reader = BodyReader::new(Framing::Chunked);
        let (data, at) = compact(&mut reader, &mut buffer, 32..32 + wire.len()).expect("well-formed");
        assert_eq!((&buffer[data.clone()], at, reader.is_done()), (&b"abcdefg"[..], 32 + wire.len(), true));
        let frame = Frame { head: b"HEAD", data: data.clone(), chunked: true, ended: true };
        let whole = frame.place(&mut buffer, |pieces| pieces.concat());
        assert_eq!(whole, b"HEAD7\r\nabcdefg\r\n0\r\n\r\n");
        let frame = Frame { head: &[b'h'; 60], data, chunked: false, ended: true };
        let pieces = frame.place(&mut buffer, |pieces| pieces.len());
        assert_eq!(pieces, 4);
    }
}
