//! Who makes a committed write live: the node's workers, behind a trait.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::future::ready;
use thiserror::Error;

use crate::store::Change;

/// What became of the store.
#[derive(Debug, Clone, Copy)]
pub enum News<'a> {
    /// These documents changed, in this order.
    Changes(&'a [Change]),
    /// Anything may have changed: read everything.
    All,
}

/// A write that is stored but could not be made live.
#[derive(Debug, Error)]
#[error("the new configuration could not be made live: {0}")]
pub struct PublishError(pub Box<dyn std::error::Error + Send + Sync>);

/// Makes what is stored live on this node before a write is answered.
pub trait Publisher: Send + Sync + 'static {
    /// Returns when every worker of this node uses the configuration as it is after `news`.
    ///
    /// News that fails since the store cannot be read is made up for by the next call, which may have no changes.
    ///
    /// # Errors
    /// When the store cannot be read, or the configuration does not work on this node.
    fn publish<'a>(&'a self, news: News<'a>) -> BoxFuture<'a, Result<(), PublishError>>;
}

/// Publishes nowhere: for commands that write beside a node, and for tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unpublished;

impl Publisher for Unpublished {
    fn publish<'a>(&'a self, _: News<'a>) -> BoxFuture<'a, Result<(), PublishError>> {
        ready(Ok(())).boxed()
    }
}
