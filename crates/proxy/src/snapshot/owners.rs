//! Who owns what, looked at from behind: the routes of a service, the plugins of a route. It tells a change whom it
//! concerns; requests never see it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use gibbon_model::entities::Plugin;
use gibbon_model::entities::Route;
use uuid::Uuid;

use crate::chain::Chains;
use crate::chain::Instance;
use crate::chain::KindIndex;

/// What decides where a plugin takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Route(Uuid),
    Service(Uuid),
    Consumer(Uuid),
    Everything,
}

impl Owner {
    fn of(plugin: &Plugin) -> Self {
        match (plugin.route, plugin.service, plugin.consumer) {
            (Some(route), _, _) => Self::Route(route.id),
            (None, Some(service), _) => Self::Service(service.id),
            (None, None, Some(consumer)) => Self::Consumer(consumer.id),
            (None, None, None) => Self::Everything,
        }
    }
}

/// Ids by owner.
#[derive(Debug, Default)]
struct Index(HashMap<Uuid, BTreeSet<Uuid>>);

impl Index {
    fn insert(&mut self, owner: Uuid, id: Uuid) {
        self.0.entry(owner).or_default().insert(id);
    }

    fn remove(&mut self, owner: Uuid, id: Uuid) {
        if let Some(ids) = self.0.get_mut(&owner) {
            ids.remove(&id);
            if ids.is_empty() {
                self.0.remove(&owner);
            }
        }
    }

    fn of(&self, owner: Uuid) -> impl Iterator<Item = Uuid> + '_ {
        self.0.get(&owner).into_iter().flatten().copied()
    }
}

/// Plugins with their owners, and the owners whose chains are out of date.
#[derive(Debug, Default)]
pub(super) struct Owners {
    instances: HashMap<Uuid, Arc<Instance>>,
    routes_of_service: Index,
    plugins_of_route: Index,
    plugins_of_service: Index,
    global: BTreeSet<Uuid>,
    /// How many consumers have an instance of a kind.
    for_consumers: BTreeMap<KindIndex, usize>,
    stale_routes: HashSet<Uuid>,
    stale_services: HashSet<Uuid>,
    stale_global: bool,
}

impl Owners {
    /// Returns the routes of a service.
    pub(super) fn routes_of(&self, service: Uuid) -> Vec<Uuid> {
        self.routes_of_service.of(service).collect()
    }

    /// Returns the instance of a plugin.
    pub(super) fn instance(&self, plugin: Uuid) -> Option<&Arc<Instance>> {
        self.instances.get(&plugin)
    }

    pub(super) fn insert_route(&mut self, route: &Route) {
        if let Some(service) = route.service {
            self.routes_of_service.insert(service.id, route.id);
        }
        self.stale_routes.insert(route.id);
    }

    pub(super) fn remove_route(&mut self, route: &Route) {
        if let Some(service) = route.service {
            self.routes_of_service.remove(service.id, route.id);
        }
        self.stale_routes.insert(route.id);
    }

    pub(super) fn insert_plugin(&mut self, instance: Instance, chains: &mut Chains) {
        let (id, kind, instance) = (instance.id(), instance.kind, Arc::new(instance));
        match Owner::of(instance.plugin()) {
            Owner::Route(route) => self.plugins_of_route.insert(route, id),
            Owner::Service(service) => self.plugins_of_service.insert(service, id),
            Owner::Everything => {
                self.global.insert(id);
            }
            Owner::Consumer(consumer) => {
                *self.for_consumers.entry(kind).or_default() += 1;
                chains.insert_consumer(consumer, Arc::clone(&instance));
            }
        }
        self.spoil(&instance);
        self.instances.insert(id, instance);
    }

    pub(super) fn remove_plugin(&mut self, id: Uuid, chains: &mut Chains) {
        let Some(instance) = self.instances.remove(&id) else { return };
        match Owner::of(instance.plugin()) {
            Owner::Route(route) => self.plugins_of_route.remove(route, id),
            Owner::Service(service) => self.plugins_of_service.remove(service, id),
            Owner::Everything => {
                self.global.remove(&id);
            }
            Owner::Consumer(consumer) => {
                let left = self.for_consumers.get(&instance.kind).copied().unwrap_or_default().saturating_sub(1);
                match left {
                    0 => self.for_consumers.remove(&instance.kind),
                    left => self.for_consumers.insert(instance.kind, left),
                };
                chains.remove_consumer(consumer, &instance);
            }
        }
        self.spoil(&instance);
    }

    /// Notes whose chains an instance that came or went puts out of date.
    fn spoil(&mut self, instance: &Instance) {
        match Owner::of(instance.plugin()) {
            Owner::Route(route) => {
                self.stale_routes.insert(route);
            }
            Owner::Service(service) => {
                self.stale_services.insert(service);
            }
            Owner::Everything | Owner::Consumer(_) => self.stale_global = true,
        }
    }

    /// Brings the chains that are out of date up to date. `service_of` knows the service of a route that exists.
    pub(super) fn settle(&mut self, chains: &mut Chains, service_of: impl Fn(Uuid) -> Option<Uuid>) {
        for service in std::mem::take(&mut self.stale_services) {
            self.stale_routes.extend(self.routes_of_service.of(service));
            let instances = self.plugins_of_service.of(service);
            chains.set_service(service, &self.take(instances, |_| true));
        }
        for route in std::mem::take(&mut self.stale_routes) {
            let service = service_of(route);
            let own = self.plugins_of_route.of(route);
            let mut instances = self.take(own, |plugin| match plugin.service {
                Some(wanted) => Some(wanted.id) == service,
                None => true,
            });
            if let Some(service) = service.filter(|_| !instances.is_empty()) {
                instances.extend(self.take(self.plugins_of_service.of(service), |_| true));
            }
            chains.set_route(route, &instances);
        }
        if std::mem::take(&mut self.stale_global) {
            let global = self.take(self.global.iter().copied(), |_| true);
            chains.set_global(global, self.for_consumers.keys().copied());
        }
    }

    fn take(&self, ids: impl Iterator<Item = Uuid>, keep: impl Fn(&Plugin) -> bool) -> Vec<&Arc<Instance>> {
        ids.filter_map(|id| self.instances.get(&id)).filter(|instance| keep(instance.plugin())).collect()
    }
}
