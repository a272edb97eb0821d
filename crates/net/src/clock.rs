//! The worker's clock and its coarse deadlines. A deadline is a cell that is moved by a store; a heap entry is made only
//! when it moves to before the last one, so a connection costs about one entry a timeout, not one a request.
//! Nothing here is shared between threads.

use std::cell::Cell;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::Notify;

thread_local! {
    static CLOCK: Clock = Clock::new();
    static READING: Reading = const { Reading { nanos: Cell::new(0), uses: Cell::new(0) } };
}

struct Clock {
    base: Instant,
    heap: RefCell<BinaryHeap<Reverse<Entry>>>,
    earlier: Rc<Notify>,
}

impl Clock {
    fn new() -> Self {
        Self { base: Instant::now(), heap: RefCell::new(BinaryHeap::new()), earlier: Rc::new(Notify::new()) }
    }
}

/// What the clock last said, and how often it may still be said again.
struct Reading {
    nanos: Cell<u64>,
    uses: Cell<u32>,
}

/// A reading is used so often at most, by some ten requests: under load a few dozen microseconds.
const USES: u32 = 64;

/// Returns nanoseconds since this thread first asked, read when the worker last woke or not much later: many may ask
/// within one turn of the worker, and all but the first ask for free.
#[inline]
pub fn nanos() -> u64 {
    READING.with(|reading| match reading.uses.get() {
        0 => {
            reading.uses.set(USES);
            reading.nanos.set(CLOCK.with(|clock| clock.base.elapsed().as_nanos() as u64));
        }
        left => reading.uses.set(left - 1),
    });
    READING.with(|reading| reading.nanos.get())
}

/// Forgets the last reading: the worker has slept.
pub(crate) fn woke() {
    READING.with(|reading| reading.uses.set(0));
}

/// As [`nanos`], in milliseconds.
#[inline]
pub fn recent() -> u64 {
    nanos() / 1_000_000
}

/// A deadline that one task at a time waits for.
#[derive(Default)]
pub struct Deadline {
    inner: Rc<Inner>,
}

struct Inner {
    /// When it is due, in this thread's milliseconds; `NEVER` when unarmed.
    due: Cell<u64>,
    /// The earliest heap entry that points here.
    entered: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

const NEVER: u64 = u64::MAX;

impl Default for Inner {
    fn default() -> Self {
        Self { due: Cell::new(NEVER), entered: Cell::new(NEVER), waker: RefCell::new(None) }
    }
}

impl Deadline {
    /// Arms the deadline, `after` now, for the task that `waker` wakes.
    pub fn arm(&self, after: Duration, waker: &Waker) {
        let due = recent().saturating_add(u64::try_from(after.as_millis()).unwrap_or(NEVER)).saturating_add(1);
        self.inner.due.set(due);
        match &mut *self.inner.waker.borrow_mut() {
            Some(old) if old.will_wake(waker) => {}
            slot => *slot = Some(waker.clone()),
        }
        if due < self.inner.entered.get() {
            enter(due, &self.inner);
        }
    }

    /// Disarms the deadline.
    pub fn disarm(&self) {
        self.inner.due.set(NEVER);
    }

    /// Tells whether it is armed.
    pub fn is_armed(&self) -> bool {
        self.inner.due.get() != NEVER
    }

    /// Tells whether the deadline was armed and has passed. Whoever is woken by the deadline finds it passed.
    pub fn has_passed(&self) -> bool {
        self.inner.due.get() <= recent()
    }
}

struct Entry {
    at: u64,
    inner: Rc<Inner>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

fn enter(at: u64, inner: &Rc<Inner>) {
    inner.entered.set(at);
    CLOCK.with(|clock| {
        let mut heap = clock.heap.borrow_mut();
        let earliest = heap.peek().is_none_or(|Reverse(entry)| at < entry.at);
        heap.push(Reverse(Entry { at, inner: Rc::clone(inner) }));
        if earliest {
            clock.earlier.notify_one();
        }
    });
}

/// Wakes those whose deadline has passed; enters those again whose deadline has moved. Returns when to look again.
fn sweep() -> Option<u64> {
    woke();
    let now = recent();
    loop {
        let entry = CLOCK.with(|clock| {
            let mut heap = clock.heap.borrow_mut();
            match heap.peek() {
                Some(Reverse(entry)) if entry.at <= now => heap.pop(),
                _ => None,
            }
        });
        let Some(Reverse(Entry { at, inner })) = entry else { break };
        if inner.entered.get() == at {
            inner.entered.set(NEVER);
        }
        let due = inner.due.get();
        if due <= now {
            if let Some(waker) = inner.waker.borrow_mut().take() {
                waker.wake();
            }
        } else if due < inner.entered.get() {
            enter(due, &inner);
        }
    }
    CLOCK.with(|clock| clock.heap.borrow().peek().map(|Reverse(entry)| entry.at))
}

/// Drives the deadlines of this thread; each worker runs it once, for good.
pub async fn drive() {
    let earlier = CLOCK.with(|clock| Rc::clone(&clock.earlier));
    loop {
        let wait = match sweep() {
            Some(at) => Duration::from_millis(at.saturating_sub(recent()).max(1)),
            None => Duration::from_secs(3600),
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = earlier.notified() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn wakes_when_due_and_follows_moves() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let deadline = Deadline::default();
        deadline.arm(Duration::from_secs(100), &waker);
        deadline.arm(Duration::from_secs(200), &waker);
        let entries = || CLOCK.with(|clock| clock.heap.borrow().len());
        assert_eq!(entries(), 1, "moving a deadline back makes no entry");
        deadline.arm(Duration::ZERO, &waker);
        assert_eq!(entries(), 2);
        while !deadline.has_passed() {
            sweep();
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        deadline.disarm();
        assert!(!deadline.has_passed());
        sweep();
        assert_eq!(entries(), 1);
    }
}
