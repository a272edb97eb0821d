//! A node: how the parts are put together, and what happens to it from start to end.
//!
//! ```text
//! configuration ─ prefix ─ log ─ store ─ gateway (snapshot, workers) + control runtime (Admin API, Status API, control socket)
//!      signals: TERM, INT at once · QUIT when requests are answered · HUP and `gibbon reload` read the configuration again
//!      · USR1 opens the logs again · `gibbon restart`: a successor has the sockets, this one finishes its requests and ends
//! ```

mod apis;
mod build;
mod control;
mod greeting;
mod health;
mod identity;
mod publisher;
mod reload;
mod signals;
mod store;
mod tls;

use std::fs::File;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Context as _;
use gibbon_admin::Handle;
use gibbon_conf::Conf;
use gibbon_proxy::Gateway;
use gibbon_store::Backend;
use gibbon_store::Writer;
use tokio::sync::Mutex;
use tokio::sync::Notify;
use tracing::error;
use tracing::info;
use tracing::warn;

pub(crate) use self::store::open_store;

use self::signals::Signal;
use self::signals::Signals;
use crate::handover::Inherited;
use crate::handover::Predecessor;
use crate::logging;
use crate::logging::LogFile;
use crate::logging::Sink;
use crate::logging::Threshold;
use crate::memory;
use crate::prefix::Prefix;
use crate::settings::Origin;

/// Whether a node has the terminal it was started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attachment {
    /// It stays in the foreground.
    Terminal,
    /// It leaves when it is ready, and says so first.
    Detached,
}

/// How a node begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// Alone in its prefix.
    Fresh,
    /// With the sockets of the node that runs in its prefix, which then ends.
    TakeOver,
}

/// What a detached node writes to its standard output when it is ready.
pub(crate) const READY: &str = "ready";

/// Admin calls, compiling and DNS share these threads; requests have their own.
const CONTROL_THREADS: usize = 2;
/// How long requests in flight have after QUIT: as with nginx, as long as they want; `gibbon quit` has a limit of its own.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Runs a node until it is told to end.
pub(crate) fn run(
    origin: Origin,
    conf: Conf,
    prefix: &Prefix,
    attachment: Attachment,
    beginning: Beginning,
) -> anyhow::Result<()> {
    if attachment == Attachment::Detached {
        rustix::process::setsid().context("could not leave the terminal")?;
    }
    let sink = Sink::open(&conf.proxy_error_log, prefix)?;
    let log = sink.file();
    let threshold = logging::start(sink, conf.log_level)?;
    say_unserved(&conf);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()
        .context("could not make the control runtime")?;
    let result = runtime.block_on(live(origin, conf, prefix, (threshold, log), (attachment, beginning)));
    // Whoever told the node to end at once does not wait for what still runs.
    runtime.shutdown_background();
    result
}

async fn live(
    origin: Origin,
    conf: Conf,
    prefix: &Prefix,
    (threshold, log): (Threshold, Option<LogFile>),
    (attachment, beginning): (Attachment, Beginning),
) -> anyhow::Result<()> {
    let mut signals = Signals::new().context("could not listen for signals")?;
    let (taken, inherited, predecessor) = match beginning {
        Beginning::Fresh => {
            let taken = prefix.take()?;
            let inherited = Inherited { lock: taken.lock()?, sockets: Vec::new(), declarative: None };
            (Some(taken), inherited, None)
        }
        Beginning::TakeOver => {
            let (inherited, predecessor) = Predecessor::ask(prefix)?;
            (None, inherited, Some(predecessor))
        }
    };
    let lock = inherited.lock.try_clone()?;
    let (node, serving) = build::build(origin, &conf, prefix, threshold, inherited).await?;
    let node = Arc::new(node);
    let socket =
        control::serve(&prefix.control_socket(), Arc::clone(&node)).context("could not open the control socket")?;
    let taken = match taken {
        Some(taken) => taken,
        None => prefix.sign(lock)?,
    };
    if let Some(predecessor) = predecessor {
        predecessor.relieve().context("the node that is replaced has gone")?;
    }
    greeting::ready(&node.origin, &conf, attachment)?;
    // Here, since this thread read the configuration.
    memory::give_back();
    loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            () = node.replaced.notified() => {
                info!("another process takes over");
                // Both files are the successor's now.
                taken.leave();
                socket.leave();
                finish(serving, &node, &mut signals).await;
                break;
            }
        };
        match signal {
            Signal::Stop => {
                // Log lines of requests that were answered are still written.
                stop(&node.gateway, Duration::ZERO).await;
                break;
            }
            Signal::Quit => {
                drop(socket);
                finish(serving, &node, &mut signals).await;
                break;
            }
            Signal::Reload => {
                if let Err(error) = node.reload(&node.origin).await {
                    error!("the configuration was not read again: {error:#}");
                }
            }
            Signal::Reopen => {
                if let Err(error) = node.reopen(log.as_ref()).await {
                    error!("a log was not opened again: {error:#}");
                }
            }
        }
    }
    info!("the node ends");
    Ok(())
}

