//! What a worker serves requests with: its snapshot, its connections, its memory. One per worker, used by its thread
//! alone; nothing here is locked.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use gibbon_conf::Conf;
use gibbon_net::Exchange;
use gibbon_net::Upstreams;
use gibbon_net::clock;
use gibbon_sdk::Client;
use gibbon_sdk::Clock;
use gibbon_sdk::Env;
use gibbon_sdk::Listener;
use gibbon_sdk::Nanos;
use gibbon_sdk::Timings;
use gibbon_sdk::http::Headers;

use crate::access_log::AccessLog;
use crate::balancer::Balancer;
use crate::balancer::Balancing;
use crate::date;
use crate::ids::Ids;
use crate::settings::Settings;
use crate::snapshot::Handle;
use crate::snapshot::Held;
use crate::snapshot::Shared;
use crate::upstream_tls::TlsCache;

/// What a worker serves with.
pub(crate) struct Serving {
    pub(crate) env: Arc<Env>,
    pub(crate) ids: Ids,
    pub(crate) upstreams: Rc<Upstreams>,
    pub(crate) balancer: Balancer,
    pub(crate) access_log: AccessLog,
    pub(crate) tls: TlsCache,
    settings: RefCell<Rc<Settings>>,
    snapshot: RefCell<Handle>,
    date: Cell<(u64, [u8; 29])>,
    /// What the clock of `env` shows when the worker's own shows 0.
    origin: u64,
    /// A reading of the worker's clock, in milliseconds, and of the system's wall clock at that moment.
    wall: Cell<(u64, u64)>,
}

/// What [`Serving`] is put together from, beside what it makes itself.
pub(crate) struct Parts {
    pub(crate) env: Arc<Env>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) balancing: Balancing,
    pub(crate) upstreams: Rc<Upstreams>,
    pub(crate) access_log: AccessLog,
    /// Random bytes.
    pub(crate) seed: [u8; 16],
}

impl Serving {
    pub(crate) fn new(parts: Parts) -> Self {
        let origin = parts.env.clock.nanos().saturating_sub(clock::nanos());
        Self {
            settings: RefCell::new(Rc::new(Settings::of(&parts.env.conf))),
            tls: TlsCache::of(&parts.env.conf),
            env: parts.env,
            ids: Ids::seeded(parts.seed),
            upstreams: parts.upstreams,
            balancer: Balancer::new(parts.balancing, parts.seed),
            access_log: parts.access_log,
            snapshot: RefCell::new(Handle::new(&parts.shared)),
            date: Cell::new((u64::MAX, [0; 29])),
            origin,
            wall: Cell::new((0, 0)),
        }
    }

    /// Returns the properties in force.
    pub(crate) fn settings(&self) -> Rc<Settings> {
        Rc::clone(&self.settings.borrow())
    }

    /// Puts other properties in force for requests that begin from now on.
    pub(crate) fn reload(&self, conf: &Conf) {
        *self.settings.borrow_mut() = Rc::new(Settings::of(conf));
    }

    /// Returns the configuration in force.
    pub(crate) fn snapshot(&self) -> Rc<Held> {
        Rc::clone(self.snapshot.borrow_mut().snapshot())
    }

    /// Returns the timings of a request that begins now.
    pub(crate) fn begin(&self) -> Timings {
        Timings { started: self.nanos(), started_at_ms: self.wall_ms(), ..Timings::default() }
    }

    /// Returns nanoseconds on the clock that plugins read, as fresh as the worker's turn: asking is nearly free.
    pub(crate) fn nanos(&self) -> Nanos {
        match &self.env.clock {
            Clock::System => clock::nanos() + self.origin,
            manual => manual.nanos(),
        }
    }

    /// Returns milliseconds since the epoch, as fresh as [`nanos`](Self::nanos). A step of the system's clock is seen
    /// within a second.
    pub(crate) fn wall_ms(&self) -> u64 {
        if !matches!(self.env.clock, Clock::System) {
            return self.env.clock.wall_ms();
        }
        let now = clock::nanos() / 1_000_000;
        let (read_at, wall) = self.wall.get();
        if read_at == 0 || now >= read_at + 1_000 {
            let wall = self.env.clock.wall_ms();
            self.wall.set((now, wall));
            return wall;
        }
        wall + (now - read_at)
    }

    /// Returns the two ends of a request's connection.
    pub(crate) fn ends(&self, settings: &Settings, exchange: &Exchange, headers: &Headers) -> (Client, Listener) {
        let peer = exchange.peer();
        let itself = Client {
            peer: peer.remote,
            address: peer.remote.ip().to_canonical(),
            port: peer.remote.port(),
            trusted: false,
            connection: peer.serial,
            connection_requests: exchange.request_number(),
        };
        let client = settings.clients.client(itself, None, headers);
        (client, Listener { address: peer.local, tls: peer.tls.is_some() })
    }

    /// Returns the Date header of now; it is made once a second.
    pub(crate) fn date(&self) -> [u8; 29] {
        let now = self.wall_ms() / 1000;
        if self.date.get().0 != now {
            self.date.set((now, date::imf(now)));
        }
        self.date.get().1
    }
}
