//! Listening sockets and what becomes of a connection that comes in: options set, TLS agreed on, protocol chosen. It
//! does not decide how many workers there are, nor when sockets close.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gibbon_conf::KeepAlive;
use gibbon_conf::Listener;
use socket2::Domain;
use socket2::Protocol;
use socket2::SockRef;
use socket2::Type;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::Peer;
use crate::TlsPeer;
use crate::clock;
use crate::clock::Deadline;
use crate::connection::Connection;
use crate::connection::Sniff;
use crate::gather::Gathered;
use crate::places::Place;
use crate::stream::Stream;
use crate::tcp::Tcp;
use crate::upstream::within;
use crate::worker::Shared;

/// The accept queue where the listener names none; nginx's default on Linux.
const BACKLOG: u32 = 511;

/// How long to wait before accepting again after the system refused; nobody waits for less than a descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// How often it is logged that the system refuses.
const TELL_EVERY_MS: u64 = 1000;

/// A listening socket, for one worker.
pub struct Socket {
    /// The socket, bound and listening.
    pub socket: std::net::TcpListener,
    /// Which listener it belongs to: what [`Peer::listener`] says.
    pub listener: usize,
    /// Whether HTTP/2 is spoken: by ALPN with TLS, else with prior knowledge.
    pub http2: bool,
    /// How TLS is spoken; `None` is plain.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// Opens the sockets of a listener, one for each of `workers`: of their own with `reuseport`, else all the same one.
///
/// Of `inherited`, sockets that another process has opened, those on the listener's address are taken first. They may be
/// more than the workers; somebody must accept on each, or who waits in its queue is never served.
///
/// # Errors
/// The host is not an address or cannot be bound.
pub fn bind(
    listener: &Listener,
    workers: usize,
    inherited: &mut Vec<std::net::TcpListener>,
) -> io::Result<Vec<std::net::TcpListener>> {
    let address = listener.address().ok_or_else(|| io::Error::other(format!("`{}` is no address", listener.host)))?;
    let mut sockets: Vec<_> =
        inherited.extract_if(.., |socket| socket.local_addr().is_ok_and(|bound| bound == address)).collect();
    if sockets.is_empty() {
        sockets.push(open(listener, address)?);
    }
    // With port 0 the others must follow the first.
    let bound = sockets[0].local_addr()?;
    while sockets.len() < workers {
        // One that was opened without the option admits no other beside it.
        sockets.push(match listener.reuseport && SockRef::from(&sockets[0]).reuse_port()? {
            true => open(listener, bound)?,
            false => sockets[0].try_clone()?,
        });
    }
    Ok(sockets)
}

fn open(listener: &Listener, address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if listener.reuseport {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(listener.ipv6_only.unwrap_or(true))?;
    }
    // Accepted sockets inherit these.
    socket.set_tcp_nodelay(true)?;
    match &listener.so_keepalive {
        None => {}
        Some(KeepAlive::Off) => socket.set_keepalive(false)?,
        Some(KeepAlive::On { idle, interval, count }) => {
            let mut probes = socket2::TcpKeepalive::new();
            if let Some(idle) = idle {
                probes = probes.with_time(Duration::from_secs(u64::from(*idle)));
            }
            if let Some(interval) = interval {
                probes = probes.with_interval(Duration::from_secs(u64::from(*interval)));
            }
            if let Some(count) = count {
                probes = probes.with_retries(*count);
            }
            socket.set_keepalive(true)?;
            socket.set_tcp_keepalive(&probes)?;
        }
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let backlog = listener.backlog.unwrap_or(BACKLOG);
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// A socket that a worker has taken over.
pub(crate) struct Listening {
    socket: TcpListener,
    listener: usize,
    http2: bool,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Socket {
    /// Takes the socket into the worker's runtime.
    pub(crate) fn listen(self) -> io::Result<Listening> {
        self.socket.set_nonblocking(true)?;
        let Self { socket, listener, http2, tls } = self;
        Ok(Listening { socket: TcpListener::from_std(socket)?, listener, http2, tls })
    }
}

/// Accepts connections until the worker drains; then takes those that wait in the queue, and ends.
pub(crate) async fn accept(listening: Listening, shared: Rc<Shared>) {
    let place = crate::worker::Watch::new(&shared);
    let mut told: Option<u64> = None;
    loop {
        let accepted = std::future::poll_fn(|cx| match listening.socket.poll_accept(cx) {
            std::task::Poll::Pending if place.is_draining(cx) => std::task::Poll::Ready(None),
            other => other.map(Some),
        });
        match accepted.await {
            None => return,
            Some(Ok((tcp, remote))) => take(&listening, tcp, remote, &shared),
            // Out of descriptors, or a connection that was reset in the queue: others may still be served.
            Some(Err(error)) => {
                let now = clock::recent();
                if told.is_none_or(|told| now - told >= TELL_EVERY_MS) {
                    told = Some(now);
                    tracing::warn!(%error, "accept failed");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn take(listening: &Listening, tcp: TcpStream, remote: SocketAddr, shared: &Rc<Shared>) {
    // A connection too many is closed at once: whoever is in front of us tries elsewhere.
    let Some(place) = Place::take(shared) else { return };
    // The option is inherited on Linux; elsewhere a failure costs only time.
    let _ = SockRef::from(&tcp).set_tcp_nodelay(true);
    let Ok(local) = tcp.local_addr() else { return };
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let peer = Peer { remote, local, listener: listening.listener, serial, tls: None };
    let shared = Rc::clone(shared);
    let Some(config) = &listening.tls else {
        let sniff = if listening.http2 { Sniff::Http2 } else { Sniff::Http1Only };
        tokio::task::spawn_local(Connection::new(Stream::Tcp(Tcp::new(tcp)), Rc::new(peer), shared, place, sniff));
        return;
    };
    tokio::task::spawn_local(shake_hands(tcp, Arc::clone(config), peer, shared, place));
}

/// Agrees on TLS and goes on with the protocol that ALPN chose.
async fn shake_hands(
    tcp: TcpStream,
    config: Arc<rustls::ServerConfig>,
    mut peer: Peer,
    shared: Rc<Shared>,
    place: Place,
) {
    let deadline = Deadline::default();
    let limit = shared.settings().header_timeout;
    let handshake = Box::pin(tokio_rustls::TlsAcceptor::from(config).accept(Tcp::new(tcp)));
    let stream = match within(&deadline, limit, handshake).await {
        Some(Ok(stream)) => stream,
        Some(Err(error)) => {
            tracing::debug!(%error, client = %peer.remote, "tls handshake failed");
            return;
        }
        None => return,
    };
    let session = stream.get_ref().1;
    let is_h2 = session.alpn_protocol() == Some(b"h2");
    peer.tls = Some(TlsPeer::of(session));
    let (stream, peer) = (Stream::TlsServer(Box::new(stream)), Rc::new(peer));
    // Each in a task of its own, so that this one's future and the handshake are gone.
    if is_h2 {
        tokio::task::spawn_local(crate::h2::serve(Gathered::new(Vec::new(), stream), peer, shared, place));
    } else {
        tokio::task::spawn_local(Connection::new(stream, peer, shared, place, Sniff::Http1Only));
    }
}

impl TlsPeer {
    fn of(session: &rustls::ServerConnection) -> Self {
        Self {
            sni: session.server_name().map(str::to_owned),
            version: match session.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
            cipher: session.negotiated_cipher_suite().map_or_else(String::new, crate::tls::openssl_name),
            certificates: session.peer_certificates().unwrap_or_default().to_vec(),
        }
    }
}
