//! The balancer's view of targets, in the words of the Admin API.

use gibbon_admin::AddressHealth;
use gibbon_admin::Health;
use gibbon_admin::TargetHealth;
use gibbon_model::entities::Upstream;
use gibbon_net::dns::DnsError;
use gibbon_proxy::AddressView;
use gibbon_proxy::Balancing;
use gibbon_proxy::TargetView;

/// Returns the health of targets of an upstream.
pub(super) async fn of(balancing: &Balancing, upstream: &Upstream, targets: &[(String, u32)]) -> Health {
    let targets: Vec<_> = balancing.view(upstream, targets).await.into_iter().map(target).collect();
    let addresses = || targets.iter().flat_map(|target| &target.addresses);
    let total: u32 = addresses().map(|address| address.weight).sum();
    let left: u32 = addresses().filter(|address| address.healthy).map(|address| address.weight).sum();
    let threshold = upstream.healthchecks.threshold.unwrap_or_default();
    let healthy = f64::from(left) * 100.0 > threshold * f64::from(total);
    Health { checked: upstream.checks_health(), healthy, targets }
}

fn target(view: TargetView) -> TargetHealth {
    let TargetView { host, port, weight, addresses, dns } = view;
    let (dns, addresses) = match addresses {
        Ok(addresses) => (dns.to_owned(), addresses),
        // The number is DNS's own for it, as Kong's client shows it.
        Err(error @ DnsError::NotFound) => (format!("dns server error: 3 {error}"), Vec::new()),
        Err(error) => (error.to_string(), Vec::new()),
    };
    let address = |view: AddressView| AddressHealth {
        ip: view.ip.to_string(),
        port: view.port,
        weight: view.weight,
        healthy: view.healthy,
    };
    TargetHealth { host, port, weight, dns, addresses: addresses.into_iter().map(address).collect() }
}
