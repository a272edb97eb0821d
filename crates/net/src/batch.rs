//! What the connections of a worker send in one turn of it goes out with one system call, instead of one each: small
//! writes are copied here, and a task that is woken by the first of them sends them all when those that were to be polled
//! before it have been. Where the system has no io_uring, nothing is collected and every write is a call of its own.
//!
//! A connection has at most one send in a batch, for the system promises no order between two that do not fit.

use std::cell::Cell;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::task::ready;

use gibbon_ring::Ring;
use gibbon_ring::Send;

use crate::buffers::Outbox;

/// Writes larger than this go out on their own: copying would cost more than a system call.
const LARGEST: usize = 16 * 1024;
/// Sends in a batch; one that is full goes out at once, so that no answer waits for too many others.
const MOST: u16 = 32;
/// Bytes in a batch, likewise.
const MOST_BYTES: usize = 128 * 1024;

thread_local! {
    static BATCH: Cell<Option<Box<Batch>>> = const { Cell::new(None) };
}

/// The sends of one worker that have not been made.
struct Batch {
    ring: Ring,
    sends: Vec<Waiting>,
    bytes: Vec<u8>,
    results: Vec<io::Result<usize>>,
    /// Wakes the task that sends.
    sender: Waker,
}

struct Waiting {
    socket: RawFd,
    bytes: Range<usize>,
    post: Rc<Post>,
}

/// What became of a connection's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The socket has taken all of them.
    Clear,
    /// They are in the batch.
    Waiting,
    /// The socket took only some.
    Left,
    /// The connection is broken.
    Broken,
}

/// A connection's end of the batch.
pub(crate) struct Post {
    state: Cell<State>,
    /// What the socket did not take.
    left: RefCell<Outbox>,
    error: Cell<Option<io::Error>>,
    /// Wakes who writes on the connection, and is to see to what is left.
    writer: RefCell<Waker>,
}

/// Collects what this thread's connections send, from now on; a task of the worker that must be polled until it ends.
pub(crate) async fn collect() {
    let ring = match Ring::new(MOST) {
        Ok(ring) => ring,
        Err(error) => return tracing::info!(%error, "no io_uring: every write is a system call"),
    };
    let batch = Batch {
        ring,
        sends: Vec::with_capacity(usize::from(MOST)),
        bytes: Vec::new(),
        results: Vec::new(),
        sender: Waker::noop().clone(),
    };
    BATCH.set(Some(Box::new(batch)));
    poll_fn(|cx| {
        send();
        with(|batch| batch.sender.clone_from(cx.waker())).map_or(Poll::Ready(()), |()| Poll::Pending)
    })
    .await;
}

fn with<R>(work: impl FnOnce(&mut Batch) -> R) -> Option<R> {
    let mut batch = BATCH.take()?;
    let result = work(&mut batch);
    BATCH.set(Some(batch));
    Some(result)
}

/// Sends what was collected.
pub(crate) fn send() {
    let Some(mut batch) = BATCH.take() else { return };
    let Batch { ring, sends, bytes, results, .. } = &mut *batch;
    if sends.is_empty() {
        return BATCH.set(Some(batch));
    }
    let works =
        ring.send(sends.iter().map(|one| Send { socket: one.socket, bytes: &bytes[one.bytes.clone()] }), results);
    let mut results = results.drain(..);
    for Waiting { bytes: range, post, .. } in sends.drain(..) {
        post.settle(&bytes[range], results.next());
    }
    drop(results);
    bytes.clear();
    match works {
        Ok(()) => BATCH.set(Some(batch)),
        Err(error) => {
            tracing::warn!(%error, "io_uring fails: every write is a system call from now on");
            batch.sender.wake();
        }
    }
}

impl Post {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            state: Cell::new(State::Clear),
            left: RefCell::default(),
            error: Cell::new(None),
            writer: RefCell::new(Waker::noop().clone()),
        })
    }

    /// Collects a write, if this thread does so and it is a small one. The writes before it must be clear or collected;
    /// one that was collected, with another connection's behind it, must go out before, for it may be sent in part.
    pub(crate) fn collect(self: &Rc<Self>, cx: &Context<'_>, socket: RawFd, bytes: &[u8]) -> bool {
        if bytes.is_empty() || bytes.len() > LARGEST || self.is_waiting() && !self.is_last() {
            return false;
        }
        let collected = with(|batch| {
            let begin = batch.bytes.len();
            batch.bytes.extend_from_slice(bytes);
            match batch.sends.last_mut().filter(|last| Rc::ptr_eq(&last.post, self)) {
                Some(last) => last.bytes.end = batch.bytes.len(),
                None => {
                    if batch.sends.is_empty() {
                        batch.sender.wake_by_ref();
                    }
                    batch.sends.push(Waiting { socket, bytes: begin..batch.bytes.len(), post: Rc::clone(self) });
                }
            }
            batch.sends.len() >= usize::from(MOST) || batch.bytes.len() >= MOST_BYTES
        });
        let Some(is_full) = collected else { return false };
        self.state.set(State::Waiting);
        self.writer.borrow_mut().clone_from(cx.waker());
        if is_full {
            send();
        }
        true
    }

    /// Tells whether writes were collected and not sent.
    pub(crate) fn is_waiting(&self) -> bool {
        self.state.get() == State::Waiting
    }

    /// Tells whether the socket has taken all, as far as is known.
    pub(crate) fn is_clear(&self) -> bool {
        self.state.get() == State::Clear
    }

    fn is_last(&self) -> bool {
        with(|batch| batch.sends.last().is_some_and(|last| std::ptr::eq(&*last.post, self))) == Some(true)
    }

    /// Gives `write` what the socket did not take, or says why it takes no more.
    pub(crate) fn poll_left(&self, write: impl FnMut(&[u8]) -> Poll<io::Result<usize>>) -> Poll<io::Result<()>> {
        match self.state.get() {
            State::Clear | State::Waiting => {}
            State::Left => {
                ready!(self.left.borrow_mut().poll_out(write))?;
                self.state.set(State::Clear);
            }
            State::Broken => return Poll::Ready(Err(self.error.take().unwrap_or(io::ErrorKind::BrokenPipe.into()))),
        }
        Poll::Ready(Ok(()))
    }

    /// Returns how many bytes the socket did not take.
    pub(crate) fn left(&self) -> usize {
        self.left.borrow().len()
    }

    /// Notes what became of a send; `None` if it was not made.
    fn settle(&self, bytes: &[u8], result: Option<io::Result<usize>>) {
        debug_assert!(self.left() == 0, "what is left goes first");
        let sent = match result {
            Some(Ok(sent)) => Ok(sent),
            Some(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(0),
        };
        match sent {
            Ok(sent) if sent >= bytes.len() => return self.state.set(State::Clear),
            Ok(sent) => {
                self.state.set(State::Left);
                self.left.borrow_mut().push(&bytes[sent..]);
            }
            Err(error) => {
                self.state.set(State::Broken);
                self.error.set(Some(error));
            }
        }
        self.writer.borrow().wake_by_ref();
    }
}
