//! `GET /metrics`: names, labels and order are Kong's. A family that Kong writes once for HTTP and once for streams is
//! written once, for a page must not name a family twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gibbon_sdk::env::Pressure;
use gibbon_sdk::{AdminCall, AdminFuture, AdminReply, Env, Health};

use super::series::{self, Latencies, Metrics};
use super::text::Page;

const SUBSYSTEMS: [&str; 2] = ["http", "stream"];

/// Answers a scrape.
pub(super) fn metrics(call: AdminCall) -> AdminFuture {
    Box::pin(async move {
        let body = page(&call.env);
        AdminReply { status: 200, content_type: "text/plain; charset=UTF-8", body }
    })
}

/// Writes the page of this node.
pub(super) fn page(env: &Arc<Env>) -> Vec<u8> {
    let metrics: Arc<Metrics> = env.state();
    let mut page = Page::default();
    node(&mut page, env);
    if metrics.configured.load(Ordering::Relaxed) > 0 {
        traffic(&mut page, &metrics);
    }
    if metrics.showing_health.load(Ordering::Relaxed) > 0 {
        health(&mut page, env);
    }
    page.finish()
}

/// What is known of the node itself.
fn node(page: &mut Page, env: &Env) {
    let id = env.node_id.to_string();
    let stats = &env.stats;
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    page.family("datastore_reachable", "gauge", "Datastore reachable from Kong, 0 is unreachable");
    page.series("datastore_reachable", &[], u8::from(env.dbless || stats.database_reachable.load(Ordering::Relaxed)));
    page.family("nginx_connections_total", "gauge", "Number of connections by subsystem");
    for subsystem in SUBSYSTEMS {
        for (state, count) in [
            ("accepted", &stats.accepted),
            ("active", &stats.active),
            ("handled", &stats.handled),
            ("reading", &stats.reading),
            ("total", &stats.requests),
            ("waiting", &stats.waiting),
            ("writing", &stats.writing),
        ] {
            // There is no stream traffic yet; its counts are true zeros.
            let count = if subsystem == "http" { read(count) } else { 0 };
            let labels = [("node_id", id.as_str()), ("subsystem", subsystem), ("state", state)];
            page.series("nginx_connections_total", &labels, count);
        }
    }
    page.family("nginx_metric_errors_total", "counter", "Number of nginx-lua-prometheus errors");
    page.series("nginx_metric_errors_total", &[], 0);
    page.family("nginx_requests_total", "gauge", "Number of requests total");
    for subsystem in SUBSYSTEMS {
        let count = if subsystem == "http" { read(&stats.requests) } else { 0 };
        page.series("nginx_requests_total", &[("node_id", &id), ("subsystem", subsystem)], count);
    }
    page.family("nginx_timers", "gauge", "Number of nginx timers");
    for state in ["pending", "running"] {
        page.series("nginx_timers", &[("state", state)], 0);
    }
    page.family("node_info", "gauge", "Kong Node metadata information");
    page.series("node_info", &[("node_id", &id), ("version", gibbon_model::plugin::VERSION)], 1);
    page.family("memory_workers_lua_vms_bytes", "gauge", "Allocated bytes in worker Lua VM");
    let pid = std::process::id().to_string();
    for subsystem in SUBSYSTEMS {
        // No Lua runs yet, so nothing is allocated for it.
        let labels = [("node_id", id.as_str()), ("pid", &pid), ("kong_subsystem", subsystem)];
        page.series("memory_workers_lua_vms_bytes", &labels, 0);
    }
    overload(page, env);
}

