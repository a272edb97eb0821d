//! Which address a try goes to: those of an upstream's targets by their weights, else those of the service's host in
//! turn. It opens no connection; names are resolved elsewhere and only looked up here.
//!
//! State is the worker's own: each has its wheels, as each of Kong's workers has.

mod health;
mod pool;
mod wheel;

use std::cell::Cell;
use std::cell::RefCell;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use gibbon_net::clock;
use gibbon_net::dns::DnsError;
use gibbon_net::dns::Lookup;
use gibbon_net::dns::Resolver;
use gibbon_sdk::Cx;
use gibbon_sdk::Reply;
use hashbrown::HashMap;
use uuid::Uuid;

pub use self::health::AddressView;
pub use self::health::Balancing;
pub(crate) use self::health::Marks;
pub use self::health::TargetView;
use self::pool::Origin;
use self::pool::Place;
use self::pool::Pool;
use self::pool::Spot;
use self::wheel::Wheel;
use crate::ids::Ids;
use crate::snapshot::Snapshot;
use crate::snapshot::Targets;
use crate::stop::Stop;

/// Names are looked up again after so many milliseconds; the resolver answers from its memory.
const CHECK_MS: u64 = 500;
/// So often a wheel is turned to find a target that has not failed a request before.
const MOST_TURNS: usize = 100;
/// More names than this are not remembered: plugins may make them up.
const MOST_NAMES: usize = 10_000;

/// A worker's balancer.
pub(crate) struct Balancer {
    resolver: Arc<Resolver>,
    marks: Arc<Marks>,
    ids: Ids,
    names: RefCell<HashMap<Box<str>, Rc<Pool>, foldhash::fast::RandomState>>,
    upstreams: RefCell<HashMap<Uuid, Rc<Pool>, foldhash::fast::RandomState>>,
}

/// The address of one try.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) address: SocketAddr,
    /// The upstream's entity, if it is one.
    pub(crate) targets: Option<Arc<Targets>>,
    name: Rc<str>,
}

impl Choice {
    /// Returns what the upstream is called: the target's host, without port.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the Host that the upstream's entity asks for.
    pub(crate) fn host_header(&self) -> Option<&str> {
        self.targets.as_ref()?.upstream.host_header.as_deref()
    }
}

/// Why there is nobody to ask.
#[derive(Debug)]
pub(crate) enum NoPeer {
    /// The name has no address.
    NotFound,
    /// The name could not be resolved.
    Dns { host: String, error: DnsError },
    /// The upstream has no target that could be chosen.
    Empty,
}

impl NoPeer {
    /// Returns how the request ends. Source: Kong 3.10, runloop/balancer.
    pub(crate) fn stop(self) -> Stop {
        match self {
            Self::NotFound => Reply::error(503, "name resolution failed"),
            Self::Empty => Reply::error(503, "failure to get a peer from the ring-balancer"),
            Self::Dns { host, error } => {
                Reply::error(500, format!("failed the initial dns/balancer resolve for '{host}' with: {error}"))
            }
        }
        .into()
    }
}

impl Balancer {
    /// Returns the balancer of one worker.
    pub(crate) fn new(balancing: Balancing, seed: [u8; 16]) -> Self {
        let Balancing { resolver, marks } = balancing;
        Self { resolver, marks, ids: Ids::seeded(seed), names: RefCell::default(), upstreams: RefCell::default() }
    }

    /// Chooses the address of the next try.
    ///
    /// An upstream entity goes before a name in DNS. Waits only where a name has not been resolved before.
    ///
    /// # Errors
    /// When there is no address.
    pub(crate) async fn choose(&self, snapshot: &Snapshot, cx: &Cx<'_>) -> Result<Choice, NoPeer> {
        let (host, port) = (cx.upstream.host.as_str(), cx.upstream.port);
        let (pool, targets) = match snapshot.upstream(host) {
            Some(targets) => (self.upstream(targets).await, Some(Arc::clone(targets))),
            None => (self.name(host).await?, None),
        };
        let mut spot = pool.next().ok_or(NoPeer::Empty)?;
        if !cx.tries.is_empty() {
            // The wheel is turned by other requests too and may come round to one that has failed this one.
            let has_failed = |spot: &Spot| {
                let address = spot.address(port);
                cx.tries.iter().any(|one| (one.address, one.port) == (address.ip(), address.port()))
            };
            for _ in 0..MOST_TURNS {
                if !has_failed(spot) {
                    break;
                }
                spot = pool.next().unwrap_or(spot);
            }
        }
        Ok(Choice { address: spot.address(port), targets, name: Rc::clone(&spot.name) })
    }

    async fn name(&self, host: &str) -> Result<Rc<Pool>, NoPeer> {
        let known = self.names.borrow().get(host).cloned();
        if let Some(pool) = known.as_ref().filter(|pool| self.stands(pool)) {
            return Ok(Rc::clone(pool));
        }
        let name: Rc<str> = host.into();
        let mut pool = Pool::empty(Origin::Name);
        match self.add(&mut pool, &name, None, 1).await {
            Ok(()) => {}
            Err(DnsError::NotFound) => return Err(NoPeer::NotFound),
            Err(error) => return Err(NoPeer::Dns { host: host.to_owned(), error }),
        }
        let pool = self.turn(pool);
        let mut names = self.names.borrow_mut();
        if names.len() >= MOST_NAMES {
            names.clear();
        }
        names.insert(host.into(), Rc::clone(&pool));
        Ok(pool)
    }

