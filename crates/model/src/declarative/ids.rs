//! Ids for entities that come without: made from what names them, so that loading the same file
//! twice gives the same ids, and the same as Kong's. Nothing random is made here.

use gibbon_schema::OnDelete;
use gibbon_schema::Rule;
use serde_json::Value;
use uuid::Uuid;

use crate::Catalog;
use crate::Document;
use crate::Entity;

/// Namespace of the namespaces, one an entity.
const NAMESPACE: Uuid = Uuid::from_u128(0xfd02_801f_0957_4a15_a55a_c8d9_606f_30b5);
/// Stands for the workspace: a file has one.
const WORKSPACE: &str = "*";

/// A parent, as seen by what is nested in it.
#[derive(Clone, Copy)]
pub(super) struct Parent<'a> {
    pub(super) entity: &'a Entity,
    /// Its primary key, if known.
    pub(super) id: Option<&'a str>,
}

impl Parent<'_> {
    /// Returns the field in which a child names this parent.
    pub(super) fn child_field(&self, child: &Entity) -> Option<&'static str> {
        // With several references to the same parent the last one counts, as in Kong.
        child.refs.iter().rfind(|r| r.target == self.entity.name).map(|r| r.field)
    }
}

/// Returns the stable id of a document; none if it has an id, or nothing names it for good.
pub(super) fn stable_id(
    catalog: &Catalog,
    entity: &Entity,
    document: &Document,
    parent: Option<Parent<'_>>,
) -> Option<String> {
    let key_field = entity.record.field(entity.primary_key)?;
    let is_uuid = key_field.rules.iter().any(|rule| matches!(rule, Rule::Uuid));
    if !is_uuid || document.get(entity.primary_key).is_some_and(|id| !id.is_null()) {
        return None;
    }
    let key = if entity.cache_key.is_empty() {
        endpoint_key(catalog, entity, document, parent)
    } else {
        cache_key(entity, document, parent)
    }?;
    let namespace = Uuid::new_v5(&NAMESPACE, entity.name.as_bytes());
    Some(Uuid::new_v5(&namespace, key.as_bytes()).to_string())
}

/// Joins the fields of the cache key; none if one of them is not known before the document is filled.
fn cache_key(entity: &Entity, document: &Document, parent: Option<Parent<'_>>) -> Option<String> {
    let child_field = parent.and_then(|parent| parent.child_field(entity));
    let mut parts = vec![entity.name, WORKSPACE];
    for name in entity.cache_key {
        let field = entity.record.field(name)?;
        if field.auto {
            return None;
        }
        match document.get(*name) {
            Some(Value::String(text)) => parts.push(text),
            Some(Value::Null) | None if child_field == Some(name) => parts.push(parent?.id?),
            Some(Value::Null) | None if field.is_required() => return None,
            Some(Value::Null) | None => parts.push(""),
            Some(_) => {}
        }
    }
    Some(parts.join(":"))
}

fn endpoint_key(catalog: &Catalog, entity: &Entity, document: &Document, parent: Option<Parent<'_>>) -> Option<String> {
    let name = entity.endpoint_key?;
    let mut key = document.get(name)?.as_str()?.to_owned();
    let field = entity.record.field(name)?;
    if field.unique {
        return Some(key);
    }
    // A name that is unique below its parent only is told apart by the parent.
    for reference in entity.refs.iter().filter(|r| r.on_delete == OnDelete::Cascade) {
        let id = match parent {
            Some(parent) => parent.id?,
            None => {
                catalog.entity(reference.target)?;
                document.get(reference.field)?.as_str()?
            }
        };
        key = format!("{key}:{id}");
    }
    if !field.unique_across_ws {
        key = format!("{key}:{WORKSPACE}");
    }
    Some(key)
}
