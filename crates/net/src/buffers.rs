//! Where received bytes live. Each worker has one large scratch buffer into which every connection reads; bytes that
//! nobody has taken yet stay there until somebody else must read, and only then move to a buffer of their own. In the
//! common case they were sent on before that, so a body is never copied and an idle connection has no buffer.
//!
//! The scratch has room before the bytes that were read, so that a head can be written right in front of them.

use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use crate::stream::Stream;

/// Room before what is read: the largest head that goes out in one piece with the body behind it.
const HEADROOM: usize = 8 * 1024;
/// Room behind: what frames the end of a body (the end of a chunk, the last chunk).
const TAILROOM: usize = 16;
/// Bytes read at once.
const READ: usize = 64 * 1024;
/// Buffers of this size at most are kept for reuse.
const KEPT: usize = 72 * 1024;
/// So many of them are kept.
const KEPT_COUNT: usize = 64;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        bytes: vec![0; HEADROOM + READ + TAILROOM].into_boxed_slice(),
        holder: None,
    });
    static OUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

struct Scratch {
    bytes: Box<[u8]>,
    /// Whose bytes lie in it.
    holder: Option<Rc<RefCell<Held>>>,
}

/// Bytes received and not yet taken, wherever they are.
#[derive(Default)]
struct Held {
    in_scratch: bool,
    /// Where they lie, in the scratch or in `own`.
    range: Range<usize>,
    own: Vec<u8>,
}

/// Returns an empty buffer, a used one if there is one.
pub(crate) fn spare() -> Vec<u8> {
    SPARE.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Takes a buffer back for reuse.
pub(crate) fn give_back(mut buffer: Vec<u8>) {
    if buffer.capacity() == 0 || buffer.capacity() > KEPT {
        return;
    }
    buffer.clear();
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < KEPT_COUNT {
            spare.push(buffer);
        }
    });
}

/// Calls `work` with the worker's buffer for heads being written, empty.
pub(crate) fn with_out<R>(work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut out = OUT.take();
    out.clear();
    let result = work(&mut out);
    OUT.set(out);
    result
}

/// The receiving end of one direction of a connection: reads, and keeps what was not taken.
#[derive(Default)]
pub(crate) struct Inbox {
    held: Rc<RefCell<Held>>,
}

