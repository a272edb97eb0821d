//! A write's way through the engine: `prepare` fills and merges, `validate` judges; `admit` is both.
//! Between the two a store may resolve references given by name; storing is not done here.

use serde_json::Value;

use crate::Context;
use crate::Document;
use crate::Record;
use crate::Role;
use crate::Violations;
use crate::entity;
use crate::entity::Schemas;
use crate::fill::Mode;
use crate::fill::fill;
use crate::fill::plain_numbers;
use crate::fill::subschema;
use crate::merge::merge;
use crate::rule::Rule;
use crate::select::Nulls;
use crate::select::OldNames;
use crate::select::select;
use crate::validate::REQUIRED;
use crate::validate::Shape;
use crate::validate::UNKNOWN;
use crate::validate::lua_text;
use crate::validate::validate_value;

/// What kind of write it is.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    /// A new entity (POST).
    Insert,
    /// A change of an entity (PATCH), given as it is stored.
    Update {
        /// The entity before the change.
        stored: &'a Document,
    },
    /// An entity that replaces what may be there (PUT): what is not given takes its default.
    Upsert,
}

/// How much of an entity a document is expected to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of it.
    Whole,
    /// A merged update: required fields may be missing, null they may not be.
    Update,
    /// Any part of it.
    Part,
}

/// Takes a document as a client sent it and returns it as it is to be stored.
///
/// # Errors
/// What is wrong with it, in Kong's words.
pub fn admit(
    record: &Record,
    input: Document,
    operation: Operation<'_>,
    cx: &Context<'_>,
) -> Result<Document, Violations> {
    let original = input.clone();
    let document = prepare(record, input, operation, cx)?;
    validate(record, document, &original, operation, cx)
}

/// Judges a new entity as POST /schemas/…/validate does, without a result.
///
/// Other than for [`admit`], defaults count as given when transformations ask for fields to be given together.
///
/// # Errors
/// What is wrong with it, in Kong's words.
pub fn dry_run(record: &Record, input: Document, cx: &Context<'_>) -> Result<(), Violations> {
    let document = prepare(record, input, Operation::Insert, cx)?;
    let original = document.clone();
    validate(record, document, &original, Operation::Insert, cx).map(drop)
}

/// Expands shorthands, makes automatic values, applies defaults, and merges an update into what is stored.
///
/// # Errors
/// What is wrong with shorthands, and changes of immutable fields.
pub fn prepare(
    record: &Record,
    mut input: Document,
    operation: Operation<'_>,
    cx: &Context<'_>,
) -> Result<Document, Violations> {
    input.values_mut().for_each(plain_numbers);
    let Operation::Update { stored } = operation else {
        return fill(record, input, Mode::Insert, cx);
    };
    let change = fill(record, input, Mode::Update, cx)?;
    // Kong's Admin API reads the row with its nulls: to checks they are there, and empty.
    let stored = select(record, stored.clone(), Nulls::Shown, OldNames::Hidden, cx.subschemas);
    refuse_immutable(record, &change, &stored)?;
    Ok(merge(record, change, stored, cx.subschemas))
}

/// Judges a prepared document, given what the client sent as `original`, and returns it as it is to be stored.
///
/// # Errors
/// What is wrong with it, in Kong's words.
pub fn validate(
    record: &Record,
    document: Document,
    original: &Document,
    operation: Operation<'_>,
    cx: &Context<'_>,
) -> Result<Document, Violations> {
    judge(record, &document, original, operation, cx)?;
    Ok(document)
}

/// Judges a prepared document as [`validate`] does, and leaves it where it is.
///
/// # Errors
/// What is wrong with it, in Kong's words.
pub fn judge(
    record: &Record,
    document: &Document,
    original: &Document,
    operation: Operation<'_>,
    cx: &Context<'_>,
) -> Result<(), Violations> {
    match operation {
        Operation::Insert | Operation::Upsert => {
            judge_as(record, document, original, (Scope::Whole, Shape::Filled, None), cx)
        }
        // What was stored may lack what is new in a schema.
        Operation::Update { stored } => {
            judge_as(record, document, original, (Scope::Update, Shape::Raw, Some(stored)), cx)
        }
    }
}

/// Judges a document as somebody wrote it; the records inside it are filled to be judged, and left as they are.
///
/// # Errors
/// What is wrong with it, in Kong's words.
pub fn judge_as_written(record: &Record, document: &Document, cx: &Context<'_>) -> Result<(), Violations> {
    judge_as(record, document, document, (Scope::Whole, Shape::Raw, None), cx)
}

