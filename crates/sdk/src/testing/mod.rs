//! Exchanges without sockets, for the tests of plugins: a request, a directory of consumers and entities, a clock that
//! stands still, and the phases of one filter run over them.
//!
//! ```text
//! let mut exchange = Exchange::get("/x").header("apikey", "k").consumer(ann).entity(key);
//! let refused = exchange.access(&filter).unwrap_err();
//! assert_eq!(refused.status, 401);
//! ```

mod directory;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use gibbon_conf::{Conf, Sources};
use gibbon_http::{BodyError, BodySource, Headers, Method, Part};
use gibbon_model::entities::{Consumer, Route, Service};
use smallvec::SmallVec;
use uuid::Uuid;

use crate::cx::{Client, Credential, Cx, Listener};
use crate::entity::{Held, StoredEntity};
use crate::env::{Clock, Env};
use crate::filter::{Filter, Verdict};
use crate::request::Request;
use crate::response::{Response, Source};
use crate::slots::Slots;
use crate::timings::Timings;
use crate::upstream::UpstreamPlan;

use directory::TestDirectory;

/// The moment at which a test's clock stands: 2026-01-02 03:04:05 UTC, in milliseconds.
pub const START_MS: u64 = 1_767_323_045_000;

/// Returns the services of a node whose clock is moved by hand; `properties` are those of kong.conf.
///
/// # Panics
/// When a property is not valid.
pub fn env(properties: &[(&str, &str)]) -> (Arc<Env>, Arc<AtomicU64>) {
    let vars: BTreeMap<String, String> =
        properties.iter().map(|(name, value)| (format!("KONG_{}", name.to_uppercase()), (*value).to_owned())).collect();
    let sources = Sources { cwd: "/", default_prefix: "/tmp", file: None, env: &vars, overrides: &[] };
    let conf = Conf::load(sources).expect("a test's properties are valid");
    let clock = Arc::new(AtomicU64::new(START_MS));
    let env = Env::new(Arc::new(conf), Clock::Manual(Arc::clone(&clock)), Uuid::from_u128(1), "test".into(), 1, true);
    (Arc::new(env), clock)
}

/// One request and all a filter may see around it. What filters change can be looked at between the phases.
pub struct Exchange {
    /// The node.
    pub env: Arc<Env>,
    /// Wall-clock milliseconds of the node.
    pub clock: Arc<AtomicU64>,
    /// The request.
    pub request: Request,
    /// Where it would be sent.
    pub upstream: UpstreamPlan,
    /// The answer.
    pub response: Response,
    /// Who was named.
    pub consumer: Option<Arc<Consumer>>,
    /// By which credential.
    pub credential: Option<Credential>,
    /// Groups that authentication found.
    pub authenticated_groups: Option<Vec<Box<str>>>,
    /// The client's end.
    pub client: Client,
    /// When things happened.
    pub timings: Timings,
    route: Option<Box<Route>>,
    service: Option<Box<Service>>,
    directory: TestDirectory,
    body: TestBody,
    slots: Slots,
}

