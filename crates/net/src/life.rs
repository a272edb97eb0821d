//! The handler's future, made once and used for exchange after exchange: it takes an exchange from a slot, handles it,
//! puts it back and waits for the next. So no request allocates a future, and an idle connection has none.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use crate::Exchange;
use crate::Handler;

/// Where an exchange is handed over, in and out.
#[derive(Default)]
struct Slot {
    given: Cell<Option<Box<Exchange>>>,
    done: Cell<Option<Box<Exchange>>>,
}

/// A handler's future with its slot.
pub(crate) struct Life {
    slot: Rc<Slot>,
    future: Pin<Box<dyn Future<Output = ()>>>,
    /// Where it is counted while it has an exchange.
    counted: Option<Rc<Cell<usize>>>,
}

impl Life {
    /// Makes the future; it waits for its first exchange.
    pub(crate) fn new<H: Handler>(handler: Rc<H>) -> Self {
        let slot = Rc::new(Slot::default());
        let inside = Rc::clone(&slot);
        let future = Box::pin(async move {
            loop {
                let mut exchange = poll_fn(|_| match inside.given.take() {
                    Some(exchange) => Poll::Ready(exchange),
                    None => Poll::Pending,
                })
                .await;
                handler.handle(&mut exchange).await;
                inside.done.set(Some(exchange));
            }
        });
        Self { slot, future, counted: None }
    }

    /// Counts it in, until it is counted out or dropped.
    pub(crate) fn count_in(&mut self, count: &Rc<Cell<usize>>) {
        count.set(count.get() + 1);
        self.counted = Some(Rc::clone(count));
    }

    /// Counts it out.
    pub(crate) fn count_out(&mut self) {
        if let Some(count) = self.counted.take() {
            count.set(count.get() - 1);
        }
    }

    /// Gives it an exchange to handle; it must not have one.
    pub(crate) fn give(&self, exchange: Box<Exchange>) {
        self.slot.given.set(Some(exchange));
    }

    /// Goes on handling; gives the exchange back once it is handled.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Box<Exchange>> {
        // It never ends; that it waits may mean that it waits for the next exchange.
        let _ = self.future.as_mut().poll(cx);
        match self.slot.done.take() {
            Some(exchange) => Poll::Ready(exchange),
            None => Poll::Pending,
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.count_out();
    }
}
