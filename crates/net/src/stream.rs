//! A connection's byte stream: TCP, unix, or TLS over TCP, behind one type without a vtable. TLS lies in a box, so that
//! a plain connection stays small. It frames nothing.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::net::UnixStream;

/// A byte stream to a client or an upstream.
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
    /// TLS, we being the server.
    TlsServer(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    /// TLS, we being the client.
    TlsClient(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

macro_rules! each {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($inner) => $call,
            Stream::Unix($inner) => $call,
            Stream::TlsServer($inner) => $call,
            Stream::TlsClient($inner) => $call,
        }
    };
}

impl Stream {
    /// Reads into `buf`; 0 means the peer is done sending.
    #[inline]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(buf);
        match each!(self, inner => Pin::new(inner).poll_read(cx, &mut into)) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(into.filled().len())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Writes some of `buf`.
    #[inline]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, inner => Pin::new(inner).poll_write(cx, buf))
    }

    /// Pushes what a TLS layer may hold back; nothing for the others.
    #[inline]
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Poll::Ready(Ok(())),
            Self::TlsServer(inner) => Pin::new(inner).poll_flush(cx),
            Self::TlsClient(inner) => Pin::new(inner).poll_flush(cx),
        }
    }

    /// Says that nothing more will be written.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => Pin::new(inner).poll_shutdown(cx))
    }

    /// Tells, without a system call while nothing has happened, whether an idle connection is still good: an upstream
    /// has nothing to say between answers, so anything readable, the end too, means it is not.
    pub fn is_quiet(&self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.poll_read_ready(cx).is_pending(),
            Self::Unix(unix) => unix.poll_read_ready(cx).is_pending(),
            Self::TlsServer(tls) => tls.get_ref().0.poll_read_ready(cx).is_pending(),
            Self::TlsClient(tls) => tls.get_ref().0.poll_read_ready(cx).is_pending(),
        }
    }

    /// Looks whether the peer has closed while we have nothing to read from it; `true` once it has. Bytes that are there
    /// (a pipelined request) stay and count as being alive.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> bool {
        let mut byte = [0u8; 1];
        let mut into = ReadBuf::new(&mut byte);
        let peeked = match self {
            Self::Tcp(tcp) => tcp.poll_peek(cx, &mut into),
            Self::TlsServer(tls) => tls.get_mut().0.poll_peek(cx, &mut into),
            Self::Unix(_) | Self::TlsClient(_) => return false,
        };
        matches!(peeked, Poll::Ready(Ok(0) | Err(_)))
    }
}
