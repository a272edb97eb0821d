//! The rules of single entities that look at what is stored: plugins and routes, certificates and
//! their names, targets, what refers to a CA certificate.

use std::collections::BTreeSet;

use gibbon_model::Document;
use gibbon_model::Entity;
use gibbon_model::entities::targets;
use gibbon_schema::Operation;
use gibbon_schema::prepare;
use serde_json::Value;
use serde_json::json;

use super::WriteError;
use super::Writer;
use crate::rows::index_value;
use crate::store::Write;

/// The names that a certificate shall have after a write.
pub(super) type Names = Option<BTreeSet<String>>;

impl Writer {
    /// Applies the entity's rules to a client's document; `before` is what it replaces or changes.
    ///
    /// Returns the names that a certificate shall have, if the document says them.
    pub(super) async fn before_write(
        &self,
        entity: &Entity,
        document: &mut Document,
        before: Option<&Document>,
    ) -> Result<Names, WriteError> {
        match entity.name {
            "targets" => {
                targets::normalize_document(document).map_err(|message| WriteError::field("target", message))?;
                Ok(None)
            }
            "plugins" => {
                self.check_protocols(document, before).await?;
                Ok(None)
            }
            "certificates" => self.names_given(entity, document, before).await,
            _ => Ok(None),
        }
    }

    /// Returns what must be written before a document is deleted, or why it may not be.
    pub(super) async fn before_delete(&self, entity: &Entity, id: &str) -> Result<Vec<Write>, WriteError> {
        match entity.name {
            "certificates" => self.name_writes(id, Some(BTreeSet::new())).await,
            "ca_certificates" => {
                self.check_unused(id).await?;
                Ok(Vec::new())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// A plugin must share a protocol with its route, or with one of its service's routes.
    async fn check_protocols(&self, document: &Document, before: Option<&Document>) -> Result<(), WriteError> {
        let said = ["protocols", "route", "service"].iter().any(|field| document.contains_key(*field));
        if !said {
            return Ok(());
        }
        let value = |field: &str| {
            let own = document.get(field).filter(|value| !value.is_null());
            own.or_else(|| before.and_then(|before| before.get(field)))
        };
        let Some(Value::Array(protocols)) = value("protocols") else { return Ok(()) };
        let shared = |route: &Document| match route.get("protocols") {
            Some(Value::Array(own)) => own.iter().any(|protocol| protocols.contains(protocol)),
            _ => true,
        };
        let id_in =
            |field: &str| value(field).filter(|value| value.is_object()).and_then(|key| key.get("id")?.as_str());
        if let Some(route) = id_in("route") {
            if let Some(route) = self.store.get("routes", route).await?
                && !shared(&route)
            {
                return Err(WriteError::field("protocols", "must match the associated route's protocols"));
            }
        } else if let Some(service) = id_in("service") {
            let routes = self.children_at_rest("routes", "service", service).await?;
            if !routes.is_empty() && !routes.iter().any(shared) {
                return Err(WriteError::field(
                    "protocols",
                    "must match the protocols of at least one route pointing to this Plugin's \
                     service",
                ));
            }
        }
        Ok(())
    }

    /// Returns the names in a certificate's document; none of them may belong to another one.
    async fn names_given(
        &self,
        entity: &Entity,
        document: &Document,
        before: Option<&Document>,
    ) -> Result<Names, WriteError> {
        let names = match document.get("snis") {
            None => return Ok(None),
            Some(Value::Null) => return Ok(Some(BTreeSet::new())),
            Some(Value::Array(names)) => names,
            // The schema says what is wrong with it.
            Some(_) => return Ok(None),
        };
        let own = before.and_then(|before| before.get(entity.primary_key)).or_else(|| document.get(entity.primary_key));
        let mut set = BTreeSet::new();
        for name in names.iter().filter_map(Value::as_str) {
            if !set.insert(name.to_owned()) {
                return Err(WriteError::field("snis", format!("{name} is duplicated")));
            }
        }
        for name in &set {
            let Some(sni) = self.store.find("snis", "name", &Value::from(name.as_str())).await? else {
                continue;
            };
            let id = sni.get("certificate").and_then(|key| key.get("id"));
            if id != own {
                let id = id.and_then(Value::as_str).unwrap_or_default();
                let text = format!("{name} already associated with existing certificate '{id}'");
                return Err(WriteError::field("snis", text));
            }
        }
        Ok(Some(set))
    }

    /// Returns the writes that give a certificate exactly these names; none if they are not said.
    pub(super) async fn name_writes(&self, certificate: &str, names: Names) -> Result<Vec<Write>, WriteError> {
        let Some(names) = names else { return Ok(Vec::new()) };
        let entity = self.entity("snis");
        let mut writes = Vec::new();
        let mut kept = BTreeSet::new();
        for sni in self.children_at_rest("snis", "certificate", certificate).await? {
            match sni.get("name").and_then(Value::as_str) {
                Some(name) if names.contains(name) => {
                    kept.insert(name.to_owned());
                }
                _ => writes.push(Write::Delete {
                    entity: entity.name,
                    id: index_value(sni.get(entity.primary_key)).unwrap_or_default(),
                }),
            }
        }
        for name in names.difference(&kept) {
            let given = json!({ "name": name, "certificate": { "id": certificate } });
            let Value::Object(given) = given else { continue };
            let cx = self.catalog().context(&*self.world);
            let document = prepare(&entity.record, given, Operation::Insert, &cx)
                .map_err(|violations| WriteError::schema_violation(&violations))?;
            writes.push(Write::Insert { entity: entity.name, document });
        }
        Ok(writes)
    }

    /// Returns the names of a certificate, sorted.
    pub(super) async fn names_of(&self, certificate: &str) -> Result<Vec<Value>, WriteError> {
        let snis = self.children_at_rest("snis", "certificate", certificate).await?;
        let names: BTreeSet<String> = snis.iter().filter_map(|sni| index_value(sni.get("name"))).collect();
        Ok(names.into_iter().map(Value::from).collect())
    }

    /// A CA certificate that a service or a plugin names may not go.
    async fn check_unused(&self, id: &str) -> Result<(), WriteError> {
        for name in ["services", "plugins"] {
            for document in self.store.list(name).await? {
                let fields = match name {
                    "plugins" => document.get("config").and_then(Value::as_object),
                    _ => Some(&document),
                };
                let cas = fields.and_then(|fields| fields.get("ca_certificates")?.as_array());
                if cas.is_some_and(|cas| cas.iter().any(|ca| ca.as_str() == Some(id))) {
                    let by = index_value(document.get("id")).unwrap_or_default();
                    return Err(WriteError::referenced(format!(
                        "ca certificate {id} is still referenced by {name} (id = {by})"
                    )));
                }
            }
        }
        Ok(())
    }
}
