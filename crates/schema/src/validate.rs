//! Judging values: type first, then rules in Kong's order, the first failure counts.
//! Rules across fields are `entity`'s; nothing here changes a document.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::Context;
use crate::Document;
use crate::Field;
use crate::Kind;
use crate::Record;
use crate::Violation;
use crate::Violations;
use crate::admit::Scope;
use crate::admit::validate_document;
use crate::fill::Mode;
use crate::fill::fill;
use crate::rule::Rule;

pub(crate) const REQUIRED: &str = "required field missing";
pub(crate) const UNKNOWN: &str = "unknown field";

/// Judges one value of a field; null is a value here, missing is not.
///
/// # Errors
/// What is wrong with it.
pub fn validate_field(field: &Field, value: &Value, cx: &Context<'_>) -> Result<(), Violation> {
    validate_value(field, value, Shape::Raw, cx)
}

/// What holds for strings whose schema says nothing of their length.
static NOT_EMPTY: Rule = Rule::LenMin(1);

/// Whether the records inside a value have their defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Not necessarily: they are filled before they are judged.
    Raw,
    /// They have: `fill` went through all of it.
    Filled,
}

/// Judges a value as [`validate_field`] does; what is filled is not filled again.
pub(crate) fn validate_value(field: &Field, value: &Value, shape: Shape, cx: &Context<'_>) -> Result<(), Violation> {
    Judge { field, over: None, shape, cx }.run(field.rules.iter(), value)
}

/// Judges a value of a field as if the attributes of a condition lay over the field's own, as Lua's `__index` lays them.
pub(crate) fn validate_over(
    field: Option<&Field>,
    over: &Field,
    value: &Value,
    cx: &Context<'_>,
) -> Result<(), Violation> {
    let Some(field) = field else { return validate_field(over, value, cx) };
    let mut rules: Vec<&Rule> = over.rules.iter().collect();
    rules.extend(field.rules.iter().filter(|own| over.rules.iter().all(|rule| rule.rank() != own.rank())));
    rules.sort_by_key(|rule| rule.rank());
    Judge { field, over: Some(over), shape: Shape::Raw, cx }.run(rules.iter().copied(), value)
}

/// What a value is judged by: a field, and a condition that lies over it.
struct Judge<'a> {
    field: &'a Field,
    over: Option<&'a Field>,
    shape: Shape,
    cx: &'a Context<'a>,
}

impl<'a> Judge<'a> {
    /// Judges by these rules, which stand in the order of running.
    fn run<'r>(&self, rules: impl Iterator<Item = &'r Rule> + Clone, value: &Value) -> Result<(), Violation> {
        if value.is_null() {
            return self.null(rules);
        }
        if rules.clone().any(|rule| matches!(rule, Rule::Eq(Value::Null))) {
            return Err(self.own_or("value must be null"));
        }
        if self.field.is_abstract {
            return Err("error in schema definition: abstract field was not specialized".into());
        }
        let kind = self.kind(value)?;
        let Some(text) = value.as_str().filter(|_| matches!(kind, Kind::String)) else {
            return self.rules(kind, rules, value, None);
        };
        if self.field.referenceable && crate::is_reference(text) {
            return Ok(());
        }
        // Empty strings are refused unless the schema says otherwise.
        let stated = rules.clone().any(|rule| matches!(rule, Rule::LenMin(_)));
        self.rules(kind, rules, value, (!stated).then_some(&NOT_EMPTY))
    }

    /// Runs the rules in order, with `unstated` at its place among them.
    fn rules<'r>(
        &self,
        kind: &Kind,
        rules: impl Iterator<Item = &'r Rule> + Clone,
        value: &Value,
        unstated: Option<&'r Rule>,
    ) -> Result<(), Violation> {
        let own = |violation| self.err().map_or(violation, Into::into);
        let before = |rule: &&Rule| unstated.is_none_or(|unstated| rule.rank() < unstated.rank());
        let first = rules.clone().take_while(before);
        let rest = rules.skip_while(before);
        for rule in first.chain(unstated).chain(rest) {
            run_rule(rule, value, self.cx).map_err(own)?;
        }
        if let Kind::Record(record) = kind
            && let Some(custom) = &record.custom
        {
            custom.run(value, self.cx).map_err(own)?;
        }
        Ok(())
    }

    fn null<'r>(&self, rules: impl Iterator<Item = &'r Rule>) -> Result<(), Violation> {
        for rule in rules {
            match rule {
                Rule::Ne(Value::Null) => return Err(self.own_or("value must not be null")),
                Rule::Eq(wanted) if !wanted.is_null() => {
                    return Err(format!("value must be {}", lua_text(wanted)).into());
                }
                _ => {}
            }
        }
        let required = self.over.and_then(|over| over.required).or(self.field.required);
        if required == Some(true) { Err(REQUIRED.into()) } else { Ok(()) }
    }

    /// Judges the shape of a value, and returns which it is.
    fn kind(&self, value: &Value) -> Result<&'a Kind, Violation> {
        let own = &self.field.kind;
        match self.over.map(|over| &over.kind) {
            None | Some(Kind::Any) => validate_kind(own, value, self.shape, self.cx).map(|()| own),
            // A condition on elements keeps the field a list of its own kind.
            Some(Kind::Array(element) | Kind::Set(element)) if matches!(own, Kind::Array(_) | Kind::Set(_)) => {
                validate_list(own, element, value, self.shape, self.cx).map(|()| own)
            }
            Some(over) => validate_kind(over, value, self.shape, self.cx).map(|()| over),
        }
    }

    fn err(&self) -> Option<&'a str> {
        self.over.and_then(|over| over.err.as_deref()).or(self.field.err.as_deref())
    }

    fn own_or(&self, message: &str) -> Violation {
        self.err().unwrap_or(message).into()
    }
}

