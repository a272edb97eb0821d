//! What is said of targets from outside, shared by all workers, and how the balancer sees an upstream. Nobody is probed
//! here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use gibbon_model::entities::Upstream;
use gibbon_net::dns::DnsError;
use gibbon_net::dns::Lookup;
use gibbon_net::dns::Record;
use gibbon_net::dns::Resolver;
use uuid::Uuid;

use super::pool::Place;

/// A target of an upstream: the upstream's id, host and port.
type Named = (Uuid, Box<str>, u16);

/// What was said of a target: of all its addresses, and of single ones after that.
#[derive(Debug, Default)]
struct Said {
    is_unhealthy: bool,
    of: HashMap<IpAddr, bool>,
}

/// What was said of all targets.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Rises with each change; workers compare it instead of looking.
    version: AtomicU64,
    said: RwLock<HashMap<Named, Said>>,
}

impl Marks {
    /// Returns a number that is another one after a change.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Returns whether an address of a target is to get no requests.
    pub(super) fn is_unhealthy(&self, upstream: Uuid, host: &str, port: u16, address: IpAddr) -> bool {
        let said = self.said.read().unwrap_or_else(PoisonError::into_inner);
        let said = said.get(&(upstream, host.into(), port));
        said.is_some_and(|said| said.of.get(&address).copied().unwrap_or(said.is_unhealthy))
    }

    fn set(&self, target: Named, address: Option<IpAddr>, is_unhealthy: bool) {
        let mut all = self.said.write().unwrap_or_else(PoisonError::into_inner);
        let said = all.entry(target).or_default();
        match address {
            Some(address) => drop(said.of.insert(address, is_unhealthy)),
            None => *said = Said { is_unhealthy, of: HashMap::new() },
        }
        self.version.fetch_add(1, Ordering::Release);
    }
}

/// The balancer's knowledge of targets, for those who ask and tell from outside.
#[derive(Clone)]
pub struct Balancing {
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) marks: Arc<Marks>,
}

/// A target as the balancer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetView {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The weight it was given.
    pub weight: u32,
    /// Its addresses, or why there are none.
    pub addresses: Result<Vec<AddressView>, DnsError>,
    /// The type of the records that named them: `A`, `AAAA` or `SRV`.
    pub dns: &'static str,
}

/// An address as the balancer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressView {
    /// The address.
    pub ip: IpAddr,
    /// Port.
    pub port: u16,
    /// Its share of the weight.
    pub weight: u32,
    /// Whether requests are sent to it.
    pub healthy: bool,
}

impl Balancing {
    /// Says of a target, `host:port`, or of one of its addresses, whether it is to get requests. Workers hear of it with
    /// their next request.
    pub fn mark(&self, upstream: Uuid, target: &str, address: Option<IpAddr>, healthy: bool) {
        let place = Place::read(target);
        self.marks.set((upstream, place.host.into(), place.port), address, !healthy);
    }

    /// Returns what the balancer knows of targets: their text and weight. Names are resolved as for requests.
    pub async fn view(&self, upstream: &Upstream, targets: &[(String, u32)]) -> Vec<TargetView> {
        let mut views = Vec::new();
        for (target, weight) in targets {
            let place = Place::read(target);
            let answer = self.records(place.host).await;
            let (dns, addresses) = match answer {
                Ok(records) => (kind(&records), Ok(self.addresses(upstream, &place, *weight, &records))),
                Err(error) => ("", Err(error)),
            };
            views.push(TargetView { host: place.host.to_owned(), port: place.port, weight: *weight, addresses, dns });
        }
        views
    }

    fn addresses(&self, upstream: &Upstream, place: &Place<'_>, weight: u32, records: &[Record]) -> Vec<AddressView> {
        let view = |record: &Record| {
            // A service record has a weight of its own; an address has the target's.
            let weight = if record.target.is_some() && weight > 0 { u32::from(record.weight) } else { weight };
            let marked = self.marks.is_unhealthy(upstream.id, place.host, place.port, record.address);
            let healthy = !(upstream.checks_health() && marked);
            AddressView { ip: record.address, port: record.port.unwrap_or(place.port), weight, healthy }
        };
        records.iter().map(view).collect()
    }

    async fn records(&self, host: &str) -> Result<Vec<Record>, DnsError> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        match self.resolver.lookup(bare) {
            Lookup::Now(answer) => answer.clone(),
            Lookup::Later(pending) => pending.answer().await.clone(),
        }
    }
}

fn kind(records: &[Record]) -> &'static str {
    match records.first() {
        Some(record) if record.target.is_some() => "SRV",
        Some(record) if record.address.is_ipv6() => "AAAA",
        _ => "A",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts() {
        let marks = Marks::default();
        let (upstream, one, two) = (Uuid::from_u128(1), IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let target = || -> Named { (upstream, "a.test".into(), 80) };
        let seen = |marks: &Marks| [one, two].map(|address| marks.is_unhealthy(upstream, "a.test", 80, address));
        assert_eq!(seen(&marks), [false, false]);
        for (address, is_unhealthy, want) in [
            (None, true, [true, true]),
            (Some(one), false, [false, true]),
            (None, true, [true, true]),
            (None, false, [false, false]),
            (Some(two), true, [false, true]),
        ] {
            let before = marks.version();
            marks.set(target(), address, is_unhealthy);
            assert_eq!(seen(&marks), want);
            assert_ne!(marks.version(), before);
        }
        assert!(!marks.is_unhealthy(upstream, "a.test", 81, two));
        assert!(!marks.is_unhealthy(Uuid::from_u128(2), "a.test", 80, two));
    }
}
