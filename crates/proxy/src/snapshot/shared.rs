//! How a new snapshot reaches the workers, and how the old one is dropped where it delays nobody.

use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustix::time::ClockId;
use rustix::time::clock_gettime;

use crate::snapshot::Snapshot;

/// Old snapshots that may wait to be dropped; when more do, a worker drops its own.
const RETIRED: usize = 1024;

/// The snapshot in force, shared by all workers.
pub struct Shared {
    current: ArcSwap<Snapshot>,
    /// Moves each time a snapshot is published.
    generation: AtomicU64,
    retired: SyncSender<Arc<Snapshot>>,
    /// See [`Shared::longest_switch`].
    longest_switch: AtomicU64,
}

impl Shared {
    /// Puts the first snapshot in force, and starts the thread on which old ones are dropped: dropping 100,000 routes
    /// takes time that no request should wait for. It ends with the last user.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn new(first: Snapshot) -> std::io::Result<Arc<Self>> {
        let (retired, gone) = sync_channel(RETIRED);
        std::thread::Builder::new().name("retire".to_owned()).spawn(move || gone.into_iter().for_each(drop))?;
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(first),
            generation: AtomicU64::new(1),
            retired,
            longest_switch: AtomicU64::new(0),
        }))
    }

    /// Puts a snapshot in force: each worker's next request sees it.
    pub fn publish(&self, next: Snapshot) {
        let before = self.current.swap(Arc::new(next));
        self.generation.fetch_add(1, Ordering::Release);
        self.retire(before);
    }

    /// Returns the snapshot in force; for control work, since it touches a shared count.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Returns the longest that a worker took so far to go over to a new snapshot and let go of the old one, in time on a
    /// processor. For so long a change held up requests of that worker.
    pub fn longest_switch(&self) -> Duration {
        Duration::from_nanos(self.longest_switch.load(Ordering::Relaxed))
    }

    /// Sends an old snapshot to be dropped elsewhere, in case this was the last use of it.
    fn retire(&self, snapshot: Arc<Snapshot>) {
        // Full or closed: it is dropped here, which is slower but no harm.
        let _ = self.retired.try_send(snapshot);
    }
}

/// A snapshot as long as a worker or one of its requests uses it.
pub struct Held {
    /// None only while it is dropped.
    snapshot: Option<Arc<Snapshot>>,
    shared: Arc<Shared>,
}

impl Held {
    #[cfg(test)]
    pub(super) fn arc(&self) -> &Arc<Snapshot> {
        self.snapshot.as_ref().expect("invariant: held until dropped")
    }
}

impl Deref for Held {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        self.snapshot.as_deref().expect("invariant: held until dropped")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(snapshot) = self.snapshot.take() {
            self.shared.retire(snapshot);
        }
    }
}

/// A worker's view of the snapshot in force.
pub struct Handle {
    shared: Arc<Shared>,
    generation: u64,
    held: Rc<Held>,
}

impl Handle {
    /// Returns the view of one worker.
    pub fn new(shared: &Arc<Shared>) -> Self {
        let (generation, held) = read(shared);
        Self { shared: Arc::clone(shared), generation, held }
    }

    /// Returns the snapshot in force. A request keeps a clone of it, which counts on this thread alone; the shared
    /// snapshot is read again only when the generation has moved.
    pub fn snapshot(&mut self) -> &Rc<Held> {
        if self.shared.generation.load(Ordering::Acquire) != self.generation {
            let begin = on_processor();
            (self.generation, self.held) = read(&self.shared);
            let took = on_processor().saturating_sub(begin);
            self.shared.longest_switch.fetch_max(took, Ordering::Relaxed);
        }
        &self.held
    }
}

/// Returns the nanoseconds that this thread has had a processor: what else runs on the machine does not count.
fn on_processor() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or(0) * 1_000_000_000 + nanoseconds.unwrap_or(0)
}

fn read(shared: &Arc<Shared>) -> (u64, Rc<Held>) {
    // The number first: a snapshot published in between is then read once more, never missed.
    let generation = shared.generation.load(Ordering::Acquire);
    let held = Held { snapshot: Some(shared.current()), shared: Arc::clone(shared) };
    (generation, Rc::new(held))
}
