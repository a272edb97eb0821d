//! The data plane of a node: its workers, started, told of new configuration and properties, and ended. It reads no
//! store and no file but the access log; documents are handed in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use gibbon_conf::Conf;
use gibbon_conf::DnsOrder;
use gibbon_conf::Listener;
use gibbon_net::Load;
use gibbon_net::Settings;
use gibbon_net::Socket;
use gibbon_net::Stage;
use gibbon_net::Stats;
use gibbon_net::WorkerSetup;
use gibbon_net::dns::DnsError;
use gibbon_net::dns::DnsSettings;
use gibbon_net::dns::RecordKind;
use gibbon_net::dns::Resolver;
use gibbon_net::tls;
use gibbon_net::tls::CipherOrder;
use gibbon_net::tls::ServerTls;
use gibbon_net::tls::TlsError;
use gibbon_sdk::Env;
use gibbon_sdk::PluginDef;
use gibbon_sdk::http::h1::Limits;
use tokio::runtime;
use tokio::sync::watch;

use crate::access_log::AccessFile;
use crate::balancer::Balancing;
use crate::certificates::Certificates;
use crate::certificates::PemPair;
use crate::overload;
use crate::snapshot::CompileError;
use crate::snapshot::Compiler;
use crate::snapshot::LivePublisher;
use crate::snapshot::Shared;
use crate::worker;
use crate::worker::Start;

/// What a gateway is made of.
pub struct GatewayParts<'a> {
    /// The node's services; its `conf` says where to listen.
    pub env: Arc<Env>,
    /// The kinds of plugins that are switched on.
    pub plugins: Vec<PluginDef>,
    /// Holds the configuration to start with, compiled.
    pub compiler: Compiler,
    /// What TLS clients are shown that no certificate entity is for.
    pub certificates: Vec<PemPair>,
    /// Where control work runs: compiling configuration, resolving names.
    pub control: runtime::Handle,
    /// Listening sockets of a process that this one replaces; those that fit a listener are taken out and used.
    pub inherited: &'a mut Vec<std::net::TcpListener>,
}

