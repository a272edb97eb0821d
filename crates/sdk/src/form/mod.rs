//! Request bodies as arguments: urlencoded forms, multipart forms and JSON objects, as Kong's `kong.request.get_body`
//! and `kong.service.request.set_body` read and write them. It reads no stream: see [`crate::Cx::read_body`].

mod multipart;

use gibbon_http::query::Args;
use gibbon_schema::Value;

pub use multipart::{Multipart, Piece};

/// Most arguments that are read of a form (`lua_max_post_args`).
pub const MAX_ARGUMENTS: usize = 100;

/// A body as arguments.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// `application/x-www-form-urlencoded`.
    UrlEncoded(Args),
    /// `multipart/form-data`.
    Multipart(Multipart),
    /// `application/json` whose top is an object.
    Json(serde_json::Map<String, Value>),
}

/// What a form holds under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing, or something that is neither text nor a list or object.
    Nothing,
    /// One text.
    Text(Vec<u8>),
    /// Several values, or a structure.
    Several,
}

impl Form {
    /// Reads a body by its Content-Type; `None` if the type is another or the body does not parse.
    pub fn parse(content_type: &[u8], body: &[u8]) -> Option<Self> {
        let lower = content_type.to_ascii_lowercase();
        if lower.starts_with(b"application/x-www-form-urlencoded") {
            return Some(Self::UrlEncoded(Args::parse(body, MAX_ARGUMENTS)));
        }
        if lower.starts_with(b"multipart/form-data") {
            return Multipart::parse(content_type, body).map(Self::Multipart);
        }
        if lower.starts_with(b"application/json") {
            return match serde_json::from_slice(body) {
                Ok(Value::Object(object)) => Some(Self::Json(object)),
                _ => None,
            };
        }
        None
    }

    /// Returns what stands under `name`.
    pub fn find(&self, name: &str) -> Found {
        match self {
            Self::UrlEncoded(args) => {
                let mut values = args.get_all(name);
                match (values.next(), values.next()) {
                    (Some(Some(value)), None) => Found::Text(value.to_vec()),
                    (None | Some(None), None) => Found::Nothing,
                    _ => Found::Several,
                }
            }
            Self::Multipart(multipart) => {
                let mut values = multipart.values(name);
                match (values.next(), values.next()) {
                    (Some(value), None) => Found::Text(value.to_vec()),
                    (None, _) => Found::Nothing,
                    _ => Found::Several,
                }
            }
            Self::Json(object) => match object.get(name) {
                Some(Value::String(text)) => Found::Text(text.clone().into_bytes()),
                Some(Value::Array(_) | Value::Object(_)) => Found::Several,
                _ => Found::Nothing,
            },
        }
    }

    /// Takes `name` out; returns whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        match self {
            Self::UrlEncoded(args) => args.remove(name),
            Self::Multipart(multipart) => multipart.remove(name),
            Self::Json(object) => object.shift_remove(name).is_some(),
        }
    }

    /// Writes the body again. A multipart body keeps its boundary.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::UrlEncoded(args) => args.encode(),
            Self::Multipart(multipart) => multipart.encode(),
            Self::Json(object) => {
                serde_json::to_vec(object).expect("invariant: an object with text keys always encodes as JSON")
            }
        }
    }
}

#[cfg(test)]
mod tests;
