//! Responses that the handler makes itself, whole or part by part.

use std::future::poll_fn;
use std::task::Context;
use std::task::Poll;

use gibbon_http::Framing;
use gibbon_http::Part;
use gibbon_http::h1;

use crate::ClientError;
use crate::Exchange;
use crate::buffers;
use crate::exchange::Answer;
use crate::exchange::Link;

/// Bodies up to this size are copied behind their head rather than sent on their own.
const JOINED: usize = 16 * 1024;

impl Exchange {
    /// Sends `response` with this body, whole. To HEAD the length is told and no body sent; a status below 200 cannot be
    /// sent and closes the connection.
    ///
    /// # Errors
    /// The client is gone or too slow.
    pub async fn reply(&mut self, body: &[u8]) -> Result<(), ClientError> {
        self.drop_upstream();
        if self.response.status.code() < 200 {
            self.request.persistent = false;
            return Ok(());
        }
        let told = self.told(Some(body.len() as u64));
        let body = if told.body == Framing::None { &[] } else { body };
        let mut begun = false;
        let result = poll_fn(|cx| {
            if !begun {
                begun = true;
                self.send_reply(cx, told.head, body)?;
                self.answer = Answer::Done;
            }
            self.poll_flushed(cx)
        })
        .await;
        self.moved();
        result
    }

    fn send_reply(&mut self, cx: &mut Context<'_>, told: Framing, body: &[u8]) -> Result<(), ClientError> {
        if let Link::H2(stream) = &mut self.link {
            stream.send_head(&self.response, told, body.is_empty())?;
            if !body.is_empty() {
                stream.queue(body, true);
            }
            self.bytes_sent += body.len() as u64;
            return Ok(());
        }
        buffers::with_out(|out| {
            self.encode_head(out, told);
            let joined = body.len() <= JOINED;
            if joined {
                out.extend_from_slice(body);
            }
            let Link::H1(stream) = &mut self.link else { return Err(ClientError::Gone) };
            self.bytes_sent += out.len() as u64;
            self.out.send(cx, stream, out).map_err(|_| ClientError::Gone)?;
            if !joined {
                self.bytes_sent += body.len() as u64;
                self.out.send(cx, stream, body).map_err(|_| ClientError::Gone)?;
            }
            Ok(())
        })
    }

    /// Begins to send `response`, a body of `length` bytes to follow, or one of unknown length. The head goes out with
    /// the first [`write`](Self::write).
    pub fn start(&mut self, length: Option<u64>) {
        let told = self.told(length);
        self.answer = Answer::Begun(told.body);
        if let Link::H2(stream) = &mut self.link {
            // An error shows with the first write.
            let _ = stream.send_head(&self.response, told.head, told.body.is_empty());
            if told.body.is_empty() {
                self.answer = Answer::Done;
            }
            return;
        }
        buffers::with_out(|out| {
            self.encode_head(out, told.head);
            self.bytes_sent += out.len() as u64;
            self.out.push(out);
        });
    }

    /// Sends the next part of a body begun with [`start`](Self::start); after the end the response is complete. To HEAD
    /// and for bodiless statuses data is dropped. More data than the length that was told is cut off; less closes the
    /// connection.
    ///
    /// # Errors
    /// The client is gone or too slow.
    pub async fn write(&mut self, part: Part) -> Result<(), ClientError> {
        if let Answer::Begun(framing) = self.answer {
            self.push_part(framing, &part);
        }
        let result = poll_fn(|cx| self.poll_flushed(cx)).await;
        self.moved();
        result
    }

    fn push_part(&mut self, framing: Framing, part: &Part) {
        let (data, ended) = match part {
            Part::Data(data) => (data.as_slice(), false),
            Part::End(_) => (&[][..], true),
        };
        let data = match framing {
            Framing::None => &[],
            Framing::Length(left) => {
                let data = &data[..data.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
                self.answer = Answer::Begun(Framing::Length(left - data.len() as u64));
                data
            }
            Framing::Chunked | Framing::UntilClose => data,
        };
        self.bytes_sent += data.len() as u64;
        if let Link::H2(stream) = &mut self.link {
            stream.queue(data, ended);
        } else if framing == Framing::Chunked {
            if !data.is_empty() {
                let mut header = [0; 18];
                let length = h1::chunk_header(data.len(), &mut header);
                self.out.push(&header[..length]);
                self.out.push(data);
                self.out.push(b"\r\n");
            }
            if ended {
                self.out.push(b"0\r\n\r\n");
            }
        } else {
            self.out.push(data);
        }
        if ended {
            if matches!(self.answer, Answer::Begun(Framing::Length(left)) if left > 0) {
                self.request.persistent = false;
            }
            self.answer = Answer::Done;
        }
    }

    fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        match self.poll_flush_down(cx)? {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }
}
