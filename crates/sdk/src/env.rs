//! The node's services, handed to plugins so that time, randomness and node-wide state are values a test can set.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::filter::LocalBoxFuture;
use crate::timings::Nanos;

/// Time, as the system has it or as a test sets it.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's clocks.
    #[default]
    System,
    /// Milliseconds since the epoch, moved by whoever holds the other end.
    Manual(Arc<AtomicU64>),
    /// The system's clocks, but the wall clock is off by so many milliseconds; whoever holds the other end makes it jump.
    Shifted(Arc<AtomicI64>),
}

impl Clock {
    /// Returns wall-clock milliseconds since the epoch.
    pub fn wall_ms(&self) -> u64 {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
            Self::Manual(ms) => ms.load(Ordering::Relaxed),
            Self::Shifted(by) => Self::System.wall_ms().saturating_add_signed(by.load(Ordering::Relaxed)),
        }
    }

    /// Returns nanoseconds on a monotonic clock that began at 1 when the process first asked.
    pub fn nanos(&self) -> Nanos {
        static START: OnceLock<Instant> = OnceLock::new();
        match self {
            Self::System | Self::Shifted(_) => {
                u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX) + 1
            }
            Self::Manual(ms) => ms.load(Ordering::Relaxed) * 1_000_000 + 1,
        }
    }
}

/// Counts of the node's connections and requests, as `/status` and metrics show them.
#[derive(Debug, Default)]
pub struct NodeStats {
    /// Client connections that are open.
    pub active: AtomicU64,
    /// Client connections accepted since the start.
    pub accepted: AtomicU64,
    /// Client connections handled since the start.
    pub handled: AtomicU64,
    /// Requests since the start.
    pub requests: AtomicU64,
    /// Connections on which a request head is being read.
    pub reading: AtomicU64,
    /// Connections on which a request is in progress.
    pub writing: AtomicU64,
    /// Connections that wait for the next request.
    pub waiting: AtomicU64,
    /// Whether the store answered when last asked.
    pub database_reachable: AtomicBool,
    /// Which pressures hold, by [`Pressure`].
    pub pressures: [AtomicBool; 4],
    /// Requests answered with 503 because of one.
    pub shed: AtomicU64,
    /// Connections closed at once because of one.
    pub refused: AtomicU64,
    /// Bytes of memory the process takes.
    pub resident: AtomicU64,
    /// Bytes from which on requests are shed; 0 is no bound.
    pub memory_threshold: AtomicU64,
    /// Milliseconds by which the latest worker was late when it last looked.
    pub lag_ms: AtomicU64,
}

/// What a node may have too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// Memory (`overload_memory`).
    Memory,
    /// Work that waits for its turn (`overload_lag`).
    Lag,
    /// Requests in flight (`overload_requests`).
    Requests,
    /// Connections (`worker_connections`).
    Connections,
}

impl Pressure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Memory, Self::Lag, Self::Requests, Self::Connections];

    /// Returns its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Lag => "lag",
            Self::Requests => "requests",
            Self::Connections => "connections",
        }
    }
}

/// How a target's address is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nobody checks it.
    HealthchecksOff,
    /// It passes its checks.
    Healthy,
    /// It fails its checks.
    Unhealthy,
    /// Its name has no address.
    DnsError,
}

/// One address of a target, as metrics and the Admin API show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetHealth {
    /// Name of the upstream.
    pub upstream: String,
    /// The target as configured, `host:port`.
    pub target: String,
    /// The address; none if the name has none.
    pub address: Option<SocketAddr>,
    /// How it is doing.
    pub health: Health,
}

/// Tells how all targets are doing.
pub type HealthSource = dyn Fn() -> Vec<TargetHealth> + Send + Sync;

/// The node's services.
pub struct Env {
    /// Time.
    pub clock: Clock,
    /// This node's id.
    pub node_id: Uuid,
    /// This host's name.
    pub hostname: String,
    /// How many workers serve.
    pub workers: usize,
    /// Whether there is no database (`database = off`).
    pub dbless: bool,
    /// The node's properties.
    pub conf: Arc<gibbon_conf::Conf>,
    /// Counts.
    pub stats: Arc<NodeStats>,
    /// Tells how targets are doing; set by the balancer when it starts.
    pub health: OnceLock<Box<HealthSource>>,
    states: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Env {
    /// Returns the services of a node.
    pub fn new(
        conf: Arc<gibbon_conf::Conf>,
        clock: Clock,
        node_id: Uuid,
        hostname: String,
        workers: usize,
        dbless: bool,
    ) -> Self {
        Self {
            clock,
            node_id,
            hostname,
            workers,
            dbless,
            conf,
            stats: Arc::default(),
            health: OnceLock::new(),
            states: Mutex::default(),
        }
    }

    /// Returns the largest request body, in bytes, that plugins read unless they say otherwise
    /// (`nginx_http_client_body_buffer_size`): Kong's plugins see no larger one.
    pub fn body_buffer_size(&self) -> usize {
        usize::try_from(self.conf.proxy_limits.client_body_buffer_size).unwrap_or(usize::MAX)
    }

    /// Returns the node-wide state of type `T`, made by default on first use. It outlives every change of configuration.
    ///
    /// Takes a lock: ask when a filter is built or a worker starts, and keep the answer.
    pub fn state<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = states.entry(TypeId::of::<T>()).or_insert_with(|| Arc::<T>::default());
        Arc::clone(state).downcast().expect("invariant: a state is filed under its own type")
    }
}

/// One worker: a thread with its own runtime, listeners, upstream connections and plugin state.
pub struct Worker {
    /// From 0.
    pub index: usize,
    /// The node's services.
    pub env: Arc<Env>,
    /// Runs a task on this worker's thread.
    pub spawn: fn(LocalBoxFuture<'static, ()>),
}
