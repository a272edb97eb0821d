//! The short way through a file that is right: each document at the top is taken, with what is nested in it, through ids,
//! defaults and judgement once, packed, and let go of. It tells no errors: whatever it does not like is left to `load`.

use std::collections::BTreeMap;

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
use serde_json::value::RawValue;

use super::Declarative;
use super::Documents;
use super::Join;
use super::ids::stable_id;
use super::index::Index;
use super::index::Packing;
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
    world: &(dyn World + Sync),
) -> Option<(Documents, Document)> {
    let mut quick = Quick::new(declarative, world);
    for entity in declarable(&declarative.catalog) {
        let Some(items) = input.get_mut(entity.name) else { continue };
        let items = items.as_array_mut()?.iter_mut().map(|item| match take(item) {
            Value::Object(document) => Some(document),
            _ => None,
        });
        quick.collect(entity, items)?;
    }
    let is_entity = |name: &str| declarable(&declarative.catalog).any(|entity| entity.name == name);
    let rest = input.iter().filter(|(name, _)| !is_entity(name)).map(|(name, value)| (name.clone(), value.clone()));
    quick.finish(rest.collect())
}

/// Returns what [`flatten`] returns, of a file of format 3.0 as JSON text without the `ignored` entries at its top. Of
/// the text one document is read at a time, with what is nested in it.
pub(super) fn read(
    declarative: &Declarative,
    text: &str,
    ignored: &[&str],
    join: Option<Join>,
    world: &(dyn World + Sync),
) -> Option<(Documents, Document)> {
    let mut file: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    file.retain(|name, _| !ignored.contains(&name.as_str()));
    // Older formats are brought up to date as a whole.
    if file.get("_format_version")?.get() != "\"3.0\"" {
        return None;
    }
    let mut quick = Quick::new(declarative, world);
    for entity in declarable(&declarative.catalog) {
        let Some(items) = file.remove(entity.name) else { continue };
        let items: Vec<&RawValue> = serde_json::from_str(items.get()).ok()?;
        quick.collect_texts(entity, &items, join)?;
    }
    let rest = file.into_iter().map(|(name, value)| Some((name, serde_json::from_str(value.get()).ok()?)));
    quick.finish(rest.collect::<Option<Document>>()?)
}

/// From how many documents at the top reading them in two parts is worth a thread.
const MANY: usize = 200;

/// A file on the short way.
struct Quick<'a> {
    declarative: &'a Declarative,
    cx: Context<'a>,
    world: &'a (dyn World + Sync),
    index: Index<'a>,
}

impl<'a> Quick<'a> {
    fn new(declarative: &'a Declarative, world: &'a (dyn World + Sync)) -> Self {
        let cx = declarative.catalog.context(world);
        Self { declarative, cx, world, index: Index::new(Packing::Early) }
    }

    /// Takes the documents of an entity that stand at the top; none among them is what is no document.
    fn collect(&mut self, entity: &Entity, items: impl Iterator<Item = Option<Document>>) -> Option<()> {
        let catalog = &*self.declarative.catalog;
        let record = element(self.declarative.names.field(entity.name)?)?;
        for (at, item) in items.enumerate() {
            let filled = admit(catalog, entity, record, item?, &self.cx)?;
            self.index.collect_one(catalog, entity, filled, at);
        }
        Some(())
    }

    /// Takes the documents of an entity that stand at the top as texts; if they are many, in two parts side by side.
    fn collect_texts(&mut self, entity: &Entity, items: &[&RawValue], join: Option<Join>) -> Option<()> {
        let read = |item: &&RawValue| serde_json::from_str(item.get()).ok();
        let Some(join) = join.filter(|_| items.len() >= MANY) else {
            return self.collect(entity, items.iter().map(read));
        };
        let (one, other) = items.split_at(items.len() / 2);
        let base = &self.index;
        let collect = |items: &[&RawValue]| {
            let cx = self.declarative.catalog.context(self.world);
            let mut part = Quick { declarative: self.declarative, cx, world: self.world, index: base.part() };
            part.collect(entity, items.iter().map(read))?;
            Some(part.index.into_found())
        };
        let (mut first, mut second) = (None, None);
        join(&mut || first = collect(one), &mut || second = collect(other));
        let (first, second) = (first?, second?);
        self.index.append(first);
        self.index.append(second);
        Some(())
    }

    /// Judges what is not an entity, and returns everything.
    fn finish(self, rest: Document) -> Option<(Documents, Document)> {
        let names = &self.declarative.names;
        judge_as_written(names, &rest, &self.cx).ok()?;
        let mut meta = prepare(names, rest, Operation::Insert, &self.cx).ok()?;
        meta.retain(|name, _| name.starts_with('_'));
        Some((self.index.finish(&self.declarative.catalog).ok()?, meta))
    }
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
