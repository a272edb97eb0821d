//! A node: how the parts are put together, and what happens to it from start to end.
//!
//! ```text
//! configuration ─ prefix ─ log ─ store ─ snapshot ─ workers (proxy) + control runtime (Admin API, Status API, control socket)
//!      signals: TERM, INT at once · QUIT when requests are answered · HUP and `gibbon reload` read the configuration again
//! ```

mod control;
mod signals;

use std::io::IsTerminal as _;
use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use gibbon_conf::Conf;
use tracing::info;
use tracing::warn;

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
    runtime.block_on(live(origin, conf, prefix, threshold, attachment))
}

/// Admin calls, compiling and DNS share these; requests have their own.
const CONTROL_THREADS: usize = 2;

async fn live(
    origin: Origin,
    conf: Conf,
    prefix: &Prefix,
    threshold: Threshold,
    attachment: Attachment,
) -> anyhow::Result<()> {
    let mut signals = signals::Signals::new().context("could not listen for signals")?;
    let node = Arc::new(Node { origin, threshold });
    let _socket =
        control::serve(&prefix.control_socket(), Arc::clone(&node)).context("could not open the control socket")?;
    let _taken = prefix.take()?;
    ready(&node.origin, &conf, attachment)?;
    loop {
        match signals.next().await {
            signals::Signal::Stop => break,
            signals::Signal::Quit => break,
            signals::Signal::Reload => {
                if let Err(error) = node.reload(&node.origin).await {
                    tracing::error!("the configuration was not reloaded: {error:#}");
                }
            }
        }
    }
    info!("the node ends");
    Ok(())
}

/// A running node.
pub(crate) struct Node {
    origin: Origin,
    threshold: Threshold,
}

impl Node {
    /// Reads the configuration again.
    async fn reload(&self, origin: &Origin) -> anyhow::Result<()> {
        let conf = origin.load()?;
        self.threshold.set(conf.log_level);
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

/// Tells whoever started the node that it is ready, and where it is.
fn ready(origin: &Origin, conf: &Conf, attachment: Attachment) -> anyhow::Result<()> {
    if origin.chose_prefix(conf) {
        info!("the prefix is {}, since none is named and Kong's cannot be used", conf.prefix);
    }
    info!("the node is ready");
    match attachment {
        Attachment::Detached => {
            let mut output = std::io::stdout();
            writeln!(output, "{READY}").and_then(|()| output.flush()).context("nobody waits for this node")?;
            let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
            rustix::stdio::dup2_stdout(&null)?;
            rustix::stdio::dup2_stderr(&null)?;
        }
        Attachment::Terminal if std::io::stdout().is_terminal() => greet(conf),
        Attachment::Terminal => {}
    }
    Ok(())
}

/// What a newcomer wants to know; only for terminals, since Kong prints nothing.
fn greet(conf: &Conf) {
    let addresses = |listeners: &[gibbon_conf::Listener]| {
        let shown = listeners.iter().map(|listener| {
            let host = if listener.host == "0.0.0.0" { "localhost" } else { &listener.host };
            format!("{}://{host}:{}", if listener.ssl { "https" } else { "http" }, listener.port)
        });
        let all: Vec<String> = shown.collect();
        if all.is_empty() { "off".to_owned() } else { all.join("  ") }
    };
    println!("proxy      {}", addresses(&conf.proxy_listen));
    println!("Admin API  {}", addresses(&conf.admin_listen));
    println!("status     {}", addresses(&conf.status_listen));
    println!("database   {} in {}", conf.database.name(), conf.prefix);
    println!("Ctrl-C ends it. An upstream to try things with: gibbon echo");
}
