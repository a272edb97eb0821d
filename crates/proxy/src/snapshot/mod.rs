//! The configuration as the workers see it: immutable, replaced as a whole, compiled from documents as they change.
//! Nothing here reads the store while a request runs; where consumers are too many to hold them all, a request that needs
//! one which is not known yet waits until control has asked for it.
//!
//! ```text
//! store ── changes ──► Publisher ── Compiler ──► Snapshot ──► Shared ── generation moved? ──► a worker's Handle
//!                                     │ (copies only what a change touches)                        │ last use
//!                                     └──────────────────── retired roots are dropped ◄────────────┘
//! ```

mod answers;
mod compile;
mod desk;
mod directory;
mod entities;
mod lookups;
mod owners;
mod publish;
mod secrets;
mod shards;
mod shared;
#[cfg(test)]
mod tests;
mod tls;
mod upstreams;

use std::sync::Arc;

use gibbon_model::entities::CaCertificate;
use gibbon_model::entities::Certificate;
use gibbon_model::entities::Consumer;
use gibbon_model::entities::Route;
use gibbon_model::entities::Service;
use gibbon_sdk::Env;
use uuid::Uuid;

pub use self::compile::CompileError;
pub use self::compile::Compiler;
pub use self::compile::Load;
pub use self::publish::LivePublisher;
pub use self::publish::compile_all;
pub use self::shards::Shards;
pub use self::shared::Handle;
pub use self::shared::Held;
pub use self::shared::Shared;
pub use self::upstreams::Targets;

use self::entities::Entities;
use self::lookups::LookUps;
use self::tls::Certificates;
use self::upstreams::Upstreams;
use crate::chain::Chain;
use crate::chain::Chains;
use crate::router::Found;
use crate::router::Key;
use crate::router::Router;

/// A configuration. Copies share all that is not changed after.
#[derive(Clone)]
pub struct Snapshot {
    env: Arc<Env>,
    router: Router<Arc<Route>>,
    routes: Shards<Uuid, Arc<Route>>,
    services: Shards<Uuid, Arc<Service>>,
    consumers: Shards<Uuid, Arc<Consumer>>,
    usernames: Shards<Box<str>, Arc<Consumer>>,
    custom_ids: Shards<Box<str>, Arc<Consumer>>,
    chains: Chains,
    entities: Entities,
    /// None while consumers and plugins' entities are held whole.
    lookups: Option<LookUps>,
    certificates: Certificates,
    ca_certificates: Shards<Uuid, Arc<CaCertificate>>,
    upstreams: Upstreams,
}

/// What the router found for a request.
#[derive(Debug)]
pub struct Match<'s> {
    /// The route, and how it was matched.
    pub found: Found<'s, Arc<Route>>,
    /// The route's service; none for a route without one.
    pub service: Option<&'s Arc<Service>>,
}

impl Snapshot {
    /// Returns the configuration of a node that has none yet.
    pub fn new(env: Arc<Env>) -> Self {
        Self {
            env,
            router: Router::default(),
            routes: Shards::default(),
            services: Shards::default(),
            consumers: Shards::default(),
            usernames: Shards::default(),
            custom_ids: Shards::default(),
            chains: Chains::default(),
            entities: Entities::default(),
            lookups: None,
            certificates: Certificates::default(),
            ca_certificates: Shards::default(),
            upstreams: Upstreams::default(),
        }
    }

    /// Returns the route that takes a request, with its service.
    pub fn find(&self, key: &Key<'_>) -> Option<Match<'_>> {
        let found = self.router.find(key)?;
        let service = found.route.service.and_then(|service| self.services.get(&service.id));
        Some(Match { found, service })
    }

    /// Returns the plugins of requests that are not routed: before the router, and when it found nothing.
    pub fn global_chain(&self) -> Chain<'_> {
        self.chains.global()
    }

    /// Returns the plugins of a route.
    pub fn chain(&self, route: &Route) -> Chain<'_> {
        self.chains.of(route.id, route.service.map(|service| service.id))
    }

    /// Returns the upstream entity that a service's host names, with its targets.
    pub fn upstream(&self, host: &str) -> Option<&Arc<Targets>> {
        self.upstreams.get(host)
    }

    /// Returns the certificate to show to a TLS client that asks for `sni`, or for nothing; none means the node's own.
    ///
    /// The exact name goes before `*.suffix` before `prefix.*` before `*`. The same `Arc` is returned until the
    /// certificate changes, so that what was made of it can be kept by its address.
    pub fn certificate(&self, sni: Option<&str>) -> Option<&Arc<Certificate>> {
        self.certificates.find(sni)
    }

    /// Returns a certificate by its id, such as the one a service shows to its upstream.
    pub fn certificate_of(&self, id: Uuid) -> Option<&Arc<Certificate>> {
        self.certificates.get(id)
    }

    /// Returns a CA certificate by its id.
    pub fn ca_certificate(&self, id: Uuid) -> Option<&Arc<CaCertificate>> {
        self.ca_certificates.get(&id)
    }

    /// Returns how many routes there are, routable or not.
    pub fn routes(&self) -> usize {
        self.routes.len()
    }
}
