//! The Admin API, made from the entity definitions, and the Status API. It serves calls and writes through
//! [`Writer`]; it proxies nothing and reads no configuration files.
//!
//! ```text
//! listeners ─ connection (hyper) ─ app: what every call goes through ─ paths: which endpoint
//!                                                                       ├─ generic: made from an entity's definition
//!                                                                       ├─ endpoints: the special ones, a file each
//!                                                                       └─ a plugin's own
//! ```
//! axum is a thin shell around `app`; no type of it leaves the crate but the test service.

mod app;
mod arguments;
mod audit;
mod call;
mod connection;
mod data;
mod endpoints;
mod generic;
mod health;
mod intake;
mod json;
mod listeners;
mod listing;
mod outline;
mod pages;
mod paths;
mod refusal;
mod reply;
mod routes;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use gibbon_conf::Limits;
use gibbon_model::Catalog;
use gibbon_model::entities::Upstream;
use gibbon_sdk::AdminRoute;
use gibbon_sdk::Env;
use gibbon_store::Writer;
use http::HeaderValue;

pub use self::health::AddressHealth;
pub use self::health::Health;
pub use self::health::TargetHealth;
pub use self::listeners::Handle;
pub use self::listeners::Http2;
pub use self::listeners::Listening;
pub use self::listeners::serve;
pub use self::outline::Action;
pub use self::outline::Operation;
pub use self::outline::outline;

use self::app::Api;
use self::app::App;

/// What answers call themselves.
const SERVER: &str = concat!("gibbon/", env!("CARGO_PKG_VERSION"));

/// The target of audit lines, which the log takes whatever its level.
pub const AUDIT: &str = "gibbon_audit";

/// What the rest of the node tells the APIs, and does for them.
pub trait Node: Send + Sync + 'static {
    /// Returns how many workers serve the current configuration.
    fn ready_workers(&self) -> usize;

    /// Returns the level of the error log, in Kong's words: `debug`, `info`, `notice`, `warn`, `error`, `crit`, `alert`, `emerg`.
    fn log_level(&self) -> String;

    /// Changes the level of the error log until it is changed again; false when the level cannot be changed at run time.
    fn set_log_level(&self, level: &str) -> bool;

    /// Returns what the balancer knows of targets of an upstream: their text and weight.
    fn health<'a>(&'a self, upstream: &'a Upstream, targets: &'a [(String, u32)]) -> BoxFuture<'a, Health>;

    /// Marks a target of an upstream, or one of its addresses, healthy or unhealthy.
    fn set_health(&self, upstream: &Upstream, target: &str, address: Option<IpAddr>, state: HealthState);

    /// Returns the process ids of the node: the one that was started, then one entry a worker.
    fn process_ids(&self) -> (u32, Vec<u32>) {
        (std::process::id(), vec![std::process::id()])
    }
}

/// What a person says of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// Send it requests.
    Healthy,
    /// Send it none.
    Unhealthy,
}

/// Everything the APIs need.
pub struct AdminParts {
    /// Where entities are read and written; a write returns when it is live.
    pub writer: Arc<Writer>,
    /// What entities and plugins there are.
    pub catalog: Arc<Catalog>,
    /// The node's services, its configuration among them.
    pub env: Arc<Env>,
    /// The endpoints of the plugins that are enabled.
    pub routes: Vec<AdminRoute>,
    /// The rest of the node.
    pub node: Arc<dyn Node>,
}

/// What handlers share.
pub(crate) struct Admin {
    pub(crate) writer: Arc<Writer>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) env: Arc<Env>,
    pub(crate) node: Arc<dyn Node>,
    /// Origins of `admin_gui_url`.
    pub(crate) gui_origins: Vec<HeaderValue>,
    /// Templates of all paths of the Admin API, as `GET /endpoints` lists them.
    pub(crate) templates: Vec<String>,
    /// State that calls change.
    pub(crate) state: endpoints::State,
}

/// The two APIs, ready to be served.
pub struct Apis {
    pub(crate) admin: axum::Router,
    pub(crate) status: axum::Router,
    /// What the listeners of the Admin API allow their clients.
    pub(crate) limits: Limits,
}

impl Apis {
    /// Makes the path tables and what handlers share.
    #[must_use]
    pub fn new(parts: AdminParts) -> Self {
        let admin_paths = routes::admin(&parts);
        let status_paths = routes::status(&parts);
        let limits = parts.env.conf.admin_limits.clone();
        let admin = Arc::new(Admin {
            templates: admin_paths.templates().into_iter().map(str::to_owned).collect(),
            gui_origins: parts.env.conf.admin_gui_url.iter().filter_map(|url| origin(url)).collect(),
            writer: parts.writer,
            catalog: parts.catalog,
            env: parts.env,
            node: parts.node,
            state: endpoints::State::default(),
        });
        Self {
            admin: app::router(App { api: Api::Admin, admin: Arc::clone(&admin), paths: admin_paths }),
            status: app::router(App { api: Api::Status, admin, paths: status_paths }),
            limits,
        }
    }
}

/// Returns the origin of a URL: scheme and authority.
fn origin(url: &str) -> Option<HeaderValue> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    HeaderValue::from_str(&format!("{scheme}://{authority}")).ok()
}
