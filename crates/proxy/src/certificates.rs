//! Which certificate a TLS client is shown: by the name it asks for, from the snapshot, else the node's own.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use gibbon_model::entities::Certificate;
use gibbon_net::tls;
use gibbon_net::tls::CertifiedKey;
use gibbon_net::tls::ClientHello;
use gibbon_net::tls::ResolvesServerCert;
use gibbon_net::tls::TlsError;
use hashbrown::HashMap;
use uuid::Uuid;

use crate::snapshot::Shared;

/// A certificate chain and its key, in PEM.
#[derive(Clone, Debug)]
pub struct PemPair {
    /// The chain, leaf first.
    pub certificate: Vec<u8>,
    /// The leaf's key.
    pub key: Vec<u8>,
}

/// What was made of a certificate entity, as long as it is that entity. Two keys where there is `cert_alt`.
type Made = (Arc<Certificate>, Vec<Arc<CertifiedKey>>);

/// Chooses certificates for handshakes.
pub(crate) struct Certificates {
    shared: Arc<Shared>,
    own: Vec<Arc<CertifiedKey>>,
    /// Handshakes only; no request waits for it.
    made: Mutex<HashMap<Uuid, Made>>,
}

impl Certificates {
    /// Returns the choice between the snapshot's certificates and the node's own.
    ///
    /// # Errors
    /// When one of the node's own cannot be read.
    pub(crate) fn new(shared: &Arc<Shared>, own: &[PemPair]) -> Result<Self, TlsError> {
        let read = |pair: &PemPair| tls::certified_key(&pair.certificate, &pair.key).map(Arc::new);
        let own = own.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { shared: Arc::clone(shared), own, made: Mutex::default() })
    }

    /// Returns the keys of a certificate entity; none that work means the node's own are shown.
    fn keys(&self, certificate: &Arc<Certificate>) -> Vec<Arc<CertifiedKey>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, keys)) = made.get(&certificate.id).filter(|(of, _)| Arc::ptr_eq(of, certificate)) {
            return keys.clone();
        }
        let pairs = [
            (Some(&certificate.cert), Some(&certificate.key)),
            (certificate.cert_alt.as_ref(), certificate.key_alt.as_ref()),
        ];
        let mut keys = Vec::new();
        for (cert, key) in pairs.into_iter().filter_map(|(cert, key)| cert.zip(key)) {
            match tls::certified_key(cert.as_bytes(), key.as_bytes()) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(error) => tracing::error!(%error, id = %certificate.id, "certificate cannot be used"),
            }
        }
        made.insert(certificate.id, (Arc::clone(certificate), keys.clone()));
        keys
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let snapshot = self.shared.current();
        let keys = snapshot.certificate(hello.server_name()).map(|found| self.keys(found)).unwrap_or_default();
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        let own = || self.own.iter().find(fits).or(self.own.first());
        keys.iter().find(fits).or(keys.first()).or_else(own).cloned()
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("own", &self.own.len()).finish_non_exhaustive()
    }
}
