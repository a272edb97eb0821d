//! Running the rules across fields, with Kong's conditions for when a rule is run at all.
//! What the rules are is `check`'s.

use serde_json::Value;

use crate::Context;
use crate::Document;
use crate::Field;
use crate::Kind;
use crate::Record;
use crate::TransformationInputs;
use crate::Violations;
use crate::admit::Scope;
use crate::check::Conditional;
use crate::check::ConditionalAtLeastOneOf;
use crate::check::EntityCheck;
use crate::check::Match;
use crate::check::is_nonempty;
use crate::check::value_at;
use crate::validate::REQUIRED;
use crate::validate::quoted;
use crate::validate::validate_over;

/// What checks look fields up in: the record, each field as the subschema redefines it.
#[derive(Clone, Copy)]
pub(crate) struct Schemas<'a> {
    pub(crate) record: &'a Record,
    pub(crate) sub: Option<&'a Record>,
}

impl<'a> Schemas<'a> {
    fn field_at(self, path: &str) -> Option<&'a Field> {
        let head = path.split('.').next().unwrap_or(path);
        let owner = self.sub.filter(|sub| sub.field(head).is_some()).unwrap_or(self.record);
        owner.field_at(path)
    }
}

/// Runs the checks in order, adding what is wrong to `violations`.
pub(crate) fn run(
    checks: &[EntityCheck],
    schemas: Schemas<'_>,
    document: &Document,
    scope: Scope,
    cx: &Context<'_>,
    violations: &mut Violations,
) {
    for check in checks {
        if let Some(message) = run_one(check, schemas, document, scope, cx, violations) {
            violations.push_entity(message);
        }
    }
}

fn run_one(
    check: &EntityCheck,
    schemas: Schemas<'_>,
    document: &Document,
    scope: Scope,
    cx: &Context<'_>,
    violations: &mut Violations,
) -> Option<String> {
    let paths = check.fields();
    let mut missing = Vec::new();
    let mut any_given = false;
    for (index, path) in paths.iter().enumerate() {
        match value_at(document, path) {
            None => {
                if needs(check, index) {
                    missing.push(*path);
                }
            }
            Some(value) => {
                any_given = true;
                let is_reference = value.as_str().is_some_and(crate::is_reference);
                // What a reference stands for is not known here.
                if is_reference
                    && schemas
                        .field_at(path)
                        .is_some_and(|field| field.referenceable && matches!(field.kind, Kind::String))
                {
                    return None;
                }
            }
        }
    }
    if !runs_with_invalid(check) && paths.iter().any(|path| violations.has(path)) {
        return None;
    }
    let runs_on_nothing = runs_with_missing(check) && scope == Scope::Whole;
    if !any_given && !runs_on_nothing {
        return None;
    }
    if !missing.is_empty() {
        for path in missing {
            let when = if scope == Scope::Update { " when updating" } else { "" };
            violations.set_path(path, format!("field required for entity check{when}"));
        }
        return None;
    }
    judge(check, schemas, document, scope, cx, violations).err()
}

/// Whether the check cannot run when its `index`th field is missing.
fn needs(check: &EntityCheck, index: usize) -> bool {
    match check {
        EntityCheck::OnlyOneOf(_) | EntityCheck::Distinct(_) => true,
        EntityCheck::Conditional(_) => index == 0,
        EntityCheck::Custom(custom) => !custom.run_with_missing_fields,
        EntityCheck::AtLeastOneOf(_)
        | EntityCheck::ConditionalAtLeastOneOf(_)
        | EntityCheck::MutuallyRequired(_)
        | EntityCheck::MutuallyExclusive(_)
        | EntityCheck::MutuallyExclusiveSets(..) => false,
    }
}

/// Whether the kind of check runs although none of its fields is there. Kong asks the kind, not the check.
fn runs_with_missing(check: &EntityCheck) -> bool {
    !matches!(
        check,
        EntityCheck::OnlyOneOf(_) | EntityCheck::Distinct(_) | EntityCheck::Conditional(_) | EntityCheck::Custom(_)
    )
}

fn runs_with_invalid(check: &EntityCheck) -> bool {
    match check {
        EntityCheck::Custom(custom) => custom.run_with_invalid_fields,
        EntityCheck::MutuallyRequired(_)
        | EntityCheck::MutuallyExclusive(_)
        | EntityCheck::MutuallyExclusiveSets(..) => false,
        EntityCheck::AtLeastOneOf(_)
        | EntityCheck::ConditionalAtLeastOneOf(_)
        | EntityCheck::OnlyOneOf(_)
        | EntityCheck::Distinct(_)
        | EntityCheck::Conditional(_) => true,
    }
}

