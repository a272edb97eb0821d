//! What a node says when it is ready: to the command that started it, or to the person at the terminal.

use std::io::IsTerminal as _;
use std::io::Write as _;

use anyhow::Context as _;
use gibbon_conf::Conf;
use gibbon_conf::Listener;
use tracing::info;

use super::Attachment;
use super::READY;
use crate::settings::Origin;

/// Tells whoever started the node that it is ready, and where it is.
pub(super) fn ready(origin: &Origin, conf: &Conf, attachment: Attachment) -> anyhow::Result<()> {
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
    let addresses = |listeners: &[Listener]| {
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
