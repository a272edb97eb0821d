//! What counts as certificate and key: PEM texts that parse, and pairs that belong together.
//! No trust is decided here and no time is looked at; signing and agreement are done elsewhere.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;
use x509_parser::prelude::FromDer;
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::der;
use crate::Document;
use crate::is_reference;

/// What OpenSSL says to a text that is no certificate, as Kong shows it.
const NO_CERTIFICATE: &str =
    "x509.new: error:680008E:asn1 encoding routines:asn1_d2i_read_bio:not enough data:asn1/a_d2i_fp.c:216:";

/// What OpenSSL says to a text that is no key, as Kong shows it.
const NO_KEY: &str = "pkey.new:load_key: error:1E08010C:DECODER \
     routines:OSSL_DECODER_from_bio:unsupported:encode_decode/decoder_lib.c:102:";

/// Checks that a text is a certificate in PEM.
///
/// # Errors
/// Kong's message for a text that is none.
pub fn certificate(text: &str) -> Result<(), String> {
    let invalid = || format!("invalid certificate: {NO_CERTIFICATE}");
    let der = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| invalid())?;
    X509Certificate::from_der(&der).map(drop).map_err(|_| invalid())
}

/// Checks that a text is a private key in PEM.
///
/// # Errors
/// Kong's message for a text that is none. Unlike OpenSSL it takes no public key: no listener could use it.
pub fn key(text: &str) -> Result<(), String> {
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map(drop).map_err(|_| format!("invalid key: {NO_KEY}"))
}

/// Checks that a text is a public key in PEM.
///
/// # Errors
/// Kong's message for a text that is none.
pub fn public_key(text: &str) -> Result<(), String> {
    let invalid = || format!("invalid key: {NO_KEY}");
    let der = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()).map_err(|_| invalid())?;
    SubjectPublicKeyInfo::from_der(&der).map(drop).map_err(|_| invalid())
}

/// Checks a record of `public_key` and `private_key`, unless one of them is a vault reference.
///
/// # Errors
/// Kong's message.
pub fn key_pair(value: &Value) -> Result<(), String> {
    let text = |name: &str| value[name].as_str();
    let (public, private) = (text("public_key"), text("private_key"));
    if [public, private].into_iter().flatten().any(is_reference) {
        return Ok(());
    }
    if public.is_some_and(|public| public_key(public).is_err()) {
        return Err("could not load public key".to_owned());
    }
    if private.is_some_and(|private| key(private).is_err()) {
        return Err(format!("could not load private key{NO_KEY}"));
    }
    let (Some(public), Some(private)) = (public, private) else { return Ok(()) };
    let public = SubjectPublicKeyInfoDer::from_pem_slice(public.as_bytes()).ok();
    let private = PrivateKeyDer::from_pem_slice(private.as_bytes()).ok();
    match public.zip(private).and_then(|(public, private)| belong_together(&public, &private)) {
        Some(false) => Err("public key does not match private key".to_owned()),
        Some(true) | None => Ok(()),
    }
}

/// Checks that a certificate is for a private key, both in PEM.
///
/// # Errors
/// `message` when they do not belong together. Texts that do not parse, and vault references, pass: their own rules
/// judge them.
pub fn certificate_matches(certificate: &str, key: &str, message: &str) -> Result<(), String> {
    let Ok(der) = CertificateDer::from_pem_slice(certificate.as_bytes()) else { return Ok(()) };
    let Ok((_, parsed)) = X509Certificate::from_der(&der) else { return Ok(()) };
    let Ok(private) = PrivateKeyDer::from_pem_slice(key.as_bytes()) else { return Ok(()) };
    match belong_together(parsed.public_key().raw, &private) {
        Some(false) => Err(message.to_owned()),
        Some(true) | None => Ok(()),
    }
}

/// The family of a certificate's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// RSA.
    Rsa,
    /// Elliptic curve.
    Ecdsa,
    /// Anything else, such as Ed25519.
    Other,
}

/// Returns the family of a certificate's key, or `None` when the text is no certificate in PEM.
#[must_use]
pub fn key_type(certificate: &str) -> Option<KeyType> {
    let der = CertificateDer::from_pem_slice(certificate.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    Some(match certificate.public_key().parsed().ok()? {
        PublicKey::RSA(_) => KeyType::Rsa,
        PublicKey::EC(_) => KeyType::Ecdsa,
        _ => KeyType::Other,
    })
}

/// Compares the public parts of a public and a private key, both in DER.
///
/// Returns `None` where the private key does not carry its public part (Ed25519 in its first format, some EC keys):
/// computing it needs cryptography, which this crate has none of.
#[must_use]
pub fn belong_together(public: &[u8], private: &PrivateKeyDer<'_>) -> Option<bool> {
    let (_, public) = SubjectPublicKeyInfo::from_der(public).ok()?;
    let own = der::public_part(private)?;
    Some(match (public.parsed().ok()?, own) {
        (PublicKey::RSA(rsa), der::PublicPart::Rsa { modulus, exponent }) => {
            der::unsigned(rsa.modulus) == der::unsigned(modulus)
                && der::unsigned(rsa.exponent) == der::unsigned(exponent)
        }
        (PublicKey::RSA(_), der::PublicPart::Point(_)) | (_, der::PublicPart::Rsa { .. }) => false,
        (_, der::PublicPart::Point(point)) => public.subject_public_key.data.as_ref() == point,
    })
}

/// Checks the `jwk`, a text, and `pem` of an entity `keys` together with its `kid`.
///
/// # Errors
/// Kong's message.
pub fn jwk_of_key(entity: &Document) -> Result<(), String> {
    let Some(text) = entity.get("jwk").and_then(Value::as_str).filter(|text| !is_reference(text)) else {
        return Ok(());
    };
    let Ok(jwk) = serde_json::from_str::<Value>(text) else {
        return Err("could not json decode jwk string".to_owned());
    };
    if jwk.get("kid") != entity.get("kid") {
        return Err("kid in jwk.kid must be equal to keys.kid".to_owned());
    }
    if is_loadable(&jwk) { Ok(()) } else { Err("could not load JWK, likely not a valid key".to_owned()) }
}

/// Whether a JWK has the members that its type needs, each in base64url.
fn is_loadable(jwk: &Value) -> bool {
    let has = |name: &str| {
        jwk[name].as_str().is_some_and(|text| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'='))
        })
    };
    let curve = |curves: &[&str]| jwk["crv"].as_str().is_some_and(|name| curves.contains(&name));
    match jwk["kty"].as_str() {
        Some("RSA") => has("n") && has("e"),
        Some("EC") => has("x") && has("y") && curve(&["P-256", "P-384", "P-521"]),
        Some("OKP") => has("x") && curve(&["Ed25519", "Ed448", "X25519", "X448"]),
        _ => false,
    }
}
