//! What an entity is, said once: its schema, keys and traits. Validation, stores, the Admin API and
//! declarative files are made from it. It holds no documents.

use std::ops::Deref;

use gibbon_schema::Kind;
use gibbon_schema::OnDelete;
use gibbon_schema::Options;
use gibbon_schema::Record;
use gibbon_schema::TransformationInputs;
use gibbon_schema::Typed;

use crate::Document;

/// The declaration of an entity; core ones stand in [`entities`](crate::entities), others with the
/// plugin that owns them.
///
/// ```text
/// pub const DEF: EntityDef =
///     EntityDef { endpoint_key: Some("name"), ..EntityDef::of::<Service>("services") };
/// ```
#[derive(Clone, Copy)]
pub struct EntityDef {
    /// Plural name with underscores: `services`, `keyauth_credentials`. Also its key in declarative files.
    pub name: &'static str,
    /// Builds the schema for a node with these options.
    pub record: fn(Options) -> Record,
    /// Field of the primary key.
    pub primary_key: &'static str,
    /// Field by which the Admin API also finds it, such as `name`.
    pub endpoint_key: Option<&'static str>,
    /// Fields that find it in caches; more than one are unique together.
    pub cache_key: &'static [&'static str],
    /// Path word of the collection when it is not the name: `key-auths`.
    pub admin_name: Option<&'static str>,
    /// Path word below a parent when it is not `admin_name`: `key-auth`.
    pub nested_name: Option<&'static str>,
    /// Whether it belongs to a workspace.
    pub workspaced: bool,
    /// Whether documents may expire.
    pub ttl: bool,
    /// Whether the Admin API has endpoints for it.
    pub generate_admin: bool,
    /// Whether exports hold it.
    pub db_export: bool,
    /// Changes made to a document when it is written, after it was validated.
    pub transformations: &'static [Transformation],
}

/// A change made to a document when it is written, such as hashing a password.
#[derive(Clone, Copy)]
pub struct Transformation {
    /// It runs when all of these fields were given.
    pub input: &'static [&'static str],
    /// Further fields that must come with the input.
    pub needs: &'static [&'static str],
    /// Makes the change.
    ///
    /// # Errors
    /// The message to show when it cannot be made.
    pub on_write: fn(&mut Document) -> Result<(), String>,
}

impl EntityDef {
    /// Returns the declaration with the schema of `T`, and what is usual for the rest.
    pub const fn of<T: Typed>(name: &'static str) -> Self {
        Self {
            name,
            record: record_of::<T>,
            primary_key: "id",
            endpoint_key: None,
            cache_key: &[],
            admin_name: None,
            nested_name: None,
            workspaced: true,
            ttl: false,
            generate_admin: true,
            db_export: true,
            transformations: &[],
        }
    }

    /// Returns the word for the collection in Admin API paths: `services`, `key-auths`.
    pub fn path(&self) -> &'static str {
        self.admin_name.unwrap_or(self.name)
    }

    /// Returns the word for the collection below a parent: `routes`, `key-auth`.
    pub fn nested_path(&self) -> &'static str {
        self.nested_name.unwrap_or_else(|| self.path())
    }
}

fn record_of<T: Typed>(_: Options) -> Record {
    T::record()
}

/// A foreign field: what it names, and what becomes of the document when that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ref {
    pub field: &'static str,
    /// Entity that it names.
    pub target: &'static str,
    pub on_delete: OnDelete,
}

/// The reverse of a [`Ref`]: documents of `entity` name this one in `field`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Child {
    pub entity: &'static str,
    pub field: &'static str,
    pub on_delete: OnDelete,
}

/// An entity of a running node: its declaration, its schema, and what follows from these.
pub struct Entity {
    def: EntityDef,
    /// The schema.
    pub record: Record,
    /// Unique fields, in the order of the schema; the primary key is not among them.
    pub unique: Vec<&'static str>,
    /// Foreign fields, in the order of the schema.
    pub refs: Vec<Ref>,
    /// What refers to it, in the order of the catalog.
    pub children: Vec<Child>,
    /// Whether documents carry tags.
    pub tagged: bool,
}

impl Deref for Entity {
    type Target = EntityDef;

    fn deref(&self) -> &EntityDef {
        &self.def
    }
}

impl Entity {
    /// Builds the entity for a node with these options; children are filled in by the catalog.
    pub(crate) fn new(def: EntityDef, options: Options) -> Self {
        let mut record = (def.record)(options);
        record.ttl |= def.ttl;
        record.transformation_inputs.extend(def.transformations.iter().map(|t| TransformationInputs {
            input: t.input.iter().map(|field| (*field).to_owned()).collect(),
            needs: t.needs.iter().map(|field| (*field).to_owned()).collect(),
        }));
        let mut unique = Vec::new();
        let mut refs = Vec::new();
        for field in &record.fields {
            if field.unique && field.name != def.primary_key {
                unique.push(intern(&field.name));
            }
            if let Kind::Foreign { reference, on_delete } = &field.kind {
                refs.push(Ref {
                    field: intern(&field.name),
                    target: intern(reference),
                    on_delete: on_delete.unwrap_or(OnDelete::Restrict),
                });
            }
        }
        let tagged = record.field("tags").is_some();
        Self { def, record, unique, refs, children: Vec::new(), tagged }
    }

    /// Returns the fields that stores index to find one document: unique ones, then an endpoint key
    /// that is not unique.
    pub fn lookups(&self) -> impl Iterator<Item = &'static str> + '_ {
        let endpoint = self.def.endpoint_key;
        let more = endpoint.filter(|key| !self.unique.contains(key) && *key != self.def.primary_key);
        self.unique.iter().copied().chain(more)
    }

    /// Returns the foreign field of this name.
    pub fn reference(&self, field: &str) -> Option<&Ref> {
        self.refs.iter().find(|reference| reference.field == field)
    }
}

/// Returns a text that lives as long as the process; schemas are built once a start.
fn intern(text: &str) -> &'static str {
    String::leak(text.to_owned())
}