/// How near the node is to its bounds, and what it turned away. Kong has nothing like it.
fn overload(page: &mut Page, env: &Env) {
    let stats = &env.stats;
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    page.family("gibbon_overload", "gauge", "Whether Gibbon turns requests or connections away, by reason");
    for pressure in Pressure::ALL {
        let holds = stats.pressures[pressure as usize].load(Ordering::Relaxed);
        page.series("gibbon_overload", &[("reason", pressure.name())], u8::from(holds));
    }
    page.family("gibbon_shed_requests_total", "counter", "Requests answered with 503 because of overload");
    page.series("gibbon_shed_requests_total", &[], read(&stats.shed));
    page.family("gibbon_refused_connections_total", "counter", "Connections closed at once because of overload");
    page.series("gibbon_refused_connections_total", &[], read(&stats.refused));
    page.family("gibbon_memory_resident_bytes", "gauge", "Memory of the process");
    page.series("gibbon_memory_resident_bytes", &[], read(&stats.resident));
    page.family("gibbon_memory_threshold_bytes", "gauge", "Memory from which on requests are shed, 0 is none");
    page.series("gibbon_memory_threshold_bytes", &[], read(&stats.memory_threshold));
    page.family("gibbon_worker_lag_ms", "gauge", "How late the latest worker was");
    page.series("gibbon_worker_lag_ms", &[], read(&stats.lag_ms));
}

/// What passed through.
fn traffic(page: &mut Page, metrics: &Metrics) {
    let bandwidth = series::all(&metrics.bandwidth);
    if !bandwidth.is_empty() {
        page.family("bandwidth_bytes", "counter", "Total bandwidth (ingress/egress) throughput in bytes");
    }
    for (labels, bytes) in bandwidth {
        for (direction, bytes) in [("egress", &bytes.egress), ("ingress", &bytes.ingress)] {
            let labels = [
                ("service", &*labels.service),
                ("route", &*labels.route),
                ("direction", direction),
                ("workspace", "default"),
                ("consumer", &*labels.consumer),
            ];
            page.series("bandwidth_bytes", &labels, bytes.load(Ordering::Relaxed));
        }
    }
    let requests = series::all(&metrics.requests);
    if !requests.is_empty() {
        page.family("http_requests_total", "counter", "HTTP status codes per consumer/service/route in Kong");
    }
    for ((labels, status, origin), count) in requests {
        let labels = [
            ("service", &*labels.service),
            ("route", &*labels.route),
            ("code", &*status.to_string()),
            ("source", origin.label()),
            ("workspace", "default"),
            ("consumer", &*labels.consumer),
        ];
        page.series("http_requests_total", &labels, count.load(Ordering::Relaxed));
    }
    latencies(page, metrics);
}

type Read = fn(&Latencies) -> (Vec<(u64, u64)>, u64, u64);

fn latencies(page: &mut Page, metrics: &Metrics) {
    let all = series::all(&metrics.latencies);
    if all.is_empty() {
        return;
    }
    let families: [(&str, &str, Read); 3] = [
        ("kong_latency_ms", "Latency added by Kong and enabled plugins for each service/route in Kong", |latencies| {
            latencies.gateway.read()
        }),
        ("request_latency_ms", "Total latency incurred during requests for each service/route in Kong", |latencies| {
            latencies.whole.read()
        }),
        ("upstream_latency_ms", "Latency added by upstream response for each service/route in Kong", |latencies| {
            latencies.upstream.read()
        }),
    ];
    for (name, help, read) in families {
        page.family(name, "histogram", help);
        for (labels, latencies) in &all {
            let labels = [("service", &*labels.service), ("route", &*labels.route), ("workspace", "default")];
            page.histogram(name, &labels, read(latencies));
        }
    }
}

/// How targets are doing: one series a state, 1 for the one that holds.
fn health(page: &mut Page, env: &Env) {
    let targets = env.health.get().map(|source| source()).unwrap_or_default();
    if targets.is_empty() {
        return;
    }
    let help = "Health status of targets of upstream. States = healthchecks_off|healthy|unhealthy|dns_error, \
                value is 1 when state is populated.";
    page.family("upstream_target_health", "gauge", help);
    for target in targets {
        let address = target.address.map(|address| address.to_string()).unwrap_or_default();
        for (state, health) in [
            ("dns_error", Health::DnsError),
            ("healthchecks_off", Health::HealthchecksOff),
            ("healthy", Health::Healthy),
            ("unhealthy", Health::Unhealthy),
        ] {
            let labels = [
                ("upstream", target.upstream.as_str()),
                ("target", &target.target),
                ("address", &address),
                ("state", state),
                ("subsystem", "http"),
            ];
            page.series("upstream_target_health", &labels, u8::from(target.health == health));
        }
    }
}
