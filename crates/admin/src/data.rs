//! What handlers ask of catalog and store, in few words.

use gibbon_schema::Document;
use gibbon_store::WriteError;
use serde_json::Value;
use uuid::Uuid;

use crate::Admin;
use crate::arguments::infer::infer;

impl Admin {
    /// Returns the document of a path parameter.
    pub(crate) async fn select(&self, entity: &str, text: &str) -> Result<Option<Document>, WriteError> {
        self.writer.get(entity, self.writer.key(entity, text)?).await
    }

    /// Returns whether a text is written like an id.
    pub(crate) fn is_id(&self, text: &str) -> bool {
        text.len() == 36 && Uuid::try_parse(text).is_ok()
    }

    /// Returns a new id.
    pub(crate) fn new_id(&self) -> String {
        Uuid::new_v4().to_string()
    }

    /// Returns the primary key of a document.
    pub(crate) fn id_of(&self, entity: &str, document: &Document) -> String {
        let key = document.get(self.primary_key(entity)).and_then(Value::as_str);
        key.unwrap_or_default().to_owned()
    }

    /// Returns the name of an entity's primary key.
    pub(crate) fn primary_key(&self, entity: &str) -> &'static str {
        self.catalog.entity(entity).map_or("id", |entity| entity.primary_key)
    }

    /// Returns the word for an entity in paths.
    pub(crate) fn path(&self, entity: &'static str) -> &'static str {
        self.catalog.entity(entity).map_or(entity, |entity| entity.path())
    }

    /// Returns the word for an entity in paths below another.
    pub(crate) fn nested_path(&self, entity: &'static str) -> &'static str {
        self.catalog.entity(entity).map_or(entity, |entity| entity.nested_path())
    }

    /// Returns whether an entity has tags.
    pub(crate) fn tagged(&self, entity: &str) -> bool {
        self.catalog.entity(entity).is_some_and(|entity| entity.tagged)
    }

    /// Types a document of texts by its entity's schema.
    pub(crate) fn infer(&self, entity: &str, document: &mut Document) {
        if let Some(entity) = self.catalog.entity(entity) {
            infer(document, &entity.record, &*self.catalog);
        }
    }

    /// Returns whether the store answers.
    pub(crate) async fn reachable(&self) -> bool {
        self.writer.store().revision().await.is_ok()
    }
}
