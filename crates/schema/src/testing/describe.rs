//! Comparing a description with a recorded schema dump, attribute by attribute.
//! Descriptions, messages of deprecations and functions are not compared.

use serde_json::Map;
use serde_json::Value;

use super::fact;
use crate::Options;
use crate::Record;
use crate::describe;

/// Attributes of a dump that a description does not have.
const NOT_DESCRIBED: [&str; 20] = [
    "name",
    "nullable",
    "has_description",
    "custom_validator",
    "fn",
    "func",
    "on_write",
    "check",
    "on_delete",
    "on_delete_explicit",
    "match_regex",
    "not_match_regex",
    "source",
    "probe",
    "one_of_order",
    "one_of_when_database_off_or_control_plane",
    "fields_defined_by",
    "description",
    "message",
    "kind",
];

/// Compares the description of `record` with a dump, such as `plugins/key-auth` or `schemas/services`.
///
/// # Panics
/// When they differ; all differences are listed.
pub fn check_describe(dump: &str, record: &Record) {
    let Some(dumped) = fact(&format!("{dump}.json")) else { return };
    let wrong = describe_differences(&dumped, record);
    assert!(wrong.is_empty(), "{dump}: {} differences\n{}", wrong.len(), wrong.join("\n"));
}

/// Returns where the description of `record` differs from a dump, one line each.
#[must_use]
pub fn describe_differences(dumped: &Value, record: &Record) -> Vec<String> {
    let description = describe(record, Options::default());
    let mut wrong = Vec::new();
    // The order of a plugin's own fields beside `config` is free.
    let sort = dumped.get("plugin").is_some();
    compare_fields(&dumped["fields"], &description["fields"], sort, "", &mut wrong);
    compare_checks(dumped.get("entity_checks"), Some(&description["entity_checks"]), "", &mut wrong);
    wrong
}

