//! The exchange, shared between life, which forwards and answers, and the plugins' context, which reads the request's
//! body. They take turns: a plugin reads only while life waits for that plugin.

use std::cell::RefCell;
use std::cell::RefMut;
use std::task::Context;
use std::task::Poll;

use gibbon_net::Exchange;
use gibbon_sdk::http::BodyError;
use gibbon_sdk::http::BodySource;
use gibbon_sdk::http::Headers;

/// An exchange that two sides use in turns.
pub(crate) struct ExchangeCell<'e>(RefCell<&'e mut Exchange>);

impl<'e> ExchangeCell<'e> {
    pub(crate) fn new(exchange: &'e mut Exchange) -> Self {
        Self(RefCell::new(exchange))
    }

    /// Returns the bytes received from the client, sent to it, and sent of the response's body.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let exchange = self.0.borrow();
        (exchange.bytes_received(), exchange.bytes_sent(), exchange.body_bytes_sent())
    }

    /// Takes the exchange for a turn.
    pub(crate) fn turn(&self) -> RefMut<'_, &'e mut Exchange> {
        self.0.borrow_mut()
    }
}

/// The request's body as plugins read it.
pub(crate) struct ClientBody<'c, 'e>(pub(crate) &'c ExchangeCell<'e>);

impl BodySource for ClientBody<'_, '_> {
    fn is_done(&self) -> bool {
        self.0.0.try_borrow().is_ok_and(|exchange| exchange.is_done())
    }

    fn declared_length(&self) -> Option<u64> {
        self.0.0.try_borrow().ok().and_then(|exchange| exchange.declared_length())
    }

    fn poll_read(&mut self, task: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<Result<usize, BodyError>> {
        match self.0.0.try_borrow_mut() {
            Ok(mut exchange) => exchange.poll_read(task, into),
            // Not in a plugin's turn: the body is on its way to the upstream.
            Err(_) => Poll::Ready(Ok(0)),
        }
    }

    fn trailers(&mut self) -> Option<Box<Headers>> {
        self.0.0.try_borrow_mut().ok().and_then(|mut exchange| exchange.trailers())
    }
}
