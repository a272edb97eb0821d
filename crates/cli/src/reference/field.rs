//! Fields as rows of tables: name, type, default, and what else there is to know. Records become rows with dots.

use gibbon_schema::Field;
use gibbon_schema::Kind;
use gibbon_schema::Record;
use gibbon_schema::Rule;
use gibbon_schema::Value;

/// Returns a table of all fields of a record.
pub(super) fn table(record: &Record) -> String {
    let mut rows = "| field | type | default | |\n|---|---|---|---|\n".to_owned();
    for field in &record.fields {
        add(&mut rows, "", field);
    }
    for shorthand in &record.shorthands {
        let field = &shorthand.field;
        let replaced = field.deprecation.as_ref().and_then(|old| old.replaced_with.first());
        let path = replaced.or(shorthand.translate_backwards.as_ref()).map(|path| path.join("."));
        let about = match path {
            Some(path) => format!("Another name of `{path}`."),
            None => field.description.clone().unwrap_or_else(|| "Stands for other fields.".to_owned()),
        };
        rows += &format!("| `{}` | {} | | {} |\n", field.name, kind(&field.kind), cell(&about));
    }
    rows
}

fn add(rows: &mut String, before: &str, field: &Field) {
    let name = format!("{before}{}", field.name);
    let default = field.default.as_ref().map(|value| format!("`{}`", cell(&value.to_string()))).unwrap_or_default();
    // Defaults of a record's fields stand in their own rows.
    let default = if matches!(field.kind, Kind::Record(_)) { String::new() } else { default };
    *rows += &format!("| `{name}` | {} | {default} | {} |\n", kind(&field.kind), cell(&about(field)));
    match &field.kind {
        Kind::Record(inner) => inner.fields.iter().for_each(|field| add(rows, &format!("{name}."), field)),
        Kind::Array(element) | Kind::Set(element) => {
            if let Kind::Record(inner) = &element.kind {
                inner.fields.iter().for_each(|field| add(rows, &format!("{name}[]."), field));
            }
        }
        Kind::Map { values, .. } => {
            if let Kind::Record(inner) = &values.kind {
                inner.fields.iter().for_each(|field| add(rows, &format!("{name}.*."), field));
            }
        }
        _ => {}
    }
}

/// Returns a type in words.
fn kind(kind: &Kind) -> String {
    match kind {
        Kind::String => "string".to_owned(),
        Kind::Integer => "integer".to_owned(),
        Kind::Number => "number".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        Kind::Array(element) => format!("array of {}", self::kind(&element.kind)),
        Kind::Set(element) => format!("set of {}", self::kind(&element.kind)),
        Kind::Map { values, .. } => format!("map to {}", self::kind(&values.kind)),
        Kind::Record(_) => "record".to_owned(),
        Kind::Foreign { reference, .. } => format!("[`{reference}`](entities.md#{reference})"),
        Kind::Json(_) | Kind::Any => "any".to_owned(),
        Kind::Function => "function".to_owned(),
    }
}

/// Returns what a field is for, and the rules that its values must pass.
fn about(field: &Field) -> String {
    let of_record = if let Kind::Record(inner) = &field.kind { inner.description.as_ref() } else { None };
    let description = field.description.as_ref().or(of_record);
    let mut parts: Vec<String> = description.iter().map(|text| text.replace('\n', " ")).collect();
    let mut rules: Vec<String> = Vec::new();
    let flags = [
        (field.required == Some(true) && field.default.is_none() && !field.auto, "required"),
        (field.auto, "made when not given"),
        (field.unique, "unique"),
        (field.immutable, "cannot be changed"),
        (field.referenceable, "may be a vault reference"),
    ];
    rules.extend(flags.iter().filter(|(set, _)| *set).map(|(_, word)| (*word).to_owned()));
    rules.extend(field.rules.iter().filter_map(rule));
    if let Kind::Array(element) | Kind::Set(element) = &field.kind {
        rules.extend(element.rules.iter().filter_map(rule).map(|rule| format!("each {rule}")));
    }
    if let Some((first, rest)) = rules.split_first() {
        let mut line = first.clone();
        line[..1].make_ascii_uppercase();
        for rule in rest {
            line = format!("{line}; {rule}");
        }
        parts.push(line + ".");
    }
    if let Some(old) = &field.deprecation {
        let new: Vec<String> = old.replaced_with.iter().map(|path| format!("`{}`", path.join("."))).collect();
        parts.push(if new.is_empty() {
            "Deprecated.".to_owned()
        } else {
            format!("Deprecated: use {}.", new.join(", "))
        });
    }
    parts.join(" ")
}

/// Returns a rule in words; nothing for those that are patterns or code.
fn rule(rule: &Rule) -> Option<String> {
    let list =
        |values: &[Value]| values.iter().map(|value| format!("`{}`", plain(value))).collect::<Vec<_>>().join(", ");
    Some(match rule {
        Rule::Eq(Value::Null) => "must not be set".to_owned(),
        Rule::Eq(value) => format!("must be `{}`", plain(value)),
        Rule::Ne(value) => format!("not `{}`", plain(value)),
        Rule::NotOneOf(values) => format!("none of {}", list(values)),
        Rule::OneOf(choices) => format!("one of {}", list(&choices.values)),
        Rule::Gt(limit) => format!("more than {limit}"),
        Rule::Uuid => "a UUID".to_owned(),
        Rule::IsRegex => "a regular expression".to_owned(),
        Rule::Between(low, high) => format!("{low} to {high}"),
        Rule::LenEq(length) => format!("of length {length}"),
        Rule::LenMin(length) => format!("at least {length} long"),
        Rule::LenMax(length) => format!("at most {length} long"),
        Rule::StartsWith(prefix) => format!("begins with `{prefix}`"),
        Rule::Contains(value) => format!("contains `{}`", plain(value)),
        _ => return None,
    })
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns a text that cannot break a table.
pub(super) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
