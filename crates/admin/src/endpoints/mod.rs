//! The special endpoints, a file each, and the tables of their paths. What they share and change is in [`State`].

mod cache;
mod certificates;
mod clustering;
mod config;
mod consumers;
mod debug;
mod filters;
mod information;
mod schemas;
mod status;
mod tags;
mod targets;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Method;

use crate::Admin;
use crate::call::Call;
use crate::reply::Outcome;
use crate::routes::Special;

/// State that calls change.
#[derive(Default)]
pub(crate) struct State {
    /// Whether the node was told to drain.
    pub(crate) draining: AtomicBool,
    /// Counts changes of the log level, so that only the last one is taken back.
    pub(crate) log_level_changes: Mutex<u64>,
}

/// Makes a [`Special`] of an async function.
macro_rules! special {
    ($handler:path) => {{
        fn call(admin: Arc<Admin>, call: Call) -> BoxFuture<'static, Outcome> {
            async move { $handler(&admin, call).await }.boxed()
        }
        call as Special
    }};
}

/// Special endpoints of the Admin API; one on the path of a generated endpoint takes the place of its method.
pub(crate) const ADMIN: &[(&str, Method, Special)] = &[
    ("/", Method::GET, special!(information::root)),
    ("/endpoints", Method::GET, special!(information::endpoints)),
    ("/timers", Method::GET, special!(information::timers)),
    ("/plugins/enabled", Method::GET, special!(information::enabled_plugins)),
    ("/plugins/schema/{name}", Method::GET, special!(schemas::plugin_config)),
    ("/schemas/{name}", Method::GET, special!(schemas::entity)),
    ("/schemas/plugins/{name}", Method::GET, special!(schemas::plugin)),
    ("/schemas/vaults/{name}", Method::GET, special!(schemas::vault)),
    ("/schemas/filters/{name}", Method::GET, special!(schemas::filter)),
    ("/schemas/{db_entity_name}/validate", Method::POST, special!(schemas::validate)),
    ("/schemas/plugins/validate", Method::POST, special!(schemas::validate_plugin)),
    ("/schemas/vaults/validate", Method::POST, special!(schemas::validate_vault)),
    ("/status", Method::GET, special!(status::status)),
    ("/status/dns", Method::GET, special!(status::dns)),
    ("/config", Method::GET, special!(config::export)),
    ("/config", Method::POST, special!(config::replace)),
    ("/tags", Method::GET, special!(tags::all)),
    ("/tags", Method::POST, special!(tags::refuse)),
    ("/tags/{tags}", Method::GET, special!(tags::of)),
    ("/tags/{tags}", Method::PUT, special!(tags::refuse)),
    ("/tags/{tags}", Method::PATCH, special!(tags::refuse)),
    ("/tags/{tags}", Method::DELETE, special!(tags::refuse)),
    ("/cache", Method::DELETE, special!(cache::purge)),
    ("/cache/{key}", Method::GET, special!(cache::probe)),
    ("/cache/{key}", Method::DELETE, special!(cache::purge)),
    ("/debug/node/log-level", Method::GET, special!(debug::log_level)),
    ("/debug/node/log-level/{log_level}", Method::PUT, special!(debug::set_log_level)),
    ("/debug/cluster/log-level/{log_level}", Method::PUT, special!(debug::set_log_level)),
    ("/clustering/data-planes", Method::GET, special!(clustering::not_control_plane)),
    ("/clustering/status", Method::GET, special!(clustering::not_control_plane)),
    ("/consumers", Method::GET, special!(consumers::list)),
    ("/routes/{routes}/filters/all", Method::GET, special!(filters::not_enabled)),
    ("/routes/{routes}/filters/disabled", Method::GET, special!(filters::not_enabled)),
    ("/routes/{routes}/filters/enabled", Method::GET, special!(filters::not_enabled)),
    ("/upstreams/{upstreams}/targets", Method::GET, special!(targets::active)),
    ("/upstreams/{upstreams}/targets/all", Method::GET, special!(targets::all)),
    ("/upstreams/{upstreams}/targets/{targets}", Method::GET, special!(targets::one)),
    ("/upstreams/{upstreams}/targets/{targets}", Method::PUT, special!(targets::one)),
    ("/upstreams/{upstreams}/targets/{targets}", Method::PATCH, special!(targets::one)),
    ("/upstreams/{upstreams}/targets/{targets}", Method::DELETE, special!(targets::one)),
    ("/upstreams/{upstreams}/health", Method::GET, special!(targets::health)),
    ("/upstreams/{upstreams}/targets/{targets}/healthy", Method::PUT, special!(targets::set_healthy)),
    ("/upstreams/{upstreams}/targets/{targets}/unhealthy", Method::PUT, special!(targets::set_unhealthy)),
    ("/upstreams/{upstreams}/targets/{targets}/{address}/healthy", Method::PUT, special!(targets::set_healthy)),
    ("/upstreams/{upstreams}/targets/{targets}/{address}/unhealthy", Method::PUT, special!(targets::set_unhealthy)),
];

/// Generated endpoints that are closed: targets and a SNI's certificate are reached through their owners.
pub(crate) const DISABLED: &[&str] =
    &["/targets", "/targets/{targets}", "/targets/{targets}/upstream", "/snis/{snis}/certificate"];

/// Generated endpoints whose keys are read in a special way; the generated handler runs after that.
pub(crate) const KEYED: &[(&str, Special)] = &[
    ("/certificates/{certificates}", special!(certificates::one)),
    ("/certificates/{certificates}/snis", special!(certificates::below)),
    ("/certificates/{certificates}/snis/{snis}", special!(certificates::below)),
    ("/consumers/{consumers}/acls/{acls}", special!(consumers::group)),
    ("/filter-chains", special!(filters::not_enabled)),
    ("/filter-chains/{filter_chains}", special!(filters::not_enabled)),
    ("/filter-chains/{filter_chains}/route", special!(filters::not_enabled)),
    ("/filter-chains/{filter_chains}/service", special!(filters::not_enabled)),
    ("/routes/{routes}/filter-chains", special!(filters::not_enabled)),
    ("/routes/{routes}/filter-chains/{filter_chains}", special!(filters::not_enabled)),
    ("/services/{services}/filter-chains", special!(filters::not_enabled)),
    ("/services/{services}/filter-chains/{filter_chains}", special!(filters::not_enabled)),
];

/// Endpoints of the Status API.
pub(crate) const STATUS: &[(&str, Method, Special)] = &[
    ("/status", Method::GET, special!(status::status)),
    ("/status/dns", Method::GET, special!(status::dns)),
    ("/status/ready", Method::GET, special!(status::ready)),
    ("/status/ready", Method::POST, special!(status::drain)),
];

/// Endpoints that the Status API has beside [`STATUS`] without a database.
pub(crate) const STATUS_DBLESS: &[(&str, Method, Special)] = &[
    ("/upstreams/{upstreams}/health", Method::GET, special!(targets::health)),
    ("/upstreams/{upstreams}/targets", Method::GET, special!(targets::active)),
    ("/upstreams/{upstreams}/targets/all", Method::GET, special!(targets::all)),
    ("/upstreams/{upstreams}/targets/{targets}", Method::GET, special!(targets::one)),
];
