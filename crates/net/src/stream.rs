//! A connection's byte stream: TCP, or TLS over TCP, behind one type without a vtable. TLS lies in a box, so that
//! a plain connection stays small. It frames nothing.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use socket2::SockRef;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::tcp::Tcp;

/// A byte stream to a client or an upstream.
pub(crate) enum Stream {
    /// Plain TCP.
    Tcp(Tcp),
    /// TLS, we being the server.
    TlsServer(Box<tokio_rustls::server::TlsStream<Tcp>>),
    /// TLS, we being the client.
    TlsClient(Box<tokio_rustls::client::TlsStream<Tcp>>),
}

macro_rules! each {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($inner) => $call,
            Stream::TlsServer($inner) => $call,
            Stream::TlsClient($inner) => $call,
        }
    };
}

impl Stream {
    /// Reads into `buf`; 0 means the peer is done sending.
    #[inline]
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(buf);
        match each!(self, inner => Pin::new(inner).poll_read(cx, &mut into)) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(into.filled().len())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Writes some of `buf`.
    #[inline]
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, inner => Pin::new(inner).poll_write(cx, buf))
    }

    /// Pushes what a TLS layer may hold back, and what the socket did not take.
    #[inline]
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => Pin::new(inner).poll_flush(cx))
    }

    /// Waits until the socket has taken all that was written: a flush may leave it to the end of the worker's turn.
    pub(crate) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        match self {
            Self::Tcp(tcp) => tcp.poll_sent(cx),
            Self::TlsServer(tls) => tls.get_mut().0.poll_sent(cx),
            Self::TlsClient(tls) => tls.get_mut().0.poll_sent(cx),
        }
    }

    /// Tells whether the socket has taken all that was written, as far as is known.
    pub(crate) fn is_clear(&self) -> bool {
        self.tcp().is_clear()
    }

    /// Returns how many bytes that were written the socket did not take.
    pub(crate) fn left(&self) -> usize {
        self.tcp().left()
    }

    fn tcp(&self) -> &Tcp {
        match self {
            Self::Tcp(tcp) => tcp,
            Self::TlsServer(tls) => tls.get_ref().0,
            Self::TlsClient(tls) => tls.get_ref().0,
        }
    }

    /// Says that nothing more will be written.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => Pin::new(inner).poll_shutdown(cx))
    }

    /// Tells, without a system call while nothing has happened, whether an idle connection is still good: an upstream
    /// has nothing to say between answers, so anything readable, the end too, means it is not.
    pub(crate) fn is_quiet(&self, cx: &mut Context<'_>) -> bool {
        self.tcp().socket().poll_read_ready(cx).is_pending()
    }

    /// The same by asking the system, which also knows what this thread has not been told yet.
    pub(crate) fn is_quiet_now(&self) -> bool {
        let peeked = SockRef::from(self.tcp().socket()).peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Looks whether the peer has closed while we have nothing to read from it; `true` once it has. Bytes that are there
    /// (a pipelined request) stay and count as being alive.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> bool {
        let mut byte = [0u8; 1];
        let mut into = ReadBuf::new(&mut byte);
        let peeked = match self {
            Self::TlsClient(_) => return false,
            _ => self.tcp().socket().poll_peek(cx, &mut into),
        };
        matches!(peeked, Poll::Ready(Ok(0) | Err(_)))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_shutdown(cx))
    }
}
