//! Which table and which columns an entity has, made from its definition and checked against the
//! database; and the statements that follow from that. It runs none of them but the check.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::Entity;
use gibbon_schema::Kind;
use gibbon_schema::Nulls;
use gibbon_schema::OldNames;
use gibbon_schema::select;
use serde_json::Value;
use serde_json::json;
use tokio_postgres::Row;
use uuid::Uuid;

use super::cell::Out;
use crate::error::StoreError;
use crate::rows::index_value;

/// All tables of a catalog, in one workspace.
pub(super) struct Layout {
    tables: HashMap<&'static str, Table>,
    pub(super) workspace: Uuid,
}

/// The table of an entity.
pub(super) struct Table {
    pub(super) key: &'static str,
    columns: Vec<Column>,
    /// Type by column, as the database names it.
    types: HashMap<String, String>,
    workspaced: bool,
    has_cache_key: bool,
    pub(super) ttl: bool,
    pub(super) insert: String,
    pub(super) update: String,
    pub(super) upsert: String,
    /// `SELECT … FROM … WHERE …`, to which conditions are added with `AND`.
    pub(super) select: String,
    /// `DELETE FROM … WHERE …`, likewise.
    pub(super) delete: String,
}

/// A field and its column.
struct Column {
    field: String,
    name: String,
    /// Primary key of the entity that the field names.
    foreign: Option<&'static str>,
}

impl Layout {
    /// Reads what tables the database has, and finds those of the catalog's entities among them.
    ///
    /// # Errors
    /// When a table or a column is missing, or the server fails.
    pub(super) async fn read(client: &impl GenericClient, catalog: &Catalog) -> Result<Self, StoreError> {
        let found = client
            .query(
                "SELECT table_name::text, column_name::text, udt_name::text FROM information_schema.columns \
                 WHERE table_schema = current_schema()",
                &[],
            )
            .await?;
        let mut tables: HashMap<String, HashMap<String, String>> = HashMap::new();
        for row in found {
            tables.entry(row.try_get(0)?).or_default().insert(row.try_get(1)?, row.try_get(2)?);
        }
        if !tables.contains_key("workspaces") {
            return Err(StoreError::NeedsBootstrap);
        }
        let workspace = client.query_opt("SELECT id FROM workspaces WHERE name = 'default'", &[]).await?;
        let workspace: Uuid = workspace.ok_or(StoreError::NeedsBootstrap)?.try_get(0)?;
        let mut layout = HashMap::new();
        // What `tags` holds follows from the other tables, and the one workspace is made with them.
        for entity in catalog.entities().filter(|entity| !["tags", "workspaces"].contains(&entity.name)) {
            let name = table_name(entity);
            let missing = |column: &str| StoreError::NotMigrated { table: name, column: column.to_owned() };
            let types = tables.remove(name).ok_or_else(|| missing("*"))?;
            layout
                .insert(entity.name, Table::new(catalog, entity, types, workspace).map_err(|column| missing(&column))?);
        }
        Ok(Self { tables: layout, workspace })
    }

    /// Returns the table of an entity; none for the `tags` view and for workspaces.
    pub(super) fn table(&self, entity: &Entity) -> Option<&Table> {
        self.tables.get(entity.name)
    }

    /// Returns the name that Kong caches a document under, which is also the value of `cache_key`
    /// columns: `plugins:key-auth:ROUTE::::WORKSPACE`.
    pub(super) fn cache_key(&self, entity: &Entity, document: &Document) -> String {
        let own = [entity.primary_key];
        let fields = if entity.cache_key.is_empty() { &own } else { entity.cache_key };
        let parts = fields.iter().map(|field| index_value(document.get(*field)).unwrap_or_default());
        self.named(entity, parts)
    }

    /// Returns the same for values other than those of the cache key.
    pub(super) fn named(&self, entity: &Entity, values: impl IntoIterator<Item = String>) -> String {
        let mut parts: Vec<String> = values.into_iter().collect();
        parts.resize(5, String::new());
        // Kong looks for a vault in all workspaces at once.
        let scoped = entity.workspaced && entity.name != "vaults";
        let workspace = if scoped { self.workspace.to_string() } else { String::new() };
        format!("{}:{}:{workspace}", entity.name, parts.join(":"))
    }
}

/// Returns the name of an entity's table.
pub(super) fn table_name(entity: &Entity) -> &'static str {
    match entity.name {
        // Kong's Enterprise edition has a table `vaults` of another kind.
        "vaults" => "sm_vaults",
        name => name,
    }
}

