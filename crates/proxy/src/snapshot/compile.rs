//! Compiles documents into a snapshot: reads each into its type once, and changes only what it touches. It runs on the
//! control side and does no I/O.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use gibbon_conf::vault::VaultError;
use gibbon_model::Document;
use gibbon_model::declarative::Packed;
use gibbon_model::entities::Consumer;
use gibbon_model::entities::Plugin;
use gibbon_model::entities::Protocol;
use gibbon_model::entities::Route;
use gibbon_model::entities::Service;
use gibbon_sdk::BuildError;
use gibbon_sdk::EntityKind;
use gibbon_sdk::Env;
use gibbon_sdk::PluginDef;
use gibbon_store::Store;
use memchr::memmem;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::runtime;
use uuid::Uuid;

use crate::chain::Instance;
use crate::chain::KindIndex;
use crate::router::Fields;
use crate::router::Regexes;
use crate::router::RouteError;
use crate::snapshot::Shards;
use crate::snapshot::Snapshot;
use crate::snapshot::answers::Ledger;
use crate::snapshot::desk::Desk;
use crate::snapshot::desk::Landed;
use crate::snapshot::entities::Stored;
use crate::snapshot::lookups::Keeper;
use crate::snapshot::owners::Owners;
use crate::snapshot::secrets::Secrets;

