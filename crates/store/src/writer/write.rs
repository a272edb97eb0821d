//! Writing one document: create, update, upsert, delete, and validation without writing.

use gibbon_model::Document;
use gibbon_model::Entity;
use gibbon_schema::Operation;
use gibbon_schema::prepare;
use gibbon_schema::validate;

use super::Key;
use super::WriteError;
use super::Writer;
use super::process::Lifetime;
use super::process::put_lifetime;
use super::process::take_lifetime;
use super::process::transform;
use crate::rows::id_of;
use crate::store::Write;

impl Writer {
    /// Adds a document, and returns it as the Admin API shows it.
    ///
    /// # Errors
    /// When it is refused by its schema or by what is stored, when there is no database (code 12), or
    /// when the store fails.
    pub async fn create(&self, entity: &str, document: Document) -> Result<Document, WriteError> {
        let entity = self.entity(entity);
        let guard = self.writing.lock().await;
        let mut document = document;
        let names = self.before_write(entity, &mut document, None).await?;
        let lifetime = take_lifetime(entity, &mut document)?;
        let mut stored = self.admit(entity, document, Operation::Insert).await?;
        put_lifetime(&mut stored, lifetime, self.world.now());
        if self.is_dbless() {
            return Err(WriteError::unsupported("create", entity.name, None));
        }
        let id = id_of(entity, &stored).to_owned();
        let mut writes = vec![Write::Insert { entity: entity.name, document: stored }];
        writes.extend(self.name_writes(&id, names).await?);
        self.finish(entity, &id, writes, guard).await
    }

    /// Changes the fields of a document that `patch` names, and returns it as the Admin API shows it.
    ///
    /// # Errors
    /// As [`create`](Self::create); code 6 when there is nothing of this key.
    pub async fn update(&self, entity: &str, key: Key<'_>, patch: Document) -> Result<Document, WriteError> {
        let entity = self.entity(entity);
        let guard = self.writing.lock().await;
        let Some(before) = self.find(entity.name, key).await? else {
            return Err(not_found(entity, key));
        };
        let id = id_of(entity, &before).to_owned();
        let mut patch = patch;
        let names = self.before_write(entity, &mut patch, Some(&before)).await?;
        let lifetime = take_lifetime(entity, &mut patch)?;
        let mut after = self.admit(entity, patch, Operation::Update { stored: &before }).await?;
        put_lifetime(&mut after, lifetime, self.world.now());
        // The primary key is what the document is known by; a patch does not move it.
        after.insert(entity.primary_key.to_owned(), id.clone().into());
        if self.is_dbless() {
            return Err(WriteError::unsupported("update", entity.name, field_of(key)));
        }
        let mut writes = vec![Write::Update { entity: entity.name, document: after }];
        writes.extend(self.name_writes(&id, names).await?);
        self.finish(entity, &id, writes, guard).await
    }

