//! A node: how the parts are put together, and what happens to it from start to end.
//!
//! ```text
//! configuration ─ prefix ─ log ─ store ─ gateway (snapshot, workers) + control runtime (Admin API, Status API, control socket)
//!      signals: TERM, INT at once · QUIT when requests are answered · HUP and `gibbon reload` read the configuration again
//! ```

mod apis;
mod build;
mod control;
mod greeting;
mod identity;
mod publisher;
mod signals;
mod store;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use gibbon_admin::Handle;
use gibbon_conf::Conf;
use gibbon_proxy::Gateway;
use gibbon_store::Writer;
use tokio::sync::Mutex;
use tracing::error;
use tracing::info;
use tracing::warn;

pub(crate) use self::store::open_store;

use self::signals::Signal;
use self::signals::Signals;
use crate::logging;
use crate::logging::Sink;
use crate::logging::Threshold;
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

/// What a detached node writes to its standard output when it is ready.
pub(crate) const READY: &str = "ready";

/// Admin calls, compiling and DNS share these threads; requests have their own.
const CONTROL_THREADS: usize = 2;
/// How long requests in flight have after QUIT: as with nginx, as long as they want; `gibbon quit` has a limit of its own.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Runs a node until it is told to end.
pub(crate) fn run(origin: Origin, conf: Conf, prefix: &Prefix, attachment: Attachment) -> anyhow::Result<()> {
    if attachment == Attachment::Detached {
        rustix::process::setsid().context("could not leave the terminal")?;
    }
    let threshold = logging::start(Sink::open(&conf.proxy_error_log, prefix)?, conf.log_level)?;
    say_unserved(&conf);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()
        .context("could not make the control runtime")?;
    let result = runtime.block_on(live(origin, conf, prefix, threshold, attachment));
    // Whoever told the node to end at once does not wait for what still runs.
    runtime.shutdown_background();
    result
}

async fn live(
    origin: Origin,
    conf: Conf,
    prefix: &Prefix,
    threshold: Threshold,
    attachment: Attachment,
) -> anyhow::Result<()> {
    let mut signals = Signals::new().context("could not listen for signals")?;
    let _taken = prefix.take()?;
    let (node, serving) = build::build(origin, &conf, prefix, threshold).await?;
    let node = Arc::new(node);
    let socket =
        control::serve(&prefix.control_socket(), Arc::clone(&node)).context("could not open the control socket")?;
    greeting::ready(&node.origin, &conf, attachment)?;
    loop {
        match signals.next().await {
            Signal::Stop => break,
            Signal::Quit => {
                drop(socket);
                finish(serving, &mut signals).await;
                break;
            }
            Signal::Reload => {
                if let Err(error) = node.reload(&node.origin).await {
                    error!("the configuration was not read again: {error:#}");
                }
            }
        }
    }
    if let Some(gateway) = &*node.gateway.lock().await {
        let longest = gateway.publisher().longest_switch().as_micros();
        info!("a worker took {longest} us at most to go over to a new configuration");
    }
    info!("the node ends");
    Ok(())
}

/// Answers what was begun and takes nothing new, until all is done or the node is told to end at once.
async fn finish(serving: Serving, signals: &mut Signals) {
    info!("the node finishes its requests");
    let Serving { gateway, apis } = serving;
    let requests = async {
        let gateway = gateway.lock_owned().await.take();
        let drained = tokio::task::spawn_blocking(move || gateway.is_none_or(|gateway| gateway.stop(PATIENCE)));
        drained.await.unwrap_or_default()
    };
    let all = async { tokio::join!(requests, apis.shutdown(PATIENCE)) };
    let told = async { while signals.next().await != Signal::Stop {} };
    tokio::select! {
        _ = all => {}
        () = told => warn!("requests were cut, since the node was told to end at once"),
    }
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
    threshold: Threshold,
    writer: Arc<Writer>,
    gateway: SharedGateway,
}

impl Node {
    /// Reads the configuration again; what is wrong with it leaves the node as it was.
    async fn reload(&self, origin: &Origin) -> anyhow::Result<()> {
        let conf = origin.load()?;
        store::load_declarative(&conf, &self.writer).await?;
        self.threshold.set(conf.log_level);
        if let Some(gateway) = &*self.gateway.lock().await {
            gateway.reload(Arc::new(conf));
        }
        info!("the configuration was read again");
        Ok(())
    }
}

fn say_unserved(conf: &Conf) {
    let unserved = conf.unserved();
    if !unserved.is_empty() {
        warn!("these properties are accepted but have no effect yet: {}", unserved.join(", "));
    }
}
