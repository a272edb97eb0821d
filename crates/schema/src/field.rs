//! How schemas are written: constructors and one method an attribute, for code and for the derive alike.
//! What the attributes mean is said at [`Field`] and [`Rule`].

use serde_json::Value;

use crate::Custom;
use crate::Deprecation;
use crate::Field;
use crate::IntoCustom;
use crate::Kind;
use crate::OnDelete;
use crate::Pattern;
use crate::Record;
use crate::Rule;
use crate::Shorthand;
use crate::check::EntityCheck;
use crate::record::SubschemaKey;
use crate::rule::Choices;
use crate::rule::Rules;

impl Field {
    /// Makes an optional field without rules.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            required: None,
            default: None,
            auto: false,
            unique: false,
            unique_across_ws: false,
            immutable: false,
            transient: false,
            is_abstract: false,
            referenceable: false,
            encrypted: false,
            rules: Rules::default(),
            err: None,
            deprecation: None,
            description: None,
        }
    }

    /// Makes a string field, nameless until [`Field::named`].
    #[must_use]
    pub fn string() -> Self {
        Self::new("", Kind::String)
    }

    /// Makes an integer field.
    #[must_use]
    pub fn integer() -> Self {
        Self::new("", Kind::Integer)
    }

    /// Makes a number field.
    #[must_use]
    pub fn number() -> Self {
        Self::new("", Kind::Number)
    }

    /// Makes a boolean field.
    #[must_use]
    pub fn boolean() -> Self {
        Self::new("", Kind::Boolean)
    }

    /// Makes an array field.
    #[must_use]
    pub fn array(elements: Self) -> Self {
        Self::new("", Kind::Array(Box::new(elements)))
    }

    /// Makes a set field.
    #[must_use]
    pub fn set(elements: Self) -> Self {
        Self::new("", Kind::Set(Box::new(elements)))
    }

    /// Makes a map field.
    #[must_use]
    pub fn map(keys: Self, values: Self) -> Self {
        Self::new("", Kind::Map { keys: Box::new(keys), values: Box::new(values) })
    }

    /// Makes a record field.
    #[must_use]
    pub fn record(record: Record) -> Self {
        Self::new("", Kind::Record(Box::new(record)))
    }

    /// Makes a field that refers to another entity.
    #[must_use]
    pub fn foreign(reference: impl Into<String>) -> Self {
        Self::new("", Kind::Foreign { reference: reference.into(), on_delete: None })
    }

    /// Sets the name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Makes the field required.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = Some(true);
        self
    }

    /// Makes the field optional, and says so in the description.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = Some(false);
        self
    }

    /// Lets the field be missing although its Rust type has a value always: the engine makes one.
    #[must_use]
    pub fn nullable(mut self) -> Self {
        self.required = None;
        self
    }

    /// Sets the default.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Lets the engine make the value.
    #[must_use]
    pub fn auto(mut self) -> Self {
        self.auto = true;
        self
    }

    /// Makes values unique.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Makes values unique over all workspaces.
    #[must_use]
    pub fn unique_across_ws(mut self) -> Self {
        self.unique_across_ws = true;
        self
    }

    /// Forbids updates to change the value.
    #[must_use]
    pub fn immutable(mut self) -> Self {
        self.immutable = true;
        self
    }

    /// Keeps the value out of the store.
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.transient = true;
        self
    }

    /// Leaves the field to subschemas.
    #[must_use]
    pub fn is_abstract(mut self) -> Self {
        self.is_abstract = true;
        self
    }

    /// Allows vault references.
    #[must_use]
    pub fn referenceable(mut self) -> Self {
        self.referenceable = true;
        self
    }

    /// Marks the value as secret.
    #[must_use]
    pub fn encrypted(mut self) -> Self {
        self.encrypted = true;
        self
    }

    /// Sets the message in place of the rules' own.
    #[must_use]
    pub fn err(mut self, message: impl Into<String>) -> Self {
        self.err = Some(message.into());
        self
    }

    /// Sets what the field is for.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Discourages the field's use until version 4.0.
    #[must_use]
    pub fn deprecated(mut self, message: impl Into<String>) -> Self {
        let old = self.deprecation.take().unwrap_or_default();
        self.deprecation = Some(Deprecation { message: message.into(), removal_in_version: "4.0".to_owned(), ..old });
        self
    }

    /// Sets the value of a deprecated field that is not warned about.
    #[must_use]
    pub fn old_default(mut self, value: impl Into<Value>) -> Self {
        self.deprecation.get_or_insert_default().old_default = Some(value.into());
        self
    }

    /// Sets the entity that a foreign field refers to; other kinds keep their shape.
    #[must_use]
    pub fn reference(mut self, entity: impl Into<String>) -> Self {
        if let Kind::Foreign { reference, .. } = &mut self.kind {
            *reference = entity.into();
        }
        self
    }

    /// Sets what deleting the entity referred to does; other kinds keep their shape.
    #[must_use]
    pub fn on_delete(mut self, action: OnDelete) -> Self {
        if let Kind::Foreign { on_delete, .. } = &mut self.kind {
            *on_delete = Some(action);
        }
        self
    }

    /// Adds a rule, in place of an earlier one of its kind.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.set(rule);
        self
    }

    /// Requires the value, or its absence when the value is null.
    #[must_use]
    pub fn eq(self, value: impl Into<Value>) -> Self {
        self.rule(Rule::Eq(value.into()))
    }

    /// Refuses the value.
    #[must_use]
    pub fn ne(self, value: impl Into<Value>) -> Self {
        self.rule(Rule::Ne(value.into()))
    }

    /// Allows only the values.
    #[must_use]
    pub fn one_of<T: Into<Value>>(self, values: impl IntoIterator<Item = T>) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.rule(Rule::OneOf(Choices { values, shared_database_only: Vec::new() }))
    }

    /// Of the values of `one_of`, keeps these to nodes that share a database.
    #[must_use]
    pub fn shared_database_only<T: Into<Value>>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        let only: Vec<Value> = values.into_iter().map(Into::into).collect();
        let choices =
            self.rules.iter().find_map(|rule| if let Rule::OneOf(own) = rule { Some(own.clone()) } else { None });
        if let Some(choices) = choices {
            self.rules.set(Rule::OneOf(Choices { shared_database_only: only, ..choices }));
        }
        self
    }

    /// Refuses the values.
    #[must_use]
    pub fn not_one_of<T: Into<Value>>(self, values: impl IntoIterator<Item = T>) -> Self {
        self.rule(Rule::NotOneOf(values.into_iter().map(Into::into).collect()))
    }

    /// Requires more than the number.
    #[must_use]
    pub fn gt(self, limit: impl Bound) -> Self {
        self.rule(Rule::Gt(limit.bound()))
    }

    /// Requires a number from `low` to `high`.
    #[must_use]
    pub fn between(self, low: impl Bound, high: impl Bound) -> Self {
        self.rule(Rule::Between(low.bound(), high.bound()))
    }

    /// Requires a positive time.
    #[must_use]
    pub fn timestamp(self) -> Self {
        self.rule(Rule::Timestamp)
    }

    /// Requires a UUID.
    #[must_use]
    pub fn uuid(self) -> Self {
        self.rule(Rule::Uuid)
    }

    /// Requires a regular expression.
    #[must_use]
    pub fn is_regex(self) -> Self {
        self.rule(Rule::IsRegex)
    }

    /// Requires exactly this length.
    #[must_use]
    pub fn len_eq(self, len: usize) -> Self {
        self.rule(Rule::LenEq(len))
    }

    /// Requires at least this length.
    #[must_use]
    pub fn len_min(self, len: usize) -> Self {
        self.rule(Rule::LenMin(len))
    }

    /// Requires at most this length.
    #[must_use]
    pub fn len_max(self, len: usize) -> Self {
        self.rule(Rule::LenMax(len))
    }

    /// Requires a beginning.
    #[must_use]
    pub fn starts_with(self, prefix: impl Into<String>) -> Self {
        self.rule(Rule::StartsWith(prefix.into()))
    }

    /// Requires the Lua pattern to match (`match` in Kong, a keyword here).
    #[must_use]
    pub fn matches(self, pattern: impl Into<Pattern>) -> Self {
        self.rule(Rule::Match(pattern.into()))
    }

    /// Requires the Lua pattern not to match.
    #[must_use]
    pub fn not_match(self, pattern: impl Into<Pattern>) -> Self {
        self.rule(Rule::NotMatch(pattern.into()))
    }

    /// Requires that none of the Lua patterns matches; each comes with its message.
    #[must_use]
    pub fn match_none<P: Into<Pattern>, M: Into<String>>(self, list: impl IntoIterator<Item = (P, M)>) -> Self {
        self.rule(Rule::MatchNone(with_messages(list)))
    }

    /// Requires that all of the Lua patterns match; each comes with its message.
    #[must_use]
    pub fn match_all<P: Into<Pattern>, M: Into<String>>(self, list: impl IntoIterator<Item = (P, M)>) -> Self {
        self.rule(Rule::MatchAll(with_messages(list)))
    }

    /// Requires that one of the Lua patterns matches, with the message when none does.
    #[must_use]
    pub fn match_any<P: Into<Pattern>>(self, patterns: impl IntoIterator<Item = P>, err: impl Into<String>) -> Self {
        let patterns = patterns.into_iter().map(Into::into).collect();
        self.rule(Rule::MatchAny { patterns, err: Some(err.into()) })
    }

    /// Requires a list with the value in it.
    #[must_use]
    pub fn contains(self, value: impl Into<Value>) -> Self {
        self.rule(Rule::Contains(value.into()))
    }

    /// Requires that a function passes the value; see [`IntoCustom`] for its shape.
    #[must_use]
    pub fn custom<M>(self, function: impl IntoCustom<M>) -> Self {
        self.rule(Rule::Custom(Custom::new(function)))
    }

    /// Allows elements of at most one of the subsets.
    #[must_use]
    pub fn mutually_exclusive_subsets<S, T>(self, subsets: impl IntoIterator<Item = S>) -> Self
    where
        S: IntoIterator<Item = T>,
        T: Into<String>,
    {
        let subsets = subsets.into_iter().map(|set| set.into_iter().map(Into::into).collect()).collect();
        self.rule(Rule::MutuallyExclusiveSubsets(subsets))
    }

    /// Changes the elements of a list; other kinds keep their shape.
    #[must_use]
    pub fn map_elements(mut self, change: impl FnOnce(Self) -> Self) -> Self {
        if let Kind::Array(inner) | Kind::Set(inner) = &mut self.kind {
            **inner = change((**inner).clone());
        }
        self
    }

    /// Changes the keys of a map; other kinds keep their shape.
    #[must_use]
    pub fn map_keys(mut self, change: impl FnOnce(Self) -> Self) -> Self {
        if let Kind::Map { keys, .. } = &mut self.kind {
            **keys = change((**keys).clone());
        }
        self
    }

    /// Changes the values of a map; other kinds keep their shape.
    #[must_use]
    pub fn map_values(mut self, change: impl FnOnce(Self) -> Self) -> Self {
        if let Kind::Map { values, .. } = &mut self.kind {
            **values = change((**values).clone());
        }
        self
    }
}