    /// Puts a document in the place of the one that the key names, or adds it, and returns it as
    /// the Admin API shows it. What the document does not say takes its default.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn upsert(&self, entity: &str, key: Key<'_>, document: Document) -> Result<Document, WriteError> {
        let entity = self.entity(entity);
        let guard = self.writing.lock().await;
        let before = self.find(entity.name, key).await?;
        let mut document = document;
        match (key, &before) {
            (Key::Id(id), _) => {
                document.insert(entity.primary_key.to_owned(), id.into());
            }
            (Key::Field { name, value }, before) => {
                document.insert(name.to_owned(), value.into());
                if let Some(before) = before {
                    let id = before[entity.primary_key].clone();
                    document.insert(entity.primary_key.to_owned(), id);
                }
            }
        }
        let names = self.before_write(entity, &mut document, before.as_ref()).await?;
        let lifetime = match take_lifetime(entity, &mut document)? {
            Lifetime::Unsaid => Lifetime::Endless,
            lifetime => lifetime,
        };
        let mut stored = self.admit(entity, document, Operation::Upsert).await?;
        put_lifetime(&mut stored, lifetime, self.world.now());
        if self.is_dbless() {
            let field = field_of(key);
            return Err(WriteError::unsupported("create or update", entity.name, field));
        }
        let id = id_of(entity, &stored).to_owned();
        let mut writes = vec![Write::Upsert { entity: entity.name, document: stored }];
        writes.extend(self.name_writes(&id, names).await?);
        self.finish(entity, &id, writes, guard).await
    }

    /// Deletes a document and what belongs to it; one that is not there is no error.
    ///
    /// # Errors
    /// When something still refers to it (codes 4 and 19), when there is no database (code 12), or
    /// when the store fails.
    pub async fn delete(&self, entity: &str, key: Key<'_>) -> Result<(), WriteError> {
        let entity = self.entity(entity);
        let guard = self.writing.lock().await;
        let Some(before) = self.find(entity.name, key).await? else { return Ok(()) };
        let id = id_of(entity, &before).to_owned();
        if self.is_dbless() {
            // Names go before their certificate, so Kong stumbles over them first.
            let named = entity.name == "certificates" && !self.names_of(&id).await?.is_empty();
            let (what, by) = if named { ("snis", Some("name")) } else { (entity.name, field_of(key)) };
            return Err(WriteError::unsupported("remove", what, by));
        }
        let mut writes = self.before_delete(entity, &id).await?;
        writes.push(Write::Delete { entity: entity.name, id });
        drop(guard);
        self.commit(writes).await?;
        Ok(())
    }

    /// Returns whether a document would pass its schema, without looking at what is stored.
    ///
    /// # Errors
    /// What is wrong with it (code 2).
    pub fn validate(&self, entity: &str, document: Document) -> Result<(), WriteError> {
        let entity = self.entity(entity);
        let cx = self.catalog().context(&*self.world);
        gibbon_schema::dry_run(&entity.record, document, &cx)
            .map_err(|violations| WriteError::schema_violation(&violations))
    }

    /// Takes a client's document through its schema: the document to be stored comes out.
    async fn admit(&self, entity: &Entity, given: Document, operation: Operation<'_>) -> Result<Document, WriteError> {
        let refused = |violations| WriteError::schema_violation(&violations);
        let mut prepared = {
            let cx = self.catalog().context(&*self.world);
            prepare(&entity.record, given.clone(), operation, &cx).map_err(refused)?
        };
        self.resolve_foreign(entity, &mut prepared).await?;
        let cx = self.catalog().context(&*self.world);
        let mut document = validate(&entity.record, prepared, &given, operation, &cx).map_err(refused)?;
        transform(entity, &mut document, &given)?;
        for field in entity.record.fields.iter().filter(|field| field.transient) {
            document.shift_remove(&field.name);
        }
        self.plain_keys(entity, &mut document);
        Ok(document)
    }

    async fn finish(
        &self,
        entity: &Entity,
        id: &str,
        writes: Vec<Write>,
        guard: tokio::sync::MutexGuard<'_, ()>,
    ) -> Result<Document, WriteError> {
        let written = self.store.write(writes).await?;
        drop(guard);
        self.publish(crate::publisher::News::Changes(&written.changes)).await?;
        let change = written.changes.iter().find(|c| c.entity == entity.name && c.id == id);
        let document = change.and_then(|change| change.after.as_deref().cloned());
        self.show(entity.name, document.unwrap_or_default()).await
    }
}

fn field_of(key: Key<'_>) -> Option<&'static str> {
    match key {
        Key::Id(_) => None,
        Key::Field { name, .. } => Some(name),
    }
}

fn not_found(entity: &Entity, key: Key<'_>) -> WriteError {
    match key {
        Key::Id(id) => WriteError::not_found(entity.primary_key, id),
        Key::Field { name, value } => WriteError::not_found_by(name, value),
    }
}
