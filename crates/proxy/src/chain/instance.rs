//! A configured plugin as it runs: what the entity says, and the filter made from it.

use std::fmt;
use std::sync::Arc;

use gibbon_model::entities::Plugin;
use gibbon_schema::Value;
use gibbon_sdk::BuildError;
use gibbon_sdk::Cx;
use gibbon_sdk::Env;
use gibbon_sdk::Filter;
use gibbon_sdk::Phases;
use gibbon_sdk::PluginDef;
use gibbon_sdk::Reply;
use gibbon_sdk::Scope;
use gibbon_sdk::Step;
use uuid::Uuid;

use crate::chain::KindIndex;

/// A configured plugin. Immutable; it lives on in the next snapshot unless it was changed.
pub struct Instance {
    /// The entity without its configuration, which takes much room as a tree.
    plugin: Plugin,
    /// The configuration as text, to see whether it changes.
    config: Box<[u8]>,
    name: &'static str,
    phases: Phases,
    filter: Arc<dyn Filter>,
    /// Whether the filter is the kind's own.
    works: bool,
    pub(crate) kind: KindIndex,
}

impl Instance {
    /// Builds the filter of a plugin. One that equals `before` in its configuration shares that one's filter.
    ///
    /// A filter that cannot be built is replaced by one that answers 500: left out, it would leave open what it guards.
    pub(crate) fn new(
        mut plugin: Plugin,
        (kind, def): (KindIndex, &PluginDef),
        before: Option<&Self>,
        env: &Arc<Env>,
    ) -> (Self, Option<BuildError>) {
        let scope = scope(&plugin);
        let config = Value::Object(plugin.config.take().unwrap_or_default());
        let text = config.to_string().into_bytes().into_boxed_slice();
        let same = |before: &&Self| {
            before.works && before.kind == kind && self::scope(&before.plugin) == scope && before.config == text
        };
        let (filter, failed) = match before.filter(same) {
            Some(before) => (Arc::clone(&before.filter), None),
            None => match (def.build)(&config, env, &scope) {
                Ok(filter) => (filter, None),
                Err(error) => (Arc::new(Broken) as Arc<dyn Filter>, Some(error)),
            },
        };
        let works = failed.is_none();
        let phases = if works { def.phases } else { Phases::ACCESS };
        (Self { plugin, config: text, name: def.kind.name, phases, filter, works, kind }, failed)
    }

    /// Returns the id of the plugin entity.
    pub fn id(&self) -> Uuid {
        self.plugin.id
    }

    /// Returns the name of its kind, such as `key-auth`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the phases that its filter has.
    pub fn phases(&self) -> Phases {
        self.phases
    }

    /// Returns the filter.
    pub fn filter(&self) -> &dyn Filter {
        &*self.filter
    }

    /// Returns the entity as it was configured, without its `config`.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }
}

fn scope(plugin: &Plugin) -> Scope {
    Scope {
        id: plugin.id,
        consumer: plugin.consumer.map(|consumer| consumer.id),
        route: plugin.route.map(|route| route.id),
        service: plugin.service.map(|service| service.id),
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("name", &self.name).field("id", &self.plugin.id).finish_non_exhaustive()
    }
}

/// Stands in for a filter that could not be built.
struct Broken;

impl Filter for Broken {
    fn access<'a>(&'a self, _: &'a mut Cx<'_>) -> Step<'a> {
        Step::stop(Reply::status(500))
    }
}
