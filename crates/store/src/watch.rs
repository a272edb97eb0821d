//! Makes live what other processes write, and what time takes away.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::publisher::News;
use crate::publisher::Publisher;
use crate::store::Changes;
use crate::store::Store;

/// How long a failing store is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// How often expired documents are taken out.
const SWEEP: Duration = Duration::from_secs(5);

/// Publishes what other processes write, within 100 ms, and what has expired. Never returns.
pub async fn watch(store: Arc<dyn Store>, publisher: Arc<dyn Publisher>) {
    tokio::join!(follow(&*store, &*publisher), sweep(&*store, &*publisher));
}

async fn follow(store: &dyn Store, publisher: &dyn Publisher) {
    loop {
        match store.foreign_changes().await {
            Ok(Changes::Some(changes)) => publish(publisher, News::Changes(&changes)).await,
            Ok(Changes::All) => publish(publisher, News::All).await,
            Err(error) => {
                warn!(%error, "the store cannot tell what other processes wrote");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn sweep(store: &dyn Store, publisher: &dyn Publisher) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        match store.expire().await {
            // Also without changes: what could not be made live while the store was away is made up for.
            Ok(written) => publish(publisher, News::Changes(&written.changes)).await,
            Err(error) => warn!(%error, "expired entities could not be deleted"),
        }
    }
}

async fn publish(publisher: &dyn Publisher, news: News<'_>) {
    if let Err(error) = publisher.publish(news).await {
        warn!(%error, "a change of the store could not be made live");
    }
}
