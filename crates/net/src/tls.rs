//! TLS settings for both sides, as far as rustls can follow nginx's: protocols, cipher suites, certificates by name,
//! verification of upstreams. Where certificates come from is the caller's business.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
pub use rustls::ServerConfig;
use rustls::SignatureScheme;
use rustls::SupportedCipherSuite;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerified;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
pub use rustls::server::ClientHello;
pub use rustls::server::ResolvesServerCert;
pub use rustls::sign::CertifiedKey;
use rustls::version::TLS12;
use rustls::version::TLS13;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::ServerName;
use rustls_pki_types::UnixTime;
use rustls_pki_types::pem::PemObject;

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Text that is no PEM, or holds no certificate or key.
    #[error("pem: {0}")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// A key that is not understood, settings that contradict each other.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// None of the protocols asked for is spoken.
    #[error("none of the protocols `{0}` is spoken")]
    Protocols(String),
    /// Client certificates cannot be asked for like that.
    #[error("verifier: {0}")]
    Verifier(String),
}

/// Returns the cryptography used everywhere: aws-lc-rs.
pub fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// Reads a certificate chain, leaf first, and its key from PEM.
///
/// # Errors
/// Text that is not PEM, or a key that is not understood.
pub fn certified_key(certificates: &[u8], key: &[u8]) -> Result<CertifiedKey, TlsError> {
    let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key)?;
    let key = provider().key_provider.load_private_key(key)?;
    Ok(CertifiedKey::new(chain, key))
}

/// How a listener speaks TLS.
pub struct ServerTls<'a> {
    /// `ssl_protocols`: names like `TLSv1.2`; those older than that are not spoken.
    pub protocols: &'a [String],
    /// `ssl_ciphers` in OpenSSL's names, separated by colons; `None` or a list without any that is known means all.
    pub ciphers: Option<&'a str>,
    /// `ssl_prefer_server_ciphers`.
    pub order: CipherOrder,
    /// Chooses the certificate for a client's hello.
    pub resolver: Arc<dyn ResolvesServerCert>,
    /// Whether ALPN offers HTTP/2.
    pub http2: bool,
}

/// Whose preference decides on the cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CipherOrder {
    /// Ours.
    Server,
    /// The client's.
    Client,
}

/// Returns the TLS settings of a listener.
///
/// # Errors
/// No protocol is left.
pub fn server(tls: &ServerTls<'_>) -> Result<Arc<ServerConfig>, TlsError> {
    let versions: Vec<_> = tls
        .protocols
        .iter()
        .filter_map(|name| match name.as_str() {
            "TLSv1.2" => Some(&TLS12),
            "TLSv1.3" => Some(&TLS13),
            _ => None,
        })
        .collect();
    if versions.is_empty() {
        return Err(TlsError::Protocols(tls.protocols.join(" ")));
    }
    let mut provider = provider();
    if let Some(ciphers) = tls.ciphers {
        let chosen = choose(&provider.cipher_suites, ciphers);
        if chosen.iter().any(|suite| suite.tls13().is_none()) {
            provider.cipher_suites = chosen;
        }
    }
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&versions)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&tls.resolver));
    config.ignore_client_order = tls.order == CipherOrder::Server;
    config.alpn_protocols = match tls.http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    Ok(Arc::new(config))
}

/// Keeps the TLS 1.2 suites that an OpenSSL list names; those of TLS 1.3 are not in such lists and stay.
fn choose(suites: &[SupportedCipherSuite], list: &str) -> Vec<SupportedCipherSuite> {
    let named = |suite: &SupportedCipherSuite| {
        let name = openssl_name(*suite);
        suite.tls13().is_some() || list.split(':').any(|entry| entry == name)
    };
    suites.iter().filter(|suite| named(suite)).copied().collect()
}

/// Returns a suite's name as OpenSSL and nginx's `$ssl_cipher` have it.
pub fn openssl_name(suite: SupportedCipherSuite) -> String {
    let name = suite.suite().as_str().unwrap_or_default();
    match suite.tls13() {
        Some(_) => name.replace("TLS13_", "TLS_"),
        None => {
            let name = name.trim_start_matches("TLS_").replace("_WITH", "").replace('_', "-");
            name.replace("AES-", "AES").replace("CHACHA20-POLY1305-SHA256", "CHACHA20-POLY1305")
        }
    }
}

/// How an upstream is verified.
#[derive(Clone, Debug)]
pub enum Verify {
    /// Not at all (nginx's default).
    Off,
    /// Against these roots.
    Against {
        /// The trusted authorities.
        roots: Arc<RootCertStore>,
    },
}

/// Returns the TLS settings towards an upstream.
///
/// # Errors
/// A client key that does not fit its certificate.
pub fn client(verify: &Verify, identity: Option<Arc<CertifiedKey>>) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[&TLS12, &TLS13])?;
    let builder = match verify {
        Verify::Off => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAny { provider: Arc::clone(&provider) })),
        Verify::Against { roots } => builder.with_root_certificates(Arc::clone(roots)),
    };
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(identity))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = Vec::new();
    Ok(Arc::new(config))
}

/// Reads trusted authorities from PEM.
///
/// # Errors
/// Text that is not PEM, or no certificate authority.
pub fn roots<'a>(pems: impl IntoIterator<Item = &'a [u8]>) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for pem in pems {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate?)?;
        }
    }
    Ok(Arc::new(roots))
}

/// Returns the name to send and verify; an address is never sent as SNI.
pub fn server_name(host: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']').to_owned()).ok()
}

/// Takes any certificate, but still checks that the peer holds its key.
#[derive(Debug)]
struct AcceptAny {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
