//! The exchange as a plugin sees it. It borrows from a snapshot that the request's life holds, for as long as the
//! request lasts, so that nothing shared is counted per request.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use gibbon_http::query::Args;
use gibbon_http::{BodyError, BodySource};
use gibbon_model::entities::{Consumer, Route, Service};
use smallvec::SmallVec;
use uuid::Uuid;

use crate::entity::{AnyEntity, Directory, Find, Held, Lookup, StoredEntity};
use crate::env::Env;
use crate::request::Request;
use crate::response::Response;
use crate::slots::Slots;
use crate::timings::Timings;
use crate::upstream::{Query, Try, UpstreamPlan};

/// Most query arguments that are read (`lua_max_uri_args`).
pub const MAX_ARGUMENTS: usize = 100;

/// Who is at the other end of the client's connection.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// The TCP peer.
    pub peer: SocketAddr,
    /// The client's address after `trusted_ips` and `real_ip_header` have been applied.
    pub address: IpAddr,
    /// The client's port after the same.
    pub port: u16,
    /// Whether the TCP peer is one of `trusted_ips`.
    pub trusted: bool,
    /// Serial number of the connection on this node, from 1.
    pub connection: u64,
    /// How many requests the connection has carried, this one included.
    pub connection_requests: u64,
}

/// The listener a request came through.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    /// Its address and port.
    pub address: SocketAddr,
    /// Whether it terminates TLS.
    pub tls: bool,
}

/// Who was authenticated: the credential's own facts, whatever its plugin.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its id, when it is an entity.
    pub id: Option<Uuid>,
    /// The consumer it belongs to.
    pub consumer: Option<Uuid>,
    /// What is sent upstream as `X-Credential-Identifier`, where that is not the id.
    pub identifier: Option<Box<str>>,
}

/// Captures of a route's regex path: names, or numbers as text, with what they matched.
pub type Captures = SmallVec<[(Box<str>, Box<[u8]>); 2]>;

/// What a plugin sees of an exchange, and what it may change of it.
pub struct Cx<'s> {
    /// The node's services: clock, counters, metrics, configuration facts.
    pub env: &'s Arc<Env>,
    /// Looks up consumers and the entities of plugins.
    pub directory: &'s dyn Directory,
    /// The client's end.
    pub client: Client,
    /// The listener's end.
    pub listener: Listener,
    /// The request id: 32 lower-case hex digits.
    pub id: [u8; 32],
    /// The request; `None` when its head could not be parsed (the header and log phases of global plugins still run).
    pub request: Option<&'s mut Request>,
    /// The route that matched.
    pub route: Option<&'s Route>,
    /// The route's service.
    pub service: Option<&'s Service>,
    /// The consumer, once an authentication plugin has named one.
    pub consumer: Option<Held<'s, Consumer>>,
    /// The credential that was shown.
    pub credential: Option<Credential>,
    /// Groups that an authentication plugin found by itself, without a consumer (LDAP, OpenID Connect).
    pub authenticated_groups: Option<Vec<Box<str>>>,
    /// Captures of the route's regex path: names (or numbers as text) and values.
    pub captures: Captures,
    /// Where the request will be sent.
    pub upstream: &'s mut UpstreamPlan,
    /// The answer. Headers set before there is one are sent with whatever answer comes.
    pub response: &'s mut Response,
    /// The request body, as far as nobody has read it.
    pub body: &'s mut dyn BodySource,
    /// What was read of the request body by [`Cx::read_body`].
    pub body_read: Option<Vec<u8>>,
    /// The attempts made so far.
    pub tries: SmallVec<[Try; 1]>,
    /// When things happened.
    pub timings: Timings,
    /// Whether a filter wants the whole response before the header phase.
    pub buffer_response: bool,
    /// What a filter that kept the body back adds when it sees [`gibbon_http::Part::End`]: later filters see it as data,
    /// and it is sent before the end.
    pub tail: Vec<u8>,
    /// Bytes received from the client for this request, head included.
    pub bytes_in: u64,
    /// Bytes sent to the client for this request, head included.
    pub bytes_out: u64,
    /// State of plugins.
    pub slots: &'s mut Slots,
}

impl<'s> Cx<'s> {
    /// Returns the request.
    ///
    /// # Panics
    /// Outside of the header, chunk and log phases of a request whose head did not parse, there always is one.
    pub fn request(&mut self) -> &mut Request {
        self.request.as_deref_mut().expect("invariant: rewrite and access run only with a parsed head")
    }

    /// Returns the query string as it stands now, without the `?`: the client's, or what plugins made of it.
    pub fn query(&self) -> Option<&[u8]> {
        match &self.upstream.query {
            Query::Changed(query) => query.as_deref(),
            Query::AsReceived => self.request.as_deref().and_then(|request| request.head.target.query()),
        }
    }

    /// Takes a query argument out of what the upstream gets. What is left is written anew, with `=` behind every name,
    /// as Kong's `clear_query_arg` does; without such an argument the query stays byte for byte.
    pub fn clear_query_argument(&mut self, name: &str) {
        let Some(query) = self.query() else { return };
        let mut args = Args::parse(query, MAX_ARGUMENTS);
        if !args.remove(name) {
            return;
        }
        args.fill_values();
        self.upstream.query = Query::Changed((!args.is_empty()).then(|| args.encode()));
    }

    /// Returns this plugin's own state for this request, made by default on first use.
    pub fn slot<T: Default + 'static>(&mut self) -> &mut T {
        self.slots.of::<T>()
    }

    /// Finds a consumer by id or `username`.
    pub fn find_consumer(&self, by: Lookup<'_>) -> Find<'s, Consumer> {
        self.directory.consumer(by)
    }

    /// Finds an entity of a plugin by id or endpoint key.
    pub fn find<T: StoredEntity>(&self, by: Lookup<'_>) -> Find<'s, T> {
        self.directory.entity(T::ENTITY, by).typed()
    }

    /// Finds all entities of a plugin's kind that belong to this consumer.
    pub fn find_of_consumer<T: StoredEntity>(&self, consumer: Uuid) -> Find<'s, Vec<Arc<AnyEntity>>> {
        self.directory.of_consumer(T::ENTITY, consumer)
    }

    /// Returns the whole request body, reading what has not been read yet.
    ///
    /// # Errors
    /// When the body breaks off, or is longer than `limit` bytes (then what came stays read and is still sent upstream).
    pub async fn read_body(&mut self, limit: usize) -> Result<&[u8], BodyError> {
        let mut read = self.body_read.take().unwrap_or_default();
        while !self.body.is_done() && read.len() <= limit {
            let outcome = std::future::poll_fn(|task| self.body.poll_read(task, &mut read)).await;
            match outcome {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    self.body_read = Some(read);
                    return Err(error);
                }
            }
        }
        let too_large = read.len() > limit;
        let read = self.body_read.insert(read);
        if too_large { Err(BodyError::TooLarge) } else { Ok(read) }
    }
}
