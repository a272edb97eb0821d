//! `request-transformer`: removes, renames, replaces, adds and appends headers, query arguments and members of the body
//! before the upstream gets the request; changes its path and method too. Values may be templates.

mod edits;
mod expression;
mod fields;
mod filter;
mod template;
mod value;

use std::sync::Arc;

use gibbon_model::plugin::ALL;
use gibbon_schema::Record;
use gibbon_sdk::{BuildError, Env, Phases, Plugin, Scope};
use serde::Deserialize;

pub use filter::RequestTransformerFilter;

/// The kind.
pub struct RequestTransformer;

/// A name, a colon and a value, in Lua's notation as messages quote it.
const PAIR: &str = "^[^:]+:.*$";

/// What a user may set: edits, made in the order remove, rename, replace, add, append.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Config {
    /// Method that the upstream gets.
    #[field(matches = "^%u+$")]
    pub http_method: Option<String>,
    /// What is taken away.
    pub remove: Remove,
    /// What gets another name: `old:new`.
    pub rename: Rename,
    /// What gets another value, where it is there: `name:value`.
    pub replace: Replace,
    /// What is set where it is not there: `name:value`.
    pub add: Set,
    /// What is set beside what is there: `name:value`.
    pub append: Set,
}

/// Names to take away.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Remove {
    /// Form fields or JSON members.
    #[field(default = [])]
    pub body: Vec<String>,
    /// Headers.
    #[field(default = [], elements(custom = edits::check_header))]
    pub headers: Vec<String>,
    /// Query arguments.
    #[field(default = [])]
    pub querystring: Vec<String>,
}

/// Names to change.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Rename {
    /// Form fields or JSON members.
    #[field(default = [], elements(custom = edits::check_value))]
    pub body: Vec<String>,
    /// Headers.
    #[field(default = [], elements(matches = PAIR, custom = crate::pairs::check_header_names))]
    pub headers: Vec<String>,
    /// Query arguments.
    #[field(default = [], elements(custom = edits::check_value))]
    pub querystring: Vec<String>,
}

/// Values to set where there is one.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Replace {
    /// Form fields or JSON members.
    #[field(default = [], elements(custom = edits::check_value))]
    pub body: Vec<String>,
    /// Headers.
    #[field(default = [], elements(matches = PAIR, custom = edits::check_header))]
    pub headers: Vec<String>,
    /// Query arguments.
    #[field(default = [], elements(custom = edits::check_value))]
    pub querystring: Vec<String>,
    /// Path that the upstream gets, its own path included.
    pub uri: Option<String>,
}

/// Values to set.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Set {
    /// Form fields or JSON members.
    #[field(default = [], elements(custom = edits::check_value))]
    pub body: Vec<String>,
    /// Headers.
    #[field(default = [], elements(matches = PAIR, custom = edits::check_header))]
    pub headers: Vec<String>,
    /// Query arguments.
    #[field(default = [], elements(custom = edits::check_value))]
    pub querystring: Vec<String>,
}

impl Plugin for RequestTransformer {
    const NAME: &'static str = "request-transformer";
    const PRIORITY: i32 = 801;
    const PHASES: Phases = Phases::ACCESS;
    const PROTOCOLS: &'static [&'static str] = ALL;
    type Config = Config;
    type Filter = RequestTransformerFilter;

    fn build(config: Config, env: &Arc<Env>, _scope: &Scope) -> Result<RequestTransformerFilter, BuildError> {
        Ok(RequestTransformerFilter::new(&config, env))
    }
}

#[cfg(test)]
mod tests;
