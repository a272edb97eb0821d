//! The rules one value must pass, one variant a rule of Kong's schema language, and the order they run in.
//! Rules across fields are `check`'s.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::Context;
use crate::Violation;
use crate::pattern::Pattern;

/// One rule for one value. Variants stand in the order in which Kong runs them; the first that fails counts.
#[derive(Clone, Debug)]
pub enum Rule {
    /// Equal to the value; `null` means "must not be set".
    Eq(Value),
    /// Different from the value.
    Ne(Value),
    /// None of the values.
    NotOneOf(Vec<Value>),
    /// One of the choices.
    OneOf(Choices),
    /// Greater than the number.
    Gt(f64),
    /// A positive time.
    Timestamp,
    /// A UUID in its usual notation, either case.
    Uuid,
    /// A text that compiles as a regular expression.
    IsRegex,
    /// Within the bounds, both included.
    Between(f64, f64),
    /// Of exactly this length: bytes of a string, elements of a list, entries of a map.
    LenEq(usize),
    /// At least this long; strings have 1 unless stated.
    LenMin(usize),
    /// At most this long.
    LenMax(usize),
    /// Begins with the text.
    StartsWith(String),
    /// Does not match.
    NotMatch(Pattern),
    /// Matches none; each pattern has its message.
    MatchNone(Vec<(Pattern, String)>),
    /// Matches.
    Match(Pattern),
    /// Matches all; each pattern has its message.
    MatchAll(Vec<(Pattern, String)>),
    /// Matches at least one.
    MatchAny {
        /// The patterns.
        patterns: Vec<Pattern>,
        /// The message when none matches.
        err: Option<String>,
    },
    /// A list that contains the value.
    Contains(Value),
    /// Passes a function.
    Custom(Custom),
    /// A set with elements of at most one of the subsets.
    MutuallyExclusiveSubsets(Vec<Vec<String>>),
}

impl Rule {
    /// Returns the rule's place in the order of running, which also identifies its kind.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Eq(_) => 0,
            Self::Ne(_) => 1,
            Self::NotOneOf(_) => 2,
            Self::OneOf(_) => 3,
            Self::Gt(_) => 4,
            Self::Timestamp => 5,
            Self::Uuid => 6,
            Self::IsRegex => 7,
            Self::Between(..) => 8,
            Self::LenEq(_) => 9,
            Self::LenMin(_) => 10,
            Self::LenMax(_) => 11,
            Self::StartsWith(_) => 12,
            Self::NotMatch(_) => 13,
            Self::MatchNone(_) => 14,
            Self::Match(_) => 15,
            Self::MatchAll(_) => 16,
            Self::MatchAny { .. } => 17,
            Self::Contains(_) => 18,
            Self::Custom(_) => 19,
            Self::MutuallyExclusiveSubsets(_) => 20,
        }
    }
}

/// The values a field may have.
#[derive(Clone, Debug, PartialEq)]
pub struct Choices {
    /// All values, in the order in which messages list them.
    pub values: Vec<Value>,
    /// Those of `values` that exist only where nodes share a database (policy `cluster`).
    pub shared_database_only: Vec<Value>,
}

impl Choices {
    /// Returns the values allowed on a node with these settings.
    pub fn allowed(&self, options: crate::Options) -> impl Iterator<Item = &Value> {
        let all = options.shares_database();
        self.values.iter().filter(move |value| all || !self.shared_database_only.contains(value))
    }
}

/// The rules of a field, at most one of a kind, kept in the order of running.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// Adds a rule, in place of an earlier one of its kind.
    pub fn set(&mut self, rule: Rule) {
        match self.0.binary_search_by_key(&rule.rank(), Rule::rank) {
            Ok(at) => self.0[at] = rule,
            Err(at) => self.0.insert(at, rule),
        }
    }

    /// Removes the rule of the same kind as `rule`.
    pub fn unset(&mut self, rule: &Rule) {
        self.0.retain(|own| own.rank() != rule.rank());
    }

    /// Returns the rules in the order of running.
    pub fn iter(&self) -> std::slice::Iter<'_, Rule> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Rules {
    type Item = &'a Rule;
    type IntoIter = std::slice::Iter<'a, Rule>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

type CustomFn = dyn Fn(&Value, &Context<'_>) -> Result<(), Violation> + Send + Sync;

/// A rule written as a function: of a text, of a value, or of a value and the context.
#[derive(Clone)]
pub struct Custom(Arc<CustomFn>);

impl Custom {
    /// Wraps a function; see [`IntoCustom`] for the shapes it may have.
    pub fn new<M>(function: impl IntoCustom<M>) -> Self {
        function.into_custom()
    }

    /// Runs the function.
    ///
    /// # Errors
    /// What the function says is wrong with `value`.
    pub fn run(&self, value: &Value, cx: &Context<'_>) -> Result<(), Violation> {
        (self.0)(value, cx)
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Custom")
    }
}

/// A function that can be a [`Custom`] rule.
///
/// A function of `&str` is asked about strings only; other values pass it. `M` tells the shapes apart and is inferred.
pub trait IntoCustom<M> {
    /// Wraps the function.
    fn into_custom(self) -> Custom;
}

impl IntoCustom<Self> for Custom {
    fn into_custom(self) -> Custom {
        self
    }
}

impl<F, E> IntoCustom<fn(&str) -> E> for F
where
    F: Fn(&str) -> Result<(), E> + Send + Sync + 'static,
    E: Into<Violation>,
{
    fn into_custom(self) -> Custom {
        Custom(Arc::new(move |value, _| value.as_str().map_or(Ok(()), |text| self(text).map_err(Into::into))))
    }
}

impl<F, E> IntoCustom<fn(&Value) -> E> for F
where
    F: Fn(&Value) -> Result<(), E> + Send + Sync + 'static,
    E: Into<Violation>,
{
    fn into_custom(self) -> Custom {
        Custom(Arc::new(move |value, _| self(value).map_err(Into::into)))
    }
}

impl<F, E> IntoCustom<fn(&Value, &Context<'_>) -> E> for F
where
    F: Fn(&Value, &Context<'_>) -> Result<(), E> + Send + Sync + 'static,
    E: Into<Violation>,
{
    fn into_custom(self) -> Custom {
        Custom(Arc::new(move |value, cx| self(value, cx).map_err(Into::into)))
    }
}
