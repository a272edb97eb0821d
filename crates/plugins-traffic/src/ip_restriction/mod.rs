//! `ip-restriction`: lets clients in, or keeps them out, by their address.

use std::net::IpAddr;
use std::sync::Arc;

use gibbon_model::plugin::ALL;
use gibbon_schema::{Record, typedefs};
use gibbon_sdk::{BuildError, Cx, Env, Filter, Phases, Plugin, Reply, Scope, Step};
use ipnet::IpNet;
use serde::Deserialize;

/// The kind.
pub struct IpRestriction;

/// What a user may set: at least one of the lists.
#[derive(Clone, Debug, Deserialize, Record)]
#[record(plugin_check = at_least_one_of(["config.allow", "config.deny"]))]
pub struct Config {
    /// Addresses and CIDR blocks that are let in; everybody else is kept out.
    #[field(elements(base = typedefs::ip_or_cidr))]
    pub allow: Option<Vec<String>>,
    /// Addresses and CIDR blocks that are kept out, even if they are also let in.
    #[field(elements(base = typedefs::ip_or_cidr))]
    pub deny: Option<Vec<String>>,
    /// Status of the refusal; 403 when left out.
    #[field(required = false)]
    pub status: Option<f64>,
    /// Message of the refusal; names the address when left out.
    #[field(required = false)]
    pub message: Option<String>,
}

impl Plugin for IpRestriction {
    const NAME: &'static str = "ip-restriction";
    const PRIORITY: i32 = 990;
    const PHASES: Phases = Phases::ACCESS.and(Phases::PREREAD);
    const PROTOCOLS: &'static [&'static str] = ALL;
    const DEFAULT_PROTOCOLS: Option<&'static [&'static str]> = Some(&["http", "https", "tcp", "tls", "grpc", "grpcs"]);
    type Config = Config;
    type Filter = IpRestrictionFilter;

    fn build(config: Config, _env: &Arc<Env>, _scope: &Scope) -> Result<IpRestrictionFilter, BuildError> {
        Ok(IpRestrictionFilter {
            allow: nets("allow", config.allow)?,
            deny: nets("deny", config.deny)?,
            status: config.status.map_or(403, |status| status as u16),
            message: config.message,
        })
    }
}

/// A configured `ip-restriction`.
pub struct IpRestrictionFilter {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
    status: u16,
    message: Option<String>,
}

impl IpRestrictionFilter {
    fn lets_in(&self, address: IpAddr) -> bool {
        let listed = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address));
        !listed(&self.deny) && (self.allow.is_empty() || listed(&self.allow))
    }
}

impl Filter for IpRestrictionFilter {
    fn access<'a>(&'a self, cx: &'a mut Cx<'_>) -> Step<'a> {
        let address = cx.client.address.to_canonical();
        if self.lets_in(address) {
            return Step::GO;
        }
        if !(400..600).contains(&self.status) {
            tracing::error!(status = self.status, "ip-restriction: a refusal needs a status of 400 to 599");
            return Step::stop(Reply::status(500));
        }
        let message = match &self.message {
            Some(message) => message.clone(),
            None => format!("IP address not allowed: {}", cx.client.address),
        };
        Step::stop(Reply::error(self.status, message))
    }
}

/// Reads addresses and CIDR blocks; an address is a block of one.
fn nets(field: &str, list: Option<Vec<String>>) -> Result<Vec<IpNet>, BuildError> {
    list.unwrap_or_default()
        .iter()
        .map(|text| {
            let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            net.map(|net| net.trunc())
                .map_err(|_| BuildError(format!("ip-restriction: `{field}` holds `{text}`, which is no address")))
        })
        .collect()
}

#[cfg(test)]
mod tests;