/// Something of a configuration that does not work on this node. The rest is compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A plugin's kind is not among the enabled ones (Kong's words).
    #[error("{name} plugin is in use but not enabled")]
    NotEnabled {
        /// The kind.
        name: String,
    },
    /// A plugin cannot be built; requests that it would see are answered with 500.
    #[error("plugin {name} ({id}): {source}")]
    Plugin {
        /// The kind.
        name: String,
        /// The instance.
        id: Uuid,
        /// Why.
        source: BuildError,
    },
    /// A route cannot be routed to.
    #[error("route {id}: {source}")]
    Route {
        /// The route.
        id: Uuid,
        /// Why.
        source: RouteError,
    },
    /// A reference into a vault leads nowhere; the field is empty.
    #[error("{entity} {id}: {source} ({reference})")]
    Secret {
        /// The entity.
        entity: String,
        /// The document's primary key.
        id: Uuid,
        /// The reference.
        reference: String,
        /// Why.
        source: VaultError,
    },
    /// A document is not what its schema says.
    #[error("{entity} {id}: {source}")]
    Document {
        /// The entity.
        entity: String,
        /// The document's primary key.
        id: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// The entity that others refer to within their values.
pub(super) const VAULTS: &str = "vaults";

/// Keeps a snapshot in step with documents.
pub struct Compiler {
    env: Arc<Env>,
    /// In running order.
    kinds: Vec<PluginDef>,
    kind_by_name: HashMap<&'static str, KindIndex>,
    entity_kinds: HashMap<&'static str, EntityKind>,
    regexes: Regexes,
    owners: Owners,
    secrets: Secrets,
    snapshot: Snapshot,
    /// None on a node that holds everything, however much it is.
    keeper: Option<Keeper>,
    errors: Vec<CompileError>,
}

impl Compiler {
    /// Returns a compiler for a node with these kinds of plugins, and no configuration yet.
    pub fn new(env: Arc<Env>, mut kinds: Vec<PluginDef>) -> Self {
        // Kong 3.10, db/dao/plugins.lua: by priority, then by name, both descending.
        kinds.sort_by_key(|def| std::cmp::Reverse((def.kind.priority, def.kind.name)));
        let names = kinds.iter().map(|def| def.kind.name);
        let entities = kinds.iter().flat_map(|kind| &kind.entities);
        Self {
            kind_by_name: names.zip(0..).collect(),
            entity_kinds: entities.map(|kind| (kind.def.name, kind.clone())).collect(),
            secrets: Secrets::new(env.conf.env_vault.clone(), &kinds),
            kinds,
            regexes: Regexes::default(),
            owners: Owners::default(),
            snapshot: Snapshot::new(Arc::clone(&env)),
            keeper: None,
            errors: Vec::new(),
            env,
        }
    }

    /// Looks consumers and plugins' entities up in a store when they are too many to hold them all: more than
    /// `mem_cache_size` has room for. The runtime is the one that asks the store.
    pub fn look_up_in(&mut self, store: Arc<dyn Store>, control: runtime::Handle) {
        // References into vaults are resolved while compiling; who may have some is held.
        let plain = |kind: &EntityKind| kind.read.is_some() && !self.secrets.may_refer(kind.def.name);
        let kinds = self.entity_kinds.iter().filter(|(_, kind)| plain(kind));
        let kinds = kinds.map(|(name, kind)| (*name, kind.clone())).collect();
        let memory = gibbon_conf::units::size(&self.env.conf.mem_cache_size).unwrap_or(0);
        self.keeper = Some(Keeper::new(Desk::new(store, control, Arc::clone(&self.env), kinds), memory));
    }

    /// Returns the properties that it compiles for.
    pub(super) fn conf(&self) -> &gibbon_conf::Conf {
        &self.env.conf
    }

    /// Returns where requests ask, if they do.
    pub(super) fn desk(&self) -> Option<Arc<Desk>> {
        self.keeper.as_ref().map(|keeper| Arc::clone(&keeper.desk))
    }

    /// Takes answers of the store into the snapshot.
    pub(super) fn remember(&mut self, landed: &Landed) {
        if let Some(keeper) = &mut self.keeper {
            keeper.remember(&mut self.snapshot, landed);
        }
    }

    /// Returns a copy of the snapshot as it is now.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    /// Replaces everything by these documents. Filters of plugins that are in both are kept.
    ///
    /// Returns what does not work; all else does.
    pub fn load<'d>(&mut self, documents: impl IntoIterator<Item = (&'d str, &'d Document)>) -> Vec<CompileError> {
        let documents: Vec<_> = documents.into_iter().collect();
        let mut load = self.start_over();
        // Vaults first: others may refer to them.
        for vaults in [true, false] {
            for &(entity, document) in documents.iter().filter(|(entity, _)| (*entity == VAULTS) == vaults) {
                load.add(entity, document);
            }
        }
        load.finish()
    }

    /// Begins to replace everything, document by document, vaults first. If the load is not finished, all stays as it
    /// was.
    pub fn start_over(&mut self) -> Load<'_> {
        let empty = Snapshot::new(Arc::clone(&self.env));
        let snapshot = std::mem::replace(&mut self.snapshot, empty);
        let ledger = self.keeper.as_mut().map(|keeper| std::mem::take(&mut keeper.ledger)).unwrap_or_default();
        // Once too many, they are counted again when the node starts anew.
        if let (Some(_), Some(keeper)) = (&snapshot.lookups, &mut self.keeper) {
            keeper.begin(&mut self.snapshot);
        }
        let owners = std::mem::take(&mut self.owners);
        let secrets = Secrets::new(self.env.conf.env_vault.clone(), &self.kinds);
        let secrets = std::mem::replace(&mut self.secrets, secrets);
        Load { compiler: self, before: Some(Before { snapshot, owners, secrets, ledger }) }
    }

    /// Applies changes in this order: documents by entity and primary key, none for one that was deleted.
    ///
    /// Returns what does not work; all else does.
    pub fn apply<'d>(
        &mut self,
        changes: impl IntoIterator<Item = (&'d str, &'d str, Option<&'d Document>)>,
    ) -> Vec<CompileError> {
        let nothing = Owners::default();
        for (entity, id, document) in changes {
            self.set(entity, id, document, &nothing);
        }
        self.settle()
    }

    fn settle(&mut self) -> Vec<CompileError> {
        let routes = &self.snapshot.routes;
        let service_of = |route| routes.get(&route).and_then(|route| route.service).map(|service| service.id);
        self.owners.settle(&mut self.snapshot.chains, service_of);
        self.count();
        std::mem::take(&mut self.errors)
    }

    /// Takes over a packed document of a load. Most hold no reference, and are read into their types at once.
    fn add_packed(&mut self, entity: &str, document: &Packed, before: &Owners) {
        let mentions_vault = || memmem::find(document.text(), b"{vault://").is_some();
        let is_plain = entity != VAULTS && !self.entity_kinds.contains_key(entity) && !mentions_vault();
        let outcome = if is_plain {
            let id = serde_json::from_slice::<Id<'_>>(document.text()).map(|Id { id }| id.parse().ok());
            match id {
                // What has no UUID for a primary key is of no use to requests.
                Ok(None) => Ok(()),
                Ok(Some(id)) => self.set_document(entity, id, Some(Source::Packed(document)), before),
                Err(source) => Err(source),
            }
        } else {
            document.unpack().map(|document| {
                let id = document.get("id").and_then(|id| id.as_str()).unwrap_or_default();
                self.set(entity, id, Some(&document), before);
            })
        };
        if let Err(source) = outcome {
            let id = document.unpack_only(|name| name == "id").ok();
            let id = id.as_ref().and_then(|key| key.get("id")?.as_str()).unwrap_or_default().to_owned();
            self.errors.push(CompileError::Document { entity: entity.to_owned(), id, source });
        }
    }

    fn count(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.check(&mut self.snapshot);
        }
    }

    fn set(&mut self, entity: &str, key: &str, document: Option<&Document>, before: &Owners) {
        // What has no UUID for a primary key (tags, parameters) is of no use to requests.
        let Ok(id) = key.parse::<Uuid>() else { return };
        if entity == VAULTS {
            for (entity, id, document) in self.secrets.set_vault(id, document) {
                self.set(&entity, &id.to_string(), Some(&document), before);
            }
            return;
        }
        let resolved = self.secrets.resolve(entity, id, document);
        for (reference, source) in resolved.iter().flat_map(|(_, failed)| failed.clone()) {
            self.errors.push(CompileError::Secret { entity: entity.to_owned(), id, reference, source });
        }
        let document = resolved.as_ref().map(|(document, _)| document).or(document);
        let outcome = self.set_document(entity, id, document.map(Source::Whole), before);
        if let Err(source) = outcome {
            let (entity, id) = (entity.to_owned(), key.to_owned());
            self.errors.push(CompileError::Document { entity, id, source });
        }
    }

    fn set_document(
        &mut self,
        entity: &str,
        id: Uuid,
        document: Option<Source<'_>>,
        before: &Owners,
    ) -> Result<(), serde_json::Error> {
        // A load brings what nothing is known of yet.
        let changed =
            document.and_then(|document| if let Source::Whole(changed) = document { Some(changed) } else { None });
        if let Some(keeper) = &mut self.keeper
            && keeper.forget(&mut self.snapshot, (entity, id), changed)
        {
            return Ok(());
        }
        match entity {
            "services" => self.set_service(id, read(document)?),
            "routes" => self.set_route(id, read(document)?),
            "plugins" => self.set_plugin(id, read(document)?, before),
            "consumers" => self.set_consumer(id, read(document)?),
            "upstreams" => self.snapshot.upstreams.set(id, read(document)?),
            "targets" => self.snapshot.upstreams.set_target(id, read(document)?),
            "certificates" => self.snapshot.certificates.set(id, read(document)?),
            "snis" => self.snapshot.certificates.set_sni(id, read(document)?),
            "ca_certificates" => put(&mut self.snapshot.ca_certificates, id, read(document)?.map(Arc::new)),
            _ => {
                if let Some(kind) = self.entity_kinds.get(entity) {
                    let read = |document| match document {
                        Source::Whole(document) => Stored::read(kind, document),
                        Source::Packed(document) => Stored::read(kind, &document.unpack()?),
                    };
                    let stored = document.map(read).transpose()?.flatten();
                    self.snapshot.entities.set(kind.def.name, id, stored.map(Arc::new));
                }
            }
        }
        Ok(())
    }

    fn set_service(&mut self, id: Uuid, service: Option<Service>) {
        let serves = |service: Option<&Service>| service.is_some_and(|service| service.enabled);
        let before = serves(self.snapshot.services.get(&id).map(|service| &**service));
        let after = serves(service.as_ref());
        if before && !after {
            self.each_route_of(id, Self::remove_from_router);
        }
        put(&mut self.snapshot.services, id, service.map(Arc::new));
        if after && !before {
            self.each_route_of(id, Self::add_to_router);
        }
    }

    fn each_route_of(&mut self, service: Uuid, change: impl Fn(&mut Self, &Arc<Route>)) {
        for route in self.owners.routes_of(service) {
            if let Some(route) = self.snapshot.routes.get(&route).cloned() {
                change(self, &route);
            }
        }
    }

    fn set_route(&mut self, id: Uuid, route: Option<Route>) {
        if let Some(before) = self.snapshot.routes.remove(&id) {
            self.remove_from_router(&before);
            self.owners.remove_route(&before);
        }
        if let Some(route) = route.map(Arc::new) {
            self.owners.insert_route(&route);
            self.add_to_router(&route);
            self.snapshot.routes.insert(id, route);
        }
    }

    /// Tells whether requests can come to a route: it is for HTTP, and its service is there and enabled, if it has one.
    fn is_routable(&self, route: &Route) -> bool {
        let enabled = |id| self.snapshot.services.get(&id).is_some_and(|service| service.enabled);
        route.protocols.iter().any(is_http) && route.service.is_none_or(|service| enabled(service.id))
    }

    fn add_to_router(&mut self, route: &Arc<Route>) {
        if !self.is_routable(route) {
            return;
        }
        let added = self.snapshot.router.insert(Arc::clone(route), &Fields::from(&**route), &mut self.regexes);
        if let Err(source) = added {
            self.errors.push(CompileError::Route { id: route.id, source });
        }
    }

    fn remove_from_router(&mut self, route: &Arc<Route>) {
        if self.is_routable(route) {
            self.snapshot.router.remove(&Fields::from(&**route), &mut self.regexes);
        }
    }

    fn set_plugin(&mut self, id: Uuid, plugin: Option<Plugin>, before: &Owners) {
        let held = self.owners.instance(id).or_else(|| before.instance(id)).cloned();
        self.owners.remove_plugin(id, &mut self.snapshot.chains);
        let runs = |plugin: &Plugin| plugin.enabled && plugin.protocols.iter().any(is_http);
        let Some(plugin) = plugin.filter(runs) else { return };
        let Some(&kind) = self.kind_by_name.get(plugin.name.as_str()) else {
            self.errors.push(CompileError::NotEnabled { name: plugin.name });
            return;
        };
        let def = &self.kinds[usize::from(kind)];
        let (instance, failed) = Instance::new(plugin, (kind, def), held.as_deref(), &self.env);
        if let Some(source) = failed {
            self.errors.push(CompileError::Plugin { name: def.kind.name.to_owned(), id, source });
        }
        self.owners.insert_plugin(instance, &mut self.snapshot.chains);
    }

    fn set_consumer(&mut self, id: Uuid, consumer: Option<Consumer>) {
        let snapshot = &mut self.snapshot;
        if let Some(before) = snapshot.consumers.remove(&id) {
            before.username.as_deref().map(|name| snapshot.usernames.remove(name));
            before.custom_id.as_deref().map(|name| snapshot.custom_ids.remove(name));
        }
        if let Some(consumer) = consumer.map(Arc::new) {
            let name = |name: &Option<String>| name.as_deref().map(Box::from);
            name(&consumer.username).map(|name| snapshot.usernames.insert(name, Arc::clone(&consumer)));
            name(&consumer.custom_id).map(|name| snapshot.custom_ids.insert(name, Arc::clone(&consumer)));
            snapshot.consumers.insert(id, consumer);
        }
    }
}

