//! A worker: one thread's runtime, its accept loops and the exchanges it lends out.

use crate::Exchange;

/// What to do with a request. One handler lives in each worker.
///
/// The future is made once and then used again for exchange after exchange; it is polled only by the connection's task,
/// and dropped with it when the client is gone for good (an exchange whose client only half-closed goes on).
pub trait Handler: 'static {
    /// Answers one request, from its head to the log. When it returns without having finished a response, the
    /// connection is cut. A panic ends this exchange and its connection only.
    fn handle(&self, exchange: &mut Exchange) -> impl Future<Output = ()>;
}
