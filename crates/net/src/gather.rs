//! A client's byte stream as HTTP/2 uses it: what was read of it already comes first, and what is written is gathered, so
//! that all answers of one turn of the worker go out with one system call, over TLS in as few records as can be.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::buffers::Outbox;
use crate::stream::Stream;

/// Bytes that are gathered at most; two TLS records.
const MOST: usize = 32 * 1024;

/// A client's stream, shared between crate `h2`, which reads and writes, and the connection's task, which sends what was
/// gathered.
#[derive(Clone)]
pub(crate) struct Gathered(Rc<RefCell<Inner>>);

struct Inner {
    /// What was read before.
    prefix: Vec<u8>,
    stream: Stream,
    outbox: Outbox,
    gathers: bool,
}

impl Gathered {
    /// Returns `stream` with `prefix` before it. It does not gather yet: a flush sends.
    pub(crate) fn new(prefix: Vec<u8>, stream: Stream) -> Self {
        let inner = Inner { prefix, stream, outbox: Outbox::default(), gathers: false };
        Self(Rc::new(RefCell::new(inner)))
    }

    /// Gathers from now on, whatever is flushed, until [`poll_send`](Self::poll_send).
    pub(crate) fn gather(&self) {
        self.0.borrow_mut().gathers = true;
    }

    /// Sends what was gathered.
    ///
    /// # Errors
    /// The client is gone.
    pub(crate) fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Inner { outbox, stream, .. } = &mut *self.0.borrow_mut();
        outbox.poll_flush(cx, stream)
    }
}

impl AsyncRead for Gathered {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Inner { prefix, stream, .. } = &mut *self.0.borrow_mut();
        if prefix.is_empty() {
            return Pin::new(stream).poll_read(cx, buf);
        }
        let count = prefix.len().min(buf.remaining());
        buf.put_slice(&prefix[..count]);
        prefix.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Gathered {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Inner { outbox, stream, .. } = &mut *self.0.borrow_mut();
        if outbox.len() >= MOST {
            ready!(outbox.poll_flush(cx, stream))?;
        }
        let count = buf.len().min(MOST - outbox.len());
        outbox.push(&buf[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.0.borrow().gathers {
            return Poll::Ready(Ok(()));
        }
        self.poll_send(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        self.0.borrow_mut().stream.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::net::TcpStream;

    use super::*;
    use crate::tcp::Tcp;

    #[tokio::test(flavor = "current_thread")]
    async fn gathers_what_is_written_until_it_is_sent_or_too_much() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut client = TcpStream::connect(listener.local_addr()?).await?;
        let mut gathered = Gathered::new(b"ab".to_vec(), Stream::Tcp(Tcp::new(listener.accept().await?.0)));

        client.write_all(b"c").await?;
        let mut read = [0; 3];
        gathered.read_exact(&mut read).await?;
        assert_eq!(&read, b"abc", "what was read before comes first");

        gathered.write_all(b"1").await?;
        gathered.flush().await?;
        assert_eq!(client.read_u8().await?, b'1', "a flush sends at first");

        gathered.gather();
        gathered.write_all(b"2").await?;
        gathered.flush().await?;
        gathered.write_all(b"3").await?;
        tokio::task::yield_now().await;
        let nothing = client.try_read(&mut read).map_err(|error| error.kind());
        assert_eq!(nothing, Err(io::ErrorKind::WouldBlock), "a flush does not send any more");
        poll_fn(|cx| gathered.poll_send(cx)).await?;
        assert_eq!(client.read_u16().await?, u16::from_be_bytes(*b"23"));

        gathered.write_all(&vec![b'x'; MOST + 1]).await?;
        let mut much = vec![0; MOST];
        client.read_exact(&mut much).await?;
        gathered.shutdown().await?;
        assert_eq!(client.read_to_end(&mut much).await?, 1, "the rest comes before the end");
        Ok(())
    }
}
