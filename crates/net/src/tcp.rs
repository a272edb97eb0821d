//! A TCP connection whose small writes go out with those of other connections. To whoever writes it is a byte stream:
//! a write that was taken may still wait for the end of the worker's turn, or for the peer to make room.

use std::io;
use std::os::fd::AsRawFd as _;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use crate::batch;
use crate::batch::Post;

/// A connection.
pub(crate) struct Tcp {
    socket: TcpStream,
    post: Rc<Post>,
}

impl Tcp {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self { socket, post: Post::new() }
    }

    /// Returns the socket, to ask it something.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Tells whether the socket has taken all that was written, as far as is known.
    pub(crate) fn is_clear(&self) -> bool {
        self.post.is_clear()
    }

    /// Returns how many bytes the socket did not take.
    pub(crate) fn left(&self) -> usize {
        self.post.left()
    }

    /// Waits until the socket has taken all that was written.
    pub(crate) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.post.is_waiting() {
            batch::send();
        }
        self.poll_left(cx)
    }

    /// Gives the socket what it did not take when the batch was sent.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { socket, post } = self;
        post.poll_left(|bytes| Pin::new(&mut *socket).poll_write(cx, bytes))
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        if self.post.is_waiting() {
            batch::send();
        }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_left(cx))?;
        if this.post.collect(cx, this.socket.as_raw_fd(), buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        ready!(this.poll_sent(cx))?;
        Pin::new(&mut this.socket).poll_write(cx, buf)
    }

    /// Gives the socket what it did not take. What was collected goes out at the end of the turn, whoever flushes.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_left(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_sent(cx))?;
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Read as _;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;
    use tokio::task::LocalSet;

    use super::*;

    async fn pair() -> io::Result<(Tcp, std::net::TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (ours, theirs) = tokio::join!(TcpStream::connect(listener.local_addr()?), listener.accept());
        Ok((Tcp::new(ours?), theirs?.0.into_std()?))
    }

    /// Writes as much as is taken at once.
    async fn write_now(tcp: &mut Tcp, bytes: &[u8]) -> io::Result<usize> {
        let written = poll_fn(|cx| Poll::Ready(Pin::new(&mut *tcp).poll_write(cx, bytes))).await;
        if let Poll::Ready(count) = written { count } else { Ok(0) }
    }

    /// Reads all that is there.
    fn read_now(mut from: &std::net::TcpStream, into: &mut Vec<u8>) -> io::Result<()> {
        match from.read_to_end(into) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn writes_keep_their_order_whatever_lies_between() -> io::Result<()> {
        let all = async {
            tokio::task::spawn_local(batch::collect());
            tokio::task::yield_now().await;
            let (mut one, at_one) = pair().await?;
            let (mut other, at_other) = pair().await?;
            let (mut expected, mut got) = (Vec::new(), Vec::new());
            let much = vec![b'.'; 1 << 20];
            loop {
                match write_now(&mut one, &much).await? {
                    0 => break,
                    count => expected.extend_from_slice(&much[..count]),
                }
            }
            // All in one turn: the socket is full when the first is sent, and has room when the second could be.
            expected.extend(vec![b'1'; write_now(&mut one, &[b'1'; 3000]).await?]);
            write_now(&mut other, b"x").await?;
            expected.extend(vec![b'2'; write_now(&mut one, &[b'2'; 3000]).await?]);
            read_now(&at_one, &mut got)?;
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            one.write_all(b"3").await?;
            expected.push(b'3');
            one.shutdown().await?;
            other.shutdown().await?;
            read_now(&at_one, &mut got)?;
            assert!(got == expected, "{} bytes of {}", got.len(), expected.len());
            let mut others = Vec::new();
            read_now(&at_other, &mut others)?;
            assert_eq!(others, b"x");
            Ok(())
        };
        LocalSet::new().run_until(all).await
    }
}