fn judge(
    check: &EntityCheck,
    schemas: Schemas<'_>,
    document: &Document,
    scope: Scope,
    cx: &Context<'_>,
    violations: &mut Violations,
) -> Result<(), String> {
    let given = |name: &&String| is_nonempty(value_at(document, name));
    let count = |names: &[String]| names.iter().filter(given).count();
    let require = |right: bool, what: &str, names: &[String]| {
        if right { Ok(()) } else { Err(format!("{what}: {}", quoted(names.iter()))) }
    };
    match check {
        EntityCheck::AtLeastOneOf(names) => require(count(names) > 0, at_least_one(scope), names),
        EntityCheck::OnlyOneOf(names) => {
            require(count(names) == 1, "exactly one of these fields must be non-empty", names)
        }
        EntityCheck::Distinct(names) => {
            let values: Vec<_> = names.iter().filter(given).filter_map(|name| value_at(document, name)).collect();
            let doubled = values.iter().enumerate().any(|(index, value)| values[..index].contains(value));
            require(!doubled, "values of these fields must be distinct", names)
        }
        EntityCheck::MutuallyRequired(names) => mutually_required(document, names),
        EntityCheck::MutuallyExclusive(names) => {
            require(count(names) <= 1, "only one or none of these fields must be set", names)
        }
        EntityCheck::MutuallyExclusiveSets(first, second) => {
            let (first, second): (Vec<_>, Vec<_>) =
                (first.iter().filter(given).collect(), second.iter().filter(given).collect());
            if first.is_empty() || second.is_empty() {
                return Ok(());
            }
            let (first, second) = (quoted(first.iter()), quoted(second.iter()));
            Err(format!("these sets are mutually exclusive: ({first}), ({second})"))
        }
        EntityCheck::Conditional(check) => conditional(check, schemas, document, cx, violations),
        EntityCheck::ConditionalAtLeastOneOf(check) => conditional_at_least_one(check, schemas, document, scope, cx),
        EntityCheck::Custom(check) => {
            let mut seen = Document::new();
            for path in &check.fields {
                if let Some(value) = value_at(document, path) {
                    place(&mut seen, path, value.clone());
                }
            }
            check.run(&seen, cx)
        }
    }
}

fn at_least_one(scope: Scope) -> &'static str {
    match scope {
        Scope::Update => "when updating, at least one of these fields must be non-empty",
        Scope::Whole | Scope::Part => "at least one of these fields must be non-empty",
    }
}

fn mutually_required(document: &Document, names: &[String]) -> Result<(), String> {
    let given = names.iter().filter(|name| is_nonempty(value_at(document, name))).count();
    if given == 0 || given == names.len() {
        return Ok(());
    }
    Err(format!("all or none of these fields must be set: {}", quoted(names.iter())))
}

/// Puts a value at a dotted path, making the objects on the way.
fn place(document: &mut Document, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            document.insert(path.to_owned(), value);
        }
        Some((head, tail)) => {
            let slot = document.entry(head.to_owned()).or_insert_with(|| Document::new().into());
            if let Value::Object(inner) = slot {
                place(inner, tail, value);
            }
        }
    }
}

fn conditional(
    check: &Conditional,
    schemas: Schemas<'_>,
    document: &Document,
    cx: &Context<'_>,
    violations: &mut Violations,
) -> Result<(), String> {
    let if_value = value_at(document, &check.if_field).unwrap_or(&Value::Null);
    if validate_over(schemas.field_at(&check.if_field), &check.if_match.field, if_value, cx).is_err() {
        return Ok(());
    }
    let generic = || format!("failed conditional validation given value of field '{}'", check.if_field);
    let then_value = value_at(document, &check.then_field).unwrap_or(&Value::Null);
    if check.then_match.field.is_required() && then_value.is_null() {
        violations.set_path(&check.then_field, REQUIRED);
        return Err(generic());
    }
    match validate_over(schemas.field_at(&check.then_field), &check.then_match.field, then_value, cx) {
        Ok(()) => Ok(()),
        Err(violation) => {
            violations.set_path(&check.then_field, violation);
            Err(check.then_err.as_ref().map_or_else(generic, |err| err.replace("%s", &check.if_field)))
        }
    }
}

fn conditional_at_least_one(
    check: &ConditionalAtLeastOneOf,
    schemas: Schemas<'_>,
    document: &Document,
    scope: Scope,
    cx: &Context<'_>,
) -> Result<(), String> {
    let Some(value) = value_at(document, &check.if_field) else { return Ok(()) };
    let field = schemas.field_at(&check.if_field);
    let holds = |condition: &Match| validate_over(field, &condition.field, value, cx).is_ok();
    let (names, err) = if holds(&check.if_match) {
        (&check.then_at_least_one_of, &check.then_err)
    } else {
        match &check.otherwise {
            Some(otherwise) if holds(&otherwise.else_match) => (&otherwise.then_at_least_one_of, &otherwise.then_err),
            _ => return Ok(()),
        }
    };
    if names.iter().any(|name| is_nonempty(value_at(document, name))) {
        return Ok(());
    }
    let list = quoted(names.iter());
    Err(err.as_ref().map_or_else(|| format!("{}: {list}", at_least_one(scope)), |err| err.replace("%s", &list)))
}

/// Checks that fields transformed together are given together, also against what is stored.
pub(crate) fn run_transformation_inputs(
    inputs: &TransformationInputs,
    document: &Document,
    original: &Document,
    stored: Option<&Document>,
    violations: &mut Violations,
) {
    let any_given = inputs.input.iter().any(|name| is_nonempty(value_at(original, name)));
    let needs_changed =
        stored.is_some_and(|stored| inputs.needs.iter().any(|name| value_at(original, name) != value_at(stored, name)));
    if !any_given && !needs_changed {
        return;
    }
    let all: Vec<String> = inputs.input.iter().chain(&inputs.needs).cloned().collect();
    let whole = if needs_changed { original } else { document };
    let result = mutually_required(whole, &all).and_then(|()| mutually_required(original, &inputs.input));
    if let Err(message) = result {
        violations.push_entity(message);
    }
}
