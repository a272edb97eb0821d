//! A connection that switched protocols: bytes both ways, unseen, until either side is done or silent for too long.

use std::future::poll_fn;
use std::io;
use std::task::Context;
use std::task::Poll;

use gibbon_http::Framing;
use gibbon_http::Known;
use gibbon_http::KnownSet;
use gibbon_http::h1;

use crate::ClientError;
use crate::Exchange;
use crate::RelayError;
use crate::buffers;
use crate::buffers::Inbox;
use crate::buffers::Outbox;
use crate::exchange::Answer;
use crate::exchange::Link;
use crate::stream::Stream;
use crate::upstream::Upstream;

/// One way of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Bytes may come.
    Open,
    /// The sender is done; the receiver is still to be told.
    Ending,
    /// Over.
    Done,
}

impl Exchange {
    /// Sends the 101 and then relays both ways. Neither connection is used again.
    pub(crate) async fn tunnel(&mut self, mut upstream: Upstream) -> Result<(), RelayError> {
        self.request.persistent = false;
        self.answer = Answer::Begun(Framing::UntilClose);
        buffers::with_out(|out| {
            let skip = KnownSet::HOP_BY_HOP.without(Known::Upgrade);
            h1::response_head(out, &self.response, skip, Framing::None, "upgrade");
            self.out.push(out);
        });
        let mut ways = (Way::Open, Way::Open);
        let result = poll_fn(|cx| self.poll_tunnel(cx, &mut upstream, &mut ways)).await;
        self.moved();
        self.answer = Answer::Done;
        result
    }

    fn poll_tunnel(
        &mut self,
        cx: &mut Context<'_>,
        upstream: &mut Upstream,
        ways: &mut (Way, Way),
    ) -> Poll<Result<(), RelayError>> {
        let Self { link, down, out, up, .. } = self;
        let Link::H1(client) = link else { return Poll::Ready(Err(ClientError::Gone.into())) };
        let before = (self.bytes_received, self.bytes_sent);
        let to_upstream = poll_way(cx, &mut ways.0, (down, client), (&mut upstream.outbox, &mut upstream.stream));
        let to_client = poll_way(cx, &mut ways.1, (up, &mut upstream.stream), (out, client));
        let received = to_upstream.map_err(RelayError::Broken)?;
        let sent = to_client.map_err(|error| RelayError::Client(ClientError::Broken(error)))?;
        self.bytes_received += received;
        self.bytes_sent += sent;
        // As nginx: the tunnel is over when either side is.
        if ways.0 == Way::Done || ways.1 == Way::Done {
            return Poll::Ready(Ok(()));
        }
        if before != (self.bytes_received, self.bytes_sent) {
            self.moved();
        }
        match self.wait(cx, self.timeouts.read) {
            true => Poll::Ready(Err(RelayError::Timeout)),
            false => Poll::Pending,
        }
    }
}

/// Moves bytes one way until it would block. Returns how many.
fn poll_way(
    cx: &mut Context<'_>,
    way: &mut Way,
    (inbox, from): (&Inbox, &mut Stream),
    (outbox, to): (&mut Outbox, &mut Stream),
) -> io::Result<u64> {
    let mut moved = 0;
    while *way != Way::Done {
        if !inbox.is_empty() && outbox.is_empty() {
            let length = inbox.len();
            inbox.edit(|buffer, range| outbox.send(cx, to, &buffer[range]))?;
            inbox.consume(length);
            moved += length as u64;
        }
        match outbox.poll_flush(cx, to) {
            Poll::Ready(result) => result?,
            Poll::Pending => break,
        }
        if !inbox.is_empty() {
            continue;
        }
        if *way == Way::Ending {
            *way = Way::Done;
            break;
        }
        match inbox.poll_fill(cx, from) {
            Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => *way = Way::Ending,
            Poll::Ready(Ok(_)) => {}
            Poll::Pending => break,
        }
    }
    Ok(moved)
}