/// A configuration on its way in, in the place of another.
pub struct Load<'c> {
    compiler: &'c mut Compiler,
    /// What was there before; none once the load is finished.
    before: Option<Before>,
}

/// What a compiler held before a load.
struct Before {
    snapshot: Snapshot,
    owners: Owners,
    secrets: Secrets,
    ledger: Ledger,
}

impl Load<'_> {
    /// Adds a document. The filter of a plugin that was there before is kept.
    pub fn add(&mut self, entity: &str, document: &Document) {
        let id = document.get("id").and_then(|id| id.as_str()).unwrap_or_default();
        if let Some(before) = &self.before {
            self.compiler.set(entity, id, Some(document), &before.owners);
            self.compiler.count();
        }
    }

    /// Adds a packed document as [`add`](Self::add) adds one that is not.
    pub fn add_packed(&mut self, entity: &str, document: &Packed) {
        if let Some(before) = &self.before {
            self.compiler.add_packed(entity, document, &before.owners);
            self.compiler.count();
        }
    }

    /// Returns whether an entity is looked up, so that its documents need not be added.
    pub fn is_looked_up(&self, entity: &str) -> bool {
        let knows = |keeper: &Keeper| keeper.desk.knows(entity).is_some();
        self.compiler.snapshot.lookups.is_some() && self.compiler.keeper.as_ref().is_some_and(knows)
    }

    /// Takes in a document that is looked up otherwise, before anybody asks for it; false if there is no more room.
    pub fn warm(&mut self, entity: &'static str, document: &Document) -> bool {
        let Compiler { keeper, snapshot, .. } = &mut *self.compiler;
        keeper.as_mut().is_some_and(|keeper| keeper.warm(snapshot, entity, document))
    }

    /// Ends the load, and returns what does not work; all else does.
    pub fn finish(mut self) -> Vec<CompileError> {
        self.before = None;
        self.compiler.settle()
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        if let Some(Before { snapshot, owners, secrets, ledger }) = self.before.take() {
            (self.compiler.snapshot, self.compiler.owners, self.compiler.secrets) = (snapshot, owners, secrets);
            if let Some(keeper) = &mut self.compiler.keeper {
                keeper.ledger = ledger;
            }
            self.compiler.errors.clear();
        }
    }
}