impl Exchange {
    /// Returns a request with this method and target.
    ///
    /// # Panics
    /// When they are none.
    pub fn new(method: &str, target: &str) -> Self {
        let (env, clock) = env(&[]);
        let mut request = Request::default();
        request.head.method = Method::parse(method.as_bytes()).expect("a method");
        request.head.target.receive(target.as_bytes(), &request.head.method).expect("a target");
        request.path = gibbon_http::path::normalize(request.head.target.path()).into_owned();
        request.head.headers.append("Host", "a.test");
        let upstream = UpstreamPlan { path: request.path.clone(), reachable: true, ..UpstreamPlan::default() };
        let peer: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 4000));
        Self {
            env,
            clock,
            request,
            upstream,
            response: Response::default(),
            consumer: None,
            credential: None,
            authenticated_groups: None,
            client: Client {
                peer,
                address: peer.ip(),
                port: peer.port(),
                trusted: false,
                connection: 7,
                connection_requests: 1,
            },
            timings: Timings::default(),
            route: None,
            service: None,
            directory: TestDirectory::default(),
            body: TestBody::default(),
            slots: Slots::default(),
        }
    }

    /// Returns a GET request.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// Runs on this node, whose state it then shares with other exchanges.
    #[must_use]
    pub fn on(mut self, env: &Arc<Env>) -> Self {
        self.env = Arc::clone(env);
        self
    }

    /// Adds a request header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request.head.headers.append(name, value);
        self
    }

    /// Gives the request a body of this type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &str) -> Self {
        self.body = TestBody { rest: body.as_bytes().to_vec(), length: body.len() as u64 };
        self.header("Content-Type", content_type).header("Content-Length", &body.len().to_string())
    }

    /// Comes from this address.
    #[must_use]
    pub fn from_address(mut self, address: &str) -> Self {
        self.client.address = address.parse().expect("an address");
        self
    }

    /// Matched this route, given as its document.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.route = Some(Box::new(route));
        self
    }

    /// Goes to this service.
    #[must_use]
    pub fn service(mut self, service: Service) -> Self {
        self.service = Some(Box::new(service));
        self
    }

    /// Adds a consumer that can be found.
    #[must_use]
    pub fn consumer(mut self, consumer: Consumer) -> Self {
        self.directory.add_consumer(consumer);
        self
    }

    /// Adds an entity of a plugin that can be found by `key`, belonging to `owner`.
    #[must_use]
    pub fn entity<T: StoredEntity>(mut self, key: &str, owner: Uuid, entity: T) -> Self {
        self.directory.add_entity(key, owner, entity);
        self
    }

    /// Makes all look-ups answer later, as with a database whose cache is cold.
    #[must_use]
    pub fn with_cold_cache(mut self) -> Self {
        self.directory.cold = true;
        self
    }

    /// Moves the clock forward.
    pub fn advance_ms(&self, ms: u64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    /// Names the consumer, as an authentication plugin before would have.
    #[must_use]
    pub fn named(mut self, consumer: Consumer, credential: Uuid) -> Self {
        let id = consumer.id;
        self.consumer = Some(Arc::new(consumer));
        self.credential = Some(Credential { id: Some(credential), consumer: Some(id), identifier: None });
        self
    }

    /// Runs the rewrite phase.
    ///
    /// # Errors
    /// The reply with which the filter ends the request.
    pub fn rewrite(&mut self, filter: &dyn Filter) -> Verdict {
        self.with(|cx| block_on(filter.rewrite(cx).settle()))
    }

    /// Runs the access phase.
    ///
    /// # Errors
    /// The reply with which the filter ends the request.
    pub fn access(&mut self, filter: &dyn Filter) -> Verdict {
        self.with(|cx| block_on(filter.access(cx).settle()))
    }

    /// Sets the upstream's answer, which the later phases will see.
    pub fn answer(&mut self, status: u16, headers: &[(&str, &str)]) {
        self.response.source = Some(Source::Upstream);
        self.response.head.status = gibbon_http::Status::new(status).expect("a status");
        for (name, value) in headers {
            self.response.head.headers.append(name, value);
        }
    }

    /// Runs the header phase.
    ///
    /// # Errors
    /// The reply that replaces the answer.
    pub fn header_phase(&mut self, filter: &dyn Filter) -> Verdict {
        self.with(|cx| filter.header(cx))
    }

    /// Runs the body phase over these pieces if the filter wants it, and returns the body that comes out.
    pub fn body_phase(&mut self, filter: &dyn Filter, pieces: &[&str]) -> Vec<u8> {
        if !self.with(|cx| filter.wants_body(cx)) {
            return pieces.concat().into_bytes();
        }
        let ends = [Part::END];
        let parts = pieces.iter().map(|piece| Part::Data(piece.as_bytes().to_vec())).chain(ends);
        let mut out = Vec::new();
        for mut part in parts {
            let tail = self.with(|cx| {
                filter.chunk(cx, &mut part);
                std::mem::take(&mut cx.tail)
            });
            out.extend_from_slice(&tail);
            if let Part::Data(data) = part {
                out.extend_from_slice(&data);
            }
        }
        out
    }

    /// Runs the log phase.
    pub fn log(&mut self, filter: &dyn Filter) {
        self.with(|cx| filter.log(cx));
    }

    /// Returns a request header as the upstream would get it.
    pub fn sent(&self, name: &str) -> Option<&str> {
        self.request.head.headers.get_str(name)
    }

    /// Returns a response header as the client would get it.
    pub fn received(&self, name: &str) -> Option<&str> {
        self.response.head.headers.get_str(name)
    }

    /// Lends the exchange as filters see it.
    pub fn with<T>(&mut self, look: impl FnOnce(&mut Cx<'_>) -> T) -> T {
        let peer = self.client.peer;
        let mut cx = Cx {
            env: &self.env,
            directory: &self.directory,
            client: self.client,
            listener: Listener { address: peer, tls: false },
            id: *b"0123456789abcdef0123456789abcdef",
            request: Some(&mut self.request),
            route: self.route.as_deref(),
            service: self.service.as_deref(),
            consumer: self.consumer.clone().map(Held::Shared),
            credential: self.credential.clone(),
            authenticated_groups: self.authenticated_groups.clone(),
            captures: SmallVec::new(),
            upstream: &mut self.upstream,
            response: &mut self.response,
            body: &mut self.body,
            body_read: None,
            tries: SmallVec::new(),
            timings: Timings { started_at_ms: self.env.clock.wall_ms(), ..self.timings },
            buffer_response: false,
            tail: Vec::new(),
            bytes_in: 0,
            bytes_out: 0,
            slots: &mut self.slots,
        };
        let out = look(&mut cx);
        let consumer = cx.consumer.take().map(|held| match held {
            Held::Shared(shared) => shared,
            Held::Snapshot(borrowed) => Arc::new(borrowed.clone()),
        });
        let (credential, groups) = (cx.credential.take(), cx.authenticated_groups.take());
        self.consumer = consumer;
        self.credential = credential;
        self.authenticated_groups = groups;
        out
    }
}

/// A body that is all there.
#[derive(Debug, Default)]
struct TestBody {
    rest: Vec<u8>,
    length: u64,
}

impl BodySource for TestBody {
    fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    fn declared_length(&self) -> Option<u64> {
        Some(self.length)
    }

    fn poll_read(&mut self, _task: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<Result<usize, BodyError>> {
        let came = self.rest.len();
        into.append(&mut self.rest);
        Poll::Ready(Ok(came))
    }

    fn trailers(&mut self) -> Option<Box<Headers>> {
        None
    }
}

/// Polls a future to its end on this thread; for futures that only wait on what tests provide.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut task = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(out) = future.as_mut().poll(&mut task) {
            return out;
        }
        std::thread::yield_now();
    }
}
