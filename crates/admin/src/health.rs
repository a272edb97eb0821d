//! The health of an upstream's targets as the balancer sees it, and how the Admin API shows it.

use serde_json::Value;
use serde_json::json;

/// What the node's balancer knows of an upstream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// Whether health checks, active or passive, are configured.
    pub checked: bool,
    /// Whether requests can be sent: enough of the weight is available.
    pub healthy: bool,
    /// Its targets.
    pub targets: Vec<TargetHealth>,
}

/// What the balancer knows of a target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetHealth {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The weight it was given.
    pub weight: u32,
    /// What DNS said of it: `A`, `AAAA`, `SRV`, or an error such as `dns server error: 3 name error`.
    pub dns: String,
    /// Its addresses.
    pub addresses: Vec<AddressHealth>,
}

/// What the balancer knows of an address.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddressHealth {
    /// The address; IPv6 without brackets.
    pub ip: String,
    /// Port.
    pub port: u16,
    /// Its share of the weight.
    pub weight: u32,
    /// Whether requests are sent to it.
    pub healthy: bool,
}

impl Health {
    /// Returns the word for a target, `host:port`, and its details; `DNS_ERROR` when the balancer has no address.
    pub(crate) fn of_target(&self, address: &str) -> (&'static str, Option<Value>) {
        let Some(target) = self.targets.iter().find(|target| target.name() == address) else {
            return ("DNS_ERROR", None);
        };
        let mut word = if target.addresses.is_empty() { "DNS_ERROR" } else { "HEALTHCHECKS_OFF" };
        for address in &target.addresses {
            match self.word(address) {
                "HEALTHY" => {
                    word = "HEALTHY";
                    break;
                }
                "UNHEALTHY" => word = "UNHEALTHY",
                _ => {}
            }
        }
        let addresses = list(target.addresses.iter().map(|address| {
            json!({ "ip": address.ip, "port": address.port, "weight": address.weight, "health": self.word(address) })
        }));
        (word, Some(target.shown(addresses)))
    }

    /// Returns what `?balancer_health=1` shows.
    pub(crate) fn of_balancer(&self, id: &str) -> Value {
        let balancer = if self.healthy { "HEALTHY" } else { "UNHEALTHY" };
        let hosts = list(self.targets.iter().map(|target| {
            target.shown(list(target.addresses.iter().map(|address| {
                json!({ "ip": address.ip, "port": address.port, "weight": address.weight, "healthy": address.healthy })
            })))
        }));
        let addresses = || self.targets.iter().flat_map(|target| &target.addresses);
        json!({
            "id": id,
            "health": if self.checked { balancer } else { "HEALTHCHECKS_OFF" },
            "balancer_health": balancer,
            "details": { "healthy": self.healthy, "weight": weights(addresses()), "hosts": hosts },
        })
    }

    fn word(&self, address: &AddressHealth) -> &'static str {
        match (self.checked && address.weight > 0, address.healthy) {
            (false, _) => "HEALTHCHECKS_OFF",
            (true, true) => "HEALTHY",
            (true, false) => "UNHEALTHY",
        }
    }
}

impl TargetHealth {
    fn name(&self) -> String {
        if self.host.contains(':') && !self.host.starts_with('[') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    fn shown(&self, addresses: Value) -> Value {
        json!({
            "host": self.host,
            "port": self.port,
            "dns": self.dns,
            "nodeWeight": self.weight,
            "weight": weights(self.addresses.iter()),
            "addresses": addresses,
        })
    }
}

fn weights<'a>(addresses: impl Iterator<Item = &'a AddressHealth> + Clone) -> Value {
    let total: u32 = addresses.clone().map(|address| address.weight).sum();
    let available: u32 = addresses.filter(|address| address.healthy).map(|address| address.weight).sum();
    json!({ "total": total, "available": available, "unavailable": total - available })
}

/// Returns a list as Lua shows it: an empty one is an empty object.
fn list(items: impl Iterator<Item = Value>) -> Value {
    let items: Vec<Value> = items.collect();
    if items.is_empty() { json!({}) } else { Value::Array(items) }
}