/// Why a gateway could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address as configured.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error("tls: {0}")]
    Tls(#[from] TlsError),
    /// Names cannot be resolved.
    #[error("dns: {0}")]
    Dns(#[from] DnsError),
    /// A file cannot be opened, a thread not be started.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The configuration to start with does not work on this node.
    #[error("{}", .0.iter().map(CompileError::to_string).collect::<Vec<_>>().join("; "))]
    Configuration(Vec<CompileError>),
}

impl StartError {
    fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}

/// A listener with its sockets, one for each worker.
struct Listening {
    listener: Listener,
    sockets: Vec<std::net::TcpListener>,
    tls: Option<Arc<tls::ServerConfig>>,
}

/// The data plane of a node.
pub struct Gateway {
    publisher: Arc<LivePublisher>,
    balancing: Balancing,
    listening: Vec<Listening>,
    stage: watch::Sender<Stage>,
    conf: watch::Sender<Arc<Conf>>,
    threads: Vec<JoinHandle<io::Result<()>>>,
    workers: usize,
    access_file: AccessFile,
    stats: Vec<Arc<Stats>>,
    load: Arc<Load>,
    /// What watches the load; on the control runtime.
    watching: Option<tokio::task::AbortHandle>,
}

impl Gateway {
    /// Opens the listeners, puts the configuration in force and starts the workers; requests are served when it returns.
    ///
    /// # Errors
    /// When an address is taken, a certificate does not work, or the system refuses.
    pub fn start(parts: GatewayParts<'_>) -> Result<Self, StartError> {
        let GatewayParts { env, plugins, compiler, certificates, control, inherited } = parts;
        let conf = Arc::clone(&env.conf);
        let shared = Shared::new(compiler.snapshot()).map_err(StartError::system("retire thread"))?;
        let certificates = Arc::new(Certificates::new(&shared, &certificates)?);
        let listening = listen(&conf, env.workers, &certificates, inherited)?;
        let access_file = AccessFile::open(std::path::Path::new(&conf.prefix), &conf.proxy_access_log)
            .map_err(StartError::system("access log"))?;
        let resolver = Resolver::new(dns(&conf), control.clone())?;
        let balancing = Balancing { resolver, marks: Arc::default() };
        let (stage, _) = watch::channel(Stage::Running);
        let (conf_sender, conf_receiver) = watch::channel(Arc::clone(&conf));
        let start = Start {
            env: Arc::clone(&env),
            plugins: plugins.into(),
            shared: Arc::clone(&shared),
            balancing: balancing.clone(),
            access_file: access_file.clone(),
            conf: conf_receiver,
        };
        let mut gateway = Self {
            publisher: Arc::new(LivePublisher::new(shared, compiler)),
            balancing,
            listening,
            stage,
            conf: conf_sender,
            threads: Vec::new(),
            workers: env.workers,
            access_file,
            stats: Vec::new(),
            load: Arc::default(),
            watching: None,
        };
        for index in 0..env.workers {
            gateway.start_worker(index, &conf, start.clone())?;
        }
        let watch = overload::watch(conf, Arc::clone(&gateway.load), gateway.stats.clone(), Arc::clone(&env.stats));
        gateway.watching = Some(control.spawn(watch).abort_handle());
        Ok(gateway)
    }

    fn start_worker(&mut self, index: usize, conf: &Conf, start: Start) -> Result<(), StartError> {
        let stats = Arc::new(Stats::default());
        let setup = WorkerSetup {
            sockets: self.sockets_of(index).map_err(StartError::system("listening socket"))?,
            settings: settings(conf),
            keep_alive: worker::keep_alive(conf),
            stats: Arc::clone(&stats),
            load: Arc::clone(&self.load),
            stage: self.stage.subscribe(),
        };
        let thread = std::thread::Builder::new().name(format!("worker-{index}"));
        let running =
            thread.spawn(move || worker::run(index, setup, start)).map_err(StartError::system("worker thread"))?;
        self.threads.push(running);
        self.stats.push(stats);
        Ok(())
    }

    /// Returns a worker's sockets. The gateway keeps them open beside the worker: a socket that is closed resets the
    /// connections that wait in its queue. Where there are more sockets than workers, some accept on several.
    fn sockets_of(&self, index: usize) -> io::Result<Vec<Socket>> {
        let mut own = Vec::new();
        for (at, listening) in self.listening.iter().enumerate() {
            for socket in listening.sockets.iter().skip(index).step_by(self.workers) {
                own.push(Socket {
                    socket: socket.try_clone()?,
                    listener: at,
                    http2: listening.listener.http2,
                    tls: listening.tls.clone(),
                });
            }
        }
        Ok(own)
    }

    /// Returns copies of all listening sockets, for a process that replaces this one.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn sockets(&self) -> io::Result<Vec<std::net::TcpListener>> {
        self.listening.iter().flat_map(|listening| &listening.sockets).map(std::net::TcpListener::try_clone).collect()
    }

    /// Returns what the balancer knows of targets, to ask it and to tell it.
    pub fn balancing(&self) -> Balancing {
        self.balancing.clone()
    }

    /// Returns what makes stored writes live on the workers; hand it to the store.
    pub fn publisher(&self) -> Arc<LivePublisher> {
        Arc::clone(&self.publisher)
    }

    /// Returns the addresses that are listened on, in the order of `proxy_listen`; with port 0 the one that was given.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listening.iter().filter_map(|listening| listening.sockets.first()?.local_addr().ok()).collect()
    }

    /// Returns the counts of each worker.
    pub fn stats(&self) -> &[Arc<Stats>] {
        &self.stats
    }

    /// Puts other properties in force without ending any connection: requests that begin from now on meet them.
    ///
    /// Listeners and the number of workers stay as they are until the process is started anew.
    pub fn reload(&self, conf: Arc<Conf>) {
        self.conf.send_replace(conf);
    }

    /// Opens the access log again, whose file was moved away.
    ///
    /// # Errors
    /// When the file cannot be opened; then lines go where they went.
    pub fn reopen_logs(&self) -> io::Result<()> {
        self.access_file.reopen()
    }

    /// Ends the gateway: no connection is accepted any more, idle ones close, requests in progress have `patience` to
    /// end. Returns whether all of them did.
    pub fn stop(self, patience: Duration) -> bool {
        self.stage.send_replace(Stage::Draining);
        // Each worker closes its own once nobody waits in the queue; then whoever connects is refused.
        drop(self.listening);
        let deadline = Instant::now() + patience;
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let drained = self.threads.iter().all(JoinHandle::is_finished);
        self.stage.send_replace(Stage::Stopped);
        if let Some(watching) = self.watching {
            watching.abort();
        }
        for thread in self.threads {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "worker failed"),
                Err(_) => tracing::error!("worker crashed"),
            }
        }
        drained
    }
}

