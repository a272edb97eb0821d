//! `key-auth`: a request must show a key that belongs to a consumer, in a header, a query argument or the body.

mod credential;
mod filter;

use std::sync::Arc;

use gibbon_model::plugin::Scopes;
use gibbon_schema::{Record, typedefs};
use gibbon_sdk::{BuildError, EntityKind, Env, Phases, Plugin, Scope};
use serde::Deserialize;

pub use credential::KeyCredential;
pub use filter::KeyAuthFilter;

/// The kind.
pub struct KeyAuth;

/// What a user may set.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Config {
    /// Names under which a key is looked for, as header, query argument or form field, in this order.
    #[field(default = ["apikey"], elements(base = typedefs::header_name))]
    pub key_names: Vec<String>,
    /// Whether the key is taken out of the request before the upstream gets it.
    #[field(default = false)]
    pub hide_credentials: bool,
    /// Consumer (id or username) that stands in for a client without a valid key; without it such a client is refused.
    pub anonymous: Option<String>,
    /// Whether headers are searched.
    #[field(default = true)]
    pub key_in_header: bool,
    /// Whether query arguments are searched.
    #[field(default = true)]
    pub key_in_query: bool,
    /// Whether form fields and top-level JSON members of the body are searched.
    #[field(default = false)]
    pub key_in_body: bool,
    /// Whether OPTIONS requests need a key too.
    #[field(default = true)]
    pub run_on_preflight: bool,
    /// Realm named in `WWW-Authenticate` when a request is refused.
    #[field(required = false)]
    pub realm: Option<String>,
}

impl Plugin for KeyAuth {
    const NAME: &'static str = "key-auth";
    const PRIORITY: i32 = 1250;
    const PHASES: Phases = Phases::ACCESS;
    const SCOPES: Scopes = Scopes::NO_CONSUMER;
    type Config = Config;
    type Filter = KeyAuthFilter;

    fn entities() -> Vec<EntityKind> {
        vec![EntityKind::of::<KeyCredential>(credential::DEF)]
    }

    fn build(config: Config, env: &Arc<Env>, _scope: &Scope) -> Result<KeyAuthFilter, BuildError> {
        Ok(KeyAuthFilter::new(config, env))
    }
}

#[cfg(test)]
mod tests;
