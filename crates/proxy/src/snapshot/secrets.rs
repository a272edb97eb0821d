//! Vault references of documents, resolved before a document is read into its type: what requests see are values, what
//! the store and the Admin API hold are references. The vaults themselves come from the configuration too.

use std::collections::HashMap;

use gibbon_conf::vault;
use gibbon_conf::vault::EnvVault;
use gibbon_conf::vault::Reference;
use gibbon_conf::vault::VaultError;
use gibbon_model::Document;
use gibbon_model::entities;
use gibbon_schema::Field;
use gibbon_schema::Kind;
use gibbon_schema::Options;
use gibbon_schema::Record;
use gibbon_schema::Value;
use gibbon_sdk::PluginDef;
use uuid::Uuid;

/// The vaults that are configured, and the documents that refer to any.
pub(super) struct Secrets {
    env: EnvVault,
    /// Schemas of the entities that have fields for references.
    records: HashMap<&'static str, Record>,
    /// Schemas of plugins' configurations by kind.
    plugins: HashMap<&'static str, Record>,
    /// Configured vaults: the name that references use, and the prefix of variables.
    vaults: HashMap<Uuid, (String, Option<String>)>,
    /// Documents with references, as they are stored.
    users: HashMap<(String, Uuid), Document>,
}

impl Secrets {
    /// Returns what a node with these kinds of plugins has before it has any configuration.
    pub(super) fn new(env: EnvVault, kinds: &[PluginDef]) -> Self {
        let of_plugins = kinds.iter().flat_map(|kind| &kind.entities).map(|kind| kind.def);
        // Which fields take references is the same with all options.
        let records = entities::core().chain(of_plugins).map(|def| (def.name, (def.record)(Options::default())));
        Self {
            env,
            records: records.filter(|(_, record)| takes_references(record)).collect(),
            plugins: kinds.iter().map(|def| (def.kind.name, def.kind.record.clone())).collect(),
            vaults: HashMap::new(),
            users: HashMap::new(),
        }
    }

    /// Returns whether documents of an entity may refer to a vault.
    pub(super) fn may_refer(&self, entity: &str) -> bool {
        self.records.contains_key(entity)
    }

    /// Takes over a vault, or that it is gone; returns the documents that may now mean something else.
    pub(super) fn set_vault(&mut self, id: Uuid, vault: Option<&Document>) -> Vec<(String, Uuid, Document)> {
        match vault {
            None => drop(self.vaults.remove(&id)),
            Some(vault) => {
                let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
                let prefix = text(vault.get("config").and_then(|config| config.get("prefix")));
                self.vaults.insert(id, (text(vault.get("prefix")).unwrap_or_default(), prefix));
            }
        }
        self.users.iter().map(|((entity, id), document)| (entity.clone(), *id, document.clone())).collect()
    }

    /// Returns the document with values in place of its references, `None` if it has none, and what could not be
    /// resolved: those fields are empty, as in Kong.
    pub(super) fn resolve(
        &mut self,
        entity: &str,
        id: Uuid,
        document: Option<&Document>,
    ) -> Option<(Document, Vec<(String, VaultError)>)> {
        let user = (entity.to_owned(), id);
        let Some(document) = document.filter(|document| document.values().any(mentions_reference)) else {
            self.users.remove(&user);
            return None;
        };
        let mut failed = Vec::new();
        let mut resolved = document.clone();
        let mut value_of = |text: &str| {
            let value = self.value(text);
            value.unwrap_or_else(|why| {
                failed.push((text.to_owned(), why));
                String::new()
            })
        };
        let own = self.records.get(entity);
        let kind = document.get("name").and_then(Value::as_str).filter(|_| entity == "plugins");
        for record in own.into_iter().chain(kind.and_then(|kind| self.plugins.get(kind))) {
            resolve_record(record, &mut resolved, &mut value_of);
        }
        self.users.insert(user, document.clone());
        Some((resolved, failed))
    }

    fn value(&self, text: &str) -> Result<String, VaultError> {
        let reference = Reference::parse(vault::reference(text).unwrap_or(text))?;
        if reference.vault == "env" {
            return self.env.value(&reference, None);
        }
        let vault = self.vaults.values().find(|(name, _)| *name == reference.vault);
        let (_, prefix) = vault.ok_or_else(|| VaultError::Vault(reference.vault.clone()))?;
        self.env.value(&reference, prefix.as_deref())
    }
}

fn mentions_reference(value: &Value) -> bool {
    match value {
        Value::String(text) => vault::reference(text).is_some(),
        Value::Array(items) => items.iter().any(mentions_reference),
        Value::Object(fields) => fields.values().any(mentions_reference),
        _ => false,
    }
}

fn takes_references(record: &Record) -> bool {
    record.fields.iter().any(field_takes_references)
}

fn field_takes_references(field: &Field) -> bool {
    field.referenceable
        || match &field.kind {
            Kind::Array(inner) | Kind::Set(inner) | Kind::Map { values: inner, .. } => field_takes_references(inner),
            Kind::Record(record) => takes_references(record),
            _ => false,
        }
}

fn resolve_record(record: &Record, document: &mut Document, value_of: &mut dyn FnMut(&str) -> String) {
    for field in &record.fields {
        if let Some(value) = document.get_mut(&field.name) {
            resolve_value(field, value, value_of);
        }
    }
}

fn resolve_value(field: &Field, value: &mut Value, value_of: &mut dyn FnMut(&str) -> String) {
    match (&field.kind, value) {
        (Kind::Record(record), Value::Object(document)) => resolve_record(record, document, value_of),
        (Kind::Array(inner) | Kind::Set(inner), Value::Array(items)) => {
            items.iter_mut().for_each(|item| resolve_value(inner, item, value_of));
        }
        (Kind::Map { values, .. }, Value::Object(entries)) => {
            entries.values_mut().for_each(|value| resolve_value(values, value, value_of));
        }
        (_, Value::String(text)) if field.referenceable && vault::reference(text).is_some() => {
            *text = value_of(text);
        }
        _ => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(value: Value) -> Document {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn references_follow_their_vault() {
        let variables = [("MY_CERT", "C"), ("CERT", "plain"), ("KEY", "K")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut secrets = Secrets::new(EnvVault::new(variables.into(), ""), &[]);
        let id = Uuid::from_u128(1);
        let certificate = document(json!({
            "cert": "{vault://mine/cert}", "key": "{vault://env/key}", "tags": ["{vault://env/key}"], "cert_alt": null,
        }));
        let (resolved, failed) = secrets.resolve("certificates", id, Some(&certificate)).unwrap();
        assert_eq!(failed, [("{vault://mine/cert}".to_owned(), VaultError::Vault("mine".to_owned()))]);
        assert_eq!((&resolved["cert"], &resolved["key"]), (&json!(""), &json!("K")));
        assert_eq!(resolved["tags"], certificate["tags"], "tags take no references");

        let vault = document(json!({"name": "env", "prefix": "mine", "config": {"prefix": "my_"}}));
        let users = secrets.set_vault(Uuid::from_u128(2), Some(&vault));
        assert_eq!(users, [("certificates".to_owned(), id, certificate.clone())]);
        let (resolved, failed) = secrets.resolve("certificates", id, Some(&certificate)).unwrap();
        assert_eq!((&resolved["cert"], failed.len()), (&json!("C"), 0));

        assert!(secrets.resolve("certificates", id, Some(&document(json!({"cert": "x"})))).is_none());
        assert!(secrets.set_vault(Uuid::from_u128(2), None).is_empty(), "nobody refers to a vault any more");
    }
}
