//! From a file, nested as people write it, to documents by entity: judged, filled, with ids and
//! references resolved. Nothing is stored here.

use std::collections::HashMap;
use std::collections::HashSet;

use gibbon_schema::Operation;
use gibbon_schema::Rule;
use gibbon_schema::World;
use gibbon_schema::prepare;
use gibbon_schema::validate;
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
        let mut index = Index::default();
        index.collect(catalog, &mut filled, None, None);
        let documents = index.finish(catalog)?;
        Ok((documents, meta))
    }

    /// Judges the file as written; what is refused is judged again with the references filled in,
    /// since checks of an entity may look at its parent.
    fn judge(&self, input: &Document, world: &dyn World) -> Result<(), Errors> {
        let cx = self.catalog.context(world);
        let check = |record, input: &Document| validate(record, input.clone(), input, Operation::Insert, &cx);
        let Err(first) = check(&self.names, input) else { return Ok(()) };
        let mut resolved = input.clone();
        resolve_for_validation(&self.catalog, &mut resolved, world);
        let Err(second) = check(&self.keys, &resolved) else { return Ok(()) };
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
fn children<'a>(catalog: &'a Catalog, file: &mut Document, parent: Option<&Entity>) -> Vec<(&'a Entity, Vec<Value>)> {
    let mut found = Vec::new();
    for entity in declarable(catalog) {
        let nests = parent.is_none_or(|parent| {
            let own = parent.record.field(entity.name);
            parent.children.iter().any(|child| child.entity == entity.name) && own.is_none_or(|field| field.transient)
        });
        if !nests {
            continue;
        }
        if let Some(Value::Array(items)) = file.get_mut(entity.name) {
            found.push((entity, std::mem::take(items)));
        }
    }
    found
}