impl Table {
    /// Returns the table, or the name of a column that is missing.
    fn new(
        catalog: &Catalog,
        entity: &Entity,
        types: HashMap<String, String>,
        workspace: Uuid,
    ) -> Result<Self, String> {
        let mut columns = Vec::new();
        for field in entity.record.fields.iter().filter(|field| !field.transient) {
            let foreign = match &field.kind {
                Kind::Foreign { reference, .. } => match catalog.entity(reference) {
                    Some(target) => Some(target.primary_key),
                    None => Some("id"),
                },
                _ => None,
            };
            let name = foreign.map_or_else(|| field.name.clone(), |key| format!("{}_{key}", field.name));
            columns.push(Column { field: field.name.clone(), name, foreign });
        }
        if entity.ttl && entity.record.field("ttl").is_none() {
            columns.push(Column { field: "ttl".to_owned(), name: "ttl".to_owned(), foreign: None });
        }
        if let Some(missing) = columns.iter().find(|column| !types.contains_key(&column.name)) {
            return Err(missing.name.clone());
        }
        let workspaced = entity.workspaced && types.contains_key("ws_id");
        let has_cache_key = types.contains_key("cache_key");
        let (name, key) = (table_name(entity), entity.primary_key);
        let mut names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let list = |names: &[&str]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let scope = if workspaced { format!("\"ws_id\" = '{workspace}'") } else { "true".to_owned() };
        let select = format!("SELECT {} FROM \"{name}\" WHERE {scope}", list(&names));
        names.extend(workspaced.then_some("ws_id"));
        names.extend(has_cache_key.then_some("cache_key"));
        let marks: Vec<String> = (1..=names.len()).map(|index| format!("${index}")).collect();
        let own = names.iter().position(|name| *name == key).map_or(1, |at| at + 1);
        let set = |value: &dyn Fn(usize, &str) -> String| {
            let changed = names.iter().enumerate().filter(|(_, name)| **name != key && **name != "ws_id");
            changed.map(|(at, name)| format!("\"{name}\" = {}", value(at + 1, name))).collect::<Vec<_>>().join(", ")
        };
        let insert = format!("INSERT INTO \"{name}\" ({}) VALUES ({})", list(&names), marks.join(", "));
        let upsert = format!(
            "{insert} ON CONFLICT (\"{key}\") DO UPDATE SET {}",
            set(&|_, name| format!("EXCLUDED.\"{name}\""))
        );
        let workspace_mark = names.iter().position(|name| *name == "ws_id").map(|at| at + 1);
        let same_workspace = workspace_mark.map(|at| format!(" AND \"ws_id\" = ${at}")).unwrap_or_default();
        let update = format!(
            "UPDATE \"{name}\" SET {} WHERE \"{key}\" = ${own}{same_workspace}",
            set(&|at, _| format!("${at}"))
        );
        let delete = format!("DELETE FROM \"{name}\" WHERE {scope}");
        let ttl = entity.ttl;
        Ok(Self { key, columns, types, workspaced, has_cache_key, ttl, insert, update, upsert, select, delete })
    }

    /// Returns the column of a field.
    pub(super) fn column(&self, field: &str) -> Option<&str> {
        self.columns.iter().find(|column| column.field == field).map(|column| column.name.as_str())
    }

    /// Returns the field of a column.
    pub(super) fn field(&self, column: &str) -> Option<&str> {
        self.columns.iter().find(|own| own.name == column).map(|own| own.field.as_str())
    }

    /// Returns the columns, as a list after `RETURNING`.
    pub(super) fn returned(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        names.join(", ")
    }

    /// Returns whether a column could hold this text: a `uuid` column only a UUID, and none a NUL.
    pub(super) fn can_hold(&self, column: &str, text: &str) -> bool {
        match self.types.get(column).map(String::as_str) {
            Some("uuid") => Uuid::try_parse(text).is_ok(),
            Some("text") => !text.contains('\0'),
            _ => false,
        }
    }

    /// Returns the values of a document in the order of the statements' parameters.
    pub(super) fn values(&self, layout: &Layout, entity: &Entity, document: &Document) -> Vec<Value> {
        let value = |column: &Column| {
            let value = document.get(&column.field).unwrap_or(&Value::Null);
            match column.foreign {
                Some(key) => value.get(key).cloned().unwrap_or(Value::Null),
                None => value.clone(),
            }
        };
        let mut values: Vec<Value> = self.columns.iter().map(value).collect();
        values.extend(self.workspaced.then(|| layout.workspace.to_string().into()));
        values.extend(self.has_cache_key.then(|| layout.cache_key(entity, document).into()));
        values
    }

    /// Returns the document in a row of [`select`](Self::select).
    pub(super) fn document(&self, catalog: &Catalog, entity: &Entity, row: &Row) -> Result<Document, StoreError> {
        let mut document = Document::new();
        for (index, column) in self.columns.iter().enumerate() {
            let Out(value) = row.try_get(index)?;
            let value = match column.foreign {
                Some(key) if !value.is_null() => json!({ key: value }),
                _ => value,
            };
            // Who never expires has no end, in every store.
            if !(column.field == "ttl" && value.is_null()) {
                document.insert(column.field.clone(), value);
            }
        }
        // Rows of an older version lack what came since.
        Ok(select(&entity.record, document, Nulls::Shown, OldNames::Hidden, catalog))
    }
}
