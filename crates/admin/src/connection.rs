//! One connection: HTTP/1 and HTTP/2 by hyper, within limits, until it ends or the node stops. hyper answers requests that
//! do not parse with empty bodies; here they get the pages that nginx gives.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use axum::response::Response;
use gibbon_conf::Limits;
use http::HeaderValue;
use http::Request;
use http::StatusCode;
use http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::sync::watch;
use tracing::debug;

use crate::audit::Client;
use crate::listeners::Http2;
use crate::pages;

/// Longest head of a request that is read.
const MAX_HEAD: usize = 64 * 1024;
/// How long an idle connection may still bring a request when the node ends: to close it at once would lose one that is
/// on its way.
const DRAIN: Duration = Duration::from_secs(1);
/// Streams that one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 128;

/// What a connection is served with.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) router: axum::Router,
    pub(crate) http2: Http2,
    pub(crate) limits: Limits,
    /// Who is served; nobody yet on a listener, nor through a socket of the file system.
    pub(crate) client: Option<Client>,
}

/// Serves a connection to its end.
pub(crate) async fn serve_connection<S>(stream: S, served: Served, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    if served.http2 == Http2::Off {
        builder = builder.http1_only();
    }
    builder
        .http1()
        .timer(TokioTimer::new())
        .title_case_headers(true)
        .half_close(true)
        .max_buf_size(MAX_HEAD)
        .header_read_timeout(served.limits.client_header_timeout.max(served.limits.keepalive_timeout));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX));
    let io = TokioIo::new(Paged { inner: stream, version: Version::Known });
    let (router, leaving) = (TowerToHyperService::new(served.router), stopped.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(client) = served.client {
            request.extensions_mut().insert(client);
        }
        let (version, leaving) = (request.version(), leaving.clone());
        let answer = router.call(request);
        async move { answer.await.map(|answer| say_goodbye(version, answer, *leaving.borrow())) }
    });
    let connection = builder.serve_connection(io, service);
    tokio::pin!(connection);
    let drained = async {
        stop(&mut stopped).await;
        tokio::time::sleep(DRAIN).await;
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = drained => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(error = %error, "a connection to the Admin API broke off");
    }
}

/// Tells an HTTP/1 client that it must connect anew when the node ends; HTTP/2 has frames for that.
fn say_goodbye(version: http::Version, mut answer: Response, leaving: bool) -> Response {
    if leaving && version < http::Version::HTTP_2 {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Waits until the node stops.
pub(crate) async fn stop(stopped: &mut watch::Receiver<bool>) {
    // A sender that is gone means that nobody can stop this any more; then it runs on.
    if stopped.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whether the version in the last request line read is one of HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Known,
    Unknown,
}

/// A stream on which hyper's own error answers are replaced by nginx's pages.
struct Paged<S> {
    inner: S,
    version: Version,
}

impl<S: AsyncRead + Unpin> AsyncRead for Paged<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let Some(version) = version(&buf.filled()[before..]) {
            self.version = version;
        }
        polled
    }
}

/// Returns the version of the request line at the start of what was read, if there is one.
fn version(read: &[u8]) -> Option<Version> {
    let line = &read[..read.windows(2).position(|pair| pair == b"\r\n")?];
    let version = line.rsplit(|byte| *byte == b' ').next()?.strip_prefix(b"HTTP/")?;
    let known = version.first() == Some(&b'1') || line.starts_with(b"PRI ");
    Some(if known { Version::Known } else { Version::Unknown })
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paged<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Some(page) = replacement(buf, self.version) else {
            return Pin::new(&mut self.inner).poll_write(cx, buf);
        };
        // The page goes out in one piece or, on a full socket, not at all: the connection ends either way.
        match Pin::new(&mut self.inner).poll_write(cx, &page) {
            Poll::Ready(Ok(_)) => Poll::Ready(Ok(buf.len())),
            other => other,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Returns what to send in place of an answer that hyper made by itself: one with nothing but the headers HTTP needs.
fn replacement(written: &[u8], version: Version) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(written).ok()?;
    let head = text.strip_prefix("HTTP/1.1 4")?.strip_suffix("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = StatusCode::from_bytes(format!("4{}", lines.next()?.get(..2)?).as_bytes()).ok()?;
    let mut date = None;
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        match name.to_ascii_lowercase().as_str() {
            "date" => date = Some(value),
            "connection" | "content-length" => {}
            _ => return None,
        }
    }
    let status = match (status.as_u16(), version) {
        (400, Version::Unknown) => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        // nginx has one status for heads that are too large.
        (431, _) => StatusCode::BAD_REQUEST,
        _ => status,
    };
    let page = pages::page(status);
    Some(
        format!(
            "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
            status.as_u16(),
            pages::reason(status),
            date?,
            pages::HTML,
            page.len(),
        )
        .into_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_only_hypers_own_answers() {
        let own = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\nDate: D\r\n\r\n";
        let page = replacement(own, Version::Known).expect("replaced");
        assert!(page.starts_with(b"HTTP/1.1 400 Bad Request\r\nDate: D\r\n"));
        let page = replacement(own, Version::Unknown).expect("replaced");
        assert!(page.starts_with(b"HTTP/1.1 505 HTTP Version Not Supported\r\n"));
        let ours = b"HTTP/1.1 404 Not Found\r\nServer: gibbon\r\nContent-Length: 0\r\nDate: D\r\n\r\n";
        assert_eq!(replacement(ours, Version::Known), None);
    }

    #[test]
    fn knows_versions() {
        assert_eq!(version(b"GET / HTTP/9.9\r\nHost: a\r\n"), Some(Version::Unknown));
        assert_eq!(version(b"GET / HTTP/1.1\r\n"), Some(Version::Known));
        assert_eq!(version(b"PRI * HTTP/2.0\r\n"), Some(Version::Known));
        assert_eq!(version(b"{}"), None);
    }
}
