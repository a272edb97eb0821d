//! What a plugin may see: the contract between plugins and the gateway, and what several plugins share.
//!
//! A plugin is a [`Plugin`] (a kind: name, priority, configuration) that builds [`Filter`]s (one per configured plugin).
//! A filter's phases get a [`Cx`], the exchange as a plugin sees it, and answer with a [`Verdict`].
//! This crate knows no socket, no store, no router and no particular plugin.
//!
//! ```text
//! rewrite (global) → route → access (chain) → balancer → header → chunk… → log
//!        └─────────── Err(reply) ends the request here; later filters' header, chunk and log still run
//! ```

pub mod auth;
pub mod counters;
pub mod env;
pub mod form;
pub mod testing;

mod cx;
mod entity;
mod filter;
mod plugin;
mod reply;
mod request;
mod response;
mod slots;
mod timings;
mod upstream;

pub use cx::{Captures, Client, Credential, Cx, Listener, MAX_ARGUMENTS};
pub use entity::{AnyEntity, Directory, EntityKind, Find, Held, Lookup, LookupFailed, ReadEntity, StoredEntity};
pub use env::{Clock, Env, Health, TargetHealth, Worker};
pub use filter::{Filter, GO, LocalBoxFuture, Step, Verdict};
pub use gibbon_http as http;
pub use plugin::{
    AdminCall, AdminFuture, AdminReply, AdminRoute, BuildError, Phases, Plugin, PluginDef, Scope, Surface,
};
pub use reply::{Reply, ReplyBody};
pub use request::Request;
pub use response::{Response, Source};
pub use slots::Slots;
pub use timings::{Nanos, Timings};
pub use upstream::{HostHeader, Query, Scheme, Try, TryState, UpstreamPlan};