/// Opens the listeners of `proxy_listen`.
fn listen(
    conf: &Conf,
    workers: usize,
    certificates: &Arc<Certificates>,
    inherited: &mut Vec<std::net::TcpListener>,
) -> Result<Vec<Listening>, StartError> {
    let protocols: Vec<String> = conf.ssl_protocols.split_whitespace().map(str::to_owned).collect();
    let open = |listener: &Listener| {
        let sockets = gibbon_net::bind(listener, workers, inherited)
            .map_err(|source| StartError::Listen { address: format!("{}:{}", listener.host, listener.port), source })?;
        let tls = ServerTls {
            protocols: &protocols,
            ciphers: conf.ssl_ciphers.as_deref(),
            order: if conf.ssl_prefer_server_ciphers { CipherOrder::Server } else { CipherOrder::Client },
            resolver: Arc::clone(certificates) as _,
            http2: listener.http2,
        };
        let tls = if listener.ssl { Some(tls::server(&tls)?) } else { None };
        Ok(Listening { listener: listener.clone(), sockets, tls })
    };
    conf.proxy_listen.iter().map(open).collect()
}

/// Returns how client connections are served.
fn settings(conf: &Conf) -> Settings {
    let limits = &conf.proxy_limits;
    let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    Settings {
        limits: Limits {
            first: size(limits.client_header_buffer_size),
            buffer: size(limits.large_header_buffer_size),
            buffers: size(limits.large_header_buffers),
            fields: size(limits.max_headers),
        },
        header_timeout: limits.client_header_timeout,
        body_timeout: limits.client_body_timeout,
        send_timeout: limits.send_timeout,
        keepalive_timeout: limits.keepalive_timeout,
        keepalive_requests: count(limits.keepalive_requests),
        max_body: limits.client_max_body_size,
        h2_streams: count(limits.http2_max_concurrent_streams),
        h2_resets: count(conf.limit_http2_resets),
        h2_control_frames: count(conf.limit_http2_control_frames),
        lingering_time: limits.lingering_time,
        lingering_timeout: limits.lingering_timeout,
        client_rate: conf.bounds.client_rate,
        answer_head: size(limits.proxy_buffer_size),
        connections: size(conf.bounds.worker_connections),
        requests: size(conf.overload_requests),
        batches: conf.io_uring,
    }
}

/// Returns how names are resolved.
fn dns(conf: &Conf) -> DnsSettings {
    let kind = |order: &DnsOrder| match order {
        DnsOrder::Last => RecordKind::Last,
        DnsOrder::A => RecordKind::A,
        DnsOrder::Aaaa => RecordKind::Aaaa,
        DnsOrder::Cname => RecordKind::Cname,
        DnsOrder::Srv => RecordKind::Srv,
    };
    DnsSettings {
        servers: conf.dns_resolver.clone(),
        hosts: conf.dns_hostsfile.clone().into(),
        order: conf.dns_order.iter().map(kind).collect(),
        valid_ttl: conf.dns_valid_ttl,
        stale_ttl: conf.dns_stale_ttl,
        not_found_ttl: conf.dns_not_found_ttl,
        error_ttl: conf.dns_error_ttl,
    }
}
