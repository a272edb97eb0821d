//! Finds the configuration of a node (file, environment, prefix) and checks what `conf` cannot, because it stands in files.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use gibbon_conf::Conf;
use gibbon_conf::Listener;
use gibbon_conf::Sources;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::args::Place;

/// Where Kong looks for a file when none is named.
const DEFAULT_FILES: [&str; 2] = ["/etc/kong/kong.conf", "/etc/kong.conf"];
/// Kong's prefix when none is named.
const KONG_PREFIX: &str = "/usr/local/kong";

/// All that a configuration is made from; can be loaded again, and sent to a running node.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Origin {
    cwd: String,
    default_prefix: String,
    /// The file that was named, or found; read anew each time.
    path: Option<PathBuf>,
    env: BTreeMap<String, String>,
    prefix: Option<String>,
}

/// Every error of a configuration; its text is the first, as Kong's commands print it.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.first().map(String::as_str).unwrap_or_default())]
pub(crate) struct Invalid(pub(crate) Vec<String>);

impl Origin {
    /// Takes down where the configuration of `place` comes from. An error if a file is named that does not exist.
    pub(crate) fn of(place: &Place) -> anyhow::Result<Self> {
        let path = match &place.conf {
            Some(path) if !Path::new(path).is_file() => anyhow::bail!("no file at: {path}"),
            Some(path) => Some(std::path::absolute(path)?),
            None => DEFAULT_FILES.iter().map(PathBuf::from).find(|path| path.is_file()),
        };
        let cwd = std::env::current_dir().context("the current folder is gone")?;
        Ok(Self {
            cwd: cwd.to_string_lossy().into_owned(),
            default_prefix: default_prefix(),
            path,
            // Variables that are not UTF-8 cannot hold a property.
            env: std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
            prefix: place.prefix.clone(),
        })
    }

    /// Returns whether no source names a prefix and Kong's default cannot be used.
    pub(crate) fn chose_prefix(&self, conf: &Conf) -> bool {
        !conf.is_set("prefix") && conf.prefix != KONG_PREFIX
    }

    /// Returns the prefix that a source other than the file names.
    pub(crate) fn named_prefix(&self) -> Option<&str> {
        let named =
            self.prefix.as_deref().or_else(|| self.variable("GIBBON_PREFIX")).or_else(|| self.variable("KONG_PREFIX"));
        named.filter(|prefix| !prefix.is_empty())
    }

    /// Returns a variable of the environment.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str)
    }

    /// Returns the environment.
    pub(crate) fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// Puts the configuration together and checks it, with what stands in files.
    pub(crate) fn load(&self) -> anyhow::Result<Conf> {
        let conf = self.load_only()?;
        let errors = in_files(&conf);
        if errors.is_empty() { Ok(conf) } else { Err(Invalid(errors).into()) }
    }

    /// The same without looking at files that properties name.
    pub(crate) fn load_only(&self) -> anyhow::Result<Conf> {
        let text = match &self.path {
            Some(path) => {
                Some(std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?)
            }
            None => None,
        };
        let overrides: Vec<_> = self.prefix.iter().map(|prefix| ("prefix", prefix.clone())).collect();
        let sources = Sources {
            cwd: &self.cwd,
            default_prefix: &self.default_prefix,
            file: text.as_deref(),
            env: &self.env,
            overrides: &overrides,
        };
        Conf::load(sources).map_err(|errors| Invalid(errors.iter().map(ToString::to_string).collect()).into())
    }
}

/// Kong's prefix if it is there and can be written, else a folder of the user's state directory.
fn default_prefix() -> String {
    if rustix::fs::access(KONG_PREFIX, rustix::fs::Access::WRITE_OK).is_ok() {
        return KONG_PREFIX.to_owned();
    }
    let state = std::env::var("XDG_STATE_HOME").ok().filter(|path| path.starts_with('/'));
    match (state, std::env::var("HOME").ok().filter(|path| path.starts_with('/'))) {
        (Some(state), _) => format!("{state}/gibbon"),
        (None, Some(home)) => format!("{}/.local/state/gibbon", home.trim_end_matches('/')),
        (None, None) => KONG_PREFIX.to_owned(),
    }
}

/// Returns what is wrong with the files that properties name, in Kong's order.
fn in_files(conf: &Conf) -> Vec<String> {
    let mut errors = Vec::new();
    for value in conf.lua_ssl_trusted_certificate.iter().filter(|value| *value != "system") {
        check_certificate("lua_ssl_trusted_certificate", value, &mut errors);
    }
    let ssl = |listeners: &[Listener]| listeners.iter().any(|listener| listener.ssl);
    for (prefix, on, certificates, keys) in [
        ("", ssl(&conf.proxy_listen) || ssl(&conf.stream_listen), &conf.ssl_cert, &conf.ssl_cert_key),
        ("admin_", ssl(&conf.admin_listen), &conf.admin_ssl_cert, &conf.admin_ssl_cert_key),
        ("status_", ssl(&conf.status_listen), &conf.status_ssl_cert, &conf.status_ssl_cert_key),
    ] {
        if !on {
            continue;
        }
        for value in certificates {
            check_certificate(&format!("{prefix}ssl_cert"), value, &mut errors);
        }
        for value in keys {
            check_key(&format!("{prefix}ssl_cert_key"), value, &mut errors);
        }
    }
    if conf.client_ssl {
        if let Some(value) = &conf.client_ssl_cert {
            check_certificate("client_ssl_cert", value, &mut errors);
        }
        if let Some(value) = &conf.client_ssl_cert_key {
            check_key("client_ssl_cert_key", value, &mut errors);
        }
    }
    if !Path::new(&conf.dns_hostsfile).is_file() {
        errors.push("dns_hostsfile: file does not exist".to_owned());
    }
    errors
}

fn check_certificate(name: &str, value: &str, errors: &mut Vec<String>) {
    // Kong takes a file's word for it until it is used.
    if !Path::new(value).exists() && CertificateDer::from_pem_slice(&pem(value)).is_err() {
        errors.push(format!("{name}: failed loading certificate from {value}"));
    }
}

fn check_key(name: &str, value: &str, errors: &mut Vec<String>) {
    if !Path::new(value).exists() && PrivateKeyDer::from_pem_slice(&pem(value)).is_err() {
        errors.push(format!("{name}: failed loading key from {value}"));
    }
}

/// Returns the PEM text that a certificate property names: a file's, or that of the value itself, or that of the base64 in it.
pub(crate) fn pem(value: &str) -> Vec<u8> {
    use base64::Engine as _;
    if let Ok(bytes) = std::fs::read(value) {
        return bytes;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(value.trim());
    decoded.unwrap_or_else(|_| value.as_bytes().to_vec())
}
