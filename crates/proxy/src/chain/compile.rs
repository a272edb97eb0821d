//! The chains of a snapshot, and how a change of one plugin, route or service reaches those it concerns and no other.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::chain::ByConsumer;
use crate::chain::Chain;
use crate::chain::GlobalSlot;
use crate::chain::Instance;
use crate::chain::KindIndex;
use crate::chain::OwnSlot;
use crate::chain::Strength;
use crate::snapshot::Shards;

/// All chains. Routes and services without plugins of their own have no entry and cost nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chains {
    global: Arc<[GlobalSlot]>,
    /// For routes with plugins of their own: those, and what they have from their service.
    routes: Shards<Uuid, Arc<[OwnSlot]>>,
    /// For services with plugins of their own, and routes without.
    services: Shards<Uuid, Arc<[OwnSlot]>>,
    consumers: ByConsumer,
}

impl Chains {
    /// Returns the chain of requests before they are routed, and of those that no route takes.
    pub(crate) fn global(&self) -> Chain<'_> {
        Chain { own: &[], global: &self.global, consumers: &self.consumers }
    }

    /// Returns the chain of a route with this service.
    pub(crate) fn of(&self, route: Uuid, service: Option<Uuid>) -> Chain<'_> {
        let own = self.routes.get(&route).or_else(|| self.services.get(&service?));
        Chain { own: own.map(|own| &**own).unwrap_or_default(), ..self.global() }
    }

    /// Sets what a route has; `instances` are all that are tied to it or to its service.
    pub(crate) fn set_route(&mut self, route: Uuid, instances: &[&Arc<Instance>]) {
        set(&mut self.routes, route, instances);
    }

    /// Sets what routes of a service have that have nothing of their own.
    pub(crate) fn set_service(&mut self, service: Uuid, instances: &[&Arc<Instance>]) {
        set(&mut self.services, service, instances);
    }

    /// Adds an instance that is tied to a consumer alone, or replaces the one of the same kind.
    pub(crate) fn insert_consumer(&mut self, consumer: Uuid, instance: Arc<Instance>) {
        self.consumers.insert((instance.kind, consumer), instance);
    }

    /// Removes an instance that was tied to a consumer alone.
    pub(crate) fn remove_consumer(&mut self, consumer: Uuid, instance: &Instance) {
        let key = (instance.kind, consumer);
        if self.consumers.get(&key).is_some_and(|held| held.id() == instance.id()) {
            self.consumers.remove(&key);
        }
    }

    /// Sets the instances tied to nothing, and the kinds of which consumers have instances.
    pub(crate) fn set_global<'i>(
        &mut self,
        instances: impl IntoIterator<Item = &'i Arc<Instance>>,
        for_consumers: impl IntoIterator<Item = KindIndex>,
    ) {
        let mut slots = BTreeMap::new();
        let slot = |kind| GlobalSlot { kind, plain: None, for_consumers: false };
        for instance in instances {
            slots.entry(instance.kind).or_insert_with_key(|kind| slot(*kind)).plain = Some(Arc::clone(instance));
        }
        for kind in for_consumers {
            slots.entry(kind).or_insert_with_key(|kind| slot(*kind)).for_consumers = true;
        }
        self.global = slots.into_values().collect();
    }
}

fn set(chains: &mut Shards<Uuid, Arc<[OwnSlot]>>, owner: Uuid, instances: &[&Arc<Instance>]) {
    if instances.is_empty() {
        chains.remove(&owner);
    } else {
        chains.insert(owner, slots(instances));
    }
}

/// Sorts instances by kind; of each kind the most specific goes first.
fn slots(instances: &[&Arc<Instance>]) -> Arc<[OwnSlot]> {
    let mut by_kind: BTreeMap<KindIndex, Vec<&Arc<Instance>>> = BTreeMap::new();
    for instance in instances {
        by_kind.entry(instance.kind).or_default().push(instance);
    }
    by_kind.into_values().map(slot).collect()
}

fn slot(mut instances: Vec<&Arc<Instance>>) -> OwnSlot {
    // Route and service before route before service.
    instances.sort_by_key(|instance| {
        let plugin = instance.plugin();
        (plugin.route.is_none(), plugin.service.is_none(), plugin.id)
    });
    let plain = instances.iter().find(|instance| instance.plugin().consumer.is_none());
    let both = plain.is_some_and(|one| one.plugin().route.is_some() && one.plugin().service.is_some());
    let mut consumers = BTreeMap::new();
    for instance in &instances {
        if let Some(consumer) = instance.plugin().consumer {
            consumers.entry(consumer.id).or_insert_with(|| Arc::clone(instance));
        }
    }
    OwnSlot {
        kind: instances[0].kind,
        plain: plain.map(|instance| Arc::clone(instance)),
        strength: if both { Strength::BeforeConsumer } else { Strength::AfterConsumer },
        consumers: consumers.into_iter().collect(),
    }
}
