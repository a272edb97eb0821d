//! A worker: one thread's runtime, its accept loops, and what its connections share: settings, exchanges and futures to
//! lend, statistics. Which workers there are, and on which threads, is the caller's business.

use std::cell::Cell;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Waker;
use std::time::Duration;

use gibbon_http::h1::Limits;
use tokio::sync::watch;

use crate::Exchange;
use crate::KeepAlive;
use crate::Level;
use crate::Load;
use crate::Peer;
use crate::Upstreams;
use crate::batch;
use crate::clock;
use crate::life::Life;
use crate::listen::Socket;
use crate::places::Places;

/// What to do with a request. One handler lives in each worker.
///
/// The future is made once and then used again for exchange after exchange; it is polled only by the connection's task,
/// and dropped with it.
pub trait Handler: 'static {
    /// Answers one request, from its head to the log. When it returns without having finished a response, the
    /// connection is cut. A panic ends this exchange and its connection only.
    fn handle(&self, exchange: &mut Exchange) -> impl Future<Output = ()>;
}

/// How client connections are served; the defaults are nginx's as Kong sets them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How large a request head may be.
    pub limits: Limits,
    /// How long a head may take (`client_header_timeout`).
    pub header_timeout: Duration,
    /// How long a client may be silent within a body (`client_body_timeout`).
    pub body_timeout: Duration,
    /// How long a client may take nothing of an answer (`send_timeout`).
    pub send_timeout: Duration,
    /// How long a connection may be idle (`keepalive_timeout`); zero closes it after one request.
    pub keepalive_timeout: Duration,
    /// Requests a connection may carry (`keepalive_requests`).
    pub keepalive_requests: u32,
    /// Bytes a request body may have (`client_max_body_size`); 0 is no limit.
    pub max_body: u64,
    /// Streams an HTTP/2 connection may have at once (`http2_max_concurrent_streams`).
    pub h2_streams: u32,
    /// Streams a client may reset on an HTTP/2 connection in ten seconds; 0 is no limit.
    pub h2_resets: u32,
    /// Frames without content a client may send on an HTTP/2 connection in ten seconds; 0 is no limit.
    pub h2_control_frames: u32,
    /// How long the rest of an answered request's body may take (`lingering_time`).
    pub lingering_time: Duration,
    /// How long a client is listened to after the last answer (`lingering_timeout`).
    pub lingering_timeout: Duration,
    /// Bytes a second at which a client must send a body and take an answer while we wait for it; 0 is no limit.
    pub client_rate: u64,
    /// Bytes the head of an upstream's answer may have (`proxy_buffer_size`).
    pub answer_head: usize,
    /// Connections the worker has at once (`worker_connections`).
    pub connections: usize,
    /// Requests in flight above which further ones are marked to be turned away; 0 is no limit.
    pub requests: usize,
    /// Whether what connections send in one turn of the worker goes out with one system call, where the system has
    /// io_uring; asked once, when the worker starts.
    pub batches: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            header_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(60),
            send_timeout: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(75),
            keepalive_requests: 10_000,
            max_body: 0,
            h2_streams: 128,
            h2_resets: 500,
            h2_control_frames: 2000,
            lingering_time: Duration::from_secs(30),
            lingering_timeout: Duration::from_secs(5),
            client_rate: 240,
            answer_head: 32 * 1024,
            connections: 16_384,
            requests: 16_384,
            batches: true,
        }
    }
}

/// How a worker is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Serve.
    Running,
    /// Accept no more, finish what goes on, close connections with an answer or when they stay idle, then end.
    Draining,
    /// End now.
    Stopped,
}

/// Counts of one worker, written by it alone and read by anyone; sum them over workers. As nginx's stub_status.
#[derive(Debug, Default)]
pub struct Stats {
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Connections closed.
    pub closed: AtomicU64,
    /// Connections closed at once, for there were as many as there may be; not among those accepted.
    pub refused: AtomicU64,
    /// Requests begun.
    pub requests: AtomicU64,
    /// Requests ended.
    pub ended: AtomicU64,
    /// Requests marked to be turned away.
    pub shed: AtomicU64,
    /// Milliseconds by which the worker was late when it last had its turn; written by whoever drives a clock in it.
    pub late_ms: AtomicU64,
    /// How often in a row it was too late.
    pub late_in_a_row: AtomicU64,
    /// Bytes received from clients in requests that ended.
    pub received: AtomicU64,
    /// Bytes sent to clients in requests that ended.
    pub sent: AtomicU64,
}

/// Adds to a counter that only this thread writes: no locked instruction.
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Relaxed);
}

/// What a worker starts with.
pub struct WorkerSetup {
    /// The sockets it accepts on.
    pub sockets: Vec<Socket>,
    /// How client connections are served.
    pub settings: Settings,
    /// How upstream connections are kept.
    pub keep_alive: KeepAlive,
    /// Where it counts.
    pub stats: Arc<Stats>,
    /// How much the node takes on.
    pub load: Arc<Load>,
    /// How it is to go on.
    pub stage: watch::Receiver<Stage>,
}

