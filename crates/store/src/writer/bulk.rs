//! Whole configurations: loading one without a database, importing one into a database, and
//! exporting what there is.

use std::sync::Arc;

use gibbon_model::Document;
use gibbon_model::Entity;
use gibbon_model::declarative::EMPTY_HASH;
use gibbon_model::declarative::Exporter;
use gibbon_model::declarative::Parsed;
use gibbon_model::entities::targets;
use serde_json::Value;

use super::WriteError;
use super::Writer;
use super::process::Lifetime;
use super::process::put_lifetime;
use super::process::take_lifetime;
use super::process::transform;
use crate::progress::Progress;
use crate::publisher::News;
use crate::rows::index_value;
use crate::store::Write;

impl Writer {
    /// Puts a configuration in the place of everything, and makes it live: all or nothing.
    ///
    /// # Errors
    /// When a transformation or the store fails.
    pub async fn replace_all(&self, parsed: Parsed) -> Result<(), WriteError> {
        let mut all = Vec::with_capacity(parsed.documents.len());
        for (name, documents) in parsed.documents {
            let entity = self.entity(name);
            let mut stored = Vec::with_capacity(documents.len());
            for document in documents {
                stored.push(self.at_rest(entity, document, parsed.transform)?);
            }
            all.push((entity.name, stored));
        }
        let guard = self.writing.lock().await;
        self.store.replace(all).await?;
        drop(guard);
        self.set_hash(&parsed.hash);
        self.publish(News::All).await
    }

    /// Adds a configuration to what is stored, and makes it live: all or nothing. What has the same
    /// primary key is replaced. Each document is a step of `progress`.
    ///
    /// # Errors
    /// When the store refuses a document or fails.
    pub async fn import(&self, parsed: Parsed, progress: &Arc<Progress>) -> Result<(), WriteError> {
        let guard = self.writing.lock().await;
        let mut writes = Vec::new();
        for (name, documents) in parsed.documents {
            let entity = self.entity(name);
            for document in documents {
                let document = self.at_rest(entity, document, parsed.transform)?;
                if entity.name == "targets" && !self.make_room(entity, &document, &mut writes).await? {
                    continue;
                }
                writes.push(Write::Upsert { entity: entity.name, document });
            }
        }
        progress.begin(writes.len());
        self.store.import(writes, Arc::clone(progress)).await?;
        drop(guard);
        self.publish(News::All).await
    }

    /// Returns everything that exports hold as a declarative file.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn export(&self) -> Result<String, WriteError> {
        let mut exporter = Exporter::new();
        for entity in self.catalog().entities().filter(|entity| entity.db_export) {
            for document in self.store.list(entity.name).await? {
                let ttl = lifetime_of(entity, &document);
                let mut shown = self.select(entity, document);
                for field in entity.record.fields.iter().filter(|field| field.transient) {
                    shown.shift_remove(&field.name);
                }
                if let Some(ttl) = ttl {
                    shown.insert("ttl".to_owned(), ttl);
                }
                exporter.add(entity, &shown);
            }
        }
        Ok(exporter.finish())
    }

    /// Returns the hash of the configuration that was loaded last, for a node without a database.
    pub fn configuration_hash(&self) -> String {
        self.hash.lock().map_or_else(|_| EMPTY_HASH.to_owned(), |hash| hash.clone())
    }

    fn set_hash(&self, hash: &str) {
        if let Ok(mut own) = self.hash.lock() {
            hash.clone_into(&mut own);
        }
    }

    /// Returns a document of a declarative file as it is stored.
    fn at_rest(&self, entity: &Entity, mut stored: Document, transformed: bool) -> Result<Document, WriteError> {
        if transformed && !entity.transformations.is_empty() {
            let given = stored.clone();
            transform(entity, &mut stored, &given)?;
        }
        for field in entity.record.fields.iter().filter(|field| field.transient) {
            stored.shift_remove(&field.name);
        }
        if entity.name == "targets" {
            targets::normalize_document(&mut stored).map_err(|message| WriteError::field("target", message))?;
        }
        if !self.is_dbless() {
            self.plain_keys(entity, &mut stored);
        }
        if let Lifetime::Seconds(ttl) = take_lifetime(entity, &mut stored)? {
            let created = stored.get("created_at").and_then(Value::as_f64);
            let from = created.unwrap_or_else(|| self.world.now());
            put_lifetime(&mut stored, Lifetime::Seconds(ttl), from);
        }
        Ok(stored)
    }

    /// Decides between a target that is imported and one that is there already: the newer stays.
    async fn make_room(&self, entity: &Entity, target: &Document, writes: &mut Vec<Write>) -> Result<bool, WriteError> {
        let Some(there) = self.store.find_by_cache_key(entity.name, target).await? else {
            return Ok(true);
        };
        if there.get("id") == target.get("id") {
            return Ok(true);
        }
        let created = |document: &Document| document.get("created_at").and_then(Value::as_f64);
        if created(target) <= created(&there) {
            return Ok(false);
        }
        let id = index_value(there.get(entity.primary_key)).unwrap_or_default();
        writes.push(Write::Delete { entity: entity.name, id });
        Ok(true)
    }
}

/// Returns the whole lifetime of a document, so that an import gives it the same end.
fn lifetime_of(entity: &Entity, document: &Document) -> Option<Value> {
    if !entity.ttl {
        return None;
    }
    let end = document.get("ttl").and_then(Value::as_f64)?;
    let created = document.get("created_at").and_then(Value::as_f64)?;
    #[allow(clippy::cast_possible_truncation, reason = "lifetimes are short")]
    Some(Value::from((end - created).round() as i64))
}