impl Inbox {
    /// Tells whether no byte waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.borrow().range.is_empty()
    }

    /// Returns how many bytes wait.
    pub(crate) fn len(&self) -> usize {
        self.held.borrow().range.len()
    }

    /// Reads more bytes behind those that wait; 0 means the peer is done sending.
    ///
    /// At most one read is made. Bytes of another inbox that lie in the scratch are moved out first.
    pub(crate) fn poll_fill(&self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            if self.held.borrow().range.is_empty() {
                self.release(scratch);
            }
            if let Some(holder) = scratch.holder.take() {
                let mut other = holder.borrow_mut();
                other.in_scratch = false;
                let mut own = spare();
                own.extend_from_slice(&scratch.bytes[other.range.clone()]);
                other.range = 0..own.len();
                other.own = own;
            }
            let space = &mut scratch.bytes[HEADROOM..HEADROOM + READ];
            let count = match stream.poll_read(cx, space) {
                Poll::Ready(Ok(count)) => count,
                other => return other,
            };
            let mut held = self.held.borrow_mut();
            if held.range.is_empty() {
                give_back(std::mem::take(&mut held.own));
                held.in_scratch = count > 0;
                held.range = if count > 0 { HEADROOM..HEADROOM + count } else { 0..0 };
                scratch.holder = (count > 0).then(|| Rc::clone(&self.held));
            } else {
                held.own.extend_from_slice(&scratch.bytes[HEADROOM..HEADROOM + count]);
                held.range.end += count;
            }
            Poll::Ready(Ok(count))
        })
    }

    /// Gives the scratch up if this inbox has it and nothing in it.
    fn release(&self, scratch: &mut Scratch) {
        let mut held = self.held.borrow_mut();
        if held.in_scratch {
            held.in_scratch = false;
            held.range = 0..0;
            scratch.holder = None;
        }
    }

    /// Shows the bytes that wait.
    pub(crate) fn look<R>(&self, work: impl FnOnce(&[u8]) -> R) -> R {
        let held = self.held.borrow();
        match held.in_scratch {
            true => SCRATCH.with_borrow(|scratch| work(&scratch.bytes[held.range.clone()])),
            false => work(&held.own[held.range.clone()]),
        }
    }

    /// Lets `work` change the bytes that wait, and the room before and behind them: it gets the whole buffer and where
    /// in it they lie. For a buffer of its own there is no room.
    pub(crate) fn edit<R>(&self, work: impl FnOnce(&mut [u8], Range<usize>) -> R) -> R {
        let mut held = self.held.borrow_mut();
        let range = held.range.clone();
        match held.in_scratch {
            true => SCRATCH.with_borrow_mut(|scratch| work(&mut scratch.bytes, range)),
            false => work(&mut held.own, range),
        }
    }

    /// Takes the first `count` bytes away.
    pub(crate) fn consume(&self, count: usize) {
        let mut held = self.held.borrow_mut();
        held.range.start = (held.range.start + count).min(held.range.end);
        if held.range.is_empty() && !held.in_scratch {
            held.range = 0..0;
            give_back(std::mem::take(&mut held.own));
        }
    }

    /// Takes all bytes away.
    pub(crate) fn clear(&self) {
        let held = self.held.borrow();
        if !held.in_scratch && held.own.capacity() == 0 {
            return;
        }
        drop(held);
        self.consume(usize::MAX >> 1);
        SCRATCH.with_borrow_mut(|scratch| self.release(scratch));
    }

    /// Moves all bytes to a buffer the caller keeps; without an allocation if there are none.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut taken = Vec::new();
        if !self.is_empty() {
            taken = spare();
            self.look(|bytes| taken.extend_from_slice(bytes));
        }
        self.clear();
        taken
    }

    /// Puts bytes back that [`take`](Self::take) gave; the inbox must be empty.
    pub(crate) fn restore(&self, bytes: Vec<u8>) {
        debug_assert!(self.is_empty(), "bytes must not be mixed up");
        self.clear();
        let mut held = self.held.borrow_mut();
        held.range = 0..bytes.len();
        held.own = bytes;
    }
}

/// The sending end: bytes that did not go out at once.
#[derive(Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    start: usize,
}

impl Outbox {
    /// Tells whether all went out.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Returns how many bytes wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Sends `bytes`, behind what waits; what the socket does not take now waits.
    ///
    /// # Errors
    /// The write failed; nothing more can be sent.
    pub(crate) fn send(&mut self, cx: &mut Context<'_>, stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        if self.is_empty() {
            while !rest.is_empty() {
                match stream.poll_write(cx, rest) {
                    Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(Ok(count)) => rest = &rest[count..],
                    Poll::Ready(Err(error)) => return Err(error),
                    Poll::Pending => break,
                }
            }
        }
        self.push(rest);
        Ok(())
    }

    /// Lets `bytes` wait behind what waits, to go out with the next flush.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.bytes.capacity() == 0 {
            self.bytes = spare();
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Sends what waits, and what the stream holds back.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<io::Result<()>> {
        ready!(self.poll_out(|bytes| stream.poll_write(cx, bytes)))?;
        stream.poll_flush(cx)
    }

    /// Gives what waits to `write`, until nothing does.
    pub(crate) fn poll_out(&mut self, mut write: impl FnMut(&[u8]) -> Poll<io::Result<usize>>) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            match ready!(write(&self.bytes[self.start..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.start += count,
            }
        }
        self.clear();
        Poll::Ready(Ok(()))
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self) {
        self.start = 0;
        give_back(std::mem::take(&mut self.bytes));
    }
}
