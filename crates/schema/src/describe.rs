//! The JSON of GET /schemas/…: a schema as clients read it, functions left out.
//! It only looks at schemas, never at documents.

use serde_json::Map;
use serde_json::Number;
use serde_json::Value;
use serde_json::json;

use crate::Field;
use crate::Kind;
use crate::OnDelete;
use crate::Options;
use crate::Record;
use crate::check::EntityCheck;
use crate::pattern::Pattern;
use crate::rule::Rule;

/// Returns `{"fields": [{name: …} …], "entity_checks": […]}` as a node with these settings shows it.
#[must_use]
pub fn describe(record: &Record, options: Options) -> Value {
    json!({
        "fields": fields(record, options),
        "entity_checks": record.checks.iter().map(|check| entity_check(check, options)).collect::<Vec<_>>(),
    })
}

fn fields(record: &Record, options: Options) -> Value {
    record.fields.iter().map(|field| named(field, options)).collect()
}

fn named(field: &Field, options: Options) -> Value {
    Map::from_iter([(field.name.clone(), Value::Object(describe_field(field, options)))]).into()
}

/// Returns one field's attributes, without its name.
fn describe_field(field: &Field, options: Options) -> Map<String, Value> {
    let mut out = Map::new();
    describe_kind(&field.kind, options, &mut out);
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(name.to_owned(), value);
        }
    };
    set("description", field.description.clone().map(Value::from));
    set("required", field.required.map(Value::from));
    set("default", field.default.clone());
    for (name, flag) in [
        ("auto", field.auto),
        ("unique", field.unique),
        ("unique_across_ws", field.unique_across_ws),
        ("immutable", field.immutable),
        ("transient", field.transient),
        ("abstract", field.is_abstract),
        ("referenceable", field.referenceable),
        ("encrypted", field.encrypted),
    ] {
        set(name, flag.then_some(Value::Bool(true)));
    }
    set("err", field.err.clone().map(Value::from));
    set(
        "deprecation",
        field.deprecation.as_ref().map(|deprecation| {
            let mut inner = Map::new();
            inner.insert("message".to_owned(), deprecation.message.clone().into());
            inner.insert("removal_in_version".to_owned(), deprecation.removal_in_version.clone().into());
            if let Some(old) = &deprecation.old_default {
                inner.insert("old_default".to_owned(), old.clone());
            }
            if !deprecation.replaced_with.is_empty() {
                let paths = deprecation.replaced_with.iter().map(|path| json!({ "path": path })).collect();
                inner.insert("replaced_with".to_owned(), paths);
            }
            inner.into()
        }),
    );
    for rule in &field.rules {
        if let Some((name, value)) = describe_rule(rule, options) {
            out.insert(name.to_owned(), value);
        }
    }
    out
}

fn describe_kind(kind: &Kind, options: Options, out: &mut Map<String, Value>) {
    let mut set = |name: &str, value: Value| {
        out.insert(name.to_owned(), value);
    };
    let inner = |field: &Field| Value::Object(describe_field(field, options));
    match kind {
        Kind::String => set("type", "string".into()),
        Kind::Integer => set("type", "integer".into()),
        Kind::Number => set("type", "number".into()),
        Kind::Boolean => set("type", "boolean".into()),
        Kind::Function => set("type", "function".into()),
        Kind::Any => {}
        Kind::Json(schema) => {
            set("type", "json".into());
            set("json_schema", schema.clone());
        }
        Kind::Array(element) => {
            set("type", "array".into());
            set("elements", inner(element));
        }
        Kind::Set(element) => {
            set("type", "set".into());
            set("elements", inner(element));
        }
        Kind::Map { keys, values } => {
            set("type", "map".into());
            set("keys", inner(keys));
            set("values", inner(values));
        }
        Kind::Foreign { reference, on_delete } => {
            set("type", "foreign".into());
            set("reference", reference.clone().into());
            if let Some(action) = on_delete {
                let action = match action {
                    OnDelete::Restrict => "restrict",
                    OnDelete::Cascade => "cascade",
                    OnDelete::Null => "null",
                };
                set("on_delete", action.into());
            }
        }
        Kind::Record(record) => {
            set("type", "record".into());
            set("fields", fields(record, options));
            if !record.checks.is_empty() {
                set("entity_checks", record.checks.iter().map(|check| entity_check(check, options)).collect());
            }
            if !record.shorthands.is_empty() {
                let shorthands = record.shorthands.iter().map(|shorthand| {
                    let mut out = describe_field(&shorthand.field, options);
                    if let Some(path) = &shorthand.translate_backwards {
                        out.insert("translate_backwards".to_owned(), json!(path));
                    }
                    Value::Object(Map::from_iter([(shorthand.field.name.clone(), out.into())]))
                });
                set("shorthand_fields", shorthands.collect());
            }
        }
    }
}

