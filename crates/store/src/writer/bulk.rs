//! Whole configurations: loading one without a database, importing one into a database, and
//! exporting what there is.

use std::sync::Arc;

use gibbon_model::Document;
use gibbon_model::Entity;
use gibbon_model::declarative::EMPTY_HASH;
use gibbon_model::declarative::Exporter;
use gibbon_model::declarative::Packed;
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
use crate::rows::decode;
use crate::rows::index_value;
use crate::rows::keys;
use crate::store::Write;

impl Writer {
    /// Puts a configuration in the place of everything, and makes it live: all or nothing.
    ///
    /// # Errors
    /// When a transformation or the store fails.
    pub async fn replace_all(&self, parsed: Parsed) -> Result<(), WriteError> {
        let Parsed { documents, transform, hash } = parsed;
        let mut all = Vec::with_capacity(documents.len());
        for (name, documents) in documents {
            let entity = self.entity(name);
            all.push((entity.name, self.all_at_rest(entity, documents, transform)?));
        }
        let guard = self.writing.lock().await;
        self.store.replace_packed(all).await?;
        drop(guard);
        self.set_hash(&hash);
        self.publish(News::All).await
    }

    /// Adds a configuration to what is stored, and makes it live: all or nothing. What has the same
    /// primary key is replaced. Each document is a step of `progress`.
    ///
    /// # Errors
    /// When the store refuses a document or fails.
    pub async fn import(&self, parsed: Parsed, progress: &Arc<Progress>) -> Result<(), WriteError> {
        let guard = self.writing.lock().await;
        let Parsed { documents, transform, .. } = parsed;
        let mut deletes = Vec::new();
        let mut all = Vec::with_capacity(documents.len());
        for (name, documents) in documents {
            let entity = self.entity(name);
            let mut stored = self.all_at_rest(entity, documents, transform)?;
            if entity.name == "targets" {
                stored = self.make_room(entity, stored, &mut deletes).await?;
            }
            all.push((entity.name, stored));
        }
        progress.begin(deletes.len() + all.iter().map(|(_, stored)| stored.len()).sum::<usize>());
        self.store.import_packed(deletes, all, Arc::clone(progress)).await?;
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

    /// Returns documents of a declarative file as they are stored.
    fn all_at_rest(
        &self,
        entity: &Entity,
        mut documents: Vec<Packed>,
        transformed: bool,
    ) -> Result<Vec<Packed>, WriteError> {
        let changes = (transformed && !entity.transformations.is_empty())
            || entity.record.fields.iter().any(|field| field.transient)
            || entity.name == "targets"
            || entity.ttl;
        for document in &mut documents {
            let rests = !changes && (self.is_dbless() || self.has_plain_keys(entity, document)?);
            if !rests {
                let whole = unpack(entity, document)?;
                *document = Packed::of(&self.at_rest(entity, whole, transformed)?);
            }
        }
        Ok(documents)
    }

    /// Tells whether [`plain_keys`](Self::plain_keys) would leave a document as it is.
    fn has_plain_keys(&self, entity: &Entity, document: &Packed) -> Result<bool, WriteError> {
        let given = keys(entity, document)?;
        let mut plain = given.clone();
        self.plain_keys(entity, &mut plain);
        Ok(plain == given)
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

    /// Decides between targets that are imported and those that are there already: the newer stays. Returns those that
    /// are to be imported, and adds to `deletes` what has to go.
    async fn make_room(
        &self,
        entity: &Entity,
        targets: Vec<Packed>,
        deletes: &mut Vec<Write>,
    ) -> Result<Vec<Packed>, WriteError> {
        let created = |document: &Document| document.get("created_at").and_then(Value::as_f64);
        let mut kept = Vec::with_capacity(targets.len());
        for packed in targets {
            let target = unpack(entity, &packed)?;
            let there = self.store.find_by_cache_key(entity.name, &target).await?;
            if let Some(there) = there.filter(|there| there.get("id") != target.get("id")) {
                if created(&target) <= created(&there) {
                    continue;
                }
                let id = index_value(there.get(entity.primary_key)).unwrap_or_default();
                deletes.push(Write::Delete { entity: entity.name, id });
            }
            kept.push(packed);
        }
        Ok(kept)
    }
}

fn unpack(entity: &Entity, document: &Packed) -> Result<Document, WriteError> {
    Ok(decode(entity, document.text())?)
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