/// Answers what was begun and takes nothing new, until all is done or the node is told to end at once.
async fn finish(serving: Serving, node: &Node, signals: &mut Signals) {
    info!("the node finishes its requests");
    // Those that nobody else holds close, so that whoever connects is refused.
    node.sockets().clear();
    let Serving { gateway, apis } = serving;
    let all = async { tokio::join!(stop(&gateway, PATIENCE), apis.shutdown(PATIENCE)) };
    let told = async { while signals.next().await != Signal::Stop {} };
    tokio::select! {
        _ = all => {}
        () = told => warn!("requests were cut, since the node was told to end at once"),
    }
}

/// Ends the data plane, which has so long for the requests in flight, and says what it has measured.
async fn stop(gateway: &SharedGateway, patience: Duration) {
    let Some(gateway) = gateway.lock().await.take() else { return };
    let longest = gateway.publisher().longest_switch().as_micros();
    info!("a worker took {longest} us at most to go over to a new configuration");
    tokio::task::spawn_blocking(move || gateway.stop(patience)).await.ok();
}

/// The data plane, until it is told to finish.
type SharedGateway = Arc<Mutex<Option<Gateway>>>;

/// What is told to finish.
pub(crate) struct Serving {
    gateway: SharedGateway,
    apis: Handle,
}

/// What commands and signals reach of a running node.
pub(crate) struct Node {
    origin: Origin,
    /// What it was started with.
    conf: Arc<Conf>,
    threshold: Threshold,
    writer: Arc<Writer>,
    gateway: SharedGateway,
    /// What a successor gets: the lock of the prefix, and all listening sockets.
    lock: File,
    sockets: std::sync::Mutex<Vec<TcpListener>>,
    /// Told when a successor serves.
    replaced: Notify,
    /// Held while a successor starts; there can be one at a time.
    replacing: Mutex<()>,
}

impl Node {
    fn sockets(&self) -> MutexGuard<'_, Vec<TcpListener>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration of a node that has neither a database nor a file, which would be lost with it.
    async fn kept(&self) -> anyhow::Result<Option<String>> {
        let has_file = self.conf.declarative_config.is_some() || self.conf.declarative_config_string.is_some();
        match self.writer.store().backend() {
            Backend::Memory if !has_file => Ok(Some(self.writer.export().await?)),
            _ => Ok(None),
        }
    }

    /// Opens the log files again under their names.
    async fn reopen(&self, log: Option<&LogFile>) -> anyhow::Result<()> {
        log.map_or(Ok(()), LogFile::reopen)?;
        if let Some(gateway) = &*self.gateway.lock().await {
            gateway.reopen_logs()?;
        }
        info!("the logs were opened again");
        Ok(())
    }
}

fn say_unserved(conf: &Conf) {
    let unserved = conf.unserved();
    if !unserved.is_empty() {
        warn!("these properties are accepted but have no effect yet: {}", unserved.join(", "));
    }
}