fn describe_rule(rule: &Rule, options: Options) -> Option<(&'static str, Value)> {
    let messages = |list: &[(Pattern, String)]| -> Value {
        list.iter().map(|(pattern, err)| json!({ "pattern": pattern.as_lua(), "err": err })).collect()
    };
    Some(match rule {
        Rule::Eq(value) => ("eq", value.clone()),
        Rule::Ne(value) => ("ne", value.clone()),
        Rule::NotOneOf(values) => ("not_one_of", values.clone().into()),
        Rule::OneOf(choices) => ("one_of", choices.allowed(options).cloned().collect()),
        Rule::Gt(limit) => ("gt", number(*limit)),
        Rule::Timestamp => ("timestamp", true.into()),
        Rule::Uuid => ("uuid", true.into()),
        Rule::IsRegex => ("is_regex", true.into()),
        Rule::Between(low, high) => ("between", vec![number(*low), number(*high)].into()),
        Rule::LenEq(len) => ("len_eq", (*len).into()),
        Rule::LenMin(len) => ("len_min", (*len).into()),
        Rule::LenMax(len) => ("len_max", (*len).into()),
        Rule::StartsWith(prefix) => ("starts_with", prefix.clone().into()),
        Rule::NotMatch(pattern) => ("not_match", pattern.as_lua().into()),
        Rule::Match(pattern) => ("match", pattern.as_lua().into()),
        Rule::MatchNone(list) => ("match_none", messages(list)),
        Rule::MatchAll(list) => ("match_all", messages(list)),
        Rule::MatchAny { patterns, err } => {
            let patterns: Vec<_> = patterns.iter().map(Pattern::as_lua).collect();
            let mut any = json!({ "patterns": patterns });
            if let (Some(err), Value::Object(any)) = (err, &mut any) {
                any.insert("err".to_owned(), err.clone().into());
            }
            ("match_any", any)
        }
        Rule::Contains(value) => ("contains", value.clone()),
        Rule::MutuallyExclusiveSubsets(subsets) => ("mutually_exclusive_subsets", json!(subsets)),
        Rule::Custom(_) => return None,
    })
}

/// Returns a number as Lua's encoder writes it: whole ones without point, infinities as texts.
fn number(value: f64) -> Value {
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let mut number = Number::from_f64(value).map_or(Value::from("nan"), Value::Number);
    crate::fill::plain_numbers(&mut number);
    number
}

fn entity_check(check: &EntityCheck, options: Options) -> Value {
    let condition = |field: &Field| Value::Object(describe_field(field, options));
    let one = |name: &str, value: Value| Value::Object(Map::from_iter([(name.to_owned(), value)]));
    match check {
        EntityCheck::AtLeastOneOf(names) => one("at_least_one_of", json!(names)),
        EntityCheck::OnlyOneOf(names) => one("only_one_of", json!(names)),
        EntityCheck::Distinct(names) => one("distinct", json!(names)),
        EntityCheck::MutuallyRequired(names) => one("mutually_required", json!(names)),
        EntityCheck::MutuallyExclusive(names) => one("mutually_exclusive", json!(names)),
        EntityCheck::MutuallyExclusiveSets(first, second) => {
            one("mutually_exclusive_sets", json!({ "set1": first, "set2": second }))
        }
        EntityCheck::Conditional(check) => {
            let mut inner = Map::new();
            inner.insert("if_field".to_owned(), check.if_field.clone().into());
            inner.insert("if_match".to_owned(), condition(&check.if_match.field));
            inner.insert("then_field".to_owned(), check.then_field.clone().into());
            inner.insert("then_match".to_owned(), condition(&check.then_match.field));
            if let Some(err) = &check.then_err {
                inner.insert("then_err".to_owned(), err.clone().into());
            }
            one("conditional", inner.into())
        }
        EntityCheck::ConditionalAtLeastOneOf(check) => {
            let mut inner = Map::new();
            inner.insert("if_field".to_owned(), check.if_field.clone().into());
            inner.insert("if_match".to_owned(), condition(&check.if_match.field));
            inner.insert("then_at_least_one_of".to_owned(), json!(check.then_at_least_one_of));
            if let Some(err) = &check.then_err {
                inner.insert("then_err".to_owned(), err.clone().into());
            }
            if let Some(otherwise) = &check.otherwise {
                inner.insert("else_match".to_owned(), condition(&otherwise.else_match.field));
                inner.insert("else_then_at_least_one_of".to_owned(), json!(otherwise.then_at_least_one_of));
                if let Some(err) = &otherwise.then_err {
                    inner.insert("else_then_err".to_owned(), err.clone().into());
                }
            }
            one("conditional_at_least_one_of", inner.into())
        }
        EntityCheck::Custom(check) => {
            let mut inner = Map::new();
            inner.insert("field_sources".to_owned(), json!(check.fields));
            if check.run_with_missing_fields {
                inner.insert("run_with_missing_fields".to_owned(), true.into());
            }
            if check.run_with_invalid_fields {
                inner.insert("run_with_invalid_fields".to_owned(), true.into());
            }
            one("custom_entity_check", inner.into())
        }
    }
}
