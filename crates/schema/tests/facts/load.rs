//! From a schema dump to a record, rule by rule.

use gibbon_schema::Deprecation;
use gibbon_schema::EntityCheck;
use gibbon_schema::Field;
use gibbon_schema::Kind;
use gibbon_schema::OnDelete;
use gibbon_schema::Pattern;
use gibbon_schema::Record;
use gibbon_schema::Rule;
use gibbon_schema::Shorthand;
use gibbon_schema::TransformationInputs;
use gibbon_schema::Value;
use gibbon_schema::check;
use gibbon_schema::typedefs::TRACING_FORMATS;

use crate::customs;

/// Builds the record of an entity, a plugin, or a record field.
pub(crate) fn record(dump: &Value, left_out: &mut Vec<String>) -> Record {
    let mut record = Record::new(list(&dump["fields"]).map(|dump| field(dump, left_out)).collect::<Vec<_>>());
    record.ttl = dump["ttl"] == true;
    for dump in list(&dump["entity_checks"]) {
        if let Some(check) = entity_check(dump, left_out) {
            record.checks.push(check);
        }
    }
    for dump in list(&dump["shorthand_fields"]) {
        record.shorthands.push(shorthand(dump, left_out));
    }
    for dump in list(&dump["transformations"]) {
        record
            .transformation_inputs
            .push(TransformationInputs { input: texts(&dump["input"]), needs: texts(&dump["needs"]) });
    }
    match dump["subschema_key"].as_str() {
        Some(key) => record.subschema("", key, dump["subschema_error"].as_str()),
        None => record,
    }
}

fn field(dump: &Value, left_out: &mut Vec<String>) -> Field {
    let flag = |name: &str| dump[name] == true;
    let mut field = Field::new(text(&dump["name"]), kind(dump, left_out));
    field.required = dump["required"].as_bool();
    field.default = dump.get("default").cloned();
    field.auto = flag("auto");
    field.unique = flag("unique");
    field.unique_across_ws = flag("unique_across_ws");
    field.immutable = flag("immutable");
    field.transient = flag("transient");
    field.is_abstract = flag("abstract");
    field.referenceable = flag("referenceable");
    field.encrypted = flag("encrypted");
    field.err = dump["err"].as_str().map(str::to_owned);
    field.deprecation = dump.get("deprecation").map(|dump| Deprecation {
        message: String::new(),
        removal_in_version: text(&dump["removal_in_version"]),
        old_default: dump.get("old_default").cloned(),
        replaced_with: list(&dump["replaced_with"])
            .map(|place| text(&place["path"]).split('.').map(str::to_owned).collect())
            .collect(),
    });
    rules(field, dump, left_out)
}

fn kind(dump: &Value, left_out: &mut Vec<String>) -> Kind {
    let mut inner = |name: &str| Box::new(field(&dump[name], left_out));
    match dump["type"].as_str().unwrap_or_default() {
        "string" => Kind::String,
        "integer" => Kind::Integer,
        "number" => Kind::Number,
        "boolean" => Kind::Boolean,
        "function" => Kind::Function,
        "array" => Kind::Array(inner("elements")),
        "set" => Kind::Set(inner("elements")),
        "map" => Kind::Map { keys: inner("keys"), values: inner("values") },
        "record" => Kind::Record(Box::new(record(dump, left_out))),
        "json" => Kind::Json(dump["json_schema"].clone()),
        "foreign" => Kind::Foreign {
            reference: text(&dump["reference"]),
            on_delete: match dump["on_delete"].as_str() {
                Some("cascade") => Some(OnDelete::Cascade),
                Some("null") => Some(OnDelete::Null),
                Some("restrict") => Some(OnDelete::Restrict),
                _ => None,
            },
        },
        // Conditions say what to look for, not what kind the field has; their `elements` are an array's or a set's.
        "" if dump.get("elements").is_some() => Kind::Array(inner("elements")),
        "" => Kind::Any,
        other => panic!("type {other}"),
    }
}