fn validate_list(list: &Kind, element: &Field, value: &Value, shape: Shape, cx: &Context<'_>) -> Result<(), Violation> {
    match value {
        Value::Array(items) => validate_elements(element, items, shape, cx),
        // An empty Lua table is both a list and a record.
        Value::Object(entries) if entries.is_empty() => Ok(()),
        _ => Err(if matches!(list, Kind::Array(_)) { "expected an array" } else { "expected a set" }.into()),
    }
}

fn validate_kind(kind: &Kind, value: &Value, shape: Shape, cx: &Context<'_>) -> Result<(), Violation> {
    let expected = |right: bool, what: &str| if right { Ok(()) } else { Err(format!("expected {what}").into()) };
    match kind {
        Kind::String => expected(value.is_string(), "a string"),
        Kind::Number => expected(value.is_number(), "a number"),
        Kind::Integer => expected(value.as_f64().is_some_and(|number| number.fract() == 0.0), "an integer"),
        Kind::Boolean => expected(value.is_boolean(), "a boolean"),
        Kind::Function => expected(false, "a function"),
        Kind::Any => Ok(()),
        Kind::Json(schemas) => validate_json(schemas, value),
        Kind::Array(element) | Kind::Set(element) => validate_list(kind, element, value, shape, cx),
        Kind::Map { keys, values } => match value {
            Value::Object(entries) => validate_entries(keys, values, entries, shape, cx),
            // The keys of a Lua list are numbers.
            Value::Array(items) if !items.is_empty() && matches!(keys.kind, Kind::String) => {
                expected(false, "a string")
            }
            Value::Array(items) => validate_entries(keys, values, &numbered(items), shape, cx),
            _ => expected(false, "a map"),
        },
        Kind::Record(record) => match value {
            Value::Object(entries) if shape == Shape::Filled => {
                validate_document(record, entries, Scope::Whole, shape, cx).map_err(Into::into)
            }
            Value::Object(entries) => validate_record(record, entries.clone(), cx).map_err(Into::into),
            Value::Array(items) => validate_record(record, numbered(items), cx).map_err(by_position),
            _ => expected(false, "a record"),
        },
        Kind::Foreign { reference, .. } => validate_reference(reference, value, cx),
    }
}

fn validate_record(record: &Record, entries: Document, cx: &Context<'_>) -> Result<(), Violations> {
    let filled = fill(record, entries, Mode::Insert, cx)?;
    validate_document(record, &filled, Scope::Whole, Shape::Filled, cx)
}

/// Returns a Lua list as a table: keys 1, 2, 3 …
fn numbered(items: &[Value]) -> Document {
    items.iter().enumerate().map(|(index, item)| ((index + 1).to_string(), item.clone())).collect()
}

