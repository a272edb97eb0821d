//! Reading: by key, by unique value, in pages, and the tags. Each call is one statement.

use deadpool_postgres::GenericClient;
use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::Entity;
use serde_json::Value;
use serde_json::json;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::cell::In;
use super::layout::Layout;
use super::layout::Table;
use super::layout::table_name;
use crate::error::StoreError;
use crate::page::Offsets;
use crate::page::Page;
use crate::page::PageQuery;
use crate::page::TagMatch;
use crate::rows::id_of;
use crate::rows::index_value;
use crate::store::TagPage;
use crate::store::TagRow;

/// A statement that grows by conditions.
pub(super) struct Statement {
    pub(super) sql: String,
    values: Vec<Value>,
}

impl Statement {
    pub(super) fn new(sql: &str) -> Self {
        Self { sql: sql.to_owned(), values: Vec::new() }
    }

    /// Adds a condition, in which `?` stands for the value.
    pub(super) fn and(mut self, condition: &str, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        let mark = format!("${}", self.values.len());
        self.sql.push_str(" AND ");
        self.sql.push_str(&condition.replace('?', &mark));
        self
    }

    /// Leaves out what has expired.
    pub(super) fn alive(self, table: &Table, now: f64) -> Self {
        if table.ttl { self.and("(\"ttl\" IS NULL OR \"ttl\" > ?)", now) } else { self }
    }

    pub(super) fn then(mut self, text: &str) -> Self {
        self.sql.push_str(text);
        self
    }

    pub(super) async fn run(&self, client: &impl GenericClient) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = client.prepare_cached(&self.sql).await?;
        let values: Vec<In<'_>> = self.values.iter().map(In).collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        client.query(&statement, &parameters).await
    }
}

/// What a read needs beside a connection.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) layout: &'a Layout,
    pub(super) now: f64,
}

impl Reading<'_> {
    /// Returns the document with this value in a field; of several the one with the lowest primary key.
    pub(super) fn find(&self, entity: &Entity, field: &str, value: &Value) -> Option<Statement> {
        let table = self.layout.table(entity)?;
        let text = index_value(Some(value))?;
        let column = table.column(field)?;
        if !table.can_hold(column, &text) {
            return None;
        }
        let statement = Statement::new(&table.select).and(&format!("\"{column}\" = ?"), text);
        Some(statement.alive(table, self.now).then(&format!(" ORDER BY \"{}\" LIMIT 1", table.key)))
    }

    /// Returns the document with the cache key that these fields make.
    pub(super) fn find_by_cache_key(&self, entity: &Entity, fields: &Document) -> Option<Statement> {
        if let [field] = entity.cache_key {
            return self.find(entity, field, fields.get(*field)?);
        }
        self.find_by_raw_cache_key(entity, self.layout.cache_key(entity, fields))
    }

    /// Returns the document with this value in the `cache_key` column.
    pub(super) fn find_by_raw_cache_key(&self, entity: &Entity, key: String) -> Option<Statement> {
        let table = self.layout.table(entity).filter(|table| table.can_hold("cache_key", &key))?;
        Some(Statement::new(&table.select).and("\"cache_key\" = ?", key).alive(table, self.now))
    }

    /// Returns a page, and whether there is another behind it is seen from one row more.
    pub(super) fn page(&self, entity: &Entity, query: PageQuery<'_>) -> Result<Option<Statement>, StoreError> {
        let after = query.offset.map(|offset| Offsets::Keys.decode(entity.name, offset)).transpose()?;
        let Some(table) = self.layout.table(entity) else { return Ok(None) };
        let mut statement = Statement::new(&table.select);
        if let Some((field, id)) = query.parent {
            match table.column(field) {
                Some(column) if table.can_hold(column, id) => {
                    statement = statement.and(&format!("\"{column}\" = ?"), id);
                }
                _ => return Ok(None),
            }
        }
        if let Some(filter) = query.tags {
            if table.column("tags").is_none() {
                return Ok(None);
            }
            let condition = match filter.matching {
                TagMatch::All => "\"tags\" @> ?",
                TagMatch::Any => "\"tags\" && ?",
            };
            statement = statement.and(condition, filter.tags);
        }
        if let Some(after) = after {
            if !table.can_hold(table.key, &after) {
                let offset = query.offset.unwrap_or_default().to_owned();
                return Err(StoreError::InvalidOffset { offset, reason: "bad json encoding" });
            }
            statement = statement.and(&format!("\"{}\" > ?", table.key), after);
        }
        let end = format!(" ORDER BY \"{}\" LIMIT {}", table.key, query.size + 1);
        Ok(Some(statement.alive(table, self.now).then(&end)))
    }

    /// Returns the page in the rows of [`page`](Self::page).
    pub(super) fn paged(&self, entity: &Entity, rows: &[Row], size: usize) -> Result<Page, StoreError> {
        let mut page = Page { rows: self.documents(entity, rows)?, next: None };
        if page.rows.len() > size {
            page.rows.truncate(size);
            page.next = page.rows.last().map(|last| Offsets::Keys.encode(entity.name, id_of(entity, last)));
        }
        Ok(page)
    }

    /// Returns the documents in rows of the entity's table.
    pub(super) fn documents(&self, entity: &Entity, rows: &[Row]) -> Result<Vec<Document>, StoreError> {
        let Some(table) = self.layout.table(entity) else { return Ok(Vec::new()) };
        rows.iter().map(|row| table.document(self.catalog, entity, row)).collect()
    }
}

/// Returns the statement for a page of tags, in the order of entity ids, then of a document's own tags.
pub(super) fn tags(tag: Option<&str>, size: usize, offset: Option<&str>) -> Result<Statement, StoreError> {
    let mut statement = Statement::new(
        "SELECT entity_id::text, entity_name, tag, place FROM tags, unnest(tags) WITH ORDINALITY AS own (tag, place) WHERE true",
    );
    if let Some(tag) = tag {
        statement = statement.and("tag = ?", tag);
    }
    if let Some(offset) = offset {
        let (id, place) = Offsets::decode_tag(offset)?;
        statement =
            statement.and("(entity_id, place) > ((?::jsonb->>0)::uuid, (?::jsonb->>1)::bigint)", json!([id, place]));
    }
    Ok(statement.then(&format!(" ORDER BY entity_id, place LIMIT {}", size + 1)))
}

/// Returns the page in the rows of [`tags`]; entities that this node does not have are left out.
pub(super) fn tagged(catalog: &Catalog, rows: &[Row], size: usize) -> Result<TagPage, StoreError> {
    let mut page = Vec::new();
    let mut next = None;
    for (index, row) in rows.iter().take(size).enumerate() {
        let (entity_id, table): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if index + 1 == size && rows.len() > size {
            next = Some(Offsets::encode_tag(&entity_id, row.try_get(3)?));
        }
        if let Some(entity) = catalog.entities().find(|entity| table_name(entity) == table) {
            page.push(TagRow { tag: row.try_get(2)?, entity_name: entity.name, entity_id });
        }
    }
    Ok((page, next))
}
