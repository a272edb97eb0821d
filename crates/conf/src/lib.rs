//! The configuration of a node: every property of `kong.conf` with its type and default, and Kong's way of putting file, environment and
//! command line together. It reads no file and no environment: text and variables are handed in.
//!
//! ```
//! use std::collections::BTreeMap;
//! use gibbon_conf::{Conf, Sources};
//!
//! let env = BTreeMap::from([("KONG_ADMIN_LISTEN".to_owned(), "127.0.0.1:9001".to_owned())]);
//! let conf = Conf::load(Sources { cwd: "/", default_prefix: "", file: Some("log_level = info # why"), env: &env, overrides: &[] }).expect("valid");
//! assert_eq!(conf.admin_listen[0].port, 9001);
//! ```
//!
//! `properties` is the table; `load` puts sources together (defaults, file, `KONG_*`, `GIBBON_*`, command line: later wins); `checks` says what
//! values must satisfy; `directives` reads the injected nginx directives; `json` shows it all as `GET /` does.

mod bounds;
mod checks;
mod directives;
mod error;
mod file;
mod json;
mod listen;
mod load;
mod properties;
mod types;
pub mod units;
mod value;
pub mod vault;

use std::collections::BTreeMap;
use std::ops::Deref;

pub use bounds::Bounds;
pub use bounds::Memory;
pub use directives::Block;
pub use directives::Directives;
pub use directives::Limits;
pub use error::ConfError;
pub use listen::KeepAlive;
pub use listen::Listener;
pub use load::Sources;
pub use properties::PROPERTIES;
pub use properties::Properties;
pub use properties::Property;
pub use properties::Support;
pub use types::Consistency;
pub use types::Database;
pub use types::DnsOrder;
pub use types::EnabledHeaders;
pub use types::LogLevel;
pub use types::PortMaps;
pub use types::RealIpHeader;
pub use types::Role;
pub use types::RouterFlavor;
pub use types::TrustedIps;
pub use types::UpstreamHeaders;
pub use types::WorkerCount;
pub use value::Kind;
pub use value::Value;

/// A checked configuration. Properties are its fields: `conf.proxy_listen`, `conf.router_flavor`.
#[derive(Clone, Debug)]
pub struct Conf {
    properties: Properties,
    /// Values as they are shown: references to vaults stand as given.
    shown: BTreeMap<String, Value>,
    /// Names that the user set, in any source.
    set: Vec<String>,
    /// The injected nginx directives.
    pub directives: Directives,
    /// What the proxy's listeners allow.
    pub proxy_limits: Limits,
    /// What else is bounded, and when requests are shed.
    pub bounds: Bounds,
    /// What the Admin API's listeners allow.
    pub admin_limits: Limits,
    /// What the Status API's listeners allow.
    pub status_limits: Limits,
    /// The environment as a vault, for references in entities.
    pub env_vault: vault::EnvVault,
}

impl Deref for Conf {
    type Target = Properties;

    fn deref(&self) -> &Properties {
        &self.properties
    }
}

impl Conf {
    /// Puts the sources together and checks the result; see [`Sources`] for their order.
    ///
    /// All errors are told, in Kong's words; Kong's commands print the first or all of them.
    pub fn load(sources: Sources<'_>) -> Result<Self, Vec<ConfError>> {
        load::load(sources)
    }

    /// Returns the properties that the user set and that have no effect yet, sorted.
    pub fn unserved(&self) -> Vec<&str> {
        let served = |name: &str| match properties::find(name) {
            Some(property) => property.support == Support::Served,
            None => directives::split(name).is_some_and(|(_, directive)| directives::served(directive)),
        };
        self.set.iter().map(String::as_str).filter(|name| !served(name)).collect()
    }

    /// Returns whether the user set `name`, in any source.
    pub fn is_set(&self, name: &str) -> bool {
        self.set.iter().any(|set| set == name)
    }

    /// Returns the properties with their values as text, sorted by name, as a configuration file that makes the same configuration.
    ///
    /// References into vaults stand as given; secrets stand in the clear, so the file must be readable by its owner only. Texts of several
    /// lines, which the format cannot hold, are left out.
    pub fn to_file(&self) -> String {
        let shown = self.shown.iter().map(|(name, value)| (name.as_str(), json::line(value)));
        // What was set to nothing has no value to show; without a line its default would be back.
        let emptied = self.set.iter().filter(|name| !self.shown.contains_key(*name));
        let emptied = emptied.map(|name| (name.as_str(), String::new()));
        let mut lines: Vec<_> = shown.chain(emptied).filter(|(_, text)| !text.contains('\n')).collect();
        lines.sort_unstable();
        lines.iter().map(|(name, text)| format!("{name} = {}\n", text.replace('#', "\\#"))).collect()
    }

    /// Returns the names of the plugins that `plugins` switches on, of those that `bundled` names.
    ///
    /// `bundled` in the list stands for all of them, `off` as the only entry for none. Names that are not bundled are returned too: it is
    /// the caller who knows whether there is such a plugin.
    pub fn enabled_plugins<'a>(&'a self, bundled: impl Iterator<Item = &'a str> + Clone) -> Vec<&'a str> {
        let mut enabled: Vec<&str> = Vec::new();
        for name in &self.plugins {
            match name.as_str() {
                "bundled" => enabled.extend(bundled.clone()),
                "off" => {}
                name => enabled.push(name),
            }
        }
        enabled.sort_unstable();
        enabled.dedup();
        enabled
    }

    /// Returns the conditions of `proxy_next_upstream`, nginx's words for when a request may go to the next target; `None` unless set.
    pub fn proxy_next_upstream(&self) -> Option<&str> {
        [Block::Location, Block::Proxy, Block::Http]
            .into_iter()
            .find_map(|block| self.directives.get(block, "proxy_next_upstream"))
    }
}

#[cfg(test)]
mod tests;
