//! Counting a request when it is over.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gibbon_sdk::{Cx, Env, Filter, Source};
use hashbrown::HashMap;
use uuid::Uuid;

use super::Config;
use super::series::{self, Bandwidth, Labels, Latencies, Metrics, Origin, Serial};

/// How many series handles a worker remembers before it starts anew.
const LOCAL_SERIES: usize = 16_384;

/// A configured `prometheus`.
pub struct PrometheusFilter {
    per_consumer: bool,
    statuses: bool,
    latencies: bool,
    bandwidth: bool,
    shows_health: bool,
    metrics: Arc<Metrics>,
}

impl PrometheusFilter {
    pub(super) fn new(config: &Config, env: &Arc<Env>) -> Self {
        let is_on = |switch: Option<bool>| switch.unwrap_or(false);
        let metrics: Arc<Metrics> = env.state();
        let shows_health = is_on(config.upstream_health_metrics);
        metrics.configured.fetch_add(1, Ordering::Relaxed);
        metrics.showing_health.fetch_add(usize::from(shows_health), Ordering::Relaxed);
        Self {
            per_consumer: is_on(config.per_consumer),
            statuses: is_on(config.status_code_metrics),
            latencies: is_on(config.latency_metrics),
            bandwidth: is_on(config.bandwidth_metrics),
            shows_health,
            metrics,
        }
    }

    /// Returns what tells this request's series apart, cheap to compute: ids, and when they were last changed.
    fn key(&self, cx: &Cx<'_>) -> Option<Key> {
        let route = cx.route.map(|route| (route.id, route.updated_at))?;
        let service = cx.service.map(|service| (service.id, service.updated_at));
        let consumer = cx.consumer.as_ref().filter(|_| self.per_consumer);
        let consumer = consumer.map(|consumer| (consumer.id, consumer.updated_at));
        let status = if self.statuses { cx.response.head.status.code() } else { 0 };
        Some(Key { metrics: self.metrics.serial, route, service, consumer, status, origin: origin(cx) })
    }

    /// Finds or makes the series of this request; needs the tables' locks.
    fn handles(&self, cx: &Cx<'_>) -> Handles {
        let service = cx.service.map(|service| service.name.as_deref().unwrap_or(&service.host));
        let route = cx.route.map(|route| route.name.clone().unwrap_or_else(|| route.id.to_string()));
        let consumer = cx.consumer.as_ref().filter(|_| self.per_consumer);
        let consumer = consumer.and_then(|consumer| consumer.username.as_deref());
        let labels = Labels {
            service: service.unwrap_or_default().into(),
            route: route.unwrap_or_default().into(),
            consumer: consumer.unwrap_or_default().into(),
        };
        let unnamed = Labels { consumer: Box::default(), ..labels.clone() };
        let status = cx.response.head.status.code();
        let metrics = &self.metrics;
        Handles {
            requests: self.statuses.then(|| series::entry(&metrics.requests, (labels.clone(), status, origin(cx)))),
            latencies: self.latencies.then(|| series::entry(&metrics.latencies, unnamed)),
            bandwidth: self.bandwidth.then(|| series::entry(&metrics.bandwidth, labels)),
        }
    }
}

impl Drop for PrometheusFilter {
    fn drop(&mut self) {
        self.metrics.configured.fetch_sub(1, Ordering::Relaxed);
        self.metrics.showing_health.fetch_sub(usize::from(self.shows_health), Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    metrics: Serial,
    route: (Uuid, Option<i64>),
    service: Option<(Uuid, Option<i64>)>,
    consumer: Option<(Uuid, Option<i64>)>,
    status: u16,
    origin: Origin,
}

struct Handles {
    requests: Option<Arc<AtomicU64>>,
    latencies: Option<Arc<Latencies>>,
    bandwidth: Option<Arc<Bandwidth>>,
}

impl Handles {
    fn count(&self, cx: &Cx<'_>) {
        if let Some(requests) = &self.requests {
            requests.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(bandwidth) = &self.bandwidth {
            bandwidth.ingress.fetch_add(cx.bytes_in, Ordering::Relaxed);
            bandwidth.egress.fetch_add(cx.bytes_out, Ordering::Relaxed);
        }
        if let Some(latencies) = &self.latencies {
            let whole = cx.timings.since_start_ms(cx.timings.ended);
            let upstream = cx.timings.upstream_ms();
            latencies.whole.observe(whole);
            if let Some(upstream) = upstream {
                latencies.upstream.observe(upstream);
            }
            latencies.gateway.observe(upstream.map_or(whole, |_| cx.timings.proxy_ms()));
        }
    }
}

thread_local! {
    static LOCAL: RefCell<HashMap<(Key, [bool; 3]), Handles, foldhash::fast::RandomState>> = RefCell::default();
}

impl Filter for PrometheusFilter {
    /// Requests without a route are not counted, as in Kong.
    fn log(&self, cx: &mut Cx<'_>) {
        let Some(key) = self.key(cx) else { return };
        let key = (key, [self.statuses, self.latencies, self.bandwidth]);
        LOCAL.with_borrow_mut(|local| {
            if let Some(handles) = local.get(&key) {
                return handles.count(cx);
            }
            if local.len() >= LOCAL_SERIES {
                local.clear();
            }
            let handles = self.handles(cx);
            handles.count(cx);
            local.insert(key, handles);
        });
    }
}

fn origin(cx: &Cx<'_>) -> Origin {
    if cx.response.source == Some(Source::Upstream) { Origin::Service } else { Origin::Gateway }
}