/// Turns violations by "1", "2" … back into a list, when nothing else is wrong.
fn by_position(violations: Violations) -> Violation {
    let positions: Option<BTreeMap<usize, Violation>> = violations
        .fields()
        .map(|(name, violation)| Some((name.parse::<usize>().ok()?.checked_sub(1)?, violation.clone())))
        .collect();
    match positions {
        Some(positions) if violations.entity_messages().is_empty() => Violation::Elements(positions),
        _ => violations.into(),
    }
}

fn validate_elements(element: &Field, items: &[Value], shape: Shape, cx: &Context<'_>) -> Result<(), Violation> {
    let mut wrong = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        if let Err(violation) = validate_inner(element, item, shape, cx) {
            wrong.insert(index, violation);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Violation::Elements(wrong)) }
}

fn validate_entries(
    keys: &Field,
    values: &Field,
    entries: &Document,
    shape: Shape,
    cx: &Context<'_>,
) -> Result<(), Violation> {
    for (key, value) in entries {
        validate_inner(keys, &Value::String(key.clone()), shape, cx)?;
        validate_inner(values, value, shape, cx)?;
    }
    Ok(())
}

/// Judges an element, key or value: these may never be null.
fn validate_inner(field: &Field, value: &Value, shape: Shape, cx: &Context<'_>) -> Result<(), Violation> {
    validate_value(field, value, shape, cx)?;
    if value.is_null() && !field.rules.iter().any(|rule| matches!(rule, Rule::Eq(_))) {
        return Err(REQUIRED.into());
    }
    Ok(())
}

fn validate_reference(entity: &str, value: &Value, cx: &Context<'_>) -> Result<(), Violation> {
    if let Value::Array(items) = value
        && !items.is_empty()
    {
        // To Lua a list is a table with fields called 1, 2, 3 …
        return Err(Violation::Elements((0..items.len()).map(|index| (index, UNKNOWN.into())).collect()));
    }
    let target = cx.subschemas.entity(entity);
    let key = match value.as_object().and_then(|entries| entries.get("id")) {
        None | Some(Value::Bool(false)) => Err("missing primary key".into()),
        Some(Value::Null) => Err(REQUIRED.into()),
        Some(id) => match target.and_then(|record| record.field("id")) {
            Some(field) => validate_field(field, id, cx),
            None => validate_field(&Field::string().uuid(), id, cx),
        },
    };
    let Err(violation) = key else { return Ok(()) };
    // What is wrong with the other fields given for the target is said first.
    if let (Some(record), Some(entries)) = (target, value.as_object()) {
        validate_document(record, entries, Scope::Part, Shape::Raw, cx)?;
    }
    Err(Violations::field("id", violation).into())
}

