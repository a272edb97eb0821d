//! Reading the configuration again: what is in force at once, and what only a restart puts in force, so that it can be said.

use std::sync::Arc;

use gibbon_conf::Conf;
use gibbon_store::Beside;
use tracing::info;
use tracing::warn;

use super::Node;
use super::store;
use crate::settings::Origin;

/// Beginnings of the names of properties that a reload puts in force.
const LIVE: &[&str] = &[
    "allow_debug_header",
    "declarative_config",
    "error_default_type",
    "error_template_",
    "headers",
    "log_level",
    "nginx_http_client_max_body_size",
    "nginx_http_proxy_next_upstream",
    "nginx_proxy_client_max_body_size",
    "nginx_proxy_proxy_next_upstream",
    "nginx_proxy_real_ip_",
    "port_maps",
    "real_ip_",
    "trusted_ips",
    "upstream_keepalive_",
];

impl Node {
    /// Reads the configuration again; what is wrong with it leaves the node as it was. Returns the names of properties that have changed
    /// and wait for a restart.
    pub(super) async fn reload(&self, origin: &Origin) -> anyhow::Result<Vec<String>> {
        let conf = origin.load()?;
        store::load_declarative(&conf, None, &self.writer, Beside::Traffic).await?;
        self.threshold.set(conf.log_level);
        let waiting = waiting(&self.conf, &conf);
        if let Some(gateway) = &*self.gateway.lock().await {
            gateway.reload(Arc::new(conf));
        }
        info!("the configuration was read again");
        if !waiting.is_empty() {
            warn!("{}", crate::control::waits_for_restart(&waiting));
        }
        Ok(waiting)
    }
}

/// Returns the names of properties that differ from those the node was started with, and are not put in force by a reload.
fn waiting(started: &Conf, now: &Conf) -> Vec<String> {
    // Others follow from those that were set.
    let is_set = |name: &str| started.is_set(name) || now.is_set(name);
    let name = |line: &str| line.split(" = ").next().unwrap_or_default().to_owned();
    let differs = |one: &str, other: &str| {
        let known: std::collections::HashSet<&str> = other.lines().collect();
        one.lines().filter(|line| !known.contains(line)).map(name).collect::<Vec<_>>()
    };
    let (before, after) = (started.to_file(), now.to_file());
    let mut names = differs(&before, &after);
    names.extend(differs(&after, &before));
    names.retain(|name| is_set(name) && !LIVE.iter().any(|live| name.starts_with(live)));
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gibbon_conf::Sources;

    use super::*;

    #[test]
    fn names_what_waits_for_a_restart() {
        let load = |file: &str| {
            let env = BTreeMap::new();
            let sources = Sources { cwd: "/", default_prefix: "/p", file: Some(file), env: &env, overrides: &[] };
            Conf::load(sources).expect("a good configuration")
        };
        let started = load("database = off\nproxy_listen = 127.0.0.1:8000\nnginx_worker_processes = 1\n");
        for (file, want) in [
            ("database = off\nproxy_listen = 127.0.0.1:8000\nnginx_worker_processes = 1\n", &[][..]),
            (
                "database = off\nproxy_listen = 127.0.0.1:8001\nnginx_worker_processes = 2\nlog_level = debug\n",
                &["nginx_worker_processes", "proxy_listen"],
            ),
        ] {
            assert_eq!(waiting(&started, &load(file)), want, "{file}");
        }
    }
}
