//! Filling a document before it is judged: shorthands, automatic values, defaults, duplicates in sets.
//! What is wrong is left for `validate`, except shorthands, which are judged as they are expanded.

use std::collections::HashSet;

use serde_json::Number;
use serde_json::Value;

use crate::Context;
use crate::Document;
use crate::Field;
use crate::Kind;
use crate::Record;
use crate::Shorthand;
use crate::Subschemas;
use crate::Violations;
use crate::rule::Rule;
use crate::validate::validate_field;

/// Which values a write makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A new entity: everything that is missing.
    Insert,
    /// A change: only the time of it.
    Update,
}

/// Largest float that Lua and JSON print as an integer without loss.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// Returns the subschema that `document` chooses, if the record has any and it is known.
pub(crate) fn subschema<'a>(
    record: &Record,
    document: &Document,
    subschemas: &'a dyn Subschemas,
) -> Option<&'a Record> {
    let key = record.subschema.as_ref()?;
    match document.get(&key.field)? {
        Value::String(name) => subschemas.find(&key.family, name),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).find_map(|name| subschemas.find(&key.family, name))
        }
        _ => None,
    }
}

/// Returns the record's fields, each as the subschema redefines it.
pub(crate) fn fields<'a>(record: &'a Record, sub: Option<&'a Record>) -> impl Iterator<Item = &'a Field> {
    record.fields.iter().map(move |field| sub.and_then(|sub| sub.field(&field.name)).unwrap_or(field))
}

pub(crate) fn fill(
    record: &Record,
    mut document: Document,
    mode: Mode,
    cx: &Context<'_>,
) -> Result<Document, Violations> {
    expand_shorthands(record, &mut document, cx)?;
    let sub = subschema(record, &document, cx.subschemas);
    let value_of = |field: &Field, given| {
        let value = if field.auto { automatic(field, given, mode, cx) } else { given };
        fill_value(field, value, mode, cx)
    };
    for field in fields(record, sub) {
        match document.get_mut(&field.name) {
            Some(slot) => match value_of(field, Some(slot.take()))? {
                Some(value) => *slot = value,
                None => drop(document.shift_remove(&field.name)),
            },
            None => {
                if let Some(value) = value_of(field, None)? {
                    document.insert(field.name.clone(), value);
                }
            }
        }
    }
    Ok(document)
}

