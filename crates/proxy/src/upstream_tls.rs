//! TLS towards upstreams: which name is asked for, whom to trust, which certificate to show. Settings are made once per
//! combination and kept, since connections are shared only between equal ones.

use std::cell::RefCell;
use std::fs;
use std::sync::Arc;

use gibbon_conf::Conf;
use gibbon_model::entities::CaCertificate;
use gibbon_model::entities::Certificate;
use gibbon_net::UpstreamTls;
use gibbon_net::tls;
use gibbon_net::tls::TlsError;
use gibbon_net::tls::Verify;
use gibbon_sdk::Cx;
use gibbon_sdk::HostHeader;
use gibbon_sdk::http::host;
use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::balancer::Choice;
use crate::snapshot::Snapshot;
use crate::stop::Stop;

/// More names than this are not remembered: clients may make them up where their Host is kept.
const MOST_NAMES: usize = 10_000;

/// What decides how TLS is spoken to an upstream, beside the name. Compared by identity: a snapshot hands out the same
/// `Arc` until the certificate changes.
#[derive(Clone, Default)]
struct Terms {
    /// The authorities trusted; `None` is no verification.
    trusted: Option<SmallVec<[Arc<CaCertificate>; 1]>>,
    shown: Option<Arc<Certificate>>,
}

impl PartialEq for Terms {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &[Arc<CaCertificate>], b: &[Arc<CaCertificate>]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        let trusted = match (&self.trusted, &other.trusted) {
            (Some(a), Some(b)) => same(a, b),
            (None, None) => true,
            _ => false,
        };
        let shown = match (&self.shown, &other.shown) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        trusted && shown
    }
}

type ByTerms = Vec<(Terms, Arc<UpstreamTls>)>;

/// A worker's settings for TLS to upstreams.
pub(crate) struct TlsCache {
    /// The node's own certificate (`client_ssl`), where neither service nor upstream names one.
    own: Option<(Vec<u8>, Vec<u8>)>,
    made: RefCell<HashMap<Box<str>, ByTerms, foldhash::fast::RandomState>>,
}

impl TlsCache {
    /// Reads the node's own client certificate; one that cannot be read is told in the log, and none is shown.
    pub(crate) fn of(conf: &Conf) -> Self {
        let read = |path: &Option<String>| path.as_ref().map(fs::read).transpose();
        let own = match (conf.client_ssl, read(&conf.client_ssl_cert), read(&conf.client_ssl_cert_key)) {
            (false, ..) => None,
            (true, Ok(certificate), Ok(key)) => certificate.zip(key),
            (true, Err(error), _) | (true, _, Err(error)) => {
                tracing::error!(%error, "client certificate could not be read");
                None
            }
        };
        Self { own, made: RefCell::default() }
    }

    /// Returns how TLS is spoken for this try; `None` for plain HTTP.
    ///
    /// The name asked for is the Host sent, without port; an address is not sent. Source: Kong 3.10, `proxy_ssl_name`.
    ///
    /// # Errors
    /// When certificates cannot be used: 502, as for a handshake that fails.
    pub(crate) fn to(
        &self,
        snapshot: &Snapshot,
        cx: &Cx<'_>,
        choice: &Choice,
    ) -> Result<Option<Arc<UpstreamTls>>, Stop> {
        if !cx.upstream.scheme.is_tls() {
            return Ok(None);
        }
        let name = match &cx.upstream.host_header {
            HostHeader::Client => cx.request.as_deref().map(|request| request.head.host_header()).unwrap_or_default(),
            HostHeader::Fixed(host) => host.as_bytes(),
            HostHeader::Target => choice.host_header().unwrap_or(choice.name()).as_bytes(),
        };
        let name = std::str::from_utf8(host::name(name)).unwrap_or_default();
        let terms = terms(snapshot, cx, choice);
        if let Some(made) = self.made.borrow().get(name)
            && let Some((_, tls)) = made.iter().find(|(held, _)| *held == terms)
        {
            return Ok(Some(Arc::clone(tls)));
        }
        let tls = self.make(name, &terms).map_err(|error| {
            tracing::warn!(%error, name, "TLS to the upstream cannot be spoken");
            Stop::Failed(502)
        })?;
        let mut made = self.made.borrow_mut();
        if made.len() >= MOST_NAMES {
            made.clear();
        }
        let of_name = made.entry(name.into()).or_default();
        // Terms that no snapshot holds any more are of no use.
        of_name.retain(|(held, _)| held.shown.as_ref().is_none_or(|shown| Arc::strong_count(shown) > 1));
        of_name.push((terms, Arc::clone(&tls)));
        Ok(Some(tls))
    }

    fn make(&self, name: &str, terms: &Terms) -> Result<Arc<UpstreamTls>, TlsError> {
        let verify = match &terms.trusted {
            None => Verify::Off,
            Some(trusted) => Verify::Against { roots: tls::roots(trusted.iter().map(|ca| ca.cert.as_bytes()))? },
        };
        let identity = match (&terms.shown, &self.own) {
            (Some(shown), _) => Some(tls::certified_key(shown.cert.as_bytes(), shown.key.as_bytes())?),
            (None, Some((certificate, key))) => Some(tls::certified_key(certificate, key)?),
            (None, None) => None,
        };
        let config = tls::client(&verify, identity.map(Arc::new))?;
        let name = tls::server_name(name).ok_or_else(|| TlsError::Verifier(format!("`{name}` is no server name")))?;
        Ok(Arc::new(UpstreamTls { name, config }))
    }
}

/// Service before upstream before node. Source: Kong 3.10, runloop/upstream_ssl.lua.
fn terms(snapshot: &Snapshot, cx: &Cx<'_>, choice: &Choice) -> Terms {
    let Some(service) = cx.service else { return Terms::default() };
    let trusted = (service.tls_verify == Some(true)).then(|| {
        let ids = service.ca_certificates.iter().flatten();
        ids.filter_map(|id| snapshot.ca_certificate(*id).cloned()).collect()
    });
    let upstream = choice.targets.as_ref().and_then(|targets| targets.upstream.client_certificate);
    let shown = service.client_certificate.or(upstream).and_then(|shown| snapshot.certificate_of(shown.id).cloned());
    Terms { trusted, shown }
}
