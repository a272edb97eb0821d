//! A schema is data: records made of fields. This file holds what they are; `field` holds how they are written.
//! It does not look at documents.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::Document;
use crate::check::EntityCheck;
use crate::rule::Custom;
use crate::rule::Rules;

/// A schema: fields, rules across fields, and names that stand for fields.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The fields, in the order in which they are described and written.
    pub fields: Vec<Field>,
    /// Rules across fields, in the order in which their messages appear.
    pub checks: Vec<EntityCheck>,
    /// Names that are accepted in place of fields.
    pub shorthands: Vec<Shorthand>,
    /// A rule over the whole record, run after its fields and checks pass.
    pub custom: Option<Custom>,
    /// For a plugin's config: checks that the plugin's schema runs, with paths such as `config.second`.
    pub plugin_checks: Vec<EntityCheck>,
    /// For an abstract schema: which field names the schema that completes it.
    pub subschema: Option<SubschemaKey>,
    /// Dependences between write-time transformations' inputs, checked after the entity checks.
    pub transformation_inputs: Vec<TransformationInputs>,
    /// Whether documents may carry `ttl` without the schema naming it.
    pub ttl: bool,
    /// What it is, for people; clients are not shown it.
    pub description: Option<String>,
}

/// How an abstract schema finds the one that completes it.
#[derive(Clone, Debug)]
pub struct SubschemaKey {
    /// Whose subschemas these are: `plugins`, `routes`, `vaults`. A plugin and a vault may share a name.
    pub family: String,
    /// The string field whose value is the subschema's name.
    pub field: String,
    /// The message for an unknown name, `%s` standing for it; `unknown type: %s` when absent.
    pub error: Option<String>,
}

/// Fields a write-time transformation reads: they must be given together.
#[derive(Clone, Debug)]
pub struct TransformationInputs {
    /// The fields that are transformed.
    pub input: Vec<String>,
    /// The further fields, dotted paths, that the transformation needs.
    pub needs: Vec<String>,
}

/// One field of a record, or the elements of a list, or the keys or values of a map.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name; empty for elements, keys and values.
    pub name: String,
    /// The shape of its values.
    pub kind: Kind,
    /// Whether it must be there; `None` and `Some(false)` differ only in the description.
    pub required: Option<bool>,
    /// What it is when not given.
    pub default: Option<Value>,
    /// The engine makes the value when not given: ids, keys, times.
    pub auto: bool,
    /// No two entities have the same value.
    pub unique: bool,
    /// Unique over all workspaces.
    pub unique_across_ws: bool,
    /// An update may not change it.
    pub immutable: bool,
    /// It is not stored.
    pub transient: bool,
    /// Another schema, found by the subschema key, says what it is.
    pub is_abstract: bool,
    /// Its strings may be vault references.
    pub referenceable: bool,
    /// Kept encrypted where the edition can.
    pub encrypted: bool,
    /// The rules for its values.
    pub rules: Rules,
    /// The message in place of the rules' own.
    pub err: Option<String>,
    /// Set when its use is discouraged.
    pub deprecation: Option<Deprecation>,
    /// What it is for, for people.
    pub description: Option<String>,
}

/// The shape of a field's values.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A string.
    String,
    /// A number without fraction.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// An ordered list.
    Array(Box<Field>),
    /// A list without duplicates.
    Set(Box<Field>),
    /// An object with free keys.
    Map {
        /// The rules for keys.
        keys: Box<Field>,
        /// The rules for values.
        values: Box<Field>,
    },
    /// An object with named fields.
    Record(Box<Record>),
    /// An object that names another entity by its primary key.
    Foreign {
        /// The other entity's name, such as `services`.
        reference: String,
        /// What deleting the other entity does, where stated.
        on_delete: Option<OnDelete>,
    },
    /// Any JSON value, with the JSON schemas it must satisfy: `inline`, or `default` where none is found by name.
    Json(Value),
    /// A function of an embedding language; no JSON value is one.
    Function,
    /// Any value, rules only.
    Any,
}

/// What deleting an entity does to those that refer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    /// Refuses the deletion.
    Restrict,
    /// Deletes them too.
    Cascade,
    /// Sets their reference to null.
    Null,
}

/// What is said about a discouraged field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deprecation {
    /// The text of the warning.
    pub message: String,
    /// The version that drops the field.
    pub removal_in_version: String,
    /// A value that is not warned about.
    pub old_default: Option<Value>,
    /// Paths of the fields that take its place.
    pub replaced_with: Vec<Vec<String>>,
}

type ShorthandFn = dyn Fn(&Value) -> Option<Document> + Send + Sync;

/// A name that stands for other fields.
#[derive(Clone)]
pub struct Shorthand {
    /// The field as it may be given.
    pub field: Field,
    /// The path it is read back from when the field's deprecation names none.
    pub translate_backwards: Option<Vec<String>>,
    run: Arc<ShorthandFn>,
}

impl Shorthand {
    /// Makes a shorthand from the field as it may be given and what its value means in terms of real fields.
    pub fn new(field: Field, run: impl Fn(&Value) -> Option<Document> + Send + Sync + 'static) -> Self {
        Self { field, translate_backwards: None, run: Arc::new(run) }
    }

    /// Makes a deprecated name for the field at `path`, which also shows on output.
    #[must_use]
    pub fn moved(field: Field, path: &str) -> Self {
        let steps: Vec<String> = path.split('.').map(str::to_owned).collect();
        let mut deprecation = field.deprecation.clone().unwrap_or_else(|| Deprecation {
            message: format!("`{}` is now `{path}`", field.name),
            removal_in_version: "4.0".to_owned(),
            ..Deprecation::default()
        });
        deprecation.replaced_with = vec![steps.clone()];
        let field = Field { deprecation: Some(deprecation), ..field };
        Self::new(field, move |value| {
            let (last, parents) = steps.split_last()?;
            let mut document = Document::from_iter([(last.clone(), value.clone())]);
            for parent in parents.iter().rev() {
                document = Document::from_iter([(parent.clone(), Value::Object(document))]);
            }
            Some(document)
        })
    }

    /// Returns the fields that `value` stands for.
    #[must_use]
    pub fn expand(&self, value: &Value) -> Option<Document> {
        (self.run)(value)
    }

    /// Returns the path under which the value is found again on output, if it is shown there.
    #[must_use]
    pub fn read_back(&self) -> Option<&[String]> {
        let replaced = self.field.deprecation.as_ref().and_then(|deprecation| deprecation.replaced_with.first());
        replaced.or(self.translate_backwards.as_ref()).map(Vec::as_slice)
    }
}

impl fmt::Debug for Shorthand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shorthand").field("field", &self.field).finish_non_exhaustive()
    }
}

impl Record {
    /// Returns the field called `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Returns the field at a dotted path through records.
    #[must_use]
    pub fn field_at(&self, path: &str) -> Option<&Field> {
        match path.split_once('.') {
            None => self.field(path),
            Some((head, tail)) => match &self.field(head)?.kind {
                Kind::Record(inner) => inner.field_at(tail),
                _ => None,
            },
        }
    }
}

impl Field {
    /// Returns whether a stored document without the field says the same as one with null in it.
    #[must_use]
    pub fn is_null_when_missing(&self) -> bool {
        self.default.is_none() && !self.is_required()
    }

    /// Returns whether the value may not be missing or null.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required == Some(true)
    }
}
