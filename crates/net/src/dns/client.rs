//! Questions to name servers, through hickory, which keeps no cache here: ours does.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::ConnectionConfig;
use hickory_resolver::config::NameServerConfig;
use hickory_resolver::config::ResolveHosts;
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::config::ServerOrderingStrategy;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use hickory_resolver::proto::rr::RecordType;

use super::DnsError;
use super::Record;
use super::RecordKind;

/// What was found, and how long it is good.
type Found = Result<(Vec<Record>, Duration), DnsError>;

pub(super) struct Client {
    resolver: TokioResolver,
}

impl Client {
    /// Returns a client of these servers, or of the system's if there are none.
    pub(super) fn new(servers: &[SocketAddr]) -> Result<Self, DnsError> {
        let mut builder = match servers {
            [] => TokioResolver::builder_tokio().map_err(|error| failed(&error))?,
            _ => {
                let servers = servers.iter().map(name_server).collect();
                let config = ResolverConfig::from_parts(None, Vec::new(), servers);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
        if !servers.is_empty() {
            options.timeout = Duration::from_secs(2);
        }
        Ok(Self { resolver: builder.build().map_err(|error| failed(&error))? })
    }

    /// Asks for one kind of record of one name, search domains of the system's configuration tried.
    pub(super) async fn query(&self, name: &str, kind: RecordKind) -> Found {
        match kind {
            RecordKind::Srv => self.services(name).await,
            RecordKind::Aaaa => self.addresses(name, RecordType::AAAA).await,
            _ => self.addresses(name, RecordType::A).await,
        }
    }

    async fn addresses(&self, name: &str, kind: RecordType) -> Found {
        let lookup = self.resolver.lookup(name, kind).await.map_err(|error| situation(&error))?;
        let mut ttl = u32::MAX;
        let mut records = Vec::new();
        for record in lookup.answers() {
            let address = match &record.data {
                RData::A(address) => IpAddr::V4(address.0),
                RData::AAAA(address) => IpAddr::V6(address.0),
                _ => continue,
            };
            ttl = ttl.min(record.ttl);
            records.push(Record { address, port: None, weight: 1, target: None });
        }
        found(records, ttl)
    }

    /// Follows the service records of the best priority to their addresses.
    async fn services(&self, name: &str) -> Found {
        let lookup = self.resolver.lookup(name, RecordType::SRV).await.map_err(|error| situation(&error))?;
        let mut ttl = u32::MAX;
        let mut services = Vec::new();
        for record in lookup.answers() {
            if let RData::SRV(service) = &record.data {
                ttl = ttl.min(record.ttl);
                services.push(service.clone());
            }
        }
        let best = services.iter().map(|service| service.priority).min();
        services.retain(|service| Some(service.priority) == best);
        let mut records = Vec::new();
        for service in services {
            let target = service.target.to_utf8();
            let target = target.trim_end_matches('.');
            let (addresses, address_ttl) = match target.parse() {
                Ok(address) => (vec![Record { address, port: None, weight: 1, target: None }], Duration::MAX),
                Err(_) => Box::pin(self.addresses(target, RecordType::A)).await?,
            };
            ttl = ttl.min(u32::try_from(address_ttl.as_secs()).unwrap_or(u32::MAX));
            let shared: Arc<str> = target.into();
            records.extend(addresses.into_iter().map(|address| Record {
                port: (service.port != 0).then_some(service.port),
                weight: service.weight.max(1),
                target: Some(Arc::clone(&shared)),
                ..address
            }));
        }
        found(records, ttl)
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let on = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    NameServerConfig::new(address.ip(), true, vec![on(ConnectionConfig::udp()), on(ConnectionConfig::tcp())])
}

fn found(records: Vec<Record>, ttl: u32) -> Found {
    match records.is_empty() {
        true => Err(DnsError::NotFound),
        false => Ok((records, Duration::from_secs(u64::from(ttl)))),
    }
}

fn situation(error: &NetError) -> DnsError {
    match error.is_nx_domain() || error.is_no_records_found() {
        true => DnsError::NotFound,
        false => failed(error),
    }
}

fn failed(error: &NetError) -> DnsError {
    DnsError::Failed(error.to_string())
}