/// Runs a worker on this thread until its stage says it is over. `make` is called inside the runtime (it may spawn local
/// tasks) and returns the handler.
///
/// # Errors
/// The runtime or a socket could not be set up.
pub fn run<H: Handler>(setup: WorkerSetup, make: impl FnOnce(&Rc<Upstreams>) -> H) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_unpark(clock::woke)
        .build_local(Default::default())?;
    runtime.block_on(async move {
        let WorkerSetup { sockets, settings, keep_alive, stats, load, mut stage } = setup;
        if settings.batches {
            tokio::task::spawn_local(batch::collect());
        }
        let upstreams = Upstreams::new(keep_alive);
        let handler = Rc::new(make(&upstreams));
        let shared = Rc::new(Shared {
            settings: Rc::new(settings),
            make: Box::new(move || Life::new(Rc::clone(&handler))),
            free: RefCell::default(),
            lives: RefCell::default(),
            places: Places::default(),
            is_draining: Rc::default(),
            watchers: RefCell::default(),
            busy: Rc::default(),
            load,
            stats,
        });
        tokio::task::spawn_local(clock::drive());
        tokio::task::spawn_local(sweep(Rc::clone(&upstreams)));
        let mut accepting = Vec::new();
        for socket in sockets {
            accepting.push(tokio::task::spawn_local(crate::listen::accept(socket.listen()?, Rc::clone(&shared))));
        }
        let reached = |stage: &Stage| *stage != Stage::Running;
        // A sender that is gone is a process that ends.
        let now = stage.wait_for(reached).await.map_or(Stage::Stopped, |stage| *stage);
        shared.drain();
        if now == Stage::Stopped {
            return Ok(());
        }
        for task in accepting {
            let _ = task.await;
        }
        tokio::select! {
            () = shared.places.all_closed() => {}
            _ = stage.wait_for(|stage| *stage == Stage::Stopped) => {}
        }
        Ok(())
    })
}

/// Closes upstream connections that were idle for too long.
async fn sweep(upstreams: Rc<Upstreams>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        upstreams.sweep();
    }
}

/// What the connections of a worker share.
pub(crate) struct Shared {
    settings: Rc<Settings>,
    make: Box<dyn Fn() -> Life>,
    #[allow(clippy::vec_box, reason = "an exchange is large; lending it must move a pointer")]
    free: RefCell<Vec<Box<Exchange>>>,
    lives: RefCell<Vec<Life>>,
    pub(crate) places: Places,
    is_draining: Rc<Cell<bool>>,
    watchers: RefCell<Vec<Waker>>,
    /// Requests in flight.
    busy: Rc<Cell<usize>>,
    load: Arc<Load>,
    pub(crate) stats: Arc<Stats>,
}

/// Exchanges and futures kept for reuse; more than are busy at once are never needed.
const KEPT: usize = 1024;

impl Shared {
    pub(crate) fn settings(&self) -> Rc<Settings> {
        Rc::clone(&self.settings)
    }

    /// Lends an exchange.
    pub(crate) fn lend(&self, peer: &Rc<Peer>) -> Box<Exchange> {
        match self.free.borrow_mut().pop() {
            Some(mut exchange) => {
                exchange.peer = Rc::clone(peer);
                exchange
            }
            None => Box::new(Exchange::new(Rc::clone(peer), self.settings(), Rc::clone(&self.is_draining))),
        }
    }

    /// Takes an exchange back.
    pub(crate) fn take_back(&self, mut exchange: Box<Exchange>) {
        exchange.end();
        exchange.link = crate::exchange::Link::None;
        exchange.down.clear();
        exchange.out.clear();
        let mut free = self.free.borrow_mut();
        if free.len() < KEPT {
            free.push(exchange);
        }
    }

    /// Begins to handle an exchange.
    pub(crate) fn begin(&self, mut exchange: Box<Exchange>) -> Life {
        add(&self.stats.requests, 1);
        let mut life = self.lives.borrow_mut().pop().unwrap_or_else(|| (self.make)());
        life.count_in(&self.busy);
        let most = self.settings.requests;
        exchange.shed = self.load.level() != Level::Normal || most > 0 && self.busy.get() > most;
        if exchange.shed {
            add(&self.stats.shed, 1);
        }
        life.give(exchange);
        life
    }

    /// Takes back the future of an exchange that was handled.
    pub(crate) fn ended(&self, mut life: Life, exchange: &Exchange) {
        life.count_out();
        add(&self.stats.ended, 1);
        add(&self.stats.received, exchange.bytes_received());
        add(&self.stats.sent, exchange.bytes_sent());
        let mut lives = self.lives.borrow_mut();
        if lives.len() < KEPT {
            lives.push(life);
        }
    }

    /// Handles an exchange from its beginning to its end.
    pub(crate) async fn live(&self, exchange: Box<Exchange>) -> Box<Exchange> {
        let mut life = self.begin(exchange);
        let exchange = poll_fn(|cx| life.poll(cx)).await;
        self.ended(life, &exchange);
        exchange
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.get()
    }

    /// Takes a connection's place, which must be left again with [`leave`](Self::leave); `None` if there are too many.
    pub(crate) fn enter(&self) -> Option<usize> {
        let place = match self.load.level() {
            Level::Refusing => None,
            Level::Normal | Level::Shedding => self.places.enter(self.settings.connections),
        };
        add(if place.is_some() { &self.stats.accepted } else { &self.stats.refused }, 1);
        place
    }

    pub(crate) fn leave(&self, place: usize) {
        add(&self.stats.closed, 1);
        self.places.leave(place);
    }

    fn drain(&self) {
        self.is_draining.set(true);
        self.places.wake_all();
        self.watchers.borrow().iter().for_each(Waker::wake_by_ref);
    }
}

/// Sees when draining begins, without being a connection.
pub(crate) struct Watch {
    shared: Rc<Shared>,
}

impl Watch {
    pub(crate) fn new(shared: &Rc<Shared>) -> Self {
        Self { shared: Rc::clone(shared) }
    }

    /// As [`Place::is_draining`].
    pub(crate) fn is_draining(&self, cx: &Context<'_>) -> bool {
        let mut watchers = self.shared.watchers.borrow_mut();
        if !watchers.iter().any(|waker| waker.will_wake(cx.waker())) {
            watchers.push(cx.waker().clone());
        }
        self.shared.is_draining()
    }
}
