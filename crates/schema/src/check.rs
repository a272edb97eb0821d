//! Rules across fields: one variant a kind of Kong's entity check, and short functions to write them.
//! Fields are named by dotted paths; running them is `entity`'s.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::Context;
use crate::Document;
use crate::Field;
use crate::Kind;

/// One rule across fields.
#[derive(Clone, Debug)]
pub enum EntityCheck {
    /// One of the fields must be non-empty.
    AtLeastOneOf(Vec<String>),
    /// When a field matches, one of others must be non-empty.
    ConditionalAtLeastOneOf(Box<ConditionalAtLeastOneOf>),
    /// Exactly one of the fields must be non-empty.
    OnlyOneOf(Vec<String>),
    /// The fields must differ.
    Distinct(Vec<String>),
    /// When a field matches, another must match too.
    Conditional(Box<Conditional>),
    /// A function of some fields.
    Custom(CustomCheck),
    /// All of the fields must be set, or none.
    MutuallyRequired(Vec<String>),
    /// At most one of the fields may be set.
    MutuallyExclusive(Vec<String>),
    /// Fields of at most one of two groups may be set.
    MutuallyExclusiveSets(Vec<String>, Vec<String>),
}

/// A condition: attributes laid over those the field has.
#[derive(Clone, Debug)]
pub struct Match {
    /// The attributes; its kind counts only where it is not [`Kind::Any`].
    pub field: Field,
}

/// When a field matches, another must match too.
#[derive(Clone, Debug)]
pub struct Conditional {
    /// The field that is looked at.
    pub if_field: String,
    /// When the second field is looked at.
    pub if_match: Match,
    /// The second field.
    pub then_field: String,
    /// What the second field must be.
    pub then_match: Match,
    /// The message, `%s` standing for the first field.
    pub then_err: Option<String>,
}

/// When a field matches, one of others must be non-empty.
#[derive(Clone, Debug)]
pub struct ConditionalAtLeastOneOf {
    /// The field that is looked at.
    pub if_field: String,
    /// When the others are looked at.
    pub if_match: Match,
    /// The others.
    pub then_at_least_one_of: Vec<String>,
    /// The message, `%s` standing for the quoted others.
    pub then_err: Option<String>,
    /// A second condition, tried when the first does not hold.
    pub otherwise: Option<Otherwise>,
}

/// The second condition of a [`ConditionalAtLeastOneOf`].
#[derive(Clone, Debug)]
pub struct Otherwise {
    /// When the others are looked at.
    pub else_match: Match,
    /// The others.
    pub then_at_least_one_of: Vec<String>,
    /// The message, `%s` standing for the quoted others.
    pub then_err: Option<String>,
}

type CheckFn = dyn Fn(&Document, &Context<'_>) -> Result<(), String> + Send + Sync;

/// A function of some fields; it sees a document with only these in it.
#[derive(Clone)]
pub struct CustomCheck {
    /// The fields it reads.
    pub fields: Vec<String>,
    /// Runs even when fields are missing.
    pub run_with_missing_fields: bool,
    /// Runs even when fields are wrong.
    pub run_with_invalid_fields: bool,
    run: Arc<CheckFn>,
}

impl CustomCheck {
    /// Runs the function on a document with its fields.
    ///
    /// # Errors
    /// The message for the entity.
    pub fn run(&self, document: &Document, cx: &Context<'_>) -> Result<(), String> {
        (self.run)(document, cx)
    }
}

impl fmt::Debug for CustomCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomCheck").field("fields", &self.fields).finish_non_exhaustive()
    }
}

fn names<T: Into<String>>(fields: impl IntoIterator<Item = T>) -> Vec<String> {
    fields.into_iter().map(Into::into).collect()
}

/// One of the fields must be non-empty.
pub fn at_least_one_of<T: Into<String>>(fields: impl IntoIterator<Item = T>) -> EntityCheck {
    EntityCheck::AtLeastOneOf(names(fields))
}

/// Exactly one of the fields must be non-empty.
pub fn only_one_of<T: Into<String>>(fields: impl IntoIterator<Item = T>) -> EntityCheck {
    EntityCheck::OnlyOneOf(names(fields))
}

/// The fields must differ.
pub fn distinct<T: Into<String>>(fields: impl IntoIterator<Item = T>) -> EntityCheck {
    EntityCheck::Distinct(names(fields))
}

/// All of the fields must be set, or none.
pub fn mutually_required<T: Into<String>>(fields: impl IntoIterator<Item = T>) -> EntityCheck {
    EntityCheck::MutuallyRequired(names(fields))
}

/// At most one of the fields may be set.
pub fn mutually_exclusive<T: Into<String>>(fields: impl IntoIterator<Item = T>) -> EntityCheck {
    EntityCheck::MutuallyExclusive(names(fields))
}