    async fn upstream(&self, targets: &Arc<Targets>) -> Rc<Pool> {
        let id = targets.upstream.id;
        let known = self.upstreams.borrow().get(&id).cloned();
        let same = |pool: &Rc<Pool>| matches!(&pool.origin, Origin::Upstream(of) if Arc::ptr_eq(of, targets));
        let marks = self.marks.version();
        if let Some(pool) = known.as_ref().filter(|pool| same(pool) && pool.marks == marks && self.stands(pool)) {
            return Rc::clone(pool);
        }
        let mut pool = Pool { marks, ..Pool::empty(Origin::Upstream(Arc::clone(targets))) };
        let mut total = 0;
        for target in &targets.targets {
            let (place, from) = (Place::of(target), pool.spots.len());
            if let Err(error) =
                self.add(&mut pool, &place.host.into(), Some(place.port), target.weight.map_or(100, u32::from)).await
            {
                tracing::debug!(%error, target = %target.target, "target has no address");
            }
            total += pool.weights[from..].iter().sum::<u32>();
            if targets.upstream.checks_health() {
                self.leave_out(&mut pool, from, id, &place);
            }
        }
        pool.shut_below(targets.upstream.healthchecks.threshold.unwrap_or_default(), total);
        let pool = self.turn(pool);
        self.upstreams.borrow_mut().insert(id, Rc::clone(&pool));
        pool
    }

    /// Takes the weight of a target's addresses, from place `from` of the pool on, that are marked unhealthy.
    fn leave_out(&self, pool: &mut Pool, from: usize, upstream: Uuid, place: &Place<'_>) {
        for (spot, weight) in pool.spots.iter().zip(&mut pool.weights).skip(from) {
            if self.marks.is_unhealthy(upstream, place.host, place.port, spot.address) {
                *weight = 0;
            }
        }
    }

    /// Tells whether the names of a pool still mean what they meant; looks at most twice a second.
    fn stands(&self, pool: &Pool) -> bool {
        let now = clock::recent();
        if pool.answers.is_empty() || now < pool.checked.get() + CHECK_MS {
            return true;
        }
        pool.checked.set(now);
        pool.answers.iter().all(|(name, before)| match self.resolver.lookup(name) {
            Lookup::Now(answer) => answer.as_ref().map_or(before.is_empty(), |records| records == before),
            Lookup::Later(_) => false,
        })
    }

    /// Adds the addresses of a host to a pool.
    async fn add(&self, pool: &mut Pool, host: &Rc<str>, port: Option<u16>, weight: u32) -> Result<(), DnsError> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse::<IpAddr>() {
            pool.push(Spot { address, port, name: Rc::clone(host) }, weight);
            return Ok(());
        }
        let answer = match self.resolver.lookup(host) {
            Lookup::Now(answer) => answer,
            Lookup::Later(pending) => pending.answer().await,
        };
        pool.answers.push((Rc::clone(host), answer.as_deref().unwrap_or_default().to_vec()));
        for record in answer.as_ref().map_err(Clone::clone)? {
            // A service record has a weight of its own; an address has the target's.
            let weight = if record.target.is_some() { u32::from(record.weight) } else { weight };
            let name =
                record.target.as_deref().filter(|_| pool.takes_srv_names()).map_or_else(|| Rc::clone(host), Rc::from);
            pool.push(Spot { address: record.address, port: record.port.or(port), name }, weight);
        }
        Ok(())
    }

    /// Gives a pool its wheel.
    fn turn(&self, mut pool: Pool) -> Rc<Pool> {
        pool.wheel = Wheel::of(&pool.weights, |bound| self.ids.below(bound));
        Rc::new(pool)
    }
}

impl Pool {
    fn next(&self) -> Option<&Spot> {
        self.spots.get(self.wheel.next()?)
    }

    fn empty(origin: Origin) -> Self {
        Self {
            origin,
            answers: Vec::new(),
            spots: Vec::new(),
            weights: Vec::new(),
            wheel: Wheel::default(),
            checked: Cell::new(clock::recent()),
            marks: 0,
        }
    }

    /// Leaves nothing to choose unless more than a share of the weight, in percent, is left. Source: Kong, balancers.
    fn shut_below(&mut self, threshold: f64, total: u32) {
        let left: u32 = self.weights.iter().sum();
        if f64::from(left) * 100.0 <= threshold * f64::from(total) {
            self.weights.fill(0);
        }
    }

    /// Tells whether Host is what a service record points to, rather than its own name (`use_srv_name`).
    fn takes_srv_names(&self) -> bool {
        matches!(&self.origin, Origin::Upstream(targets) if targets.upstream.use_srv_name == Some(true))
    }

    fn push(&mut self, spot: Spot, weight: u32) {
        self.spots.push(spot);
        self.weights.push(weight);
    }
}
