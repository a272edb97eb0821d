//! Certificates: what is shown to TLS clients, or to upstreams. Which names they serve stands in
//! their SNIs.

use gibbon_schema::Document;
use gibbon_schema::Record;
use gibbon_schema::Set;
use gibbon_schema::check::EntityCheck;
use gibbon_schema::check::custom_check;
use gibbon_schema::is_reference;
use gibbon_schema::typedefs;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use uuid::Uuid;
use x509_parser::prelude::FromDer as _;
use x509_parser::prelude::X509Certificate;

use crate::EntityDef;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef::of::<Certificate>("certificates");

/// A certificate and its key, perhaps with an alternative of another kind.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Record)]
#[record(check = mutually_required(["cert_alt", "key_alt"]))]
#[record(check = matching("cert", "key", "certificate does not match key"))]
#[record(check = matching("cert_alt", "key_alt", "alternative certificate does not match key"))]
#[record(check = different_kinds())]
pub struct Certificate {
    /// Identifies the certificate.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// When the certificate was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// When the certificate was last changed.
    #[field(base = typedefs::auto_timestamp_s)]
    pub updated_at: Option<i64>,
    /// Certificate and chain in PEM.
    #[field(base = typedefs::certificate, referenceable)]
    pub cert: String,
    /// Private key in PEM.
    #[field(base = typedefs::key, referenceable, encrypted)]
    pub key: String,
    /// Certificate and chain with a key of another kind, in PEM.
    #[field(base = typedefs::certificate, required = false, referenceable)]
    pub cert_alt: Option<String>,
    /// Private key of the alternative, in PEM.
    #[field(base = typedefs::key, required = false, referenceable, encrypted)]
    pub key_alt: Option<String>,
    /// Words to find the certificate by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
    /// Names it serves; kept as SNIs.
    #[field(elements(base = typedefs::wildcard_host), required = false, transient)]
    #[serde(default)]
    pub snis: Option<Vec<String>>,
}

fn text<'a>(document: &'a Document, field: &str) -> Option<&'a str> {
    let text = document.get(field)?.as_str()?;
    (!is_reference(text)).then_some(text)
}

/// The public key of a certificate must be that of its private key.
fn matching(cert: &'static str, key: &'static str, message: &'static str) -> EntityCheck {
    custom_check([cert, key], move |document, _| {
        let (Some(cert), Some(key)) = (text(document, cert), text(document, key)) else {
            return Ok(());
        };
        match (public_key(cert), public_key_of(key)) {
            (Some(cert), Some(key)) if cert != key => Err(message.to_owned()),
            _ => Ok(()),
        }
    })
}

/// Returns the public key of the first certificate, as DER.
fn public_key(pem: &str) -> Option<Vec<u8>> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    Some(certificate.public_key().raw.to_vec())
}

/// Returns the public part of a private key, as DER; none for kinds that TLS does not use.
fn public_key_of(pem: &str) -> Option<Vec<u8>> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()?;
    let key = any_supported_type(&key).ok()?;
    Some(key.public_key()?.to_vec())
}

/// Two certificates of one kind would leave clients no choice.
fn different_kinds() -> EntityCheck {
    custom_check(["cert", "cert_alt"], |document, _| {
        let (Some(cert), Some(alternative)) = (text(document, "cert"), text(document, "cert_alt")) else {
            return Ok(());
        };
        if algorithm(cert).is_some() && algorithm(cert) == algorithm(alternative) {
            return Err(SAME_KIND.to_owned());
        }
        Ok(())
    })
}

const SAME_KIND: &str = "certificate and alternative certificate need to have different type (e.g. \
     RSA and ECDSA), the provided certificates were both of the same type";

/// Returns the kind of a certificate's key, as object identifier.
fn algorithm(pem: &str) -> Option<String> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    Some(certificate.public_key().algorithm.algorithm.to_id_string())
}
