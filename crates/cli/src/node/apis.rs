//! The Admin and Status API of a node: their sockets, their certificates, and what they are told about the node.

use std::net::IpAddr;
use std::net::TcpListener;

use futures_util::future::BoxFuture;
use gibbon_admin::AdminParts;
use gibbon_admin::Apis;
use gibbon_admin::Handle;
use gibbon_admin::Health;
use gibbon_admin::HealthState;
use gibbon_admin::Http2;
use gibbon_admin::Listening;
use gibbon_conf::Conf;
use gibbon_conf::Listener;
use gibbon_conf::LogLevel;
use gibbon_model::entities::Upstream;
use gibbon_proxy::Balancing;

use super::health;
use super::tls;
use crate::logging::Threshold;
use crate::prefix::Prefix;

/// The open sockets of both APIs.
pub(super) struct Sockets {
    admin: Vec<Listening>,
    status: Vec<Listening>,
}

/// Opens the sockets of both APIs, or takes inherited ones.
pub(super) fn open(conf: &Conf, prefix: &Prefix, inherited: &mut Vec<TcpListener>) -> anyhow::Result<Sockets> {
    let own = [&*conf.admin_ssl_cert, &*conf.admin_ssl_cert_key];
    let admin = listening(conf, prefix, &conf.admin_listen, ("admin-", own), inherited)?;
    let own = [&*conf.status_ssl_cert, &*conf.status_ssl_cert_key];
    let status = listening(conf, prefix, &conf.status_listen, ("status-", own), inherited)?;
    Ok(Sockets { admin, status })
}

/// Serves both APIs on the current runtime; returns copies of the sockets beside.
pub(super) fn serve(parts: AdminParts, sockets: Sockets) -> anyhow::Result<(Handle, Vec<TcpListener>)> {
    let Sockets { admin, status } = sockets;
    let copies = admin.iter().chain(&status).map(|listening| listening.socket.try_clone()).collect::<Result<_, _>>()?;
    Ok((gibbon_admin::serve(&Apis::new(parts), admin, status)?, copies))
}

/// Opens the sockets of listeners; `of` names their default certificate, `own` their configured ones and the keys.
fn listening(
    conf: &Conf,
    prefix: &Prefix,
    listeners: &[Listener],
    (of, own): (&str, [&[String]; 2]),
    inherited: &mut Vec<TcpListener>,
) -> anyhow::Result<Vec<Listening>> {
    let tls = tls::config(conf, &tls::pairs(prefix, listeners, of, own)?)?;
    let mut open = Vec::new();
    for listener in listeners {
        // nginx's words, which people search for.
        let sockets = gibbon_net::bind(listener, 1, inherited)
            .map_err(|error| anyhow::anyhow!("bind() to {}:{} failed ({error})", listener.host, listener.port))?;
        open.extend(sockets.into_iter().map(|socket| Listening {
            socket,
            tls: tls.clone().filter(|_| listener.ssl),
            http2: if listener.http2 { Http2::On } else { Http2::Off },
        }));
    }
    Ok(open)
}

/// What the APIs may ask of the node.
pub(super) struct Told {
    pub(super) threshold: Threshold,
    pub(super) workers: usize,
    pub(super) balancing: Balancing,
}

impl gibbon_admin::Node for Told {
    fn ready_workers(&self) -> usize {
        self.workers
    }

    fn log_level(&self) -> String {
        self.threshold.level().name().to_owned()
    }

    fn set_log_level(&self, level: &str) -> bool {
        let known = LogLevel::parse(level);
        if let Some(level) = known {
            self.threshold.set(level);
        }
        known.is_some()
    }

    fn process_ids(&self) -> (u32, Vec<u32>) {
        // Workers are threads of one process.
        (std::process::id(), vec![std::process::id(); self.workers])
    }

    fn health<'a>(&'a self, upstream: &'a Upstream, targets: &'a [(String, u32)]) -> BoxFuture<'a, Health> {
        Box::pin(health::of(&self.balancing, upstream, targets))
    }

    fn set_health(&self, upstream: &Upstream, target: &str, address: Option<IpAddr>, state: HealthState) {
        self.balancing.mark(upstream.id, target, address, state == HealthState::Healthy);
    }
}
