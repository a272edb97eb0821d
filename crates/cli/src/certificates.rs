//! The certificate that TLS listeners show when none is configured: self-signed, made once and kept in the prefix.

use std::path::PathBuf;

use anyhow::Context as _;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::KeyPair;
use rustix::fs::Mode;

use crate::prefix::Prefix;
use crate::prefix::write_private;

/// Returns the paths of certificate and key of the default pair of the listeners `of` (`""`, `"admin-"`, `"status-"`), which is made if it is missing.
///
/// Files have Kong's names; the key is ECDSA P-256, the certificate is for `localhost` and lasts 20 years.
pub(crate) fn default_pair(prefix: &Prefix, of: &str) -> anyhow::Result<(PathBuf, PathBuf)> {
    let certificate = prefix.path(&format!("ssl/{of}kong-default-ecdsa.crt"));
    let key = prefix.path(&format!("ssl/{of}kong-default-ecdsa.key"));
    if !(certificate.exists() && key.exists()) {
        let pair = KeyPair::generate().context("could not make a key")?;
        let mut params =
            CertificateParams::new(["localhost".to_owned()]).context("could not describe a certificate")?;
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.distinguished_name.push(DnType::OrganizationName, "Gibbon");
        let year = jiff::Zoned::now().year();
        params.not_before = rcgen::date_time_ymd(i32::from(year) - 1, 1, 1);
        params.not_after = rcgen::date_time_ymd(i32::from(year) + 20, 1, 1);
        let signed = params.self_signed(&pair).context("could not sign a certificate")?;
        write_private(&key, pair.serialize_pem().as_bytes())?;
        write_private(&certificate, signed.pem().as_bytes())?;
        rustix::fs::chmod(&certificate, Mode::from_raw_mode(0o644))?;
    }
    Ok((certificate, key))
}
