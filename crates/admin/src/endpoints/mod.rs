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

/// Special endpoints of the Admin API, with what they do in a sentence for the reference; one on the path of a generated
/// endpoint takes the place of its method.
pub(crate) const ADMIN: &[(&str, Method, Special, &str)] = &[
    ("/", Method::GET, special!(information::root), "Show what the node is: versions, plugins, configuration."),
    ("/endpoints", Method::GET, special!(information::endpoints), "List the templates of all paths."),
    (
        "/timers",
        Method::GET,
        special!(information::timers),
        "Show the shape of Kong's timer statistics; there are no timers.",
    ),
    (
        "/plugins/enabled",
        Method::GET,
        special!(information::enabled_plugins),
        "List the plugins that may be configured.",
    ),
    (
        "/plugins/schema/{name}",
        Method::GET,
        special!(schemas::plugin_config),
        "Show the schema of a plugin's `config` (older form).",
    ),
    ("/schemas/{name}", Method::GET, special!(schemas::entity), "Show the schema of an entity."),
    ("/schemas/plugins/{name}", Method::GET, special!(schemas::plugin), "Show the schema of a plugin."),
    ("/schemas/vaults/{name}", Method::GET, special!(schemas::vault), "Show the schema of a vault."),
    (
        "/schemas/filters/{name}",
        Method::GET,
        special!(schemas::filter),
        "Show the schema of a WebAssembly filter; there are none.",
    ),
    (
        "/schemas/{db_entity_name}/validate",
        Method::POST,
        special!(schemas::validate),
        "Check a document against the schema of an entity; nothing is stored.",
    ),
    (
        "/schemas/plugins/validate",
        Method::POST,
        special!(schemas::validate_plugin),
        "Check a plugin's document; nothing is stored.",
    ),
    (
        "/schemas/vaults/validate",
        Method::POST,
        special!(schemas::validate_vault),
        "Check a vault's document; nothing is stored.",
    ),
    ("/status", Method::GET, special!(status::status), "Show connections, memory, and whether the store is reachable."),
    ("/status/dns", Method::GET, special!(status::dns), "Show DNS statistics; they are not kept."),
    ("/config", Method::GET, special!(config::export), "Show the declarative configuration; without a database only."),
    (
        "/config",
        Method::POST,
        special!(config::replace),
        "Replace the declarative configuration; without a database only.",
    ),
    ("/tags", Method::GET, special!(tags::all), "List all tags with what they stand on."),
    ("/tags", Method::POST, special!(tags::refuse), "Refused: tags are written with what they stand on."),
    ("/tags/{tags}", Method::GET, special!(tags::of), "List what a tag stands on."),
    ("/tags/{tags}", Method::PUT, special!(tags::refuse), "Refused: tags are written with what they stand on."),
    ("/tags/{tags}", Method::PATCH, special!(tags::refuse), "Refused: tags are written with what they stand on."),
    ("/tags/{tags}", Method::DELETE, special!(tags::refuse), "Refused: tags are written with what they stand on."),
    ("/cache", Method::DELETE, special!(cache::purge), "Empty the cache; there is nothing in it to purge."),
    ("/cache/{key}", Method::GET, special!(cache::probe), "Look a key up in the cache; never found."),
    (
        "/cache/{key}",
        Method::DELETE,
        special!(cache::purge),
        "Take a key out of the cache; there is nothing in it to purge.",
    ),
    ("/debug/node/log-level", Method::GET, special!(debug::log_level), "Show the level of the error log."),
    (
        "/debug/node/log-level/{log_level}",
        Method::PUT,
        special!(debug::set_log_level),
        "Change the level of the error log for `?timeout=` seconds (60); 0 is for good.",
    ),
    (
        "/debug/cluster/log-level/{log_level}",
        Method::PUT,
        special!(debug::set_log_level),
        "Change the level of the error log of this node.",
    ),
    (
        "/clustering/data-planes",
        Method::GET,
        special!(clustering::not_control_plane),
        "List data planes; on a control plane only.",
    ),
    (
        "/clustering/status",
        Method::GET,
        special!(clustering::not_control_plane),
        "List data planes (older form); on a control plane only.",
    ),
    ("/consumers", Method::GET, special!(consumers::list), "List consumers; `?custom_id=` finds one."),
    (
        "/routes/{routes}/filters/all",
        Method::GET,
        special!(filters::not_enabled),
        "List a route's WebAssembly filters; they are not enabled.",
    ),
    (
        "/routes/{routes}/filters/disabled",
        Method::GET,
        special!(filters::not_enabled),
        "List a route's disabled WebAssembly filters; they are not enabled.",
    ),
    (
        "/routes/{routes}/filters/enabled",
        Method::GET,
        special!(filters::not_enabled),
        "List a route's enabled WebAssembly filters; they are not enabled.",
    ),
    (
        "/upstreams/{upstreams}/targets",
        Method::GET,
        special!(targets::active),
        "List the targets in use: of each address the newest.",
    ),
    ("/upstreams/{upstreams}/targets/all", Method::GET, special!(targets::all), "List all targets of an upstream."),
    (
        "/upstreams/{upstreams}/targets/{targets}",
        Method::GET,
        special!(targets::one),
        "Show a target, by id or address.",
    ),
    (
        "/upstreams/{upstreams}/targets/{targets}",
        Method::PUT,
        special!(targets::one),
        "Change a target, by id or address.",
    ),
    (
        "/upstreams/{upstreams}/targets/{targets}",
        Method::PATCH,
        special!(targets::one),
        "Change a target, by id or address.",
    ),
    (
        "/upstreams/{upstreams}/targets/{targets}",
        Method::DELETE,
        special!(targets::one),
        "Delete a target, by id or address.",
    ),
    (
        "/upstreams/{upstreams}/health",
        Method::GET,
        special!(targets::health),
        "List the targets of an upstream with their health; `?balancer_health=1` shows the upstream's own.",
    ),
    (
        "/upstreams/{upstreams}/targets/{targets}/healthy",
        Method::PUT,
        special!(targets::set_healthy),
        "Mark a target healthy.",
    ),
    (
        "/upstreams/{upstreams}/targets/{targets}/unhealthy",
        Method::PUT,
        special!(targets::set_unhealthy),
        "Mark a target unhealthy.",
    ),
    (
        "/upstreams/{upstreams}/targets/{targets}/{address}/healthy",
        Method::PUT,
        special!(targets::set_healthy),
        "Mark one address of a target healthy.",
    ),
    (
        "/upstreams/{upstreams}/targets/{targets}/{address}/unhealthy",
        Method::PUT,
        special!(targets::set_unhealthy),
        "Mark one address of a target unhealthy.",
    ),
];

