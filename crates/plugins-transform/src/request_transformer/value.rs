//! Values of template expressions: those of Lua that a request is made of.

use super::expression::Fault;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Nil,
    Boolean(bool),
    Number(f64),
    Text(Vec<u8>),
    /// Several values under one name, counted from 1.
    List(Vec<Self>),
    /// A part of the request.
    Part(Part),
}

/// What an expression may look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Headers,
    QueryParams,
    UriCaptures,
    Shared,
}

impl Value {
    /// Makes one value of several of the same name; a list only of more than one.
    pub(super) fn of(mut values: Vec<Self>) -> Self {
        match values.len() {
            0 => Self::Nil,
            1 => values.remove(0),
            _ => Self::List(values),
        }
    }

    /// Anything but nil and false.
    pub(super) fn is_true(&self) -> bool {
        !matches!(self, Self::Nil | Self::Boolean(false))
    }

    /// Lua's name of the type.
    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Boolean(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::List(_) | Self::Part(_) => "table",
        }
    }

    /// What a template writes for it.
    pub(super) fn into_text(self) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Nil => Ok(Vec::new()),
            Self::Boolean(value) => Ok(value.to_string().into_bytes()),
            Self::Number(value) => Ok(value.to_string().into_bytes()),
            Self::Text(text) => Ok(text),
            Self::List(_) | Self::Part(_) => Err(Fault(format!("a {} cannot be written as text", self.type_name()))),
        }
    }
}
