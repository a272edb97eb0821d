//! From a file, nested as people write it, to documents by entity: judged, filled, with ids and
//! references resolved. Nothing is stored here.

use std::collections::HashMap;

use gibbon_schema::Operation;
use gibbon_schema::Rule;
use gibbon_schema::World;
use gibbon_schema::judge_as_written;
use gibbon_schema::prepare;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Declarative;
use super::Documents;
use super::errors::Errors;
use super::errors::merge;
use super::errors::null_errors;
use super::ids::Parent;
use super::ids::stable_id;
use super::index::Index;
use super::index::Packing;
use super::schema::declarable;
use crate::Catalog;
use crate::Document;
use crate::Entity;
use crate::id_of;

impl Declarative {
    /// Returns the documents of a file; `input` gets the ids that could be worked out.
    pub(super) fn flatten(&self, input: &mut Document, world: &dyn World) -> Result<(Documents, Document), Errors> {
        self.judge(input, world)?;
        let catalog = &*self.catalog;
        generate_ids(catalog, input, None);
        let cx = catalog.context(world);
        let mut filled = prepare(&self.names, input.clone(), Operation::Insert, &cx)
            .map_err(|violations| Errors::new(object(violations.to_fields())))?;
        let meta: Document =
            filled.iter().filter(|(key, _)| key.starts_with('_')).map(|(k, v)| (k.clone(), v.clone())).collect();
        let mut index = Index::new(Packing::Late);
        index.collect(catalog, &mut filled, None, None);
        let documents = index.finish(catalog)?;
        Ok((documents, meta))
    }

    /// Judges the file as written; what is refused is judged again with the references filled in,
    /// since checks of an entity may look at its parent.
    fn judge(&self, input: &Document, world: &dyn World) -> Result<(), Errors> {
        let cx = self.catalog.context(world);
        let Err(first) = judge_as_written(&self.names, input, &cx) else { return Ok(()) };
        let mut resolved = input.clone();
        resolve_for_validation(&self.catalog, &mut resolved, world);
        let Err(second) = judge_as_written(&self.keys, &resolved, &cx) else { return Ok(()) };
        let mut tree = second.to_fields();
        merge(&mut tree, null_errors(&first.to_fields()));
        Err(Errors::new(object(tree)))
    }
}

fn object(tree: Value) -> Map<String, Value> {
    match tree {
        Value::Object(entries) => entries,
        _ => Map::new(),
    }
}

/// Takes the lists of documents out of a file, or out of a document that others are nested in.
pub(super) fn children<'a>(
    catalog: &'a Catalog,
    file: &mut Document,
    parent: Option<&Entity>,
) -> Vec<(&'a Entity, Vec<Value>)> {
    let mut found = Vec::new();
    let mut take = |entity: &'a Entity| {
        if let Some(Value::Array(items)) = file.get_mut(entity.name) {
            found.push((entity, std::mem::take(items)));
        }
    };
    let Some(parent) = parent else {
        declarable(catalog).for_each(take);
        return found;
    };
    let mut before = "";
    for child in &parent.children {
        let is_field = || parent.record.field(child.entity).is_some_and(|field| !field.transient);
        // An entity may refer to its parent twice.
        if child.entity != std::mem::replace(&mut before, child.entity) && !is_field() {
            catalog.entity(child.entity).into_iter().for_each(&mut take);
        }
    }
    found
}

/// Gives every document without an id the one that its names make.
pub(super) fn generate_ids(catalog: &Catalog, file: &mut Document, parent: Option<&Entity>) {
    let id = parent.and_then(|parent| file.get(parent.primary_key)?.as_str().map(str::to_owned));
    for (entity, mut items) in children(catalog, file, parent) {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            let parent = parent.map(|entity| Parent { entity, id: id.as_deref() });
            if let Some(id) = stable_id(catalog, entity, item, parent) {
                item.insert(entity.primary_key.to_owned(), id.into());
            }
            generate_ids(catalog, item, Some(entity));
        }
        file.insert(entity.name.to_owned(), Value::Array(items));
    }
}

/// Gives every document an id and the key of its parent, and turns names into keys, so that the
/// entities' own schemas can judge them.
fn resolve_for_validation(catalog: &Catalog, file: &mut Document, world: &dyn World) {
    let mut known = HashMap::new();
    give_keys(catalog, file, None, world, &mut known);
    name_to_key(catalog, file, None, &known);
}

type Known = HashMap<(&'static str, String), String>;

fn give_keys(catalog: &Catalog, file: &mut Document, parent: Option<&Entity>, world: &dyn World, known: &mut Known) {
    let id = parent.and_then(|parent| file.get(parent.primary_key)?.as_str().map(str::to_owned));
    for (entity, mut items) in children(catalog, file, parent) {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            let parent = parent.map(|entity| Parent { entity, id: id.as_deref() });
            let uuid = entity
                .record
                .field(entity.primary_key)
                .is_some_and(|field| field.rules.iter().any(|rule| matches!(rule, Rule::Uuid)));
            if uuid && item.get(entity.primary_key).is_none_or(Value::is_null) {
                let id = stable_id(catalog, entity, item, parent).unwrap_or_else(|| world.uuid().to_string());
                item.insert(entity.primary_key.to_owned(), id.into());
            }
            give_keys(catalog, item, Some(entity), world, known);
            let own = id_of(entity, item).to_owned();
            if let Some(name) = entity.endpoint_key.and_then(|key| item.get(key)?.as_str()) {
                known.insert((entity.name, name.to_owned()), own.clone());
            }
            known.insert((entity.name, own.clone()), own);
            if let (Some(field), Some(id)) = (parent.and_then(|p| p.child_field(entity)), &id) {
                let key = parent.map_or("id", |parent| parent.entity.primary_key);
                item.entry(field).or_insert_with(|| json!({ key: id }));
            }
        }
        file.insert(entity.name.to_owned(), Value::Array(items));
    }
}

fn name_to_key(catalog: &Catalog, file: &mut Document, parent: Option<&Entity>, known: &Known) {
    for (entity, mut items) in children(catalog, file, parent) {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            for reference in &entity.refs {
                let Some(Value::String(name)) = item.get(reference.field) else { continue };
                let found = known.get(&(reference.target, name.clone()));
                let target = catalog.entity(reference.target);
                if let (Some(id), Some(target)) = (found, target) {
                    item.insert(reference.field.to_owned(), json!({ target.primary_key: id }));
                }
            }
            name_to_key(catalog, item, Some(entity), known);
        }
        file.insert(entity.name.to_owned(), Value::Array(items));
    }
}
