//! The schema of a declarative file, made from the catalog: every entity at the top, children
//! nested below their parents. It looks at no file.

use std::collections::HashMap;

use gibbon_schema::Field;
use gibbon_schema::Kind;
use gibbon_schema::Record;
use gibbon_schema::Value;

use crate::Catalog;
use crate::Entity;

/// What a reference to another entity may look like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum References {
    /// At the top a name or id; nested none, since the place says it.
    Names,
    /// A primary key, as in the entity's own schema. Used to judge a second time what was refused.
    Keys,
}

/// Returns the schema of a whole file.
pub(super) fn file(catalog: &Catalog, references: References) -> Record {
    let mut fields = vec![
        Field::string().named("_format_version").required().one_of(["1.1", "2.1", "3.0"]),
        Field::boolean().named("_transform").default(true),
    ];
    fields.extend(annotations());
    let mut nested: HashMap<&str, Vec<Field>> = HashMap::new();
    let mut top = Vec::new();
    // Children come after their parents in the catalog, so they are ready when a parent is built.
    for entity in declarable(catalog).rev() {
        let children = nested.remove(entity.name).unwrap_or_default();
        for reference in &entity.refs {
            let record = build(entity, references, Place::Nested, &children);
            let list = Field::array(Field::record(record)).named(entity.name);
            nested.entry(reference.target).or_default().push(list);
        }
        let record = build(entity, references, Place::Top, &children);
        top.push(Field::array(Field::record(record)).named(entity.name));
    }
    fields.extend(top.into_iter().rev());
    Record::new(fields)
}

/// Returns the entities that a file may hold.
pub(super) fn declarable(catalog: &Catalog) -> impl DoubleEndedIterator<Item = &Entity> {
    // Tags are read off the entities that carry them.
    catalog.entities().filter(|entity| entity.name != "tags")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Nested,
}

fn build(entity: &Entity, references: References, place: Place, children: &[Field]) -> Record {
    let mut record = entity.record.clone();
    if references == References::Names {
        for field in &mut record.fields {
            if !matches!(field.kind, Kind::Foreign { .. }) {
                continue;
            }
            match place {
                Place::Top => field.kind = Kind::String,
                Place::Nested => {
                    field.required = Some(false);
                    field.default = Some(Value::Null);
                    *field = field.clone().eq(Value::Null);
                }
            }
        }
    }
    for child in children {
        // A transient field of the same name (the names of a certificate) gives way to the children.
        record.fields.retain(|field| field.name != child.name);
        record.fields.push(child.clone());
    }
    record.fields.extend(annotations());
    record
}

/// Keys that are accepted everywhere and mean nothing to the gateway.
fn annotations() -> [Field; 2] {
    [Field::string().named("_comment"), Field::array(Field::new("", Kind::Any)).named("_ignore")]
}
