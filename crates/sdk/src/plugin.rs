//! A kind of plugin, as code ([`Plugin`]) and as the value that the registry lists ([`PluginDef`]).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use gibbon_model::plugin::{HTTP, PluginKind, Scopes};
use gibbon_schema::{Document, Typed, Value};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::entity::EntityKind;
use crate::env::{Env, Worker};
use crate::filter::Filter;

/// A kind of plugin: its name, its place in the order, its configuration, how to build one.
pub trait Plugin: 'static {
    /// The name users write, such as `key-auth`.
    const NAME: &'static str;
    /// Higher runs earlier; equal ones by name, z before a.
    const PRIORITY: i32;
    /// The phases that its filters implement; only these are called.
    const PHASES: Phases;
    /// What it may be tied to.
    const SCOPES: Scopes = Scopes::ANY;
    /// Protocols whose requests it may run on; those of HTTP among them are the default.
    const PROTOCOLS: &'static [&'static str] = HTTP;
    /// The default of `protocols`, where it is not those of HTTP.
    const DEFAULT_PROTOCOLS: Option<&'static [&'static str]> = None;
    /// The `config` record.
    type Config: Typed + DeserializeOwned;
    /// What `build` makes.
    type Filter: Filter + 'static;

    /// Returns the entities that belong to this kind, such as credentials.
    fn entities() -> Vec<EntityKind> {
        Vec::new()
    }

    /// Returns its own endpoints on the Admin or Status API, if any.
    fn admin() -> Vec<AdminRoute> {
        Vec::new()
    }

    /// Builds a filter from an admitted configuration.
    ///
    /// # Errors
    /// When the configuration cannot work on this node; the configuration change is refused with the message.
    fn build(config: Self::Config, env: &Arc<Env>, scope: &Scope) -> Result<Self::Filter, BuildError>;

    /// Runs once on each worker's thread at start, also when the plugin is not configured.
    fn start(_worker: &Worker) {}
}

/// What a configured plugin is tied to. Node state is keyed by it, as Kong keys its counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The configured plugin's own id.
    pub id: Uuid,
    /// Its consumer, if it is tied to one.
    pub consumer: Option<Uuid>,
    /// Its route, if it is tied to one.
    pub route: Option<Uuid>,
    /// Its service, if it is tied to one.
    pub service: Option<Uuid>,
}

/// A set of phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phases(u16);

impl Phases {
    /// Before routing; global instances only.
    pub const REWRITE: Self = Self(1);
    /// After routing, before the upstream.
    pub const ACCESS: Self = Self(2);
    /// The whole response is read first.
    pub const RESPONSE: Self = Self(4);
    /// The response head.
    pub const HEADER: Self = Self(8);
    /// The response body.
    pub const BODY: Self = Self(16);
    /// After all is sent.
    pub const LOG: Self = Self(32);
    /// TLS handshakes; global instances only.
    pub const CERTIFICATE: Self = Self(64);
    /// TCP, TLS and UDP streams.
    pub const PREREAD: Self = Self(128);

    /// Returns the union, usable in constants.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether every phase of `other` is in this set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns Kong's names of the HTTP phases in this set, in the order in which they run.
    pub fn names(self) -> Vec<&'static str> {
        [
            (Self::CERTIFICATE, "certificate"),
            (Self::REWRITE, "rewrite"),
            (Self::ACCESS, "access"),
            (Self::RESPONSE, "response"),
            (Self::HEADER, "header_filter"),
            (Self::BODY, "body_filter"),
            (Self::LOG, "log"),
            (Self::PREREAD, "preread"),
        ]
        .into_iter()
        .filter(|(phase, _)| self.has(*phase))
        .map(|(_, name)| name)
        .collect()
    }
}

/// Why a filter could not be built: one sentence that names the field at fault.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);

/// On which API a plugin's endpoint is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// The Admin API only.
    Admin,
    /// The Admin and the Status API.
    AdminAndStatus,
}

/// A call of a plugin's own endpoint.
pub struct AdminCall {
    /// The method, upper case.
    pub method: String,
    /// Path parameters in order of the template.
    pub parameters: Vec<String>,
    /// The body, decoded as the Admin API decodes bodies; empty if there was none.
    pub body: Document,
    /// The node's services.
    pub env: Arc<Env>,
}

/// The answer of a plugin's own endpoint.
pub struct AdminReply {
    /// HTTP status.
    pub status: u16,
    /// Content-Type.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// What an endpoint's handler returns.
pub type AdminFuture = Pin<Box<dyn Future<Output = AdminReply> + Send>>;

/// One endpoint that a plugin adds.
#[derive(Clone, Copy)]
pub struct AdminRoute {
    /// The path template, such as `/proxy-cache/{key}`.
    pub path: &'static str,
    /// Methods it answers, upper case.
    pub methods: &'static [&'static str],
    /// Where it is served.
    pub surface: Surface,
    /// What answers.
    pub handler: fn(AdminCall) -> AdminFuture,
}

type Build = dyn Fn(&Value, &Arc<Env>, &Scope) -> Result<Arc<dyn Filter>, BuildError> + Send + Sync;

/// A kind of plugin as a value: what the registry lists. Engines for foreign plugins make the same values at start.
#[derive(Clone)]
pub struct PluginDef {
    /// Name, priority, version, scopes and schema.
    pub kind: PluginKind,
    /// Where its code is, as `crate::folder::Type`; its README stands beside it.
    pub code: &'static str,
    /// See [`Plugin::PHASES`].
    pub phases: Phases,
    /// Entities that belong to it.
    pub entities: Vec<EntityKind>,
    /// Its endpoints.
    pub admin: Vec<AdminRoute>,
    /// Makes a filter from an admitted `config`.
    pub build: Arc<Build>,
    /// See [`Plugin::start`].
    pub start: fn(&Worker),
}

impl PluginDef {
    /// Returns the value that stands for plugin kind `P`.
    pub fn of<P: Plugin>() -> Self {
        let mut kind = PluginKind::new(P::NAME, P::PRIORITY, P::SCOPES, P::PROTOCOLS, P::Config::record());
        let protocols = kind.record.fields.iter_mut().find(|field| field.name == "protocols");
        if let (Some(field), Some(usual)) = (protocols, P::DEFAULT_PROTOCOLS) {
            field.default = Some(usual.into());
        }
        Self {
            kind,
            code: std::any::type_name::<P>(),
            phases: P::PHASES,
            entities: P::entities(),
            admin: P::admin(),
            build: Arc::new(|config, env, scope| {
                let config = P::Config::deserialize(config)
                    .map_err(|error| BuildError(format!("config of plugin `{}`: {error}", P::NAME)))?;
                Ok(Arc::new(P::build(config, env, scope)?))
            }),
            start: P::start,
        }
    }
}