/// Judges a prepared document as one that is nested in another is judged: without its transformations.
///
/// # Errors
/// What is wrong with it, in Kong's words.
pub fn judge_nested(record: &Record, document: &Document, cx: &Context<'_>) -> Result<(), Violations> {
    validate_document(record, document, Scope::Whole, Shape::Filled, cx)
}

fn judge_as(
    record: &Record,
    document: &Document,
    original: &Document,
    (scope, shape, stored): (Scope, Shape, Option<&Document>),
    cx: &Context<'_>,
) -> Result<(), Violations> {
    let mut violations = validate_document(record, document, scope, shape, cx).err().unwrap_or_default();
    let knows_type = record.subschema.is_none() || subschema(record, document, cx.subschemas).is_some();
    if knows_type {
        for inputs in &record.transformation_inputs {
            entity::run_transformation_inputs(inputs, document, original, stored, &mut violations);
        }
    }
    violations.into_result()
}

pub(crate) fn validate_document(
    record: &Record,
    document: &Document,
    scope: Scope,
    shape: Shape,
    cx: &Context<'_>,
) -> Result<(), Violations> {
    let sub = subschema(record, document, cx.subschemas);
    if let Some(key) = &record.subschema
        && sub.is_none()
    {
        // Without its type nothing else can be said about the document.
        let message = match document.get(&key.field) {
            None | Some(Value::Null) => REQUIRED.to_owned(),
            Some(Value::String(name)) => unknown_type(key.error.as_deref(), name),
            Some(Value::Array(names)) => {
                // Lua's `key[1]`, with what `%s` makes of it.
                unknown_type(key.error.as_deref(), &names.first().map_or("nil".to_owned(), lua_text))
            }
            Some(Value::Object(_)) => unknown_type(key.error.as_deref(), "nil"),
            Some(_) => "expected a string".to_owned(),
        };
        return Err(Violations::field(&key.field, message));
    }
    let mut violations = validate_fields(record, sub, document, shape, cx);
    for field in record.fields.iter().filter(|field| field.is_required()) {
        let absent = match document.get(&field.name) {
            None => scope == Scope::Whole,
            Some(value) => value.is_null(),
        };
        if absent {
            violations.set(&field.name, REQUIRED);
        }
    }
    let schemas = Schemas { record, sub: None };
    entity::run(&record.checks, schemas, document, scope, cx, &mut violations);
    if let Some(sub) = sub {
        let schemas = Schemas { record, sub: Some(sub) };
        entity::run(&sub.checks, schemas, document, scope, cx, &mut violations);
    }
    violations.into_result()
}

fn unknown_type(error: Option<&str>, name: &str) -> String {
    error.unwrap_or("unknown type: %s").replace("%s", name)
}

fn validate_fields(
    record: &Record,
    sub: Option<&Record>,
    document: &Document,
    shape: Shape,
    cx: &Context<'_>,
) -> Violations {
    let mut violations = Violations::default();
    // Filled documents follow the order of the schema, mostly.
    let mut next = 0;
    for (name, value) in document {
        // Times and lifetimes that other versions write are no reason to refuse an entity.
        if name == "updated_at" || (name == "ttl" && record.ttl) {
            continue;
        }
        let own = record.fields.get(next).filter(|field| field.name == *name).or_else(|| record.field(name));
        next += 1;
        let Some(own) = own else {
            if !(value.is_null() && cx.options.role == Role::DataPlane) {
                violations.set(name, UNKNOWN);
            }
            continue;
        };
        let field = sub.and_then(|sub| sub.field(name)).unwrap_or(own);
        if let Err(violation) = validate_value(field, value, shape, cx) {
            violations.set(name, violation);
        }
    }
    violations
}

fn refuse_immutable(record: &Record, change: &Document, stored: &Document) -> Result<(), Violations> {
    let mut violations = Violations::default();
    for field in record.fields.iter().filter(|field| field.immutable) {
        if let (Some(new), Some(old)) = (change.get(&field.name), stored.get(&field.name))
            && !same_in_any_order(new, old)
        {
            violations.set(&field.name, "immutable field cannot be updated");
        }
    }
    violations.into_result()
}

fn same_in_any_order(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().all(|item| b.contains(item)),
        _ => a == b,
    }
}

/// Returns whether a string field's empty value is stored as it is rather than as null.
pub(crate) fn allows_empty(field: &crate::Field) -> bool {
    field.rules.iter().any(|rule| matches!(rule, Rule::LenMin(0)))
}
