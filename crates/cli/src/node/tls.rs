//! The certificates that listeners show: the configured ones, or the default pair of the prefix. Certificates of entities are the data
//! plane's business.

use std::sync::Arc;

use anyhow::Context as _;
use gibbon_conf::Conf;
use gibbon_conf::Listener;
use gibbon_net::tls;
use gibbon_net::tls::CipherOrder;
use gibbon_net::tls::ServerTls;
use gibbon_proxy::PemPair;
use rustls::ServerConfig;
use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;

use crate::certificates;
use crate::prefix::Prefix;
use crate::settings::pem;

/// Returns the certificates that listeners show by default, with their keys; none if none of them speaks TLS.
///
/// `of` tells which default pair serves when no own one is configured; see [`certificates::default_pair`].
pub(super) fn pairs(
    prefix: &Prefix,
    listeners: &[Listener],
    of: &str,
    [certificates, keys]: [&[String]; 2],
) -> anyhow::Result<Vec<PemPair>> {
    if !listeners.iter().any(|listener| listener.ssl) {
        return Ok(Vec::new());
    }
    if certificates.is_empty() {
        let (certificate, key) = certificates::default_pair(prefix, of)?;
        return Ok(vec![PemPair { certificate: std::fs::read(certificate)?, key: std::fs::read(key)? }]);
    }
    let own = certificates
        .iter()
        .zip(keys)
        .map(|(certificate, key)| PemPair { certificate: pem(certificate), key: pem(key) });
    Ok(own.collect())
}

/// Returns the TLS settings of listeners that always show these certificates; `None` if there are none.
pub(super) fn config(conf: &Conf, pairs: &[PemPair]) -> anyhow::Result<Option<Arc<ServerConfig>>> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let read = |pair: &PemPair| tls::certified_key(&pair.certificate, &pair.key).map(Arc::new);
    let own: Vec<_> = pairs.iter().map(read).collect::<Result<_, _>>().context("a certificate cannot be used")?;
    let protocols: Vec<String> = conf.ssl_protocols.split_whitespace().map(str::to_owned).collect();
    let config = tls::server(&ServerTls {
        protocols: &protocols,
        ciphers: conf.ssl_ciphers.as_deref(),
        order: if conf.ssl_prefer_server_ciphers { CipherOrder::Server } else { CipherOrder::Client },
        resolver: Arc::new(Own(own)),
        // The Admin API says itself which protocols each listener speaks.
        http2: false,
    })?;
    Ok(Some(config))
}

/// Certificates of which the first is shown that the client can check.
#[derive(Debug)]
struct Own(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Own {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let fitting = self.0.iter().find(|own| own.key.choose_scheme(hello.signature_schemes()).is_some());
        fitting.or(self.0.first()).cloned()
    }
}