/// A number in a rule.
pub trait Bound {
    /// Returns the number.
    fn bound(self) -> f64;
}

impl Bound for f64 {
    fn bound(self) -> f64 {
        self
    }
}

impl Bound for i32 {
    fn bound(self) -> f64 {
        self.into()
    }
}

impl Bound for u32 {
    fn bound(self) -> f64 {
        self.into()
    }
}

fn with_messages<P: Into<Pattern>, M: Into<String>>(list: impl IntoIterator<Item = (P, M)>) -> Vec<(Pattern, String)> {
    list.into_iter().map(|(pattern, message)| (pattern.into(), message.into())).collect()
}

impl Record {
    /// Makes a record of fields.
    #[must_use]
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Self {
        Self { fields: fields.into_iter().collect(), ..Self::default() }
    }

    /// Adds a rule across fields.
    #[must_use]
    pub fn check(mut self, check: EntityCheck) -> Self {
        self.checks.push(check);
        self
    }

    /// Adds a check that the plugin's schema runs, with paths such as `config.second`.
    #[must_use]
    pub fn plugin_check(mut self, check: EntityCheck) -> Self {
        self.plugin_checks.push(check);
        self
    }

    /// Adds a shorthand.
    #[must_use]
    pub fn shorthand(mut self, shorthand: Shorthand) -> Self {
        self.shorthands.push(shorthand);
        self
    }

    /// Adds several shorthands.
    #[must_use]
    pub fn shorthands(mut self, shorthands: impl IntoIterator<Item = Shorthand>) -> Self {
        self.shorthands.extend(shorthands);
        self
    }

    /// Sets the rule over the whole record.
    #[must_use]
    pub fn custom<M>(mut self, function: impl IntoCustom<M>) -> Self {
        self.custom = Some(Custom::new(function));
        self
    }

    /// Sets what the record is.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Lets documents carry `ttl`.
    #[must_use]
    pub fn ttl(mut self) -> Self {
        self.ttl = true;
        self
    }

    /// Makes the schema abstract: the value of `field` names what completes it.
    #[must_use]
    pub fn subschema(mut self, family: impl Into<String>, field: impl Into<String>, error: Option<&str>) -> Self {
        self.subschema =
            Some(SubschemaKey { family: family.into(), field: field.into(), error: error.map(str::to_owned) });
        self
    }
}
