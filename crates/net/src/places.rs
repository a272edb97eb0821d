//! The connections a worker has open: how many there may be, which of them close to make room, and what wakes their tasks.
//! It counts nothing for others and closes nothing itself.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use crate::worker::Shared;

/// So many connections are looked at to make room for one.
const LOOKED_AT: usize = 64;
/// Room is made when so small a part of the connections is left.
const SPARE: usize = 16;

/// The places of a worker's connections.
#[derive(Default)]
pub(crate) struct Places(RefCell<Open>);

#[derive(Default)]
struct Open {
    seats: Vec<Seat>,
    free: Vec<usize>,
    closed: Option<Waker>,
    /// Where to look next for a connection that may be closed to make room.
    next: usize,
    /// How many were asked to close and have not yet.
    unwanted: usize,
}

/// What is known of one open connection.
#[derive(Default)]
struct Seat {
    /// What wakes its task; none until it was idle for the first time.
    waker: Option<Waker>,
    /// Whether it is to close as soon as it is idle.
    unwanted: bool,
}

impl Open {
    fn count(&self) -> usize {
        self.seats.len() - self.free.len()
    }

    /// Asks up to `count` connections to close as soon as they are idle, those first that were not looked at for longest.
    fn make_room(&mut self, count: usize) {
        let mut missing = count.saturating_sub(self.unwanted);
        for _ in 0..self.seats.len().min(LOOKED_AT) {
            if missing == 0 {
                return;
            }
            self.next = (self.next + 1) % self.seats.len();
            let seat = &mut self.seats[self.next];
            if let Some(waker) = seat.waker.as_ref().filter(|_| !seat.unwanted) {
                waker.wake_by_ref();
                seat.unwanted = true;
                self.unwanted += 1;
                missing -= 1;
            }
        }
    }
}

impl Places {
    /// Takes a place for one of `most` connections; `None` if all are taken. When it gets tight, idle connections are asked to
    /// close, as nginx does.
    pub(crate) fn enter(&self, most: usize) -> Option<usize> {
        let mut open = self.0.borrow_mut();
        let comfortable = most - most / SPARE;
        if open.count() >= comfortable {
            let count = open.count() + 1 - comfortable;
            open.make_room(count);
            if open.count() >= most {
                return None;
            }
        }
        Some(open.free.pop().unwrap_or_else(|| {
            open.seats.push(Seat::default());
            open.seats.len() - 1
        }))
    }

    /// Forgets a connection.
    pub(crate) fn leave(&self, place: usize) {
        let mut open = self.0.borrow_mut();
        let seat = std::mem::take(&mut open.seats[place]);
        open.unwanted -= usize::from(seat.unwanted);
        open.free.push(place);
        if open.count() == 0
            && let Some(waker) = open.closed.take()
        {
            waker.wake();
        }
    }

    /// Wakes all that have said what wakes them.
    pub(crate) fn wake_all(&self) {
        self.0.borrow().seats.iter().filter_map(|seat| seat.waker.as_ref()).for_each(Waker::wake_by_ref);
    }

    /// Waits until there is no connection.
    pub(crate) async fn all_closed(&self) {
        poll_fn(|cx| {
            let mut open = self.0.borrow_mut();
            if open.count() == 0 {
                return Poll::Ready(());
            }
            open.closed = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// A connection's place, given up when it is dropped.
pub(crate) struct Place {
    shared: Rc<Shared>,
    at: usize,
}

impl Place {
    /// Takes a place; `None` if the worker takes no further connection.
    pub(crate) fn take(shared: &Rc<Shared>) -> Option<Self> {
        Some(Self { at: shared.enter()?, shared: Rc::clone(shared) })
    }

    /// Tells whether the connection is to close when it is idle, to make room for others.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.shared.places.0.borrow().seats[self.at].unwanted
    }

    /// Tells whether the worker is draining, and sees to it that the task is woken when that begins or when the connection
    /// is to close.
    pub(crate) fn is_draining(&self, cx: &Context<'_>) -> bool {
        match &mut self.shared.places.0.borrow_mut().seats[self.at].waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            slot => *slot = Some(cx.waker().clone()),
        }
        self.shared.is_draining()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.leave(self.at);
    }
}