/// Turns floats without fraction into integers, as Lua prints them.
pub(crate) fn plain_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(float) = number.as_f64().filter(|_| number.is_f64())
                && float.fract() == 0.0
                && float.abs() < EXACT_INTEGERS
            {
                // The guard makes the conversion exact.
                #[allow(clippy::cast_possible_truncation)]
                let whole = float as i64;
                *number = Number::from(whole);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain_numbers),
        Value::Object(entries) => entries.values_mut().for_each(plain_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn automatic(field: &Field, value: Option<Value>, mode: Mode, cx: &Context<'_>) -> Option<Value> {
    let inserting = mode == Mode::Insert;
    let is_uuid = field.rules.iter().any(|rule| matches!(rule, Rule::Uuid));
    match field.kind {
        _ if is_uuid => value.or_else(|| inserting.then(|| cx.world.uuid().to_string().into())),
        Kind::String => value.or_else(|| inserting.then(|| random_string(cx).into())),
        Kind::Integer | Kind::Number => {
            let due = match field.name.as_str() {
                "created_at" => inserting && value.as_ref().is_none_or(Value::is_null),
                "updated_at" => true,
                _ => false,
            };
            if !due {
                return value;
            }
            let now = match field.kind {
                Kind::Integer => cx.world.now().floor(),
                _ => (cx.world.now() * 1000.0).floor() / 1000.0,
            };
            let mut now = Value::from(now);
            plain_numbers(&mut now);
            Some(now)
        }
        _ => value,
    }
}

/// Makes a key of 32 letters and digits.
fn random_string(cx: &Context<'_>) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(32);
    while text.len() < 32 {
        let mut bytes = [0; 32];
        cx.world.random(&mut bytes);
        // Bytes beyond the last whole multiple of 62 are dropped, so that all letters are equally likely.
        let letters = bytes.iter().filter(|byte| **byte < 248).map(|byte| ALPHABET[usize::from(byte % 62)]);
        text.extend(letters.map(char::from).take(32 - text.len()));
    }
    text
}

fn fill_value(field: &Field, value: Option<Value>, mode: Mode, cx: &Context<'_>) -> Result<Option<Value>, Violations> {
    if field.is_abstract {
        return Ok(value);
    }
    let value = match (&field.kind, value) {
        (Kind::Record(record), value) => {
            let wanted = match mode {
                Mode::Update => value.as_ref().is_some_and(|value| !value.is_null()),
                Mode::Insert => value.as_ref().map_or(field.is_required(), |value| !value.is_null()),
            };
            if !wanted {
                value
            } else {
                match value.or_else(|| field.default.clone()).or_else(|| Some(Document::new().into())) {
                    Some(Value::Object(inner)) => Some(fill(record, inner, mode, cx)?.into()),
                    // An empty Lua table is both a list and a record.
                    Some(Value::Array(items)) if items.is_empty() => {
                        Some(fill(record, Document::new(), mode, cx)?.into())
                    }
                    other => other,
                }
            }
        }
        (Kind::Array(_) | Kind::Set(_), Some(Value::Object(entries))) if entries.is_empty() => {
            Some(Vec::<Value>::new().into())
        }
        (Kind::Array(element), Some(Value::Array(items))) => Some(fill_each(element, items, mode, cx)?.into()),
        (Kind::Set(element), Some(Value::Array(mut items))) => {
            drop_duplicates(&mut items);
            Some(fill_each(element, items, mode, cx)?.into())
        }
        (Kind::Map { .. }, Some(Value::Array(items))) if items.is_empty() => Some(Document::new().into()),
        (Kind::Map { values, .. }, Some(Value::Object(entries))) => {
            let filled = entries
                .into_iter()
                .map(|(key, value)| Ok((key, fill_value(values, Some(value), mode, cx)?.unwrap_or(Value::Null))));
            Some(filled.collect::<Result<Document, Violations>>()?.into())
        }
        (_, value) => value,
    };
    Ok(match (value, mode) {
        (None, Mode::Insert) => missing(field, mode, cx)?,
        (value, _) => value,
    })
}

fn fill_each(element: &Field, items: Vec<Value>, mode: Mode, cx: &Context<'_>) -> Result<Vec<Value>, Violations> {
    items.into_iter().map(|item| Ok(fill_value(element, Some(item), mode, cx)?.unwrap_or(Value::Null))).collect()
}

/// Keeps the first of equal scalars; tables are never equal in Lua.
fn drop_duplicates(items: &mut Vec<Value>) {
    let mut seen = HashSet::new();
    items.retain(|item| match item {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => seen.insert(item.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => true,
    });
}

/// Returns what a field is that was not given: its default, null, or the defaults inside it.
fn missing(field: &Field, mode: Mode, cx: &Context<'_>) -> Result<Option<Value>, Violations> {
    if let Some(default) = &field.default {
        return Ok(Some(default.clone()));
    }
    if !field.is_required() {
        return Ok(Some(Value::Null));
    }
    match &field.kind {
        Kind::Record(record) if !field.is_abstract => Ok(Some(fill(record, Document::new(), mode, cx)?.into())),
        _ => Ok(None),
    }
}

fn expand_shorthands(record: &Record, document: &mut Document, cx: &Context<'_>) -> Result<(), Violations> {
    let mut violations = Violations::default();
    for shorthand in &record.shorthands {
        let name = &shorthand.field.name;
        let Some(value) = document.get(name).cloned() else { continue };
        if let Err(violation) = validate_field(&shorthand.field, &value, cx) {
            violations.set(name, violation);
        } else if let Err(message) = agree(shorthand, &value, document) {
            violations.set(name, message);
        } else {
            document.shift_remove(name);
            take_over(shorthand, &value, document);
        }
    }
    violations.into_result()
}

/// Merges what a shorthand stands for into the document, as deep as one level, like Kong.
fn take_over(shorthand: &Shorthand, value: &Value, document: &mut Document) {
    let deprecated = shorthand.field.deprecation.is_some();
    for (key, new) in shorthand.expand(value).into_iter().flatten() {
        match new {
            Value::Object(new) => {
                let plain = match document.get_mut(&key) {
                    None | Some(Value::Null) => Document::new(),
                    Some(Value::Object(plain)) => std::mem::take(plain),
                    // Not a record: its own validation says so.
                    Some(_) => continue,
                };
                // A deprecated name gives way to the real one, any other wins over it.
                let merged = if deprecated {
                    let mut merged = new;
                    for (inner, value) in plain {
                        if !value.is_null() || !merged.contains_key(&inner) {
                            merged.insert(inner, value);
                        }
                    }
                    merged
                } else {
                    let mut merged = plain;
                    merged.extend(new);
                    merged
                };
                document.insert(key, merged.into());
            }
            new => {
                if !deprecated || document.get(&key).is_none_or(Value::is_null) {
                    document.insert(key, new);
                }
            }
        }
    }
}

/// Checks that an old name and the field it became do not say different things.
fn agree(shorthand: &Shorthand, value: &Value, document: &Document) -> Result<(), String> {
    let (Some(path), Some(deprecation)) = (shorthand.read_back(), &shorthand.field.deprecation) else {
        return Ok(());
    };
    if value.is_null() {
        return Ok(());
    }
    let paths = if deprecation.replaced_with.is_empty() {
        std::slice::from_ref(&path).to_vec()
    } else {
        deprecation.replaced_with.iter().map(Vec::as_slice).collect()
    };
    for path in paths {
        match walk(document, path) {
            None | Some(Value::Null) => {}
            Some(new) if new == value => {}
            Some(new) => {
                return Err(format!(
                    "both deprecated and new field are used but their values mismatch: {} = {} vs {} = {}",
                    shorthand.field.name,
                    crate::validate::lua_text(value),
                    path.join("."),
                    crate::validate::lua_text(new),
                ));
            }
        }
    }
    Ok(())
}

/// Returns the value at a path through objects.
pub(crate) fn walk<'a>(document: &'a Document, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(document.get(first)?, |value, step| value.as_object()?.get(step))
}
