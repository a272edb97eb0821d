//! CA certificates: whom the gateway trusts where an entity says so.

use gibbon_schema::Document;
use gibbon_schema::Record;
use gibbon_schema::Set;
use gibbon_schema::check::EntityCheck;
use gibbon_schema::check::custom_check;
use gibbon_schema::typedefs;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use sha2::Digest as _;
use sha2::Sha256;
use uuid::Uuid;
use x509_parser::prelude::FromDer as _;
use x509_parser::prelude::X509Certificate;

use crate::EntityDef;
use crate::Transformation;

/// Declaration of the entity.
pub const DEF: EntityDef = EntityDef {
    workspaced: false,
    transformations: &[Transformation { input: &["cert"], needs: &[], on_write: digest }],
    ..EntityDef::of::<CaCertificate>("ca_certificates")
};

/// A certificate of an authority that is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Record)]
#[record(check = authority())]
pub struct CaCertificate {
    /// Identifies the certificate.
    #[field(base = typedefs::uuid, nullable)]
    pub id: Uuid,
    /// When the certificate was created.
    #[field(base = typedefs::auto_timestamp_s)]
    pub created_at: Option<i64>,
    /// When the certificate was last changed.
    #[field(base = typedefs::auto_timestamp_s)]
    pub updated_at: Option<i64>,
    /// The certificate in PEM; one only.
    #[field(base = typedefs::certificate)]
    pub cert: String,
    /// SHA-256 of the certificate; the node computes it.
    #[field(unique)]
    pub cert_digest: Option<String>,
    /// Words to find the certificate by.
    #[field(base = typedefs::tags)]
    pub tags: Option<Set<String>>,
}

fn authority() -> EntityCheck {
    custom_check(["cert"], |document, cx| {
        let Some(pem) = document.get("cert").and_then(|cert| cert.as_str()) else { return Ok(()) };
        if CertificateDer::pem_slice_iter(pem.as_bytes()).count() > 1 {
            return Err("please submit only one certificate at a time".to_owned());
        }
        let Ok(der) = CertificateDer::from_pem_slice(pem.as_bytes()) else { return Ok(()) };
        let Ok((_, certificate)) = X509Certificate::from_der(&der) else { return Ok(()) };
        #[allow(clippy::cast_possible_truncation, reason = "seconds since 1970 fit")]
        if certificate.validity().not_after.timestamp() < cx.world.now() as i64 {
            return Err("certificate expired, \"Not After\" time is in the past".to_owned());
        }
        let ca = certificate.basic_constraints().ok().flatten().is_some_and(|b| b.value.ca);
        if !ca {
            return Err("certificate does not appear to be a CA because it is missing the \"CA\" \
                        basic constraint"
                .to_owned());
        }
        Ok(())
    })
}

/// Stores the SHA-256 of the certificate in hexadecimal.
fn digest(document: &mut Document) -> Result<(), String> {
    let failed = || "cannot create digest value of certificate".to_owned();
    let pem = document.get("cert").and_then(|cert| cert.as_str()).ok_or_else(failed)?;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| failed())?;
    let digest = Sha256::digest(&der);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    document.insert("cert_digest".to_owned(), hex.into());
    Ok(())
}