fn rules(mut field: Field, dump: &Value, left_out: &mut Vec<String>) -> Field {
    let number = |value: &Value| value.as_f64().unwrap();
    let length = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let pattern = |value: &Value| Pattern::new(value.as_str().unwrap()).unwrap();
    let with_messages =
        |value: &Value| list(value).map(|one| (pattern(&one["pattern"]), text(&one["err"]))).collect::<Vec<_>>();
    for (name, value) in dump.as_object().into_iter().flatten() {
        field = match name.as_str() {
            "eq" => field.eq(value.clone()),
            "ne" => field.ne(value.clone()),
            "one_of" => field.one_of(choices(dump, value)),
            "not_one_of" => field.not_one_of(list(value).cloned()),
            "gt" => field.gt(number(value)),
            "between" => field.between(number(&value[0]), number(&value[1])),
            "timestamp" => field.timestamp(),
            "uuid" => field.uuid(),
            "is_regex" => field.is_regex(),
            "len_eq" => field.len_eq(length(value)),
            "len_min" => field.len_min(length(value)),
            "len_max" => field.len_max(length(value)),
            "starts_with" => field.starts_with(text(value)),
            "contains" => field.contains(value.clone()),
            "match" => field.matches(pattern(value)),
            "not_match" => field.not_match(pattern(value)),
            "match_all" => field.match_all(with_messages(value)),
            "match_none" => field.match_none(with_messages(value)),
            "match_any" => field.rule(Rule::MatchAny {
                patterns: list(&value["patterns"]).map(pattern).collect(),
                err: value["err"].as_str().map(str::to_owned),
            }),
            "mutually_exclusive_subsets" => field.mutually_exclusive_subsets(list(value).map(texts)),
            "custom_validator" => match customs::validator(value["source"].as_str().unwrap()) {
                Some(custom) => field.custom(custom),
                None => {
                    left_out.push(text(&value["source"]));
                    field
                }
            },
            _ => field,
        };
    }
    if let Some(only) = dump.get("one_of_when_database_off_or_control_plane") {
        let only: Vec<_> = list(only).collect();
        let shared = list(&dump["one_of"]).filter(|value| !only.contains(value)).cloned();
        field = field.shared_database_only(shared);
    }
    field
}

/// Returns the choices; where the dump got the order of tracing formats wrong, the one that messages show.
fn choices(dump: &Value, values: &Value) -> Vec<Value> {
    let mut values: Vec<Value> = list(values).cloned().collect();
    let own_order = dump["name"].as_str().is_some_and(|name| name.ends_with("header_type"));
    if dump.get("one_of_order").is_some() && !own_order {
        values.sort_by_key(|value| TRACING_FORMATS.iter().position(|format| value == format));
    }
    values
}

fn entity_check(dump: &Value, left_out: &mut Vec<String>) -> Option<EntityCheck> {
    let args = || texts(&dump["args"]);
    let mut condition = |name: &str| field(&dump[name], left_out);
    let with_err = |check: EntityCheck, err: &Value| match err.as_str() {
        Some(err) => check.err(err),
        None => check,
    };
    Some(match dump["kind"].as_str().unwrap() {
        "at_least_one_of" => check::at_least_one_of(args()),
        "only_one_of" => check::only_one_of(args()),
        "distinct" => check::distinct(args()),
        "mutually_required" => check::mutually_required(args()),
        "mutually_exclusive" => check::mutually_exclusive(args()),
        "conditional" => with_err(
            check::conditional(
                dump["if_field"].as_str().unwrap(),
                condition("if_match"),
                dump["then_field"].as_str().unwrap(),
                condition("then_match"),
            ),
            &dump["then_err"],
        ),
        "conditional_at_least_one_of" => {
            let (if_match, else_match) = (condition("if_match"), condition("else_match"));
            let names = texts(&dump["then_at_least_one_of"]);
            let check = check::conditional_at_least_one_of(dump["if_field"].as_str().unwrap(), if_match, names);
            let check = with_err(check, &dump["then_err"]);
            if dump.get("else_match").is_none() {
                return Some(check);
            }
            with_err(check.or_else(else_match, texts(&dump["else_then_at_least_one_of"])), &dump["else_then_err"])
        }
        "custom_entity_check" => {
            let source = dump["fn"]["source"].as_str().unwrap();
            let check = customs::entity_check(source, texts(&dump["field_sources"]));
            if check.is_none() {
                left_out.push(source.to_owned());
            }
            let check = check.unwrap_or_else(|| check::custom_check(texts(&dump["field_sources"]), |_, _| Ok(())));
            let check = if dump["run_with_invalid_fields"] == true { check.run_with_invalid_fields() } else { check };
            if dump["run_with_missing_fields"] == true { check.run_with_missing_fields() } else { check }
        }
        other => panic!("check {other}"),
    })
}

fn shorthand(dump: &Value, left_out: &mut Vec<String>) -> Shorthand {
    let field = field(dump, left_out);
    let source = dump["func"]["source"].as_str().unwrap_or_default();
    if let Some(run) = customs::shorthand(source) {
        return Shorthand::new(field, run);
    }
    let moved = field.deprecation.as_ref().and_then(|deprecation| deprecation.replaced_with.first()).cloned();
    if let Some(path) = moved {
        return Shorthand::moved(field, &path.join("."));
    }
    let result = dump["probe"][0]["result"].as_object().and_then(|result| result.keys().next()).cloned();
    let target = result.unwrap_or_else(|| panic!("shorthand {source}"));
    Shorthand::new(field, move |value| Some([(target.clone(), value.clone())].into_iter().collect()))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    list(value).map(text).collect()
}