/// Fields of at most one of two groups may be set.
pub fn mutually_exclusive_sets<T: Into<String>>(
    first: impl IntoIterator<Item = T>,
    second: impl IntoIterator<Item = T>,
) -> EntityCheck {
    EntityCheck::MutuallyExclusiveSets(names(first), names(second))
}

/// A function of some fields must pass; it gets a document with only these, and says what is wrong.
pub fn custom_check<T: Into<String>>(
    fields: impl IntoIterator<Item = T>,
    run: impl Fn(&Document, &Context<'_>) -> Result<(), String> + Send + Sync + 'static,
) -> EntityCheck {
    EntityCheck::Custom(CustomCheck {
        fields: names(fields),
        run_with_missing_fields: false,
        run_with_invalid_fields: false,
        run: Arc::new(run),
    })
}

/// An empty condition, to be narrowed with [`Field`]'s methods: `is().one_of(["a"])`, `is().required()`.
#[must_use]
pub fn is() -> Field {
    Field::new("", Kind::Any)
}

/// When `if_field` matches, `then_field` must match too.
pub fn conditional(if_field: &str, if_match: Field, then_field: &str, then_match: Field) -> EntityCheck {
    EntityCheck::Conditional(Box::new(Conditional {
        if_field: if_field.to_owned(),
        if_match: Match { field: if_match },
        then_field: then_field.to_owned(),
        then_match: Match { field: then_match },
        then_err: None,
    }))
}

/// When `if_field` matches, one of the others must be non-empty.
pub fn conditional_at_least_one_of<T: Into<String>>(
    if_field: &str,
    if_match: Field,
    fields: impl IntoIterator<Item = T>,
) -> EntityCheck {
    EntityCheck::ConditionalAtLeastOneOf(Box::new(ConditionalAtLeastOneOf {
        if_field: if_field.to_owned(),
        if_match: Match { field: if_match },
        then_at_least_one_of: names(fields),
        then_err: None,
        otherwise: None,
    }))
}

impl EntityCheck {
    /// Sets the message of a conditional check; other kinds keep theirs.
    #[must_use]
    pub fn err(mut self, message: impl Into<String>) -> Self {
        match &mut self {
            Self::Conditional(check) => check.then_err = Some(message.into()),
            Self::ConditionalAtLeastOneOf(check) => match &mut check.otherwise {
                Some(otherwise) => otherwise.then_err = Some(message.into()),
                None => check.then_err = Some(message.into()),
            },
            _ => {}
        }
        self
    }

    /// Adds the second condition of a conditional "at least one of"; other kinds stay as they are.
    #[must_use]
    pub fn or_else<T: Into<String>>(mut self, else_match: Field, fields: impl IntoIterator<Item = T>) -> Self {
        if let Self::ConditionalAtLeastOneOf(check) = &mut self {
            check.otherwise = Some(Otherwise {
                else_match: Match { field: else_match },
                then_at_least_one_of: names(fields),
                then_err: None,
            });
        }
        self
    }

    /// Runs a custom check even when fields are missing; other kinds stay as they are.
    #[must_use]
    pub fn run_with_missing_fields(mut self) -> Self {
        if let Self::Custom(check) = &mut self {
            check.run_with_missing_fields = true;
        }
        self
    }

    /// Runs a custom check even when fields are wrong; other kinds stay as they are.
    #[must_use]
    pub fn run_with_invalid_fields(mut self) -> Self {
        if let Self::Custom(check) = &mut self {
            check.run_with_invalid_fields = true;
        }
        self
    }

    /// Returns the dotted paths of the fields the check reads, in order.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        let mut fields: Vec<&str> = Vec::new();
        match self {
            Self::AtLeastOneOf(names)
            | Self::OnlyOneOf(names)
            | Self::Distinct(names)
            | Self::MutuallyRequired(names)
            | Self::MutuallyExclusive(names) => fields.extend(names.iter().map(String::as_str)),
            Self::MutuallyExclusiveSets(first, second) => {
                fields.extend(first.iter().chain(second).map(String::as_str));
            }
            Self::Conditional(check) => fields.extend([check.if_field.as_str(), check.then_field.as_str()]),
            Self::ConditionalAtLeastOneOf(check) => {
                fields.push(&check.if_field);
                fields.extend(check.then_at_least_one_of.iter().map(String::as_str));
                if let Some(otherwise) = &check.otherwise {
                    fields.extend(otherwise.then_at_least_one_of.iter().map(String::as_str));
                }
            }
            Self::Custom(check) => fields.extend(check.fields.iter().map(String::as_str)),
        }
        fields
    }
}

/// Returns whether a value counts as given: not missing, null, empty list, empty object or empty text.
#[must_use]
pub fn is_nonempty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(entries)) => !entries.is_empty(),
        Some(_) => true,
    }
}

/// Returns the value at a dotted path through objects.
#[must_use]
pub fn value_at<'a>(document: &'a Document, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => document.get(path),
        Some((head, tail)) => value_at(document.get(head)?.as_object()?, tail),
    }
}