/// Judges free JSON by the keyword `type`, the only one that schemas of bundled entities use.
fn validate_json(schemas: &Value, value: &Value) -> Result<(), Violation> {
    let schema = schemas.get("inline").unwrap_or(&schemas["default"]);
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = match &schema["type"] {
        Value::String(wanted) => wanted == name,
        Value::Array(wanted) => wanted.iter().any(|wanted| wanted == name),
        _ => true,
    };
    if fits {
        return Ok(());
    }
    let wanted = match &schema["type"] {
        Value::Array(wanted) => {
            format!("one of: [{}]", wanted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        other => lua_text(other),
    };
    Err(format!("value failed JSON-schema validation: wrong type: expected {wanted}, got {name}").into())
}

fn run_rule(rule: &Rule, value: &Value, cx: &Context<'_>) -> Result<(), Violation> {
    let number = || value.as_f64();
    let text = || value.as_str();
    let check = |right: bool, message: &dyn Fn() -> String| if right { Ok(()) } else { Err(message().into()) };
    let invalid = || format!("invalid value: {}", lua_text(value));
    match rule {
        Rule::Eq(wanted) => check(same(value, wanted), &|| format!("value must be {}", lua_text(wanted))),
        Rule::Ne(other) => check(!same(value, other), &|| format!("value must not be {}", lua_text(value))),
        Rule::NotOneOf(list) => check(!list.iter().any(|one| same(one, value)), &|| {
            format!("must not be one of: {}", lua_list(list.iter()))
        }),
        Rule::OneOf(choices) => check(choices.allowed(cx.options).any(|one| same(one, value)), &|| {
            format!("expected one of: {}", lua_list(choices.allowed(cx.options)))
        }),
        Rule::Gt(limit) => check(number().is_none_or(|number| number > *limit), &|| {
            format!("value must be greater than {}", lua_number(*limit))
        }),
        Rule::Timestamp => check(number().is_none_or(|time| time > 0.0), &|| "expected a valid timestamp".to_owned()),
        Rule::Uuid => check(text().is_none_or(is_uuid), &|| "expected a valid UUID".to_owned()),
        Rule::IsRegex => check(text().is_none_or(|text| Regex::new(text).is_ok()), &|| {
            format!("not a valid regex: {}", lua_text(value))
        }),
        Rule::Between(low, high) => check(number().is_none_or(|number| (*low..=*high).contains(&number)), &|| {
            format!("value should be between {} and {}", lua_number(low.trunc()), lua_number(high.trunc()))
        }),
        Rule::LenEq(len) => check(length(value) == *len, &|| format!("length must be {len}")),
        Rule::LenMin(len) => check(length(value) >= *len, &|| format!("length must be at least {len}")),
        Rule::LenMax(len) => check(length(value) <= *len, &|| format!("length must be at most {len}")),
        Rule::StartsWith(prefix) => {
            check(text().is_none_or(|text| text.starts_with(prefix)), &|| format!("should start with: {prefix}"))
        }
        Rule::Match(pattern) => check(text().is_none_or(|text| pattern.matches(text)), &invalid),
        Rule::NotMatch(pattern) => check(text().is_none_or(|text| !pattern.matches(text)), &invalid),
        Rule::MatchNone(list) => {
            match list.iter().find(|(pattern, _)| text().is_some_and(|text| pattern.matches(text))) {
                Some((_, message)) => Err(message.into()),
                None => Ok(()),
            }
        }
        Rule::MatchAll(list) => {
            match list.iter().find(|(pattern, _)| text().is_some_and(|text| !pattern.matches(text))) {
                Some((_, message)) => Err(message.into()),
                None => Ok(()),
            }
        }
        Rule::MatchAny { patterns, err } => {
            let right = text().is_none_or(|text| patterns.iter().any(|pattern| pattern.matches(text)));
            check(right, &|| err.clone().unwrap_or_else(invalid))
        }
        Rule::Contains(wanted) => {
            let right = value.as_array().is_some_and(|items| items.iter().any(|item| same(item, wanted)));
            check(right, &|| format!("expected to contain: {}", lua_text(wanted)))
        }
        Rule::Custom(custom) => custom.run(value, cx),
        Rule::MutuallyExclusiveSubsets(subsets) => exclusive_subsets(subsets, value),
    }
}

fn exclusive_subsets(subsets: &[Vec<String>], value: &Value) -> Result<(), Violation> {
    let mut touched: Vec<&Vec<String>> = Vec::new();
    for item in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
        if let Some(subset) = subsets.iter().rfind(|subset| subset.iter().any(|one| one == item))
            && !touched.iter().any(|known| std::ptr::eq(*known, subset))
        {
            touched.push(subset);
        }
    }
    if touched.len() <= 1 {
        return Ok(());
    }
    let groups: Vec<_> = touched.iter().map(|subset| format!("({})", quoted(subset.iter()))).collect();
    Err(format!("these sets are mutually exclusive: {}", groups.join(", ")).into())
}

/// Returns names in quotes, separated by commas.
pub(crate) fn quoted<T: AsRef<str>>(names: impl Iterator<Item = T>) -> String {
    names.map(|name| format!("'{}'", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Bytes of a string, elements of a list, entries of an object.
fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Compares as Lua does: 5 and 5.0 are the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn lua_list<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    values.map(lua_text).collect::<Vec<_>>().join(", ")
}

/// Prints a value as Lua's `tostring` does, as far as that is a fixed text.
pub(crate) fn lua_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), lua_number),
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Prints a number as Lua does, with 14 significant digits.
pub(crate) fn lua_number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return format!("{number:.0}");
    }
    let rounded: f64 = format!("{number:.13e}").parse().unwrap_or(number);
    rounded.to_string()
}
