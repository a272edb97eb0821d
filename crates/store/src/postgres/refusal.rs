//! What a refused statement means: the violated constraint, as the situation that the store's callers know.

use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::Entity;
use serde_json::Value;
use serde_json::json;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::layout::Table;
use super::layout::table_name;
use crate::error::StoreError;
use crate::rows::id_of;
use crate::rows::index_value;

/// Says why a document could not be written.
pub(super) fn of_write(
    catalog: &Catalog,
    entity: &Entity,
    table: &Table,
    document: &Document,
    error: Error,
) -> StoreError {
    let Some(refusal) = error.as_db_error() else { return error.into() };
    // In any language the detail begins with the columns: `Key (ws_id, name)=(…) already exists.`
    let columns = refusal.detail().and_then(|detail| {
        let rest = detail.split_once('(')?.1;
        Some(rest.split_once(")=(")?.0.split(", ").map(|name| name.trim_matches('"').to_owned()).collect::<Vec<_>>())
    });
    let columns: Vec<String> = columns.unwrap_or_default().into_iter().filter(|name| name != "ws_id").collect();
    if *refusal.code() == SqlState::UNIQUE_VIOLATION {
        if columns == [table.key] {
            let id = id_of(entity, document).to_owned();
            return StoreError::PrimaryKeyTaken { entity: entity.name, field: entity.primary_key, id };
        }
        let value = |field: &str| (field.to_owned(), document.get(field).cloned().unwrap_or(Value::Null));
        let fields = if columns == ["cache_key"] {
            entity.cache_key.iter().map(|field| value(field)).collect()
        } else {
            columns.iter().filter_map(|column| table.field(column)).map(value).collect()
        };
        return StoreError::UniqueTaken { entity: entity.name, fields };
    }
    if *refusal.code() == SqlState::FOREIGN_KEY_VIOLATION {
        let field = columns.first().and_then(|column| table.field(column));
        let reference = field.and_then(|field| entity.reference(field));
        if let Some(reference) = reference
            && let Some(target) = catalog.entity(reference.target)
        {
            let id = index_value(document.get(reference.field)).unwrap_or_default();
            let key = Document::from_iter([(target.primary_key.to_owned(), json!(id))]);
            return StoreError::ForeignMissing {
                entity: entity.name,
                field: reference.field,
                target: reference.target,
                key,
            };
        }
    }
    error.into()
}

/// Says why a document could not be deleted.
pub(super) fn of_delete(catalog: &Catalog, entity: &Entity, error: Error) -> StoreError {
    let Some(refusal) = error.as_db_error() else { return error.into() };
    let by = refusal.table().and_then(|table| catalog.entities().find(|other| table_name(other) == table));
    match by {
        Some(by) if *refusal.code() == SqlState::FOREIGN_KEY_VIOLATION => {
            StoreError::Referenced { entity: entity.name, by: by.name }
        }
        _ => error.into(),
    }
}