/// A document that is to be read into its type.
#[derive(Clone, Copy)]
enum Source<'a> {
    Whole(&'a Document),
    Packed(&'a Packed),
}

/// What is read of a packed document to know whose it is.
#[derive(Deserialize)]
struct Id<'a> {
    #[serde(default, borrow)]
    id: Cow<'a, str>,
}

fn read<T: DeserializeOwned>(document: Option<Source<'_>>) -> Result<Option<T>, serde_json::Error> {
    let read = |document| match document {
        Source::Whole(document) => T::deserialize(document),
        Source::Packed(document) => serde_json::from_slice(document.text()),
    };
    document.map(read).transpose()
}

fn put<T>(map: &mut Shards<Uuid, Arc<T>>, id: Uuid, value: Option<Arc<T>>) {
    match value {
        Some(value) => map.insert(id, value),
        None => map.remove(&id),
    };
}

fn is_http(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Http | Protocol::Https | Protocol::Grpc | Protocol::Grpcs)
}

/// What the router asks of a route. HTTP routes have neither sources nor destinations in this flavour.
impl<'r> From<&'r Route> for Fields<'r> {
    fn from(route: &'r Route) -> Self {
        let headers = route.headers.iter().flatten();
        Self {
            id: route.id,
            hosts: route.hosts.as_deref(),
            paths: route.paths.as_deref().unwrap_or_default(),
            methods: route.methods.as_deref().unwrap_or_default(),
            headers: headers.map(|(name, values)| (name.as_str(), values.as_slice())).collect(),
            snis: route.snis.as_deref().unwrap_or_default(),
            regex_priority: route.regex_priority.unwrap_or(0),
            sources: &[],
            destinations: &[],
        }
    }
}