/// Generated endpoints that are closed: targets and a SNI's certificate are reached through their owners.
pub(crate) const DISABLED: &[&str] =
    &["/targets", "/targets/{targets}", "/targets/{targets}/upstream", "/snis/{snis}/certificate"];

const NO_FILTERS: &str = "Refused: WebAssembly filters are not enabled.";

/// Generated endpoints whose keys are read in a special way; the generated handler runs after that. The third says what
/// they do where that is not what the others do.
pub(crate) const KEYED: &[(&str, Special, Option<&str>)] = &[
    ("/certificates/{certificates}", special!(certificates::one), None),
    ("/certificates/{certificates}/snis", special!(certificates::below), None),
    ("/certificates/{certificates}/snis/{snis}", special!(certificates::below), None),
    ("/consumers/{consumers}/acls/{acls}", special!(consumers::group), None),
    ("/filter-chains", special!(filters::not_enabled), Some(NO_FILTERS)),
    ("/filter-chains/{filter_chains}", special!(filters::not_enabled), Some(NO_FILTERS)),
    ("/filter-chains/{filter_chains}/route", special!(filters::not_enabled), Some(NO_FILTERS)),
    ("/filter-chains/{filter_chains}/service", special!(filters::not_enabled), Some(NO_FILTERS)),
    ("/routes/{routes}/filter-chains", special!(filters::not_enabled), Some(NO_FILTERS)),
    ("/routes/{routes}/filter-chains/{filter_chains}", special!(filters::not_enabled), Some(NO_FILTERS)),
    ("/services/{services}/filter-chains", special!(filters::not_enabled), Some(NO_FILTERS)),
    ("/services/{services}/filter-chains/{filter_chains}", special!(filters::not_enabled), Some(NO_FILTERS)),
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
