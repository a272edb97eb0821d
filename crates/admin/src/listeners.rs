//! Accepts connections on the sockets it is given, plain or TLS, HTTP/1 or HTTP/2, and ends them in order.
//! It opens no sockets: whoever starts the node keeps them over reloads and upgrades.

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tracing::debug;
use tracing::warn;

use crate::Apis;
use crate::audit::Client;
use crate::connection::Served;
use crate::connection::serve_connection;
use crate::connection::stop;

/// Connections that both APIs hold together; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 4096;
/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to wait before accepting again after the system refused.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often it is logged that descriptors have run out.
const TELL_PAUSE: Duration = Duration::from_secs(10);

/// Whether a listener speaks HTTP/2 beside HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http2 {
    /// By ALPN over TLS, with prior knowledge without.
    On,
    /// HTTP/1 only.
    Off,
}

/// A socket to serve on.
pub struct Listening {
    /// The bound socket.
    pub socket: TcpListener,
    /// Certificate and key, for TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whether HTTP/2 is spoken.
    pub http2: Http2,
}

/// Serving APIs. Dropping it lets them run; [`Handle::shutdown`] ends them.
pub struct Handle {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Handle {
    /// Accepts nothing more, lets calls that are being answered finish for up to `grace`, and ends.
    pub async fn shutdown(mut self, grace: Duration) {
        self.stop.send_replace(true);
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, finished).await.is_err() {
            warn!("calls of the Admin API were cut by the shutdown");
        }
    }
}

/// Serves the APIs on the current runtime.
///
/// # Errors
/// When a socket cannot be handed to the runtime.
pub fn serve(apis: &Apis, admin: Vec<Listening>, status: Vec<Listening>) -> io::Result<Handle> {
    let (stop, stopped) = watch::channel(false);
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut tasks = JoinSet::new();
    let admin = admin.into_iter().map(|listening| (listening, apis.admin.clone()));
    let status = status.into_iter().map(|listening| (listening, apis.status.clone()));
    for (listening, router) in admin.chain(status) {
        listening.socket.set_nonblocking(true)?;
        let socket = tokio::net::TcpListener::from_std(listening.socket)?;
        let tls = listening.tls.map(|config| with_alpn(config, listening.http2)).map(TlsAcceptor::from);
        let served = Served { router, http2: listening.http2, limits: apis.limits.clone(), client: None };
        tasks.spawn(accept(socket, tls, served, Arc::clone(&permits), stopped.clone()));
    }
    Ok(Handle { stop, tasks })
}

/// Returns the configuration with the protocols that the listener speaks.
fn with_alpn(config: Arc<ServerConfig>, http2: Http2) -> Arc<ServerConfig> {
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = match http2 {
        Http2::On => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Http2::Off => vec![b"http/1.1".to_vec()],
    };
    Arc::new(config)
}

async fn accept(
    socket: tokio::net::TcpListener,
    tls: Option<TlsAcceptor>,
    served: Served,
    permits: Arc<Semaphore>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut spare = Spare::default();
    loop {
        spare.take();
        let permit = tokio::select! {
            () = stop(&mut stopped) => break,
            permit = Arc::clone(&permits).acquire_owned() => permit.expect("invariant: the semaphore is never closed"),
        };
        let accepted = tokio::select! {
            () = stop(&mut stopped) => break,
            accepted = socket.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => match spare.spend(&socket).await {
                Some(stream) => stream,
                None => {
                    debug!(%error, "the Admin API could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let (tls, served, stopped) = (tls.clone(), served.clone(), stopped.clone());
        connections.spawn(async move {
            connect(stream, tls, served, stopped).await;
            drop(permit);
        });
        while connections.try_join_next().is_some() {}
    }
    // Whoever connects now is refused rather than left waiting.
    drop(socket);
    while connections.join_next().await.is_some() {}
}

/// A descriptor kept for the moment when there is no other, so that a node out of descriptors can still be asked why.
#[derive(Default)]
struct Spare {
    kept: Option<File>,
    told: Option<Instant>,
}

impl Spare {
    /// Takes one again, if there is one.
    fn take(&mut self) {
        if self.kept.is_none() {
            self.kept = File::open("/dev/null").ok();
        }
    }

    /// Gives it to a connection that waits.
    async fn spend(&mut self, socket: &tokio::net::TcpListener) -> Option<TcpStream> {
        self.kept.take()?;
        if self.told.is_none_or(|told| told.elapsed() > TELL_PAUSE) {
            self.told = Some(Instant::now());
            warn!("descriptors have run out; the Admin API goes on with one kept for it");
        }
        // At once, or a worker takes the descriptor.
        match poll_fn(|cx| Poll::Ready(socket.poll_accept(cx))).await {
            Poll::Ready(Ok((stream, _))) => Some(stream),
            Poll::Ready(Err(_)) | Poll::Pending => None,
        }
    }
}

async fn connect(stream: TcpStream, tls: Option<TlsAcceptor>, mut served: Served, stopped: watch::Receiver<bool>) {
    served.client = stream.peer_addr().ok().map(Client);
    // Answers are small and written at once; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return serve_connection(stream, served, stopped).await };
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => serve_connection(stream, served, stopped).await,
        Ok(Err(error)) => debug!(%error, "a TLS handshake with the Admin API failed"),
        Err(_) => debug!("a TLS handshake with the Admin API took too long"),
    }
}
