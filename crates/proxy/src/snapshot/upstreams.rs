//! Upstream entities with their targets, by name. Choosing a target is the balancer's business.

use std::sync::Arc;

use gibbon_model::entities::Target;
use gibbon_model::entities::Upstream;
use uuid::Uuid;

use crate::snapshot::Shards;

/// An upstream and its targets. A new `Arc` of it means that something about it changed.
#[derive(Clone, Debug)]
pub struct Targets {
    /// The upstream.
    pub upstream: Arc<Upstream>,
    /// Its targets by their text, those of weight 0 included.
    pub targets: Vec<Arc<Target>>,
}

/// All upstreams.
#[derive(Clone, Debug, Default)]
pub(super) struct Upstreams {
    by_name: Shards<Box<str>, Arc<Targets>>,
    by_id: Shards<Uuid, Arc<Upstream>>,
    targets: Shards<Uuid, Arc<Target>>,
    /// Targets by their upstream, whether that is there yet or not.
    of_upstream: Shards<Uuid, Vec<Arc<Target>>>,
}

impl Upstreams {
    pub(super) fn get(&self, name: &str) -> Option<&Arc<Targets>> {
        self.by_name.get(name)
    }

    pub(super) fn set(&mut self, id: Uuid, upstream: Option<Upstream>) {
        if let Some(before) = self.by_id.remove(&id) {
            self.by_name.remove(before.name.as_str());
        }
        if let Some(upstream) = upstream {
            self.by_id.insert(id, Arc::new(upstream));
            self.refresh(id);
        }
    }

    pub(super) fn set_target(&mut self, id: Uuid, target: Option<Target>) {
        if let Some(before) = self.targets.remove(&id) {
            let owner = before.upstream.id;
            let mut left = self.of_upstream.remove(&owner).unwrap_or_default();
            left.retain(|target| target.id != id);
            if !left.is_empty() {
                self.of_upstream.insert(owner, left);
            }
            self.refresh(owner);
        }
        if let Some(target) = target {
            let (owner, target) = (target.upstream.id, Arc::new(target));
            self.targets.insert(id, Arc::clone(&target));
            let mut all = self.of_upstream.remove(&owner).unwrap_or_default();
            let at = all.partition_point(|held| held.target <= target.target);
            all.insert(at, target);
            self.of_upstream.insert(owner, all);
            self.refresh(owner);
        }
    }

    fn refresh(&mut self, id: Uuid) {
        if let Some(upstream) = self.by_id.get(&id) {
            let targets = self.of_upstream.get(&id).cloned().unwrap_or_default();
            let whole = Targets { upstream: Arc::clone(upstream), targets };
            self.by_name.insert(upstream.name.as_str().into(), Arc::new(whole));
        }
    }
}