/// Gives every document without an id the one that its names make.
fn generate_ids(catalog: &Catalog, file: &mut Document, parent: Option<&Entity>) {
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

/// A reference that must be found once everything is known.
struct Expected {
    entity: &'static str,
    field: &'static str,
    target: &'static str,
    value: Value,
    /// Name or id of the document that refers, under which an error stands.
    at: String,
}

/// All documents of a file by entity, and what finds them.
#[derive(Default)]
struct Index {
    documents: HashMap<&'static str, Vec<Document>>,
    ids: HashSet<(&'static str, String)>,
    names: HashMap<(&'static str, String), String>,
    expected: Vec<Expected>,
    errors: Map<String, Value>,
}

impl Index {
    /// Takes the documents out of a filled file, children before their parents.
    fn collect(
        &mut self,
        catalog: &Catalog,
        file: &mut Document,
        parent: Option<&Entity>,
        at: Option<(&'static str, usize)>,
    ) {
        let id = parent.map(|parent| id_of(parent, file).to_owned());
        for (entity, items) in children(catalog, file, parent) {
            for (index, item) in items.into_iter().enumerate() {
                let Value::Object(mut item) = item else { continue };
                self.collect(catalog, &mut item, Some(entity), Some((entity.name, index)));
                self.take(entity, &item, at, index);
                if let (Some(parent), Some(id)) = (parent, &id)
                    && let Some(field) = (Parent { entity: parent, id: None }).child_field(entity)
                {
                    item.insert(field.to_owned(), json!({ parent.primary_key: id }));
                }
                self.documents.entry(entity.name).or_default().push(item);
            }
        }
    }

    /// Notes what finds a document and what it refers to.
    fn take(&mut self, entity: &Entity, item: &Document, parent: Option<(&'static str, usize)>, index: usize) {
        let id = id_of(entity, item).to_owned();
        let unique = |key: &&str| entity.record.field(key).is_some_and(|field| field.unique);
        let named = entity.endpoint_key.filter(unique);
        let name = named.and_then(|key| item.get(key)?.as_str()).map(str::to_owned);
        let mut duplicate = None;
        if let (Some(key), Some(name)) = (named, &name) {
            let place = (entity.name, name.clone());
            match self.names.contains_key(&place) {
                true => duplicate = Some((key, name)),
                false => {
                    self.names.insert(place, id.clone());
                }
            }
        }
        if !self.ids.insert((entity.name, id.clone())) && duplicate.is_none() {
            duplicate = Some(("primary key", &id));
        }
        if let Some((key, value)) = duplicate {
            let message = uniqueness(entity.name, key, value);
            let section = match parent {
                None => &mut self.errors,
                Some((parent, at)) => element(&mut self.errors, parent, at),
            };
            *slot(section, entity.name, index) = message.into();
        }
        for reference in &entity.refs {
            if let Some(value) = item.get(reference.field).filter(|value| !value.is_null()) {
                self.expected.push(Expected {
                    entity: entity.name,
                    field: reference.field,
                    target: reference.target,
                    value: value.clone(),
                    at: name.clone().unwrap_or_else(|| id.clone()),
                });
            }
        }
    }

    /// Returns the id of the document that a reference names.
    fn find(&self, target: &'static str, value: &Value) -> Option<String> {
        let text = match value {
            Value::Object(key) => key.get("id")?.as_str()?,
            value => value.as_str()?,
        };
        let place = (target, text.to_owned());
        let by_name = self.names.get(&place).cloned();
        by_name.or_else(|| self.ids.contains(&place).then(|| text.to_owned()))
    }

    /// Resolves references, and returns the documents in dependency order.
    fn finish(mut self, catalog: &Catalog) -> Result<Documents, Errors> {
        for expected in std::mem::take(&mut self.expected) {
            if self.find(expected.target, &expected.value).is_some() {
                continue;
            }
            let shown = match &expected.value {
                Value::String(text) => text.clone(),
                value => value.to_string(),
            };
            let message =
                format!("invalid reference '{}: {shown}' (no such entry in '{}')", expected.field, expected.target,);
            let section = self.errors.entry(expected.entity).or_insert_with(|| json!({}));
            // Duplicates found before have made it a list; the name comes first then.
            if !section.is_object() {
                *section = json!({});
            }
            let messages = &mut section[&expected.at];
            match messages {
                Value::Array(messages) => messages.push(message.into()),
                empty => *empty = json!([message]),
            }
        }
        if !self.errors.is_empty() {
            return Err(Errors::new(self.errors));
        }
        let mut all = Documents::new();
        let mut errors = Map::new();
        for entity in declarable(catalog) {
            let Some(documents) = self.documents.remove(entity.name) else { continue };
            let mut uniques: HashSet<(&str, String)> = HashSet::new();
            let mut flat = Vec::with_capacity(documents.len());
            for document in documents {
                let document = self.flat(catalog, entity, document);
                for field in &entity.unique {
                    let Some(value) = document.get(*field).filter(|value| !value.is_null()) else {
                        continue;
                    };
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    if !uniques.insert((field, text.clone())) {
                        let name = entity.endpoint_key.and_then(|key| document.get(key)?.as_str());
                        let at = name.unwrap_or_else(|| id_of(entity, &document));
                        let section = errors.entry(entity.name).or_insert_with(|| json!({}));
                        section[at] = uniqueness(entity.name, field, &text).into();
                    }
                }
                flat.push(document);
            }
            all.push((entity.name, flat));
        }
        if errors.is_empty() { Ok(all) } else { Err(Errors::new(errors)) }
    }

    /// Returns a document with its own fields only, references as keys.
    fn flat(&self, catalog: &Catalog, entity: &Entity, mut document: Document) -> Document {
        let mut flat = Document::new();
        for field in &entity.record.fields {
            let Some(value) = document.shift_remove(&field.name) else { continue };
            let value = match entity.reference(&field.name) {
                Some(reference) if value.is_string() => {
                    let key = catalog.entity(reference.target).map_or("id", |e| e.primary_key);
                    let id = self.find(reference.target, &value);
                    id.map_or(Value::Null, |id| json!({ key: id }))
                }
                _ => value,
            };
            flat.insert(field.name.clone(), value);
        }
        if let Some(ttl) = document.shift_remove("ttl").filter(|ttl| entity.ttl && !ttl.is_null()) {
            flat.insert("ttl".to_owned(), ttl);
        }
        flat
    }
}

fn uniqueness(entity: &str, key: &str, value: &str) -> String {
    format!("uniqueness violation: '{entity}' entity with {key} set to '{value}' already declared")
}

/// Returns the place of an element in a list of errors that grows as needed.
fn slot<'a>(errors: &'a mut Map<String, Value>, entity: &str, index: usize) -> &'a mut Value {
    let section = errors.entry(entity).or_insert_with(|| json!([]));
    if !section.is_array() {
        *section = json!([]);
    }
    let Value::Array(items) = section else { unreachable!("it was just made a list") };
    if items.len() <= index {
        items.resize(index + 1, Value::Null);
    }
    &mut items[index]
}

/// Returns the errors of an element as fields; a message about the whole element gives way.
fn element<'a>(errors: &'a mut Map<String, Value>, entity: &str, index: usize) -> &'a mut Map<String, Value> {
    let slot = slot(errors, entity, index);
    if !slot.is_object() {
        *slot = json!({});
    }
    let Value::Object(fields) = slot else { unreachable!("it was just made an object") };
    fields
}
