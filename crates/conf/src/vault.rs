//! References into vaults, `{vault://VAULT/RESOURCE[/KEY][?prefix=P][#VERSION]}`, and the vault `env`, the environment,
//! which is handed in. Which vaults were configured under which names is not known here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

/// Why a reference could not be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The reference names no resource.
    #[error("reference url is missing path [{{vault://{0}}}]")]
    Path(String),
    /// The resource has no name.
    #[error("reference url has empty path [{{vault://{0}}}]")]
    EmptyPath(String),
    /// The resource is slashes only.
    #[error("reference url has invalid path [{{vault://{0}}}]")]
    InvalidPath(String),
    /// The version is no number.
    #[error("reference url has invalid version [{{vault://{0}}}]")]
    Version(String),
    /// There is no such vault.
    #[error("could not find vault ({0})")]
    Vault(String),
    /// The vault has no such value.
    #[error("could not get value from external vault (no value found)")]
    Value,
    /// The value is no JSON object with this key.
    #[error(
        "could not get value from external vault (could not get subfield value: subfield {0} not found in JSON secret)"
    )]
    Key(String),
}

/// Returns what stands between `{vault://` and `}`, or `None` when `text` is no reference.
pub fn reference(text: &str) -> Option<&str> {
    text.strip_prefix("{vault://")?.strip_suffix('}')
}

/// A reference, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Kind of vault, or the name that one was configured under.
    pub vault: String,
    /// What is asked for.
    pub resource: String,
    /// Key of the JSON object that the resource is.
    pub key: Option<String>,
    /// What the query says in place of the vault's own prefix.
    pub prefix: Option<String>,
    /// Version; 2 is the one before the current.
    pub version: Option<u64>,
}

impl Reference {
    /// Reads what stands between the braces behind `vault://`. Source: Kong 3.10, pdk/vault.lua.
    ///
    /// One segment is the resource; of several the last is the key, unless a slash follows it. Of the query only
    /// `prefix` means something to `env`: its values never change, so that times to live are without effect.
    ///
    /// # Errors
    /// What is missing, in Kong's words.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let (place, fragment) = text.split_once('#').map_or((text, None), |(place, version)| (place, Some(version)));
        let (place, query) = place.split_once('?').unwrap_or((place, ""));
        let (vault, path) = place.split_once('/').ok_or_else(|| VaultError::Path(text.to_owned()))?;
        if path.is_empty() {
            return Err(VaultError::EmptyPath(text.to_owned()));
        }
        let version = fragment.map(str::parse).transpose().map_err(|_| VaultError::Version(text.to_owned()))?;
        let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let key = match segments.len() {
            0 => return Err(VaultError::InvalidPath(text.to_owned())),
            1 => None,
            _ if path.ends_with('/') => None,
            _ => segments.pop(),
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Ok(Self {
            vault: vault.to_owned(),
            resource: decoded(&segments.join("/")),
            key: key.map(decoded),
            prefix: query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).map(decoded),
            version,
        })
    }
}

/// The environment as a vault.
#[derive(Clone, Default)]
pub struct EnvVault {
    variables: Arc<BTreeMap<String, String>>,
    /// What names of variables begin with, unless a reference or a configured vault says otherwise.
    prefix: String,
}

impl fmt::Debug for EnvVault {
    /// Shows no value: they are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvVault").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl EnvVault {
    /// Returns a vault of these variables; `prefix` is `vault_env_prefix`.
    pub fn new(variables: BTreeMap<String, String>, prefix: impl Into<String>) -> Self {
        Self { variables: Arc::new(variables), prefix: prefix.into() }
    }

    /// Resolves a reference that names the vault `env` itself, given without `{vault://` and `}`.
    ///
    /// # Errors
    /// When the reference is malformed, names another vault, or there is no such value.
    pub fn resolve(&self, text: &str) -> Result<String, VaultError> {
        let reference = Reference::parse(text)?;
        match reference.vault.as_str() {
            "env" => self.value(&reference, None),
            _ => Err(VaultError::Vault(reference.vault)),
        }
    }

    /// Returns the value for a reference to a vault of this kind whose own prefix is `prefix`, if it has one.
    ///
    /// The variable's name is the prefix (the reference's, else the vault's, else for `env` itself the default) and the
    /// resource, in capitals, `-` as `_`. With a key the value is a JSON object and the text under the key is taken.
    ///
    /// # Errors
    /// When there is no such value.
    pub fn value(&self, reference: &Reference, prefix: Option<&str>) -> Result<String, VaultError> {
        let own = if reference.vault == "env" { self.prefix.as_str() } else { "" };
        let prefix = reference.prefix.as_deref().or(prefix).unwrap_or(own);
        let mut variable = format!("{prefix}{}", reference.resource).to_ascii_uppercase().replace('-', "_");
        if reference.version == Some(2) {
            variable.push_str("_PREVIOUS");
        }
        let value = self.variables.get(&variable).ok_or(VaultError::Value)?;
        match &reference.key {
            None => Ok(value.clone()),
            Some(key) => subfield(value, key),
        }
    }
}

fn subfield(value: &str, key: &str) -> Result<String, VaultError> {
    let document: Option<serde_json::Value> = serde_json::from_str(value).ok();
    let text = document.as_ref().and_then(|document| document.get(key)?.as_str());
    text.map(str::to_owned).ok_or_else(|| VaultError::Key(key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_references() {
        let env = [
            ("MY_WORD", "hello"),
            ("MY_WORD_PREVIOUS", "hi"),
            ("MY_JSON", r#"{"key":"v","n":1}"#),
            ("A/B", r#"{"c":"d"}"#),
        ];
        let env = BTreeMap::from(env.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let vault = EnvVault::new(env, "");
        for (path, want) in [
            ("env/my-word", Ok("hello")),
            ("env/my-word#2", Ok("hi")),
            ("env/my-word#1", Ok("hello")),
            ("env/my%2Dword/", Ok("hello")),
            ("env/word?ttl=5&prefix=MY_", Ok("hello")),
            ("env/my-json/key", Ok("v")),
            ("env/a/b/c", Ok("d")),
            ("env/a/b/", Ok(r#"{"c":"d"}"#)),
            ("env/my-json/n", Err(VaultError::Key("n".to_owned()))),
            ("env/my-json/none", Err(VaultError::Key("none".to_owned()))),
            ("env/none", Err(VaultError::Value)),
            ("env/", Err(VaultError::EmptyPath("env/".to_owned()))),
            ("env//", Err(VaultError::InvalidPath("env//".to_owned()))),
            ("env/my-word#x", Err(VaultError::Version("env/my-word#x".to_owned()))),
            ("nope/x", Err(VaultError::Vault("nope".to_owned()))),
            ("nonsense", Err(VaultError::Path("nonsense".to_owned()))),
        ] {
            assert_eq!(vault.resolve(path), want.map(str::to_owned), "{path}");
        }
    }

    #[test]
    fn prefixes_go_from_the_reference_to_the_vault() {
        let env = BTreeMap::from(["A_X", "B_X", "C_X", "X"].map(|name| (name.to_owned(), name.to_owned())));
        let vault = EnvVault::new(env, "a_");
        for (text, own, want) in [
            ("env/x", None, "A_X"),
            ("mine/x", None, "X"),
            ("mine/x", Some("b_"), "B_X"),
            ("mine/x?prefix=c_", Some("b_"), "C_X"),
        ] {
            let reference = Reference::parse(text).expect("well formed");
            assert_eq!(vault.value(&reference, own).as_deref(), Ok(want), "{text}");
        }
    }
}
