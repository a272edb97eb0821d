//! `acl`: lets a consumer in, or keeps it out, by the groups it is in.

mod filter;
mod group;

use std::sync::Arc;

use gibbon_model::plugin::Scopes;
use gibbon_schema::Record;
use gibbon_sdk::{BuildError, EntityKind, Env, Phases, Plugin, Scope};
use serde::Deserialize;

pub use filter::AclFilter;
pub use group::Group;

/// The kind.
pub struct Acl;

/// What a user may set: exactly one of the lists.
#[derive(Clone, Debug, Deserialize, Record)]
#[record(plugin_check = only_one_of(["config.allow", "config.deny"]), plugin_check = at_least_one_of(["config.allow", "config.deny"]))]
pub struct Config {
    /// Groups that are let in; everybody else is kept out.
    pub allow: Option<Vec<String>>,
    /// Groups that are kept out; everybody else is let in.
    pub deny: Option<Vec<String>>,
    /// Whether the upstream is not told the groups (`X-Consumer-Groups`, `X-Authenticated-Groups`).
    #[field(default = false)]
    pub hide_groups_header: bool,
    /// Whether groups that an authentication plugin found count also when there is a consumer.
    #[field(default = false)]
    pub always_use_authenticated_groups: bool,
}

impl Plugin for Acl {
    const NAME: &'static str = "acl";
    const PRIORITY: i32 = 950;
    const PHASES: Phases = Phases::ACCESS;
    const SCOPES: Scopes = Scopes::NO_CONSUMER;
    type Config = Config;
    type Filter = AclFilter;

    fn entities() -> Vec<EntityKind> {
        vec![EntityKind::of::<Group>(group::DEF)]
    }

    fn build(config: Config, _env: &Arc<Env>, _scope: &Scope) -> Result<AclFilter, BuildError> {
        Ok(AclFilter::new(config))
    }
}

#[cfg(test)]
mod tests;
