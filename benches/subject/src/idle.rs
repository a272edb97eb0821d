//! Plugins that have phases and do nothing in them: what one more plugin costs is what the chain costs.

use std::sync::Arc;

use gibbon_schema::Record;
use gibbon_sdk::BuildError;
use gibbon_sdk::Cx;
use gibbon_sdk::Env;
use gibbon_sdk::Filter;
use gibbon_sdk::Phases;
use gibbon_sdk::Plugin;
use gibbon_sdk::PluginDef;
use gibbon_sdk::Reply;
use gibbon_sdk::Scope;
use gibbon_sdk::Step;
use serde::Deserialize;

/// Of each kind one instance takes part in a request, so there are several kinds.
pub(crate) const NAMES: [&str; 10] =
    ["idle-0", "idle-1", "idle-2", "idle-3", "idle-4", "idle-5", "idle-6", "idle-7", "idle-8", "idle-9"];

struct Idle;

#[derive(Deserialize, Record)]
pub(crate) struct Config {
    /// Means nothing.
    #[field(default = 0)]
    pub(crate) number: i64,
}

struct IdleFilter(i64);

impl Plugin for Idle {
    const NAME: &'static str = "idle";
    const PRIORITY: i32 = 1;
    const PHASES: Phases = Phases::ACCESS.and(Phases::HEADER).and(Phases::LOG);
    type Config = Config;
    type Filter = IdleFilter;

    fn build(config: Config, _env: &Arc<Env>, _scope: &Scope) -> Result<IdleFilter, BuildError> {
        Ok(IdleFilter(config.number))
    }
}

impl Filter for IdleFilter {
    fn access<'a>(&'a self, _cx: &'a mut Cx<'_>) -> Step<'a> {
        // Never so: the default is 0.
        if self.0 != 0 { Step::stop(Reply::status(500)) } else { Step::GO }
    }
}

/// Returns the kinds.
pub(crate) fn kinds() -> impl Iterator<Item = PluginDef> {
    NAMES.into_iter().map(|name| {
        let mut def = PluginDef::of::<Idle>();
        def.kind.name = name;
        def
    })
}
