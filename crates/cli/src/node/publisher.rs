//! Publishes writes on workers that do not run yet: the configuration a node starts with is stored before there is anyone to tell.

use std::sync::Arc;
use std::sync::OnceLock;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::future::ready;
use gibbon_store::News;
use gibbon_store::PublishError;
use gibbon_store::Publisher;

use crate::memory;

/// Publishes nowhere until it is told where. What a whole configuration took to load is given back afterwards.
#[derive(Default)]
pub(super) struct Later(OnceLock<Arc<dyn Publisher>>);

impl Later {
    /// Publishes there from now on.
    pub(super) fn at(&self, publisher: Arc<dyn Publisher>) {
        // There is one gateway in a node; a second call would change nothing.
        _ = self.0.set(publisher);
    }
}

impl Publisher for Later {
    fn publish<'a>(&'a self, news: News<'a>) -> BoxFuture<'a, Result<(), PublishError>> {
        match self.0.get() {
            Some(publisher) if matches!(news, News::All) => {
                let published = publisher.publish(news);
                async move {
                    let outcome = published.await;
                    memory::give_back_soon();
                    outcome
                }
                .boxed()
            }
            Some(publisher) => publisher.publish(news),
            None => ready(Ok(())).boxed(),
        }
    }
}
