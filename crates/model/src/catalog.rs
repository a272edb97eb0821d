//! All that a node knows the shape of: its entities, its plugins, its options. Made once at start,
//! never changed.

use std::collections::HashMap;

use gibbon_schema::Context;
use gibbon_schema::Document;
use gibbon_schema::Options;
use gibbon_schema::Record;
use gibbon_schema::Subschemas;
use gibbon_schema::World;

use crate::entities;
use crate::entity::Child;
use crate::entity::Entity;
use crate::entity::EntityDef;
use crate::order;
use crate::plugin::PluginKind;

/// Entities and plugin kinds by name.
pub struct Catalog {
    options: Options,
    /// In dependency order: what is referred to comes first.
    entities: Vec<Entity>,
    by_name: HashMap<&'static str, usize>,
    plugins: Vec<PluginKind>,
    plugins_by_name: HashMap<&'static str, usize>,
}

impl Catalog {
    /// Builds the catalog of a node.
    ///
    /// `entities` are the core's ([`entities::core`](crate::entities::core)) and those of the
    /// plugins; a reference to an entity that is not among them is dropped, as Kong does for
    /// entities of plugins that are not enabled.
    pub fn new(
        entities: impl IntoIterator<Item = EntityDef>,
        plugins: impl IntoIterator<Item = PluginKind>,
        options: Options,
    ) -> Self {
        let built = entities.into_iter().map(|def| Entity::new(def, options)).collect();
        let mut entities: Vec<Entity> = order::sort(built);
        let by_name: HashMap<_, _> = entities.iter().enumerate().map(|(index, entity)| (entity.name, index)).collect();
        for index in 0..entities.len() {
            let entity = entities[index].name;
            for reference in entities[index].refs.clone() {
                if let Some(&target) = by_name.get(reference.target) {
                    let child = Child { entity, field: reference.field, on_delete: reference.on_delete };
                    entities[target].children.push(child);
                }
            }
        }
        let plugins: Vec<PluginKind> = plugins.into_iter().collect();
        let plugins_by_name = plugins.iter().enumerate().map(|(index, kind)| (kind.name, index)).collect();
        Self { options, entities, by_name, plugins, plugins_by_name }
    }

    /// Returns the settings of the node that schemas depend on.
    pub fn options(&self) -> Options {
        self.options
    }

    /// Returns the entity called `name`, such as `services`.
    pub fn entity(&self, name: &str) -> Option<&Entity> {
        self.by_name.get(name).map(|&index| &self.entities[index])
    }

    /// Returns all entities, what is referred to before what refers to it.
    pub fn entities(&self) -> impl DoubleEndedIterator<Item = &Entity> {
        self.entities.iter()
    }

    /// Returns the kind of plugin called `name`, such as `key-auth`.
    pub fn plugin(&self, name: &str) -> Option<&PluginKind> {
        self.plugins_by_name.get(name).map(|&index| &self.plugins[index])
    }

    /// Returns all kinds of plugin, in the order in which they were given.
    pub fn plugins(&self) -> impl Iterator<Item = &PluginKind> {
        self.plugins.iter()
    }

    /// Returns what the schema engine needs to admit documents of any entity.
    pub fn context<'a>(&'a self, world: &'a dyn World) -> Context<'a> {
        Context::new(self.options, world).with_subschemas(self)
    }
}

/// The catalog finds what completes `plugins` and `vaults` (by the name of the kind) and `routes` (by protocol), and
/// what foreign fields refer to.
impl Subschemas for Catalog {
    fn find(&self, family: &str, name: &str) -> Option<&Record> {
        match family {
            "plugins" => self.plugin(name).map(|kind| &kind.record),
            "routes" => entities::routes::subschema(name),
            "vaults" => entities::vaults::subschema(name),
            _ => None,
        }
    }

    fn entity(&self, name: &str) -> Option<&Record> {
        Self::entity(self, name).map(|entity| &entity.record)
    }
}

/// Returns the value of a document's primary key; empty when it is missing.
pub fn id_of<'a>(entity: &Entity, document: &'a Document) -> &'a str {
    document.get(entity.primary_key).and_then(|value| value.as_str()).unwrap_or_default()
}
