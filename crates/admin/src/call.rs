//! One call of an endpoint: what was asked, with query and body already read into documents.

use std::sync::Arc;

use bytes::Bytes;
use gibbon_schema::Document;
use http::Method;
use serde_json::Value;

use crate::arguments::query::Pairs;

/// How the body came, which decides whether its values were typed by schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyForm {
    /// There was none, or one of no known type.
    None,
    /// JSON: values count as they are.
    Json,
    /// JSON that the endpoint reads, since it may be large: `/config` only.
    JsonUnread,
    /// A form or multipart: values were texts.
    Form,
    /// YAML, for `/config` only.
    Yaml,
}

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The method; HEAD comes as GET.
    pub(crate) method: Method,
    /// Path parameters by their names in the template, decoded.
    pub(crate) parameters: Vec<(Arc<str>, String)>,
    /// The same as they came, for `next` links.
    pub(crate) raw_parameters: Vec<(Arc<str>, String)>,
    /// The query, nested and typed by the endpoint's schema.
    pub(crate) query: Document,
    /// The query as it came.
    pub(crate) query_pairs: Pairs,
    /// The body, nested and typed by the endpoint's schema.
    pub(crate) body: Document,
    /// How the body came.
    pub(crate) form: BodyForm,
    /// The body's bytes.
    pub(crate) raw: Bytes,
}

impl Call {
    /// Returns the path parameter called `name`, decoded; empty if the template has none.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        find(&self.parameters, name)
    }

    /// Returns the path parameter called `name` as it came.
    pub(crate) fn raw_parameter(&self, name: &str) -> &str {
        find(&self.raw_parameters, name)
    }

    /// Puts another key in the place of a path parameter.
    pub(crate) fn set_parameter(&mut self, name: &str, value: String) {
        if let Some((_, held)) = self.parameters.iter_mut().find(|(held, _)| &**held == name) {
            *held = value;
        }
    }

    /// Returns a query argument that is a text.
    pub(crate) fn query_text(&self, name: &str) -> Option<&str> {
        self.query.get(name).and_then(Value::as_str)
    }
}

fn find<'a>(parameters: &'a [(Arc<str>, String)], name: &str) -> &'a str {
    parameters.iter().find(|(held, _)| &**held == name).map_or("", |(_, value)| value)
}
