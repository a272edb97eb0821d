//! References into vaults, `{vault://env/NAME/key?prefix=P}`, of which a configuration may use those into the environment. The environment
//! is handed in; other vaults are not known here.

use std::collections::BTreeMap;

/// Why a reference could not be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The reference names no resource.
    #[error("reference url is missing path [{{vault://{0}}}]")]
    Path(String),
    /// There is no such vault.
    #[error("could not find vault ({0})")]
    Vault(String),
    /// The vault has no such value.
    #[error("could not get value from external vault (no value found)")]
    Value,
    /// The value is no JSON object with this key.
    #[error("subfield {0} not found in JSON secret")]
    Key(String),
}

/// Returns what stands between `{vault://` and `}`, or `None` when `text` is no reference.
pub fn reference(text: &str) -> Option<&str> {
    text.strip_prefix("{vault://")?.strip_suffix('}')
}

/// Resolves `VAULT/RESOURCE[/KEY][?prefix=P]`.
///
/// The variable's name is `prefix` (that of the query, else `default_prefix`) and the resource, in capitals, `-` as `_`.
/// With a key the value is a JSON object and the key's value is taken.
pub fn resolve(path: &str, env: &BTreeMap<String, String>, default_prefix: &str) -> Result<String, VaultError> {
    let (place, query) = path.split_once('?').unwrap_or((path, ""));
    let place = place.split('#').next().unwrap_or_default();
    let (vault, rest) = place.split_once('/').ok_or_else(|| VaultError::Path(path.to_owned()))?;
    if rest.is_empty() {
        return Err(VaultError::Path(path.to_owned()));
    }
    if vault != "env" {
        return Err(VaultError::Vault(vault.to_owned()));
    }
    let (resource, key) = rest.split_once('/').map_or((rest, None), |(resource, key)| (resource, Some(key)));
    let prefix = query.split(['&', '#']).find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or(default_prefix);
    let variable = format!("{prefix}{resource}").to_ascii_uppercase().replace('-', "_");
    let value = env.get(&variable).ok_or(VaultError::Value)?;
    match key {
        None => Ok(value.clone()),
        Some(key) => subfield(value, key),
    }
}

fn subfield(value: &str, key: &str) -> Result<String, VaultError> {
    let missing = || VaultError::Key(key.to_owned());
    let document: serde_json::Value = serde_json::from_str(value).map_err(|_| missing())?;
    match document.get(key).ok_or_else(missing)? {
        serde_json::Value::String(text) => Ok(text.clone()),
        other => Ok(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_references() {
        let env = BTreeMap::from([
            ("MY_WORD".to_owned(), "hello".to_owned()),
            ("MY_JSON".to_owned(), r#"{"key":"v"}"#.to_owned()),
        ]);
        for (path, want) in [
            ("env/my-word", Ok("hello".to_owned())),
            ("env/word?prefix=MY_", Ok("hello".to_owned())),
            ("env/my-json/key", Ok("v".to_owned())),
            ("env/none", Err(VaultError::Value)),
            ("nope/x", Err(VaultError::Vault("nope".to_owned()))),
            ("nonsense", Err(VaultError::Path("nonsense".to_owned()))),
        ] {
            assert_eq!(resolve(path, &env, ""), want, "{path}");
        }
    }
}