fn compare_fields(dumped: &Value, described: &Value, sort: bool, path: &str, wrong: &mut Vec<String>) {
    let mut want: Vec<(String, &Value)> =
        items(Some(dumped)).map(|field| (field["name"].as_str().unwrap_or_default().to_owned(), field)).collect();
    let mut got: Vec<(String, &Value)> = items(Some(described))
        .filter_map(|field| field.as_object()?.iter().next().map(|(name, field)| (name.clone(), field)))
        .collect();
    if sort {
        want.sort_by(|a, b| a.0.cmp(&b.0));
        got.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let names = |list: &[(String, &Value)]| list.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    if names(&want) != names(&got) {
        wrong.push(format!("{path} fields: want {:?}, got {:?}", names(&want), names(&got)));
    }
    for (name, field) in &want {
        if let Some((_, described)) = got.iter().find(|(other, _)| other == name) {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            compare_field(field, described, &path, wrong);
        }
    }
}

fn compare_field(dumped: &Value, described: &Value, path: &str, wrong: &mut Vec<String>) {
    let empty = Map::new();
    let (want, got) = (dumped.as_object().unwrap_or(&empty), described.as_object().unwrap_or(&empty));
    let names = want.keys().chain(got.keys().filter(|name| !want.contains_key(*name)));
    for name in names.filter(|name| !NOT_DESCRIBED.contains(&name.as_str())) {
        let (a, b) = (want.get(name), got.get(name));
        // Conditions on elements do not repeat the list's own type.
        if name == "type" && a.is_none() && want.contains_key("elements") {
            continue;
        }
        match name.as_str() {
            "fields" if want.contains_key("fields_defined_by") => {}
            "fields" => compare_fields(a.unwrap_or(&Value::Null), b.unwrap_or(&Value::Null), false, path, wrong),
            "shorthand_fields" => {
                let path = format!("{path}.(shorthand)");
                compare_fields(a.unwrap_or(&Value::Null), b.unwrap_or(&Value::Null), false, &path, wrong);
            }
            "entity_checks" => compare_checks(a, b, path, wrong),
            "elements" | "keys" | "values" => {
                let path = format!("{path}.({name})");
                compare_field(a.unwrap_or(&Value::Null), b.unwrap_or(&Value::Null), &path, wrong);
            }
            _ => {
                let unordered = name == "one_of" && want.contains_key("one_of_order");
                let (a, b) = (plain(name, a, unordered), plain(name, b, unordered));
                if a != b {
                    let show = |value: Option<Value>| value.map_or("nothing".to_owned(), |value| value.to_string());
                    wrong.push(format!("{path} {name}: want {}, got {}", show(a), show(b)));
                }
            }
        }
    }
}

/// Returns an attribute in the form both sides share, or nothing when it says nothing.
fn plain(name: &str, value: Option<&Value>, unordered: bool) -> Option<Value> {
    let mut value = value?.clone();
    match (name, &mut value) {
        ("default", Value::Null) | ("unique", Value::Bool(false)) => return None,
        ("default", Value::String(text)) if text.starts_with("RANDOM") => return None,
        ("one_of", Value::Array(values)) if unordered => {
            values.sort_by_key(ToString::to_string);
        }
        ("deprecation", Value::Object(deprecation)) => {
            deprecation.shift_remove("message");
            if let Some(Value::Array(replaced)) = deprecation.get_mut("replaced_with") {
                for place in replaced {
                    if let Some(Value::Array(path)) = place.get("path") {
                        let path: Vec<_> = path.iter().filter_map(Value::as_str).collect();
                        *place = serde_json::json!({ "path": path.join(".") });
                    }
                }
            }
        }
        (_, Value::Array(list)) => {
            for entry in list.iter_mut().filter_map(Value::as_object_mut) {
                entry.shift_remove("regex");
            }
        }
        ("match_any", Value::Object(any)) => {
            any.shift_remove("regexes");
        }
        _ => {}
    }
    crate::fill::plain_numbers(&mut value);
    Some(value)
}

/// Compares checks in order. A check whose function only logs may be left out.
fn compare_checks(dumped: Option<&Value>, described: Option<&Value>, path: &str, wrong: &mut Vec<String>) {
    let want: Vec<_> = items(dumped).map(|check| (check["kind"].as_str().unwrap_or_default(), check)).collect();
    let got: Vec<_> = items(described)
        .filter_map(|check| check.as_object()?.iter().next().map(|(kind, check)| (kind.as_str(), check)))
        .collect();
    let kinds = |list: &[(&str, &Value)]| list.iter().map(|(kind, _)| (*kind).to_owned()).collect::<Vec<_>>();
    if kinds(&want) != kinds(&got) {
        wrong.push(format!("{path} entity_checks: want {:?}, got {:?}", kinds(&want), kinds(&got)));
        return;
    }
    for (index, ((kind, want), (_, got))) in want.iter().zip(&got).enumerate() {
        let path = format!("{path} entity_checks[{index}] {kind}");
        match want.get("args") {
            Some(args) if args == *got => {}
            Some(args) => wrong.push(format!("{path}: want {args}, got {got}")),
            None => compare_check(want, got, &path, wrong),
        }
    }
}

fn compare_check(dumped: &Value, described: &Value, path: &str, wrong: &mut Vec<String>) {
    let empty = Map::new();
    let (want, got) = (dumped.as_object().unwrap_or(&empty), described.as_object().unwrap_or(&empty));
    for name in want.keys().chain(got.keys().filter(|name| !want.contains_key(*name))) {
        let (a, b) = (want.get(name).unwrap_or(&Value::Null), got.get(name).unwrap_or(&Value::Null));
        match name.as_str() {
            "if_match" | "then_match" | "else_match" => compare_field(a, b, &format!("{path} {name}"), wrong),
            name if NOT_DESCRIBED.contains(&name) => {}
            name if a != b => wrong.push(format!("{path} {name}: want {a}, got {b}")),
            _ => {}
        }
    }
}

fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}
