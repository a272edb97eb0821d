//! The expressions of templates: the part of Lua that looks into a request and chooses between values.
//!
//! ```text
//! or → and → == ~= < <= > >= → .. → not - → value .name [index] :method(…)
//! value: "text" 'text' number true false nil (…) type(…) tostring(…) headers query_params uri_captures shared
//! ```
//! Methods are those of strings that need no pattern: `upper`, `lower`, `len`, `sub`. There are no other functions, no
//! assignments and no loops: an expression ends.

use std::fmt;

use gibbon_sdk::http::query::Args;
use gibbon_sdk::{Cx, MAX_ARGUMENTS};

use super::value::{Part, Value};

mod parse;

/// Why an expression has no value: the request ends with 500.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault(pub(super) String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A parsed expression.
#[derive(Debug)]
pub(super) enum Expression {
    Value(Value),
    Index(Box<Self>, Box<Self>),
    Method(Box<Self>, Method, Vec<Self>),
    Call(Function, Box<Self>),
    Not(Box<Self>),
    Negative(Box<Self>),
    Or(Box<Self>, Box<Self>),
    And(Box<Self>, Box<Self>),
    Compare(Comparison, Box<Self>, Box<Self>),
    Join(Box<Self>, Box<Self>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Method {
    Upper,
    Lower,
    Len,
    Sub,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    Type,
    ToString,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Expression {
    /// Parses all of `text`.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        parse::expression(text)
    }

    /// Evaluates over a request.
    pub(super) fn evaluate(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        Ok(match self {
            Self::Value(value) => value.clone(),
            Self::Or(left, right) => match left.evaluate(cx)? {
                value if value.is_true() => value,
                _ => right.evaluate(cx)?,
            },
            Self::And(left, right) => match left.evaluate(cx)? {
                value if value.is_true() => right.evaluate(cx)?,
                value => value,
            },
            Self::Not(inner) => Value::Boolean(!inner.evaluate(cx)?.is_true()),
            Self::Negative(inner) => match inner.evaluate(cx)? {
                Value::Number(value) => Value::Number(-value),
                other => return Err(Fault(format!("a {} has no negative", other.type_name()))),
            },
            Self::Compare(comparison, left, right) => compare(*comparison, &left.evaluate(cx)?, &right.evaluate(cx)?)?,
            Self::Join(left, right) => {
                let mut text = joinable(left.evaluate(cx)?)?;
                text.extend_from_slice(&joinable(right.evaluate(cx)?)?);
                Value::Text(text)
            }
            Self::Index(of, at) => index(cx, &of.evaluate(cx)?, &at.evaluate(cx)?)?,
            Self::Call(Function::Type, value) => Value::Text(value.evaluate(cx)?.type_name().into()),
            Self::Call(Function::ToString, value) => match value.evaluate(cx)? {
                Value::Nil => Value::Text(b"nil".to_vec()),
                value => Value::Text(value.into_text()?),
            },
            Self::Method(of, method, arguments) => {
                let numbers: Result<Vec<f64>, Fault> =
                    arguments.iter().map(|argument| number(argument.evaluate(cx)?)).collect();
                call(*method, of.evaluate(cx)?, &numbers?)?
            }
        })
    }
}

fn number(value: Value) -> Result<f64, Fault> {
    match value {
        Value::Number(value) => Ok(value),
        other => Err(Fault(format!("a number is needed, not a {}", other.type_name()))),
    }
}

fn joinable(value: Value) -> Result<Vec<u8>, Fault> {
    match value {
        Value::Text(_) | Value::Number(_) => value.into_text(),
        other => Err(Fault(format!("a {} cannot be joined to a text", other.type_name()))),
    }
}

fn compare(comparison: Comparison, left: &Value, right: &Value) -> Result<Value, Fault> {
    let order = || match (left, right) {
        (Value::Number(left), Value::Number(right)) => Ok(left.partial_cmp(right)),
        (Value::Text(left), Value::Text(right)) => Ok(Some(left.cmp(right))),
        _ => Err(Fault(format!("a {} cannot be compared with a {}", left.type_name(), right.type_name()))),
    };
    Ok(Value::Boolean(match comparison {
        Comparison::Equal => left == right,
        Comparison::NotEqual => left != right,
        Comparison::Less => order()?.is_some_and(std::cmp::Ordering::is_lt),
        Comparison::LessOrEqual => order()?.is_some_and(std::cmp::Ordering::is_le),
        Comparison::Greater => order()?.is_some_and(std::cmp::Ordering::is_gt),
        Comparison::GreaterOrEqual => order()?.is_some_and(std::cmp::Ordering::is_ge),
    }))
}

/// Looks something up in a part of the request or a list.
fn index(cx: &Cx<'_>, of: &Value, at: &Value) -> Result<Value, Fault> {
    let name = match at {
        Value::Text(name) => String::from_utf8_lossy(name).into_owned(),
        Value::Number(number) => number.to_string(),
        other => return Err(Fault(format!("a {} is no index", other.type_name()))),
    };
    match of {
        Value::Part(part) => Ok(look(cx, *part, &name)),
        Value::List(values) => {
            let item = name.parse::<usize>().ok().and_then(|at| values.get(at.checked_sub(1)?));
            Ok(item.cloned().unwrap_or(Value::Nil))
        }
        Value::Text(_) => Ok(Value::Nil),
        other => Err(Fault(format!("a {} holds nothing (asked for `{name}`)", other.type_name()))),
    }
}

fn look(cx: &Cx<'_>, part: Part, name: &str) -> Value {
    let text = |bytes: &[u8]| Value::Text(bytes.to_vec());
    match part {
        Part::Headers => {
            let headers = cx.request.as_deref().map(|request| &request.head.headers);
            // As in Kong, an underscore finds a dash too.
            let dashed = name.replace('_', "-");
            let found =
                |name: &str| headers.map(|headers| headers.get_all(name).map(text).collect()).unwrap_or_default();
            match Value::of(found(name)) {
                Value::Nil => Value::of(found(&dashed)),
                value => value,
            }
        }
        Part::QueryParams => {
            let args = cx.query().map(|query| Args::parse(query, MAX_ARGUMENTS)).unwrap_or_default();
            Value::of(args.get_all(name).map(|value| value.map_or(Value::Boolean(true), text)).collect())
        }
        Part::UriCaptures => {
            let found = cx.captures.iter().find(|(held, _)| **held == *name);
            found.map_or(Value::Nil, |(_, value)| text(value))
        }
        // What Lua plugins share; there is nothing in it before they can run.
        Part::Shared => Value::Nil,
    }
}

/// Calls a method of a text; positions count from 1, negative ones from the end, as in Lua.
fn call(method: Method, of: Value, arguments: &[f64]) -> Result<Value, Fault> {
    let Value::Text(text) = of else {
        return Err(Fault(format!("a {} has no methods", of.type_name())));
    };
    Ok(match method {
        Method::Upper => Value::Text(text.to_ascii_uppercase()),
        Method::Lower => Value::Text(text.to_ascii_lowercase()),
        Method::Len => Value::Number(text.len() as f64),
        Method::Sub => {
            let length = text.len() as f64;
            let place = |at: f64| if at < 0.0 { length + at + 1.0 } else { at };
            let first = place(arguments.first().copied().unwrap_or(1.0)).max(1.0);
            let last = place(arguments.get(1).copied().unwrap_or(-1.0)).min(length);
            if first > last {
                Value::Text(Vec::new())
            } else {
                Value::Text(text[first as usize - 1..last as usize].to_vec())
            }
        }
    })
}
