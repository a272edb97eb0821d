//! The short way through a file that is right: each document at the top is taken, with what is nested in it, through ids,
//! defaults and judgement once, and let go of. It tells no errors: whatever it does not like is left to `load`.

use gibbon_schema::Context;
use gibbon_schema::Field;
use gibbon_schema::Kind;
use gibbon_schema::Operation;
use gibbon_schema::Record;
use gibbon_schema::World;
use gibbon_schema::judge_as_written;
use gibbon_schema::judge_nested;
use gibbon_schema::prepare;
use serde_json::Value;

use super::Declarative;
use super::Documents;
use super::ids::stable_id;
use super::index::Index;
use super::load::generate_ids;
use super::schema::declarable;
use crate::Catalog;
use crate::Document;
use crate::Entity;

/// Returns the documents of a file and its other entries, or nothing when the file is not right as it stands.
///
/// `take` gets each document at the top out of the file: a copy, or the document itself, which saves room.
pub(super) fn flatten(
    declarative: &Declarative,
    input: &mut Document,
    take: impl Fn(&mut Value) -> Value,
    world: &dyn World,
) -> Option<(Documents, Document)> {
    let catalog = &*declarative.catalog;
    let cx = catalog.context(world);
    let mut index = Index::default();
    for entity in declarable(catalog) {
        let Some(items) = input.get_mut(entity.name) else { continue };
        let record = element(declarative.names.field(entity.name)?)?;
        for (at, item) in items.as_array_mut()?.iter_mut().enumerate() {
            let Value::Object(item) = take(item) else { return None };
            let filled = admit(catalog, entity, record, item, &cx)?;
            index.collect_one(catalog, entity, filled, at);
        }
    }
    let is_entity = |name: &str| declarable(catalog).any(|entity| entity.name == name);
    let rest: Document =
        input.iter().filter(|(name, _)| !is_entity(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    judge_as_written(&declarative.names, &rest, &cx).ok()?;
    let mut meta = prepare(&declarative.names, rest, Operation::Insert, &cx).ok()?;
    meta.retain(|name, _| name.starts_with('_'));
    Some((index.finish(catalog).ok()?, meta))
}

/// Returns the record that the elements of a list are.
fn element(list: &Field) -> Option<&Record> {
    match &list.kind {
        Kind::Array(element) => match &element.kind {
            Kind::Record(record) => Some(record),
            _ => None,
        },
        _ => None,
    }
}

/// Gives a document ids and defaults, all that is nested in it too, and returns it if it is right.
fn admit(
    catalog: &Catalog,
    entity: &Entity,
    record: &Record,
    mut document: Document,
    cx: &Context<'_>,
) -> Option<Document> {
    if let Some(id) = stable_id(catalog, entity, &document, None) {
        document.insert(entity.primary_key.to_owned(), Value::String(id));
    }
    generate_ids(catalog, &mut document, Some(entity));
    let filled = prepare(record, document, Operation::Insert, cx).ok()?;
    judge_nested(record, &filled, cx).ok()?;
    Some(filled)
}
