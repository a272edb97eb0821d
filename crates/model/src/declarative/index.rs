//! All documents of a file by entity, and what finds them: names and ids are noted, references resolved, duplicates told.

use std::collections::HashMap;
use std::collections::HashSet;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Documents;
use super::errors::Errors;
use super::ids::Parent;
use super::load::children;
use super::packed::Packed;
use super::schema::declarable;
use crate::Catalog;
use crate::Document;
use crate::Entity;
use crate::id_of;

/// When documents are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Packing {
    /// When the whole file is known, so that everything that is wrong can be told.
    #[default]
    Late,
    /// As soon as all that a document refers to is known, so that few are whole at a time. What is wrong is found, but
    /// not told well.
    Early,
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

/// A document that was taken out of a file.
enum Kept {
    Packed(Packed),
    Whole(Document),
}

/// All documents of a file by entity, and what finds them.
#[derive(Default)]
pub(super) struct Index<'b> {
    packing: Packing,
    /// What was found before, if this is a part that is read beside others.
    base: Option<&'b Found>,
    found: Found,
}

/// What is found in a file, or in a part of it.
#[derive(Default)]
pub(super) struct Found {
    documents: HashMap<&'static str, Vec<Kept>>,
    ids: HashSet<(&'static str, String)>,
    names: HashMap<(&'static str, String), String>,
    uniques: HashSet<(&'static str, &'static str, String)>,
    expected: Vec<Expected>,
    /// Ids that documents packed early refer to. If something has one of them for a name, it is that which was meant.
    meant_as_ids: HashSet<(&'static str, String)>,
    errors: Map<String, Value>,
}

impl Found {
    /// Takes over what was found in a part that comes next in the file.
    fn append(&mut self, part: Self) {
        for (entity, documents) in part.documents {
            self.documents.entry(entity).or_default().extend(documents);
        }
        let before = (self.ids.len(), self.names.len(), self.uniques.len());
        let more = (part.ids.len(), part.names.len(), part.uniques.len());
        self.ids.extend(part.ids);
        self.names.extend(part.names);
        self.uniques.extend(part.uniques);
        let now = (self.ids.len(), self.names.len(), self.uniques.len());
        if now != (before.0 + more.0, before.1 + more.1, before.2 + more.2) {
            self.errors.insert("error".to_owned(), "two parts of the file declare the same".into());
        }
        self.expected.extend(part.expected);
        self.meant_as_ids.extend(part.meant_as_ids);
        self.errors.extend(part.errors);
    }
}

impl Index<'_> {
    /// Returns an index that holds nothing yet.
    pub(super) fn new(packing: Packing) -> Self {
        Self { packing, ..Self::default() }
    }

    /// Returns an index for a part of the file, which knows what was found so far.
    pub(super) fn part(&self) -> Index<'_> {
        Index { packing: Packing::Early, base: Some(&self.found), found: Found::default() }
    }

    /// Returns what was found in a part.
    pub(super) fn into_found(self) -> Found {
        self.found
    }

    /// Takes over what was found in a part that comes next in the file. What two parts declare both is found to be
    /// wrong, but not told well.
    pub(super) fn append(&mut self, part: Found) {
        self.found.append(part);
    }

    /// Returns the id of what has this name.
    fn named(&self, place: &(&'static str, String)) -> Option<&String> {
        self.found.names.get(place).or_else(|| self.base?.names.get(place))
    }

    fn has_id(&self, place: &(&'static str, String)) -> bool {
        self.found.ids.contains(place) || self.base.is_some_and(|base| base.ids.contains(place))
    }

    /// Takes the documents out of a filled file, children before their parents.
    pub(super) fn collect(
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
                self.note(catalog, entity, &mut item, at, index);
                if let (Some(parent), Some(id)) = (parent, &id)
                    && let Some(field) = (Parent { entity: parent, id: None }).child_field(entity)
                {
                    item.insert(field.to_owned(), json!({ parent.primary_key: id }));
                }
                self.keep(catalog, entity, item);
            }
        }
    }

    /// Takes one document that stands at the top of a file, what is nested in it first.
    pub(super) fn collect_one(&mut self, catalog: &Catalog, entity: &Entity, mut item: Document, index: usize) {
        self.note(catalog, entity, &mut item, None, index);
        self.keep(catalog, entity, item);
    }

    fn note(
        &mut self,
        catalog: &Catalog,
        entity: &Entity,
        item: &mut Document,
        at: Option<(&'static str, usize)>,
        index: usize,
    ) {
        self.collect(catalog, item, Some(entity), Some((entity.name, index)));
        self.take(entity, item, at, index);
    }

    fn keep(&mut self, catalog: &Catalog, entity: &Entity, mut item: Document) {
        let ready = self.packing == Packing::Early && self.knows_references(entity, &item);
        let kept = match ready {
            true => {
                self.resolve(catalog, entity, &mut item);
                let mut errors = Map::new();
                self.check_uniques(entity, &item, &mut errors);
                self.found.errors.extend(errors);
                Kept::Packed(Packed::own_fields(entity, &item))
            }
            false => Kept::Whole(item),
        };
        self.found.documents.entry(entity.name).or_default().push(kept);
    }

    /// Tells whether all that a document refers to by name or id is known, and notes which were taken for ids.
    fn knows_references(&mut self, entity: &Entity, item: &Document) -> bool {
        for reference in &entity.refs {
            let Some(Value::String(text)) = item.get(reference.field) else { continue };
            let place = (reference.target, text.clone());
            if self.named(&place).is_some() {
                continue;
            }
            if !self.has_id(&place) {
                return false;
            }
            self.found.meant_as_ids.insert(place);
        }
        true
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
            match self.named(&place).is_some() {
                true => duplicate = Some((key, name)),
                false => {
                    self.found.names.insert(place, id.clone());
                }
            }
        }
        let place = (entity.name, id.clone());
        if (self.has_id(&place) || !self.found.ids.insert(place)) && duplicate.is_none() {
            duplicate = Some(("primary key", &id));
        }
        if let Some((key, value)) = duplicate {
            let message = uniqueness(entity.name, key, value);
            let section = match parent {
                None => &mut self.found.errors,
                Some((parent, at)) => element(&mut self.found.errors, parent, at),
            };
            *slot(section, entity.name, index) = message.into();
        }
        for reference in &entity.refs {
            if let Some(value) = item.get(reference.field).filter(|value| !value.is_null()) {
                self.found.expected.push(Expected {
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
        let by_name = self.named(&place).cloned();
        by_name.or_else(|| self.has_id(&place).then(|| text.to_owned()))
    }

    /// Resolves references, and returns the documents in dependency order.
    pub(super) fn finish(mut self, catalog: &Catalog) -> Result<Documents, Errors> {
        for expected in std::mem::take(&mut self.found.expected) {
            if self.find(expected.target, &expected.value).is_some() {
                continue;
            }
            let shown = match &expected.value {
                Value::String(text) => text.clone(),
                value => value.to_string(),
            };
            let message =
                format!("invalid reference '{}: {shown}' (no such entry in '{}')", expected.field, expected.target,);
            let section = self.found.errors.entry(expected.entity).or_insert_with(|| json!({}));
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
        if let Some((entity, text)) = self.found.meant_as_ids.iter().find(|place| self.found.names.contains_key(*place))
        {
            self.found.errors.insert((*entity).to_owned(), format!("{text} is a name and an id").into());
        }
        if !self.found.errors.is_empty() {
            return Err(Errors::new(self.found.errors));
        }
        let mut all = Documents::new();
        let mut errors = Map::new();
        for entity in declarable(catalog) {
            let Some(documents) = self.found.documents.remove(entity.name) else { continue };
            let mut packed = Vec::with_capacity(documents.len());
            for kept in documents {
                packed.push(match kept {
                    Kept::Packed(document) => document,
                    Kept::Whole(mut document) => {
                        self.resolve(catalog, entity, &mut document);
                        self.check_uniques(entity, &document, &mut errors);
                        Packed::own_fields(entity, &document)
                    }
                });
            }
            all.push((entity.name, packed));
        }
        if errors.is_empty() { Ok(all) } else { Err(Errors::new(errors)) }
    }

    /// Turns references by name or id into keys.
    fn resolve(&self, catalog: &Catalog, entity: &Entity, document: &mut Document) {
        for reference in &entity.refs {
            if let Some(value) = document.get_mut(reference.field)
                && value.is_string()
            {
                let key = catalog.entity(reference.target).map_or("id", |e| e.primary_key);
                let id = self.find(reference.target, value);
                *value = id.map_or(Value::Null, |id| json!({ key: id }));
            }
        }
    }

    /// Notes the values that no other document of the entity may have, and tells those that one has.
    fn check_uniques(&mut self, entity: &Entity, document: &Document, errors: &mut Map<String, Value>) {
        for field in &entity.unique {
            // Names are told apart as they are taken.
            if entity.endpoint_key == Some(*field) {
                continue;
            }
            let Some(value) = document.get(*field).filter(|value| !value.is_null()) else { continue };
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let place = (entity.name, *field, text);
            let before = self.base.is_some_and(|base| base.uniques.contains(&place));
            if before || self.found.uniques.contains(&place) {
                let name = entity.endpoint_key.and_then(|key| document.get(key)?.as_str());
                let at = name.unwrap_or_else(|| id_of(entity, document));
                let section = errors.entry(entity.name).or_insert_with(|| json!({}));
                section[at] = uniqueness(entity.name, field, &place.2).into();
            } else {
                self.found.uniques.insert(place);
            }
        }
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
