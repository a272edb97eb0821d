//! One worker: a thread that serves until it is told to end, and what it does beside requests (write the access log,
//! count, take new properties).

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use gibbon_conf::Conf;
use gibbon_net::Exchange;
use gibbon_net::Handler;
use gibbon_net::KeepAlive;
use gibbon_net::Stats;
use gibbon_net::Upstreams;
use gibbon_net::WorkerSetup;
use gibbon_sdk::Env;
use gibbon_sdk::PluginDef;
use gibbon_sdk::Worker;
use gibbon_sdk::env::NodeStats;
use tokio::sync::watch;
use uuid::Uuid;

use crate::access_log::AccessFile;
use crate::access_log::AccessLog;
use crate::balancer::Balancing;
use crate::lease::Leases;
use crate::life::life;
use crate::serving::Parts;
use crate::serving::Serving;
use crate::snapshot::Shared;

/// How often a worker writes its log lines and tells its counts.
const TICK: Duration = Duration::from_millis(200);

/// What a worker is started with, beside its sockets.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) env: Arc<Env>,
    pub(crate) plugins: Arc<[PluginDef]>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) balancing: Balancing,
    pub(crate) access_file: AccessFile,
    /// Properties as they change.
    pub(crate) conf: watch::Receiver<Arc<Conf>>,
}

/// Serves a worker's connections.
struct Served {
    serving: Rc<Serving>,
    leases: Leases,
}

impl Handler for Served {
    async fn handle(&self, exchange: &mut Exchange) {
        let mut lease = self.leases.take();
        life(&self.serving, exchange, &mut lease).await;
        self.leases.give_back(lease);
    }
}

/// Runs a worker on this thread until it is over.
///
/// # Errors
/// When its runtime or a socket could not be set up.
pub(crate) fn run(index: usize, setup: WorkerSetup, start: Start) -> std::io::Result<()> {
    let stats = Arc::clone(&setup.stats);
    gibbon_net::run(setup, |upstreams| serve(index, start, upstreams, stats))
}

/// Makes what serves, and starts what goes on beside.
fn serve(index: usize, start: Start, upstreams: &Rc<Upstreams>, stats: Arc<Stats>) -> Served {
    let Start { env, plugins, shared, balancing, access_file, conf } = start;
    let worker = Worker { index, env: Arc::clone(&env), spawn: |task| drop(tokio::task::spawn_local(task)) };
    for plugin in &*plugins {
        (plugin.start)(&worker);
    }
    let serving = Rc::new(Serving::new(Parts {
        env,
        shared,
        balancing,
        upstreams: Rc::clone(upstreams),
        access_log: AccessLog::new(access_file),
        seed: *Uuid::new_v4().as_bytes(),
    }));
    tokio::task::spawn_local(tick(Rc::clone(&serving), stats));
    tokio::task::spawn_local(follow(Rc::clone(&serving), Rc::clone(upstreams), conf));
    Served { serving, leases: Leases::default() }
}

/// Writes log lines and tells counts, several times a second and when the worker ends.
async fn tick(serving: Rc<Serving>, stats: Arc<Stats>) {
    let too_late = serving.env.conf.overload_lag;
    let measured = Arc::clone(&stats);
    let mut told = Told { node: Arc::clone(&serving.env.stats), stats, counts: Counts::default() };
    loop {
        let due = Instant::now() + TICK;
        tokio::time::sleep(TICK).await;
        let late = due.elapsed();
        measured.late_ms.store(u64::try_from(late.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let before = measured.late_in_a_row.load(Ordering::Relaxed);
        measured.late_in_a_row.store(if late >= too_late { before + 1 } else { 0 }, Ordering::Relaxed);
        serving.access_log.flush();
        told.tell();
    }
}

/// Takes new properties as they come.
async fn follow(serving: Rc<Serving>, upstreams: Rc<Upstreams>, mut conf: watch::Receiver<Arc<Conf>>) {
    while conf.changed().await.is_ok() {
        let conf = Arc::clone(&conf.borrow_and_update());
        serving.reload(&conf);
        upstreams.set_keep_alive(keep_alive(&conf));
    }
}

/// Returns how upstream connections are kept.
pub(crate) fn keep_alive(conf: &Conf) -> KeepAlive {
    KeepAlive {
        pool_size: usize::try_from(conf.upstream_keepalive_pool_size).unwrap_or(usize::MAX),
        max_requests: u32::try_from(conf.upstream_keepalive_max_requests).unwrap_or(u32::MAX),
        idle_timeout: conf.upstream_keepalive_idle_timeout,
    }
}

/// What a worker has counted, as far as the node knows it.
#[derive(Clone, Copy, Default)]
struct Counts {
    accepted: u64,
    closed: u64,
    requests: u64,
    ended: u64,
}

/// Adds a worker's counts to the node's.
struct Told {
    node: Arc<NodeStats>,
    stats: Arc<Stats>,
    counts: Counts,
}

impl Told {
    fn tell(&mut self) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let now = Counts {
            accepted: read(&self.stats.accepted),
            closed: read(&self.stats.closed),
            requests: read(&self.stats.requests),
            ended: read(&self.stats.ended),
        };
        self.add(now);
    }

    fn add(&mut self, now: Counts) {
        let before = std::mem::replace(&mut self.counts, now);
        // Differences may be negative; they wrap around, and back again where they are added.
        let add = |to: &AtomicU64, now: u64, before: u64| to.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
        let open = |counts: &Counts| counts.accepted.saturating_sub(counts.closed);
        let busy = |counts: &Counts| counts.requests.saturating_sub(counts.ended);
        add(&self.node.accepted, now.accepted, before.accepted);
        add(&self.node.handled, now.accepted, before.accepted);
        add(&self.node.requests, now.requests, before.requests);
        add(&self.node.active, open(&now), open(&before));
        add(&self.node.writing, busy(&now), busy(&before));
        let idle = |counts: &Counts| open(counts).saturating_sub(busy(counts));
        add(&self.node.waiting, idle(&now), idle(&before));
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.tell();
        let ended = Counts { closed: self.counts.accepted, ended: self.counts.requests, ..self.counts };
        self.add(ended);
    }
}
